"""Tags and labels: merged from several layers, of which the later one wins. Secret tag values stay unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from spendgate.facts.expression import Compiler, Read, TableError
from spendgate.facts.outcome import Unclear, not_known_yet, wrong_type
from spendgate.facts.path import parse
from spendgate.resource import UNKNOWN, Resource, Secret


@dataclass(frozen=True, slots=True)
class Layer:
    """Where tags stand: a map, or a list of entries of which ``key`` and ``value`` name the properties."""

    root: str
    keys: tuple[str, ...]
    key: str | None = None
    value: str | None = None


def compile_layers(spec: Any, compiler: Compiler) -> tuple[Layer, ...]:
    """Layers from a table: a path, a mapping with ``path``, ``key`` and ``value``, or a list of both."""
    return tuple(_layer(item, compiler) for item in (spec if isinstance(spec, list) else [spec]))


def _layer(spec: Any, compiler: Compiler) -> Layer:
    entry = {"path": spec} if isinstance(spec, str) else dict(spec)
    path = entry["path"]
    root, _, rest = path.partition(".") if path.startswith("$") else ("", "", path)
    if rest.startswith("."):
        rest = f"{compiler.base}{rest}" if compiler.base else rest[1:]
    compiler.reads.append(Read(root, rest))
    for name in ("key", "value"):
        if name in entry:
            compiler.reads.append(Read(root, f"{rest}[*].{entry[name]}"))
    keys = parse(rest)
    if not all(isinstance(key, str) for key in keys):
        raise TableError(f'"{rest}" is no path to tags')
    return Layer(root, tuple(map(str, keys)), entry.get("key"), entry.get("value"))


_TEXT: Final = frozenset((str,))
"""What tags mostly are; told at C speed."""

Tags = tuple[dict[str, str], dict[str, str]]
"""Tags by key, and reasons by fact path (``tags``, ``tags.team``) for those that are not known."""


def merged(layers: Sequence[Layer], resource: Resource, inherited: Tags = ({}, {})) -> Tags:
    """The tags of a resource: those that it inherits, and over these its own."""
    tags, unknowns = dict(inherited[0]), dict(inherited[1])
    for layer in layers:
        found = _read(layer, resource)
        if isinstance(found, Unclear):
            # Anything may be set or overridden here; what earlier layers say no longer holds.
            tags.clear()
            unknowns = {"tags": found.reason}
            continue
        if not unknowns and tags.keys().isdisjoint(found) and _TEXT.issuperset(map(type, found.values())):
            tags.update(cast(Mapping[str, str], found))
            continue
        for key, value in found.items():
            if value is None:
                continue  # not sent to the provider: what an earlier layer says stays
            tags.pop(key, None)  # it stands where it was said last
            if unknowns:
                unknowns.pop(f"tags.{key}", None)
            if isinstance(value, Unclear):
                unknowns[f"tags.{key}"] = value.reason
            else:
                tags[key] = value
    return tags, unknowns


def _read(layer: Layer, resource: Resource) -> Mapping[str, str | Unclear | None] | Unclear:
    value: Any = resource.properties
    trail = ""
    if layer.root:
        provider = resource.provider
        value, trail = (provider.properties if provider is not None else None), "provider"
    for key in layer.keys:
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, (dict, Mapping)):
            value, trail = value.get(key), f"{trail}.{key}" if trail else key
        elif value is not None:
            return wrong_type(trail, "an object", value)
        if value is UNKNOWN:
            return not_known_yet(trail)
        if isinstance(value, Secret):
            return Unclear(f"{trail}: secret")
    if value is None:
        return {}
    if layer.key is not None:
        return _entries(value, layer.key, layer.value or "value", trail)
    if not isinstance(value, (dict, Mapping)):
        return wrong_type(trail, "an object", value)
    if _TEXT.issuperset(map(type, value.values())) and _TEXT.issuperset(map(type, value)):
        return value
    return {
        str(key): item
        if type(item) is str
        else _tag(item, f'{trail}["{key}"]' if not str(key).isidentifier() else f"{trail}.{key}")
        for key, item in value.items()
    }


def _entries(value: Any, key: str, text: str, trail: str) -> Mapping[str, str | Unclear | None] | Unclear:
    if not isinstance(value, list):
        return wrong_type(trail, "a list", value)
    found: dict[str, str | Unclear | None] = {}
    for index, entry in enumerate(value):
        place = f"{trail}[{index}]"
        if entry is None:
            continue
        if entry is UNKNOWN:
            return not_known_yet(place)
        if isinstance(entry, Secret):
            return Unclear(f"{place}: secret")
        if not isinstance(entry, Mapping):
            return Unclear(f"{place}: expected a tag with a name")
        name = entry.get(key)
        if name is UNKNOWN:
            return not_known_yet(f"{place}.{key}")
        if not isinstance(name, str):
            return Unclear(f"{place}: expected a tag with a name")
        found[name] = _tag(entry.get(text), f"{place}.{text}")
    return found


def _tag(value: Any, path: str) -> str | Unclear | None:
    if value is None or isinstance(value, str):
        return value
    if value is UNKNOWN:
        return not_known_yet(path)
    if isinstance(value, Secret):
        return Unclear(f"{path}: secret")
    if isinstance(value, bool):
        return str(value).lower()
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value)
        if isinstance(value, int)
        else wrong_type(path, "a text", value)
    )
