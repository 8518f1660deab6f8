"""Cost lines of what is billed by the month or by being there: volumes, snapshots, buckets, gateways."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from spendgate.estimate.compute import count_of, region_of, unknown, unknown_as
from spendgate.estimate.lines import hourly_line, monthly_line, without_price
from spendgate.estimate.model import Confidence, CostLine
from spendgate.estimate.running import exactly, running_of
from spendgate.facts.model import Facts, Kind
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.tables import read_table


def storage_lines(facts: Facts, resource_type: str, catalogue: Catalogue) -> tuple[CostLine, ...] | None:
    """Lines of one volume, snapshot or bucket. None where its size is a matter of use that nobody declared."""
    item = item_of(facts, resource_type)
    quantity, notes = count_of(facts)
    region = region_of(facts, catalogue)
    for fact in ("size_gib", "storage_class", "region", "count"):
        reason = unknown(facts, fact)
        if reason is not None:
            note = f"{fact} is unknown: {reason}"
            asked = (facts.provider, item, region, Purchase.ON_DEMAND, unknown_as(reason), note)
            if facts.size_gib is None:
                return (replace(without_price(*asked, quantity, "GiB-month"), unit=str(facts.kind)),)
            return (without_price(*asked, quantity * exactly(facts.size_gib), "GiB-month"),)
    if facts.size_gib is None:
        return None
    if facts.provider == "kubernetes":
        note = "the price of a claim is that of its cluster's storage class"
        asked = (facts.provider, item, region, Purchase.ON_DEMAND, NoPrice.UNPRICED, note)
        return (without_price(*asked, quantity * exactly(facts.size_gib), "GiB-month"),)
    quote = catalogue.storage_quote(facts.provider, item, region)
    if not facts.storage_class or "storage_class" in facts.defaults:
        notes = (*notes, *_default_class(resource_type, item))
    confidence = Confidence.ASSUMED if notes or "size_gib" in facts.defaults else Confidence.EXACT
    # A managed disk of Azure is billed as a whole, by the tier that its size is rounded up to.
    billed = quantity if quote.unit == "month" else quantity * exactly(facts.size_gib)
    return (monthly_line(quote, billed, notes, confidence),)


def network_lines(facts: Facts, resource_type: str, catalogue: Catalogue) -> tuple[CostLine, ...]:
    """The line of a network resource that costs by the hour (a NAT gateway); none where the type is not billed so."""
    item = _rule(resource_type)[0]
    if not item:
        return ()
    quantity, notes = count_of(facts)
    quote = catalogue.storage_quote(facts.provider, item, region_of(facts, catalogue))
    told = (*notes, "data that passes through is not counted")
    return (hourly_line(quote, quantity, running_of(facts), told, Confidence.ASSUMED if notes else Confidence.EXACT),)


def item_of(facts: Facts, resource_type: str) -> str:
    """The catalogue's item of a storage resource: ``ebs.gp3``, ``s3.standard_ia``."""
    item, default = _rule(resource_type)
    storage_class = (facts.storage_class or default or "default").lower()
    if not item:
        return storage_class if facts.storage_class else str(facts.kind)
    return item.replace("{class}", storage_class)


def _default_class(resource_type: str, item: str) -> tuple[str, ...]:
    """What is said where no storage class is declared and the type has several."""
    return (f"{item} is the provider's default",) if "{class}" in _rule(resource_type)[0] else ()


def is_storage(kind: Kind) -> bool:
    """Whether a kind is billed by what it stores."""
    return kind in (Kind.VOLUME, Kind.SNAPSHOT, Kind.BUCKET)


def _rule(resource_type: str) -> tuple[str, str]:
    for pattern, item, default in _rules():
        if fnmatchcase(resource_type, pattern):
            return item, default
    return "", ""


@lru_cache(maxsize=1)
def _rules() -> tuple[tuple[str, str, str], ...]:
    rows = read_table(Path(__file__).parent / "storage_items.csv", ("type", "item", "default"))
    return tuple((row["type"], row["item"], row["default"]) for row in rows)
