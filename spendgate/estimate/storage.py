"""Cost lines of what is billed by the month or by being there: volumes, snapshots, buckets, gateways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from spendgate.estimate.compute import count_of, region_of, unknown, unknown_as
from spendgate.estimate.lines import hourly_line, monthly_line, without_price
from spendgate.estimate.model import Confidence, CostLine, LineKind
from spendgate.estimate.performance import performance_lines
from spendgate.estimate.running import exactly, running_of
from spendgate.estimate.usage import UNTOLD, Given, Use, can_move
from spendgate.facts.model import Facts, Kind
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.tables import read_table

_GIB_MONTH: Final = "GiB-month"
_MOVED: Final = {
    "egressGib": "GiB a month leave the network",
    "processedGib": "GiB a month pass through",
    "ingestedGib": "GiB a month are written to it",
}


def storage_lines(
    facts: Facts, resource_type: str, catalogue: Catalogue, use: Use = UNTOLD
) -> tuple[CostLine, ...] | None:
    """Lines of one volume, snapshot or bucket. None where its size is a matter of use that nobody declared."""
    stored = use.get("storedGib")
    if stored is not None and (facts.kind is not Kind.VOLUME or facts.size_gib is None):
        return _by_use(facts, resource_type, catalogue, stored)
    item = item_of(facts, resource_type)
    quantity, notes = count_of(facts, use)
    region = region_of(facts, catalogue)
    for fact in ("size_gib", "storage_class", "region", "count"):
        reason = unknown(facts, fact)
        if reason is not None:
            note = f"{fact} is unknown: {reason}"
            asked = (facts.provider, item, region, Purchase.ON_DEMAND, unknown_as(reason), note)
            if facts.size_gib is None:
                return (replace(without_price(*asked, quantity, _GIB_MONTH, LineKind.STORAGE), unit=str(facts.kind)),)
            return (without_price(*asked, quantity * exactly(facts.size_gib), _GIB_MONTH, LineKind.STORAGE),)
    if facts.size_gib is None:
        return None
    known = _claim_classes().get(facts.storage_class or "") if facts.provider == "kubernetes" else None
    if known is not None and region is not None:
        provider, item = known
        note = f"the class {facts.storage_class} is taken for {item}"
        quote = catalogue.storage_quote(provider, item, region)
        return (monthly_line(quote, quantity * exactly(facts.size_gib), (*notes, note), Confidence.ASSUMED),)
    if facts.provider == "kubernetes":
        note = "the price of a claim is that of its cluster's storage class"
        asked = (facts.provider, item, region, Purchase.ON_DEMAND, NoPrice.UNPRICED, note)
        return (without_price(*asked, quantity * exactly(facts.size_gib), _GIB_MONTH, LineKind.STORAGE),)
    quote = catalogue.storage_quote(facts.provider, item, region)
    if not facts.storage_class or "storage_class" in facts.defaults:
        notes = (*notes, *_default_class(resource_type, item))
    if "count" in facts.defaults:
        notes = (*notes, "the count is the provider's default")
    confidence = Confidence.ASSUMED if notes or "size_gib" in facts.defaults else Confidence.EXACT
    # A managed disk of Azure is billed as a whole, by the tier that its size is rounded up to.
    billed = quantity if quote.unit == "month" else quantity * exactly(facts.size_gib)
    more = performance_lines(facts, resource_type, _class_of(facts, resource_type), catalogue, use)
    return (monthly_line(quote, billed, notes, confidence), *more)


def _by_use(facts: Facts, resource_type: str, catalogue: Catalogue, stored: Given) -> tuple[CostLine, ...]:
    """The line of what a usage file says is stored."""
    item, region = item_of(facts, resource_type), region_of(facts, catalogue)
    told = f"stores {stored.told('GiB')}"
    for fact in ("storage_class", "region"):
        reason = unknown(facts, fact)
        if reason is not None:
            asked = (facts.provider, item, region, Purchase.ON_DEMAND, unknown_as(reason))
            note = f"{fact} is unknown: {reason}"
            return (without_price(*asked, note, exactly(stored.value), _GIB_MONTH, LineKind.STORAGE),)
    quote = catalogue.storage_quote(facts.provider, item, region)
    default = not facts.storage_class or "storage_class" in facts.defaults
    notes: tuple[str, ...] = (told, *(_default_class(resource_type, item) if default else ()))
    confidence = Confidence.ASSUMED if len(notes) > 1 else Confidence.DERIVED
    return (monthly_line(quote, exactly(stored.value), notes, confidence),)


def moved_lines(facts: Facts, billed_as: Sequence[str], catalogue: Catalogue, use: Use) -> tuple[CostLine, ...]:
    """Lines of what a usage file says is moved: out of the provider's network, through a gateway or a load balancer,
    and into a log. ``billed_as`` are the resource's type and the items that it consists of.

    Tiers (the first 10 TiB a month, the next 40) are counted for the resource alone; an account has them once.
    """
    lines: list[CostLine] = []
    for key, what in _MOVED.items():
        given = use.get(key)
        tiers = _tiers(facts.provider, key, billed_as)
        if given is None or not can_move(key, facts):
            continue
        notes: tuple[str, ...] = (given.told(what),)
        if any(item.endswith(".lcu") for item, _ in tiers):
            notes = (*notes, "a capacity unit for each GiB in an hour; many connections or rules ask for more")
        if len(tiers) > 1:
            notes = (*notes, "its tiers are counted for this resource alone")
        region, left = region_of(facts, catalogue), given.value
        for item, most in tiers or ((key.removesuffix("Gib"), None),):
            part = left if most is None else min(left, most)
            left -= part
            if part:
                quote = catalogue.storage_quote(facts.provider, item, region)
                if quote.amount is None:
                    quote = replace(quote, unit="GiB")
                lines.append(monthly_line(quote, exactly(part), notes, Confidence.DERIVED, LineKind.NETWORK))
    return tuple(lines)


def _tiers(provider: str, key: str, billed_as: Sequence[str]) -> tuple[tuple[str, Decimal | None], ...]:
    """Items and how many GiB of each at most (None: all that is left)."""
    rows = [
        row for row in _moved() if row[:2] == (provider, key) and any(fnmatchcase(name, row[2]) for name in billed_as)
    ]
    return tuple((item, Decimal(most) if most else None) for _, _, _, item, most in rows)


def network_lines(facts: Facts, resource_type: str, catalogue: Catalogue, use: Use = UNTOLD) -> tuple[CostLine, ...]:
    """The line of a network resource that costs by the hour (a NAT gateway); none where the type is not billed so."""
    item = _rule(resource_type)[0]
    if not item:
        return ()
    quantity, notes = count_of(facts)
    quote = catalogue.storage_quote(facts.provider, item, region_of(facts, catalogue))
    counted = use.get("processedGib") is not None
    told = notes if counted else (*notes, "data that passes through is not counted")
    confidence = Confidence.ASSUMED if notes else Confidence.EXACT
    return (hourly_line(quote, quantity, running_of(facts), told, confidence, kind=LineKind.NETWORK),)


def item_of(facts: Facts, resource_type: str) -> str:
    """The catalogue's item of a storage resource: ``ebs.gp3``, ``s3.standard_ia``."""
    storage_class = _class_of(facts, resource_type)
    item = _rule(resource_type, storage_class)[0]
    if not item:
        return storage_class if facts.storage_class else str(facts.kind)
    return item.replace("{class}", storage_class)


