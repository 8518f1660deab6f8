"""Cost lines of an estimate as lines of a bill: the FOCUS columns that rules read, as far as they are known before
anything runs."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from spendgate.allocate.projected.decide import Line
from spendgate.estimate.model import EXACT, CostLine
from spendgate.facts.model import Workload
from spendgate.prices.model import Purchase

PROVIDERS: Final = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Microsoft"}
"""ProviderName by the provider of a fact; another one stands as it is."""

PRICING: Final = {
    Purchase.ON_DEMAND: "Standard",
    Purchase.SPOT: "Dynamic",
    Purchase.RESERVED: "Committed",
    Purchase.CAPACITY_BLOCK: "Committed",
}
"""PricingCategory (FOCUS 1.0) by purchase option."""


def as_line(line: CostLine, workload: Workload | None, day: date, project: str, stack: str, environment: str) -> Line:
    """What rules may read of a cost line.

    BilledCost, EffectiveCost and ContractedCost are the expected month, ListCost what it is before discounts; the
    charge period starts on ``day``. ResourceId is the URN and ResourceType the type token, as no provider has named the
    resource yet. A line without a price has no costs. Columns of an estimate alone: ``x_Item`` (of the catalogue),
    ``x_Kind``, ``x_Purchase``, ``x_Stack``, ``x_StackProject``, ``x_StackEnvironment``.
    """
    resource = workload.resource if workload is not None else None
    cost = line.cost.monthly.expected if line.cost is not None else None
    listed = line.listed.monthly.expected if line.listed is not None else cost
    used = line.quantity.expected if line.hours is None else EXACT.multiply(line.quantity.expected, line.hours.expected)
    type_ = resource.type if resource is not None else line.quote.provider
    # What a cluster runs is billed as the machines of its provider.
    billed_as = f"kubernetes@{line.quote.provider}" if type_.startswith("kubernetes:") else type_
    service, category = service_of(billed_as, str(line.kind))
    unit = "Hours" if line.unit == "hour" else line.unit
    known = {
        "BilledCost": _number(cost),
        "EffectiveCost": _number(cost),
        "ContractedCost": _number(cost),
        "ListCost": _number(listed),
        "BillingCurrency": line.quote.currency,
        "ChargeCategory": "Usage",
        "ChargeDescription": line.item,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
        "ConsumedQuantity": _number(used),
        "ConsumedUnit": unit,
        "PricingQuantity": _number(used),
        "PricingUnit": unit,
        "PricingCategory": PRICING[line.quote.purchase],
        "ListUnitPrice": _number(line.quote.amount),
        "ProviderName": PROVIDERS.get(line.quote.provider, line.quote.provider),
        "RegionId": line.quote.region,
        "ResourceId": line.resource,
        "ResourceName": resource.name if resource is not None else line.resource,
        "ResourceType": type_,
        "ServiceName": service,
        "ServiceCategory": category,
    }
    others = {
        "x_Item": line.item,
        "x_Kind": str(line.kind),
        "x_Purchase": str(line.quote.purchase),
        "x_Stack": stack,
        "x_StackProject": project,
        "x_StackEnvironment": environment,
    }
    tags = dict(workload.facts.tags) if workload is not None else {}
    return Line({name: value for name, value in known.items() if value is not None}, tags, others, day)


def service_of(type_: str, kind: str) -> tuple[str | None, str | None]:
    """The ServiceName and ServiceCategory of a line of this resource type; None for both where no row fits."""
    for pattern, of_kind, service, category in _services():
        if of_kind in ("*", kind) and fnmatchcase(type_, pattern):
            return service, category
    return None, None


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


@lru_cache(maxsize=1)
def _services() -> tuple[tuple[str, ...], ...]:
    with (Path(__file__).parent / "services.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(line for line in file if not line.startswith("#"))
        next(rows)
        return tuple(tuple(row) for row in rows)
