"""Driver tables: who used how much of which pool, by day or month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.asking import rows_of
from spendgate.allocate.bill.files import CSV, PARQUET, as_glob
from spendgate.allocate.bill.focus import ROW
from spendgate.allocate.bill.heads import fault_of, separator_of
from spendgate.allocate.bill.read import said
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.model import OWNER, Driver, Window
from spendgate.allocate.shares import Use, as_fraction, owner_of
from spendgate.errors import InputError, did_you_mean
from spendgate.rules.cel.syntax import Call, Node, Select, everything


def read_uses(connection: Any, driver: Driver, file: Path, window: Window) -> dict[tuple[str, date], Use]:
    """What the table says, by pool and window (the first day of it).

    The table has a row for each use: a date (``2026-03-01``, or a month ``2026-03``), a pool, fields of an owner and
    the columns that the driver's value reads. A row without an owner that has a capacity says what there was to use.

    Raises InputError: no such file or column, a value that is negative or no number, a date that is none.
    """
    tree = checked(driver.value, ROW, ("double", "int")).tree
    table = _table(connection, file, tree)
    known_columns(table.columns, driver, file)
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
    try:
        rows = rows_of(connection, table.select(**shown))
    except Exception as error:
        raise _unreadable(error, file) from None
    return uses_of(rows, driver, file, window)


def uses_of(
    rows: Iterable[Mapping[str, str | None]], driver: Driver, file: Path, window: Window
) -> dict[tuple[str, date], Use]:
    """What the rows of a table say: each has a ``date`` and a ``value``, and may have a ``pool``, a ``capacity`` and
    fields of an owner, all as text. Raises InputError with the row."""
    uses: dict[tuple[str, date], Use] = {}
    for number, row in enumerate(rows, start=1):
        use = uses.setdefault((_name(row.get("pool")) or "", _window(row["date"], window, file, number)), Use())
        owner = owner_of({field: _owner(row.get(field), driver.aliases.get(field, {})) for field in OWNER})
        if row.get("capacity"):
            capacity = _amount(row["capacity"], "capacity", file, number)
            if any(owner) and capacity:
                raise InputError(
                    f"row {number} has an owner and a capacity",
                    place=file,
                    remedy="What there was to use stands in a row without an owner, once for each pool and time.",
                )
            use.capacity = capacity + (use.capacity or 0)
        elif not any(owner) and row["value"] is not None:
            # Somebody used it, and nobody says who: the others do not pay for that.
            use.by_owner[owner] += _amount(row["value"], driver.unit, file, number)
        if any(owner):
            if row["value"] is None:
                raise InputError(
                    f"row {number} has no number of {driver.unit}", place=file, remedy="Write 0 where there are none."
                )
            use.by_owner[owner] += _amount(row["value"], driver.unit, file, number)
    return uses


def _name(text: str | None) -> str | None:
    """As engines and spreadsheets write it: spaces around a name are none of it."""
    return None if text is None else text.strip()


def _owner(text: str | None, aliases: Mapping[str, str]) -> str | None:
    name = _name(text)
    return None if name is None else aliases.get(name, name)


def _table(connection: Any, file: Path, value: Node) -> Any:
    """The table, with numbers where the value calculates; all else of CSV is text: a cost centre 007 stays one."""
    text = str(file).lower()
    if not file.exists():
        raise InputError("no such driver table", place=file)
    if not text.endswith((*CSV, *PARQUET)):
        raise InputError("not a table that can be read", place=file, remedy="Driver tables are CSV or Parquet.")
    try:
        if text.endswith(CSV):
            separator = separator_of([file])
            # Left to itself DuckDB would read a table that is cut off as one of other separators and quotes.
            written = {"header": True, "delim": separator, "quote": '"', "escape": '"'}
            table = connection.read_csv(as_glob(file), all_varchar=True, **written)
            return _with_numbers(connection, table, value)
        table = connection.read_parquet(as_glob(file))
    except Exception as error:
        if "when sniffing" in str(error) and (fault := fault_of([file], separator)):
            raise fault from None
        raise _unreadable(error, file) from None
    texts = {name for name in _reckoned(value) if name in table.columns and table[name].type().is_string()}
    return table.mutate(**{name: table[name].try_cast("float64") for name in texts}) if texts else table


WHOLE: Final = "[+-]?[0-9]{1,18}"
NUMBER: Final = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def _with_numbers(connection: Any, table: Any, value: Node) -> Any:
    """A column of CSV is whole numbers, numbers or texts by what all of its cells are: by the first thousands alone,
    fractions behind them would be rounded."""
    read = [name for name in table.columns if name in _read(value) | _reckoned(value)]
    if not read:
        return table
    asked = {
        f"{kind}_{index}": table[name].strip().nullif("").re_search(f"^({pattern})$").all()
        for index, name in enumerate(read)
        for kind, pattern in (("whole", WHOLE), ("number", NUMBER))
    }
    (found,) = rows_of(connection, table.aggregate(**asked))
    types = {
        name: "int64" if found[f"whole_{index}"] else "float64"
        for index, name in enumerate(read)
        if found[f"number_{index}"] or name in _reckoned(value)
    }
    return table.mutate(**{name: table[name].try_cast(type_) for name, type_ in types.items()}) if types else table


def _read(value: Node) -> set[str]:
    return {node.field for node in everything(value) if isinstance(node, Select)}


def _reckoned(value: Node) -> set[str]:
    """The columns that the value calculates with, or is."""
    found = {value.field} if isinstance(value, Select) else set()
    for node in everything(value):
        if isinstance(node, Call) and node.function in ("_*_", "_+_", "_-_", "_/_", "-_"):
            found |= {one.field for one in node.arguments if isinstance(one, Select)}
    return found


def _unreadable(error: Exception, file: Path) -> InputError:
    if isinstance(error, InputError):
        return error
    return InputError(f"the driver table cannot be read: {said(error)}", place=file, remedy="Is the file whole?")


def known_columns(columns: tuple[str, ...], driver: Driver, file: Path) -> None:
    """Raise InputError for a table without a day, a pool or an owner."""
    if driver.columns["date"] not in columns:
        near = did_you_mean(driver.columns["date"], columns)
        remedy = near or f"Say which one holds the day: drivers.{driver.name}.columns: {{date: …}}."
        raise InputError(f"the table has no column {driver.columns['date']}", place=file, remedy=remedy)
    if driver.columns["pool"] not in columns:
        near = did_you_mean(driver.columns["pool"], columns)
        remedy = near or f"Say which one holds the pool: drivers.{driver.name}.columns: {{pool: …}}."
        raise InputError(f"the table has no column {driver.columns['pool']}", place=file, remedy=remedy)
    if not any(driver.columns[field] in columns for field in OWNER):
        remedy = f"It needs one of {', '.join(OWNER)}, or drivers.{driver.name}.columns says which column holds it."
        raise InputError("the table names no owner", place=file, remedy=remedy)


_MONTH: Final = len("2026-03")


def _window(text: str | None, window: Window, file: Path, number: int) -> date:
    try:
        day = _day((text or "").strip())
    except ValueError:
        raise InputError(
            f'row {number}: "{text}" is no day', place=file, remedy="Write 2026-03-01 or 2026-03."
        ) from None
    if window is Window.MONTH:
        return day.replace(day=1)
    if len((text or "").strip()) == _MONTH:
        remedy = "Write its days, or let the rule split by the month: window: month."
        raise InputError(f'row {number}: "{text}" is a month, and a rule splits by the day', place=file, remedy=remedy)
    return day


def _day(text: str) -> date:
    """The day of a text, in UTC as those of the bill."""
    if len(text) == _MONTH:
        return date.fromisoformat(f"{text}-01")
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _amount(text: str | None, unit: str, file: Path, number: int) -> Any:
    try:
        amount = as_fraction(text or "0")
    except (ArithmeticError, ValueError, OverflowError):
        raise InputError(f'row {number}: "{text}" is no number of {unit}', place=file) from None
    if amount < 0:
        raise InputError(f"row {number}: {text} {unit}: nobody can use less than nothing", place=file)
    return amount


def files_of(drivers: Mapping[str, Driver], given: Mapping[str, Path], rules: Path) -> dict[str, Path]:
    """The file of each driver: the one that is given, else the one that the rules name, beside them; none of what the
    bill itself says.

    Raises InputError for a driver without a file, and for a file of no driver.
    """
    for name, file in given.items():
        if name not in drivers:
            known = f"They have {', '.join(drivers)}." if drivers else "They split nothing by a driver."
            remedy = did_you_mean(name, drivers) or known
            raise InputError(f'the rules have no driver "{name}"', place=file, remedy=remedy)
    found: dict[str, Path] = {}
    for name, driver in drivers.items():
        if name in given:
            found[name] = given[name]
        elif driver.file is not None:
            found[name] = rules.parent / driver.file
        elif driver.bill is None:
            raise InputError(
                f"no table for the driver {name}", place=driver.place, remedy=f"Give it: --drivers {name}=FILE."
            )
    return found
