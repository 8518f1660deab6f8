"""Property paths: how a mapping table points at a value inside a resource.

``a.b``               a property of a property
``a[0]``, ``a[*]``    an element of a list, every element of it
``a["x.y/z"]``        a key that is not a plain word (labels, resource names)
``a[k=v]``            the elements whose ``k`` (itself a path) is ``v``
``a[k!=v]``           those whose ``k`` is another, or not there
``a!json.b``          ``b`` inside the JSON text that ``a`` holds

A list of one stands for its element and an element for a list of one: providers change between the two.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from spendgate.facts.outcome import Known, Outcome, Unclear, not_known_yet, wrong_type
from spendgate.resource import UNKNOWN, Blob, Reference, Secret


@dataclass(frozen=True, slots=True)
class Each:
    """Every element of a list."""


@dataclass(frozen=True, slots=True)
class Json:
    """What the JSON text at this point says."""


@dataclass(frozen=True, slots=True)
class Only:
    """The elements of a list for which ``path`` is (or is not) ``value``."""

    path: tuple[Segment, ...]
    value: str
    negated: bool


Segment: TypeAlias = str | int | Each | Json | Only
Segments: TypeAlias = tuple[Segment, ...]

_TOKEN = re.compile(
    r"""
    (?:^|\.)(?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | \[(?P<index>\d+)\]
    | \[(?P<each>\*)\]
    | \["(?P<key>[^"]+)"\]
    | \[(?P<where>[A-Za-z_][A-Za-z0-9_.]*)(?P<op>!?=)(?P<value>[^\]]+)\]
    | (?P<json>!json)
    """,
    re.VERBOSE,
)


SCALARS: Final = frozenset({str, int, float, bool})


@functools.cache
def parse(text: str) -> Segments:
    """The segments of a path. Raises ValueError, naming the place, for what is no path."""
    segments: list[Segment] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f'"{text}" is no property path (character {at + 1})')
        match found.lastgroup:
            case "name":
                segments.append(found["name"])
            case "index":
                segments.append(int(found["index"]))
            case "each":
                segments.append(Each())
            case "key":
                segments.append(found["key"])
            case "json":
                segments.append(Json())
            case _:
                segments.append(Only(parse(found["where"]), found["value"], found["op"] == "!="))
        at = found.end()
    if not segments:
        raise ValueError("a property path is not empty")
    return tuple(segments)


def look(value: Any, segments: Segments, trail: str = "") -> list[Outcome]:
    """All values at a path, in order; an empty list when nothing is declared there.

    ``trail`` is put before the path in reasons. What is unknown on the way is ``Unclear``, and so is a value that is
    marked secret or lies inside one: facts are shown. That nothing is declared there is told all the same.
    """
    at = 0
    for segment in segments:  # the common case: plain keys of plain dicts, most often not there
        if type(value) is not dict or type(segment) is not str:
            break
        value = value.get(segment)
        if value is None:
            return []
        at += 1
    trail = written(trail, segments[:at])
    if at == len(segments) and type(value) in SCALARS:
        return [Known(value, trail)]
    found: list[Outcome] = []
    _walk(value, segments, at, trail, found)
    return found


def _walk(value: Any, segments: Segments, at: int, trail: str, found: list[Outcome]) -> None:
    if type(value) is Secret:
        inside: list[Outcome] = []
        _walk(value.value, segments, at, trail, inside)
        found.extend(Unclear(f"{item.path}: secret") if isinstance(item, Known) else item for item in inside)
        return
    if value is None:
        return
    if value is UNKNOWN:
        found.append(not_known_yet(trail))
        return
    if at == len(segments):
        found.append(Known(value, trail))
        return
    if type(value) is Reference or type(value) is Blob:
        what = "another resource" if isinstance(value, Reference) else "a file"
        found.append(Unclear(f"{trail}: refers to {what}, what it holds is not known"))
        return
    segment = segments[at]
    if isinstance(segment, str):
        _walk_key(value, segment, segments, at, trail, found)
    elif isinstance(segment, Json):
        _walk_json(value, segments, at, trail, found)
    elif isinstance(segment, int):
        elements = _elements(value)
        if segment < len(elements):
            _walk(elements[segment], segments, at + 1, f"{trail}[{segment}]", found)
    else:
        for index, element in enumerate(_elements(value)):
            place = f"{trail}[{index}]"
            if isinstance(segment, Only):
                passes = _passes(element, segment, place)
                if isinstance(passes, Unclear):
                    found.append(passes)
                if passes is not True:
                    continue
            _walk(element, segments, at + 1, place, found)


def _walk_key(value: Any, key: str, segments: Segments, at: int, trail: str, found: list[Outcome]) -> None:
    if isinstance(value, (list, tuple)):
        if len(value) > 1:
            found.append(wrong_type(trail, "an object", value))
        elif value:
            _walk(value[0], segments, at, f"{trail}[0]", found)
    elif type(value) is dict or isinstance(value, Mapping):
        _walk(value.get(key), segments, at + 1, _below(trail, key), found)
    else:
        found.append(wrong_type(trail, "an object", value))


@functools.lru_cache(maxsize=4096)
def written(trail: str, keys: Segments) -> str:
    """Keys below a path, as they are shown."""
    for key in keys:
        trail = _below(trail, str(key))
    return trail


def _below(trail: str, key: str) -> str:
    if not key.isidentifier():
        return f'{trail}["{key}"]'
    return f"{trail}.{key}" if trail else key


def _walk_json(value: Any, segments: Segments, at: int, trail: str, found: list[Outcome]) -> None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            found.append(Unclear(f"{trail}: is not JSON"))
            return
    _walk(value, segments, at + 1, trail, found)


def _elements(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _passes(element: Any, only: Only, trail: str) -> bool | Unclear:
    while isinstance(element, Secret):
        element = element.value
    if element is None:
        return False
    for outcome in look(element, only.path, trail):
        if isinstance(outcome, Unclear):
            return outcome
        if isinstance(outcome, Known) and _as_written(outcome.value) == only.value:
            return not only.negated
    return only.negated


def _as_written(value: Any) -> str:
    """A scalar as a table writes it (``true``, ``ENABLED``, ``3``)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""
