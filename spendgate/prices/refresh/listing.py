"""What a price list says of one region, in the project's words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from spendgate.errors import InputError

LEAST_COMMITTED: Final = Decimal("0.15")
"""A commitment that costs less than this part of on-demand is a slip of the list."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where figures are from: a row of ``sources.csv``. ``as_of`` is an ISO day."""

    id: str
    as_of: str
    strength: str
    where: str
    what: str


@dataclass(slots=True)
class Rate:
    """What one item costs for an hour in USD, as the list writes it; empty where it lists none.

    ``derived`` is the rule where the figure is composed of several listed ones; ``source`` and ``spot_source`` are ids
    of sources that a figure has for itself.
    """

    on_demand: str = ""
    spot: str = ""
    derived: str = ""
    source: str = ""
    spot_source: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A committed price in USD an hour over the whole term of ``years``: what is paid at once is spread over it.
    ``payment`` is how it is paid (``no upfront``, ``monthly``), or ``savings plan``."""

    item: str
    payment: str
    years: int
    price: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An instance type as the list describes it; only of types without accelerators, whose model no list names."""

    name: str
    vcpu: str
    memory_gib: str
    architecture: str


@dataclass(slots=True)
class Listing:
    """All that one list says of one region. ``complete``: a type that is not in it is not sold there."""

    provider: str
    region: str
    version: str
    origin: Origin
    spot_origin: Origin | None = None
    complete: bool = False
    rates: dict[str, Rate] = field(default_factory=dict)
    terms: list[Term] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def to_plain(listing: Listing) -> dict[str, Any]:
    """As plain data, for a checkpoint."""
    return asdict(listing)


def from_plain(value: dict[str, Any]) -> Listing:
    """A listing from its plain data. Raises TypeError or KeyError for anything else."""
    spot = value["spot_origin"]
    return Listing(
        value["provider"],
        value["region"],
        value["version"],
        Origin(**value["origin"]),
        Origin(**spot) if spot else None,
        value["complete"],
        {item: Rate(**rate) for item, rate in value["rates"].items()},
        [Term(**term) for term in value["terms"]],
        [Shape(**shape) for shape in value["shapes"]],
        list(value["notes"]),
    )


def leave_out_impossible(listing: Listing) -> None:
    """What cannot be, and lists have a few of all the same: spot or a commitment above on-demand, three years above
    one, a commitment at next to nothing. Counted in the listing's notes."""
    above = 0
    for rate in listing.rates.values():
        if rate.spot and rate.on_demand and Decimal(rate.spot) > Decimal(rate.on_demand):
            rate.spot, above = "", above + 1
    if above:
        listing.notes.append(f"{above} spot {'price' if above == 1 else 'prices'} above on-demand left out")
    one_year = {(term.item, term.payment): Decimal(term.price) for term in listing.terms if term.years == 1}
    kept: list[Term] = []
    for term in listing.terms:
        price, rate = Decimal(term.price), listing.rates.get(term.item, Rate())
        most = min(Decimal(rate.on_demand or "Infinity"), one_year.get((term.item, term.payment), price))
        if price <= most and (not rate.on_demand or price > Decimal(rate.on_demand) * LEAST_COMMITTED):
            kept.append(term)
    lost = len(listing.terms) - len(kept)
    if lost:
        listing.notes.append(f"{lost} committed {'price' if lost == 1 else 'prices'} that save nothing left out")
        listing.terms = kept


def plain(amount: Decimal) -> str:
    """A figure as a price table writes it: exact, without an exponent or zeros that say nothing."""
    return f"{amount.normalize():f}"


def amount_of(text: object, what: str) -> Decimal:
    """A price of a list, zero included. Raises InputError for what is no number, or below zero."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(f'"{text}" is no price ({what})', remedy="The list is not in the form that is known.")
    return amount
