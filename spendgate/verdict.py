"""The verdict: findings, estimate and inputs of one run, and the exit code they amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from spendgate.errors import InputError, Place
from spendgate.estimate.carbon import Footprint
from spendgate.estimate.model import Estimate
from spendgate.resource import Assumption, Unanswered
from spendgate.rules.guardrail import Enforcement, Selected, Severity

if TYPE_CHECKING:
    from spendgate.allocate.projected.model import Allocation
    from spendgate.config import Report
    from spendgate.estimate.savings import Saving
    from spendgate.remedy.model import Remedy
    from spendgate.waivers.apply import Use
    from spendgate.waivers.model import Waived


class Exit(IntEnum):
    """What the command tells its caller."""

    PASS = 0
    REFUSED = 1
    INPUT = 2
    FAULT = 3


class Status(StrEnum):
    """A guardrail's word on a resource or a stack."""

    VIOLATION = "violation"
    UNDETERMINED = "undetermined"
    WAIVED = "waived"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What, where, why and how to fix it.

    ``enforcement`` is the effective level of this finding. ``unknown`` names the property paths (with the reason) on
    which an undetermined answer hangs. ``waiver`` lets a waived one pass; ``not_waived`` says, of each waiver that is
    meant for it and does not, why. ``not_patched`` says why a violation at level ``remediate`` still stands.
    """

    guardrail: str
    status: Status
    enforcement: Enforcement
    severity: Severity
    address: str
    type: str
    name: str
    message: str
    remediation: str
    location: Place | None = None
    unknown: tuple[str, ...] = ()
    waiver: Waived | None = None
    not_waived: tuple[str, ...] = ()
    not_patched: str = ""

    @property
    def denies(self) -> bool:
        """Whether this finding alone fails the gate."""
        if self.status is Status.WAIVED:
            return False
        if self.status is Status.ERROR:
            return True
        return self.enforcement in (Enforcement.MANDATORY, Enforcement.REMEDIATE)


class Priced(NamedTuple):
    """A resource that has cost lines or stores something, as far as a bill can tell it: ``names`` are its name in the
    program and those that it declares for the provider, ``ids`` what the provider calls it. ``sized``: it declares how
    much it stores."""

    address: str
    type: str
    name: str
    kind: str
    names: tuple[str, ...]
    ids: tuple[str, ...]
    tags: Mapping[str, str]
    sized: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """One input and what was found in it. ``error`` is set when it could not be read (to its end).

    ``waivers`` tells what became of each waiver that is for it; ``faults`` is wrong input beside it, without which it
    was checked all the same (entries of waivers.yaml). ``remarks`` is what a reader has to know of how it was checked.
    ``reports`` are those that its configuration wants written. ``remedies`` are patches: what those that are applied
    mend is no finding, the others are proposed for findings. ``allocation`` is who pays the estimate, where rules say
    so; ``priced`` are the resources that have cost lines.
    """

    path: Path
    project: str = ""
    stack: str = ""
    environment: str = ""
    engine: str = ""
    resources: int = 0
    findings: tuple[Finding, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()
    messages: tuple[str, ...] = ()
    guardrails: tuple[Selected, ...] = ()
    footprint: Footprint | None = None
    waivers: tuple[Use, ...] = ()
    faults: tuple[InputError, ...] = ()
    remarks: tuple[str, ...] = ()
    savings: tuple[Saving, ...] | None = None
    reports: tuple[Report, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    error: InputError | None = None
    allocation: Allocation | None = None
    priced: tuple[Priced, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one run over one or more inputs."""

    inputs: tuple[Checked, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in order of the inputs."""
        return tuple(finding for checked in self.inputs for finding in checked.findings)

    @property
    def estimate(self) -> Estimate:
        """All cost lines in one estimate."""
        if len(self.inputs) == 1:
            return self.inputs[0].estimate
        return Estimate(
            lines=tuple(line for checked in self.inputs for line in checked.estimate.lines),
            assumptions=tuple(text for checked in self.inputs for text in checked.estimate.assumptions),
            drivers=tuple(driver for checked in self.inputs for driver in checked.estimate.drivers),
            cautions=tuple(text for checked in self.inputs for text in checked.estimate.cautions),
        )

    @property
    def footprint(self) -> Footprint | None:
        """The carbon of all cost lines; None where it was not asked for."""
        found = [checked.footprint for checked in self.inputs if checked.footprint is not None]
        return sum(found[1:], found[0]) if found else None

    @property
    def allocation(self) -> Allocation | None:
        """Who pays all cost lines; None where no rules say so."""
        found = [checked.allocation for checked in self.inputs if checked.allocation is not None]
        if not found:
            return None
        from spendgate.allocate.projected.model import together

        return together(found)

    @property
    def unmapped(self) -> Counter[str]:
        """Resource types that no mapping table knows, with their count."""
        return sum((Counter(checked.unmapped) for checked in self.inputs), Counter())

    @property
    def passed(self) -> bool:
        """True when every input was read and nothing denies."""
        return self.exit_code is Exit.PASS

    @property
    def exit_code(self) -> Exit:
        """2 when an input could not be read, what goes with it is wrong or a guardrail failed, else 1 when a finding
        denies, else 0."""
        if any(checked.error or checked.faults for checked in self.inputs):
            return Exit.INPUT
        if any(finding.status is Status.ERROR for finding in self.findings):
            return Exit.INPUT
        return Exit.REFUSED if any(finding.denies for finding in self.findings) else Exit.PASS
