"""Where a fact is written: the way back from a fact to a property, for what patches set.

Rows are data (``mappings/writes.yaml``); tags are written where the type's own mapping row reads them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.facts.path import written
from spendgate.facts.table import FLAGS, MAPPINGS, TEXTS, Mappings, load_mappings, read_table

TAGS: Final = "tags"

# Amazon CloudWatch Logs API, PutRetentionPolicy, retentionInDays: the numbers of days that it takes.
_LOG_GROUP_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Write:
    """The property path of a fact, and how its value is written there; None where it takes no such value."""

    path: str
    convert: Callable[[Any], Any | None]


def _as_it_is(value: Any) -> Any:
    return value


def _seconds(per_unit: int) -> Callable[[float], int | None]:
    """Whole seconds, rounded down: a deadline of a patch is never longer than what was asked for."""

    def convert(value: float) -> int | None:
        seconds = math.floor(value * per_unit)
        return seconds if seconds > 0 else None

    return convert


def _text(convert: Callable[[float], int | None], form: str) -> Callable[[float], str | None]:
    def as_text(value: float) -> str | None:
        seconds = convert(value)
        return None if seconds is None else form.format(seconds)

    return as_text


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any | None]]] = {
    "hours_to_seconds": _seconds(3600),
    "hours_to_duration": _text(_seconds(3600), "{}s"),
    "minutes_to_seconds": _seconds(60),
    "minutes_to_seconds_text": _text(_seconds(60), "{}"),
    "minutes_to_duration": _text(_seconds(60), "{}s"),
    "minutes_to_iso": _text(_seconds(1), "PT{}M"),
    "whole": lambda value: math.floor(value) or None,
    "log_group_days": lambda value: max((days for days in _LOG_GROUP_DAYS if days <= value), default=None),
}


def type_of(fact: str) -> str:
    """What a patch gives for a fact, as CEL names it."""
    if fact == TAGS:
        return "map"
    return "string" if fact in TEXTS else "bool" if fact in FLAGS else "double"


@functools.cache
def _rows() -> Mapping[str, Mapping[str, Write]]:
    file = MAPPINGS / "writes.yaml"
    rows: dict[str, dict[str, Write]] = {}
    for token, facts in read_table(file)["types"].items():
        rows[token] = {}
        for fact, spec in facts.items():
            given = {"path": spec} if isinstance(spec, str) else dict(spec)
            name = given.get("as")
            if name is not None and name not in _CONVERSIONS:
                raise InputError(f'{token}: no conversion "{name}"', place=str(file))
            rows[token][fact] = Write(given["path"], _CONVERSIONS[name] if name else _as_it_is)
    return rows


def writable_facts() -> tuple[str, ...]:
    """The facts that some type says where to write, in order of the alphabet."""
    return tuple(sorted({TAGS, *(fact for facts in _rows().values() for fact in facts)}))


def writes_of(token: str, mappings: Mappings | None = None) -> Mapping[str, Write]:
    """What can be written of a type, by fact; empty for a type of which nothing is said."""
    row = (mappings or load_mappings()).row(token)
    if row is None:
        return {}
    found = dict(_rows().get(row.types[0], {}))
    # The last of the resource's own layers wins over the others; a list of entries is no map to add to.
    own = [layer for layer in row.tags or () if not layer.root]
    if own and own[-1].key is None:
        found[TAGS] = Write(written("", own[-1].keys), _as_it_is)
    return found


def known_types(package: str, mappings: Mappings | None = None) -> tuple[str, ...]:
    """The type tokens of a package that have a row; empty for a package without a table."""
    table = (mappings or load_mappings()).package(package)
    return table.tokens() if table is not None else ()


def types_with_writes() -> tuple[str, ...]:
    """The type tokens that the table names."""
    return tuple(_rows())
