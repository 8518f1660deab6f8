"""Reading waivers.yaml: every sound entry, and every mistake with its place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.errors import InputError, Place, did_you_mean
from spendgate.waivers.model import LEVELS, Kind, Rules, Waiver, fits
from spendgate.yamlfile import YamlFile, read_yaml

TAGS: Final = {"tag:yaml.org,2002:timestamp": lambda text: text}
"""Dates stay as written: a day that does not exist is the mistake of one entry, not of the whole file."""

_DATES: Final = ("granted", "expires")


@dataclass(frozen=True, slots=True)
class Read:
    """The sound entries of a file, in order, and what is wrong with the others."""

    entries: tuple[Waiver, ...] = ()
    faults: tuple[InputError, ...] = ()


def read_waivers(
    path: Path, shown_as: str, known: Iterable[str], rules: Rules, today: date, *, all_known: bool = True
) -> Read:
    """The entries of a waivers file. ``known`` are the names of the guardrails that there are; where these are not all
    (not ``all_known``), entries for others are left aside.

    Nothing is raised for a bad file: what it would have waived is then reported, beside its faults.
    """
    try:
        file = read_yaml(path, shown_as=shown_as, tags=TAGS)
        if faults := _faults_of_file(file):
            return Read(faults=faults)
    except InputError as error:
        return Read(faults=tuple(getattr(error, "errors", (error,))))
    return read_entries(file, ("waivers",), known, rules, today, all_known=all_known)


def _faults_of_file(file: YamlFile) -> tuple[InputError, ...]:
    """What is wrong around the entries; each entry is held against the schema for itself."""
    rules = schemas.schema("waivers")
    rules["properties"]["waivers"] = {"type": "array"}
    try:
        schemas.validate_against(file, rules)
    except InputError as error:
        return tuple(getattr(error, "errors", (error,)))
    return ()


def read_entries(
    file: YamlFile,
    where: tuple[str | int, ...],
    known: Iterable[str],
    rules: Rules,
    today: date,
    *,
    all_known: bool = True,
) -> Read:
    """The entries of the list at ``where`` in a file that was read with ``TAGS``; ``known`` as of ``read_waivers``."""
    from jsonschema import Draft202012Validator

    schema = schemas.schema("waivers")
    validator = Draft202012Validator(_inlined(schema["$defs"]["waiver"], schema["$defs"]))
    names = tuple(known)
    node: Any = file.data
    for part in where:
        node = node[part]
    entries: dict[str, Waiver] = {}
    faults: list[InputError] = []
    for index, data in enumerate(node):
        at = (*where, index)
        errors = [error for error in validator.iter_errors(data) if error.validator is not None]
        wrong = list({str(fault): fault for error in errors for fault in _described(error, file, at)}.values())
        wrong += _for_approvals(data, file, at)
        if not wrong:
            waiver = _waiver(data, file, at)
            if waiver is not None and not all_known and not _is_known(waiver.guardrail, (*names, *LEVELS)):
                continue
            wrong = [] if waiver is None else list(_mistakes(waiver, file, at, names, rules, today))
            wrong += _bad_dates(data, file, at)
            wrong += _twice(waiver, entries)
            if waiver is not None and not wrong:
                entries[waiver.id] = waiver
        faults.extend(wrong)
    return Read(tuple(entries.values()), tuple(faults))


def _inlined(rules: Any, parts: Mapping[str, Any]) -> Any:
    """Rules with what they refer to in its place: a reference is looked up for each entry anew, which takes longer than
    all else."""
    if isinstance(rules, dict):
        name = str(rules.get("$ref", "")).removeprefix("#/$defs/")
        here = {key: _inlined(value, parts) for key, value in rules.items() if key != "$ref" or name not in parts}
        return {**_inlined(parts[name], parts), **here} if name in parts else here
    return [_inlined(item, parts) for item in rules] if isinstance(rules, list) else rules


def _described(error: Any, file: YamlFile, at: tuple[str | int, ...]) -> Iterator[InputError]:
    path = (*at, *error.absolute_path)
    key = path[-1]
    if error.validator == "required" and "expires" in error.validator_value and "expires" not in error.instance:
        missing = [name for name in error.validator_value if name not in error.instance]
        others = [name for name in missing if name != "expires"]
        yield InputError(
            "a waiver without an expiry is none" + (f"; it lacks {', '.join(others)} as well" if others else ""),
            place=file.place(*path),
            remedy="Write expires: YYYY-MM-DD.",
        )
    elif error.validator == "required" and len(path) == len(at):
        missing = [name for name in error.validator_value if name not in error.instance]
        yield InputError(f"the entry lacks {', '.join(missing)}", place=file.place(*path))
    elif error.validator == "pattern" and key in _DATES:
        yield InputError(f'{key} is "{error.instance}", not a date', place=file.place(*path), remedy="YYYY-MM-DD.")
    else:
        yield from schemas.describe(error, file, at)


def _for_approvals(data: Any, file: YamlFile, at: tuple[str | int, ...]) -> list[InputError]:
    """Keys that only an approval has, on a plain waiver: the schema forbids them without a word."""
    if not isinstance(data, dict) or data.get("kind", "waiver") != "waiver":
        return []
    return [
        InputError(
            f"{key} is for approvals only",
            place=file.key_place(*at, key),
            remedy="Write kind: approval, or leave it out.",
        )
        for key in ("approver", "amount", "signature")
        if key in data
    ]


def _bad_dates(data: Mapping[str, Any], file: YamlFile, at: tuple[str | int, ...]) -> list[InputError]:
    return [
        InputError(f'{key} is "{data[key]}", a day that does not exist', place=file.place(*at, key))
        for key in _DATES
        if key in data and _date(data[key]) is None
    ]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _waiver(data: Mapping[str, Any], file: YamlFile, at: tuple[str | int, ...]) -> Waiver | None:
    """The entry; None where a date of it does not exist."""
    expires = _date(data["expires"])
    granted = _date(data["granted"]) if "granted" in data else None
    if expires is None or ("granted" in data and granted is None):
        return None
    kind = Kind(data.get("kind", "waiver"))
    return Waiver(
        id=data["id"],
        kind=kind,
        guardrail=data["guardrail"],
        resource=data["resource"],
        type=data.get("type", ""),
        project=data.get("project", ""),
        stack=data.get("stack", ""),
        environments=tuple(data.get("environments", ())),
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        ticket=data["ticket"].strip(),
        granted=granted,
        expires=expires,
        max_monthly_cost=_money(data.get("maxMonthlyCost")),
        approver=data.get("approver", ""),
        amount=_money(data.get("amount")),
        signature=data.get("signature", ""),
        invalid="its signature has not been verified" if kind is Kind.APPROVAL else "",
        place=file.place(*at),
    )


def _twice(waiver: Waiver | None, before: Mapping[str, Waiver]) -> list[InputError]:
    other = before.get(waiver.id) if waiver is not None else None
    if waiver is None or other is None:
        return []
    remedy = f"The other stands at {other.place}: give one of them another id."
    return [InputError(f'the id "{waiver.id}" stands twice', place=waiver.place, remedy=remedy)]


def _is_known(name: str, known: Iterable[str]) -> bool:
    """Whether a name is that of a guardrail, or a glob that one fits."""
    return any(fits(one, name) for one in known)


def _mistakes(
    waiver: Waiver, file: YamlFile, at: tuple[str | int, ...], known: tuple[str, ...], rules: Rules, today: date
) -> Iterator[InputError]:
    name = waiver.guardrail
    place = file.place(*at, "guardrail")
    if name in LEVELS:
        yield InputError(f'"{name}" is about waivers and trust, and cannot be waived', place=place)
    elif not _is_known(name, known):
        remedy = did_you_mean(name, known) or "`spendgate guardrails` lists what there is."
        yield InputError(f'no guardrail "{name}" to waive', place=place, remedy=remedy)
    if waiver.granted is not None and waiver.expires < waiver.granted:
        yield InputError(f"it expires before it is granted ({waiver.granted})", place=file.place(*at, "expires"))
    yield from length_faults(waiver, rules, today, file.place(*at, "expires"))
    for key, amount in (("maxMonthlyCost", waiver.max_monthly_cost), ("amount", waiver.amount)):
        if amount is not None and not math.isfinite(amount):
            yield InputError(f"{key} is {amount}, which nothing can be held to", place=file.place(*at, key))


def length_faults(waiver: Waiver, rules: Rules, today: date, place: Place) -> list[InputError]:
    """What is wrong with how long a waiver holds: counted from the day it is granted, or from today."""
    start = waiver.granted or today
    if (waiver.expires - start).days <= rules.max_length:
        return []
    since = f"from {start}" if waiver.granted else "from today"
    return [
        InputError(
            f"it would hold for {(waiver.expires - start).days} days {since}; a waiver holds for at most "
            f"{rules.max_length}",
            place=place,
            remedy=f"The last day can be {start + timedelta(days=rules.max_length)} (waivers.maxLength).",
        )
    ]
