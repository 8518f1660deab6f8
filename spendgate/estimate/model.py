"""An estimate: cost lines with low, expected and high, and the assumptions each rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum
from functools import reduce
from typing import Final

from spendgate.prices.model import Quote


class LineKind(StrEnum):
    """What a line is for: a machine (or accelerators, or what a service runs), what is stored, the network, the fee of
    a service beside its machines, or a model by the token."""

    MACHINE = "machine"
    STORAGE = "storage"
    NETWORK = "network"
    FEE = "fee"
    TOKENS = "tokens"


class Confidence(StrEnum):
    """How good a figure is, the best first.

    ``exact``: a listed price and a declared quantity. ``derived``: a price computed from published ones, or a quantity
    computed from what is declared or what the usage file says. ``assumed``: a default stands in for what nobody
    declared, or the price moves. ``unpriced``: no amount.
    """

    EXACT = "exact"
    DERIVED = "derived"
    ASSUMED = "assumed"
    UNPRICED = "unpriced"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return _RANKS[self]

    def worst(self, *others: Confidence) -> Confidence:
        """The least good of several: a product is no better than its worst factor."""
        return max((self, *others), key=_RANKS.__getitem__)


_RANKS: Final = {word: rank for rank, word in enumerate(Confidence)}

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

    @property
    def bounds(self) -> tuple[Decimal, Decimal, Decimal]:
        """Low, expected and high."""
        return self.low, self.expected, self.high

    def __add__(self, other: Range) -> Range:
        add = EXACT.add
        return Range(add(self.low, other.low), add(self.expected, other.expected), add(self.high, other.high))

    def __mul__(self, other: Range) -> Range:
        """The product, bound by bound; of figures that are zero or more."""
        times = EXACT.multiply
        return Range(times(self.low, other.low), times(self.expected, other.expected), times(self.high, other.high))


_MILLIONTH: Final = Decimal("0.000001")
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

    def times(self, factor: Decimal) -> Cost:
        """The same, so many times; ``factor`` is zero or more."""
        by = Range(factor, factor, factor)
        return Cost(self.hourly * by, self.daily * by, self.monthly * by, self.run * by if self.run else None)


@dataclass(frozen=True, slots=True)
class Running:
    """Hours that one instance is billed: in a month, on a day it runs, and per run (None where there are no runs)."""

    month: Range
    day: Range
    run: Range | None
    assumptions: tuple[str, ...]
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Reduction:
    """Why a line costs less than its list price: a discount or a commitment, with the place that says so.

    ``percent`` is what is taken off; None for a commitment at a price of its own.
    """

    kind: str
    name: str
    percent: Decimal | None
    origin: str


@dataclass(frozen=True, slots=True)
class CostLine:
    """One priced item of one resource: ``quantity`` × hours × ``quote``.

    ``cost`` is None exactly when the quote has no amount. ``hours`` are hours a month. ``confidence`` says how good
    the amount is; what makes it less than exact is among the ``assumptions``. ``running`` are the hours in full, where
    it is billed by the hour. With a ``reduction``, ``listed`` is what the same costs at the list price (None where
    there is none). ``utilisation`` is the share of full load that its hardware is said to run at: that tells its
    energy. ``of_run`` is what a run takes of machines that other lines pay for: it is in no total, as these are there
    already; where a run costs something and nobody can tell what, ``run_unknown`` says why.
    """

    resource: str
    item: str
    quantity: Range
    unit: str
    hours: Range | None
    quote: Quote
    cost: Cost | None
    assumptions: tuple[str, ...] = ()
    confidence: Confidence = Confidence.ASSUMED
    running: Running | None = None
    reduction: Reduction | None = None
    listed: Cost | None = None
    kind: LineKind = LineKind.MACHINE
    utilisation: Decimal | None = None
    of_run: Range | None = None
    run_unknown: str = ""


@dataclass(frozen=True, slots=True)
class Driver:
    """What one unit of its use costs: ``per`` is ``run``, ``1,000 requests`` or ``million tokens``.

    A month's cost over a month's use, rounded to 10⁻¹² (a run is exact). ``origin`` is the usage file's line; empty
    where the use is declared.
    """

    resource: str
    per: str
    cost: Range
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ScenarioCost:
    """What everything costs in one scenario; ``unpriced`` lines are not in it."""

    name: str
    total: Cost
    unpriced: int
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost lines in order of declaration. ``total`` sums the lines that have a price; ``unpriced`` are the others.

    ``cautions`` are what a reader must know before trusting the total, ``assumptions`` what it rests on. ``scenarios``
    are those of a usage file, the file as it stands (``base``) first; none where it has none.
    """

    lines: tuple[CostLine, ...] = ()
    currency: str = "USD"
    assumptions: tuple[str, ...] = field(default=())
    cautions: tuple[str, ...] = ()
    drivers: tuple[Driver, ...] = ()
    scenarios: tuple[ScenarioCost, ...] = ()

    @property
    def total(self) -> Cost:
        """The exact sum of all priced lines."""
        costs = [line.cost for line in self.lines if line.cost is not None]
        # Lines of equal facts share one cost: a stack of thousands of resources has few different ones.
        times = Counter(map(id, costs))
        different = {id(cost): cost for cost in costs}
        summed = [cost if times[key] == 1 else cost.times(Decimal(times[key])) for key, cost in different.items()]
        return reduce(Cost.__add__, summed) if summed else Cost()

    @property
    def unpriced(self) -> tuple[CostLine, ...]:
        """Lines without a price, other than those that another resource pays for."""
        return tuple(line for line in self.lines if line.cost is None and line.quote.reason != "paid_by_nodes")

    @property
    def by_confidence(self) -> Mapping[Confidence, Decimal]:
        """What of the expected month is exact, derived and assumed; together they are exactly the total."""
        parts: dict[Confidence, Decimal] = {word: Decimal(0) for word in Confidence if word is not Confidence.UNPRICED}
        different = {(id(line.cost), line.confidence): line.cost for line in self.lines if line.cost is not None}
        times = Counter((id(line.cost), line.confidence) for line in self.lines if line.cost is not None)
        for (key, confidence), cost in different.items():
            amount = EXACT.multiply(cost.monthly.expected, Decimal(times[key, confidence]))
            parts[confidence] = EXACT.add(parts[confidence], amount)
        return parts

    @property
    def shares(self) -> Mapping[Confidence, Decimal]:
        """The same as shares of the expected month, to a millionth; all zero where nothing has an amount."""
        parts = self.by_confidence
        total = sum(parts.values(), Decimal(0))
        return {word: (part / total).quantize(_MILLIONTH) if total else Decimal(0) for word, part in parts.items()}
