"""Tables of usage: what was run, served or forecast, by date and owner, as views beside the allocated table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import rows
from spendgate.allocate.asking import quoted
from spendgate.allocate.bill.files import CSV, PARQUET, as_glob
from spendgate.errors import InputError

NUMBERS: Final = (
    "gpu_hours",
    "busy_gpu_hours",
    "capacity",
    "runs",
    "inferences",
    "tokens",
    "successful",
    "cost",
)
"""Columns of usage that are counted."""


def open_usage(connection: Any, files: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """Make each table the view ``usage_NAME``, with its numbers as decimals, a ``month`` where it has a date, and only
    rows of months that the allocation has; the columns of each.

    Raises InputError for a file that cannot be read, and a value that is no number or no date.
    """
    return {table: _open(connection, table, file) for table, file in files.items()}


def _open(connection: Any, table: str, file: Path) -> tuple[str, ...]:
    if not file.exists():
        raise InputError("no such table of usage", place=file)
    if not str(file).lower().endswith((*CSV, *PARQUET)):
        raise InputError("not a table that can be read", place=file, remedy="Tables of usage are CSV or Parquet.")
    read = "read_csv" if str(file).lower().endswith(CSV) else "read_parquet"
    more = ", header=true, all_varchar=true" if read == "read_csv" else ""
    source = f"{read}({quoted(as_glob(file))}{more})"
    try:
        columns = tuple(row[0] for row in connection.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall())
        counted = [name for name in NUMBERS if name in columns]
        shown = [
            f'try_cast("{name}" AS DECIMAL(38, 12)) AS "{name}"'
            if name in counted
            else f'CAST("{name}" AS VARCHAR) AS "{name}"'
            for name in columns
            if name != "date"
        ]
        where = "true"
        if "date" in columns:
            # A month is written 2026-03 or as any of its days.
            shown += ['CAST("date" AS VARCHAR) AS "date"', 'substr(CAST("date" AS VARCHAR), 1, 7) AS month']
            where = "month IN (SELECT DISTINCT month FROM allocated)"
        connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW raw_{table} AS SELECT {', '.join(shown)} FROM {source}")
        _check(connection, source, counted, "date" in columns, file)
        connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW usage_{table} AS SELECT * FROM raw_{table} WHERE {where}")
    except InputError:
        raise
    except Exception as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"the table of usage cannot be read: {first}", place=file) from None
    return columns


def _check(connection: Any, source: str, counted: list[str], dated: bool, file: Path) -> None:
    def hold(column: str, where: str, text: str, remedy: str) -> None:
        (bad,) = rows(
            connection, f'SELECT count(*) AS n, min(CAST("{column}" AS VARCHAR)) AS one FROM {source} WHERE {where}'
        )
        if bad["n"]:
            told = "row has" if bad["n"] == 1 else "rows have"
            example = f' ("{bad["one"]}"{"" if bad["n"] == 1 else ", for one"})' if bad["one"] else ""
            raise InputError(f"{bad['n']:,} {told} {text}{example}", place=file, remedy=remedy)

    for name in counted:
        given = f'"{name}" IS NOT NULL AND CAST("{name}" AS VARCHAR) <> \'\''
        wrong = f'{given} AND coalesce(try_cast("{name}" AS DECIMAL(38, 12)), -1) < 0'
        hold(name, wrong, f"no number from zero up as {name}", "Write it like 1200.5.")
    if dated:
        text = 'CAST("date" AS VARCHAR)'
        month = f"try_cast(substr({text}, 1, 7) || '-01' AS DATE) IS NULL"
        day = f"length({text}) > 7 AND try_cast(substr({text}, 1, 10) AS DATE) IS NULL"
        hold("date", f'"date" IS NULL OR {month} OR ({day})', "no date", "Write 2026-03-01 or 2026-03.")
