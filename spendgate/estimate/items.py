"""Cost lines of what a mapping table names by the catalogue's item: fees, load balancers, managed instances."""

from __future__ import annotations

from dataclasses import replace

from spendgate.estimate.compute import count_of, region_of, unknown, unknown_as
from spendgate.estimate.lines import hourly_line, monthly_line, without_price
from spendgate.estimate.model import Confidence, CostLine, LineKind
from spendgate.estimate.running import exactly, running_of
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import ITEM, Kind, Part
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase


def is_item(billed_as: str) -> bool:
    """Whether a part is billed as an item of the catalogue, not as another type."""
    return billed_as.startswith(ITEM)


def item_lines(part: Part, catalogue: Catalogue, use: Use = UNTOLD) -> tuple[CostLine, ...]:
    """The line of one such part: its count, times its size where it is storage, by the hour or the month as the
    catalogue lists it."""
    facts, item = part.facts, part.billed_as.removeprefix(ITEM)
    kind = _kind_of(facts.kind)
    quantity, notes = count_of(facts, use)
    region = region_of(facts, catalogue)
    facts_read = ("item", "region", "count", *(("size_gib",) if kind is LineKind.STORAGE else ()))
    for fact in facts_read:
        reason = unknown(facts, fact)
        if reason is not None:
            asked = (facts.provider, item or part.name, region, Purchase.ON_DEMAND, unknown_as(reason))
            unit = "GiB-month" if kind is LineKind.STORAGE else "hour"
            shown = "what it is billed as" if fact == "item" else fact
            return (without_price(*asked, f"{shown} is unknown: {reason}", quantity, unit, kind),)
    if not item:
        note = "what it is billed as is not declared"
        asked = (facts.provider, part.name, region, Purchase.ON_DEMAND, NoPrice.UNPRICED)
        return (without_price(*asked, note, quantity, kind=kind),)
    if kind is LineKind.STORAGE:
        if facts.size_gib is None:
            return ()
        quantity = quantity * exactly(facts.size_gib)
    if quantity.high == 0:
        return ()
    quote = catalogue.storage_quote(facts.provider, item, region)
    if quote.amount is None and kind is not LineKind.STORAGE and not quote.unit.endswith("hour"):
        quote = replace(quote, unit="hour")  # of an item that no table lists nothing is known but what it is for
    confidence = Confidence.ASSUMED if notes or facts.defaults else Confidence.EXACT
    if quote.unit.endswith("hour"):
        return (hourly_line(quote, quantity, running_of(facts, use), notes, confidence, kind=kind),)
    return (monthly_line(quote, quantity, notes, confidence, kind),)


def _kind_of(kind: Kind) -> LineKind:
    if kind in (Kind.VOLUME, Kind.SNAPSHOT, Kind.BUCKET):
        return LineKind.STORAGE
    return {Kind.NETWORK: LineKind.NETWORK, Kind.OTHER: LineKind.FEE}.get(kind, LineKind.MACHINE)
