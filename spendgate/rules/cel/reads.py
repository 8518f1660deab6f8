"""The paths that an expression reads and how it reaches them, and so which unknown values its answer hangs on.

Unknown values are left out of what an engine sees. Selecting one is then an error, which ``||``, ``&&``, ``?:``,
``all`` and ``exists`` absorb exactly where the answer does not hang on it. But what asks whether a key is there, or
looks at a value as a whole, would be answered as if the value were absent: that must not be evaluated at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from spendgate.rules.cel.order import SORTED
from spendgate.rules.cel.syntax import Call, Constant, Loop, Name, Node, Parts, Select, children
from spendgate.rules.cel.types import MapOf, Message, Path, Schema, Type, below


class How(Enum):
    """How an expression reaches a path."""

    VALUE = "its value is used"
    PRESENCE = "it is asked whether it is there: has(a.b), 'b' in a"
    ENTRIES = "it is asked what is in it: in, size, a macro"
    INDEX = "one entry is taken by a computed key"


@dataclass(frozen=True, slots=True)
class At:
    """The one text that stands at a path."""

    path: Path


Keys: TypeAlias = Path | frozenset[str] | At
"""The elements of the list (the keys of the map) at a path, those of a literal list, or one text."""


class Reach(Enum):
    """What an unknown value means to one read."""

    NONE = "the read does not come near it"
    TOUCHED = "the read meets it and is then an error"
    FORCED = "without it the read is answered wrongly"


@dataclass(frozen=True, slots=True)
class Read:
    """One path that an expression reads, and which keys a computed one can be, where that is told."""

    path: Path
    how: How = How.VALUE
    keys: Keys | None = None


def reads_of(tree: Node, schema: Schema) -> frozenset[Read]:
    """All reads of an expression."""
    walker = _Walker(schema)
    walker.value(tree)
    return frozenset(walker.reads)


def uses(reads: Iterable[Read]) -> frozenset[Path]:
    """The paths alone."""
    return frozenset(read.path for read in reads)


def reach(read: Read, gap: Path, values: Mapping[str, Any]) -> Reach:
    """What the unknown value at ``gap`` means to the read. No gap lies inside a list: such a list is one gap."""
    depth = len(read.path)
    if read.path[: len(gap)] == gap:
        return Reach.TOUCHED if read.how in (How.VALUE, How.INDEX) else Reach.FORCED
    if gap[:depth] != read.path:
        return Reach.NONE
    match read.how:
        case How.VALUE:
            return Reach.FORCED
        case How.PRESENCE:
            return Reach.NONE
    if read.keys is not None and not _may_be(gap[depth], read.keys, values):
        return Reach.NONE
    if len(gap) == depth + 1:
        return Reach.FORCED if read.how is How.ENTRIES else Reach.TOUCHED
    # Deeper inside an entry: the entry is there, but not whole.
    return Reach.NONE if read.how is How.ENTRIES else Reach.FORCED


def _may_be(key: str, keys: Keys, values: Mapping[str, Any]) -> bool:
    """Whether ``key`` is among the keys; it may be where these cannot be told."""
    told = keys_among(keys, values)
    return True if told is None else key in told


def entries_read(read: Read, path: Path, values: Mapping[str, Any]) -> frozenset[str] | None:
    """Which entries of the map or list at ``path`` the read looks at; None for all of it, or where that is not told."""
    if len(read.path) > len(path):
        return frozenset((read.path[len(path)],))
    if read.path == path and read.how in (How.INDEX, How.ENTRIES) and read.keys is not None:
        return keys_among(read.keys, values)
    return None


def keys_among(keys: Keys, values: Mapping[str, Any]) -> frozenset[Any] | None:
    """What the keys are where ``values`` tell them; None where they do not."""
    if isinstance(keys, frozenset):
        return keys
    value: Any = values
    for part in keys.path if isinstance(keys, At) else keys:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(keys, At):
        return frozenset((value,)) if isinstance(value, str) else None
    if isinstance(value, Mapping):
        return frozenset(value)
    if isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value):
        return frozenset(value)
    return None


@dataclass(slots=True)
class _Walker:
    """Walks an expression; ``ranges`` maps the variable of a macro to what it iterates over, where that is told."""

    schema: Schema
    reads: set[Read] = field(default_factory=set)
    ranges: dict[str, Keys | None] = field(default_factory=dict)

    def value(self, node: Node) -> None:
        """Note what is read when the value of the node is used."""
        path = self.path(node)
        if path is not None:
            self.reads.add(Read(path))

    def path(self, node: Node) -> Path | None:
        """The path that the node selects; or None, after noting what its parts read."""
        match node:
            case Name(name=name):
                # What is neither is the name of a type.
                return (name,) if name not in self.ranges and self.schema.type_of(name) is not None else None
            case Select(operand=operand, field=name, test=test):
                path = self.path(operand)
                if path is None or not test:
                    return None if path is None else (*path, name)
                self.reads.add(Read((*path, name), How.PRESENCE))
            case Call(function="_[_]", arguments=(operand, key)):
                return self.index(operand, key)
            case Call(function="_in_", arguments=(item, container)):
                self.membership(item, container)
            case Call(function=function, arguments=(container,)) if function == SORTED:
                return self.path(container)  # the keys of a map are what a macro goes through in any case
            case Call(function="size", arguments=(container,)):
                self.entries(container)
            case Loop():
                self.loop(node)
            case _:
                for child in children(node):
                    self.value(child)
        return None

    def index(self, operand: Node, key: Node) -> Path | None:
        path = self.path(operand)
        if path is not None and isinstance(key, Constant) and key.text is not None:
            return (*path, key.text)
        self.value(key)
        if path is not None:
            self.reads.add(Read(path, How.INDEX, self.range_of(key)))
        return None

    def membership(self, item: Node, container: Node) -> None:
        self.value(item)
        path = self.path(container)
        if path is None:
            return
        if isinstance(item, Constant) and item.text is not None and _is_map(below(self.schema, path)):
            self.reads.add(Read((*path, item.text), How.PRESENCE))
        else:
            self.reads.add(Read(path, How.ENTRIES, self.range_of(item)))

    def entries(self, container: Node) -> None:
        path = self.path(container)
        if path is not None:
            self.reads.add(Read(path, How.ENTRIES))

    def range_of(self, key: Node) -> Keys | None:
        if isinstance(key, Name):
            return self.ranges.get(key.name)
        fields: list[str] = []
        while isinstance(key, Select) and not key.test:
            fields.append(key.field)
            key = key.operand
        if fields and isinstance(key, Name) and key.name not in self.ranges:
            return At((key.name, *reversed(fields)))
        return None

    def loop(self, node: Loop) -> None:
        path = self.path(node.range)
        if path is not None:
            self.reads.add(Read(path, How.ENTRIES))
        outer = dict(self.ranges)
        self.ranges.update(dict.fromkeys(node.names))
        self.ranges[node.names[0]] = path if path is not None else _literals(node.range)
        for body in node.bodies:
            self.value(body)
        self.ranges = outer


def _literals(node: Node) -> frozenset[str] | None:
    if not isinstance(node, Parts):
        return None
    texts = [item.text for item in node.items if isinstance(item, Constant) and item.text is not None]
    return frozenset(texts) if len(texts) == len(node.items) else None


def _is_map(type_: Type) -> bool:
    return isinstance(type_, (MapOf, Message))
