"""Which cheaper ways the guardrails allow: each is asked about as if it were declared. Pure, as the gate is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from spendgate.estimate.alternatives import Alternative
from spendgate.estimate.carbon import CarbonOf, Footprint
from spendgate.estimate.model import EXACT, ZERO, Cost, Estimate, Range
from spendgate.estimate.savings import Group, Lines, Saving, find_savings
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Quote
from spendgate.resource import Declaration
from spendgate.rules.compiled import Compiled
from spendgate.rules.evaluate import Memo, ask
from spendgate.rules.guardrail import Target
from spendgate.rules.subject import Subject
from spendgate.rules.vocabulary import StackContext, carbon_values, cost_values
from spendgate.subjects import lines_by_resource, resource_subject, stack_subject


def cheaper_ways(
    declaration: Declaration,
    context: StackContext,
    guardrails: Iterable[Compiled],
    catalogue: Catalogue,
    *,
    carbon_of: CarbonOf | None = None,
    fresh: Callable[[Quote], bool] = lambda quote: True,
    price: Callable[[Workload], Lines] | None = None,
) -> tuple[Saving, ...]:
    """The savings of a stack that no mandatory guardrail newly refuses.

    A guardrail that reads a fact which the alternative alters has to be content with it; any other must not refuse
    what it did not refuse before. Guardrails that read the declared properties see them unaltered.
    """
    asked = _Allowed(declaration, context, tuple(guardrails), carbon_of)
    return find_savings(
        context.workloads,
        context.estimate.lines,
        catalogue,
        environment=context.environment,
        allowed=asked,
        fresh=fresh,
        price=price,
    )


class _Allowed:
    """Asks the guardrails about an alternative, with the stack's figures as they would be."""

    def __init__(
        self,
        declaration: Declaration,
        context: StackContext,
        guardrails: tuple[Compiled, ...],
        carbon_of: CarbonOf | None,
    ) -> None:
        self.currency = context.estimate.currency
        self.carbon = context.carbon
        self.carbon_of = carbon_of
        self.whole = stack_subject(declaration, context)
        self.shared = self.whole.values
        self.lines = lines_by_resource(context.estimate)
        self.total = context.estimate.total
        self.of_resources = [item for item in guardrails if item.guardrail.target is Target.RESOURCE]
        self.of_stack = [item for item in guardrails if item.guardrail.target is Target.STACK]
        self.stack_refuses = {item.guardrail.name for item in self.of_stack if _denies(item, self.whole)}
        self.memo: Memo = {}
        self.before: dict[tuple[str, str], bool] = {}

    def __call__(self, group: Group, alternative: Alternative, lines: Lines) -> bool:
        # Guardrails that read what is altered refuse most, so they are asked first.
        ordered = sorted(self.of_resources, key=lambda item: not _reads(item, alternative))
        shared: Mapping[str, Any] = self._shared(group, lines)
        for compiled in ordered:
            members = group.members if _tells_apart(compiled) else group.members[:1]
            memo = None if _reads_root(compiled, "stack") else self.memo
            for member in members:
                refused = _denies(compiled, self._subject(member, alternative, lines, shared), memo)
                if refused and (_reads(compiled, alternative) or not self._refused(compiled, member)):
                    return False
        whole = replace(self.whole, values=shared, keys={})
        return all(item.guardrail.name in self.stack_refuses or not _denies(item, whole) for item in self.of_stack)

    def _subject(self, member: Workload, alternative: Alternative, lines: Lines, shared: Mapping[str, Any]) -> Subject:
        altered = replace(member, facts=replace(alternative.facts, tags=member.facts.tags))
        return resource_subject(altered, lines, shared, self.currency, self.carbon_of)

    def _refused(self, compiled: Compiled, member: Workload) -> bool:
        """Whether a guardrail refuses the resource as it is declared."""
        address = member.resource.address
        key = (compiled.guardrail.name, address)
        if key not in self.before:
            own = self.lines.get(address, ())
            subject = resource_subject(member, own, self.shared, self.currency, self.carbon_of)
            self.before[key] = _denies(compiled, subject)
        return self.before[key]

    def _shared(self, group: Group, lines: Lines) -> Mapping[str, Any]:
        """What is said of the stack with one of its groups had in another way: its cost, and its carbon where that is
        read. The rest, and what has no price, stays as it is."""
        members = len(group.members)
        own, other = Estimate(group.lines).total, Estimate(lines).total
        total = _moved(self.total, own, other, members)
        stack = self.shared["stack"]
        figures = {**cost_values(total, Estimate(currency=self.currency)), "unpriced": stack["cost"]["unpriced"]}
        altered = {**stack, "cost": figures}
        if self.carbon is not None and self.carbon_of is not None:
            before, after = self.carbon_of.footprint(group.lines), self.carbon_of.footprint(lines)
            addresses = {member.resource.address for member in group.members}
            missing = (item for item in self.carbon.missing if item.resource not in addresses)
            carbon = Footprint(
                kwh=_with(self.carbon.kwh, before.kwh, after.kwh, members),
                kg=_with(self.carbon.kg, before.kg, after.kg, members),
                missing=(*missing, *after.missing * members),
            )
            altered["carbon"] = carbon_values(carbon)
        return {**self.shared, "stack": altered}


def _denies(compiled: Compiled, subject: Subject, memo: Memo | None = None) -> bool:
    return any(finding.denies for finding in ask(compiled, subject, memo))


def _reads(compiled: Compiled, alternative: Alternative) -> bool:
    """Whether a guardrail reads a fact that the alternative alters."""
    return any(path == ("facts",) or (path[0] == "facts" and path[1] in alternative.alters) for path in compiled.reads)


def _tells_apart(compiled: Compiled) -> bool:
    """Whether a guardrail reads what may differ between workloads of one type with equal facts (a name, a property)."""
    return any(path[0] == "resource" and path[1:] not in (("type",), ("external",)) for path in compiled.reads)


def _reads_root(compiled: Compiled, root: str) -> bool:
    return any(path[0] == root for path in compiled.reads)


def _moved(total: Cost, own: Cost, other: Cost, members: int) -> Cost:
    """A total in which so many resources cost something else."""
    run = total.run
    if run is not None:
        run = _with(run, own.run or ZERO, other.run or ZERO, members)
    return replace(
        total,
        hourly=_with(total.hourly, own.hourly, other.hourly, members),
        daily=_with(total.daily, own.daily, other.daily, members),
        monthly=_with(total.monthly, own.monthly, other.monthly, members),
        run=run,
    )


def _with(total: Range, own: Range, other: Range, members: int) -> Range:
    def bound(name: str) -> Any:
        difference = EXACT.subtract(getattr(other, name), getattr(own, name))
        return EXACT.add(getattr(total, name), EXACT.multiply(difference, members))

    return Range(bound("low"), bound("expected"), bound("high"))