def _class_of(facts: Facts, resource_type: str) -> str:
    """The declared storage class, else the one that the provider takes."""
    return (facts.storage_class or _rule(resource_type)[1] or "default").lower()


def _default_class(resource_type: str, item: str) -> tuple[str, ...]:
    """What is said where no storage class is declared and the type has several."""
    return (f"{item} is the provider's default",) if "{class}" in _rule(resource_type)[0] else ()


def is_storage(kind: Kind) -> bool:
    """Whether a kind is billed by what it stores."""
    return kind in (Kind.VOLUME, Kind.SNAPSHOT, Kind.BUCKET)


def _rule(resource_type: str, storage_class: str = "") -> tuple[str, str]:
    for pattern, only, item, default in _rules():
        if fnmatchcase(resource_type, pattern) and only in ("", storage_class):
            return item, default
    return "", ""


@lru_cache(maxsize=1)
def _rules() -> tuple[tuple[str, str, str, str], ...]:
    columns = ("type", "class", "item", "default")
    rows = read_table(Path(__file__).parent / "storage_items.csv", columns)
    return tuple((row["type"], row["class"], row["item"], row["default"]) for row in rows)


@lru_cache(maxsize=1)
def _moved() -> tuple[tuple[str, str, str, str, str], ...]:
    columns = ("provider", "use", "type", "item", "most_gib")
    rows = read_table(Path(__file__).parent / "moved_items.csv", columns)
    return tuple((row["provider"], row["use"], row["type"], row["item"], row["most_gib"]) for row in rows)


@lru_cache(maxsize=1)
def _claim_classes() -> dict[str, tuple[str, str]]:
    rows = read_table(Path(__file__).parent / "claim_classes.csv", ("class", "provider", "item", "source"))
    return {row["class"]: (row["provider"], row["item"]) for row in rows}
