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
class PatchRule:
    """What a guardrail at level ``remediate`` sets: a fact, written where the mapping tables say it is for a type, or a
    property of some types at a path of its own. ``types`` are type tokens or patterns of them; all where there is none.
    """

    expression: Expression
    place: Place
    fact: str | None = None
    path: str | None = None
    types: tuple[str, ...] = ()
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail as loaded. ``params`` are JSON Schemas by parameter name, ``defaults`` their default values.

    ``covered_by`` names a guardrail that says the same of more special cases; where both are asked, it is the one.
    ``tested`` says that its expressions pass the type check: those of a shipped one do, its tests hold that.
    """

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
    patches: tuple[PatchRule, ...] = ()
    covered_by: str | None = None
    covered_at: Place | None = None
    tested: bool = field(default=False, compare=False)

    @property
    def defaults(self) -> dict[str, Any]:
        """Default value of each parameter that has one."""
        return {name: schema["default"] for name, schema in self.params.items() if "default" in schema}


class Layer(StrEnum):
    """Who may say how a guardrail applies, weakest first."""

    BUILT_IN = "built-in"
    PACK = "pack"
    ORGANIZATION = "organization"
    PROJECT = "project"
    ENVIRONMENT = "environment"
    ENGINE = "policy-configuration"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a level or the value of a parameter comes from; ``name`` is that of the pack, environment or budget.

    ``locked_at`` is where the organisation locked it. A locked ``ceiling`` may still be lowered.
    """

    layer: Layer
    place: Place
    name: str = ""
    locked_at: Place | None = None
    ceiling: bool = False


@dataclass(frozen=True, slots=True)
class Selected:
    """A guardrail as it applies here: with its effective level and parameters.

    ``selected_by`` tells who selects it, ``level_from`` and ``params_from`` where the level and each parameter come
    from; what is not in them is built in.
    """

    guardrail: Guardrail
    enforcement: Enforcement
    params: Mapping[str, Any]
    selected_by: Origin | None = field(default=None, compare=False)
    level_from: Origin | None = field(default=None, compare=False)
    params_from: Mapping[str, Origin] = field(default_factory=dict, compare=False)
