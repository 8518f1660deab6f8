"""Bills: FOCUS exports as files or folders (CSV, gzip, Parquet, partitioned folders), in typed columns.

DuckDB reads them. Amounts become DECIMAL(26, 12); a text that is no number is an error, with the place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import accumulate
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.files import CSV as CSV
from spendgate.allocate.files import PARQUET as PARQUET
from spendgate.allocate.files import as_glob
from spendgate.allocate.files import files_of_bill as files_of_bill
from spendgate.allocate.focus import COLUMNS, LINE_ID, READ_AS, REQUIRED, Kind
from spendgate.allocate.heads import fault_of, separator_of
from spendgate.allocate.mapping import as_it_is, find_mapping, select_list
from spendgate.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import ibis.expr.types as ir

OURS: Final = ("x_File", "file_row_number", LINE_ID)
"""Columns that reading adds."""

FIRST: Final = "x_FirstShare"
"""In an allocation, true on one row of each line."""


def timestamps(text: Any) -> Any:
    """Texts of times as timestamps in UTC, none where a text is no time; read without a zone, they would lose
    their offset. Sessions of the engine are in UTC."""
    return text.try_cast("timestamp('UTC')").cast("timestamp")


AsTime = Callable[[Any], Any]
"""How an engine reads times out of texts."""


def open_bill(
    connection: Any, paths: Sequence[Path], line_id: str | None = None, mapping: str | None = None
) -> ir.Table:
    """The lines of all files, as their columns are written, with ``x_LineId``: the bill's own where ``line_id`` names
    its column, else the file and the row in it.

    ``mapping`` names how columns of another format are read (a name or a file); without one it is found by the columns.
    Lines that were mapped have it in ``x_ReadAs``.

    Raises InputError for a path without bills, mixed formats, and files that cannot be read.
    """
    files, csv = files_of_bill(paths)
    listed = ", ".join(_quoted(as_glob(path)) for path in files)
    separator = separator_of(files) if csv else ""
    if csv:
        # Left to itself DuckDB would read a file that is cut off as one of other separators and quotes.
        source = (
            f"read_csv([{listed}], all_varchar=true, header=true, union_by_name=true, filename='x_File', "
            f"delim={_quoted(separator)}, quote='\"', escape='\"', comment='', skip=0, "
            "nullstr=['', 'NULL', 'null'], strict_mode=true, hive_partitioning=true, hive_types_autocast=false)"
        )
    else:
        source = (
            # Texts that are not marked as such come from writers of long ago.
            f"read_parquet([{listed}], union_by_name=true, filename='x_File', file_row_number=true, "
            "binary_as_string=true, hive_partitioning=true, hive_types_autocast=false)"
        )
    try:
        if csv:
            source = _numbered(connection, source, files)
        types = {row[0]: row[1] for row in connection.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        columns = list(types)
        if line_id is not None:
            known_line_id(line_id, [name for name in columns if name not in OURS], paths[0])
            made = f'CAST("{line_id}" AS VARCHAR)'
        else:
            made = f"{_label(files)} || ':' || (file_row_number + 1)"
        own = {name: type_ for name, type_ in types.items() if name not in OURS}
        if not csv:
            hold_names(files, own)
        found = find_mapping(mapping, columns)
        kept = as_it_is(own) if found is None else f"{select_list(found, own)}, {_quoted(found.name)} AS {READ_AS}"
        connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW bill AS SELECT {kept}, {made} AS {LINE_ID} FROM {source}")
        return connection.table("bill")
    except Exception as error:
        if csv and "when sniffing" in str(error) and (fault := fault_of(files, separator)):
            raise fault from None
        raise unreadable(error, paths[0]) from None


def hold_names(files: Sequence[Path], columns: Mapping[str, str]) -> None:
    """Raise InputError for a Parquet file that names a column twice, or differs in case alone; the engine gives the
    second one a number."""
    low = {name.lower() for name in columns}
    if not any(re.fullmatch(r"(.+)_\d+", name) and name.rpartition("_")[0] in low for name in low):
        return
    from pyarrow import parquet

    for file in files:
        names = [name.lower() for name in parquet.read_schema(file).names]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f'two columns are named "{twice}"', place=file, remedy="Which one counts cannot be told.")


def _numbered(connection: Any, source: str, files: Sequence[Path]) -> str:
    """Lines of CSV with their number in the file, from 0. They are read in the order of the files, and numbered in all
    of them; so how many lines stand in the files before one is counted first."""
    numbered = f"(SELECT *, row_number() OVER () - 1 AS file_row_number FROM {source})"
    if len(files) == 1:
        return numbered
    counted = connection.raw_sql(f"SELECT x_File, count(*) FROM {source} GROUP BY x_File").fetchall()
    lines = dict(counted)
    before = accumulate((lines.get(str(file), 0) for file in files), initial=0)
    starts = ", ".join(f"({_quoted(str(file))}, {start})" for file, start in zip(files, before, strict=False))
    return (
        "(SELECT numbered.* REPLACE (numbered.file_row_number - starts.before AS file_row_number) "
        f"FROM {numbered} AS numbered JOIN (VALUES {starts}) AS starts(x_File, before) "
        "ON numbered.x_File = starts.x_File)"
    )


def _label(files: Sequence[Path]) -> str:
    """What names a line's file: its name, or, where two folders have files of one name, its path below both."""
    if len({file.name for file in files}) == len(files):
        return "regexp_extract(x_File, '[^/]*$')"
    try:
        base = os.path.commonpath([file.parent for file in files])
    except ValueError:  # one path begins at the root, another does not
        return "x_File"
    return f"substr(x_File, {len(base) + 2})" if base else "x_File"


