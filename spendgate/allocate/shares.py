"""Who pays which share of a pool: exact fractions, written with ten decimals that add up to one.

A share is a number between 0 and 1. Fractions are rounded by largest remainder to ten decimals once, for a pool and
window; the amounts of its lines follow from them without another rounding rule (see ``plan``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from spendgate.allocate.model import OWNER, Idle, Rule

DECIMALS: Final = 10
ONE: Final = 10**DECIMALS

Owner = tuple[str | None, ...]
"""The fields of an owner in the order of ``OWNER``; None where a field is not known."""

ALWAYS: Final = date(1, 1, 1)
"""The window of fixed shares."""


@dataclass(frozen=True, slots=True)
class Share:
    """One owner's part of a pool in one window, in units of 1e-10; ``before`` is what stands ahead of it."""

    rule: int
    pool: str
    window: date
    owner: Owner
    units: int
    before: int
    idle: bool
    first: bool


@dataclass(slots=True)
class Use:
    """What was used of one pool in one window: by owner, and what there was to use (None where nobody says)."""

    by_owner: dict[Owner, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    capacity: Fraction | None = None


def owner_of(fields: Mapping[str, str | None]) -> Owner:
    """The fields in their order."""
    return tuple(fields.get(name) or None for name in OWNER)


def fixed(rule: Rule, number: int) -> tuple[Share, ...]:
    """The shares of a fixed rule: they hold in every window."""
    platform = owner_of(rule.platform)
    parts: list[tuple[Owner, bool, Fraction]] = []
    if rule.split == "central":
        parts.append((platform, False, Fraction(1)))
    else:
        weights = [Fraction(share.weight) if rule.split != "equal" else Fraction(1) for share in rule.shares]
        whole = Fraction(100) if rule.split == "percent" else sum(weights, Fraction())
        if whole:
            parts += [
                (owner_of(share.owner), False, weight / whole)
                for share, weight in zip(rule.shares, weights, strict=True)
            ]
            rest = 1 - sum((part for *_, part in parts), Fraction())
            if rest > 0:
                parts.append((platform, False, rest))
    return _shares(number, "", ALWAYS, parts)


def proportional(rule: Rule, number: int, uses: Mapping[tuple[str, date], Use]) -> tuple[Share, ...]:
    """The shares of every pool and window that the driver's table has; none where nothing was used."""
    found: list[Share] = []
    for (pool, window), use in sorted(uses.items(), key=lambda item: (item[0][0], item[0][1])):
        found += _shares(number, pool, window, _parts(rule, use))
    return tuple(found)


def _parts(rule: Rule, use: Use) -> list[tuple[Owner, bool, Fraction]]:
    used = sum(use.by_owner.values(), Fraction())
    capacity = use.capacity if use.capacity is not None else used
    if not used and rule.idle is Idle.PROPORTIONAL:
        return []  # nobody to share among
    whole = max(used, capacity)
    if not whole:
        return []
    idle = 1 - used / whole
    taken = at_least({owner: amount / used for owner, amount in use.by_owner.items() if amount}, rule.minimum_share)
    parts = [(owner, False, share * (1 - idle)) for owner, share in taken.items()]
    if idle:
        match rule.idle:
            case Idle.TO_POOL:
                parts.append((owner_of({}), True, idle))
            case Idle.TO_PLATFORM:
                parts.append((owner_of(rule.platform), True, idle))
            case Idle.PROPORTIONAL:
                parts += [(owner, True, share * idle) for owner, share in taken.items()]
    return parts


def at_least(shares: Mapping[Owner, Fraction], minimum: str) -> dict[Owner, Fraction]:
    """Shares of which none is below the minimum; the others give in proportion. Shares of so many owners that the
    minimum cannot be kept are equal."""
    least = Fraction(minimum)
    if not least or not shares:
        return dict(shares)
    if least * len(shares) >= 1:
        return dict.fromkeys(shares, Fraction(1, len(shares)))
    raised: set[Owner] = set()
    while True:
        free = {owner: share for owner, share in shares.items() if owner not in raised}
        scale = (1 - least * len(raised)) / sum(free.values(), Fraction())
        low = {owner for owner, share in free.items() if share * scale < least}
        if not low:
            return {owner: least if owner in raised else share * scale for owner, share in shares.items()}
        raised |= low


def _shares(number: int, pool: str, window: date, parts: Iterable[tuple[Owner, bool, Fraction]]) -> tuple[Share, ...]:
    ordered = sorted(parts, key=lambda part: (tuple(word or "" for word in part[0]), part[1]))
    units = apportion([part for *_, part in ordered], ONE)
    found: list[Share] = []
    before = 0
    for (owner, idle, _), share in zip(ordered, units, strict=True):
        if share:
            found.append(Share(number, pool, window, owner, share, before, idle, not found))
            before += share
    return tuple(found)


def apportion(parts: Iterable[Fraction], whole: int) -> list[int]:
    """Whole numbers in proportion to the parts that add up to ``whole`` exactly: largest remainder, ties to the first.

    >>> apportion([Fraction(1, 3)] * 3, 100)
    [34, 33, 33]
    """
    exact = list(parts)
    total = sum(exact, Fraction())
    if not total:
        return [0] * len(exact)
    scaled = [part * whole / total for part in exact]
    floors = [part.numerator // part.denominator for part in scaled]
    rest = whole - sum(floors)
    order = sorted(range(len(exact)), key=lambda index: (floors[index] - scaled[index], index))
    for index in order[:rest]:
        floors[index] += 1
    return floors


def as_fraction(value: object) -> Fraction:
    """A number of a table, exactly as it is written there."""
    return Fraction(Decimal(str(value)))
