"""The table that an allocation wrote, read again: what reports, figures and budgets are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.asking import quoted, quoted_name
from spendgate.allocate.bill.files import CSV
from spendgate.allocate.bill.focus import COLUMNS, LINE_ID, TAGS
from spendgate.allocate.bill.read import written_files
from spendgate.allocate.model import OWNER
from spendgate.allocate.plan import UNALLOCATED
from spendgate.errors import InputError

FILE: Final = "allocated.parquet"
"""The table's name in the folder of an allocation."""

STATUS: Final = f"""CASE WHEN x_Layer = '{UNALLOCATED}' THEN 'unallocated' WHEN x_Dispute IS NOT NULL THEN 'disputed'
    WHEN x_Team IS NULL THEN 'no-team' ELSE 'invoiced' END"""
"""Where each amount goes: to a team's invoice, or why not. Each row is of one of the four."""


def open_allocated(connection: Any, path: Path, view: str = "allocated") -> frozenset[str]:
    """Make the table of a folder or a file the view ``allocated``, with the FOCUS columns that it lacks as nothing;
    the columns that it has.

    Raises InputError where there is none, or the file is something else.
    """
    file = path / FILE if path.suffix.lower() not in (".parquet", ".csv") else path
    if not file.exists():
        raise InputError("no such allocation", place=file, remedy="`spendgate allocate … --output DIR` writes one.")
    try:
        kind = "read_csv" if str(file).lower().endswith(CSV) else "read_parquet"
        source = f"{kind}({quoted(written_files(file))})"
        columns = {row[0] for row in connection.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        if kind == "read_csv":
            # What CSV guesses of a column, the table says: amounts are exact, and account 0012 is no number.
            types = ", ".join(f"{quoted(name)}: {quoted(_type(name))}" for name in sorted(columns))
            source = f"read_csv({quoted(written_files(file))}, header=true, types={{{types}}})"
        for needed in (LINE_ID, "x_AllocatedCost", "x_Layer", "x_Share", *OWNER.values()):
            if needed not in columns:
                raise InputError(f"this is no allocation: it has no column {needed}", place=file)
        # A column of the bill's own named cost or team would stand in the way of the names that answers have.
        kept = [quoted_name(name) for name in sorted(columns) if name in COLUMNS or name == TAGS or name[:2] == "x_"]
        absent = [
            f'CAST(NULL AS {_TYPES.get(kind_.value, "VARCHAR")}) AS "{name}"'
            for name, kind_ in COLUMNS.items()
            if name not in columns
        ]
        absent += [] if TAGS in columns else [f"CAST(NULL AS VARCHAR) AS {TAGS}"]
        more = "".join(f", {column}" for column in absent)
        connection.raw_sql(
            f"CREATE OR REPLACE TEMP VIEW {view} AS "
            f"SELECT {', '.join(kept)}{more}, {STATUS} AS status, "
            f"strftime(ChargePeriodStart, '%Y-%m') AS month FROM {source}"
        )
        return frozenset(columns)
    except InputError:
        raise
    except Exception as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"the allocation cannot be read: {first}", place=file, remedy="Allocate again.") from None


def sum_up(connection: Any) -> None:
    """Make the table ``cube`` of the view ``allocated``: one row for each month, owner, rule, pool and service, with
    how many ``rows`` and ``lines`` are in it. It is read often, and small where the bill is large."""
    owners = ", ".join(OWNER.values())
    connection.raw_sql(f"""
        CREATE OR REPLACE TEMP TABLE cube AS
        SELECT month, status, {owners}, x_Rule, x_Layer, x_Driver, x_Pool, x_Idle, x_Dispute, ServiceName,
               sum(x_AllocatedCost) AS x_AllocatedCost, count(*) AS rows, count(*) FILTER (x_FirstShare) AS lines
        FROM allocated GROUP BY ALL""")


_TYPES: Final = {"string": "VARCHAR", "timestamp": "TIMESTAMP"}

_OURS: Final = {
    "x_AllocatedCost": "DECIMAL(38, 12)",
    "x_Share": "DECIMAL(11, 10)",
    "x_Idle": "BOOLEAN",
    "x_FirstShare": "BOOLEAN",
}


def _type(column: str) -> str:
    if column in COLUMNS:
        return _TYPES.get(COLUMNS[column].value, COLUMNS[column].value)
    return _OURS.get(column, "VARCHAR")


def table_in(folder: Path) -> str:
    """The table as a query names it that is asked in the folder."""
    return f"{FILE}/*.parquet" if (folder / FILE).is_dir() else FILE


def rows(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a query gives, row by row; ``values`` are what its question marks stand for."""
    found: list[dict[str, Any]] = connection.con.sql(sql, params=list(values)).to_arrow_table().to_pylist()
    return found


def currency_of(connection: Any, view: str = "allocated") -> str:
    """The one currency of an allocation."""
    (row,) = rows(connection, f"SELECT min(BillingCurrency) AS currency FROM {view}")
    return str(row["currency"])


def owner_words(row: Mapping[str, Any]) -> str:
    """An owner's fields as one text."""
    return ", ".join(f"{name.replace('_', ' ')} {row[column]}" for name, column in OWNER.items() if row.get(column))
