"""KPIs of an allocation: which can be known, their values, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import currency_of, rows
from spendgate.allocate.bill.focus import TAGS
from spendgate.allocate.kpi.billed import machines_of, put_billed
from spendgate.allocate.kpi.model import Inputs, Kpi, Measured, Value
from spendgate.allocate.kpi.registry import KPIS
from spendgate.allocate.kpi.usage import open_usage
from spendgate.money import show_money

_WIDE: Final = Context(prec=80)

SHOWN: Final = 50
"""Values of one KPI that are listed, the largest first."""


def known_tables() -> dict[str, tuple[str, ...]]:
    """The tables of usage that KPIs read, each with all columns that one of them asks for."""
    found: dict[str, dict[str, None]] = {}
    for kpi in KPIS:
        for table, columns in kpi.tables.items():
            found.setdefault(table, {}).update(dict.fromkeys(columns))
    return {table: tuple(columns) for table, columns in found.items()}


def measure(connection: Any, columns: frozenset[str], files: Mapping[str, Path]) -> tuple[Measured, ...]:
    """All KPIs of the view ``allocated``, whose file has ``columns``; ``files`` are tables of usage by name.

    Raises InputError for a table that cannot be read.
    """
    tables = open_usage(connection, {name.replace("-", "_"): file for name, file in files.items()})
    kind = next(row[1] for row in connection.raw_sql("DESCRIBE allocated").fetchall() if row[0] == TAGS)
    text = TAGS if kind == "VARCHAR" else f"CAST(to_json({TAGS}) AS VARCHAR)"
    inputs = Inputs(columns, tables, f"CASE WHEN json_valid({text}) THEN {text} END")
    currency = currency_of(connection)
    told = put_billed(connection, columns)
    return tuple(_of_either(connection, kpi, inputs, currency, told) for kpi in KPIS)


def _of_either(connection: Any, kpi: Kpi, inputs: Inputs, currency: str, told: Sequence[str]) -> Measured:
    """A KPI by its tables, or by the bill where it can be known from there and the tables do not have it."""
    found = _measured(connection, kpi, inputs, currency)
    if kpi.billed is None:
        return found
    billed = rows(
        connection,
        "SELECT accelerator, sum(gpu_hours) AS hours FROM billed_hours GROUP BY ALL HAVING hours <> 0 "
        "ORDER BY hours DESC, accelerator",
    )
    machines = machines_of((row["accelerator"], row["hours"]) for row in billed)
    if found.values:
        beside = [f"The machines of the bill ran {machines}."] if machines else []
        return replace(found, notes=(*found.notes, *beside, *told))
    own = replace(
        kpi, query=kpi.billed, tables={}, empty="a line of usage in hours that names a machine with accelerators"
    )
    made = _measured(connection, own, inputs, currency)
    if made.values:
        hint = "Hours that machines ran for, busy or not, by whose lines they are."
        return replace(made, kpi=kpi, notes=(*made.notes, hint, *told))
    return replace(found, missing=(*found.missing, f"or in the bill {own.empty}"), notes=tuple(told))


def _measured(connection: Any, kpi: Kpi, inputs: Inputs, currency: str) -> Measured:
    unit = kpi.unit.format(currency=currency)
    missing = tuple(_missing(kpi, inputs))
    if missing:
        return Measured(kpi, unit, missing=missing)
    asked = kpi.query(inputs)
    found = rows(connection, asked)
    valued = [row for row in found if row["part"] is not None and (row.get("whole", 1) or 0)]
    if not valued:
        return Measured(kpi, unit, missing=(_wanted(connection, kpi, inputs, bool(found)),))
    values = [Value(_of(row), _value(row["part"], row.get("whole"), kpi.scale)) for row in valued]
    values.sort(key=lambda one: (-abs(one.value), tuple(word or "" for word in one.of.values())))
    notes = [*kpi.notes]
    if len(values) > SHOWN:
        notes.append(f"{len(values) - SHOWN:,} smaller values are not listed.")
    lost = sum((Decimal(row["part"] or 0) for row in found if "whole" in row and not row["whole"]), Decimal())
    if lost and "currency" in kpi.unit:
        notes.append(f"{show_money(lost, currency)} are of owners for whom {_tables(kpi)} counts nothing.")
    elif "currency" not in kpi.unit and (empty := [row for row in found if "whole" in row and not row["whole"]]):
        named = "; ".join(
            ", ".join(str(word or "none") for word in _of(row).values()) or "the whole" for row in empty[:5]
        )
        more = f"; {len(empty) - 5} more" if len(empty) > 5 else ""
        notes.append(f"Left out, as there is nothing to divide by: {named}{more}.")
    if kpi.beside is not None:
        sentence, query = kpi.beside
        (row,) = rows(connection, query(inputs))
        notes += [sentence.format(cost=show_money(row["cost"], currency))] if row["cost"] else []
    shown = values[:SHOWN]
    if kpi.total and len(values) > 1:
        part = sum((Decimal(row["part"]) for row in valued), Decimal())
        whole = sum((Decimal(row["whole"]) for row in valued), Decimal()) if "whole" in valued[0] else None
        shown.append(Value(dict.fromkeys(values[0].of, "all together"), _value(part, whole, kpi.scale)))
    return Measured(kpi, unit, tuple(shown), notes=tuple(notes), source=_source(kpi, asked))


def _wanted(connection: Any, kpi: Kpi, inputs: Inputs, found: bool) -> str:
    """What would give a value: the bill may have the lines and the tables not a row for them, or the reverse."""
    if found:
        return (
            f"a row of {_tables(kpi)} for these months and owners"
            if kpi.tables
            else f"a cost other than zero: {kpi.empty} is there"
        )
    for table, columns in inputs.tables.items():
        if table in kpi.tables and not rows(connection, f"SELECT 1 AS n FROM usage_{table} LIMIT 1"):
            months = " for the months of the bill" if "date" in columns else ""
            return f"a row of {table.replace('_', '-')}{months}"
    return kpi.empty


def _source(kpi: Kpi, asked: str) -> str:
    """What the values are of; the question itself names what it asks."""
    of_bill = ["the bill"] if "FROM allocated" in asked or "FROM billed_hours" in asked else []
    return " and ".join([*of_bill, *([f"the table {_tables(kpi)}"] if kpi.tables else [])])


def _missing(kpi: Kpi, inputs: Inputs) -> list[str]:
    told = [
        f"the column {name.replace('|', ' or ')} of the bill"
        for name in kpi.columns
        if inputs.columns.isdisjoint(name.split("|"))
    ]
    for table, columns in kpi.tables.items():
        shown = table.replace("_", "-")
        if table not in inputs.tables:
            told.append(f"the table --usage {shown}=FILE with {', '.join(columns)}")
        else:
            told += [f"the column {name} in the table {shown}" for name in columns if name not in inputs.tables[table]]
    return told


def _tables(kpi: Kpi) -> str:
    return ", ".join(table.replace("_", "-") for table in kpi.tables)


def _of(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: value for name, value in row.items() if name not in ("part", "whole")}


def _value(part: Any, whole: Any, scale: Decimal) -> Decimal:
    exact = Decimal(str(part)) if whole is None else _WIDE.divide(Decimal(str(part)) * scale, Decimal(str(whole)))
    return exact.quantize(Decimal("0.000001"), context=_WIDE)


def to_json(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The KPIs as plain data: each with its formula, unit and inputs, and its values as texts or what is missing."""
    return [
        {
            "name": one.kpi.name,
            "title": one.kpi.title,
            "formula": one.kpi.formula,
            "unit": one.unit,
            "inputs": {
                "columns": [name.replace("|", " or ") for name in one.kpi.columns],
                "tables": {name.replace("_", "-"): list(columns) for name, columns in one.kpi.tables.items()},
            },
            "source": one.source,
            "values": [{"of": dict(value.of), "value": f"{value.value:f}"} for value in one.values],
            "missing": list(one.missing),
            "notes": list(one.notes),
        }
        for one in measured
    ]
