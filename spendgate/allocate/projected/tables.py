"""Driver tables without an engine: CSV files of some thousand rows, for the estimate of a pull request."""

from __future__ import annotations

import csv
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.bill.focus import ROW
from spendgate.allocate.bill.heads import opened, separator_of
from spendgate.allocate.drivers import NUMBER, WHOLE, known_columns, read_uses, uses_of
from spendgate.allocate.expression import checked
from spendgate.allocate.model import OWNER, Driver, Window
from spendgate.allocate.shares import Use
from spendgate.errors import InputError
from spendgate.rules.cel.syntax import Call, Constant, Name, Node, Parts, Select

PLAIN: Final = (".csv", ".csv.gz")
_MOST: Final = 200_000_000
_WHOLE: Final = re.compile(WHOLE)
_NUMBER: Final = re.compile(NUMBER)


class _NoForm(Exception):
    """Part of an expression that is left to the engine."""


def latest_uses(driver: Driver, file: Path, window: Window) -> dict[tuple[str, date], Use]:
    """As ``read_uses``, of each pool the latest window alone. CSV is read here; Parquet, and expressions beyond
    arithmetic and comparison, need the engine."""
    found: dict[str, tuple[date, Use]] = {}
    for (pool, start), use in _uses(driver, file, window).items():
        if use.capacity is None and not any(use.by_owner.values()):
            continue
        if pool not in found or start > found[pool][0]:
            found[pool] = (start, use)
    return {(pool, start): use for pool, (start, use) in found.items()}


def _uses(driver: Driver, file: Path, window: Window) -> dict[tuple[str, date], Use]:
    if not file.exists():
        raise InputError("no such driver table", place=file)
    if str(file).lower().endswith(PLAIN):
        try:
            return _read(driver, file, window)
        except _NoForm:
            pass
    from spendgate.allocate.run import engine

    with engine() as connection:
        return read_uses(connection, driver, file, window)


def _read(driver: Driver, file: Path, window: Window) -> dict[tuple[str, date], Use]:
    rows = _rows(file)
    columns = tuple(rows[0]) if rows else _head(file)
    known_columns(columns, driver, file)
    tree = checked(driver.value, ROW, ("double", "int")).tree
    missing = sorted(name for name in _names(tree) if name not in columns)
    if missing:
        raise InputError(
            f"the table has no column {', '.join(missing)}, which the driver {driver.name} reads",
            place=file,
            remedy=f"Its columns: {', '.join(columns)}.",
        )
    typed = {name: _typed([row[name] for row in rows]) for name in _names(tree)}
    names = driver.columns
    made = []
    for index, row in enumerate(rows):
        value = _value(tree, {name: column[index] for name, column in typed.items()})
        made.append(
            {
                "date": row[names["date"]],
                "value": None if value is None else str(value),
                **{key: row[names[key]] for key in ("pool", "capacity", *OWNER) if names[key] in columns},
            }
        )
    return uses_of(made, driver, file, window)


def _rows(file: Path) -> list[dict[str, str | None]]:
    try:
        if file.stat().st_size > _MOST:
            raise _NoForm("a large table")
        separator = separator_of([file])
        with opened(file) as text:
            reader = csv.reader(text, delimiter=separator, strict=True)
            head = next(reader)
            rows = []
            for row in reader:
                if len(row) == len(head):
                    rows.append({key: value.strip() or None for key, value in zip(head, row, strict=True)})
                elif row:
                    told = f"line {reader.line_num} has {len(row)} columns, not {len(head)}"
                    raise InputError(told, place=file, remedy="Is the file whole? Export it again.")
            return rows
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the driver table cannot be read: {error}", place=file) from None


def _head(file: Path) -> tuple[str, ...]:
    with opened(file) as text:
        return tuple(next(csv.reader(text, delimiter=separator_of([file])), ()))


def _typed(texts: Sequence[str | None]) -> list[Any]:
    """A column as whole numbers, as numbers, or as the texts that it holds: what all of its cells are."""
    given = [text for text in texts if text is not None]
    if given and all(_WHOLE.fullmatch(text) for text in given):
        return [None if text is None else int(text) for text in texts]
    if given and all(_NUMBER.fullmatch(text) for text in given):
        return [None if text is None else float(text) for text in texts]
    return list(texts)


def _names(tree: Node) -> set[str]:
    match tree:
        case Select(operand=Name(name="row"), field=name):
            return {name}
        case Call(function="_[_]", arguments=(Name(name="row"), Constant(text=str() as name))):
            return {name}
        case Call(arguments=arguments):
            return {name for one in arguments for name in _names(one)}
        case Parts(items=items, message=""):
            return {name for one in items for name in _names(one)}
        case Constant():
            return set()
    raise _NoForm(str(tree))


_OF_TWO: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "_+_": operator.add,
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}


def _value(tree: Node, row: Mapping[str, Any]) -> Any:
    """What the tree gives for a row; None where a cell that it needs is empty, as in the engine."""
    match tree:
        case Constant(value=value):
            return value
        case Select(field=name, test=test):
            return row[name] is not None if test else row[name]
        case Call(function="_[_]", arguments=(_, Constant(text=str() as name))):
            return row[name]
        case Call(function="-_", arguments=(one,)):
            return None if (found := _value(one, row)) is None else -found
        case Call(function="!_", arguments=(one,)):
            return None if (found := _value(one, row)) is None else not found
        case Call(function="_&&_" | "_||_" as name, arguments=arguments):
            given = [_value(one, row) for one in arguments]
            decides = name == "_||_"
            return decides if decides in given else None if None in given else not decides
        case Call(function="_?_:_", arguments=(condition, first, second)):
            chosen = _value(condition, row)
            return None if chosen is None else _value(first if chosen else second, row)
        case Call(function=name, arguments=(left, right)) if name in _OF_TWO:
            one, other = _value(left, row), _value(right, row)
            if one is None or other is None:
                return None
            if isinstance(one, str) != isinstance(other, str):
                raise _NoForm("a number beside a text")
            return _OF_TWO[name](one, other)
    raise _NoForm(str(tree))
