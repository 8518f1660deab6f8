"""Types of the variables that an expression may read, and how plain values are brought to them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from spendgate.resource import Blob, Reference, Secret, Unknown


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


@dataclass(frozen=True)
class Message:
    """A record: its fields are known, each is present or absent (``has``)."""

    name: str
    fields: Mapping[str, Type]

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.fields.items())))


Type: TypeAlias = Scalar | ListOf | MapOf | Message


@dataclass(frozen=True, slots=True)
class Schema:
    """The variables of an expression by name."""

    variables: tuple[tuple[str, Type], ...]

    @classmethod
    def of(cls, variables: Mapping[str, Type]) -> Schema:
        """A schema from a mapping, in any order."""
        return cls(tuple(sorted(variables.items())))


def type_named(name: str) -> Type:
    """The type that a program's ``return_type`` names; what has parts is dyn."""
    return {item.name: item for item in (BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION)}.get(name, DYN)


def schema_of_dataclass(cls: type) -> Message:
    """The message of a dataclass; ``None`` in a field's type means that it may be absent."""
    hints = typing.get_type_hints(cls)
    return Message(cls.__name__, {field.name: _of_hint(hints[field.name]) for field in dataclasses.fields(cls)})


def _of_hint(hint: Any) -> Type:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (kind,) = [item for item in arguments if item is not type(None)]
        return _of_hint(kind)
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
        if hint is datetime:
            return TIMESTAMP
    return DYN


Path: TypeAlias = tuple[str, ...]


def bring(value: Any, type_: Type, path: Path, unknown: dict[Path, str]) -> Any:
    """``value`` as plain data of ``type_``; keys that are unknown are left out and noted in ``unknown``.

    A list with an unknown element goes whole. Secrets are opened: a caller that shows results masks them before.
    """
    if isinstance(value, Secret):
        value = value.value
    if isinstance(value, Mapping):
        return _bring_mapping(value, type_, path, unknown)
    if isinstance(value, (list, tuple)):
        element = type_.element if isinstance(type_, ListOf) else DYN
        return [bring(item, element, (*path, str(index)), unknown) for index, item in enumerate(value)]
    return _bring_scalar(value, type_)


def _bring_mapping(value: Mapping[Any, Any], type_: Type, path: Path, unknown: dict[Path, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = str(key)
        if isinstance(type_, Message):
            kind = type_.fields.get(name, DYN)
        else:
            kind = type_.value if isinstance(type_, MapOf) else DYN
        here = (*path, name)
        if here in unknown:
            continue
        if _is_unknown(item):
            unknown[here] = f"{'.'.join(here)} is known only after apply"
        elif item is not None or not isinstance(type_, Message):
            result[name] = bring(item, kind, here, unknown)
    return result


def _is_unknown(item: Any) -> bool:
    if isinstance(item, Secret):
        return _is_unknown(item.value)
    if isinstance(item, (list, tuple)):
        return any(_is_unknown(element) or _holds_unknown(element) for element in item)
    return isinstance(item, Unknown)


def _holds_unknown(item: Any) -> bool:
    if isinstance(item, Mapping):
        return any(_is_unknown(element) or _holds_unknown(element) for element in item.values())
    return _is_unknown(item)


def _bring_scalar(value: Any, type_: Type) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, StrEnum):
        return str(value)
    if type_ == DOUBLE and isinstance(value, (int, Decimal)):
        return float(value)
    if isinstance(value, Decimal):
        return float(value)
    if type_ == INT and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a time without a time zone cannot be compared")
    if isinstance(value, Reference):
        return value.urn
    if isinstance(value, Blob):
        return value.description
    if isinstance(value, (str, int, float, datetime)):
        return value
    return str(value)
