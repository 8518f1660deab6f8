"""What a guardrail is asked about, and what of it tells one question from another."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

from spendgate.errors import Place
from spendgate.rules import cel

Path = tuple[str, ...]
Values = Mapping[str, Any]
Part = tuple[Path, tuple[str, ...] | None]
"""A path of one or two steps, and the only entries of the map or list there that are looked at (None: all of it)."""

SAME_FOR_ALL: Final = ("stack", "now")
"""Variables that are the same for all resources of a run."""

_ABSENT: Final = "\0absent"
_AS_IT_IS: Final = frozenset((str, float, bool, type(None)))
"""Types of values that tell themselves apart; all else is told by its text (1 is not 1.0, and lists have no hash)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a guardrail is asked about: plain values by variable, unknown paths with the reason of each, and its place.

    ``properties`` are the resource's own, as declared; few guardrails read them, so they are made plain on demand.
    ``alike``, where it is given, is the same for those whose cost, type and options, and whose facts but for the tags,
    are the same.
    """

    values: Values
    unknown: Mapping[Path, str]
    address: str
    type: str
    name: str
    location: Place | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    keys: dict[Part, Hashable] = field(default_factory=dict)
    alike: Hashable = None

    def key(self, part: Part) -> Hashable:
        """What tells one value of a part from another."""
        found = self.keys.get(part)
        if found is None:
            found = self.keys[part] = self._key(*part)
        return found

    def keys_of(self, parts: Iterable[Part]) -> list[Hashable]:
        """What tells one set of values of the parts from another."""
        return [self._key(path, entries) for path, entries in parts]

    def _key(self, path: Path, entries: tuple[str, ...] | None) -> Hashable:
        value = self.values.get(path[0])
        if len(path) > 1 and type(value) is dict:
            value = value.get(path[1], _ABSENT)
        if entries is None or type(value) is str:
            return value if type(value) in _AS_IT_IS else repr(value)
        if type(value) is dict:
            found = tuple(map(value.get, entries, repeat(_ABSENT)))
            if _AS_IT_IS.issuperset(map(type, found)):
                return found
            return tuple([item if type(item) in _AS_IT_IS else repr(item) for item in found])
        return tuple(map(value.__contains__, entries)) if type(value) is list else repr(value)


def parts_read(programs: Iterable[cel.Program], paths: Iterable[Path], params: Mapping[str, Any]) -> tuple[Part, ...]:
    """What the programs look at, of what may differ between resources: of a map (``facts.tags``) often single entries,
    whose names stand in the expressions or the parameters."""
    reads = {read for program in programs for read in program.reads}
    parts: list[Part] = []
    for path in paths:
        near = [read for read in reads if read.path[: len(path)] == path or path[: len(read.path)] == read.path]
        if path[0] in SAME_FOR_ALL or not near:
            continue
        entries: set[str] | None = set()
        for read in near:
            found = cel.entries_read(read, path, {"params": params})
            entries = None if entries is None or found is None else entries | found
        parts.append((path, None if entries is None else tuple(sorted(entries, key=str))))
    return tuple(parts)


def merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same in as few parts: of each path all of it, or all entries that any of the parts names."""
    by_path: dict[Path, set[str] | None] = {}
    for path, entries in parts:
        before = by_path.get(path, set())
        by_path[path] = None if entries is None or before is None else before | set(entries)
    return tuple((path, None if names is None else tuple(sorted(names, key=str))) for path, names in by_path.items())


def of_one(path: Path) -> bool:
    """Whether subjects that are alike may differ in what stands at a path."""
    if path[0] == "resource":
        return path[1:2] not in (("type",), ("external",), ("options",))
    return path == ("facts",) or path[:2] in (("facts", "tags"), ("facts", "tag_keys"))


def within(parts: Iterable[Part], others: Iterable[Part]) -> bool:
    """Whether all that the parts hold is among what the others hold."""
    entries_of = dict(others)
    for path, entries in parts:
        wider = entries_of.get(path, ())
        if wider is not None and (entries is None or not set(entries) <= set(wider)):
            return False
    return True
