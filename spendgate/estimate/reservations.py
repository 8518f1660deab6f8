"""Capacity that the stack reserves: it is billed where it is reserved, and not again where it is used."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from spendgate.estimate.compute import count_of, region_of, stand_in
from spendgate.estimate.lines import without_price
from spendgate.estimate.model import CostLine
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import Facts, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.tables import read_table


@lru_cache(maxsize=1024)
def is_reservation(resource_type: str) -> bool:
    """Whether a resource of this type is billed for capacity that others use."""
    return any(fnmatchcase(resource_type, pattern) for pattern in _types())


def reserved_lines(
    facts: Facts, reservations: Sequence[Workload], catalogue: Catalogue, use: Use = UNTOLD
) -> tuple[CostLine, ...]:
    """The line, without a price, of what runs in reserved capacity that a reservation of this stack pays for: one of
    the same type in the same region. Nothing where none is declared: then the price of a committed year holds."""
    if facts.purchase is not Purchase.RESERVED:
        return ()
    types = {facts.instance_type, *facts.instance_types} - {None}
    region = region_of(facts, catalogue)
    payers = [
        one.resource.name
        for one in reservations
        if one.facts.provider == facts.provider
        and one.facts.instance_type in types
        and region_of(one.facts, catalogue) == region
    ]
    if not payers:
        return ()
    note = f"paid by capacity reservation {', '.join(payers)}"
    item = facts.instance_type or stand_in(facts)
    asked = (facts.provider, item, region, Purchase.RESERVED, NoPrice.PAID_BY_NODES, note)
    return (without_price(*asked, count_of(facts, use)[0]),)


@lru_cache(maxsize=1)
def _types() -> tuple[str, ...]:
    return tuple(row["type"] for row in read_table(Path(__file__).parent / "reservations.csv", ("type",)))
