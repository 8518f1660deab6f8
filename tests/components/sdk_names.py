"""Whether inputs have the names that the SDK's argument classes have, however deep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi import _types

from spendgate_components.child import Child, arguments_of


def misspelt(child: Child) -> list[str]:
    """Paths of a child's inputs that its SDK does not know. Custom resources have none to know."""
    kind = arguments_of(child.make)
    if kind is None or child.make.__name__ == "CustomResource":
        return []
    return list(_misspelt(child.inputs, kind, child.key))


def _misspelt(value: Any, kind: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(kind, type) and _types.is_input_type(kind):
        names = {wired: own for own, wired in _types.input_type_py_to_pulumi_names(kind).items()}
        kinds = _types.input_type_types(kind)
        for name, item in value.items():
            if name not in names:
                yield f"{path}.{name}"
            else:
                yield from _misspelt(item, _inner(kinds.get(name) or kinds.get(names[name])), f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        of = _inner(getattr(kind, "__args__", (None,))[0])
        for at, item in enumerate(value):
            yield from _misspelt(item, of, f"{path}[{at}]")


def _inner(kind: Any) -> Any:
    return None if kind is None else _types.unwrap_type(kind)
