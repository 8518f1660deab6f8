"""Patches: what a guardrail sets in a resource, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate.errors import Place
from spendgate.resource import Resource


@dataclass(frozen=True, slots=True)
class Patch:
    """One value set at one property path. ``old`` is None where nothing is declared there.

    ``appends``: the value is put at the end of the list at the path. Neither value holds anything secret or unknown.
    ``rule`` is where the guardrail writes it.
    """

    path: str
    old: Any
    new: Any
    appends: bool = False
    rule: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a guardrail's patch is not made, in words that show no value of the program."""

    reason: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """The patches of one guardrail on one resource, and the violations that they mend.

    ``applied`` is False for patches that are only proposed: the guardrail is not at level ``remediate``, or the program
    is judged as it is declared.
    """

    guardrail: str
    title: str
    address: str
    type: str
    name: str
    patches: tuple[Patch, ...]
    mends: tuple[str, ...]
    location: Place | None = None
    applied: bool = True


@dataclass(frozen=True, slots=True)
class Mended:
    """A resource after remediation: patched, by which guardrails in which order, and why others did not patch it."""

    resource: Resource
    remedies: tuple[Remedy, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
