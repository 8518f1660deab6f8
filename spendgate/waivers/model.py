"""A waiver as written, and the rules that an organisation sets for waivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from spendgate.errors import InputError, Place
from spendgate.rules.guardrail import Enforcement
from spendgate.waivers.index import Index

FILE_NAME: Final = "waivers.yaml"

EXPIRED: Final = "waiver-expired"
UNUSED: Final = "waiver-unused"
TOO_WIDE: Final = "waiver-too-wide"
TRUST_CHANGED: Final = "trust-files-changed"

LEVELS: Final[Mapping[str, Enforcement]] = {
    EXPIRED: Enforcement.ADVISORY,
    UNUSED: Enforcement.ADVISORY,
    TOO_WIDE: Enforcement.MANDATORY,
    TRUST_CHANGED: Enforcement.ADVISORY,
}
"""Findings about waivers themselves, and the level of each where nothing else is said. An expired or unused waiver lets
nothing pass, so it is advice; one that is too wide lets pass what nobody looked at."""

NAMESPACE: Final = "spendgate-approval"
"""What an approval's signature is for: one made for git or a file does not count."""


class Kind(StrEnum):
    """A waiver is a note with an expiry; an approval is signed by somebody who may, and holds up to an amount."""

    WAIVER = "waiver"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One entry of waivers.yaml.

    ``guardrail``, ``resource`` (a name or address), ``type``, ``project``, ``stack`` and ``environments`` may be globs;
    the last four hold for all where they are empty. It holds through the whole day ``expires``, in UTC. Amounts are US
    dollars a month: ``max_monthly_cost`` of each resource, ``amount`` (approvals) of all that the approval lets pass.
    ``invalid`` says why an approval does not count; until its signature is verified, none does.
    """

    id: str
    guardrail: str
    resource: str
    reason: str
    owner: str
    ticket: str
    expires: date
    kind: Kind = Kind.WAIVER
    type: str = ""
    project: str = ""
    stack: str = ""
    environments: tuple[str, ...] = ()
    granted: date | None = None
    max_monthly_cost: Decimal | None = None
    approver: str = ""
    amount: Decimal | None = None
    signature: str = field(default="", repr=False)
    invalid: str = ""
    place: Place = field(default_factory=lambda: Place(FILE_NAME))

    @property
    def scope(self) -> tuple[object, ...]:
        """What two entries must not have in common."""
        return (self.guardrail, self.resource, self.type, self.project, self.stack, frozenset(self.environments))

    def covers_guardrail(self, name: str) -> bool:
        """Whether the guardrail of this name is among those it waives; never one about waivers themselves."""
        return name not in LEVELS and fits(name, self.guardrail)

    def covers_resource(self, name: str, address: str, type_: str) -> bool:
        """Whether a resource is among those it is for."""
        return (fits(name, self.resource) or fits(address, self.resource)) and (not self.type or fits(type_, self.type))

    def covers_stack(self, project: str, stack: str, environment: str) -> bool:
        """Whether it is for this stack at all."""
        return (
            (not self.project or fits(project, self.project))
            and (not self.stack or fits(stack, self.stack))
            and (not self.environments or any(fits(environment, glob) for glob in self.environments))
        )


def fits(text: str, glob: str) -> bool:
    """Whether a text is what is written, or matches it as a glob: an address may hold brackets of its own."""
    return text == glob or fnmatchcase(text, glob)


@dataclass(frozen=True, slots=True)
class Waived:
    """Which waiver lets a finding pass, as every report shows it."""

    id: str
    kind: Kind
    reason: str
    owner: str
    ticket: str
    expires: date
    approver: str
    place: Place

    @classmethod
    def by(cls, waiver: Waiver) -> Waived:
        """The note that a waiver leaves on a finding."""
        place = waiver.place
        return cls(
            waiver.id,
            waiver.kind,
            waiver.reason,
            waiver.owner,
            waiver.ticket,
            waiver.expires,
            waiver.approver,
            place,
        )


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who may approve: ``approvers`` are principals of the ``allowed_signers`` file (OpenSSH's), and ``guardrails``
    those (names or globs) that no plain waiver lifts."""

    approvers: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    allowed_signers: Path | None = None
    namespace: str = NAMESPACE

    def needed_for(self, guardrail: str) -> bool:
        """Whether only an approval lifts a guardrail's findings."""
        return any(fits(guardrail, glob) for glob in self.guardrails)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all waivers of a project. ``max_length`` is in days, ``max_resources`` and ``max_guardrails`` are
    what one waiver may cover before it is too wide. ``required`` where the file was named and must be there."""

    file: Path = Path(FILE_NAME)
    required: bool = False
    place: Place | None = None
    max_length: int = 90
    max_resources: int = 20
    max_guardrails: int = 1
    levels: Mapping[str, Enforcement] = field(default_factory=lambda: dict(LEVELS))
    approvals: Approvals = field(default_factory=Approvals)


@dataclass(frozen=True, slots=True)
class Waivers:
    """All waivers that hold for a project, under their rules; ``faults`` are what is wrong with the others. Where not
    all guardrails are known (not ``all_known``), none is called unused because its guardrail is not asked."""

    entries: tuple[Waiver, ...] = ()
    rules: Rules = field(default_factory=Rules)
    faults: tuple[InputError, ...] = ()
    all_known: bool = True
    index: Index = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index(self.entries))


NO_WAIVERS: Final = Waivers()
