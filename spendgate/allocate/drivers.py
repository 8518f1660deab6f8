"""Driver tables: who used how much of which pool, by day or month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from spendgate.allocate.asking import rows_of
from spendgate.allocate.bill import CSV, PARQUET
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.focus import ROW
from spendgate.allocate.model import OWNER, Driver, Window
from spendgate.allocate.shares import Use, as_fraction, owner_of
from spendgate.errors import InputError, did_you_mean


def read_uses(connection: Any, driver: Driver, file: Path, window: Window) -> dict[tuple[str, date], Use]:
    """What the table says, by pool and window (the first day of it).

    The table has a row for each use: a date (``2026-03-01``, or a month ``2026-03``), a pool, fields of an owner and
    the columns that the driver's value reads. A row without an owner that has a capacity says what there was to use.

    Raises InputError: no such file or column, a value that is negative or no number, a date that is none.
    """
    table = _table(connection, file)
    known_columns(table.columns, driver, file)
    tree = checked(driver.value, ROW, ("double", "int")).tree
    columns = Columns(table, tag=lambda _: None)
    try:
        value = column(tree, columns)
    except NoColumn as error:
        raise InputError(f"{error} cannot stand in the value of a driver", place=driver.value.place) from None
    if columns.missing:
        raise InputError(
            f"the table has no column {', '.join(sorted(columns.missing))}, which the driver {driver.name} reads",
            place=file,
            remedy=f"Its columns: {', '.join(table.columns)}.",
        )
    names = driver.columns
    asked = {
        "pool": table[names["pool"]].cast("string") if names["pool"] in table.columns else None,
        "date": table[names["date"]].cast("string"),
        "capacity": table[names["capacity"]].cast("string") if names["capacity"] in table.columns else None,
        "value": value.cast("string"),
        **{field: table[names[field]].cast("string") for field in OWNER if names[field] in table.columns},
    }
    shown = {name: expression for name, expression in asked.items() if expression is not None}
    return uses_of(rows_of(connection, table.select(**shown)), driver, file, window)


def uses_of(
    rows: Iterable[Mapping[str, str | None]], driver: Driver, file: Path, window: Window
) -> dict[tuple[str, date], Use]:
    """What the rows of a table say: each has a ``date`` and a ``value``, and may have a ``pool``, a ``capacity`` and
    fields of an owner, all as text. Raises InputError with the row."""
    uses: dict[tuple[str, date], Use] = {}
    for number, row in enumerate(rows, start=1):
        use = uses.setdefault((row.get("pool") or "", _window(row["date"], window, file, number)), Use())
        if row.get("capacity"):
            capacity = _amount(row["capacity"], "capacity", file, number)
            use.capacity = capacity + (use.capacity or 0)
        owner = owner_of({field: row.get(field) for field in OWNER})
        if any(owner):
            use.by_owner[owner] += _amount(row["value"], driver.unit, file, number)
    return uses


def _table(connection: Any, file: Path) -> Any:
    text = str(file).lower()
    if not file.exists():
        raise InputError("no such driver table", place=file)
    if not text.endswith((*CSV, *PARQUET)):
        raise InputError("not a table that can be read", place=file, remedy="Driver tables are CSV or Parquet.")
    try:
        if text.endswith(CSV):
            return connection.read_csv(str(file), header=True)
        return connection.read_parquet(str(file))
    except Exception as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"the driver table cannot be read: {first}", place=file) from None


def known_columns(columns: tuple[str, ...], driver: Driver, file: Path) -> None:
    """Raise InputError for a table without a day or an owner."""
    if driver.columns["date"] not in columns:
        near = did_you_mean(driver.columns["date"], columns)
        remedy = near or f"Say which one holds the day: drivers.{driver.name}.columns: {{date: …}}."
        raise InputError(f"the table has no column {driver.columns['date']}", place=file, remedy=remedy)
    if not any(driver.columns[field] in columns for field in OWNER):
        remedy = f"It needs one of {', '.join(OWNER)}, or drivers.{driver.name}.columns says which column holds it."
        raise InputError("the table names no owner", place=file, remedy=remedy)


def _window(text: str | None, window: Window, file: Path, number: int) -> date:
    try:
        day = date.fromisoformat(f"{text}-01" if text and len(text) == 7 else (text or "")[:10])
    except ValueError:
        raise InputError(
            f'row {number}: "{text}" is no day', place=file, remedy="Write 2026-03-01 or 2026-03."
        ) from None
    return day.replace(day=1) if window is Window.MONTH else day


def _amount(text: str | None, unit: str, file: Path, number: int) -> Any:
    try:
        amount = as_fraction(text or "0")
    except (ArithmeticError, ValueError, OverflowError):
        raise InputError(f'row {number}: "{text}" is no number of {unit}', place=file) from None
    if amount < 0:
        raise InputError(f"row {number}: {text} {unit}: nobody can use less than nothing", place=file)
    return amount


def files_of(drivers: Mapping[str, Driver], given: Mapping[str, Path], rules: Path) -> dict[str, Path]:
    """The file of each driver: the one that is given, else the one that the rules name, beside them.

    Raises InputError for a driver without a file, and for a file of no driver.
    """
    for name in given:
        if name not in drivers:
            remedy = did_you_mean(name, drivers) or f"The rules have the drivers {', '.join(drivers) or 'none'}."
            raise InputError(f"no driver {name}", remedy=remedy)
    found: dict[str, Path] = {}
    for name, driver in drivers.items():
        if name in given:
            found[name] = given[name]
        elif driver.file is not None:
            found[name] = rules.parent / driver.file
        else:
            raise InputError(
                f"no table for the driver {name}", place=driver.place, remedy=f"Give it: --drivers {name}=FILE."
            )
    return found
