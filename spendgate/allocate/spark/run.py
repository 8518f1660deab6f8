"""Allocation by Spark: the same rules through the same plan, where a bill outgrows one machine.

Shares of pools are worked out here, as for DuckDB; Spark reads the bill, joins, writes and adds up.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate import run
from spendgate.allocate.allocating import allocate_by
from spendgate.allocate.asking import Table
from spendgate.allocate.bill.focus import LINE, LINE_ID, READ_AS
from spendgate.allocate.bill.lines import timestamps
from spendgate.allocate.bill.mapping import as_it_is, find_mapping, select_list
from spendgate.allocate.bill.read import known_line_id
from spendgate.allocate.bill.tags import AddTags, spark_json, spark_tags
from spendgate.allocate.engine import Outcome, Request
from spendgate.allocate.expression import checked
from spendgate.allocate.model import Expression
from spendgate.allocate.spark import files
from spendgate.allocate.spark.faults import first_line
from spendgate.allocate.spark.mapping import SPARK, TIME, type_name
from spendgate.allocate.spark.patterns import java
from spendgate.allocate.spark.statement import sql
from spendgate.errors import InputError
from spendgate.rules.cel.syntax import Call, Constant, everything

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}
"""What the statements rely on; a caller's session has its own values again afterwards."""


def allocate_with(session: Any, request: Request, output: Path, lines: Any = None) -> Outcome:
    """Allocate the bills by a Spark session, and write the lines to ``output``: a folder of part files, Parquet or
    where its name ends with ``.csv``, CSV; whole or not at all. Driver and executors must see the paths alike.

    ``lines`` takes the place of the bill's files: a DataFrame with FOCUS columns, of whatever source; the request's
    ``line_id`` names the column of its line ids then. The session keeps its settings, and is not stopped.

    Raises InputError for bills, rules and drivers that are wrong, or that Spark would read otherwise than DuckDB.
    """
    with run.engine() as reader, _settings(session):
        spark = Spark(session, reader, lines)
        try:
            return allocate_by(spark, request, output)
        except Exception as error:
            raise spark.told(error, request.bills[0]) from None
        finally:
            spark.close()


@contextmanager
def _settings(session: Any) -> Iterator[None]:
    context = getattr(session, "_sc", None)
    if context is not None and context._jsc is None:
        raise InputError("the Spark session was stopped", remedy="Give one that runs.")
    try:
        before = {name: session.conf.get(name, None) for name in _SETTINGS}
    except Exception as error:
        raise InputError(f"the Spark session cannot be used: {first_line(error)}", remedy="Has it ended?") from None
    try:
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            with suppress(Exception):
                session.conf.unset(name) if value is None else session.conf.set(name, value)