def known_line_id(line_id: str, columns: Sequence[str], place: Path) -> None:
    """Raise InputError where the bill has no such column."""
    if line_id not in columns:
        remedy = did_you_mean(line_id, columns) or f"Its columns: {', '.join(columns)}."
        raise InputError(f"no column {line_id}", place=place, remedy=remedy)


def once(table: ir.Table, rows: Callable[[ir.Table], list[dict[str, Any]]], place: Path) -> ir.Table:
    """Each line once: in an allocation that was written, a line stands for each of its shares.

    Raises InputError where allocations lie among the files of a bill, whose lines they hold again.
    """
    if not {FIRST, "x_AllocatedCost"} <= set(table.columns):
        return table
    first = table[FIRST].cast("string").lower()
    (seen,) = rows(table.aggregate(lines=table.count(), of_bills=first.isnull().cast("int64").sum().fill_null(0)))
    if 0 < seen["of_bills"] < seen["lines"]:
        raise InputError(
            "allocations lie among the files of the bill, and hold its lines again",
            place=place,
            remedy="Name the files of the bill alone, and write the result elsewhere.",
        )
    return table if seen["of_bills"] else table.filter(first == "true")


def typed(table: ir.Table, cost: str, place: Path, as_time: AsTime = timestamps) -> ir.Table:
    """The lines with FOCUS columns in their types. Raises InputError for a bill without a column that is needed."""
    needed = (*REQUIRED, cost)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        hints = [f"{name}: {near}" for name in missing if (near := did_you_mean(name, table.columns))]
        raise InputError(
            f"the bill lacks {', '.join(missing)}",
            place=place,
            remedy="; ".join(hints)
            or "A FOCUS export has these columns; --columns reads those of another format: "
            "aws-cur-2, azure, gcp-bigquery, or a file of your own (docs/allocation.md).",
        )
    for name in needed:
        type_ = table[name].type()
        if not type_.is_null() and not type_.is_string() and not _fits(type_, COLUMNS[name]):
            what = {Kind.TIME: "times", Kind.TEXT: "texts"}.get(COLUMNS[name], "amounts")
            raise InputError(f"{name} holds no {what} but {type_}", place=place, remedy=f"Export it as {what}.")
    return table.mutate(**{name: _typed(table, name, as_time) for name in table.columns if name in COLUMNS})


def _fits(type_: Any, kind: Kind) -> bool:
    """Whether a column of this type can be of the kind without a guess: numbers may be seconds or days, and truths are
    no amounts."""
    if kind is Kind.TIME:
        return bool(type_.is_timestamp() or type_.is_date())
    return kind is Kind.TEXT or bool(type_.is_numeric() and not type_.is_boolean())


def inside(table: ir.Table, month: str | None, currency: str | None, as_time: AsTime = timestamps) -> Any:
    """Whether a line belongs to the month (of its charge period) and the currency that are asked for; None: all do."""
    asked = []
    if month is not None:
        asked.append(_typed(table, "ChargePeriodStart", as_time).strftime("%Y-%m") == month)
    if currency is not None:
        asked.append(table.BillingCurrency == currency)
    return reduce(and_, asked) if asked else None


def faults(table: ir.Table, cost: str, chosen: Any, as_time: AsTime = timestamps) -> ir.Table:
    """One row about the lines as they are written: how many of all lines have a cost or a time that is none, and of the
    chosen ones how many there are, their currencies, and their costs at twelve decimals and at twenty."""
    import ibis

    def count(condition: Any) -> Any:
        return ibis.cases((condition, 1), else_=0).sum().fill_null(0)

    raw = table[cost]
    if raw.type().is_floating():
        exact = _typed(table, cost, as_time)
    else:
        exact = raw.strip().try_cast("decimal(38, 20)") if raw.type().is_string() else raw.cast("decimal(38, 20)")
    return table.aggregate(
        all_lines=table.count(),
        lines=table.count() if chosen is None else count(chosen),
        bad_cost=count(_no_amount(table, cost, as_time)),
        no_cost=count(table[cost].isnull()),
        bad_time=count(_no_time(table, as_time)),
        no_time=count(table.ChargePeriodStart.isnull()),
        no_currency=count(table.BillingCurrency.isnull()),
        currencies=table.BillingCurrency.nunique(where=chosen),
        currency=table.BillingCurrency.min(where=chosen),
        other_currency=table.BillingCurrency.max(where=chosen),
        total=_typed(table, cost, as_time).sum(where=chosen).cast("decimal(38, 12)"),
        exact=exact.sum(where=chosen),
    )


