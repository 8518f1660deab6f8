"""Tests of allocation rules, run through the allocation that bills go through.

All cases of a file lie side by side in one bill, so that the engine is asked once. What keeps them apart: pools and
disputes carry the number of their case, in the lines as in the driver tables.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from spendgate.allocate.asking import quoted, rows_of_sql
from spendgate.allocate.bench.cases import Case, CaseFile, Expected
from spendgate.allocate.bill.focus import LINE, LINE_ID, ROW, TAGS
from spendgate.allocate.expression import checked
from spendgate.allocate.model import OWNER, Dispute, Driver, Expression, Rule, RuleSet, in_order
from spendgate.allocate.run import Request, allocate
from spendgate.bench.matching import Difference, Fault, pairs
from spendgate.errors import InputError, Place
from spendgate.rules.cel.syntax import Call, Constant, Name, Select, everything

CASE: Final = "x_TestCase"
LINE_NUMBER: Final = "x_TestLine"
_APART: Final = "\x1f"

FIELDS: Final = {
    **OWNER,
    "rule": "x_Rule",
    "layer": "x_Layer",
    "driver": "x_Driver",
    "pool": "x_Pool",
    "idle": "x_Idle",
    "share": "x_Share",
    "cost": "x_AllocatedCost",
    "reason": "x_Reason",
    "dispute": "x_Dispute",
}
"""What an expectation may state, and the column of the result that holds it."""

_LEAST: Final = {"cost": 2, "share": 3}
"""Decimals to which a number is held at least; one that is written with fewer is held to six."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """How one case went, and by which rules its lines were decided (None: by none), line by line."""

    case: Case
    faults: tuple[Fault, ...]
    decided: tuple[str | None, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Way:
    """A way of a rule that no case took: that it decides a line, or that it is asked and does not match."""

    place: Place
    text: str


def run_cases(file: CaseFile, connection: Any) -> tuple[list[Result], list[InputError]]:
    """Run the cases of a file; a case that cannot be allocated is an error of its own."""
    _hold_expressions(file)
    results: list[Result] = []
    errors: list[InputError] = []
    groups: dict[frozenset[Any], list[Case]] = {}
    for case in file.cases:
        groups.setdefault(frozenset(line["BillingCurrency"] for line in case.lines), []).append(case)
    for cases in groups.values():
        try:
            results += _run(file, cases, connection)
        except InputError as error:
            if len(cases) == 1:
                errors.append(_of_case(error, cases[0], file))
                continue
            for case in cases:
                try:
                    results += _run(file, [case], connection)
                except InputError as alone:
                    errors.append(_of_case(alone, case, file))
    order = {id(case): number for number, case in enumerate(file.cases)}
    return sorted(results, key=lambda result: order[id(result.case)]), errors


def ways(rules: RuleSet, results: Iterable[Result]) -> tuple[int, tuple[Way, ...]]:
    """How many ways the rules have (each decides a line, each is asked and does not match), and those not taken."""
    ordered = in_order(rules)
    position = {rule.name: number for number, rule in enumerate(ordered)}
    decided = {name for result in results for name in result.decided}
    last = max((len(ordered) if name is None else position[name] for name in decided), default=-1)
    missing: list[Way] = []
    for number, rule in enumerate(ordered):
        text = " ".join(rule.match.text.split())
        if rule.name not in decided:
            missing.append(Way(rule.match.place, f'rule "{rule.name}" decided no line: {text}'))
        if last <= number:
            missing.append(Way(rule.match.place, f'match of rule "{rule.name}" was never false: {text}'))
    return 2 * len(ordered), tuple(missing)


def _of_case(error: InputError, case: Case, file: CaseFile) -> InputError:
    """The error at the case, unless it stands in a file that its author wrote."""
    if error.place is not None and error.place.file in (case.place.file, str(file.rules_file)):
        return error
    return InputError(f'case "{case.name}": {error.message}', place=case.place, remedy=error.remedy)


def _hold_expressions(file: CaseFile) -> None:
    """Type-check what is put into larger expressions here, while it stands as its author wrote it."""
    for rule in file.rules.rules:
        if rule.pool is not None:
            checked(rule.pool, LINE, ("string",))
    for case in file.cases:
        for dispute in case.disputes:
            checked(dispute.match, LINE, ("bool",))


def _run(file: CaseFile, cases: Sequence[Case], connection: Any) -> list[Result]:
    start = perf_counter()
    with TemporaryDirectory(prefix="spendgate-") as name:
        folder = Path(name)
        lines = [
            {**_text(line), CASE: str(number), LINE_NUMBER: f"{number}{_APART}{position}"}
            for number, case in enumerate(cases)
            for position, line in enumerate(case.lines, start=1)
        ]
        request = Request(
            bills=(_csv(folder / "bill.csv", lines),),
            rules=replace(file.rules, rules=tuple(_apart(rule) for rule in file.rules.rules)),
            rules_file=file.rules_file,
            drivers={name: _table(connection, folder, driver, cases) for name, driver in file.rules.drivers.items()},
            disputes=tuple(_contested(one, number) for number, case in enumerate(cases) for one in case.disputes),
            line_id=LINE_NUMBER,
        )
        written = folder / "allocated.parquet"
        allocate(request, written, connection)
        columns = ", ".join((CASE, LINE_ID, *FIELDS.values()))
        rows = rows_of_sql(
            connection, f"SELECT {columns} FROM read_parquet({quoted(str(folder / 'allocated.parquet'))})"
        )
    seconds = (perf_counter() - start) / len(cases)
    return [_result(case, [row for row in rows if row[CASE] == str(n)], seconds) for n, case in enumerate(cases)]


def _apart(rule: Rule) -> Rule:
    if rule.pool is None:
        return rule
    text = f'columns.{CASE} + "{_APART}" + ({rule.pool.text}\n)'
    return replace(rule, pool=Expression(text, rule.pool.place))


def _contested(dispute: Dispute, number: int) -> Dispute:
    text = f'columns.{CASE} == "{number}" && ({dispute.match.text}\n)'
    return replace(dispute, name=f"{number}{_APART}{dispute.name}", match=Expression(text, dispute.match.place))


def _text(line: Mapping[str, Any]) -> dict[str, str]:
    """The line as a CSV export writes it."""
    made = {name: _plain(value) for name, value in line.items()}
    if isinstance(line.get(TAGS), Mapping):
        made[TAGS] = json.dumps({key: _plain(value) for key, value in line[TAGS].items()})
    return made


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)


def _table(connection: Any, folder: Path, driver: Driver, cases: Sequence[Case]) -> Path:
    """The driver's rows of all cases, each pool with the number of its case; without any row, its columns."""
    pool = driver.columns["pool"]
    rows = [
        {**{name: _plain(value) for name, value in row.items()}, pool: f"{number}{_APART}{_plain(row.get(pool))}"}
        for number, case in enumerate(cases)
        for row in case.drivers.get(driver.name, ())
    ]
    if rows:
        return _csv(folder / f"{driver.name}.csv", rows)
    types = {driver.columns[name]: "VARCHAR" for name in ("pool", "date", *OWNER)}
    types |= dict.fromkeys(_reads(driver), "DOUBLE")
    columns = ", ".join(f'CAST(NULL AS {type_}) AS "{name}"' for name, type_ in types.items())
    path = folder / f"{driver.name}.parquet"
    connection.con.execute(f"COPY (SELECT {columns} WHERE false) TO {quoted(str(path))} (FORMAT parquet)")
    return path


