"""The published JSON Schemas, and the check of a YAML file against one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from spendgate.errors import InputError, did_you_mean, raise_together
from spendgate.yamlfile import YamlFile

NAMES = (
    "guardrail",
    "guardrail-test",
    "pack",
    "pack-manifest",
    "pack-diff",
    "config",
    "usage",
    "organization",
    "waivers",
    "check",
    "price",
    "reconcile",
    "test",
    "config-show",
    "allocation",
    "allocation-test",
    "column-mapping",
    "disputes",
    "budgets",
    "summary",
    "invoices",
    "kpis",
    "explain",
    "budget-check",
)
"""Every schema that ``spendgate schema NAME`` prints."""

BASE = "https://spendgate.dev/schemas/v1/"
"""What the $id of every schema starts with."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of file or output."""
    text = files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def modeline(name: str) -> str:
    """The comment at the top of a YAML file by which editors find its schema; it ends with a newline."""
    return f"# yaml-language-server: $schema={BASE}{name}.schema.json\n"


def validate(file: YamlFile, name: str) -> None:
    """Hold a YAML file against a schema; raises InputErrors with the place of every fault."""
    validate_against(file, schema(name))


def validate_against(file: YamlFile, rules: Mapping[str, Any]) -> None:
    """Hold a YAML file against rules that are not published as they are; errors as of ``validate``."""
    raise_together(list(_errors(file, rules)))


def _errors(file: YamlFile, rules: Mapping[str, Any]) -> Iterator[InputError]:
    from jsonschema import Draft202012Validator

    if not isinstance(file.data, dict):
        yield InputError(f"a {rules['title']} is expected here, as a YAML mapping", place=file.place())
        return
    kind = rules.get("properties", {}).get("kind", {}).get("const")
    if kind is not None and file.data.get("kind", kind) != kind:
        # Of another kind of file, every key is wrong; this one says all of it.
        yield InputError(f'kind is "{file.data["kind"]}", not "{kind}"', place=file.place("kind"))
        return
    told = set()
    for error in Draft202012Validator(rules).iter_errors(file.data):
        for fault in describe(error, file):
            if str(fault) not in told:  # a sentence on missing keys names all of them, and there is one for each
                told.add(str(fault))
                yield fault


def describe(error: Any, file: YamlFile, prefix: tuple[str | int, ...] = ()) -> Iterator[InputError]:
    """Sentences for one jsonschema error, each at its own place."""
    path = (*prefix, *error.absolute_path)
    where = ".".join(str(part) for part in path) or "the file"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema.get("properties", {}))
        for key in error.instance:
            if key not in known:
                remedy = did_you_mean(key, known) or f"Known here: {', '.join(known)}."
                yield InputError(f'unknown key "{key}"', place=file.key_place(*path, key), remedy=remedy)
    elif error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        yield InputError(f"{where} lacks {', '.join(missing)}", place=file.place(*path))
    elif error.validator == "enum":
        options = [str(option) for option in error.validator_value]
        near = did_you_mean(str(error.instance), options)
        yield InputError(
            f'{where} is "{error.instance}", not one of {", ".join(options)}', place=file.place(*path), remedy=near
        )
    elif error.validator == "const":
        yield InputError(f'{where} is "{error.instance}", not "{error.validator_value}"', place=file.place(*path))
    elif error.validator == "type":
        expected = error.validator_value
        expected = " or ".join(expected) if isinstance(expected, list) else expected
        yield InputError(f"{where} is {_kind(error.instance)}, not of type {expected}", place=file.place(*path))
    elif error.validator == "pattern" and "propertyNames" in error.absolute_schema_path:
        place = file.key_place(*path, error.instance)
        yield InputError(f'the key "{_shown(error.instance)}" of {where} is {_unlike(error)}', place=place)
    elif error.validator == "pattern":
        empty = not error.instance.strip()
        said = f"{where} is empty" if empty else f'{where} is "{_shown(error.instance)}", {_unlike(error)}'
        yield InputError(said, place=file.place(*path))
    elif error.validator == "anyOf" and all(set(option) == {"required"} for option in error.validator_value):
        either = " or ".join(key for option in error.validator_value for key in option["required"])
        yield InputError(f"{where} lacks {either}", place=file.place(*path))
    elif error.validator in ("anyOf", "oneOf") and error.context:
        yield from _of_forms(error, file, prefix, where)
    else:
        yield InputError(f"{where}: {error.message}", place=file.place(*path))


