"""Who will pay an estimate: the values that an allocation of it consists of, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from spendgate.estimate.model import EXACT, ZERO, Range

Owner = tuple[str | None, ...]
"""The fields of an owner in the order of ``model.OWNER``; None where a field is not known."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one owner pays of one cost line a month, with the rule that says so. ``line`` is the line's position in the
    estimate, ``share`` is from 0 to 1; an unallocated part has no owner and a ``reason``."""

    line: int
    owner: Owner
    rule: str | None
    layer: str
    driver: str | None
    pool: str | None
    share: Decimal
    idle: bool
    cost: Range
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """What one owner pays a month. ``lines`` are the cost lines with an amount that it has a part of, ``unpriced`` its
    lines without one; ``previous`` is the same owner's month in a baseline, None where there is no baseline."""

    owner: Owner
    idle: bool
    cost: Range
    lines: int = 0
    unpriced: int = 0
    previous: Range | None = None

    @property
    def change(self) -> Decimal | None:
        """How much more is expected than in the baseline."""
        return None if self.previous is None else EXACT.subtract(self.cost.expected, self.previous.expected)


@dataclass(frozen=True, slots=True)
class Unowned:
    """Lines that nobody pays, for one reason, with the tag that would tell."""

    reason: str
    rule: str | None
    service: str | None
    hint: str
    resources: tuple[str, ...]
    cost: Range
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who pays an estimate by a set of rules. ``owners`` are in order of amount; they and ``unallocated`` add up to the
    total exactly. ``assumptions`` say what it rests on, ``missing`` why there is no comparison with a baseline."""

    rules: str
    parts: tuple[Part, ...]
    owners: tuple[Paid, ...]
    unowned: tuple[Unowned, ...]
    unallocated: Range
    unallocated_before: Range | None = None
    assumptions: tuple[str, ...] = ()
    missing: str = ""

    @property
    def total(self) -> Range:
        """The sum of all parts."""
        return reduce(Range.__add__, (paid.cost for paid in self.owners), self.unallocated)


@dataclass(frozen=True, slots=True)
class Before:
    """Who paid how much a month in a baseline: by owner and whether it was idle capacity."""

    owners: Mapping[tuple[Owner, bool], Range]
    unallocated: Range


def against(now: Allocation, before: Before | None, why_not: str = "") -> Allocation:
    """The allocation beside an earlier one; owners that pay nothing any more are in it."""
    if before is None:
        return replace(now, missing=why_not)
    found = [replace(paid, previous=before.owners.get((paid.owner, paid.idle), ZERO)) for paid in now.owners]
    known = {(paid.owner, paid.idle) for paid in now.owners}
    gone = [Paid(*key, ZERO, previous=cost) for key, cost in before.owners.items() if key not in known]
    return replace(now, owners=tuple(in_order((*found, *gone))), unallocated_before=before.unallocated)


def together(allocations: Iterable[Allocation]) -> Allocation | None:
    """Allocations of several stacks as one, without their lines; None where there is none."""
    given = list(allocations)
    if len(given) < 2:
        return given[0] if given else None
    owners: dict[tuple[Owner, bool], Paid] = {}
    for paid in (paid for one in given for paid in one.owners):
        known = owners.get((paid.owner, paid.idle))
        owners[paid.owner, paid.idle] = paid if known is None else _sum(known, paid)
    compared = all(one.unallocated_before is not None for one in given)
    if not compared:
        owners = {key: replace(paid, previous=None) for key, paid in owners.items()}
    before = [one.unallocated_before for one in given if one.unallocated_before is not None]
    return Allocation(
        rules=", ".join(dict.fromkeys(one.rules for one in given)),
        parts=(),
        owners=tuple(in_order(owners.values())),
        unowned=tuple(item for one in given for item in one.unowned),
        unallocated=reduce(Range.__add__, (one.unallocated for one in given)),
        unallocated_before=reduce(Range.__add__, before) if compared else None,
        assumptions=tuple(dict.fromkeys(text for one in given for text in one.assumptions)),
        missing=next((one.missing for one in given if one.missing), ""),
    )


def in_order(owners: Iterable[Paid]) -> list[Paid]:
    """Who pays most first."""
    return sorted(owners, key=lambda paid: (-paid.cost.expected, tuple(word or "" for word in paid.owner), paid.idle))


def _sum(one: Paid, other: Paid) -> Paid:
    previous = one.previous + other.previous if one.previous and other.previous else one.previous or other.previous
    return Paid(
        one.owner,
        one.idle,
        one.cost + other.cost,
        one.lines + other.lines,
        one.unpriced + other.unpriced,
        previous,
    )
