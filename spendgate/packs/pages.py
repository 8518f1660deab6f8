"""A reference page for each guardrail of a pack, in Markdown, made from its YAML and its tests alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spendgate.bench.cases import SUFFIX
from spendgate.errors import InputError
from spendgate.facts.writes import TAGS, types_with_writes, writes_of
from spendgate.packs.validate import Validated
from spendgate.resource import UNKNOWN, Secret
from spendgate.rules.cel import Activation, EvalError, Program
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail, OnUnknown, PatchRule, Selected
from spendgate.rules.patch_rules import is_for
from spendgate.waivers.file import TAGS as DATES
from spendgate.yamlfile import Tags, YamlFile, read_yaml

FOLDER = "docs"
MARK = "<!-- Written by spendgate pack docs; changes are lost. -->"
"""The first line of every page: what has it may be replaced."""

_TAGS: Tags = {"!unknown": lambda _: UNKNOWN, "!secret": Secret, **DATES}
_ON_UNKNOWN = {OnUnknown.DENY: "refused", OnUnknown.WARN: "told as advice", OnUnknown.SKIP: "left out"}


def pages(found: Validated) -> dict[str, bytes]:
    """The pages by path: ``docs/NAME.md`` for each guardrail that the pack selects, and ``docs/README.md`` over all."""
    made = {f"{FOLDER}/{item.guardrail.name}.md": page(item, found).encode() for item in found.selection}
    return {f"{FOLDER}/README.md": _overview(found).encode(), **made}


def _overview(found: Validated) -> str:
    pack = found.pack
    rows = [
        f"| [{item.guardrail.name}]({item.guardrail.name}.md) | {_cell(item.guardrail.title)} | "
        f"{item.guardrail.severity} | {item.enforcement} |"
        for item in found.selection
    ]
    lines = [
        MARK,
        f"# {pack.title}",
        f"{pack.name} {pack.version}. {pack.description}",
        "",
        "| guardrail | what | severity | level |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def page(item: Selected, found: Validated) -> str:
    """The page of one guardrail: what, why, its parameters with the pack's values, how to satisfy it, examples."""
    guardrail = item.guardrail
    lines = [
        MARK,
        f"# {guardrail.name}",
        f"**{guardrail.title}.** {' '.join(guardrail.description.split())}",
        "",
        "| | |",
        "|---|---|",
        f"| asked of | {'every resource' if guardrail.target == 'resource' else 'the whole stack'} |",
        f"| level in {found.pack.name} | {_level(item)} |",
        f"| severity | {guardrail.severity} |",
        f"| category | {_cell(guardrail.category)} |",
        f"| a value known only after apply | is {_ON_UNKNOWN[guardrail.on_unknown]} (`onUnknown: "
        f"{guardrail.on_unknown}`) |",
        f"| comes with | {'this pack' if found.own(guardrail) else 'spendgate'} |",
        *([f"| reference | {_cell(guardrail.reference)} |"] if guardrail.reference else []),
        "",
        *_when(guardrail),
        *_parameters(item),
        "## Remediation",
        " ".join(guardrail.remediation.split()),
        "",
        *_patches(item),
        *_examples(guardrail),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _level(item: Selected) -> str:
    own = item.guardrail.enforcement
    return str(own) if item.enforcement is own else f"{item.enforcement} (its own: {own})"


def _when(guardrail: Guardrail) -> Iterable[str]:
    if guardrail.match_conditions:
        yield "## Applies where"
        yield from (f"- `{_line(item.text)}`" for item in guardrail.match_conditions)
        yield ""
    yield "## Demands"
    yield from (f"- `{_line(item.expression.text)}`" for item in guardrail.validations)
    yield ""
    if guardrail.variables:
        yield "## Variables"
        yield from (f"- `{item.name}` is `{_line(item.text)}`" for item in guardrail.variables)
        yield ""


def _patches(item: Selected) -> Iterable[str]:
    """What its patches change, where, to what and when; with the pack's values where they settle it."""
    if not item.guardrail.patches:
        return
    yield "## Patch"
    if item.enforcement is Enforcement.REMEDIATE:
        yield "A resource that violates it is changed before it is deployed:"
    else:
        yield f"At level `remediate` a resource that violates it is changed; at `{item.enforcement}` this is proposed:"
    yield ""
    for patch in compile_guardrail(item).patches:
        rule = patch.rule
        what = f"`{rule.path}`" if rule.path else f"the fact `{rule.fact}`"
        of = ", ".join(f"`{one}`" for one in rule.types)
        to = f"`{_line(rule.expression.text)}`"
        settled = _settled(patch.program, item)
        here = f", here `{settled}`" if settled is not None and settled != _line(rule.expression.text) else ""
        when = f", when `{_line(rule.when.text)}`" if rule.when else ""
        yield f"- {what}{f' of {of}' if of else ''} becomes {to}{here}{when}"
        yield from (f"  - {line}" for line in _written(rule))
    yield ""


def _settled(program: Program, item: Selected) -> str | None:
    """The value that an expression has in this pack; None where it hangs on more than parameters."""
    if any(path[0] != "params" for path in program.uses):
        return None
    try:
        value = program(Activation({"params": dict(item.params)}, {}))
    except EvalError:
        return None
    # An engine gives the keys of a map in an order that changes from run to run; a pack is built the same each time.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _written(rule: PatchRule) -> Iterable[str]:
    """The property that a fact is written at, with the types that have it there."""
    if rule.fact == TAGS:
        yield "the keys that are not there yet, where each type has its tags or labels"
        return
    types: dict[str, list[str]] = {}
    for token in types_with_writes():
        write = writes_of(token).get(rule.fact) if rule.fact and is_for(rule.types, token) else None
        if write is not None:
            types.setdefault(write.path, []).append(token)
    for path in sorted(types):
        yield f"`{path}` of {', '.join(f'`{token}`' for token in sorted(types[path]))}"


def _parameters(item: Selected) -> Iterable[str]:
    if not item.guardrail.params:
        return
    yield "## Parameters"
    yield "| name | type | what | default | in this pack |"
    yield "|---|---|---|---|---|"
    for name, rules in item.guardrail.params.items():
        default = _value(rules["default"]) if "default" in rules else "none"
        value = _value(item.params[name]) if name in item.params else "none"
        kind = rules.get("type", "any")
        kind = " or ".join(kind) if isinstance(kind, list) else str(kind)
        same = "as it is" if value == default else value
        yield f"| `{name}` | {kind} | {_cell(rules.get('description', ''))} | {default} | {same} |"
    yield ""


def _examples(guardrail: Guardrail) -> Iterable[str]:
    """Of its tests the first that passes, the first that is refused, the first that stays open and the first that is
    patched."""
    path = Path(guardrail.place.file)
    path = path.with_name(path.stem + SUFFIX)
    if not path.is_file():
        return
    try:
        file = read_yaml(path, tags=_TAGS)
    except InputError:  # validation tells what is wrong with it
        return
    chosen = _chosen(file)
    if chosen:
        yield "## Examples"
        yield "From its tests, at the values that they set."
    for case in chosen:
        yield ""
        yield f"### {case['name'][:1].upper()}{case['name'][1:]}"
        yield "```yaml"
        if case.get("params"):
            yield from ("params:", *_yaml(case["params"], "  "))
        yield from ("resources:", *_yaml(case["resources"], "  "))
        yield "```"
        yield from _outcome(case["expect"])
        yield from _changed(case)


def _chosen(file: YamlFile) -> list[Mapping[str, Any]]:
    cases: list[Mapping[str, Any]] = file.data.get("cases", [])
    kinds = ("pass", "violation", "undetermined")
    found = [next((case for case in cases if kind in _statuses(case)), None) for kind in kinds]
    found.append(next((case for case in cases if case.get("patched") or case.get("proposed")), None))
    return list({id(case): case for case in found if case is not None}.values())


def _statuses(case: Mapping[str, Any]) -> set[str]:
    return {one["status"] for one in case["expect"]} or {"pass"}


def _outcome(expected: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if not expected:
        yield "Passes."
    for one in expected:
        where = f"`{one['resource']}`" if "resource" in one else "the stack"
        text = one.get("message") or one.get("contains")
        said = f': "{_cell(text)}"' if text else ""
        level = f", {one['enforcement']}" if "enforcement" in one else ""
        yield f"- {where}: {one['status']}{level}{said}"


def _changed(case: Mapping[str, Any]) -> Iterable[str]:
    """What the case says that is patched at level ``remediate``, or else proposed."""
    word = "set at level `remediate`" if case.get("patched") else "proposed"
    for name, values in (case.get("patched") or case.get("proposed") or {}).items():
        yield from (f"- `{name}`: {word}: `{_cell(path)}` = {_value(value)}" for path, value in values.items())


def _yaml(value: Any, indent: str) -> Iterable[str]:
    """Data as YAML, for a reader; what is unknown or secret as it is written in a test, without the secret."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            if isinstance(part, (Mapping, list)) and part:
                yield f"{indent}{_scalar(key)}:"
                yield from _yaml(part, indent + "  ")
            else:
                yield f"{indent}{_scalar(key)}: {_scalar(part)}"
    elif isinstance(value, list) and value:
        for part in value:
            lines = list(_yaml(part, ""))
            yield f"{indent}- {lines[0]}"
            yield from (f"{indent}  {line}" for line in lines[1:])
    else:
        yield f"{indent}{_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is UNKNOWN:
        return "!unknown"
    if isinstance(value, Secret):
        return '!secret "…"'
    plain = isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum() and not value[:1].isdigit()
    if plain and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off"):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _value(value: Any) -> str:
    return f"`{_cell(json.dumps(value, ensure_ascii=False, default=str))}`"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(text.split())
