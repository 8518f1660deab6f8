"""The gate: from what one input declares to findings and an estimate. Pure: no I/O, no clock, no environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from spendgate.errors import InputError, Place
from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.discounts import Discount, Term, in_force
from spendgate.estimate.model import Estimate, Range
from spendgate.estimate.storage import is_storage
from spendgate.estimate.today import estimate_today
from spendgate.estimate.usage import NONE as NO_USAGE
from spendgate.estimate.usage import Usage
from spendgate.facts import facts_of
from spendgate.facts.model import Workload
from spendgate.prices.age import is_fresh
from spendgate.resource import Declaration, Resource
from spendgate.rules.compiled import Compiled
from spendgate.rules.evaluate import Asked, Memo, ask, ask_all
from spendgate.rules.guardrail import Enforcement, Target
from spendgate.rules.subject import Subject
from spendgate.rules.totals import words_of
from spendgate.rules.vocabulary import Shared, StackContext
from spendgate.subjects import drivers_by_resource, lines_by_resource, resource_subject, stack_subject
from spendgate.verdict import Checked, Finding, Priced
from spendgate.waivers.apply import Applied, apply, costs_by_address
from spendgate.waivers.decide import Context
from spendgate.waivers.model import NO_WAIVERS, Waivers

if TYPE_CHECKING:
    from spendgate.allocate.projected.project import Projection
    from spendgate.prices.catalogue import Catalogue


def check(
    declaration: Declaration,
    guardrails: Iterable[Compiled],
    catalogue: Catalogue,
    *,
    environment: str,
    now: datetime,
    carbon: bool = False,
    waivers: Waivers = NO_WAIVERS,
    savings: bool = False,
    max_price_age: int | None = None,
    usage: Usage = NO_USAGE,
    discounts: Sequence[Term] = (),
    previous: Range | None = None,
    as_declared: bool = False,
    shown: Callable[[Place], Place] | None = None,
    allocation: Projection | None = None,
) -> Checked:
    """Facts, estimate and findings of one declaration, with what ``waivers`` let pass marked so; with ``carbon``, also
    its footprint.

    With ``savings``, also the cheaper ways that the guardrails allow, at prices no older than ``max_price_age`` days.
    ``usage`` is how much is used, ``discounts`` what the project pays below list prices, ``previous`` the month of an
    earlier estimate of the same stack, ``shown`` how a finding names a place (as the declaration does, unless given),
    ``allocation`` the rules of who pays the estimate.
    What guardrails at level ``remediate`` patch is judged as patched, which is how a served pack has it deployed; with
    ``as_declared`` nothing is patched.
    ``now`` is an aware datetime. A declaration that is incomplete is checked as far as it goes, with ``error`` set.
    """
    guardrails = tuple(guardrails)
    declaration = replace(declaration, resources=in_source_order(declaration.resources))
    carbon_of = CarbonOf(catalogue) if carbon or reads_carbon(guardrails) else None
    mending = None
    if any(compiled.patches or compiled.selected.enforcement is Enforcement.REMEDIATE for compiled in guardrails):
        from spendgate.remedy.stack import Mending

        mending = Mending(
            declaration, guardrails, catalogue, environment, now, waivers, usage, discounts, carbon_of, as_declared
        )
        declaration = mending.declaration
    workloads = facts_of(declaration, catalogue)
    estimate = estimate_today(workloads, catalogue, usage, discounts, now)
    footprint = carbon_of.footprint(estimate.lines) if carbon_of else None
    context = StackContext(
        declaration.stack,
        declaration.project,
        declaration.organization,
        environment,
        estimate,
        workloads,
        now,
        footprint,
        previous,
        tag_words(guardrails),
        in_force(discounts, now.date())[0],
    )
    findings = (
        *resource_findings(workloads, estimate, guardrails, context, carbon_of, shown),
        *stack_findings(declaration, guardrails, context, shown),
    )
    if mending is not None:
        findings = mending.explained(findings)
    waived = with_waivers(
        waivers,
        findings,
        stack_subject(declaration, context),
        guardrails,
        context,
        now,
        complete=not declaration.incomplete,
    )
    cheaper = None
    if savings:
        from spendgate.cheaper import cheaper_ways

        fresh = partial(is_fresh, max_age=max_price_age, today=now.date())
        # What is committed to is taken by what is declared; an altered resource gets the discounts alone.
        alone = replace(usage, models=(), scenarios=())
        percents = tuple(term for term in discounts if isinstance(term, Discount))
        cheaper = cheaper_ways(
            declaration,
            context,
            guardrails,
            catalogue,
            carbon_of=carbon_of,
            fresh=fresh,
            price=lambda workload: estimate_today((workload,), catalogue, alone, percents, now).lines,
        )
    paid = None
    if allocation is not None:
        from spendgate.allocate.projected.project import project

        paid = project(
            allocation,
            estimate,
            workloads,
            day=now.date(),
            name=declaration.project,
            stack=declaration.stack,
            environment=environment,
        )
    return Checked(
        path=declaration.root,
        project=declaration.project,
        stack=declaration.stack,
        environment=environment,
        engine=declaration.engine,
        resources=len(workloads),
        findings=(*waived.findings, *waived.own),
        estimate=estimate,
        unmapped=Counter(item.resource.type for item in workloads if not item.mapped),
        names={item.resource.address: item.resource.name for item in workloads},
        assumptions=declaration.assumptions,
        unanswered=declaration.unanswered,
        messages=declaration.messages,
        guardrails=tuple(compiled.selected for compiled in guardrails),
        footprint=footprint if carbon else None,
        allocation=paid,
        priced=_priced(workloads, estimate),
        waivers=waived.uses,
        faults=waivers.faults,
        savings=cheaper,
        remedies=mending.remedies(waived.findings, workloads, estimate, context, shown) if mending is not None else (),
        error=InputError(declaration.incomplete, place=declaration.root) if declaration.incomplete else None,
    )


_NAMES = ("name", "bucket", "identifier", "nodeGroupName", "displayName", "vmName", "vmScaleSetName", "agentPoolName",
          "computeName", "diskName")  # fmt: skip
"""Properties in which a program says what the provider is to call a resource."""

_NAMES_OF = (("clusterIdentifier", "Cluster"), ("clusterName", "Cluster"), ("accountName", "StorageAccount"),
             ("resourceName", "ManagedCluster"))  # fmt: skip
"""Those that name something else on other types: a node group names its cluster."""


def _priced(workloads: Sequence[Workload], estimate: Estimate) -> tuple[Priced, ...]:
    """Those that have cost lines, and what stores: what that costs hangs on a use that nobody may have declared."""
    with_lines = {line.resource for line in estimate.lines}
    return tuple(
        Priced(
            address=resource.address,
            type=resource.type,
            name=resource.name,
            kind=str(workload.facts.kind),
            names=_names_of(resource, workload.facts.tags),
            ids=resource.ids,
            tags=workload.facts.tags,
            sized=workload.facts.size_gib is not None,
        )
        for workload in workloads
        if (resource := workload.resource).address in with_lines
        or (workload.mapped and is_storage(workload.facts.kind))
    )


def _names_of(resource: Resource, tags: Mapping[str, str]) -> tuple[str, ...]:
    properties = resource.properties
    given = [resource.name, *[properties[key] for key in _NAMES if key in properties], tags.get("Name")]
    given += [properties[key] for key, type_ in _NAMES_OF if key in properties and resource.type.endswith(type_)]
    return tuple(dict.fromkeys([text for text in given if type(text) is str and text]))


def with_waivers(
    waivers: Waivers,
    findings: Sequence[Finding],
    stack: Subject,
    guardrails: Iterable[Compiled],
    context: StackContext,
    now: datetime,
    *,
    complete: bool = True,
) -> Applied:
    """The findings of a whole stack under its waivers. Where it was not seen to its end, no waiver is called unused."""
    costs = costs_by_address(context.estimate, stack.address) if waivers.entries else {}
    here = Context(context.project, context.name, context.environment, costs)
    asked = frozenset(compiled.guardrail.name for compiled in guardrails)
    return apply(waivers, findings, here, now, asked=asked, complete=complete)


def in_source_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Resources by the line that declares them: a program registers them in an order that changes from run to run."""
    return tuple(
        sorted(
            resources,
            key=lambda item: (
                (item.position.file, item.position.line or 0, item.address) if item.position else ("", 0, item.address)
            ),
        )
    )


