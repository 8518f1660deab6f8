"""What the catalogue knows: instance types, accelerators, and quotes (the price of one unit, or why there is none)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

ANY: Final = "any"
"""The provider of a quote that is over all clouds."""


class Purchase(StrEnum):
    """How capacity is bought."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    RESERVED = "reserved"
    CAPACITY_BLOCK = "capacity_block"


class NoPrice(StrEnum):
    """Why there is no amount. No price is never zero."""

    NOT_OFFERED_IN_REGION = "not_offered_in_region"
    RESERVATION_ONLY = "reservation_only"
    UNPRICED = "unpriced"
    UNKNOWN_UNTIL_APPLY = "unknown_until_apply"
    PAID_BY_NODES = "paid_by_nodes"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator as one instance carries it. ``count`` may be a fraction (an eighth of an L4 is 0.125).

    ``memory_gib`` is the marketed memory of one whole device in GiB; with ``model`` it is the key
    (A100 is 40 or 80 GiB). ``kind`` is ``gpu``, ``tpu``, ``ai`` (Inferentia, Trainium, Gaudi),
    ``fpga`` or ``video`` (a transcoder).
    """

    vendor: str
    model: str
    memory_gib: float | None
    count: float
    kind: str = "gpu"

    def __post_init__(self) -> None:
        if self.count <= 0:
            raise ValueError(f"an accelerator count is above 0, not {self.count}")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One instance type: vCPUs, memory in GiB (None where no source says), and its accelerator if it has one."""

    provider: str
    name: str
    vcpu: float | None
    memory_gib: float | None
    accelerator: Accelerator | None = None
    architecture: str | None = None
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one unit of ``item`` in a region and purchase option, or the ``reason`` there is none.

    ``amount`` is in ``currency`` per ``unit`` (``hour``, ``GiB-month``). ``low`` and ``high`` bound it where
    the price moves (spot). ``source`` and ``as_of`` (ISO date) say where the figure is from; ``derived`` marks
    a figure computed from published ones, with the rule in ``note``; ``private`` one from the user's own prices.
    ``term`` is how long one commits to a reserved price: ``1 year`` or ``3 years``.
    """

    provider: str
    item: str
    region: str | None
    purchase: Purchase
    unit: str
    amount: Decimal | None
    source: str
    as_of: str
    currency: str = "USD"
    low: Decimal | None = None
    high: Decimal | None = None
    derived: bool = False
    reason: NoPrice | None = None
    note: str = ""
    private: bool = False
    term: str = ""

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.reason is None):
            raise ValueError(f"a quote has an amount or a reason, not both or neither: {self.item} {self.region}")
        if self.amount is not None and self.amount < 0:
            raise ValueError(f"a price is not negative: {self.item} {self.amount}")
