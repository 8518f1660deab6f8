"""What differs between the engines that ``--explain`` writes for. BigQuery, Snowflake, Trino: compiled, never run.

Sources, read 2026-11: cloud.google.com/bigquery/docs/reference/standard-sql (data types, conversion rules, mathematical
and JSON functions), docs.snowflake.com/sql-reference (operators-arithmetic, functions-regexp, date-time-input-output),
trino.io/docs/current/functions (regexp, json, datetime, decimal).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.lines import AsTime, timestamps
from spendgate.allocate.bill.tags import AddTags, built_in, duckdb_tags, spark_tags, tags_by
from spendgate.allocate.spark.patterns import java
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine reads tags and times, and what its types ask of a statement."""

    add_tags: AddTags
    as_time: AsTime = timestamps
    adapted: Callable[[Any], Any] = lambda node: node


def _path(function: str, key: str) -> str:
    """The key as a path. Quotes within quotes are not read alike by their versions."""
    if '"' in key or "\\" in key:
        remedy = "DuckDB, Spark and Snowflake read it."
        raise InputError(f"{function} has no path for the tag {key}", remedy=remedy)
    return f'"{key}"'


def _bigquery_text(column: Any, key: str) -> Any:
    # SAFE: a text that is no JSON has no tags.
    return built_in("SAFE.JSON_VALUE", ("string", "string"), "string")(column, f"$.{_path('JSON_VALUE', key)}")


def _snowflake_text(column: Any, key: str) -> Any:
    parsed = built_in("TRY_PARSE_JSON", ("string",), "string")(column)
    found = built_in("GET", ("string", "string"), "string")(parsed, key)
    return built_in("TO_VARCHAR", ("string",), "string")(found)


def _trino_text(column: Any, key: str) -> Any:
    return built_in("json_extract_scalar", ("string", "string"), "string")(
        column, f"$[{_path('json_extract_scalar', key)}]"
    )


TIMES_OF_BIGQUERY: Final = (
    (r"(\.\d{6})\d+", r"\1"),
    (r"^(.{10}[T ]\d\d:\d\d)([^:\d]|$)", r"\1:00\2"),
    (r"([+-]\d\d)(\d\d)$", r"\1:\2"),
)
"""What a time becomes that BigQuery would not read: patterns, and what stands in their place."""


def _bigquery_time(text: Any) -> Any:
    """BigQuery's casts want seconds, at most six decimals of them, and a colon in an offset."""
    written = text.strip()
    for pattern, by in TIMES_OF_BIGQUERY:
        written = built_in("REGEXP_REPLACE", ("string",) * 3, "string")(written, pattern, by)
    return timestamps(written)


def _trino_time(text: Any) -> Any:
    """Trino's casts take no T between day and time, and ISO's times no name of a zone."""
    written = text.strip().replace(" UTC", "Z").replace(" ", "T")
    read = built_in("from_iso8601_timestamp", ("string",), "timestamp('UTC')")(written)
    in_utc = built_in("at_timezone", ("timestamp('UTC')", "string"), "timestamp('UTC')")(read, "UTC")
    return built_in("TRY", ("timestamp('UTC')",), "timestamp('UTC')")(in_utc).cast("timestamp")


def _snowflake_time(text: Any) -> Any:
    # The formats that are found by themselves have offsets, and no name of a zone.
    written = text.strip().replace(" UTC", "+00:00")
    read = built_in("TRY_TO_TIMESTAMP_TZ", ("string",), "timestamp('UTC')")(written)
    return built_in("CONVERT_TIMEZONE", ("string", "timestamp('UTC')"), "timestamp('UTC')")("UTC", read).cast(
        "timestamp"
    )


def _bigquery(node: Any) -> Any:
    """BIGNUMERIC has 38 decimals whatever it is cast to: what other engines round by a cast is rounded in words, half
    away from zero as theirs."""
    import ibis.expr.operations as ops

    if isinstance(node, (ops.Cast, ops.TryCast)) and node.to.is_decimal() and not node.arg.dtype.is_integer():
        return ops.Round(node, ops.Literal(node.to.scale, "int8"))
    return node


_NOT_POSIX: Final = re.compile(r"\(\?|[*+?}]\?|\\[^dDsSwWbB\W]|\[\[:")


def _snowflake(node: Any) -> Any:
    """Casts that may fail are of texts alone, and REGEXP_LIKE wants the whole text to be like the pattern, line by
    line: where a pattern is found is asked instead."""
    import ibis.expr.operations as ops

    if isinstance(node, ops.TryCast) and node.arg.dtype.is_string() and not isinstance(node.arg, ops.Strip):
        return ops.TryCast(ops.Strip(node.arg), node.to)
    if isinstance(node, ops.TryCast) and node.arg.dtype.is_floating():
        return ops.Cast(node.arg, node.to)
    if isinstance(node, ops.RegexSearch) and isinstance(node.pattern, ops.Literal):
        pattern = node.pattern.value
        if found := _NOT_POSIX.search(pattern):
            raise InputError(f"Snowflake's patterns are those of POSIX, which have no {found[0]}: {pattern}")
        place = built_in("REGEXP_INSTR", ("string", "string"), "int64")(node.arg.to_expr(), pattern)
        return (place > 0).op()
    return node


def _trino(node: Any) -> Any:
    """Trino's formats are those of MySQL: there %M is the name of the month. Its patterns are Java's without the flags
    d and u, which are its defaults."""
    import ibis.expr.operations as ops

    if isinstance(node, ops.Strftime):
        form = node.format_str.value.replace("%M", "%i").replace("%S", "%s")
        format_ = built_in("SPENDGATE_FORMAT", ("timestamp", "string"), "string")
        return format_(node.arg.to_expr(), form).op()
    if isinstance(node, ops.RegexSearch) and isinstance(node.pattern, ops.Literal):
        pattern = node.pattern.value
        try:
            written = java(pattern).removeprefix("(?d)").replace("(?iu", "(?i").replace("(?siu", "(?si")
        except ValueError as error:
            raise InputError(f"Trino reads {error} in another way than RE2: {pattern}") from None
        return ops.RegexSearch(node.arg, ops.Literal(written, node.pattern.dtype))
    return node


def sql(table: ir.Table, dialect: str) -> str:
    """The statement of a table in a dialect."""
    import ibis

    engine = DIALECTS[dialect]

    def replaced(node: Any, given: Mapping[str, Any] | None) -> Any:
        return engine.adapted(node.__recreate__(given) if given else node)

    found = str(ibis.to_sql(table.op().replace(replaced).to_expr(), dialect=dialect))
    # Names under which these functions pass through without being taken for, and written as, others.
    return found.replace("`SAFE.JSON_VALUE`(", "SAFE.JSON_VALUE(").replace("SPENDGATE_FORMAT(", "DATE_FORMAT(")


DIALECTS: Final = {
    "duckdb": Dialect(duckdb_tags),
    "pyspark": Dialect(spark_tags),
    "bigquery": Dialect(tags_by(_bigquery_text), _bigquery_time, _bigquery),
    "snowflake": Dialect(tags_by(_snowflake_text), _snowflake_time, _snowflake),
    "trino": Dialect(tags_by(_trino_text), _trino_time, _trino),
}
