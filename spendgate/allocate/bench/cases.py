"""Tests of allocation rules as written: lines of a bill, rows of driver tables, and who pays what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.allocate.bill.focus import COLUMNS, TAGS
from spendgate.allocate.load import load_rules, read_plain
from spendgate.allocate.model import Amount, Dispute, Expression, RuleSet
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.yamlfile import YamlFile

SUFFIX: Final = ".test.yaml"

COSTS: Final = tuple(amount.column for amount in Amount)

USUAL: Final = {
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-03-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ServiceName": "Compute",
}
"""What a line of a test holds where it says nothing else."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One share of a line that must occur, with the fields of the result that it states. Lines count from 1."""

    line: int
    fields: Mapping[str, Any]
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """One case: lines, driver tables by name, disputes, and every share of every line. ``ids`` are the names of the
    lines in their order."""

    name: str
    place: Place
    lines: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    drivers: Mapping[str, Sequence[Mapping[str, Any]]]
    disputes: tuple[Dispute, ...]
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one file of rules."""

    rules: RuleSet
    rules_file: Path
    cases: tuple[Case, ...]


def read_cases(path: Path) -> CaseFile:
    """The cases of one test file. Raises InputErrors for every mistake in it and in the rules, with their places."""
    file = read_plain(path)
    schemas.validate(file, "allocation-test")
    rules_file = path.with_name(f"{file.data['rules']}.yaml")
    if not rules_file.is_file():
        known = [one.stem for one in path.parent.glob("*.yaml") if not one.name.endswith(SUFFIX)]
        remedy = did_you_mean(file.data["rules"], known) or f"Rules lie beside their tests: {rules_file.name}."
        raise InputError(f'no rules "{file.data["rules"]}" to test', place=file.place("rules"), remedy=remedy)
    rules = load_rules(rules_file)
    raise_together([fault for index in range(len(file.data["cases"])) for fault in _mistakes(file, index, rules)])
    return CaseFile(rules, rules_file, tuple(_case(file, index) for index in range(len(file.data["cases"]))))


def _mistakes(file: YamlFile, index: int, rules: RuleSet) -> Iterator[InputError]:
    """Names that the case says and nothing has: they could never be met."""
    case, at = file.data["cases"][index], ("cases", index)
    for number, line in enumerate(case["lines"]):
        for name in line:
            near = did_you_mean(name, COLUMNS) if name not in (*COLUMNS, TAGS, "id") else None
            if isinstance(line[name], Mapping) and name != TAGS:
                yield InputError(f"{name} is a map: only {TAGS} are one", place=file.place(*at, "lines", number, name))
            if near and not name.startswith("x_"):
                yield InputError(f'no column "{name}"', place=file.key_place(*at, "lines", number, name), remedy=near)
    for name in case.get("drivers", {}):
        if name not in rules.drivers:
            remedy = did_you_mean(name, rules.drivers) or f"The rules have {', '.join(rules.drivers) or 'none'}."
            yield InputError(f'no driver "{name}"', place=file.key_place(*at, "drivers", name), remedy=remedy)
    ids = _ids(case["lines"])
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        yield InputError(f'two lines are named "{twice}"', place=file.place(*at, "lines"))
    names = [rule.name for rule in rules.rules]
    for number, wanted in enumerate(case["expect"]):
        if _number(wanted["line"], ids) is None:
            remedy = did_you_mean(str(wanted["line"]), ids) or f"It has {', '.join(ids)}."
            place = file.place(*at, "expect", number, "line")
            yield InputError(f'the case has no line "{wanted["line"]}"', place=place, remedy=remedy)
        if wanted.get("rule") is not None and wanted["rule"] not in names:
            place = file.place(*at, "expect", number, "rule")
            yield InputError(f'no rule "{wanted["rule"]}"', place=place, remedy=did_you_mean(wanted["rule"], names))


def _ids(lines: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(line.get("id", number)) for number, line in enumerate(lines, start=1))


def _number(line: int | str, ids: Sequence[str]) -> int | None:
    if isinstance(line, int):
        return line if 1 <= line <= len(ids) else None
    return ids.index(line) + 1 if line in ids else None


def _case(file: YamlFile, index: int) -> Case:
    body, at = file.data["cases"][index], ("cases", index)
    ids = _ids(body["lines"])
    return Case(
        body["name"],
        file.place(*at),
        tuple(_line(line) for line in body["lines"]),
        ids,
        body.get("drivers", {}),
        tuple(
            Dispute(
                one["name"],
                Expression(one["match"], file.place(*at, "disputes", number, "match")),
                one.get("reason", ""),
                one.get("openedBy", ""),
                date.min,
            )
            for number, one in enumerate(body.get("disputes", ()))
        ),
        tuple(
            Expected(
                _number(wanted["line"], ids) or 0,
                {key: value for key, value in wanted.items() if key != "line"},
                file.place(*at, "expect", number),
            )
            for number, wanted in enumerate(body["expect"])
        ),
    )


def _line(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line with what is usual; a cost that is not said is the first that is."""
    said = next((written[name] for name in COSTS if name in written), None)
    costs = {} if said is None else dict.fromkeys(COSTS, said)
    return {**USUAL, **costs, **{name: value for name, value in written.items() if name != "id"}}
