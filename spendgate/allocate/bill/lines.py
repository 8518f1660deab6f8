"""Lines of a bill in the types of FOCUS.

Amounts become DECIMAL(26, 12); a text that is no number is an error, with the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.focus import COLUMNS, LINE_ID, REQUIRED, Kind
from spendgate.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import ibis.expr.types as ir

FIRST: Final = "x_FirstShare"
"""In an allocation, true on one row of each line."""


def timestamps(text: Any) -> Any:
    """Texts of times as timestamps in UTC, none where a text is no time; read without a zone, they would lose
    their offset. Sessions of the engine are in UTC."""
    return text.try_cast("timestamp('UTC')").cast("timestamp")


AsTime = Callable[[Any], Any]
"""How an engine reads times out of texts."""


def once(table: ir.Table, rows: Callable[[ir.Table], list[dict[str, Any]]], place: Path) -> ir.Table:
    """Each line once: in an allocation that was written, a line stands for each of its shares.

    Raises InputError where allocations lie among the files of a bill, whose lines they hold again.
    """
    if not {FIRST, "x_AllocatedCost"} <= set(table.columns):
        return table
    first = table[FIRST].cast("string").lower()
    (seen,) = rows(table.aggregate(lines=table.count(), of_bills=first.isnull().cast("int64").sum().fill_null(0)))
    if 0 < seen["of_bills"] < seen["lines"]:
        raise InputError(
            "allocations lie among the files of the bill, and hold its lines again",
            place=place,
            remedy="Name the files of the bill alone, and write the result elsewhere.",
        )
    return table if seen["of_bills"] else table.filter(first == "true")


def typed(table: ir.Table, cost: str, place: Path, as_time: AsTime = timestamps) -> ir.Table:
    """The lines with FOCUS columns in their types. Raises InputError for a bill without a column that is needed."""
    needed = (*REQUIRED, cost)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        hints = [f"{name}: {near}" for name in missing if (near := did_you_mean(name, table.columns))]
        raise InputError(
            f"the bill lacks {', '.join(missing)}",
            place=place,
            remedy="; ".join(hints)
            or "A FOCUS export has these columns; --columns reads those of another format: "
            "aws-cur-2, azure, gcp-bigquery, or a file of your own (docs/allocation.md).",
        )
    for name in needed:
        type_ = table[name].type()
        if not type_.is_null() and not type_.is_string() and not _fits(type_, COLUMNS[name]):
            what = {Kind.TIME: "times", Kind.TEXT: "texts"}.get(COLUMNS[name], "amounts")
            raise InputError(f"{name} holds no {what} but {type_}", place=place, remedy=f"Export it as {what}.")
    return table.mutate(**{name: _typed(table, name, as_time) for name in table.columns if name in COLUMNS})


def _fits(type_: Any, kind: Kind) -> bool:
    """Whether a column of this type can be of the kind without a guess: numbers may be seconds or days, and truths are
    no amounts."""
    if kind is Kind.TIME:
        return bool(type_.is_timestamp() or type_.is_date())
    return kind is Kind.TEXT or bool(type_.is_numeric() and not type_.is_boolean())


def inside(table: ir.Table, month: str | None, currency: str | None, as_time: AsTime = timestamps) -> Any:
    """Whether a line belongs to the month (of its charge period) and the currency that are asked for; None: all do."""
    asked = []
    if month is not None:
        asked.append(_typed(table, "ChargePeriodStart", as_time).strftime("%Y-%m") == month)
    if currency is not None:
        asked.append(table.BillingCurrency == currency)
    return reduce(and_, asked) if asked else None


def faults(table: ir.Table, cost: str, chosen: Any, as_time: AsTime = timestamps) -> ir.Table:
    """One row about the lines as they are written: how many of all lines have a cost or a time that is none, and of the
    chosen ones how many there are, their currencies, and their costs at twelve decimals and at twenty."""
    import ibis

    def count(condition: Any) -> Any:
        return ibis.cases((condition, 1), else_=0).sum().fill_null(0)

    raw = table[cost]
    if raw.type().is_floating():
        exact = _typed(table, cost, as_time)
    else:
        exact = raw.strip().try_cast("decimal(38, 20)") if raw.type().is_string() else raw.cast("decimal(38, 20)")
    return table.aggregate(
        all_lines=table.count(),
        lines=table.count() if chosen is None else count(chosen),
        bad_cost=count(_no_amount(table, cost, as_time)),
        no_cost=count(table[cost].isnull()),
        bad_time=count(_no_time(table, as_time)),
        no_time=count(table.ChargePeriodStart.isnull()),
        no_currency=count(table.BillingCurrency.isnull()),
        currencies=table.BillingCurrency.nunique(where=chosen),
        currency=table.BillingCurrency.min(where=chosen),
        other_currency=table.BillingCurrency.max(where=chosen),
        total=_typed(table, cost, as_time).sum(where=chosen).cast("decimal(38, 12)"),
        exact=exact.sum(where=chosen),
    )


def span(table: ir.Table, as_time: AsTime = timestamps) -> ir.Table:
    """One row: the first and the last month of a bill, and its currencies, for who asked for others."""
    month = _typed(table, "ChargePeriodStart", as_time).strftime("%Y-%m")
    money = table.BillingCurrency
    return table.aggregate(first=month.min(), last=month.max(), currency=money.min(), other_currency=money.max())


def told_span(row: Mapping[str, Any]) -> str | None:
    """What a bill has, of a row of ``span``, in words; None where it has no lines."""
    if row["first"] is None:
        return None
    months = row["first"] if row["first"] == row["last"] else f"{row['first']} to {row['last']}"
    one = row["currency"] == row["other_currency"]
    return (
        f"It has lines of {months}, in {row['currency'] if one else row['currency'] + ' and ' + row['other_currency']}."
    )


def first_fault(table: ir.Table, cost: str, as_time: AsTime = timestamps) -> ir.Table:
    """The id of the first line that ``faults`` counts, or of none."""
    wrong = (
        _no_amount(table, cost, as_time)
        | _no_time(table, as_time)
        | table[cost].isnull()
        | table.ChargePeriodStart.isnull()
        | table.BillingCurrency.isnull()
    )
    return table.filter(wrong).select(LINE_ID).limit(1)


def _no_amount(table: Any, cost: str, as_time: AsTime) -> Any:
    """An amount that is none; of engines some read ``1_000`` as a thousand."""
    written = table[cost]
    none = written.notnull() & _typed(table, cost, as_time).isnull()
    return none | written.contains("_") if written.type().is_string() else none


def _no_time(table: Any, as_time: AsTime) -> Any:
    """A time that is none; engines also take words for times, such as ``infinity`` and ``epoch``."""
    written = table.ChargePeriodStart
    none = written.notnull() & _typed(table, "ChargePeriodStart", as_time).isnull()
    return none | (written.strip() > ":") if written.type().is_string() else none


def _typed(table: Any, name: str, as_time: AsTime) -> Any:
    column, kind = table[name], COLUMNS[name]
    type_ = column.type()
    if kind is Kind.TEXT:
        return column if type_.is_string() else column.cast("string")
    if kind is Kind.TIME:
        return as_time(column) if type_.is_string() else column.cast("timestamp")
    if type_.is_floating():
        return _of_binary(column, kind)
    return column.strip().try_cast(kind.value) if type_.is_string() else column.cast(kind.value)


def _of_binary(column: Any, kind: Kind) -> Any:
    """A binary number with the fifteen digits that it has: what stands behind them is noise, and engines differ in it.
    What is no number is none."""
    import ibis

    size = column.abs()
    places = [(10**3, 12), (10**6, 9), (10**9, 6)]
    if kind is Kind.QUANTITY:
        places.insert(0, (1, 15))
    cases = [(size < bound, column.try_cast(f"decimal(38, {places_})").cast(kind.value)) for bound, places_ in places]
    return ibis.cases(*cases, else_=column.try_cast("decimal(38, 3)").cast(kind.value))
