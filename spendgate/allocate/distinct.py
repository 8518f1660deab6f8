"""Expressions outside the column subset: worked out once for each combination of the values that they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.focus import LINE, TAGS
from spendgate.allocate.model import Expression
from spendgate.errors import InputError
from spendgate.rules import cel
from spendgate.rules.cel.syntax import Call, Constant, Name, Node, Select, children

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOST: Final = 200_000
"""Combinations that are worked out; an expression that meets more of them belongs into the subset."""


def put(connection: Any, name: str, table: Any) -> None:
    """Keep an Arrow table in the engine under a name, until it is closed."""
    connection.con.register(f"{name}_arrow", table)
    connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_arrow")
    connection.con.unregister(f"{name}_arrow")


def by_distinct_values(connection: Any) -> Callable[[ir.Table, Expression, Node, str], ir.Table]:
    """What ``plan`` asks to add a column of such an expression."""

    def add(lines: ir.Table, expression: Expression, tree: Node, name: str) -> ir.Table:
        import pyarrow as pa

        read = sorted(_reads(tree))
        key = _key(lines, read)
        keyed = lines.mutate(_key=key)
        values = keyed.select("_key").distinct().limit(MOST + 1).to_pyarrow().column("_key").to_pylist()
        if len(values) > MOST:
            raise InputError(
                f"more than {MOST:,} combinations of what the expression reads",
                place=expression.place,
                detail=f"  {expression.text.strip()}",
                remedy="Write it without a macro, so that it becomes a column expression.",
            )
        program = cel.engine().compile(expression.text, cel.environment(LINE))
        answers = [_answer(program, read, text) for text in values]
        kind = pa.bool_() if any(isinstance(item, bool) for item in answers) else pa.string()
        put(
            connection,
            f"spendgate{name}",
            pa.table({f"{name}_key": pa.array(values, pa.string()), name: pa.array(answers, kind)}),
        )
        table = connection.table(f"spendgate{name}")
        joined = keyed.left_join(table, keyed._key == table[f"{name}_key"])
        return joined.drop("_key", f"{name}_key")

    return add


def _reads(tree: Node) -> set[tuple[str, str]]:
    """The columns below ``line`` and ``columns``, and the tags as a whole."""
    match tree:
        case Select(operand=Name(name="line" | "columns" as root), field=name):
            return {(root, name)}
        case Call(function="_[_]", arguments=(Name(name="line" | "columns" as root), Constant(text=str() as name))):
            return {(root, name)}
        case Name(name="tags"):
            return {("tags", TAGS)}
    return {found for child in children(tree) for found in _reads(child)}


def _key(lines: ir.Table, read: list[tuple[str, str]]) -> Any:
    """The values as one JSON list of texts."""
    import ibis

    parts = []
    for _, name in read:
        column = lines[name].cast("string") if name in lines.columns else ibis.null("string")
        parts.append(column)
    texts = [_quote()(part.fill_null("\x00")).cast("string") for part in parts]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined.concat(",", text)
    return ibis.literal("[").concat(joined, "]")


def _quote() -> Any:
    return built_in("to_json", ("string",), "string")


@lru_cache
def built_in(name: str, takes: tuple[str, ...], gives: str) -> Any:
    """A function of the engine that ibis does not know, of one or two arguments; the types are ibis' by name."""
    import ibis

    def of_one(first: Any) -> None: ...

    def of_two(first: Any, second: Any) -> None: ...

    function = of_one if len(takes) == 1 else of_two
    return ibis.udf.scalar.builtin(name=name, signature=(takes, gives))(function)


def _answer(program: Any, read: list[tuple[str, str]], key: str) -> Any:
    values: dict[str, dict[str, Any]] = {"line": {}, "columns": {}, "tags": {}}
    for (root, name), text in zip(read, json.loads(key), strict=True):
        if text == "\x00":
            continue
        if root == "tags":
            values["tags"] = _tags(text)
        else:
            values[root][name] = text
    try:
        return program(cel.environment(LINE).activation(values))
    except cel.EvalError:
        return None


def _tags(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return (
        {str(key): str(value) for key, value in found.items() if value is not None} if isinstance(found, dict) else {}
    )
