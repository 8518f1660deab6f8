"""Values as an engine takes them: plain, of the declared types, and with everything unknown left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from spendgate.resource import Blob, Reference, Secret, Unknown
from spendgate.rules.cel.types import DOUBLE, DURATION, DYN, INT, TIMESTAMP, ListOf, MapOf, Message, Path, Type

_GAP: Final = object()
_INT64 = range(-(2**63), 2**63)


def plain(value: Any, type_: Type, path: Path, unknown: dict[Path, str]) -> Any:
    """``value`` as plain data of its type; what is unknown in it is left out and noted in ``unknown``.

    A list with an unknown element goes whole. Secrets are opened: a caller that shows results masks them before.
    Raises ValueError for a timestamp without a time zone.
    """
    result = _bring(value, type_, path, unknown)
    if result is not _GAP:
        return result
    unknown.setdefault(path, _reason(path))
    return None


def take_out(values: Mapping[str, Any], unknown: Iterable[Path]) -> tuple[dict[str, Any], dict[Path, frozenset[Path]]]:
    """The values without what is unknown, and the gaps: what was left out, with the unknown paths it stands for.

    A list with an unknown element goes whole, and where an unknown value lies in something absent, it is not known
    whether that is there either. What is given stays as it is: it may be shared.
    """
    rest = dict(values)
    gaps: dict[Path, frozenset[Path]] = {}
    for path in sorted(unknown, key=len):
        if len(path) > 1 and path[0] not in rest and path[:1] not in gaps:
            rest[path[0]] = {}  # a record that was not given has that field, and no other
        gap = _gap(rest, path)
        gaps[gap] = gaps.get(gap, frozenset()) | {path}
        _leave_out(rest, gap)
    return rest, gaps


def _gap(values: Mapping[str, Any], path: Path) -> Path:
    node: Any = values
    for depth, part in enumerate(path):
        if not isinstance(node, Mapping):
            return path[:depth]
        if part not in node:
            return path[: depth + 1]
        node = node[part]
    return path


def _leave_out(values: dict[str, Any], gap: Path) -> None:
    for part in gap[:-1]:
        values[part] = values = dict(values[part])
    values.pop(gap[-1], None)


def _reason(path: Path) -> str:
    return f"{'.'.join(path)} is known only after apply"


def _put(target: dict[str, Any], name: str, item: Any, path: Path, found: dict[Path, str]) -> None:
    if item is _GAP:
        found.setdefault(path, _reason(path))
    else:
        target[name] = item


def _bring(value: Any, type_: Type, path: Path, found: dict[Path, str]) -> Any:
    if type(value) is str and value.isascii():  # what most values are
        return value
    while isinstance(value, Secret):
        value = value.value
    if isinstance(value, Unknown):
        return _GAP
    if isinstance(value, Mapping):
        return _bring_mapping(value, type_, path, found)
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        element = type_.element if isinstance(type_, ListOf) else DYN
        inside: dict[Path, str] = {}
        items = [_bring(item, element, (*path, str(index)), inside) for index, item in enumerate(value)]
        return _GAP if inside or any(item is _GAP for item in items) else items
    return _bring_scalar(value, type_)


def _bring_mapping(value: Mapping[Any, Any], type_: Type, path: Path, found: dict[Path, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = str(key)
        if isinstance(type_, Message):
            if item is None:
                continue  # a field is there or not, and never null
            kind = type_.fields.get(name, DYN)
        else:
            kind = type_.value if isinstance(type_, MapOf) else DYN
        here = (*path, name)
        _put(result, name, _bring(item, kind, here, found), here, found)
    return result


def _bring_scalar(value: Any, type_: Type) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _bring_scalar(value.value, type_)
    if isinstance(value, str):
        return str(value) if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, (int, float, Decimal)):
        return _bring_number(value, type_)
    if isinstance(value, datetime) and type_ == TIMESTAMP:
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be compared")
        return value
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, timedelta):
        return value if type_ == DURATION else f"{value.total_seconds():.17g}s"
    if isinstance(value, bytes):
        return value
    if isinstance(value, Reference):
        return value.urn
    if isinstance(value, Blob):
        return value.description
    return str(value)


def _bring_number(value: float | Decimal, type_: Type) -> float:
    """Whole numbers stay whole, except where a double is declared or 64 bits do not hold them."""
    if isinstance(value, int):
        return float(value) if type_ == DOUBLE or value not in _INT64 else int(value)
    number = float(value)
    return int(number) if type_ == INT and number.is_integer() and int(number) in _INT64 else number