def first_fault(table: ir.Table, cost: str, as_time: AsTime = timestamps) -> ir.Table:
    """The id of the first line that ``faults`` counts, or of none."""
    wrong = (
        _no_amount(table, cost, as_time)
        | _no_time(table, as_time)
        | table[cost].isnull()
        | table.ChargePeriodStart.isnull()
        | table.BillingCurrency.isnull()
    )
    return table.filter(wrong).select(LINE_ID).limit(1)


def _no_amount(table: Any, cost: str, as_time: AsTime) -> Any:
    """An amount that is none; of engines some read ``1_000`` as a thousand."""
    written = table[cost]
    none = written.notnull() & _typed(table, cost, as_time).isnull()
    return none | written.contains("_") if written.type().is_string() else none


def _no_time(table: Any, as_time: AsTime) -> Any:
    """A time that is none; engines also take words for times, such as ``infinity`` and ``epoch``."""
    written = table.ChargePeriodStart
    none = written.notnull() & _typed(table, "ChargePeriodStart", as_time).isnull()
    return none | (written.strip() > ":") if written.type().is_string() else none


def unreadable(error: Exception, place: Path) -> InputError:
    """What the engine says of a file, in a sentence."""
    if isinstance(error, InputError):
        return error
    named = re.search(r"^\s*file\s*=\s*(\S.*)$|GZIP stream: (/.*)$|file '(/[^']*)'", str(error), re.MULTILINE)
    return InputError(
        f"the bill cannot be read: {said(error)}",
        place=Path(next(filter(None, named.groups())).strip()) if named else place,
        remedy="Is the file whole? Export it again, or name its columns with --columns.",
    )


_CSV_FAULTS: Final = (
    (
        re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)"),
        "it has {1} columns, not {0}: is the file cut off?",
    ),
    (re.compile(r"unterminated quote|unquoted value|quote should be followed"), "a quote is not closed"),
    (re.compile(r"[Ii]nvalid unicode|not utf-8 encoded"), "it is not UTF-8 text"),
    (re.compile(r"Unexpected end of GZIP stream"), "the file is cut off"),
    (re.compile(r"when sniffing"), "its lines cannot be told apart: do all of them end alike?"),
    (
        re.compile(r"No magic bytes|too small to be a Parquet file"),
        "the file is cut off, or it is no Parquet file ({0})",
    ),
)


def said(error: Exception) -> str:
    """What the engine says of a file, in a line; of CSV the line that is wrong, and how."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    for pattern, told in _CSV_FAULTS:
        if found := pattern.search(text):
            words = told.format(*(found.groups() or (found[0],)))
            return f"line {line[1]}: {words}" if line else words
    first = next((part.strip() for part in text.splitlines() if part.strip()), type(error).__name__)
    return first if len(first) <= 240 else f"{first[:239]}…"


def _typed(table: Any, name: str, as_time: AsTime) -> Any:
    column, kind = table[name], COLUMNS[name]
    type_ = column.type()
    if kind is Kind.TEXT:
        return column if type_.is_string() else column.cast("string")
    if kind is Kind.TIME:
        return as_time(column) if type_.is_string() else column.cast("timestamp")
    if type_.is_floating():
        return _of_binary(column, kind)
    return column.strip().try_cast(kind.value) if type_.is_string() else column.cast(kind.value)


def _of_binary(column: Any, kind: Kind) -> Any:
    """A binary number with the fifteen digits that it has: what stands behind them is noise, and engines differ in it.
    What is no number is none."""
    import ibis

    size = column.abs()
    places = [(10**3, 12), (10**6, 9), (10**9, 6)]
    if kind is Kind.QUANTITY:
        places.insert(0, (1, 15))
    cases = [(size < bound, column.try_cast(f"decimal(38, {places_})").cast(kind.value)) for bound, places_ in places]
    return ibis.cases(*cases, else_=column.try_cast("decimal(38, 3)").cast(kind.value))


def written_files(path: Path) -> str:
    """What a reader takes for an allocation that was written: the file, or the part files of Spark's folder."""
    if not path.is_dir():
        return as_glob(path)
    ending = ".csv" if path.suffix.lower() == ".csv" else ".parquet"
    return f"{as_glob(path)}/part-*{ending}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