def _of_forms(error: Any, file: YamlFile, prefix: tuple[str | int, ...], where: str) -> Iterator[InputError]:
    """Of something that may have several forms: what is wrong in the one that it has, else which forms there are."""
    here = [one for one in error.context if len(one.absolute_path) == len(error.absolute_path)]
    others = {one.schema_path[0] for one in here if one.validator != "additionalProperties"}
    meant = {one.schema_path[0] for one in error.context} - others
    if len(meant) == 1:
        for one in error.context:
            if one.schema_path[0] in meant:
                yield from describe(one, file, prefix)
        return
    forms = dict.fromkeys(" and ".join(one.validator_value) for one in here if one.validator == "required")
    place = file.place(*prefix, *error.absolute_path)
    if isinstance(error.instance, Mapping) and forms:
        told = f"{where} has the keys {', '.join(map(str, error.instance))}, which no form of it has"
        yield InputError(told, place=place, remedy=f"It has {'; or '.join(forms)}.")
    else:
        yield InputError(f"{where}: {error.message}", place=place, remedy=error.schema.get("description"))


_DASHED = "lower-case words and digits, joined by dashes"
FORMS = {
    "^[1-9][0-9]{0,4}d$": "a number of days such as 90d",
    "^[A-Z]{3}$": "a currency such as USD",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "a day such as 2026-03-31",
    "^[0-9]{4}-[0-9]{2}$": "a month such as 2026-03",
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, dots, dashes and underscores",
    "^[A-Za-z0-9][A-Za-z0-9.@_-]*$": "letters, digits, dots, dashes, underscores and @",
    "^[a-z0-9][a-z0-9-]*$": _DASHED,
    "^[a-z0-9][a-z0-9.-]*$": "lower-case words and digits, joined by dashes and dots",
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$": _DASHED,
    "^[a-z][a-z0-9-]*$": _DASHED,
    "^[a-z][A-Za-z0-9_]*$": "a lower-case letter, then letters, digits and underscores",
    "^[a-zA-Z_][A-Za-z0-9_-]*$": "a letter, then letters, digits, dashes and underscores",
    r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$": "a semantic version such as 1.2.0",
    r"^>=\s*\d+\.\d+\.\d+\S*$": "the oldest release that will do, such as >=0.1.0",
}
"""What the patterns of the published schemas ask for, in words."""


def _unlike(error: Any) -> str:
    pattern = error.validator_value
    return f"not {FORMS[pattern]}" if pattern in FORMS else f"which does not match {pattern}"


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def value_faults(rules: Mapping[str, Any], value: Any) -> Iterator[Any]:
    """What of a value breaks the schema of a parameter, as jsonschema's errors.

    Patterns are those of RE2: whoever writes a guardrail or a value cannot make a check run for ever.
    """
    yield from _validator()(dict(rules)).iter_errors(value)


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(validator: Any, pattern: str, value: Any, rules: Any) -> Iterator[ValidationError]:
        import re2  # type: ignore[import-untyped]

        if isinstance(value, str) and not re2.search(pattern, value):
            yield ValidationError(f"'{_shown(value)}' does not match '{pattern}'")

    return validators.extend(Draft202012Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]


def _kind(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a mapping",
    }
    return "empty" if value is None else names.get(type(value), f"a {type(value).__name__}")
