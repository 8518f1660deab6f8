"""Remediation of one resource: guardrails in their order, each change asked about again before it holds.

A guardrail's patches are made only where they mend what it found, and where they undo nothing that another guardrail at
level ``remediate`` is content with: of two that want different things, the first in order has its way, and the other
says so. Rounds go on until none changes anything, so remediation of what was remediated changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spendgate.remedy.model import Mended, Patch, Refused, Remedy
from spendgate.remedy.patching import patches
from spendgate.remedy.writing import apply
from spendgate.resource import Resource
from spendgate.rules.compiled import Compiled
from spendgate.rules.evaluate import Memo, ask
from spendgate.rules.subject import Subject
from spendgate.verdict import Finding, Status

AskAbout = Callable[[Resource], Subject | None]
Spared = Callable[[Finding], bool]

_UNHAPPY = (Status.VIOLATION, Status.UNDETERMINED, Status.ERROR)


def mend(
    resource: Resource,
    guardrails: Sequence[Compiled],
    ask_about: AskAbout,
    spared: Spared = lambda finding: False,
    memo: Memo | None = None,
) -> Mended:
    """The resource as the patches of ``guardrails`` leave it, with what each did and why others did nothing.

    ``ask_about`` gives what guardrails see of a resource (None where they are not asked about it), ``spared`` tells the
    findings that a waiver is meant for: what they are about is left as it is. ``memo`` keeps answers between resources
    of one stack.
    """
    subject = ask_about(resource)
    if subject is None:
        return Mended(resource)
    found = _findings(guardrails, subject, memo)
    if not any(map(_violated, found.values())):
        return Mended(resource)
    remedies: list[Remedy] = []
    refused: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for compiled in guardrails:
            name = compiled.guardrail.name
            if not _violated(found[name]):
                continue
            if any(spared(finding) for finding in found[name]):
                refused[name] = "a waiver is meant for it"
                continue
            made = patches(compiled, subject, resource, memo)
            if isinstance(made, Refused):
                refused[name] = made.reason
                continue
            after = apply(resource, made)
            seen = ask_about(after)
            then = _findings(guardrails, seen, memo) if seen is not None else {}
            if reason := _why_not(compiled, found, then):
                refused[name] = reason
                continue
            remedies.append(remedy_of(compiled, resource, made, found[name]))
            resource, subject, found = after, seen or subject, then
            changed = True
    return Mended(resource, tuple(remedies), {name: why for name, why in refused.items() if found[name]})


def _findings(guardrails: Sequence[Compiled], subject: Subject, memo: Memo | None) -> dict[str, tuple[Finding, ...]]:
    return {compiled.guardrail.name: ask(compiled, subject, memo) for compiled in guardrails}


def _violated(findings: Sequence[Finding]) -> bool:
    return any(finding.status is Status.VIOLATION for finding in findings)


def _why_not(
    compiled: Compiled, before: dict[str, tuple[Finding, ...]], after: dict[str, tuple[Finding, ...]]
) -> str | None:
    """Why the resource is not left as the patches of one guardrail make it; None where nothing speaks against it."""
    name = compiled.guardrail.name
    left = [finding for finding in after.get(name, ()) if finding.status in _UNHAPPY]
    if left:
        return f"its patch does not mend it: {left[0].message}"
    for other, findings in after.items():
        if other != name and _violated(findings) and not _violated(before[other]):
            return f'its patch would undo what "{other}" asks for: {findings[0].message}'
    return None


def remedy_of(
    compiled: Compiled,
    resource: Resource,
    made: tuple[Patch, ...],
    findings: Sequence[Finding],
    *,
    applied: bool = True,
) -> Remedy:
    """The patches of a guardrail as reports tell them, with the violations that they mend."""
    return Remedy(
        guardrail=compiled.guardrail.name,
        title=compiled.guardrail.title,
        address=resource.address,
        type=resource.type,
        name=resource.name,
        patches=made,
        mends=tuple(finding.message for finding in findings if finding.status is Status.VIOLATION),
        location=resource.position,
        applied=applied,
    )
