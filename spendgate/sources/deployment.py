"""What one run of a program has declared so far, and the rules by which the engine names and places it.

The state of one deployment: the monitor's threads change it, each under its lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spendgate.errors import InputError
from spendgate.resource import STACK_TYPE, Assumption, Provider, Resource, Secret, Unanswered, Value
from spendgate.sources import providers


@dataclass(slots=True)
class Goal:
    """What children of a resource inherit from it (the engine's own rules)."""

    parent: str
    provider: str
    protect: bool
    custom: bool
    providers: Mapping[str, str]
    transforms: tuple[Any, ...] = ()


@dataclass(slots=True)
class Deployment:
    """The state of one run. ``root`` is the project's folder, resolved."""

    project: str
    stack: str
    root: Path
    organization: str = "organization"
    config: Mapping[str, str | Secret] = field(default_factory=dict)
    unknown_keys: frozenset[str] = frozenset()
    resources: dict[str, Resource] = field(default_factory=dict)
    goals: dict[str, Goal] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, tuple[str, str]] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)
    errors: list[InputError] = field(default_factory=list)
    fault: Exception | None = None
    messages: list[str] = field(default_factory=list)
    secrets: list[Value] = field(default_factory=list)
    transforms: list[Any] = field(default_factory=list)
    invoke_transforms: list[Any] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    on_resource: Callable[[int], None] | None = None
    _providers: dict[tuple[str, str], Provider] = field(default_factory=dict)

    @property
    def stack_urn(self) -> str:
        """The URN of the stack itself, the parent of everything that names no other."""
        return f"urn:pulumi:{self.stack}::{self.project}::{STACK_TYPE}::{self.project}-{self.stack}"

    def urn(self, type_: str, name: str, parent: str) -> str:
        """The URN of a resource: its type is qualified by its parents' types, except by the stack's."""
        parent_type = qualified_type(parent) if parent else ""
        qualified = type_ if parent_type in ("", STACK_TYPE) else f"{parent_type}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def add(self, resource: Resource) -> None:
        """Record ``resource``; a second one of the same URN is an error that names both places."""
        with self.lock:
            first = self.resources.get(resource.address)
            if first is not None:
                self.errors.append(_duplicate(first, resource))
                return
            self.resources[resource.address] = resource
            count = len(self.resources)
        if self.on_resource is not None:
            self.on_resource(count)

    def assume(self, assumption: Assumption) -> None:
        """Note a built-in answer, once for each question."""
        with self.lock:
            if assumption not in self.assumptions:
                self.assumptions.append(assumption)

    def provider(self, reference: str, package: str, version: str) -> Provider:
        """The provider of ``reference`` (``urn::id``), or the default one of ``package`` where it is empty."""
        urn = reference.rpartition("::")[0]
        key = (urn, "") if urn else (package, version)
        with self.lock:
            if key not in self._providers:
                self._providers[key] = self._explicit(urn) if urn else self._default(package, version)
            return self._providers[key]

    def _explicit(self, urn: str) -> Provider:
        declared = self.resources.get(urn)
        if declared is not None:
            return providers.explicit(declared)
        return Provider(qualified_type(urn).rpartition("$")[2].removeprefix(providers.PROVIDER_TYPE), urn)

    def _default(self, package: str, version: str) -> Provider:
        return providers.default(package, version, self.stack, self.project, self.config, self.unknown_keys)


def qualified_type(urn: str) -> str:
    """The type part of a URN, with its parents' types: ``my:index:Cluster$aws:ec2/instance:Instance``."""
    parts = urn.split("::", 3)
    return parts[2] if len(parts) == 4 else ""


def _duplicate(first: Resource, second: Resource) -> InputError:
    where = f", first declared at {first.position}" if first.position else ""
    return InputError(
        f'the {second.type} "{second.name}" is declared twice{where}',
        place=second.position,
        remedy=f"Give each its own name; both would be {second.address}",
    )
