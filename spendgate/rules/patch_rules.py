"""The patches of a guardrail as written: which fact or property they set, held against what there is, and compiled."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spendgate.errors import InputError, Place, did_you_mean
from spendgate.resource import UNKNOWN, Secret, Value
from spendgate.rules import cel
from spendgate.rules.guardrail import Expression, Guardrail, PatchRule, Target
from spendgate.yamlfile import YamlFile

_PATTERN: Final = frozenset("*?[")
_GIVES: Final[Mapping[str, tuple[str, ...]]] = {
    "map": ("map", "dyn"),
    "string": ("string", "dyn"),
    "bool": ("bool", "dyn"),
    "double": ("double", "int", "dyn"),
}
_PLAIN: Final = ("bool", "int", "double", "string", "list", "map", "dyn")


@dataclass(frozen=True, slots=True)
class CompiledPatch:
    """A patch ready to be evaluated."""

    rule: PatchRule
    program: cel.Program
    when: cel.Program | None

    def is_for(self, token: str) -> bool:
        """Whether it is meant for a resource type."""
        return is_for(self.rule.types, token)


@functools.lru_cache(maxsize=4096)
def is_for(types: tuple[str, ...], token: str) -> bool:
    """Whether a resource type is one of ``types``, or of the patterns among them; always where there are none."""
    from spendgate.facts.tokens import unversioned

    plain = unversioned(token)
    return not types or any(fnmatch.fnmatchcase(plain, type_) for type_ in types)


def read_patch_rules(file: YamlFile) -> tuple[PatchRule, ...]:
    """The patches in a guardrail's file, which the schema has passed."""
    return tuple(_rule(file, index) for index in range(len(file.data["spec"].get("remediate", ()))))


def patch_faults(file: YamlFile) -> list[InputError]:
    """What is wrong with them: facts, types and paths that do not exist, each with its place."""
    spec: Mapping[str, Any] = file.data["spec"]
    written = spec.get("remediate", ())
    if written and spec["target"] == Target.STACK:
        return [
            InputError(
                "a guardrail of the whole stack has no resource that it could patch",
                place=file.key_place("spec", "remediate"),
                remedy="Leave remediate out, or make target: resource.",
            )
        ]
    return [fault for index in range(len(written)) for fault in _faults(file, index)]


def _rule(file: YamlFile, index: int) -> PatchRule:
    item: Mapping[str, Any] = file.data["spec"]["remediate"][index]
    where = ("spec", "remediate", index)
    return PatchRule(
        expression=Expression(item["expression"], file.place(*where, "expression")),
        place=file.place(*where),
        fact=item.get("fact"),
        path=item.get("path"),
        types=tuple(item.get("types", ())),
        when=Expression(item["when"], file.place(*where, "when")) if "when" in item else None,
    )


def _faults(file: YamlFile, index: int) -> Iterator[InputError]:
    item: Mapping[str, Any] = file.data["spec"]["remediate"][index]
    where = ("spec", "remediate", index)
    yield from _wrong_types(file, (*where, "types"), item.get("types", ()))
    if "fact" in item and "path" in item:
        remedy = "Leave one of them out: a fact is written where the mapping tables say."
        yield InputError("a patch sets a fact or a path, not both", place=file.key_place(*where, "path"), remedy=remedy)
    elif "path" in item and "types" not in item:
        remedy = "Name the resource types under types: other types have other properties."
        yield InputError("a path is of certain types", place=file.key_place(*where, "path"), remedy=remedy)
    if "fact" in item:
        yield from _wrong_fact(file, where, item["fact"], item.get("types", ()))
    if "path" in item:
        yield from _wrong_path(file.place(*where, "path"), item["path"])


def _wrong_types(file: YamlFile, where: tuple[str | int, ...], types: Any) -> Iterator[InputError]:
    """Types that no mapping table knows: a patch for them would never be made."""
    from spendgate.facts.writes import known_types

    for number, token in enumerate(types):
        known = known_types(token.split(":", 1)[0])
        if fnmatch.filter(known, token) if _PATTERN & set(token) else token in known:
            continue
        remedy = did_you_mean(token, known) or "Types are written as Pulumi does: aws:ebs/volume:Volume, or aws:rds/*."
        yield InputError(f'no resource type "{token}" is known', place=file.place(*where, number), remedy=remedy)


def _wrong_fact(file: YamlFile, where: tuple[str | int, ...], fact: str, types: Any) -> Iterator[InputError]:
    from spendgate.facts.writes import known_types, writable_facts, writes_of

    known = writable_facts()
    if fact not in known:
        remedy = did_you_mean(fact, known) or f"A patch can set {', '.join(known)}; name a path for anything else."
        yield InputError(f'a patch cannot set the fact "{fact}"', place=file.place(*where, "fact"), remedy=remedy)
        return
    for number, token in enumerate(types):
        if not _PATTERN & set(token) and token in known_types(token.split(":", 1)[0]) and fact not in writes_of(token):
            yield InputError(
                f'where {token} writes "{fact}" is not known',
                place=file.place(*where, "types", number),
                remedy="Name the path of its property instead of the fact.",
            )


def _wrong_path(place: Place, path: str) -> Iterator[InputError]:
    from spendgate.remedy.writing import steps_of

    try:
        steps_of(path)
    except ValueError as error:
        yield InputError(
            str(error), place=place, remedy='A path is written a.b, a["x.y/z"], a[0], or a[+] for a new last element.'
        )


def compile_patches(
    guardrail: Guardrail, program: Callable[[Expression, str | None], Any], errors: list[InputError]
) -> tuple[CompiledPatch, ...]:
    """The patches of a guardrail compiled by ``program``; what is wrong is added to ``errors``, with its place."""
    if not guardrail.patches:
        return ()
    from spendgate.facts.writes import type_of

    made: list[CompiledPatch] = []
    for rule in guardrail.patches:
        value = program(rule.expression, None)
        when = program(rule.when, "bool") if rule.when is not None else None
        if value is None or (rule.when is not None and when is None):
            continue
        wanted = type_of(rule.fact) if rule.fact is not None else ""
        if value.return_type not in (_GIVES[wanted] if wanted else _PLAIN):
            what = f'"{rule.fact}" takes {wanted}' if wanted else "a property takes plain values"
            errors.append(
                InputError(
                    f"the expression gives {value.return_type}; {what}",
                    place=rule.expression.place,
                    detail=f"  {rule.expression.text.strip()}\n  ^",
                )
            )
        made.append(CompiledPatch(rule, value, when))
    return tuple(made)


def without_secrets(value: Value, hidden: dict[tuple[str, ...], str]) -> Value:
    """The properties of a resource with every secret taken for unknown; ``hidden`` tells where they are."""
    return _without_secrets(value, ("resource", "properties"), hidden)


def _without_secrets(value: Value, path: tuple[str, ...], hidden: dict[tuple[str, ...], str]) -> Value:
    if isinstance(value, Secret):
        hidden.setdefault(path, f"{'.'.join(path)} (secret)")
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: _without_secrets(item, (*path, str(key)), hidden) for key, item in value.items()}
    if isinstance(value, list):
        # A list with something unknown in it is unknown as a whole: the reason stands at its own path.
        return [_without_secrets(item, path, hidden) for item in value]
    return value
