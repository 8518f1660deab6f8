"""Where a month will end: what was charged, and the days to come at the rate of the days before, with a range.

Charges that stand once (purchases, taxes, subscriptions, credits) count as they are and are not carried on. Of use, the
mean of the last 28 days is carried on, of working days and weekends apart where each has at least three days. The range
is the 80 per cent prediction interval (Student's t) of the sum of that many further days, if days are alike and
independent: the variance of ``r`` days after ``n`` with sample variance ``s²`` is ``s² (r + r² / n)``. A day under way
would lower the rate: ``as_of`` is the last day that is whole.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

HISTORY: Final = 28
"""Days that the rate is taken from."""

FEWEST: Final = 3
"""Days without which there is no range, and no rate of weekends apart."""

_QUANTILES: Final = """
    3.078 1.886 1.638 1.533 1.476 1.440 1.415 1.397 1.383 1.372 1.363 1.356 1.350 1.345 1.341 1.337 1.333 1.330
    1.328 1.325 1.323 1.321 1.319 1.318 1.316 1.315 1.314"""
_T: Final = tuple(Decimal(word) for word in _QUANTILES.split())
"""The 90th percentile of Student's t by degrees of freedom from 1: both tails leave 80 per cent."""

METHOD: Final = (
    f"use goes on at the mean of the last {HISTORY} days (working days and weekends apart); one-time charges and "
    f"credits are not carried on; the range is an 80% prediction interval for days that are alike and independent"
)


@dataclass(frozen=True, slots=True)
class RunRate:
    """A month: ``spent`` until the day that was asked, the cost of that ``day``, the mean ``daily`` use, and where the
    month is ``expected`` to end, with a range; None where there are too few days for one."""

    spent: Decimal
    day: Decimal
    daily: Decimal
    expected: Decimal
    low: Decimal | None
    high: Decimal | None
    days: int
    days_left: int


def run_rate(use: Mapping[date, Decimal], once: Mapping[date, Decimal], first: date, as_of: date) -> RunRate:
    """The month of ``as_of``. ``use`` and ``once`` are costs by day; a day without any is zero from ``first`` on."""
    end = date(as_of.year, as_of.month, monthrange(as_of.year, as_of.month)[1])
    month = _days(as_of.replace(day=1), as_of)
    spent = sum((use.get(day, Decimal()) + once.get(day, Decimal()) for day in month), Decimal())
    history = _days(max(first, as_of - timedelta(days=HISTORY - 1)), as_of)
    left = _days(as_of + timedelta(days=1), end)
    kinds = [[day for day in history if _weekend(day) is kind] for kind in (False, True)]
    apart = all(len(days) >= FEWEST for days in kinds)
    expected, variance, known = spent, Decimal(), True
    for kind, days in enumerate(kinds if apart else [history]):
        ahead = [day for day in left if not apart or _weekend(day) is bool(kind)]
        mean, spread = _moments([use.get(day, Decimal()) for day in days])
        count = Decimal(len(ahead))
        expected += mean * count
        if spread is None:
            known = known and not ahead
        elif days:
            variance += spread * (count + count * count / len(days))
    free = len(history) - (2 if apart else 1)
    margin = _T[min(max(free, 1), len(_T)) - 1] * variance.sqrt()
    low, high = expected - margin, expected + margin
    if all(use.get(day, Decimal()) >= 0 for day in history):
        low = max(low, spent)  # where nothing is ever given back, no month ends below what it has cost
    mean, _ = _moments([use.get(day, Decimal()) for day in history])
    today = use.get(as_of, Decimal()) + once.get(as_of, Decimal())
    return RunRate(
        spent, today, mean, expected, low if known else None, high if known else None, len(history), len(left)
    )


def _moments(values: Sequence[Decimal]) -> tuple[Decimal, Decimal | None]:
    """Mean and sample variance; no variance of fewer than three."""
    if not values:
        return Decimal(), None
    mean = sum(values, Decimal()) / len(values)
    if len(values) < FEWEST:
        return mean, None
    return mean, sum(((value - mean) ** 2 for value in values), Decimal()) / (len(values) - 1)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _weekend(day: date) -> bool:
    return day.weekday() >= 5
