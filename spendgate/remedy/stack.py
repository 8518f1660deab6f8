"""Remediation of all that is declared, patches that are only proposed, and what findings say of those not made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from spendgate.errors import Place
from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.discounts import Term
from spendgate.estimate.model import Estimate
from spendgate.estimate.usage import NONE as NO_USAGE
from spendgate.estimate.usage import Usage
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.remedy.alone import Alone
from spendgate.remedy.mending import mend, remedy_of
from spendgate.remedy.model import Mended, Refused, Remedy
from spendgate.remedy.patching import NO_PATCH, patches
from spendgate.remedy.writing import apply
from spendgate.resource import Declaration, Resource
from spendgate.rules.compiled import Compiled
from spendgate.rules.evaluate import ask
from spendgate.rules.guardrail import Enforcement
from spendgate.rules.subject import Subject
from spendgate.rules.vocabulary import StackContext
from spendgate.subjects import drivers_by_resource, lines_by_resource, resource_subject
from spendgate.verdict import Finding, Status
from spendgate.waivers.decide import Context, is_meant
from spendgate.waivers.model import NO_WAIVERS, Waivers

AS_DECLARED: Final = "the program is judged as it is declared"
SETTLED_LATER: Final = "what the rest of the stack says is not known when a resource is patched"


MOST_PROPOSED: Final = 25
"""Of one guardrail that does not patch by itself, for how many resources its patch is worked out: what is read."""


class Mending:
    """What the patches of guardrails make of one declaration: those at level ``remediate`` patch it, as a served pack
    would have it; those at other levels propose.

    ``declaration`` is the patched one. With ``as_declared`` nothing is patched, and all patches are proposals.
    """

    def __init__(
        self,
        declaration: Declaration,
        guardrails: Iterable[Compiled],
        catalogue: Catalogue,
        environment: str,
        now: datetime,
        waivers: Waivers = NO_WAIVERS,
        usage: Usage = NO_USAGE,
        discounts: Sequence[Term] = (),
        carbon_of: CarbonOf | None = None,
        as_declared: bool = False,
    ) -> None:
        self.guardrails = {compiled.guardrail.name: compiled for compiled in guardrails}
        self.as_declared = as_declared
        self.alone = Alone(
            declaration.project,
            declaration.stack,
            declaration.organization,
            environment,
            catalogue,
            now,
            usage,
            discounts,
            carbon_of,
        )
        patching = () if as_declared else [one for one in self.guardrails.values() if one.remediates]
        self.declaration = declaration
        self.applied: tuple[Remedy, ...] = ()
        self.refused: dict[tuple[str, str], str] = {}
        if patching:
            made = [mend_alone(resource, patching, self.alone, waivers) for resource in declaration.resources]
            self.declaration = replace(declaration, resources=tuple(one.resource for one in made))
            self.applied = tuple(remedy for one in made for remedy in one.remedies)
            self.refused = {(one.resource.address, name): why for one in made for name, why in one.refused.items()}

    def explained(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings; violations at level ``remediate`` say why they were not patched."""
        return tuple(
            explained(finding, self.guardrails, self.refused, AS_DECLARED if self.as_declared else SETTLED_LATER)
            for finding in findings
        )

    def remedies(
        self,
        findings: Iterable[Finding],
        workloads: Iterable[Workload],
        estimate: Estimate,
        context: StackContext,
        shown: Callable[[Place], Place] | None = None,
    ) -> tuple[Remedy, ...]:
        """The patches that were made, then those proposed for the violations among ``findings``; ``shown`` tells how
        they name a place."""
        made = (*self.applied, *self._proposals(findings, workloads, estimate, context))
        if shown is None:
            return made
        return tuple(replace(one, location=shown(one.location)) if one.location else one for one in made)

    def _proposals(
        self,
        findings: Iterable[Finding],
        workloads: Iterable[Workload],
        estimate: Estimate,
        context: StackContext,
    ) -> Iterator[Remedy]:
        by_address = {workload.resource.address: workload for workload in workloads}
        violations: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            compiled = self.guardrails.get(finding.guardrail)
            if finding.status is Status.VIOLATION and compiled is not None and self._proposes(compiled):
                violations.setdefault((finding.guardrail, finding.address), []).append(finding)
        if not violations:
            return
        lines, drivers, shared = lines_by_resource(estimate), drivers_by_resource(estimate), context.values()
        tally: Counter[str] = Counter()
        for (name, address), found in violations.items():
            if tally[name] == MOST_PROPOSED or address not in by_address:
                continue
            tally[name] += 1
            workload, carbon_of = by_address[address], self.alone.carbon_of
            own, driven = lines.get(address, ()), drivers.get(address, ())
            subject = resource_subject(workload, own, shared, estimate.currency, carbon_of, driven)
            yield from self._proposal(self.guardrails[name], subject, workload.resource, found)

    def _proposes(self, compiled: Compiled) -> bool:
        return bool(compiled.patches) and (self.as_declared or not compiled.remediates)

    def _proposal(
        self, compiled: Compiled, subject: Subject, resource: Resource, findings: Sequence[Finding]
    ) -> Iterator[Remedy]:
        """The patches that would mend a violation; nothing where none does for certain."""
        made = patches(compiled, subject, resource)
        if isinstance(made, Refused):
            return
        workload = self.alone.workload(apply(resource, made))
        if workload is not None and not ask(compiled, self.alone.subject(workload)):
            yield remedy_of(compiled, resource, made, findings, applied=False)


def mend_alone(resource: Resource, patching: Sequence[Compiled], alone: Alone, waivers: Waivers) -> Mended:
    """One resource after remediation by ``patching``, the guardrails that patch, in their order. It is looked at by
    itself, as the engine shows it."""
    here = Context(alone.project, alone.stack, alone.environment)

    def spared(finding: Finding) -> bool:
        return is_meant(waivers, finding, here, alone.now)

    priced = any(map(_reads_cost, patching))

    def ask_about(resource: Resource) -> Subject | None:
        workload = alone.workload(resource)
        return None if workload is None else alone.subject(workload, priced=priced)

    return mend(resource, patching, ask_about, spared, alone.memo)


def _reads_cost(compiled: Compiled) -> bool:
    """Whether what it costs matters to a guardrail or its patches; else it is not worked out."""
    programs = [program for patch in compiled.patches for program in (patch.program, patch.when) if program]
    return any(path[0] == "cost" for path in (*compiled.reads, *(path for one in programs for path in one.uses)))


def explained(
    finding: Finding,
    guardrails: Mapping[str, Compiled],
    refused: Mapping[tuple[str, str], str],
    otherwise: str = SETTLED_LATER,
) -> Finding:
    """The finding; where it is a violation at level ``remediate``, with why it was not patched."""
    if finding.status is not Status.VIOLATION or finding.enforcement is not Enforcement.REMEDIATE:
        return finding
    compiled = guardrails.get(finding.guardrail)
    if compiled is None or not compiled.patches:
        return replace(finding, not_patched=NO_PATCH)
    return replace(finding, not_patched=refused.get((finding.address, finding.guardrail), otherwise))
