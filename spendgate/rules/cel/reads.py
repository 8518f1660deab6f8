"""The paths that an expression reads, and how: taken from the checked expression that the compiler serialises.

The layout is that of ``cel/expr/checked.proto`` and ``syntax.proto`` of the CEL specification. No Python package
ships these messages, and of their fields only a dozen are needed, so they are read off the protobuf wire format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str, ...]
Wire = dict[int, list["int | bytes"]]


@dataclass(frozen=True, slots=True)
class Read:
    """One path that an expression reads.

    ``whole``: the value is asked as a whole (``has``, ``in``, ``size``, a macro), not only selected from.
    ``presence``: by ``has`` alone. ``indexed``: an entry is selected by a computed key; like any selection,
    that fails for an entry that is not there.
    """

    path: Path
    whole: bool = False
    presence: bool = False
    indexed: bool = False


def reads_of(serialized: bytes) -> frozenset[Read]:
    """The reads of a serialised CheckedExpr (inside an Any)."""
    checked = _fields(_bytes(_fields(serialized), 2))
    walker = _Walker()
    walker.value(_bytes(checked, 4))
    return frozenset(walker.reads)


@dataclass(slots=True)
class _Walker:
    """Walks an expression tree; ``ranges`` maps a comprehension's variable to the path it iterates over."""

    reads: set[Read] = field(default_factory=set)
    ranges: dict[str, Path | None] = field(default_factory=dict)

    def value(self, expression: bytes) -> None:
        """Note what the expression reads when its value is used."""
        path = self.path(expression)
        if path:
            self.reads.add(Read(path))

    def whole(self, expression: bytes, *, presence: bool = False) -> None:
        path = self.path(expression)
        if path:
            self.reads.add(Read(path, whole=True, presence=presence))

    def path(self, expression: bytes) -> Path | None:
        """The path that the expression selects, or None after noting what its parts read."""
        node = _fields(expression)
        if 4 in node:
            name = _text(_fields(_bytes(node, 4)), 1)
            return self.ranges.get(name, (name,))
        if 5 in node:
            return self._select(_fields(_bytes(node, 5)))
        if 6 in node:
            return self._call(_fields(_bytes(node, 6)))
        if 7 in node:
            for element in _fields(_bytes(node, 7)).get(1, ()):
                self.value(_as_bytes(element))
        if 8 in node:
            for entry in _fields(_bytes(node, 8)).get(2, ()):
                parts = _fields(_as_bytes(entry))
                for key in (3, 4):
                    if key in parts:
                        self.value(_bytes(parts, key))
        if 9 in node:
            self._comprehension(_fields(_bytes(node, 9)))
        return None

    def _select(self, select: Wire) -> Path | None:
        operand = self.path(_bytes(select, 1))
        if operand is None:
            return None
        path = (*operand, _text(select, 2))
        if select.get(3, [0])[0]:
            self.reads.add(Read(path, whole=True, presence=True))
            return None
        return path

    def _call(self, call: Wire) -> Path | None:
        function = _text(call, 2)
        arguments = [_as_bytes(item) for item in call.get(3, ())]
        target = [_bytes(call, 1)] if 1 in call else []
        if function == "_[_]" and len(arguments) == 2:
            return self._index(*arguments)
        if function in ("@in", "in", "_in_") and len(arguments) == 2:
            self.value(arguments[0])
            self.whole(arguments[1])
        elif function == "size":
            for item in target + arguments:
                self.whole(item)
        else:
            for item in target + arguments:
                self.value(item)
        return None

    def _index(self, operand: bytes, key: bytes) -> Path | None:
        constant = _fields(_bytes(_fields(key), 3)) if 3 in _fields(key) else {}
        path = self.path(operand)
        if path is None:
            self.value(key)
            return None
        if 6 in constant:
            return (*path, _text(constant, 6))
        self.value(key)
        self.reads.add(Read(path, indexed=True))
        return None

    def _comprehension(self, node: Wire) -> None:
        range_ = self.path(_bytes(node, 2))
        if range_:
            self.reads.add(Read(range_, whole=True))
        names = [_text(node, key) for key in (1, 3, 8) if key in node]
        outer = {name: self.ranges[name] for name in names if name in self.ranges}
        for name in names:
            self.ranges[name] = None
        for key in (4, 5, 6, 7):
            if key in node:
                self.value(_bytes(node, key))
        for name in names:
            self.ranges.pop(name, None)
        self.ranges.update(outer)


def reads_by_text(expression: str, variables: Mapping[str, object]) -> frozenset[Read]:
    """Reads by the look of the text, for an engine without a checker: every path is taken as asked whole.

    That makes more answers undetermined than need be, and none wrong.
    """
    text = re.sub(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", "''", expression)
    reads = set()
    for match in re.finditer(r"(?<![\w.])[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*(?!\s*\())*", text):
        path = tuple(part.strip() for part in match[0].split("."))
        if path[0] in variables:
            reads.add(Read(path, whole=True))
    return frozenset(reads)


def _fields(data: bytes) -> Wire:
    """The fields of one protobuf message by number; varints as int, the rest as bytes."""
    fields: Wire = {}
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        item: int | bytes
        if kind == 0:
            item, position = _varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, position = _varint(data, position)
            item, position = data[position : position + length], position + length
        fields.setdefault(number, []).append(item)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[position]
        result |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return result, position


def _as_bytes(item: int | bytes) -> bytes:
    return item if isinstance(item, bytes) else b""


def _bytes(fields: Wire, number: int) -> bytes:
    return _as_bytes(fields.get(number, [b""])[0])


def _text(fields: Wire, number: int) -> str:
    return _bytes(fields, number).decode("utf-8")
