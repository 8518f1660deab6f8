"""Whether a waiver lets a finding pass. Every command asks here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from spendgate.money import show_money
from spendgate.waivers.model import Approvals, Kind, Waiver, Waivers

if TYPE_CHECKING:
    from spendgate.verdict import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """The stack that a finding is about, and what things cost.

    ``costs`` are US dollars a month at the largest size, by address (of resources, and of the stack itself); None where
    a part has no price. ``together`` is the same sum over all that an approval would let pass, by its id. What is in
    neither costs nothing.
    """

    project: str
    stack: str
    environment: str
    costs: Mapping[str, Decimal | None] = field(default_factory=dict)
    together: Mapping[str, Decimal | None] = field(default_factory=dict)
    approvals: Approvals = field(default_factory=Approvals)


@dataclass(frozen=True, slots=True)
class Active:
    """The waiver lets the finding pass."""

    waiver: Waiver


@dataclass(frozen=True, slots=True)
class Inactive:
    """The waiver does not let it pass, and why. ``meant`` where it is for this finding and fails for another reason."""

    waiver: Waiver
    why: str
    meant: bool = False


def is_meant(waivers: Waivers, finding: Finding, context: Context, now: datetime) -> bool:
    """Whether a waiver that holds today is for this finding, whatever it costs."""
    found = waivers.index.of(finding)
    return any(time_gap(one, now) is None and scope_gap(one, finding, context) is None for one in found)


def active(waiver: Waiver, finding: Finding, context: Context, now: datetime) -> Active | Inactive:
    """Whether a waiver lets a finding pass at ``now`` (an aware time), or why not."""
    if (why := scope_gap(waiver, finding, context)) is not None:
        return Inactive(waiver, why)
    if finding.status == "error":
        return Inactive(waiver, "a guardrail that failed has said nothing that could be waived", meant=True)
    why = time_gap(waiver, now) or _approval_gap(waiver, finding, context) or _cost_gap(waiver, finding, context)
    return Active(waiver) if why is None else Inactive(waiver, why, meant=True)


def scope_gap(waiver: Waiver, finding: Finding, context: Context) -> str | None:
    """Why a waiver is not for this finding at all, or None when it is."""
    if not waiver.covers_guardrail(finding.guardrail):
        return f"it is for {waiver.guardrail}"
    if not waiver.covers_stack(context.project, context.stack, context.environment):
        return "it is for another project, stack or environment"
    if not waiver.covers_resource(finding.name, finding.address, finding.type):
        return f"it is for {waiver.resource}"
    return None


def time_gap(waiver: Waiver, now: datetime) -> str | None:
    """Why a waiver does not hold on this day (in UTC), or None when it does."""
    today = now.astimezone(UTC).date()
    if today > waiver.expires:
        return f"expired on {waiver.expires}"
    if waiver.granted is not None and today < waiver.granted:
        return f"holds only from {waiver.granted}"
    return None


def _approval_gap(waiver: Waiver, finding: Finding, context: Context) -> str | None:
    if waiver.kind is Kind.APPROVAL:
        return waiver.invalid or None
    if context.approvals.needed_for(finding.guardrail):
        return f"only a signed approval lifts {finding.guardrail}"
    return None


def _cost_gap(waiver: Waiver, finding: Finding, context: Context) -> str | None:
    """Ceilings are held against the largest size: that is the sum that somebody agreed to. What has no price may cost
    anything, so no ceiling holds it."""
    limits = (
        (waiver.max_monthly_cost, "its cost ceiling", context.costs.get(finding.address, Decimal(0))),
        (waiver.amount, "the approved amount", context.together.get(waiver.id, Decimal(0))),
    )
    for limit, name, cost in limits:
        if limit is None:
            continue
        if cost is None:
            return f"{name} of {show_money(limit)} a month cannot be held against what has no price"
        if cost > limit:
            return f"{name} is {show_money(limit)} a month, and it can cost {show_money(cost)}"
    return None
