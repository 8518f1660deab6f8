"""What a reconciliation is made of. Amounts are in the currency of both sides, exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class Cause(StrEnum):
    """Why the bill differs from the estimate, in the order in which the effects are taken."""

    MONTH = "month"
    LIVED = "lived"
    COUNT = "count"
    HOURS = "hours"
    QUANTITY = "quantity"
    PRICE = "price"
    DISCOUNT = "discount"
    UNSPLIT = "unsplit"
    NOT_USED = "not_used"
    NOT_ESTIMATED = "not_estimated"


TOLD = {
    Cause.MONTH: "the month has other hours than the 730 of an estimate",
    Cause.LIVED: "it lived a part of the month",
    Cause.COUNT: "another number of instances",
    Cause.HOURS: "other hours",
    Cause.QUANTITY: "another quantity",
    Cause.PRICE: "another list price",
    Cause.DISCOUNT: "another discount",
    Cause.UNSPLIT: "not told apart: the bill has no quantity to go by",
    Cause.NOT_USED: "estimated, and not on the bill",
    Cause.NOT_ESTIMATED: "on the bill, and not estimated",
}


@dataclass(frozen=True, slots=True)
class EstimatedLine:
    """A cost line of a report, for the part of the month that the bill covers. ``cost`` is None where it has no price;
    ``listed`` is its cost before discounts. ``hours`` are None where it is not billed by the hour; ``all_month`` where
    they are those of a whole month. ``bounds`` are the least and the most that it may cost, ``runs`` is how often a job
    is to run, None for anything else."""

    item: str
    kind: str
    unit: str
    purchase: str
    region: str | None
    quantity: Fraction
    hours: Fraction | None
    cost: Fraction | None
    listed: Fraction | None
    all_month: bool = False
    runs: Fraction | None = None
    source: str = ""
    provider: str = ""
    assumptions: tuple[str, ...] = ()
    bounds: tuple[Fraction, Fraction] | None = None


@dataclass(frozen=True, slots=True)
class EstimatedResource:
    """A resource of a report with its lines. ``requests`` is how many a month were expected, None where nobody says."""

    address: str
    type: str
    name: str
    kind: str
    names: tuple[str, ...]
    ids: tuple[str, ...]
    tags: Mapping[str, str]
    sized: bool
    lines: tuple[EstimatedLine, ...]
    requests: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What one resource of a bill used in one charge period, in hours."""

    starts: datetime
    ends: datetime
    resource: str
    hours: Fraction


@dataclass(frozen=True, slots=True)
class Charge:
    """Lines of a bill that are alike: the same resource, unit, SKU and pricing; their sums. ``listed`` and ``quantity``
    are None where the bill does not say."""

    number: int
    resource_id: str | None
    resource_name: str | None
    resource_type: str | None
    service: str | None
    service_category: str | None
    region: str | None
    text: str
    unit: str
    pricing: str | None
    category: str
    correction: bool
    tags: Mapping[str, str]
    cost: Fraction
    listed: Fraction | None
    quantity: Fraction | None
    lines: int
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Effect:
    """What one cause adds to the bill (less than zero: what it saves), against the estimate."""

    cause: Cause
    amount: Fraction
    estimated: Fraction | None = None
    actual: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An estimated line beside what was billed for it; either may be missing. The effects add up to the difference.

    ``runs`` is how often a job ran, and by what that is known, where the bill shows it.
    """

    line: EstimatedLine | None
    charges: tuple[Charge, ...]
    estimated: Fraction
    actual: Fraction
    effects: tuple[Effect, ...]
    count: Fraction | None = None
    hours: Fraction | None = None
    notes: tuple[str, ...] = ()
    runs: tuple[Fraction, str] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One resource on both sides. ``apart`` are its credits, refunds and other charges that are no usage, by category;
    ``unpriced`` is what was billed for lines that the estimate has no price for."""

    resource: EstimatedResource
    methods: tuple[str, ...]
    pairs: tuple[Pair, ...]
    apart: Mapping[str, Fraction] = field(default_factory=dict)
    unpriced: Fraction = Fraction()
    notes: tuple[str, ...] = ()

    @property
    def estimated(self) -> Fraction:
        """What was estimated of what has a price."""
        return sum((pair.estimated for pair in self.pairs), Fraction())

    @property
    def actual(self) -> Fraction:
        """What was billed for it."""
        return sum((pair.actual for pair in self.pairs), Fraction())

    @property
    def within(self) -> bool | None:
        """Whether what was billed lies between the least and the most of the estimate, the length of the month apart,
        to half a cent; None where the estimate has no price of it."""
        bounds = [pair.line.bounds for pair in self.pairs if pair.line is not None and pair.line.bounds is not None]
        if not bounds:
            return None
        effects = (effect for pair in self.pairs for effect in pair.effects)
        actual = self.actual - sum((one.amount for one in effects if one.cause is Cause.MONTH), Fraction())
        slack = Fraction(1, 200)
        least, most = (sum((bound[side] for bound in bounds), Fraction()) for side in (0, 1))
        return least - slack <= actual <= most + slack

    @property
    def difference(self) -> Fraction:
        """How much more was billed than estimated."""
        return self.actual - self.estimated


@dataclass(frozen=True, slots=True)
class Proposal:
    """Figures of the usage file that would have been right for a resource, each with the reason.

    ``model`` is of what is priced by the token, which stands under ``models``: its provider, id and region.
    """

    name: str
    type: str
    figures: Mapping[str, Fraction]
    reason: str
    model: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far the estimate was off, in per cent of the bill; None where nothing was billed.

    ``wape`` is the sum of all absolute errors over the sum of the bill, ``mape`` the mean of the errors of single
    resources that were billed, ``bias`` the sum of all errors (above zero: too much was estimated).
    """

    estimated: Fraction
    actual: Fraction
    wape: Fraction | None
    mape: Fraction | None
    bias: Fraction | None
    resources: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The whole comparison. ``matched`` have lines on both sides; ``only_estimated`` none on the bill; ``only_billed``
    are the charges of resources that no estimate knows. ``covered`` and ``month_hours`` are in hours."""

    month: str
    currency: str
    cost: str
    covered: Fraction
    month_hours: Fraction
    matched: tuple[Compared, ...]
    only_estimated: tuple[Compared, ...]
    only_billed: tuple[Charge, ...]
    billed: Fraction
    proposals: tuple[Proposal, ...]
    accuracy: Accuracy
    of_all: Accuracy
    notes: tuple[str, ...] = ()

    @property
    def causes(self) -> dict[Cause, Fraction]:
        """What each cause adds to the bill; they add up to the difference of all estimated resources."""
        found: dict[Cause, Fraction] = {}
        for compared in (*self.matched, *self.only_estimated):
            for pair in compared.pairs:
                for effect in pair.effects:
                    found[effect.cause] = found.get(effect.cause, Fraction()) + effect.amount
        return {cause: found[cause] for cause in Cause if found.get(cause)}
