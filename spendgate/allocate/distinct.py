"""Expressions outside the column subset: worked out once for each combination of the values that they read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.focus import COLUMNS, LINE, TAGS, Kind
from spendgate.allocate.engine import Put, Rows
from spendgate.allocate.expression import Columns, checked
from spendgate.allocate.model import Expression
from spendgate.errors import InputError
from spendgate.rules import cel
from spendgate.rules.cel.syntax import Call, Constant, Name, Node, Select, children

if TYPE_CHECKING:
    import ibis.expr.types as ir

ALL: Final = ""
"""Stands for all columns that FOCUS does not know."""

MOST: Final = 200_000
"""Combinations that are worked out; an expression that meets more of them belongs into the subset."""


def by_distinct_values(rows: Rows, put: Put) -> Callable[[ir.Table, Expression, Node, str], ir.Table]:
    """What ``plan`` asks to add a column of such an expression."""

    def add(lines: ir.Table, expression: Expression, tree: Node, name: str) -> ir.Table:

        read = sorted(_reads(tree))
        if ("columns", ALL) in read:
            others = [name for name in lines.columns if name not in COLUMNS and name != TAGS and name[:1] != "_"]
            read = sorted({one for one in read if one[0] != "columns"} | {("columns", name) for name in others})
        key = _key(lines, read)
        keyed = lines.mutate(_key=key)
        values = [row["_key"] for row in rows(keyed.select("_key").distinct().limit(MOST + 1))]
        if len(values) > MOST:
            raise InputError(
                f"more than {MOST:,} combinations of what the expression reads",
                place=expression.place,
                detail=f"  {expression.text.strip()}",
                remedy="Write it without a macro, so that it becomes a column expression.",
            )
        program = cel.engine().compile(expression.text, cel.environment(LINE))
        answers = [_answer(program, read, text) for text in values]
        kind = "BOOLEAN" if checked(expression, LINE, ("bool", "string")).return_type == "bool" else "VARCHAR"
        table = put(f"spendgate{name}", {f"{name}_key": ("VARCHAR", values), name: (kind, answers)})
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
        case Call(function="_in_", arguments=(Constant(text=str() as name), Name(name="columns"))):
            return {("columns", name)}
        case Name(name="tags"):
            return {("tags", TAGS)}
        case Name(name="columns"):
            return {("columns", ALL)}
    return {found for child in children(tree) for found in _reads(child)}


def _key(lines: ir.Table, read: list[tuple[str, str]]) -> Any:
    """The values as one text, each behind its length; one that is not there is a minus sign."""
    import ibis

    columns = Columns(lines, tag=lambda key: None)
    parts = []
    for root, name in read:
        value = columns.line(name) if root == "line" else columns.other(name)
        text = value.cast("string")
        parts.append(ibis.cases((text.notnull(), text.length().cast("string").concat(":", text)), else_="-"))
    return parts[0].concat(*parts[1:]) if parts[1:] else parts[0] if parts else ibis.literal("")


def _values(key: str) -> Iterator[str | None]:
    """The values of a key, in their order."""
    start = 0
    while start < len(key):
        if key[start] == "-":
            yield None
            start += 1
            continue
        length, _, rest = key[start:].partition(":")
        yield rest[: int(length)]
        start += len(length) + 1 + int(length)


def _answer(program: Any, read: list[tuple[str, str]], key: str) -> Any:
    values: dict[str, dict[str, Any]] = {"line": {}, "columns": {}, "tags": {}}
    for (root, name), text in zip(read, _values(key), strict=True):
        if text is None:
            continue
        if root == "tags":
            values["tags"] = _tags(text)
        elif root == "line" and COLUMNS[name] in (Kind.COST, Kind.QUANTITY):
            values[root][name] = float(text)
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
