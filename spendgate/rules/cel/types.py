"""Types of the variables that an expression may read."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts."""

    name: str


BOOL, INT, DOUBLE, STRING = Scalar("bool"), Scalar("int"), Scalar("double"), Scalar("string")
TIMESTAMP, DURATION, DYN = Scalar("timestamp"), Scalar("duration"), Scalar("dyn")


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one type."""

    element: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with string keys and values of one type."""

    value: Type


@dataclass(frozen=True, eq=False)
class Message:
    """A record: its fields are known, each is present or absent (``has``)."""

    name: str
    fields: Mapping[str, Type]
    _hash: int = field(init=False, repr=False)
    """Worked out once: a schema is looked up for every expression."""

    def __post_init__(self) -> None:
        wrong = [name for name in (self.name, *self.fields) if not (name.isascii() and name.isidentifier())]
        if wrong:
            raise ValueError(f"not a name that CEL can read: {', '.join(map(repr, wrong))}")

        object.__setattr__(self, "_hash", hash((self.name, frozenset(self.fields.items()))))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Message) or self._hash != other._hash:
            return False
        return self.name == other.name and self.fields == other.fields


Type: TypeAlias = Scalar | ListOf | MapOf | Message
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The variables of an expression by name."""

    variables: tuple[tuple[str, Type], ...]

    @classmethod
    def of(cls, variables: Mapping[str, Type]) -> Schema:
        """A schema from a mapping, in any order.

        Raises ValueError for a time inside another type: the default engine binds times as variables only.
        """
        for name, type_ in variables.items():
            if type_ not in (TIMESTAMP, DURATION) and _holds_time(type_):
                raise ValueError(f'"{name}" holds a time: inside it, declare a text and read it with timestamp(...)')
        return cls(tuple(sorted(variables.items())))

    def type_of(self, name: str) -> Type | None:
        """The type of one variable, or None where there is none of that name."""
        return next((type_ for variable, type_ in self.variables if variable == name), None)


@lru_cache(maxsize=1024)
def _holds_time(type_: Type) -> bool:
    match type_:
        case ListOf(element=inner) | MapOf(value=inner):
            return _holds_time(inner)
        case Message(fields=fields):
            return any(_holds_time(inner) for inner in fields.values())
    return type_ in (TIMESTAMP, DURATION)


def below(schema: Schema, path: Path) -> Type:
    """The type at a path; dyn where it cannot be told."""
    type_: Type | None = schema.type_of(path[0])
    for part in path[1:]:
        if isinstance(type_, Message):
            type_ = type_.fields.get(part)
        elif isinstance(type_, MapOf):
            type_ = type_.value
        else:
            return DYN
    return type_ or DYN


def type_named(name: str) -> Type:
    """The type that a program's ``return_type`` names; what has parts is dyn."""
    return {item.name: item for item in (BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION)}.get(name, DYN)


def schema_of_dataclass(cls: type) -> Message:
    """The message of a dataclass; ``None`` in a field's type means that it may be absent. Times are texts in it."""
    hints = typing.get_type_hints(cls)
    return Message(cls.__name__, {field.name: _of_hint(hints[field.name]) for field in dataclasses.fields(cls)})


def _of_hint(hint: Any) -> Type:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = {_of_hint(item) for item in arguments if item is not type(None)}
        return kinds.pop() if len(kinds) == 1 else DYN
    if origin in (tuple, list, frozenset):
        return ListOf(_of_hint(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return MapOf(_of_hint(arguments[1]))
    if dataclasses.is_dataclass(hint):
        return schema_of_dataclass(typing.cast(type, hint))
    if isinstance(hint, type):
        if issubclass(hint, StrEnum) or hint is str:
            return STRING
        if hint is bool:
            return BOOL
        if hint is int:
            return INT
        if hint in (float, Decimal):
            return DOUBLE
        if hint in (datetime, date, timedelta):
            return STRING
    return DYN
