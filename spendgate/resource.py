"""Resources as declared: the one shape that every source produces and everything after it reads.

Property values are plain JSON values (None, bool, int, float, str, list, dict) in which these may stand
anywhere: ``UNKNOWN`` (the value is computed and not known at preview), ``Secret`` (known, never to be
shown), ``Reference`` (another resource) and ``Blob`` (an asset or archive; its content is not read).
Property names are the provider's own wire names (camelCase), as the Pulumi schema writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from spendgate.errors import Place

STACK_TYPE: Final = "pulumi:pulumi:Stack"
"""The type of the resource that stands for the whole stack."""


class Unknown:
    """A value that is computed and not known at preview. There is one: ``UNKNOWN``; it has no truth value."""

    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown value is neither true nor false")

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> tuple[type[Unknown], tuple[()]]:
        return (Unknown, ())


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that its author marked secret: rules may read it, no report, log or error may show it."""

    value: Any

    def __repr__(self) -> str:
        return "[secret]"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("[secret]", spec)


@dataclass(frozen=True, slots=True)
class Reference:
    """A property value that is another resource, by URN; ``id`` is UNKNOWN until it exists."""

    urn: str
    id: str | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class Blob:
    """An asset or archive. ``description`` tells its origin (a path, a URI, "text")."""

    description: str


Value: TypeAlias = Any  # None | bool | int | float | str | list | dict | Unknown | Secret | Reference | Blob


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider instance that manages a resource, with its settings (region, default tags, project)."""

    package: str
    address: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """Resource options that guardrails may read."""

    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    delete_before_replace: bool = False
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """One object as declared.

    ``type`` is the type token (``aws:ec2/instance:Instance``), ``address`` the URN. ``dependencies`` are the
    URNs it depends on, ``property_dependencies`` the same by top-level property. ``position`` is the line of
    the user's program that declared it, relative to the project where it lies inside it. ``external`` marks
    a resource that is read (``.get``), not managed. ``ids`` are what the provider calls it, where it exists and the
    source says so.
    """

    type: str
    name: str
    address: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    provider: Provider | None = None
    parent: str | None = None
    custom: bool = True
    external: bool = False
    options: Options = field(default_factory=Options)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    position: Place | None = None
    ids: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The package of the type token (``aws``, ``gcp``, ``kubernetes``)."""
        return self.type.split(":", 1)[0]


@dataclass(frozen=True, slots=True)
class Assumption:
    """A data source that had no recorded answer and was answered from built-in data: what, and with what."""

    token: str
    arguments: Mapping[str, Value]
    answer: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A data source that was called plainly and for which there is no answer: what, and the line that calls it."""

    token: str
    arguments: Mapping[str, Value]
    place: Place | None


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one input declares: its resources in order of registration, and how they were read.

    ``engine`` is ``embedded`` or ``pulumi``. ``incomplete`` says why when the program did not run to its end
    (a time-out): what it had declared by then is here. ``unanswered`` are data sources that failed for want of the
    cloud and without which the program went on: a real run may declare something else.
    """

    project: str
    stack: str
    root: Path
    resources: tuple[Resource, ...]
    organization: str = "organization"
    engine: str = "embedded"
    assumptions: tuple[Assumption, ...] = ()
    outputs: Mapping[str, Value] = field(default_factory=dict)
    config: Mapping[str, str | Secret] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    incomplete: str | None = None
    unanswered: tuple[Unanswered, ...] = ()


def name_of(urn: str) -> str:
    """The name in a URN (``urn:pulumi:STACK::PROJECT::TYPE::NAME``), which may hold ``::`` itself."""
    return urn.split("::", 3)[-1]


def reveal(value: Value) -> Value:
    """The value with every ``Secret`` opened: for rules only, never for anything that is shown."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def unknown_paths(value: Value, path: str = "") -> Iterator[str]:
    """Paths (``a.b[0].c``) of all unknown values inside ``value``, in order."""
    if isinstance(value, Secret):
        yield from unknown_paths(value.value, path)
    elif isinstance(value, Unknown):
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknown_paths(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_paths(item, f"{path}[{index}]")
