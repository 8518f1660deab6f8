"""An estimate: cost lines with low, expected and high, and the assumptions each rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from spendgate.prices.model import Quote

HOURS_PER_MONTH = Decimal(730)
"""One month, as the field counts it (365 days × 24 h ÷ 12)."""

EXACT: Final = Context(prec=100)
"""Sums and products of money: wide enough that nothing is rounded, so that totals reconcile to the last digit."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with its bounds; ``low <= expected <= high``."""

    low: Decimal
    expected: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        if not self.low <= self.expected <= self.high:
            raise ValueError(f"a range is ordered: {self.low}, {self.expected}, {self.high}")

    def __add__(self, other: Range) -> Range:
        add = EXACT.add
        return Range(add(self.low, other.low), add(self.expected, other.expected), add(self.high, other.high))

    def __mul__(self, other: Range) -> Range:
        """The product, bound by bound; of figures that are zero or more."""
        times = EXACT.multiply
        return Range(times(self.low, other.low), times(self.expected, other.expected), times(self.high, other.high))


ZERO = Range(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost per hour (while it runs), per day (daily burn), per month (730 h), and per run where there are runs."""

    hourly: Range = ZERO
    daily: Range = ZERO
    monthly: Range = ZERO
    run: Range | None = None

    def __add__(self, other: Cost) -> Cost:
        run = self.run + other.run if self.run and other.run else self.run or other.run
        return Cost(self.hourly + other.hourly, self.daily + other.daily, self.monthly + other.monthly, run)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One priced item of one resource: ``quantity`` × hours × ``quote``.

    ``cost`` is None exactly when the quote has no amount. ``hours`` are hours a month.
    """

    resource: str
    item: str
    quantity: Range
    unit: str
    hours: Range | None
    quote: Quote
    cost: Cost | None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost lines in order of declaration. ``total`` sums the lines that have a price; ``unpriced`` are the others."""

    lines: tuple[CostLine, ...] = ()
    currency: str = "USD"
    assumptions: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Cost:
        """The exact sum of all priced lines."""
        total = Cost()
        for line in self.lines:
            if line.cost is not None:
                total = total + line.cost
        return total

    @property
    def unpriced(self) -> tuple[CostLine, ...]:
        """Lines without a price, other than those that another resource pays for."""
        return tuple(line for line in self.lines if line.cost is None and line.quote.reason != "paid_by_nodes")
