"""Allocation by DuckDB in process: larger than memory, on all cores."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.allocating import allocate_by, shares_of
from spendgate.allocate.asking import Table, put, quoted, rows_of, rows_of_sql
from spendgate.allocate.bill.files import as_glob
from spendgate.allocate.bill.lines import timestamps, typed
from spendgate.allocate.bill.read import open_bill, unreadable
from spendgate.allocate.bill.tags import AddTags, built_in, duckdb_tags, valid_duckdb_tags
from spendgate.allocate.dialects import DIALECTS, sql
from spendgate.allocate.engine import Outcome, Request
from spendgate.allocate.plan import Tables, plan, rules_table, shares_table
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MEMORY", "DuckDB", "Outcome", "Request", "allocate", "engine", "sql_of"]

MEMORY: Final = "1400MB"
"""What the engine may hold; what is larger goes to a folder beside the output, for the time of the run."""


@contextmanager
def engine(folder: Path | None = None) -> Iterator[Any]:
    """A DuckDB of its own. Raises InputError where it is not installed."""
    try:
        import ibis
        import ibis.backends.duckdb
    except ImportError:
        raise InputError(
            "allocation needs DuckDB and Ibis, which are not installed here", remedy="pip install 'spendgate[allocate]'"
        ) from None
    try:
        made = TemporaryDirectory(prefix="spendgate-", dir=folder)
    except OSError as error:
        raise InputError(f"nothing can be written here: {error.strerror}", place=folder) from None
    with made as scratch:
        connection = ibis.duckdb.connect(memory_limit=MEMORY, temp_directory=scratch)
        connection.raw_sql("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        try:
            yield connection
        finally:
            connection.disconnect()


def allocate(request: Request, output: Path, connection: Any) -> Outcome:
    """Allocate the bills by a DuckDB connection and write the lines to ``output`` (``.parquet`` or ``.csv``), whole or
    not at all.

    Raises InputError for bills, rules and drivers that are wrong.
    """
    return allocate_by(DuckDB(connection), request, output)


class DuckDB:
    """DuckDB as an engine of allocation."""

    as_time = staticmethod(timestamps)
    stops_at_bad_tags = True

    def __init__(self, connection: Any) -> None:
        self.reader = connection

    def hold(self, request: Request) -> None:
        """DuckDB reads rules as they are meant."""

    def open_bill(self, request: Request) -> ir.Table:
        return open_bill(self.reader, request.bills, request.line_id, request.columns)

    def put(self, name: str, table: Table) -> ir.Table:
        put(self.reader, name, table)
        return self.reader.table(name)

    def rows(self, asked: ir.Table) -> list[dict[str, Any]]:
        return rows_of(self.reader, asked)

    def rows_of_sql(self, sql: str) -> list[dict[str, Any]]:
        return rows_of_sql(self.reader, sql)

    def sample(self, lines: ir.Table, part: float) -> ir.Table:
        return lines.sample(part, method="block", seed=1)

    def write(self, lines: Callable[[AddTags], ir.Table], partial: Path) -> str:
        """Tags that are no JSON are left out in a second try: looking first costs every bill."""
        try:
            self._copy(lines(duckdb_tags), partial)
        except Exception as error:
            if "alformed JSON" not in str(error):
                raise
            self._copy(lines(valid_duckdb_tags), partial)
        return _parquet(partial)

    def _copy(self, table: ir.Table, partial: Path) -> None:
        import ibis

        sql = ibis.to_sql(table, dialect="duckdb")
        self.reader.raw_sql(f"COPY ({sql}) TO {quoted(str(partial))} (FORMAT parquet)")

    def valid_json(self, text: Any) -> Any:
        return built_in("json_valid", ("string",), "bool")(text)

    def land(self, partial: Path, output: Path) -> None:
        if output.suffix.lower() == ".csv":
            self.reader.raw_sql(f"COPY (FROM {_parquet(partial)}) TO {quoted(str(partial) + '.csv')} (HEADER)")
            os.replace(f"{partial}.csv", partial)
        os.replace(partial, output)

    def discard(self, partial: Path) -> None:
        partial.unlink(missing_ok=True)
        Path(f"{partial}.csv").unlink(missing_ok=True)

    def told(self, error: Exception, place: Path) -> BaseException:
        if isinstance(error, RuntimeError) and "interrupted" in str(error).lower():
            return KeyboardInterrupt()  # what DuckDB makes of Ctrl-C
        return unwritable(error, place)


def unwritable(error: Exception, place: Path) -> Exception:
    """What DuckDB says in a sentence: of the disk or of memory where it is about them, else of the bill. A fault of
    ours stays what it is."""
    if not isinstance(error, OSError) and type(error).__module__ != "_duckdb":
        return error
    for sign, message, remedy in _LIMITS:
        if sign in str(error):
            file = re.search(r'"(/[^"\\]*)', str(error))
            return InputError(message, place=Path(file[1]).parent if file else None, remedy=remedy)
    return error if isinstance(error, OSError) else unreadable(error, place)


_LIMITS: Final = (
    ("No space left on device", "the disk is full", "Nothing was written. Give --output a place with more room."),
    ("Read-only file system", "nothing can be written here", "Give --output another place."),
    ("Permission denied", "this may not be read or written", "Give --output another place, or mend its permissions."),
    (
        "Out of Memory",
        f"the allocation needs more than the {MEMORY} of memory that it may hold",
        "Nothing was written. Allocate a month at a time (--month), or let Spark do it (--engine spark).",
    ),
)


def sql_of(request: Request, connection: Any, dialect: str) -> str:
    """The allocation as one statement of another engine; the bill is the table ``bill`` there, the rules and the shares
    of pools are ``spendgate_rules`` and ``spendgate_shares``. Nothing is run.

    Raises InputError for an expression outside the column subset.
    """
    engine_ = DIALECTS[dialect]
    raw = open_bill(connection, request.bills, request.line_id, request.columns)
    lines = typed(raw, request.rules.amount.column, request.bills[0], engine_.as_time)
    put(connection, "spendgate_shares", shares_table(shares_of(request, connection)))
    put(connection, "spendgate_rules", rules_table(request.rules))
    tables = Tables(connection.table("spendgate_rules"), connection.table("spendgate_shares"))
    found = plan(lines, request.rules, tables, engine_.add_tags, request.disputes).table
    if dialect == "pyspark":
        from spendgate.allocate.spark.statement import sql as sql_of_spark

        return sql_of_spark(found)
    return sql(found, dialect)


def _parquet(path: Path) -> str:
    return f"read_parquet({quoted(as_glob(path))})"
