"""The columns of a FOCUS bill, and what rules may read of a line.

Source: FinOps Open Cost and Usage Specification (focus.finops.org), 1.0 (2024-06), 1.1 (2024-11) and 1.2 (2025-05);
the columns of later releases are optional in bills of earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from spendgate.rules.cel.types import DOUBLE, DYN, STRING, MapOf, Message, Schema


class Kind(Enum):
    """What a column holds: ibis types by name."""

    TEXT = "string"
    COST = "decimal(26, 12)"
    QUANTITY = "decimal(38, 15)"
    TIME = "timestamp"


_COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")
_QUANTITIES = (
    "CommitmentDiscountQuantity",
    "ConsumedQuantity",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
)
_TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
_TEXTS = (
    "AvailabilityZone",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedUnit",
    "InvoiceId",
    "InvoiceIssuerName",
    "PricingCategory",
    "PricingCurrency",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
)

COLUMNS: Final[dict[str, Kind]] = dict(
    sorted(
        {
            **dict.fromkeys(_COSTS, Kind.COST),
            **dict.fromkeys(_QUANTITIES, Kind.QUANTITY),
            **dict.fromkeys(_TIMES, Kind.TIME),
            **dict.fromkeys(_TEXTS, Kind.TEXT),
        }.items()
    )
)
"""Column by name, without ``Tags``."""

REQUIRED: Final = ("BillingCurrency", "ChargePeriodStart")
"""Without these (and the cost that is allocated) no line can be placed."""

LINE_ID: Final = "x_LineId"
READ_AS: Final = "x_ReadAs"
"""Of bills in other formats: the mapping by which they were read."""

TAGS: Final = "Tags"

_BY_LOW: Final = {name.lower(): name for name in (*COLUMNS, TAGS)}


def focus_names(names: Iterable[str]) -> dict[str, str]:
    """Of a bill's columns those that are FOCUS' in another case, with how FOCUS writes them: databases write names in
    capitals or in small letters."""
    return {name: own for name in names if (own := _BY_LOW.get(name.lower(), name)) != name}


LINE: Final = Schema.of(
    {
        "line": Message(
            "Line",
            {name: DOUBLE if kind in (Kind.COST, Kind.QUANTITY) else STRING for name, kind in COLUMNS.items()},
        ),
        "tags": MapOf(STRING),
        "columns": MapOf(STRING),
    }
)
"""``line`` holds the FOCUS columns (times as text, ``2026-03-01T00:00:00Z``), ``tags`` the tags by key, ``columns``
every other column of the bill as text, by its own name."""

ROW: Final = Schema.of({"row": MapOf(DYN)})
"""``row`` holds the columns of a driver's table."""
