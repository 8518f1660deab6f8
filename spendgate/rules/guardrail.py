"""A guardrail: one rule as data, with parameters, level, severity, messages and remediation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from spendgate.errors import Place


class Enforcement(StrEnum):
    """CrossGuard's levels. Advisory findings are shown and never fail the gate."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    REMEDIATE = "remediate"
    DISABLED = "disabled"


class Severity(StrEnum):
    """How bad a finding is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class OnUnknown(StrEnum):
    """What it means when an answer hangs on a value that is known only after apply."""

    DENY = "deny"
    WARN = "warn"
    SKIP = "skip"


class Target(StrEnum):
    """Asked once a resource, or once for the whole stack."""

    RESOURCE = "resource"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class Expression:
    """CEL as written, its name where it has one, and where it stands."""

    text: str
    place: Place
    name: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """What must be true, and what to say when it is not."""

    expression: Expression
    message: str | None = None
    message_expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail as loaded. ``params`` are JSON Schemas by parameter name, ``defaults`` their default values."""

    name: str
    title: str
    category: str
    severity: Severity
    description: str
    target: Target
    enforcement: Enforcement
    on_unknown: OnUnknown
    remediation: str
    validations: tuple[Validation, ...]
    match_conditions: tuple[Expression, ...] = ()
    variables: tuple[Expression, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reference: str | None = None
    place: Place = field(default_factory=lambda: Place(""))

    @property
    def defaults(self) -> dict[str, Any]:
        """Default value of each parameter that has one."""
        return {name: schema["default"] for name, schema in self.params.items() if "default" in schema}


@dataclass(frozen=True, slots=True)
class Selected:
    """A guardrail as it applies here: with its effective level and parameters."""

    guardrail: Guardrail
    enforcement: Enforcement
    params: Mapping[str, Any]
