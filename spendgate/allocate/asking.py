"""Questions to DuckDB, and tables that are put into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def rows_of(connection: Any, expression: Any) -> list[dict[str, Any]]:
    """What DuckDB answers; ibis' own way to Arrow loads pandas first, which takes longer than most answers."""
    import ibis

    found: list[dict[str, Any]] = rows_of_sql(connection, str(ibis.to_sql(expression, dialect="duckdb")))
    return found


def rows_of_sql(connection: Any, sql: str) -> list[dict[str, Any]]:
    """The rows of a statement, as Python values; without Arrow, which takes a quarter of a second to load."""
    cursor = connection.con.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def quoted_name(name: str) -> str:
    """A column as SQL names it."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


Table = Mapping[str, tuple[str, Sequence[Any]]]
"""A small table: each column's SQL type and its values."""


def put(connection: Any, name: str, table: Table) -> None:
    """Keep a small table in the engine under a name, until it is closed."""
    columns = ", ".join(
        f"CAST(unnest(CAST(? AS VARCHAR[])) AS {type_}) AS {column}" for column, (type_, _) in table.items()
    )
    values = [[None if item is None else str(item) for item in items] for _, items in table.values()]
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns}", values)
