"""Allocation rules as loaded, and the words of their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from spendgate.errors import Place

OWNER: Final = {
    "team": "x_Team",
    "product": "x_Product",
    "cost_center": "x_CostCenter",
    "project": "x_Project",
    "environment": "x_Environment",
    "model": "x_Model",
    "run_type": "x_RunType",
}
"""The fields of an owner, and the columns of the result that hold them."""


class Layer(StrEnum):
    """How a rule finds who pays, in the order in which the layers are asked."""

    OVERRIDE = "override"
    DIRECT = "direct"
    PROPORTIONAL = "proportional"
    FIXED = "fixed"


class Idle(StrEnum):
    """Who pays what of a pool nobody used: the pool itself (shown apart, with no owner but its pool), the platform, or
    those who used the rest, in proportion (shown apart too)."""

    TO_POOL = "to_pool"
    TO_PLATFORM = "to_platform"
    PROPORTIONAL = "proportional"


class Window(StrEnum):
    """For which span a pool's shares are worked out."""

    DAY = "day"
    MONTH = "month"


class Amount(StrEnum):
    """What is allocated: ``billed`` is what the invoice says (FOCUS BilledCost), ``amortized`` spreads what was paid up
    front over its use (EffectiveCost), ``list`` and ``contracted`` are before commitments."""

    BILLED = "billed"
    AMORTIZED = "amortized"
    CONTRACTED = "contracted"
    LIST = "list"

    @property
    def column(self) -> str:
        """The FOCUS column."""
        return {"billed": "BilledCost", "amortized": "EffectiveCost", "contracted": "ContractedCost"}.get(
            self.value, "ListCost"
        )


@dataclass(frozen=True, slots=True)
class Expression:
    """CEL text and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class FixedShare:
    """One owner's weight in a fixed split: 1 where each pays the same, heads, or per cent."""

    owner: Mapping[str, str]
    weight: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``starts`` and ``ends`` bound the charge periods that it holds for: from the first day on, before the
    last one.

    ``owner`` is of direct rules (CEL by field) and of what a pool keeps (its ``platform``). ``pool``, ``driver``,
    ``window``, ``minimum_share`` and ``idle`` are of proportional rules, ``shares`` of fixed ones; what the shares of a
    fixed rule leave over (per cent) goes to ``platform``.
    """

    name: str
    layer: Layer
    match: Expression
    place: Place
    owner: Mapping[str, Expression] = field(default_factory=dict)
    pool: Expression | None = None
    driver: str | None = None
    window: Window = Window.DAY
    minimum_share: str = "0"
    idle: Idle = Idle.PROPORTIONAL
    platform: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[FixedShare, ...] = ()
    split: str = "weights"
    starts: date | None = None
    ends: date | None = None
    dispute: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """What a shared pool is split by: a table of who used how much of which pool when.

    ``value`` is CEL over ``row``; ``columns`` says which column holds the pool, the time, the capacity and each field
    of an owner. ``unit`` is what the value counts. ``aliases`` are other names of owners, by field.
    ``bill`` is what of the bill itself stands for a table that is not there: ``gpu_hours``, of the lines that owners
    have of their own.
    """

    name: str
    unit: str
    value: Expression
    columns: Mapping[str, str]
    place: Place
    file: str | None = None
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bill: str | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file, in order, with the drivers they name and other names of owners by field."""

    name: str
    amount: Amount
    rules: tuple[Rule, ...]
    drivers: Mapping[str, Driver]
    aliases: Mapping[str, Mapping[str, str]]
    place: Place


@dataclass(frozen=True, slots=True)
class Dispute:
    """Lines whose owner is contested; they are allocated as the rules say, and shown apart."""

    name: str
    match: Expression
    reason: str
    opened_by: str
    opened: date


POOLED: Final = (Layer.PROPORTIONAL, Layer.FIXED)
"""Layers whose lines are split by the shares of a pool."""

ORDER: Final = (Layer.OVERRIDE, Layer.DIRECT, Layer.PROPORTIONAL, Layer.FIXED)


def in_order(rules: RuleSet) -> tuple[Rule, ...]:
    """The rules in the order in which they are asked: overrides, then the three layers, each as written."""
    return tuple(rule for layer in ORDER for rule in rules.rules if rule.layer is layer)
