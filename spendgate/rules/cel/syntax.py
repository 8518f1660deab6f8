"""An expression as a tree: just enough to say what it reads. Both engines' trees are brought to this one.

From cel-cpp the tree comes as the serialised ``CheckedExpr``. Its layout is that of ``cel/expr/checked.proto`` and
``syntax.proto`` of the CEL specification. No Python package ships these messages, and of their fields only a dozen
are needed, so they are read off the protobuf wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Position: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, of the environment or of a macro."""

    name: str
    at: Position = (1, 1)


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; ``text`` where it is a string, ``value`` where cel-cpp read it (None for null and for bytes)."""

    text: str | None = None
    value: str | bool | int | float | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``, or ``has(operand.field)`` where ``test`` is set."""

    operand: Node
    field: str
    test: bool = False
    at: Position = (1, 1)


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method or operator (``_==_``, ``_[_]``, ``_in_``); the target of a method is its first argument."""

    function: str
    arguments: tuple[Node, ...]
    at: Position = (1, 1)


@dataclass(frozen=True, slots=True)
class Parts:
    """A list, map or message literal; ``message`` is the message's name."""

    items: tuple[Node, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro over a list or the keys of a map; ``names`` are bound inside ``bodies``, the first to the element."""

    range: Node
    names: tuple[str, ...]
    bodies: tuple[Node, ...]


Node: TypeAlias = Name | Constant | Select | Call | Parts | Loop


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Select(operand=operand):
            return (operand,)
        case Call(arguments=arguments):
            return arguments
        case Parts(items=items):
            return items
        case Loop(range=range_, bodies=bodies):
            return (range_, *bodies)
    return ()


def everything(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def has_loop_in_loop(node: Node) -> bool:
    """Whether a macro stands in the body of a macro: its cost is a product of sizes."""
    loops = (item for item in everything(node) if isinstance(item, Loop))
    return any(isinstance(inner, Loop) for loop in loops for body in loop.bodies for inner in everything(body))


def from_checked(serialized: bytes) -> Node:
    """The tree of a serialised CheckedExpr (inside an Any, as ``Expression.serialize`` writes it)."""
    checked = _fields(_bytes(_fields(serialized), 2))
    return _node(_bytes(checked, 4))


_Wire: TypeAlias = "dict[int, list[int | bytes]]"
_OPERATORS = {"@in": "_in_"}


def _node(data: bytes) -> Node:
    """One ``Expr``; field numbers as in syntax.proto."""
    expr = _fields(data)
    if 3 in expr:
        constant = _fields(_bytes(expr, 3))
        return Constant(_text(constant, 6) if 6 in constant else None, _literal(constant))
    if 4 in expr:
        return Name(_text(_fields(_bytes(expr, 4)), 1))
    if 5 in expr:
        select = _fields(_bytes(expr, 5))
        return Select(_node(_bytes(select, 1)), _text(select, 2), test=bool(select.get(3, [0])[0]))
    if 6 in expr:
        call = _fields(_bytes(expr, 6))
        target = (_node(_bytes(call, 1)),) if 1 in call else ()
        name = _text(call, 2)
        return Call(_OPERATORS.get(name, name), (*target, *(_node(_as_bytes(item)) for item in call.get(3, ()))))
    if 7 in expr:
        return Parts(tuple(_node(_as_bytes(item)) for item in _fields(_bytes(expr, 7)).get(1, ())))
    if 8 in expr:
        record = _fields(_bytes(expr, 8))
        entries = [_fields(_as_bytes(item)) for item in record.get(2, ())]
        items = tuple(_node(_bytes(entry, part)) for entry in entries for part in (3, 4) if part in entry)
        return Parts(items, _text(record, 1))
    if 9 in expr:
        loop = _fields(_bytes(expr, 9))
        # 1 and 8: the variables bound to an element; 3: the accumulator. 4 to 7: its initial value, the condition,
        # the step and the result.
        names = tuple(_text(loop, number) for number in (1, 8, 3) if number in loop)
        bodies = tuple(_node(_bytes(loop, number)) for number in (4, 5, 6, 7) if number in loop)
        return Loop(_node(_bytes(loop, 2)), names, bodies)
    return Constant()


def _literal(constant: _Wire) -> str | bool | int | float | None:
    """The value of a ``Constant``: its kinds are null, bool, int64, uint64, double, string and bytes."""
    for number, items in constant.items():
        item = items[0]
        match number, item:
            case 2, int():
                return bool(item)
            case 3, int():
                return item - (1 << 64) if item >> 63 else item
            case 4, int():
                return item
            case 5, bytes():
                value: float = struct.unpack("<d", item)[0]
                return value
            case 6, bytes():
                return item.decode("utf-8")
    return None


def _fields(data: bytes) -> _Wire:
    """The fields of one protobuf message by number; varints as int, the rest as bytes."""
    fields: _Wire = {}
    position = 0
    end = len(data)
    while position < end:
        # Most numbers are below 128: one byte.
        key, position = (data[position], position + 1) if data[position] < 0x80 else _varint(data, position)
        number, kind = key >> 3, key & 7
        item: int | bytes
        if kind == 0:
            item, position = _varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, position = (data[position], position + 1) if data[position] < 0x80 else _varint(data, position)
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


def _bytes(fields: _Wire, number: int) -> bytes:
    return _as_bytes(fields.get(number, [b""])[0])


def _text(fields: _Wire, number: int) -> str:
    return _bytes(fields, number).decode("utf-8")
