"""spendgate-usage.yaml: read, held against its schema, and made into figures that know their line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.estimate.usage import BASE, NONE, ONE, Entry, Given, ModelUse, Scenario, Usage

if TYPE_CHECKING:
    from spendgate.yamlfile import YamlFile

_FACTORS = ("growth", "hours", "instances", "promptLength")


def read_usage(path: Path, *, shown_as: str | None = None) -> Usage:
    """The usage file at ``path``. Raises InputError(s) with file, line and column for all that is wrong in it."""
    from spendgate import schemas
    from spendgate.yamlfile import read_yaml

    yaml = read_yaml(path, shown_as=shown_as)
    _refuse_no_numbers(yaml)
    schemas.validate(yaml, "usage")
    data: Mapping[str, Any] = yaml.data
    models = tuple(_model(yaml, index) for index in range(len(data.get("models", ()))))
    names = [model.name for model in models]
    errors = [
        InputError(f'the model "{name}" stands twice', place=yaml.place("models", index, "name"))
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    scenarios = tuple(_scenario(yaml, str(name)) for name in data.get("scenarios", {}))
    for scenario in scenarios:
        if scenario.name == BASE:
            text = "base is the file as it stands, and no scenario of its own"
            errors.append(InputError(text, place=yaml.key_place("scenarios", BASE), remedy="Give it another name."))
        for name in scenario.models:
            if name not in names:
                place = yaml.key_place("scenarios", scenario.name, "models", name)
                errors.append(InputError(f'no model "{name}"', place=place, remedy=did_you_mean(name, names)))
    raise_together(errors)
    return Usage(_entries(yaml, "resources"), models, scenarios)


def usage_of(file: Path | None, named: Place | None = None, *, shown_as: str | None = None) -> Usage:
    """The usage of a file; none where there is no file and nobody named one.

    Raises InputError at the place that names it (``named``) for a file that is not there.
    """
    if file is None or (named is None and not file.is_file()):
        return NONE
    if not file.is_file():
        raise InputError(f'no such usage file: "{file.name}"', place=named, remedy=f"It is looked for as {file}.")
    here = Path.cwd()
    full = file.resolve()
    return read_usage(file, shown_as=shown_as or str(full.relative_to(here) if full.is_relative_to(here) else file))


def _entries(yaml: YamlFile, *path: str) -> tuple[Entry, ...]:
    found: Any = yaml.data
    for part in path:
        found = found.get(part, ())
    entries = []
    for index, item in enumerate(found):
        match = item["match"]
        figures = tuple((key, _given(yaml, *path, index, key)) for key in item if key != "match")
        tags = tuple((str(key), str(value)) for key, value in match.get("tags", {}).items())
        entries.append(Entry(figures, match.get("name"), match.get("type"), tags, _origin(yaml, *path, index)))
    return tuple(entries)


def _model(yaml: YamlFile, index: int) -> ModelUse:
    item = yaml.data["models"][index]
    return ModelUse(
        name=item.get("name", item["model"]),
        provider=item["provider"],
        model=item["model"],
        region=item.get("region"),
        input_tokens=_given(yaml, "models", index, "inputTokensPerMonth"),
        output_tokens=_given(yaml, "models", index, "outputTokensPerMonth"),
        cached=_decimal(item.get("cacheHitShare", 0)),
        requests=_given(yaml, "models", index, "requestsPerMonth") if "requestsPerMonth" in item else None,
        origin=_origin(yaml, "models", index),
    )


def _scenario(yaml: YamlFile, name: str) -> Scenario:
    item = yaml.data["scenarios"][name] or {}
    at = ("scenarios", name)
    growth, hours, instances, prompt = (_decimal(item.get(key, ONE)) for key in _FACTORS)
    spot = _given(yaml, *at, "spotAvailability") if "spotAvailability" in item else None
    return Scenario(
        name=name,
        growth=growth,
        hours=hours,
        instances=instances,
        prompt_length=prompt,
        cached=_decimal(item["cacheHitShare"]) if "cacheHitShare" in item else None,
        spot_availability=spot,
        models={str(key): str(value) for key, value in item.get("models", {}).items()},
        entries=_entries(yaml, *at, "resources"),
        origin=_origin(yaml, *at),
    )


def _given(yaml: YamlFile, *path: str | int) -> Given:
    value: Any = yaml.data
    for part in path:
        value = value[part]
    return Given(_decimal(value), _origin(yaml, *path))


def _origin(yaml: YamlFile, *path: str | int) -> str:
    place = yaml.key_place(*path)
    return f"{place.file}:{place.line}"


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _refuse_no_numbers(yaml: YamlFile) -> None:
    """Neither minimum nor maximum of a schema refuses what YAML writes as .nan."""
    raise_together([InputError(f"{path[-1]} is no number", place=yaml.place(*path)) for path in _no_numbers(yaml.data)])


def _no_numbers(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, float) and not isfinite(value):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _no_numbers(item, (*path, key))
