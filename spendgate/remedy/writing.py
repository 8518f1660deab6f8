"""Writing at a property path: the part of the path language that leads to one place.

``a.b``, ``a["x.y/z"]`` and ``a[0]`` (an element that is there) as in mapping tables; ``a[+]`` at the end is a new last
element of a list. What is missing on the way is made; a list of one stands for its element, as it does for facts.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

from spendgate.facts.path import parse, written
from spendgate.remedy.model import Patch, Refused
from spendgate.resource import UNKNOWN, Blob, Reference, Resource, Secret, Value

Steps: TypeAlias = tuple[str | int, ...]

NEW_ELEMENT = "[+]"


@functools.cache
def steps_of(path: str) -> tuple[Steps, bool]:
    """The steps of a path, and whether it ends at a new element. Raises ValueError, naming what is wrong."""
    appends = path.endswith(NEW_ELEMENT)
    segments = parse(path.removesuffix(NEW_ELEMENT))
    steps = tuple(segment for segment in segments if isinstance(segment, (str, int)))
    if len(steps) != len(segments):
        raise ValueError(f'"{path}" may lead to several places; a patch is written at one')
    if isinstance(steps[0], int):
        raise ValueError(f'"{path}" does not start with the name of a property')
    return steps, appends


def below(path: str, key: str) -> str:
    """The path of an entry of the map at ``path``."""
    if not key.isidentifier():
        return f'{path}["{key}"]'
    return f"{path}.{key}"


def patch_of(properties: Mapping[str, Value], path: str, new: Any) -> Patch | Refused | None:
    """The patch that sets ``new`` at ``path``; None where it is there already.

    Refused where the way leads through something secret, unknown or of another shape, or would put one away.
    """
    steps, appends = steps_of(path)
    value: Value = properties
    trail = ""
    for at, step in enumerate(steps):
        value = _opened(value, step)
        refused = _passable(value, trail, step)
        if refused is not None:
            return refused
        trail = f"{trail}[{step}]" if isinstance(step, int) else written(trail, (step,))
        value = _inside(value, step)
        if value is None:
            if any(isinstance(later, int) for later in steps[at + 1 :]):
                return Refused(f"{trail}: is not declared, so it has no element to change")
            break
    # A new element leaves the others as they are.
    if not (appends and isinstance(value, list)) and (refused := _holds_hidden(value, trail)):
        return refused
    if appends:
        if value is not None and not isinstance(value, list):
            return Refused(f"{trail}: is no list")
        return None if value is not None and new in value else Patch(path, None, new, appends=True)
    return None if _same(value, new) else Patch(path, value, new)


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _opened(value: Value, step: str | int) -> Value:
    """A list of one stands for its element."""
    return value[0] if isinstance(step, str) and isinstance(value, list) and len(value) == 1 else value


def _passable(value: Value, trail: str, step: str | int) -> Refused | None:
    refused = _hidden(value, trail)
    if refused is not None:
        return refused
    if isinstance(step, int):
        if not isinstance(value, list):
            return Refused(f"{trail}: is no list")
        return None if step < len(value) else Refused(f"{trail}[{step}]: there is no such element")
    return None if isinstance(value, Mapping) else Refused(f"{trail}: is no object")


def _hidden(value: Value, trail: str) -> Refused | None:
    if value is UNKNOWN:
        return Refused(f"{trail}: known only after apply")
    if isinstance(value, Secret):
        return Refused(f"{trail}: secret")
    if isinstance(value, (Reference, Blob)):
        return Refused(f"{trail}: refers to {'another resource' if isinstance(value, Reference) else 'a file'}")
    return None


def _holds_hidden(value: Value, trail: str) -> Refused | None:
    """Whether anything secret, unknown or not plain would be put away."""
    refused = _hidden(value, trail)
    if refused is not None:
        return refused
    inner: list[tuple[str, Value]] = []
    if isinstance(value, Mapping):
        inner = [(written(trail, (str(key),)), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [(f"{trail}[{index}]", item) for index, item in enumerate(value)]
    return next((found for path, item in inner if (found := _holds_hidden(item, path)) is not None), None)


def _inside(value: Value, step: str | int) -> Value:
    return value[step] if isinstance(step, int) else value.get(step)


def apply(resource: Resource, patches: tuple[Patch, ...]) -> Resource:
    """The resource with the patches made; applying them again changes nothing."""
    properties = dict(resource.properties)
    for patch in patches:
        put(properties, patch)
    return replace(resource, properties=properties)


def put(properties: dict[str, Any], patch: Patch) -> None:
    """Make one patch in ``properties``; what it holds is copied where it changes, never changed in place."""
    steps, appends = steps_of(patch.path)
    target: Any = properties
    for step, later in pairwise(steps):
        inner = _copied(_inside(target, step), later)
        target[step] = inner
        if isinstance(later, str) and isinstance(inner, list):
            inner[0] = _copied(inner[0], later)
            target = inner[0]
        else:
            target = inner
    last = steps[-1]
    if not appends:
        target[last] = patch.new
        return
    elements = list(_inside(target, last) or ())
    target[last] = elements if patch.new in elements else [*elements, patch.new]


def _copied(value: Any, step: str | int) -> Any:
    """What a step leads into, as something of its own: a map where nothing is."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        return list(value)
    return {}
