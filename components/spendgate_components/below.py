"""Tags for resources that others declare: a transform that gives a set to everything below a component or stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import pulumi
from pulumi import _types

from spendgate.facts.table import load_mappings
from spendgate_components.child import arguments_of
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import aws_tags, azure_tags, gcp_labels, kubernetes_labels

Entry = tuple[str, str, Mapping[str, Any]]
"""Of a list of tags: the property that holds an entry's key, the one that holds its value, and what else it has."""

Spelling = Callable[[Mapping[str, str]], dict[str, str]]

SPELLINGS: Final[Mapping[str, Spelling]] = {
    "aws": aws_tags,
    "azure-native": azure_tags,
    "gcp": gcp_labels,
    "kubernetes": kubernetes_labels,
}
"""How a tag set is written, by package."""

MOST: Final[Mapping[str, int]] = {"aws": 50, "azure-native": 50, "gcp": 64}
"""Tags that a resource may have, its own among them (as in ``tags.py``); Kubernetes has no such limit."""

_LABELS: Final = ("metadata", "labels")
_TAGS_OF_NODES: Final = ("spec", "tags")
"""Tags of the machines that Karpenter starts: those of AWS, in an object of Kubernetes."""
_ENTRIES: Final[Mapping[str, Mapping[str, Any]]] = {"aws:autoscaling/group:Group": {"propagateAtLaunch": True}}
"""What an entry has beside key and value, where tags are a list of entries."""
_NO_OBJECTS: Final = ("helm.sh/", "kustomize", "yaml")
"""Packages of Kubernetes whose resources stand for several objects."""


def tagging(tags: Mapping[str, str], *, over: bool) -> pulumi.ResourceTransform:
    """A transform that adds ``tags`` to each resource that takes some, in its cloud's own spelling.

    Tags that a resource has stay as they are, unless ``over``. Raises ArgumentError (in the program, when the first
    such resource is declared) where a value does not fit a cloud.
    """

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        package = args.type_.split(":", 1)[0]
        if not args.custom or package not in SPELLINGS:
            return None
        props: Any = args.props
        for path, entry in _places(args.type_):
            cloud = "aws" if path == _TAGS_OF_NODES else package
            add = _Added(SPELLINGS[cloud](tags), cloud, f"{args.name} ({args.type_})", entry, over)
            props = _put(props, path, add)
        return None if props is args.props else pulumi.ResourceTransformResult(props=props, opts=args.opts)

    return transform


@dataclass(frozen=True, slots=True)
class _Added:
    """Tags as one cloud spells them, on their way to a resource."""

    tags: Mapping[str, str]
    cloud: str
    to: str
    entry: Entry | None
    over: bool

    def key(self, key: str) -> str:
        """What makes two keys the same: Azure does not tell cases apart."""
        return key.lower() if self.cloud == "azure-native" else key


def _places(token: str) -> Sequence[tuple[tuple[str, ...], Entry | None]]:
    """Where a type takes tags: as its mapping row has it, else as its SDK does."""
    row = load_mappings().row(token)
    layers = [layer for layer in (row.tags if row is not None else None) or () if not layer.root]
    if layers:
        return [(one.keys, _entry(token, one.key, one.value)) for one in layers]
    package, _, rest = token.partition(":")
    if package == "kubernetes":
        alone = not rest.startswith(_NO_OBJECTS) and not rest.endswith(("List", "Patch"))
        return [(_LABELS, None)] if alone else []
    found = _input_of(package, rest, "labels" if package == "gcp" else "tags")
    return [((found,), None)] if found else []


def _entry(token: str, key: str | None, value: str | None) -> Entry | None:
    return None if key is None or value is None else (key, value, _ENTRIES.get(token, {}))


def _input_of(package: str, rest: str, name: str) -> str | None:
    """``name`` where the type's class in the SDK takes a map of that name."""
    module, _, kind = rest.partition(":")
    where = f"pulumi_{package.replace('-', '_')}.{module.split('/')[0]}".removesuffix(".index")
    try:
        make = getattr(import_module(where), kind, None)
    except ImportError:
        return None
    arguments = arguments_of(make) if isinstance(make, type) else None
    if arguments is None or name not in _types.input_type_py_to_pulumi_names(arguments).values():
        return None
    # A list of entries is written in as many ways as there are services.
    takes = str(arguments.__init__.__annotations__.get(name, ""))
    return name if "Mapping[" in takes else None


def _put(value: Any, path: tuple[str, ...], add: _Added) -> Any:
    """``value`` with tags at ``path``; what is known only after apply is changed then."""
    if isinstance(value, pulumi.Output):
        return value.apply(lambda known: _put(known, path, add))
    if path:
        there = value if isinstance(value, Mapping) else {}
        return {**there, path[0]: _put(there.get(path[0]), path[1:], add)}
    merged: Any = _entries(value, add) if add.entry is not None else _merged(value, add)
    most = MOST.get(add.cloud)
    if most is not None and len(merged) > most:
        raise ArgumentError(
            f"{add.to} would have {len(merged)} tags, it takes {most}", remedy="Leave some of tags.extra out."
        )
    return merged


def _merged(value: Any, add: _Added) -> dict[str, Any]:
    there = dict(value) if isinstance(value, Mapping) else {}
    if add.over:
        ours = {add.key(key) for key in add.tags}
        return {**{key: text for key, text in there.items() if add.key(key) not in ours}, **add.tags}
    theirs = {add.key(key) for key in there}
    return {**there, **{key: text for key, text in add.tags.items() if add.key(key) not in theirs}}


def _entries(value: Any, add: _Added) -> list[Any]:
    key, text, more = add.entry or ("key", "value", {})
    there = list(value or ())
    if add.over:
        there = [one for one in there if not (isinstance(one, Mapping) and one.get(key) in add.tags)]
    named = {one.get(key) for one in there if isinstance(one, Mapping)}
    return [*there, *({**more, key: name, text: value} for name, value in add.tags.items() if name not in named)]
