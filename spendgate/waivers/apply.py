"""Waivers over the findings of one stack: what they let pass, and what is to be said about the waivers themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from spendgate.estimate.model import EXACT, Estimate
from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.verdict import Finding, Status
from spendgate.waivers.decide import Active, Context, active, scope_gap, time_gap
from spendgate.waivers.model import EXPIRED, TOO_WIDE, UNUSED, Kind, Waived, Waiver, Waivers

TYPE = "spendgate:waivers:Waiver"
"""The type of what a finding about a waiver is about."""


@dataclass(frozen=True, slots=True)
class Use:
    """What became of one waiver that is for this stack: how many findings it covers and how many of them it lets pass,
    and why not more."""

    waiver: Waiver
    covered: int
    waived: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """The findings with what is waived marked so, those about the waivers themselves, and what became of each."""

    findings: tuple[Finding, ...]
    own: tuple[Finding, ...]
    uses: tuple[Use, ...]


def apply(
    waivers: Waivers,
    findings: Sequence[Finding],
    context: Context,
    now: datetime,
    *,
    asked: Collection[str],
    complete: bool = True,
) -> Applied:
    """Mark what the waivers let pass. ``asked`` are the guardrails that were asked; where not all of the stack was seen
    (not ``complete``), no waiver is called unused."""
    if not waivers.entries:
        return Applied(tuple(findings), (), ())
    meant = [[one for one in waivers.index.of(item) if scope_gap(one, item, context) is None] for item in findings]
    covered = _by_waiver(zip(findings, meant, strict=True))
    context = replace(
        context,
        approvals=waivers.rules.approvals,
        together={
            one.id: _together(covered.get(one.id, ()), context) for one in waivers.entries if one.kind is Kind.APPROVAL
        },
    )
    marked = tuple(_marked(finding, mine, context, now) for finding, mine in zip(findings, meant, strict=True))
    covered = _by_waiver(zip(marked, meant, strict=True))
    here = [one for one in waivers.entries if one.covers_stack(context.project, context.stack, context.environment)]
    uses = tuple(_use(one, covered.get(one.id, ()), now) for one in here)
    names = _Names(asked)
    own = [
        finding
        for use in uses
        for finding in _about(use, waivers, covered.get(use.waiver.id, ()), now, names, complete)
        if finding.enforcement is not Enforcement.DISABLED
    ]
    return Applied(marked, tuple(own), uses)


def _by_waiver(meant: Iterable[tuple[Finding, Iterable[Waiver]]]) -> Mapping[str, Sequence[Finding]]:
    """The findings that each waiver is for, by its id."""
    covered: dict[str, list[Finding]] = {}
    for finding, waivers in meant:
        for waiver in waivers:
            covered.setdefault(waiver.id, []).append(finding)
    return covered


class _Names:
    """How many of the guardrails that were asked a name or glob stands for; each is compared once."""

    def __init__(self, asked: Collection[str]) -> None:
        self._asked = asked
        self._counted: dict[str, int] = {}

    def of(self, waiver: Waiver) -> int:
        if waiver.guardrail not in self._counted:
            self._counted[waiver.guardrail] = sum(waiver.covers_guardrail(name) for name in self._asked)
        return self._counted[waiver.guardrail]


def costs_by_address(estimate: Estimate, stack_address: str) -> Mapping[str, Decimal | None]:
    """US dollars a month at the largest size, by resource and of the stack; None where a part has no price."""
    costs: dict[str, Decimal | None] = {stack_address: Decimal(0)}
    for line in estimate.lines:
        free = line.cost is None and line.quote.reason == "paid_by_nodes"
        cost = line.cost.monthly.high if line.cost else Decimal(0) if free else None
        for address in (line.resource, stack_address):
            costs[address] = _sum((costs.get(address, Decimal(0)), cost))
    return costs


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total = EXACT.add(total, cost)
    return total


def _together(covered: Iterable[Finding], context: Context) -> Decimal | None:
    """What all that an approval would let pass can cost: the whole stack where a finding of it is among that."""
    meant = {one.address: one.type for one in covered}
    whole = [address for address, type_ in meant.items() if type_ == "pulumi:pulumi:Stack"]
    return _sum(context.costs.get(address, Decimal(0)) for address in whole or meant)


def _marked(finding: Finding, entries: Iterable[Waiver], context: Context, now: datetime) -> Finding:
    """The finding as the first active waiver leaves it; else with what the waivers that are meant for it lack."""
    reasons = []
    for waiver in entries:
        word = active(waiver, finding, context, now)
        if isinstance(word, Active):
            return replace(finding, status=Status.WAIVED, waiver=Waived.by(waiver))
        if word.meant:
            reasons.append(f"{waiver.id}: {word.why}")
    return replace(finding, not_waived=tuple(reasons)) if reasons else finding


def _use(waiver: Waiver, covered: Sequence[Finding], now: datetime) -> Use:
    waived = sum(one.waiver is not None and one.waiver.id == waiver.id for one in covered)
    reasons = [
        why.removeprefix(f"{waiver.id}: ")
        for one in covered
        for why in one.not_waived
        if why.startswith(f"{waiver.id}: ")
    ]
    gap = time_gap(waiver, now) or next(iter(reasons), "")
    return Use(waiver, len(covered), waived, gap or ("" if covered else "nothing to waive"))


def _about(
    use: Use,
    waivers: Waivers,
    covered: Sequence[Finding],
    now: datetime,
    names: _Names,
    complete: bool,
) -> Iterable[Finding]:
    waiver, levels = use.waiver, waivers.rules.levels
    if (gap := time_gap(waiver, now)) is not None:
        if gap.startswith("expired"):
            hangs = f"; {_count(len(covered), 'finding')} would need it" if covered else ""
            remedy = "Remove it, or have it granted again with a new expiry."
            yield about(EXPIRED, levels[EXPIRED], waiver, f"{gap}{hangs}", remedy, Severity.MEDIUM)
        return
    if complete and not covered and names.of(waiver):
        text = f"lets nothing pass: {waiver.guardrail} has nothing to say of {waiver.resource}"
        yield about(UNUSED, levels[UNUSED], waiver, text, "Remove it, or correct its resource.", Severity.LOW)
    elif complete and not covered and waivers.all_known:
        text = f"lets nothing pass: {waiver.guardrail} is not asked here"
        yield about(UNUSED, levels[UNUSED], waiver, text, "Remove it, or say which stack it is for.", Severity.LOW)
    if (width := _too_wide(waiver, waivers, covered, names)) is not None:
        remedy = "Name the guardrail and the resources that it is for, or split it into several."
        yield about(TOO_WIDE, levels[TOO_WIDE], waiver, width, remedy, Severity.HIGH)


def _too_wide(waiver: Waiver, waivers: Waivers, covered: Iterable[Finding], names: _Names) -> str | None:
    rules = waivers.rules
    if not waiver.guardrail.strip("*") and not waiver.resource.strip("*"):
        return "waives every guardrail for every resource"
    guardrails = names.of(waiver)
    if guardrails > rules.max_guardrails:
        return f"waives {guardrails} guardrails ({waiver.guardrail}); one waiver is for at most {rules.max_guardrails}"
    resources = len({one.address for one in covered})
    if resources > rules.max_resources:
        return f"is for {resources} resources ({waiver.resource}); one waiver is for at most {rules.max_resources}"
    return None


def about(name: str, level: Enforcement, waiver: Waiver, message: str, remediation: str, severity: Severity) -> Finding:
    """A finding about a waiver; its place is the entry's, relative to the working directory."""
    return Finding(
        guardrail=name,
        status=Status.VIOLATION,
        enforcement=level,
        severity=severity,
        address=f"{waiver.place.file}#{waiver.id}",
        type=TYPE,
        name=waiver.id,
        message=message,
        remediation=remediation,
        location=waiver.place,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
