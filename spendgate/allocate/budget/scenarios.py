"""What the next months would cost by what drives them: tokens, inferences, GPU-hours, training runs.

The unit cost is that of the KPI: cost of the months that the table of usage has, over what it counts. **Base** goes on
with the mean volume a day. **Growth** grows it by so much a month: what is given, or what three or more whole months
show (the median of the growth from month to month). **Optimised** is growth at a lower unit cost: the saving that is
given, or what capacity that nobody used has cost. What is neither given nor known is told; no rate is made up.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any, Final

from spendgate.allocate.allocated import rows
from spendgate.allocate.kpi.queries import INFERENCE, TRAINING, run_types
from spendgate.allocate.kpi.usage import open_usage
from spendgate.errors import InputError

MONTHS: Final = 3
"""Months ahead that are forecast."""

DRIVERS: Final = {
    "gpu-hours": ("gpu_hours", "driver = 'gpu-hours'", "lines that the driver gpu-hours split"),
    "training-runs": ("runs", run_types(TRAINING, "run_type"), "lines of a run type of training"),
    "inferences": ("inferences", run_types(INFERENCE, "run_type"), "lines of a run type of inference"),
    "tokens": ("tokens", run_types(INFERENCE, "run_type"), "lines of a run type of inference"),
}
"""What a table of usage counts, and whose cost that is (over ``spend``)."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month ahead: volume and cost with and without growth, and optimised; None for what is not known."""

    month: str
    base_volume: Decimal
    base: Decimal
    growth: Decimal | None
    optimized: Decimal | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """A driver's months ahead. ``unit_cost`` is for one of what it counts; ``growth`` a month and ``saving`` are parts
    of one, with where each is from; ``missing`` says why there is no forecast."""

    driver: str
    unit_cost: Decimal | None = None
    daily_volume: Decimal | None = None
    growth: Decimal | None = None
    growth_from: str = ""
    saving: Decimal | None = None
    saving_from: str = ""
    months: tuple[Month, ...] = ()
    missing: str | None = None


def forecasts(
    connection: Any,
    usage: Mapping[str, Any],
    as_of: date,
    growth: Decimal | None,
    saving: Decimal | None,
) -> tuple[Forecast, ...]:
    """A forecast for each table of usage; ``growth`` and ``saving`` are what the user expects, as parts of one.

    Raises InputError for a table that drives nothing here, or that cannot be read.
    """
    for name in usage:
        if name not in DRIVERS:
            raise InputError(f"no forecast is driven by {name}", remedy=f"There are: {', '.join(DRIVERS)}.")
    # The months of the bill are those that both sides have.
    connection.raw_sql("CREATE OR REPLACE TEMP VIEW allocated AS SELECT month FROM spend")
    tables = open_usage(connection, {name.replace("-", "_"): file for name, file in usage.items()})
    return tuple(_forecast(connection, name, tables, as_of, growth, saving) for name in usage)


def _forecast(
    connection: Any,
    name: str,
    tables: Mapping[str, Sequence[str]],
    as_of: date,
    growth: Decimal | None,
    saving: Decimal | None,
) -> Forecast:
    column, where, whose = DRIVERS[name]
    table = name.replace("-", "_")
    wanted = [one for one in ("date", column) if one not in tables[table]]
    if wanted:
        return Forecast(name, missing=f"the column {', '.join(wanted)} in the table {name}")
    volumes = _volumes(connection, table, column, as_of)
    costs = {
        row["month"]: row
        for row in rows(
            connection,
            "SELECT month, sum(cost) AS cost, coalesce(sum(cost) FILTER (idle), 0) AS idle FROM spend "
            f"WHERE day <= ? AND {where} GROUP BY month",
            [as_of],
        )
    }
    both = [month for month in volumes if month in costs and volumes[month]]
    if not both:
        return Forecast(name, missing=f"months that have both {whose} and rows of {name}")
    cost = sum((costs[month]["cost"] for month in both), Decimal())
    idle = sum((costs[month]["idle"] for month in both), Decimal())
    volume = sum((volumes[month] for month in both), Decimal())
    unit_cost = cost / volume
    days = sum(_days_of(month, as_of) for month in both)
    daily = volume / days
    grown, grown_from = _growth(volumes, as_of) if growth is None else (growth, "as given")
    saved, saved_from = saving, "as given"
    if saving is None:
        saved, saved_from = (idle / cost, "cost of capacity that nobody used") if idle > 0 else (None, "")
    months = []
    for ahead in range(1, MONTHS + 1):
        month = _month_after(as_of, ahead)
        base_volume = daily * monthrange(month.year, month.month)[1]
        more = None if grown is None else base_volume * unit_cost * (1 + grown) ** ahead
        less = None if saved is None else (base_volume * unit_cost if more is None else more) * (1 - saved)
        months.append(Month(f"{month:%Y-%m}", base_volume, base_volume * unit_cost, more, less))
    return Forecast(name, unit_cost, daily, grown, grown_from, saved, saved_from, tuple(months))


def _volumes(connection: Any, table: str, column: str, as_of: date) -> dict[str, Decimal]:
    """What was counted by month until the day; a row of a whole month counts for it."""
    found = rows(
        connection,
        f"SELECT month, sum({column}) AS volume FROM usage_{table} WHERE {column} IS NOT NULL "
        "AND (length(date) = 7 OR substr(date, 1, 10) <= ?) GROUP BY month ORDER BY month",
        [as_of.isoformat()],
    )
    return {row["month"]: Decimal(row["volume"]) for row in found}


def _growth(volumes: Mapping[str, Decimal], as_of: date) -> tuple[Decimal | None, str]:
    """The median growth from month to month, of months that are over, where there are three in a row or more."""
    whole = [month for month in sorted(volumes) if _days_of(month, as_of) == _length(month)]
    rates = []
    for one, two in pairwise(whole):
        if volumes[one] > 0 and _following(one) == two:
            rates.append(volumes[two] / _length(two) / (volumes[one] / _length(one)) - 1)
    if len(rates) < 2:
        return None, ""
    return Decimal(median(rates)), f"the median of {len(rates)} months"


def _length(month: str) -> int:
    return monthrange(int(month[:4]), int(month[5:]))[1]


def _days_of(month: str, as_of: date) -> int:
    """How many days of the month are over."""
    return as_of.day if month == f"{as_of:%Y-%m}" else _length(month)


def _following(month: str) -> str:
    return f"{_month_after(date(int(month[:4]), int(month[5:]), 1), 1):%Y-%m}"


def _month_after(day: date, ahead: int) -> date:
    number = day.year * 12 + day.month - 1 + ahead
    return date(number // 12, number % 12 + 1, 1)
