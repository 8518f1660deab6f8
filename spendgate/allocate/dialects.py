"""What differs between the engines that ``--explain`` writes for. BigQuery, Snowflake, Trino: compiled, never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate import bill
from spendgate.allocate.tags import AddTags, built_in, duckdb_tags, spark_tags, tags_by
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine reads tags and times, and what its types ask of a statement."""

    add_tags: AddTags
    as_time: bill.AsTime = bill.timestamps
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


def _trino_time(text: Any) -> Any:
    """Trino's casts take no T between day and time."""
    read = built_in("from_iso8601_timestamp", ("string",), "timestamp('UTC')")(text.strip().replace(" ", "T"))
    in_utc = built_in("at_timezone", ("timestamp('UTC')", "string"), "timestamp('UTC')")(read, "UTC")
    return built_in("TRY", ("timestamp('UTC')",), "timestamp('UTC')")(in_utc).cast("timestamp")


def _snowflake_time(text: Any) -> Any:
    read = built_in("TRY_TO_TIMESTAMP_TZ", ("string",), "timestamp('UTC')")(text)
    return built_in("CONVERT_TIMEZONE", ("string", "timestamp('UTC')"), "timestamp('UTC')")("UTC", read).cast(
        "timestamp"
    )


def _bigquery(node: Any) -> Any:
    """BIGNUMERIC has 38 decimals whatever it is cast to: what other engines round by a cast is rounded in words."""
    import ibis.expr.datatypes as dt
    import ibis.expr.operations as ops

    if isinstance(node, ops.TryCast) and node.to.is_decimal() and node.arg.dtype.is_floating():
        return ops.Round(ops.TryCast(node.arg, dt.Decimal(38, 12)), ops.Literal(node.to.scale, "int8"))
    if isinstance(node, ops.Cast) and node.to.is_decimal() and node.arg.dtype.is_decimal():
        return ops.Round(node, ops.Literal(node.to.scale, "int8"))
    return node


def _snowflake(node: Any) -> Any:
    """Casts that may fail are of texts alone, and a pattern is put between others."""
    import ibis.expr.operations as ops

    if isinstance(node, ops.TryCast) and node.arg.dtype.is_string() and not isinstance(node.arg, ops.Strip):
        return ops.TryCast(ops.Strip(node.arg), node.to)
    if isinstance(node, ops.TryCast) and node.arg.dtype.is_floating():
        return ops.Cast(node.arg, node.to)
    if isinstance(node, ops.RegexSearch) and isinstance(node.pattern, ops.Literal):
        if "(?" in node.pattern.value:
            raise InputError(f"Snowflake has no groups with a question mark: {node.pattern.value}")
        return ops.RegexSearch(node.arg, ops.Literal(f"({node.pattern.value})", node.pattern.dtype))
    return node


def _trino(node: Any) -> Any:
    """Trino's formats are those of MySQL: there %M is the name of the month."""
    import ibis.expr.operations as ops

    if isinstance(node, ops.Strftime):
        form = node.format_str.value.replace("%M", "%i").replace("%S", "%s")
        format_ = built_in("SPENDGATE_FORMAT", ("timestamp", "string"), "string")
        return format_(node.arg.to_expr(), form).op()
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
    "bigquery": Dialect(tags_by(_bigquery_text), adapted=_bigquery),
    "snowflake": Dialect(tags_by(_snowflake_text), _snowflake_time, _snowflake),
    "trino": Dialect(tags_by(_trino_text), _trino_time, _trino),
}
