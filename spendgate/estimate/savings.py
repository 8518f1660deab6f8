"""Cheaper ways to have the same, priced: what each saves a month, and what it costs in risk.

An alternative is offered where it is equivalent (``alternatives``), has a price that is known and not too old, costs
less, and is allowed: who asks says what that means, so nothing here knows a guardrail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.estimate.alternatives import Alternative, Way, alternatives
from spendgate.estimate.estimator import estimate as estimate_of
from spendgate.estimate.lines import monthly_line
from spendgate.estimate.model import EXACT, CostLine, Range
from spendgate.facts.model import Facts, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Quote

MOST_GROUPS: Final = 200
"""So many kinds of resources, the costliest first, are looked at: a person reads no more, and the work is bounded."""

_LEAST_A_MONTH: Final = Decimal(1)
_LEAST_SHARE: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")

Lines = tuple[CostLine, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """One cheaper way for one or more equal resources; each is counted alone, two of one resource do not add up.

    Amounts are a month's, of all its resources: ``now`` and ``then`` as expected, ``saved`` their difference, and
    ``at_least`` what is left of it at the highest price of the alternative (spot: on-demand), at the same use.
    ``quotes`` are the alternative's prices.
    """

    way: Way
    resources: tuple[str, ...]
    change: str
    risk: str
    now: Decimal
    then: Decimal
    at_least: Decimal
    quotes: tuple[Quote, ...]
    assumes: tuple[str, ...] = ()

    @property
    def saved(self) -> Decimal:
        """What is saved a month, as expected."""
        return EXACT.subtract(self.now, self.then)


@dataclass(frozen=True, slots=True)
class Group:
    """Workloads with equal facts, and the lines of each of them."""

    members: tuple[Workload, ...]
    lines: Lines

    @property
    def monthly(self) -> Decimal:
        """What one of them costs in the expected month."""
        return _expected(self.lines)


Allowed = Callable[[Group, Alternative, Lines], bool]
"""Whether a group may be had in another way, at these lines each."""


def find_savings(
    workloads: Sequence[Workload],
    lines: Sequence[CostLine],
    catalogue: Catalogue,
    *,
    environment: str,
    allowed: Allowed = lambda group, alternative, lines: True,
    fresh: Callable[[Quote], bool] = lambda quote: True,
    price: Callable[[Workload], Lines] | None = None,
) -> tuple[Saving, ...]:
    """The best allowed alternative of each way (for regions: the best in the same part of the world, and the best of
    all) for each group of equal workloads, what saves most first.

    ``lines`` are the cost lines of the estimate, ``price`` estimates one altered workload (by default alone, without
    usage). Equal facts are priced once, and at most ``MOST_GROUPS`` groups are looked at.
    """
    price = price or (lambda workload: estimate_of((workload,), catalogue).lines)
    found: list[Saving] = []
    for group in costliest(workloads, lines):
        for choice in _choices(group, catalogue, environment):
            best = _best(group, choice, catalogue, price, allowed, fresh)
            if best is not None and not any(_same(best, other) for other in found):
                found.append(best)
    return tuple(sorted(found, key=lambda item: (-item.saved, item.resources, item.way, item.change)))


def costliest(workloads: Sequence[Workload], lines: Sequence[CostLine]) -> list[Group]:
    """Groups of equal workloads, those that cost most together first. What a commitment covers is left out: it is
    paid whether it is used or not."""
    by_resource: dict[str, list[CostLine]] = {}
    for line in lines:
        by_resource.setdefault(line.resource, []).append(line)
    groups: dict[object, list[Workload]] = {}
    for workload in workloads:
        own = by_resource.get(workload.resource.address)
        committed = any(line.reduction and line.reduction.kind == "commitment" for line in own or ())
        if (
            own
            and not committed
            and any(line.cost for line in own)
            and workload.mapped
            and not workload.resource.external
        ):
            same = tuple(_priced_as(line) for line in own)
            key = (workload.resource.type, repr(workload.facts), repr(workload.parts), same)
            groups.setdefault(key, []).append(workload)
    made = [Group(tuple(items), tuple(by_resource[items[0].resource.address])) for items in groups.values()]
    made.sort(key=lambda group: (-group.monthly * len(group.members), group.members[0].resource.address))
    return [group for group in made[:MOST_GROUPS] if group.monthly >= _LEAST_A_MONTH]


def _choices(group: Group, catalogue: Catalogue, environment: str) -> Iterator[list[Alternative]]:
    """Alternatives of which one is offered: by way; regions of the same part of the world apart from all."""
    by_way: dict[Way, list[Alternative]] = {}
    for alternative in alternatives(group.members[0], catalogue, environment):
        by_way.setdefault(alternative.way, []).append(alternative)
    for way, choice in by_way.items():
        if way is Way.REGION and (near := [item for item in choice if not item.far]):
            yield near
        yield choice


def _best(
    group: Group,
    choice: Sequence[Alternative],
    catalogue: Catalogue,
    price: Callable[[Workload], Lines],
    allowed: Allowed,
    fresh: Callable[[Quote], bool],
) -> Saving | None:
    """The cheapest alternative that has a fresh price, is worth it, and is allowed."""
    priced: list[tuple[Saving, Alternative, Lines]] = []
    for alternative in choice:
        lines = _lines_of(group.members[0], alternative, catalogue, price)
        saving = _saving(group, alternative, lines, fresh)
        if saving is not None:
            priced.append((saving, alternative, lines))
    priced.sort(key=lambda item: (item[0].then, item[1].change))
    return next((saving for saving, alternative, lines in priced if allowed(group, alternative, lines)), None)


def _lines_of(
    workload: Workload, alternative: Alternative, catalogue: Catalogue, price: Callable[[Workload], Lines]
) -> Lines:
    lines = price(replace(workload, facts=alternative.facts))
    if alternative.way is Way.STORAGE_CLASS:
        lines += _performance(workload, alternative.facts, catalogue)
    return lines


def _performance(workload: Workload, facts: Facts, catalogue: Catalogue) -> Lines:
    """What gp3 has to buy to be as fast as gp2 of the same size: above 3,000 IOPS and 125 MiB/s.

    gp2 has 3 IOPS for each GiB (at most 16,000) and 128 MiB/s up to 170 GiB, 250 MiB/s above it.
    Source: Amazon EBS user guide, general purpose SSD volumes.
    """
    size = Decimal(repr(facts.size_gib or 0.0))
    count = Decimal(repr(facts.count.expected)) if facts.count else Decimal(1)
    iops = min(3 * size, Decimal(16000)) - 3000
    throughput = Decimal(128 if size <= 170 else 250) - 125
    lines = []
    for item, more in (("ebs.gp3.iops", iops), ("ebs.gp3.throughput", throughput)):
        if more > 0:
            quote = catalogue.storage_quote(facts.provider, item, facts.region)
            bought = EXACT.multiply(more, count)
            lines.append(
                replace(monthly_line(quote, Range(bought, bought, bought)), resource=workload.resource.address)
            )
    return tuple(lines)


def _saving(group: Group, alternative: Alternative, lines: Lines, fresh: Callable[[Quote], bool]) -> Saving | None:
    """What an alternative saves; None where a price is missing or too old, or it is not worth the change."""
    old, new = {_priced_as(line) for line in group.lines}, {_priced_as(line) for line in lines}
    before = [line for line in group.lines if _priced_as(line) not in new]
    after = [line for line in lines if _priced_as(line) not in old]
    if not before or not after or len(lines) < len(group.lines):
        return None
    if any(line.cost is None for line in (*before, *after)) or not all(fresh(line.quote) for line in after):
        return None
    members = Decimal(len(group.members))
    now, then = _expected(before), _expected(after)
    difference = EXACT.subtract(now, then)
    if difference < _LEAST_A_MONTH or difference < now * _LEAST_SHARE:
        return None
    dearest = sum((_at_highest_price(line) for line in after), Decimal(0))
    least = max(EXACT.subtract(now, dearest), Decimal(0)).quantize(_CENT, ROUND_HALF_EVEN, EXACT)
    return Saving(
        alternative.way,
        tuple(member.resource.address for member in group.members),
        alternative.change,
        alternative.risk,
        EXACT.multiply(now, members),
        EXACT.multiply(then, members),
        EXACT.multiply(min(least, difference), members),
        tuple(dict.fromkeys(line.quote for line in after)),
        alternative.assumes,
    )


def _priced_as(line: CostLine) -> tuple[object, ...]:
    """What a line is and how much of it: two lines that agree in this are not changed by an alternative."""
    return (line.item, line.unit, line.quantity, line.hours, line.quote)


def _expected(lines: Sequence[CostLine]) -> Decimal:
    total = Decimal(0)
    for line in lines:
        if line.cost is not None:
            total = EXACT.add(total, line.cost.monthly.expected)
    return total


def _at_highest_price(line: CostLine) -> Decimal:
    """The expected month of a line at the top of its price range."""
    expected = line.cost.monthly.expected if line.cost else Decimal(0)
    amount, high = line.quote.amount, line.quote.high
    if not amount or high is None or high <= amount:
        return expected
    return EXACT.divide(EXACT.multiply(expected, high), amount)


def _same(one: Saving, other: Saving) -> bool:
    return (one.way, one.change, one.resources) == (other.way, other.change, other.resources)
