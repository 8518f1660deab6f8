"""Bills: FOCUS exports as files or folders (CSV, gzip, Parquet, partitioned folders), read by DuckDB with columns as
they are written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.asking import quoted, quoted_name
from spendgate.allocate.bill.files import as_glob, files_of_bill
from spendgate.allocate.bill.focus import LINE_ID, READ_AS
from spendgate.allocate.bill.heads import fault_of, separator_of
from spendgate.allocate.bill.mapping import as_it_is, find_mapping, select_list
from spendgate.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import ibis.expr.types as ir

OURS: Final = ("x_File", "file_row_number", LINE_ID)
"""Columns that reading adds."""


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
    listed = ", ".join(quoted(as_glob(path)) for path in files)
    separator = separator_of(files) if csv else ""
    if csv:
        # Left to itself DuckDB would read a file that is cut off as one of other separators and quotes.
        source = (
            f"read_csv([{listed}], all_varchar=true, header=true, union_by_name=true, filename='x_File', "
            f"delim={quoted(separator)}, quote='\"', escape='\"', comment='', skip=0, "
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
            made = f"CAST({quoted_name(line_id)} AS VARCHAR)"
        else:
            made = f"{_label(files)} || ':' || (file_row_number + 1)"
        own = {name: type_ for name, type_ in types.items() if name not in OURS}
        if not csv:
            hold_names(files, own)
        found = find_mapping(mapping, columns)
        kept = as_it_is(own) if found is None else f"{select_list(found, own)}, {quoted(found.name)} AS {READ_AS}"
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
    starts = ", ".join(f"({quoted(str(file))}, {start})" for file, start in zip(files, before, strict=False))
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


def unreadable(error: Exception, place: Path) -> InputError:
    """What the engine says of a file, in a sentence."""
    if isinstance(error, InputError):
        return error
    named = re.search(r"^\s*file\s*=\s*(\S.*)$|GZIP stream: (/.*)$|file '(/[^']*)'", str(error), re.MULTILINE)
    words = said(error)
    whole = "Is the file whole? Export it again, or name its columns with --columns."
    return InputError(
        f"the bill cannot be read: {words}",
        place=Path(next(filter(None, named.groups())).strip()) if named else place,
        remedy="Save it as CSV in UTF-8." if _NO_UTF8 in words else whole,
    )


_NO_UTF8: Final = "it is not UTF-8 text"

_CSV_FAULTS: Final = (
    (
        re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)"),
        "it has {1} columns, not {0}: is the file cut off?",
    ),
    (re.compile(r"unterminated quote|unquoted value|quote should be followed"), "a quote is not closed"),
    (re.compile(r"[Ii]nvalid unicode|not utf-8 encoded"), _NO_UTF8),
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


def written_files(path: Path) -> str:
    """What a reader takes for an allocation that was written: the file, or the part files of Spark's folder."""
    if not path.is_dir():
        return as_glob(path)
    ending = ".csv" if path.suffix.lower() == ".csv" else ".parquet"
    return f"{as_glob(path)}/part-*{ending}"
