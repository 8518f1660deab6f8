"""Everything that a bill and its budgets say together: months, budgets, unusual days, months ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from spendgate.allocate.allocated import rows
from spendgate.allocate.budget.anomaly import anomalies
from spendgate.allocate.budget.check import check_budgets, rate_of
from spendgate.allocate.budget.load import BillBudget
from spendgate.allocate.budget.report import Result
from spendgate.allocate.budget.scenarios import forecasts
from spendgate.allocate.budget.spend import open_spend
from spendgate.errors import InputError, Place


@dataclass(frozen=True, slots=True)
class Terms:
    """How budgets are held: the last whole day, the least difference of an unusual day, and what growth and saving the
    user expects, as parts of one."""

    as_of: date | None = None
    least: Decimal = Decimal(10)
    growth: Decimal | None = None
    saving: Decimal | None = None


def hold(
    connection: Any,
    paths: Sequence[Path],
    budgets: Sequence[BillBudget],
    usage: Mapping[str, Path],
    terms: Terms,
    columns: str | None = None,
) -> Result:
    """Hold bills, or folders of allocations, against the budgets; ``usage`` are tables that drive forecasts.

    Raises InputError for a day that the bill does not have, and where a bill, a budget or a table is wrong.
    """
    spend = open_spend(connection, paths, columns)
    as_of, notes = _as_of(terms.as_of, spend.first, spend.last)
    (daily,) = rows(connection, "SELECT count(*) AS lines FROM spend WHERE NOT once")
    if not daily["lines"]:
        notes.append("no line is of a single day's use, so no rate can be told: what is expected is what was charged")
    if usage and not spend.owned:
        raise InputError(
            "forecasts need the owners of an allocation",
            place=paths[0],
            remedy="Name the folder that `spendgate allocate … --output DIR` wrote.",
        )
    return Result(
        spend.currency,
        as_of,
        rate_of(connection, spend, BillBudget("bill", Place(str(paths[0]))), as_of),
        check_budgets(connection, spend, budgets, as_of),
        anomalies(connection, spend, as_of, terms.least),
        forecasts(connection, usage, as_of, terms.growth, terms.saving) if usage else (),
        tuple(notes),
    )


def _as_of(asked: date | None, first: date, last: date) -> tuple[date, list[str]]:
    """The last whole day; days that the bill does not have yet are not taken for days without cost."""
    if asked is None or asked == last:
        return last, []
    if asked < first:
        raise InputError(
            f"the bill starts on {first}, after {asked}", remedy=f"Name a day of the bill, such as --as-of {last}."
        )
    if asked < last:
        return asked, [f"the bill has charges until {last}; those after {asked} are left out"]
    if (asked.year, asked.month) != (last.year, last.month):
        raise InputError(
            f"the bill has no charges in {asked:%Y-%m}: its last are of {last}",
            remedy=f"Name a day of the bill, such as --as-of {last}, or export it again.",
        )
    return last, [f"the bill has no charges after {last}: it is judged as of that day, not of {asked}"]
