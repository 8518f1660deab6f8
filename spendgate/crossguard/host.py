"""The pack host: what a pack says to each call of Pulumi's ``Analyzer`` protocol.

One resource is read once and asked all guardrails that can match it; a guardrail whose inputs were seen before is not
evaluated again. Pulumi's own policy SDK reads the resource once for every policy.

When a resource is analysed, only the resources before it are known. Facts that a later resource may still supply (the
lifecycle of a bucket, the attachment of a volume, what a launch template says) and figures of the whole stack count
as unknown then. A violation that holds whatever they turn out to be is told at once, in time to stop an update; what
hangs on them is told with the analysis of the whole stack, which fails a preview just as well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spendgate import __version__
from spendgate.crossguard import answers, waived
from spendgate.crossguard.settings import Configured, PackSettings, load_catalogue, load_settings
from spendgate.errors import InputError
from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.discounts import in_force
from spendgate.estimate.model import Estimate
from spendgate.estimate.today import estimate_today, with_old_prices
from spendgate.estimate.usage import Usage
from spendgate.facts import NOT_THE_WHOLE_STACK, facts_of
from spendgate.facts.model import Workload
from spendgate.gate import reads_carbon, tag_words, with_waivers
from spendgate.remedy.alone import Alone
from spendgate.remedy.model import Mended
from spendgate.remedy.patching import NO_PATCH
from spendgate.remedy.stack import explained, mend_alone
from spendgate.resource import Declaration, Resource
from spendgate.rules.compiled import Compiled, compile_all
from spendgate.rules.evaluate import Memo, ask
from spendgate.rules.guardrail import Enforcement, Selected, Target
from spendgate.rules.selection import Pack
from spendgate.rules.subject import Subject
from spendgate.rules.vocabulary import StackContext
from spendgate.sources import analyzed
from spendgate.subjects import drivers_by_resource, lines_by_resource, resource_subject, stack_subject
from spendgate.verdict import Finding, Status
from spendgate.waivers.decide import Context, is_meant
from spendgate.waivers.model import Waivers


@dataclass(slots=True)
class Run:
    """What one preview or update has shown so far: resources by URN with their declared inputs, what was told, and
    answers to questions that were asked before. ``mended`` are resources as patches left them, ``refused`` is why
    others were not made, by address and guardrail."""

    seen: dict[str, Resource] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    memo: Memo = field(default_factory=dict)
    mended: dict[str, Resource] = field(default_factory=dict)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)


class PackHost:
    """A pack served for one stack. Calls may come from several threads; they are answered one at a time.

    ``project``, ``stack`` and ``organization`` are what is known when the process starts; ``ConfigureStack`` may say
    it later.
    """

    def __init__(self, pack: Pack, project: str = "", stack: str = "", organization: str = "organization") -> None:
        self.pack = pack
        self.project = project
        self.stack = stack
        self.organization = organization
        self.now = datetime.now(UTC)
        self.catalogue = load_catalogue(project)
        self.run = Run()
        self.lock = threading.RLock()
        self.estimate_level = Enforcement.ADVISORY
        self.selection: tuple[Selected, ...] = ()
        self.guardrails: tuple[Compiled, ...] = ()
        self.settings: PackSettings = load_settings(pack, project)
        self.waivers: Waivers = waived.waivers_of(self.settings, project, self.now)
        self._read_usage()
        self._select(None)

    def _read_usage(self) -> None:
        """The project's usage file. While the stack is not whole, nothing is asked of its models and scenarios."""
        self.usage: Usage = self.settings.usage

    def _select(self, configured: Mapping[str, Configured] | None) -> None:
        selection = self.settings.selection(self.stack, configured)
        if selection != self.selection:
            self.guardrails = compile_all(selection)
            self.selection = selection
        self.run.memo.clear()
        self.run.mended.clear()
        self.environment = self.settings.environment(self.stack)
        self.resource_guardrails = [item for item in self.guardrails if item.guardrail.target is Target.RESOURCE]
        self.by_name = {item.guardrail.name: item for item in self.guardrails}
        self.alone = Alone(
            self.project,
            self.stack,
            self.organization,
            self.environment,
            self.catalogue,
            self.now,
            self.usage,
            self.settings.config.discounts,
            self._carbon_of(),
        )
        self.descriptions = {item.guardrail.name: item.guardrail.description for item in self.selection}

    # --- the protocol

    def handshake(self) -> Any:
        """The engine's greeting; releases before it do not send one, and nothing hangs on it."""
        from pulumi.runtime.proto import analyzer_pb2

        return analyzer_pb2.AnalyzerHandshakeResponse()

    def plugin_info(self) -> Any:
        """The version of the host; the pack's own version is in its information."""
        from pulumi.runtime.proto import plugin_pb2

        return plugin_pb2.PluginInfo(version=__version__)

    def info(self) -> Any:
        """The pack and its policies, with levels and parameters as they apply to the stack."""
        with self.lock:
            return answers.analyzer_info(self.pack, self.selection, self.estimate_level)

    def configure_stack(self, project: str, stack: str, organization: str) -> Any:
        """Take over the stack's name, which decides its environment. Raises InputError for broken settings."""
        from pulumi.runtime.proto import analyzer_pb2

        with self.lock:
            changed = (project, stack) != (self.project, self.stack)
            if project != self.project:
                self.settings = load_settings(self.pack, project)
                self._read_usage()
                self.waivers = waived.waivers_of(self.settings, project, self.now)
                self.catalogue = load_catalogue(project)
            self.project, self.stack = project, stack
            self.organization = organization or self.organization
            if changed:
                self._select(None)
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def configure(self, policies: Mapping[str, Configured]) -> None:
        """Change levels and parameters. Raises InputError that names the pack, the policy and the parameter."""
        with self.lock:
            configured = {name: word for name, word in policies.items() if name != "all"}
            estimate = configured.pop(answers.COST_ESTIMATE, None)
            if estimate is not None:
                self.estimate_level = estimate.enforcement
            self._select(configured)

    def analyze(self, request: Any) -> Any:
        """One resource before it is acted on: every violation that no later resource can lift."""
        from pulumi.runtime.proto import analyzer_pb2

        with self.lock:
            try:
                resource = analyzed.resource_of(request)
                self.run.seen[resource.address] = resource
                self._mended(resource)  # why what is left was not patched
                findings = list(self._early_findings(resource))
            except Exception as error:
                return analyzer_pb2.AnalyzeResponse(diagnostics=[answers.fault(error, self.pack, request.urn)])
            self.run.told |= {(finding.guardrail, finding.address) for finding in findings}
            return analyzer_pb2.AnalyzeResponse(diagnostics=self._diagnostics(findings))

    def analyze_stack(self, request: Any) -> Any:
        """The whole stack: what had to wait for it, the stack's own guardrails, and the estimate."""
        from pulumi.runtime.proto import analyzer_pb2

        with self.lock:
            run, self.run = self.run, Run()
            try:
                declaration = self._declaration(request, run)
                diagnostics = list(self._stack_diagnostics(declaration, run))
            except Exception as error:
                diagnostics = [answers.fault(error, self.pack, "")]
            return analyzer_pb2.AnalyzeResponse(diagnostics=diagnostics)

    def remediate(self, request: Any) -> Any:
        """One resource before it is analysed: its properties as each guardrail at level ``remediate`` patches them."""
        from pulumi.runtime.proto import analyzer_pb2

        with self.lock:
            try:
                resource = analyzed.resource_of(request)
                mended = self._mended(resource)
                made = answers.remediations(mended.remedies, request.properties, self.pack, self.descriptions)
            except Exception:  # the analysis that follows meets the same fault, and tells it
                return analyzer_pb2.RemediateResponse()
            reasons = {
                item.guardrail.name: mended.refused.get(item.guardrail.name, "") if item.patches else NO_PATCH
                for item in self.guardrails
                if item.selected.enforcement is Enforcement.REMEDIATE
            }
            return analyzer_pb2.RemediateResponse(
                remediations=made,
                not_applicable=[
                    analyzer_pb2.PolicyNotApplicable(policy_name=name, reason=reason)
                    for name, reason in reasons.items()
                    if reason
                ],
            )

    # --- parts

    def _early_findings(self, resource: Resource) -> Iterator[Finding]:
        workload = self.alone.workload(resource)
        if workload is None:
            return
        here = Context(self.project, self.stack, self.environment)
        subject = self.alone.subject(workload)
        for compiled in self.resource_guardrails:
            for finding in _ask(compiled, subject, self.run.memo):
                if not _waits(finding) and not is_meant(self.waivers, finding, here, self.now):
                    yield self._explained(finding)

    def _mended(self, resource: Resource) -> Mended:
        """The resource as guardrails at level ``remediate`` patch it; why one does not is kept for its findings."""
        patching = [compiled for compiled in self.resource_guardrails if compiled.remediates]
        before = self.run.mended.get(resource.address)
        if not patching or (before is not None and before.properties == resource.properties):
            # What was patched needs no patch, and what was refused is so for the same reason.
            told = {
                name: why
                for name in self.by_name
                if (why := self.run.refused.get((resource.address, name))) is not None
            }
            return Mended(resource, refused=told)
        try:
            mended = mend_alone(resource, patching, self.alone, self.waivers)
        except Exception:  # whoever fails is asked again with all others, and told
            return Mended(resource)
        self.run.mended[resource.address] = mended.resource
        self.run.refused |= {(resource.address, name): why for name, why in mended.refused.items()}
        return mended

    def _explained(self, finding: Finding) -> Finding:
        """The finding, with why it was not patched where its level asks for that."""
        return explained(finding, self.by_name, self.run.refused)

    def _declaration(self, request: Any, run: Run) -> Declaration:
        """The stack in the order of its registration; the engine sends it in none."""
        order = {urn: index for index, urn in enumerate(run.seen)}
        found = [analyzed.resource_of(message) for message in request.resources]
        found.sort(key=lambda item: (order.get(item.address, len(order)), item.address))
        resources = tuple(
            analyzed.with_inputs(item, run.seen.get(item.address))
            for item in found
            if not analyzed.is_default_provider(item)
        )
        return Declaration(self.project, self.stack, Path(), resources, self.organization, engine="pulumi")

    def _stack_diagnostics(self, declaration: Declaration, run: Run) -> Iterator[Any]:
        workloads = facts_of(declaration, self.catalogue)
        config = self.settings.config
        estimate = estimate_today(workloads, self.catalogue, self.usage, config.discounts, self.now)
        estimate = with_old_prices(estimate, config.max_price_age, self.now.date())
        carbon_of = self._carbon_of()
        context = self._context(workloads, estimate)
        if carbon_of is not None:
            context = replace(context, carbon=carbon_of.footprint(estimate.lines))
        terms, _ = in_force(config.discounts, self.now.date())
        context = replace(context, by_tag=tag_words(self.guardrails), terms=terms)
        shared, lines = context.values(), lines_by_resource(estimate)
        findings: list[Finding] = []
        drivers = drivers_by_resource(estimate)
        memo: Memo = {}  # the answers of single resources were given without the stack's figures
        for workload in workloads:
            address = workload.resource.address
            own = lines.get(address, ())
            subject = resource_subject(workload, own, shared, estimate.currency, carbon_of, drivers.get(address, ()))
            for compiled in self.resource_guardrails:
                if (compiled.guardrail.name, address) not in run.told:
                    findings.extend(explained(one, self.by_name, run.refused) for one in _ask(compiled, subject, memo))
        whole = stack_subject(declaration, context)
        for compiled in self.guardrails:
            if compiled.guardrail.target is Target.STACK:
                findings.extend(explained(one, self.by_name, run.refused) for one in _ask(compiled, whole))
        waivers = waived.asked_here(self.waivers, self.descriptions)
        word = with_waivers(waivers, findings, whole, self.guardrails, context, self.now)
        unmeasured = self.settings.unmeasured(self.project, self.stack)
        of_settings = (*self.settings.changed, *unmeasured, *word.own)
        yield from self._diagnostics(word.findings)
        yield from self._diagnostics(waived.told(of_settings, self.waivers, answers.COST_ESTIMATE, whole.address))
        if self.estimate_level is not Enforcement.DISABLED:
            names = {item.resource.address: item.resource.name for item in workloads}
            yield answers.estimate_diagnostic(estimate, self.pack, names, whole.address)

    def _context(self, workloads: tuple[Workload, ...], estimate: Estimate) -> StackContext:
        return StackContext(
            self.stack,
            self.project,
            self.organization,
            self.environment,
            estimate,
            workloads,
            self.now,
            previous=self.settings.previous(self.project, self.stack),
        )

    def _carbon_of(self) -> CarbonOf | None:
        return CarbonOf(self.catalogue) if reads_carbon(self.guardrails) else None

    def _diagnostics(self, findings: Iterable[Finding]) -> list[Any]:
        return [
            answers.diagnostic(finding, self.pack, self.descriptions.get(finding.guardrail, "")) for finding in findings
        ]


def _ask(compiled: Compiled, subject: Subject, memo: Memo | None = None) -> tuple[Finding, ...]:
    """The guardrail's findings; when asking it fails, that is its finding, and the other guardrails are still asked."""
    try:
        return ask(compiled, subject, memo)
    except Exception as error:
        return (
            Finding(
                guardrail=compiled.guardrail.name,
                status=Status.ERROR,
                enforcement=Enforcement.MANDATORY,
                severity=compiled.guardrail.severity,
                address=subject.address,
                type=subject.type,
                name=subject.name,
                message=f"the guardrail itself failed: {type(error).__name__}",
                remediation="",
                location=subject.location,
            ),
        )


def _waits(finding: Finding) -> bool:
    """Whether the whole stack may answer what this finding could not."""
    return finding.status is Status.UNDETERMINED and any(NOT_THE_WHOLE_STACK in reason for reason in finding.unknown)


def error_text(error: InputError, pack: Pack) -> str:
    """An input error as the engine shows it: one line a fault, with the pack's name."""
    faults = getattr(error, "errors", (error,))
    return "\n".join(f"policy pack {pack.name}: {fault}" for fault in faults)