def resource_findings(
    workloads: Iterable[Workload],
    estimate: Estimate,
    guardrails: Iterable[Compiled],
    context: StackContext,
    carbon_of: CarbonOf | None = None,
    shown: Callable[[Place], Place] | None = None,
) -> Iterable[Finding]:
    """The word of every resource guardrail on every workload, in order of declaration."""
    asked = Asked(tuple(compiled for compiled in guardrails if compiled.guardrail.target is Target.RESOURCE))
    lines = lines_by_resource(estimate)
    shared, drivers = context.values(), drivers_by_resource(estimate)
    if not _reads(asked.guardrails, ("cost", "carbon"), ("cost",)):
        carbon_of = None
    seen = Shared()
    memo: Memo = {}
    for workload in workloads:
        address = workload.resource.address
        own = lines.get(address, ())
        of_use = drivers.get(address, ())
        subject = resource_subject(workload, own, shared, estimate.currency, carbon_of, of_use, shown, seen)
        yield from ask_all(asked, subject, memo)


def reads_carbon(guardrails: Iterable[Compiled]) -> bool:
    """Whether any guardrail reads the carbon of a resource or of the stack; else it is not worked out."""
    return _reads(guardrails, ("cost", "carbon"), ("stack", "carbon"), ("cost",), ("stack",))


def tag_words(guardrails: Iterable[Compiled]) -> frozenset[str] | None:
    """The words in which guardrails may name the tags whose totals they read; None where none reads any, and the totals
    are not worked out."""
    words = ("by_tag", "tag_totals", "untaggable", "unknown_tags")
    wanted = (*(("stack", word) for word in words), ("stack",))
    reading = [compiled for compiled in guardrails if _reads((compiled,), *wanted)]
    if not reading:
        return None
    return frozenset(word for compiled in reading for word in words_of(compiled.guardrail, compiled.params))


def _reads(guardrails: Iterable[Compiled], *paths: tuple[str, ...]) -> bool:
    return any(path in paths for compiled in guardrails for path in compiled.reads)


def stack_findings(
    declaration: Declaration,
    guardrails: Iterable[Compiled],
    context: StackContext,
    shown: Callable[[Place], Place] | None = None,
) -> Iterable[Finding]:
    """The word of every stack guardrail."""
    subject = stack_subject(declaration, context, shown)
    for compiled in guardrails:
        if compiled.guardrail.target is Target.STACK:
            yield from ask(compiled, subject)