def _reads(driver: Driver) -> Iterator[str]:
    for node in everything(checked(driver.value, ROW, ("double", "int")).tree):
        match node:
            case Select(operand=Name(name="row"), field=key):
                yield key
            case Call(function="_[_]", arguments=(Name(name="row"), Constant(text=str() as key))):
                yield key


def _csv(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _result(case: Case, rows: Sequence[Row], seconds: float) -> Result:
    """The case's own rows, without what kept it apart, held against what it expects."""
    own: dict[int, list[Row]] = {number: [] for number in range(1, len(case.lines) + 1)}
    for row in rows:
        clean = {name: _own(row[column]) for name, column in FIELDS.items()}
        own[int(row[LINE_ID].partition(_APART)[2])].append(clean)
    decided = tuple(shares[0]["rule"] if shares else None for shares in own.values())
    faults = tuple(fault for number in own for fault in _faults(case, number, own[number]))
    return Result(case, faults, decided, seconds)


def _own(value: Any) -> Any:
    if isinstance(value, str) and _APART in value:
        return value.partition(_APART)[2] or None
    return value


def _faults(case: Case, number: int, rows: Sequence[Row]) -> Iterator[Fault]:
    """What keeps the shares of one line from being those that are expected, each met by one of its own."""
    wanted = [item for item in case.expected if item.line == number]
    met = pairs(len(wanted), len(rows), lambda index, row: not _differences(wanted[index], rows[row]))
    missing = [item for index, item in enumerate(wanted) if index not in met]
    left = [row for index, row in enumerate(rows) if index not in met.values()]
    name = case.ids[number - 1]
    for item in missing:
        text = f"{item.place}: expected, but missing: line {name}, {_told(item.fields)}"
        near = min(left, key=lambda row: len(_differences(item, row)), default=None)
        if near is None:
            yield Fault(text=f"{text}; found nothing like it")
            continue
        left = [row for row in left if row is not near]
        yield Fault(text=text, differences=_differences(item, near))
    for row in left:
        stated = {key: value for key, value in row.items() if value not in (None, False)}
        yield Fault(text=f"not expected: line {name}, {_told(stated)}")


def _differences(expected: Expected, row: Row) -> tuple[Difference, ...]:
    return tuple(
        Difference(key, _shown(value), _shown(row[key]))
        for key, value in expected.fields.items()
        if not _is_met(key, value, row[key])
    )


def _is_met(key: str, wanted: Any, found: Any) -> bool:
    if key in _LEAST:
        exact = Decimal(str(wanted))
        written = -int(exact.normalize().as_tuple().exponent)
        places = written if written >= _LEAST[key] else 6
        return bool(abs(found - exact) <= Decimal(5).scaleb(-1 - places))
    if key == "reason" and wanted is not None:
        return found is not None and str(wanted) in found
    return bool(wanted == found)


def _told(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_shown(value)}" for key, value in fields.items()) or "one share"


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
