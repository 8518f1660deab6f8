"""Waivers in a served pack: the same decision as everywhere, on what the engine shows.

Whether a waiver lets a finding pass may hang on what the whole stack costs, so a finding that one is meant for waits
for the analysis of the whole stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from spendgate.config import Config
from spendgate.crossguard.settings import PackSettings, project_folder
from spendgate.errors import InputError
from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.verdict import Finding, Status
from spendgate.waivers.load import waivers_in
from spendgate.waivers.model import Waivers
from spendgate.waivers.settings import rules_of


def waivers_of(settings: PackSettings, project: str, now: datetime) -> Waivers:
    """The waivers of the project that is analysed, as the trusted revision has them where there is one; none where its
    folder is not known.

    Raises InputErrors for wrong rules in its settings; what is wrong with the waivers is among their ``faults``.
    """
    if settings.waivers is not None:
        return settings.waivers
    folder = project_folder(project)
    config: Config = settings.config
    return Waivers() if folder is None else waivers_in(rules_of(config, folder), settings.library, now)


def asked_here(waivers: Waivers, asked: Iterable[str]) -> Waivers:
    """The waivers of the guardrails that this pack asks: of the others, another pack tells."""
    names = tuple(asked)
    return replace(waivers, entries=tuple(one for one in waivers.entries if any(map(one.covers_guardrail, names))))


def told(findings: Iterable[Finding], waivers: Waivers, policy: str, address: str) -> Iterator[Finding]:
    """Findings about the waivers themselves, and what is wrong with their file, as the engine can show them: under a
    policy that it knows, at the stack."""
    for finding in findings:
        yield replace(
            finding,
            guardrail=policy,
            address=address,
            message=f"{finding.guardrail}, {finding.name} ({finding.location}): {finding.message}",
        )
    for fault in waivers.faults:
        yield _fault(fault, policy, address)


def _fault(error: InputError, policy: str, address: str) -> Finding:
    """A broken entry lets nothing pass and must not go unseen: an error, which is mandatory."""
    return Finding(
        guardrail=policy,
        status=Status.ERROR,
        enforcement=Enforcement.MANDATORY,
        severity=Severity.HIGH,
        address=address,
        type="",
        name="waivers",
        message=str(error),
        remediation="",
    )