class Spark:
    """Spark as an engine of allocation."""

    stops_at_bad_tags = False

    def __init__(self, session: Any, reader: Any, lines: Any = None) -> None:
        self.session = session
        self.reader = reader
        self.given = lines
        self._run = token_hex(4)
        self._views: list[str] = []

    def close(self) -> None:
        """Forget what was put into the session."""
        with suppress(Exception):  # of a session that has ended
            for name in self._views:
                self.session.catalog.dropTempView(name)

    def hold(self, request: Request) -> None:
        """Raise InputError for patterns that Java reads otherwise."""
        for expression in _expressions(request):
            for node in everything(checked(expression, LINE, ("bool", "string")).tree):
                if isinstance(node, Call) and node.function == "matches":
                    _hold_pattern(node, expression)

    def as_time(self, text: Any) -> Any:
        """Texts of times in UTC, in the forms that both engines take."""
        import ibis

        cleaned = text.strip()
        return ibis.cases((cleaned.re_search(TIME), timestamps(cleaned)))

    def open_bill(self, request: Request) -> ir.Table:
        place = request.bills[0]
        if self.given is None:
            frame = files.lines(self.session, request.bills)
        elif request.line_id is None:
            raise InputError("lines of a DataFrame need the column of their ids", remedy="Request(line_id=…)")
        else:
            frame = self.given
        low = [name.lower() for name in frame.columns]
        if twice := next((name for name in low if low.count(name) > 1), None):
            raise InputError(f'two columns are named "{twice}"', place=place, remedy="Which one counts cannot be told.")
        if request.line_id is not None:
            known_line_id(request.line_id, frame.columns, place)
            frame = frame.withColumn(LINE_ID, frame[_column(request.line_id)].cast("string"))
        return self._view("bill", self._mapped(frame, request.columns))

    def _mapped(self, frame: Any, asked: str | None) -> Any:
        """The lines with FOCUS columns, by a mapping where they are of another format."""
        own = {field.name: type_name(field.dataType) for field in frame.schema.fields if field.name != LINE_ID}
        found = find_mapping(asked, list(own))
        kept = as_it_is(own, SPARK)
        if found is not None:
            kept = f"{select_list(found, own, SPARK)}, {SPARK.text(found.name)} AS {READ_AS}"
        self._view("written_bill", frame)
        return self.session.sql(f"SELECT {kept}, {LINE_ID} FROM {self._views[-1]}")

    def put(self, name: str, table: Table) -> ir.Table:
        from pyspark.sql.functions import broadcast

        return self._view(name, broadcast(files.small(self.session, table)))

    def _view(self, name: str, frame: Any) -> ir.Table:
        import ibis
        from ibis.backends.pyspark.datatypes import PySparkType

        view = f"{name}_{self._run}"
        frame.createOrReplaceTempView(view)
        self._views.append(view)
        return ibis.table(PySparkType.to_ibis(frame.schema).fields, name=view)

    def rows(self, asked: ir.Table) -> list[dict[str, Any]]:
        return [row.asDict() for row in self.session.sql(sql(asked)).collect()]

    def rows_of_sql(self, sql: str) -> list[dict[str, Any]]:
        import sqlglot

        (statement,) = sqlglot.transpile(sql, read="duckdb", write="spark")
        return [row.asDict() for row in self.session.sql(statement).collect()]

    def sample(self, lines: ir.Table, part: float) -> ir.Table:
        return lines.sample(part, method="row")

    def write(self, lines: Callable[[AddTags], ir.Table], partial: Path) -> str:
        made = files.in_utc(self.session.sql(sql(lines(spark_tags))))
        made.write.parquet(f"file://{partial.resolve()}")
        self._view("written", self.session.read.parquet(files.address(partial)))
        return self._views[-1]

    def valid_json(self, text: Any) -> Any:
        return spark_json(text, "string").notnull()

    def land(self, partial: Path, output: Path) -> None:
        if output.suffix.lower() == ".csv":
            made = files.plain(self.session.read.parquet(files.address(partial)))
            made.write.csv(f"file://{partial.resolve()}.csv", header=True, quote='"', escape='"')
            shutil.rmtree(partial)
            os.replace(f"{partial}.csv", partial)
        old = output.with_name(f"{partial.name}.old")
        if output.exists():
            os.replace(output, old)
        try:
            os.replace(partial, output)
        except OSError:
            if old.exists():
                os.replace(old, output)
            raise
        finally:
            _remove(old)

    def discard(self, partial: Path) -> None:
        _remove(partial)
        _remove(Path(f"{partial}.csv"))

    def told(self, error: Exception, place: Path) -> Exception:
        """Spark's own words for what it could not read, and ours for a disk that is full or a folder that is closed."""
        if isinstance(error, ConnectionError):
            return InputError("Spark has ended", place=place, remedy="Nothing was written.")
        if isinstance(error, InputError) or not type(error).__module__.startswith(("pyspark", "py4j", "grpc")):
            return error
        return InputError(f"Spark could not allocate the bill: {first_line(error)}", place=place)


def _hold_pattern(call: Call, expression: Expression) -> None:
    pattern = call.arguments[-1]
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        reason = "a pattern that is worked out cannot be held to what Spark and DuckDB read alike"
    else:
        try:
            java(pattern.value)
            return
        except ValueError as error:
            reason = f'"{error}" is not of the patterns that Spark and DuckDB read alike'
    raise InputError(
        reason,
        place=expression.place,
        detail=f"  {expression.text.strip()}",
        remedy="docs/allocation.md lists what they do; DuckDB reads all of RE2.",
    )


def _expressions(request: Request) -> Iterator[Expression]:
    for rule in request.rules.rules:
        yield rule.match
        yield from rule.owner.values()
        if rule.pool is not None:
            yield rule.pool
    for dispute in request.disputes:
        yield dispute.match


def _column(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
