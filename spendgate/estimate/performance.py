"""Cost lines of what a volume may do beyond its size: provisioned IOPS and throughput above what is included."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from spendgate.estimate.compute import count_of, region_of, unknown, unknown_as
from spendgate.estimate.lines import monthly_line, without_price
from spendgate.estimate.model import Confidence, CostLine, LineKind
from spendgate.estimate.running import decimal, exactly
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import Facts
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.prices.tables import read_table

_SHOWN: Final = {"iops": "IOPS", "throughput_mibps": "MiB/s"}
_UNIT: Final = {"iops": "IOPS-month", "throughput_mibps": "MBps-month"}


class _Rule(NamedTuple):
    """A row of ``performance_items.csv``."""

    type: str
    storage_class: str
    fact: str
    item: str
    included: Decimal


def performance_lines(
    facts: Facts, resource_type: str, storage_class: str, catalogue: Catalogue, use: Use = UNTOLD
) -> tuple[CostLine, ...]:
    """A line each for IOPS and throughput that are paid for; ``storage_class`` is the one that holds, a default too."""
    lines = []
    region = region_of(facts, catalogue)
    quantity, notes = count_of(facts, use)
    for rule in _rules_of(resource_type, storage_class):
        reason = unknown(facts, rule.fact)
        if reason is not None:
            note = f"{rule.fact} is unknown: {reason}"
            asked = (facts.provider, rule.item, region, Purchase.ON_DEMAND, unknown_as(reason), note)
            lines.append(without_price(*asked, quantity, _UNIT[rule.fact], LineKind.STORAGE))
            continue
        asked_for = getattr(facts, rule.fact)
        more = decimal(asked_for or 0) - rule.included
        if more <= 0:
            continue
        quote = catalogue.storage_quote(facts.provider, rule.item, region)
        shown = f"{decimal(asked_for).normalize():f} {_SHOWN[rule.fact]}"
        told = f"{shown} each, of which {rule.included:f} are included" if rule.included else f"{shown} each"
        confidence = Confidence.ASSUMED if notes else Confidence.EXACT
        lines.append(monthly_line(quote, quantity * exactly(more), (*notes, told), confidence))
    return tuple(lines)


def _rules_of(resource_type: str, storage_class: str) -> tuple[_Rule, ...]:
    return tuple(
        rule
        for rule in _rules()
        if rule.storage_class == storage_class.lower() and fnmatchcase(resource_type, rule.type)
    )


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    columns = ("type", "class", "fact", "item", "included")
    rows = read_table(Path(__file__).parent / "performance_items.csv", columns)
    return tuple(_Rule(row["type"], row["class"], row["fact"], row["item"], Decimal(row["included"])) for row in rows)
