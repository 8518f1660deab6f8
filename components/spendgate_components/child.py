"""Children of a component: declared as values first, priced, and only then registered.

Inputs have the provider's own wire names (camelCase), the names of Pulumi's schema and of spendgate's mapping tables,
so that what is priced is what is registered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pulumi
from pulumi import _types
from pulumi.output import Unknown

from spendgate.errors import did_you_mean
from spendgate.resource import UNKNOWN, Declaration, Resource, Value
from spendgate_components.errors import ArgumentError

CUSTOM: Final = "kubernetes:apiextensions.k8s.io/v1:CustomResource"

Transform = Callable[[str, dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Of:
    """An output of another child: ``Of("template", "id")``. Known only after apply. With ``text``, that text with the
    output in the place of ``<output>``."""

    child: str
    output: str
    text: str = ""

    def of(self, made: Mapping[str, pulumi.CustomResource]) -> pulumi.Output[Any]:
        """The output itself, once the child is registered."""
        found: pulumi.Output[Any] = getattr(made[self.child], self.output)
        return found.apply(lambda value: self.text.replace("<output>", str(value))) if self.text else found


@dataclass(frozen=True, slots=True)
class Joined:
    """Several outputs of other children as one text. Known only after apply."""

    outputs: tuple[Of, ...]
    text: Callable[..., str]

    def of(self, made: Mapping[str, pulumi.CustomResource]) -> pulumi.Output[Any]:
        """The text, once the children are registered."""
        joined: pulumi.Output[Any] = pulumi.Output.all(*(one.of(made) for one in self.outputs))
        return joined.apply(lambda values: self.text(*values))


@dataclass(frozen=True)
class Child:
    """One resource to be: ``key`` is its part in the component and the end of its name, ``make`` its SDK class.

    ``keeps`` are inputs, by path, that the escape hatch may not change: the limits that the component promises.
    ``after`` are children that have to be there before it; ``provider`` is the one that is its provider.
    """

    key: str
    make: type[pulumi.CustomResource]
    inputs: Mapping[str, Any]
    keeps: Sequence[tuple[str, ...]] = ()
    ignore_changes: Sequence[str] = ()
    protect: bool | None = None
    tagged_at: Mapping[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)
    after: Sequence[str] = ()
    provider: str | None = None

    @property
    def names_itself(self) -> bool:
        """Whether its inputs say what it is called in the cloud; else Pulumi makes a name of its own."""
        metadata = self.inputs.get("metadata")
        return any(one in self.inputs for one in _NAMES) or (isinstance(metadata, Mapping) and "name" in metadata)

    @property
    def lower_case(self) -> bool:
        """Whether what it is called may have no capital letters."""
        return self.type.startswith(("gcp:", "kubernetes:", "aws:s3/bucket:"))

    @property
    def type(self) -> str:
        """The type token, as the engine sees it."""
        token = getattr(self.make, "pulumi_type", None)
        return token or f"kubernetes:{self.inputs['apiVersion']}:{self.inputs['kind']}"


_NAMES: Final = ("name", "agentPoolName", "pipelineName")


def within(prefix: str, children: Sequence[Child], **more: Any) -> tuple[Child, ...]:
    """Children as part of a larger component: their keys, and what refers to them, begin with the prefix. ``more`` are
    further fields of each."""
    own = {child.key for child in children}

    def moved(value: Any) -> Any:
        if isinstance(value, Of):
            return replace(value, child=f"{prefix}-{value.child}") if value.child in own else value
        if isinstance(value, Mapping):
            return {key: moved(item) for key, item in value.items()}
        return [moved(item) for item in value] if isinstance(value, (list, tuple)) else value

    return tuple(replace(child, key=f"{prefix}-{child.key}", inputs=moved(child.inputs), **more) for child in children)


def wire(make: type[pulumi.CustomResource], inputs: Mapping[str, Any], child: str) -> dict[str, Any]:
    """Inputs in wire names; Python's names of the SDK and its argument classes will do. Raises ArgumentError for an
    input that the resource does not have."""
    kind = arguments_of(make)
    if kind is None or make.__name__ == "CustomResource":
        return dict(inputs)
    names = _types.input_type_py_to_pulumi_names(kind)
    for name in inputs:
        if not isinstance(name, str):
            raise ArgumentError(f"{child} has the input {name!r}", remedy="Write names as texts.")
        if name not in names and name not in names.values():
            # Of the two spellings the one that the program writes.
            spelt = names.values() if name != name.lower() else names
            remedy = did_you_mean(name, spelt) or f"See the arguments of {make.__name__}."
            raise ArgumentError(f'{child} has no input "{name}"', remedy=remedy)
    found: dict[str, Any] = _wired(inputs, kind)
    return found


def arguments_of(make: type[pulumi.CustomResource]) -> type[Any] | None:
    """The class of a resource's arguments, as its SDK's module has it."""
    module = sys.modules[make.__module__]
    for suffix in ("InitArgs", "Args"):
        kind: type[Any] | None = getattr(module, make.__name__ + suffix, None)
        if kind is not None and _types.is_input_type(kind):
            return kind
    return None


def _wired(value: Any, kind: Any) -> Any:
    if _types.is_input_type(type(value)):
        kind, value = type(value), _types.input_type_to_untranslated_dict(value)
    if isinstance(value, Mapping):
        if isinstance(kind, type) and _types.is_input_type(kind):
            names, kinds = _types.input_type_py_to_pulumi_names(kind), _types.input_type_types(kind)
            renamed = {names.get(str(name), str(name)): item for name, item in value.items()}
            return {name: _wired(item, _inner(kinds.get(name))) for name, item in renamed.items()}
        return dict(value)
    if isinstance(value, (list, tuple)):
        of = _inner(getattr(kind, "__args__", (None,))[0])
        return [_wired(item, of) for item in value]
    return value


def _inner(kind: Any) -> Any:
    return None if kind is None else _types.unwrap_type(kind)


def declared(children: Sequence[Child], name: str, project: str, stack: str) -> Declaration:
    """The children as a preview declares them: what only the cloud knows is unknown, and known to come from whom."""
    from pathlib import Path

    urns = {child.key: f"urn:pulumi:{stack}::{project}::{child.type}::{name}-{child.key}" for child in children}
    return Declaration(project, stack, Path(), tuple(_resource(child, name, urns) for child in children))


def _resource(child: Child, name: str, urns: Mapping[str, str]) -> Resource:
    meant = {top: tuple(sorted({urns[of.child] for of in _references(value)})) for top, value in child.inputs.items()}
    meant = {top: found for top, found in meant.items() if found}
    return Resource(
        type=child.type,
        name=f"{name}-{child.key}",
        address=urns[child.key],
        properties={top: _declared(value) for top, value in child.inputs.items() if value is not None},
        dependencies=tuple(dict.fromkeys(urn for found in meant.values() for urn in found)),
        property_dependencies={top: meant.get(top, ()) for top in child.inputs},
    )


def _declared(value: Any) -> Value:
    if isinstance(value, (Of, Joined, pulumi.Output, Unknown, pulumi.Resource)):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {str(key): _declared(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_declared(item) for item in value]
    return value


def _references(value: Any) -> list[Of]:
    if isinstance(value, Of):
        return [value]
    if isinstance(value, Joined):
        return list(value.outputs)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return [found for item in items for found in _references(item)]


def register(children: Sequence[Child], name: str, parent: pulumi.Resource) -> dict[str, pulumi.CustomResource]:
    """Register the children below ``parent``, named ``<name>-<key>``, and return them by key."""
    made: dict[str, pulumi.CustomResource] = {}
    for child in children:
        options = pulumi.ResourceOptions(
            parent=parent,
            ignore_changes=list(child.ignore_changes) or None,
            protect=child.protect,
            depends_on=[made[key] for key in child.after] or None,
        )
        if child.provider in made:
            options.provider = made[child.provider]  # type: ignore[assignment]
        kind = arguments_of(child.make)
        names = (
            {} if kind is None else {wired: own for own, wired in _types.input_type_py_to_pulumi_names(kind).items()}
        )
        inputs = {names.get(top, top): _resolved(value, made) for top, value in child.inputs.items()}
        if "resource_name" in inputs:
            # The SDKs' own first argument is called so: theirs then has an underscore more.
            inputs["resource_name_"] = inputs.pop("resource_name")
        if child.make.__name__ == "CustomResource":
            inputs = {{"apiVersion": "api_version"}.get(top, top): value for top, value in inputs.items()}
        make: Any = child.make
        made[child.key] = make(f"{name}-{child.key}", **inputs, opts=options)
    return made


def _resolved(value: Any, made: Mapping[str, pulumi.CustomResource]) -> Any:
    if isinstance(value, (Of, Joined)):
        return value.of(made)
    if isinstance(value, Mapping):
        return {key: _resolved(item, made) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(item, made) for item in value]
    return value
