"""Random expressions of the documented subset, asked of CEL and of the columns of an engine on the same lines.

Lines are odd on purpose: tags that are missing, empty, no numbers or almost, of other scripts, and amounts at the edges
of what each type holds. What CEL calls an error must be nothing in the column, what it calls false must be false.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import duckdb_tags
from spendgate.allocate.expression import Columns, checked, column
from spendgate.allocate.model import Expression
from spendgate.allocate.run import engine
from spendgate.errors import Place
from spendgate.rules import cel

TEXTS = (
    "", "nlp", "NLP", "vision", "4", "-3", "+5", " 5 ", "007", "2.5", ".5", "5.", "1e3", "1E400", "-1e-400", "1_000", "+-1",
    "NaN", "inf", "-Infinity", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e19", "true",
    "naïve", "nai\u0308ve", "ß", "SS", "İ", "日本", "🤦🏼‍♂️", "a\nb", "a b", "%", "_", "[", "a.b", "'", '"', "\\", "null",
)  # fmt: skip

KEYS = ("team", "owner", "cost center", "größe")


def _rows() -> list[dict[str, Any]]:
    """A line for every text as each of the tags, with other tags missing in turn."""
    made = []
    for index, text in enumerate(TEXTS):
        others = {key: TEXTS[(index * (place + 3) + 7) % len(TEXTS)] for place, key in enumerate(KEYS)}
        tags = {key: other for place, (key, other) in enumerate(others.items()) if (index >> place) & 1}
        made.append(
            {
                "tags": {**tags, KEYS[index % 2]: text},
                "BilledCost": (-1.0, 0.0, 1.5, 2.0, 99999999999999.0)[index % 5],
                "PricingQuantity": (None, 3.0, 0.1)[index % 3],
                "ServiceName": TEXTS[-index],
                "RegionId": None if index % 4 == 0 else TEXTS[(index * 5) % len(TEXTS)],
                "ChargePeriodStart": f"2026-03-0{index % 3 + 1}T0{index % 7}:00:00Z",
                "x_Pool": None if index % 3 == 0 else TEXTS[(index * 11) % len(TEXTS)],
            }
        )
    return made


ROWS = _rows()


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # escapes as CEL reads them


PATTERNS = ("^n", "a.b", "a$", "[0-9]+", "^$", "(?i)NLP", "\\d", "ï", ".", "^.$", "\\bb", "(?s)a.b", "\\w+")
COMPARED = ("==", "!=", "<", "<=", ">", ">=")
TEXT = (
    *map(quoted, TEXTS), *(f"tags[{quoted(key)}]" for key in KEYS), *("tags.team", "tags.owner") * 9,
    *("line.ServiceName", "line.RegionId", "line.ChargePeriodStart", "columns.x_Pool") * 3,
)  # fmt: skip
WHOLE = ("0", "1", "-1", "7", "9223372036854775807", "-9223372036854775808")
FRACTION = ("0.0", "1.5", "-2.0", "1e300", "line.BilledCost", "line.PricingQuantity")
BOOL = ("true", "false", "has(tags.team)", "('owner' in tags)", "has(line.RegionId)", "has(columns.x_Pool)")


def drawn(draw: Any, kind: str, depth: int = 4) -> str:
    """An expression of a kind (text, whole, fraction, bool), of so many levels at most."""

    def one(kind: str) -> str:
        return drawn(draw, kind, depth - 1)

    def of(options: Any) -> Any:
        return draw(st.sampled_from(options))

    written = {"text": TEXT, "whole": WHOLE, "fraction": FRACTION, "bool": BOOL}[kind]
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return str(of(written))
    match kind, of(range(9)):
        case _, 0:
            return f"({one('bool')} ? {one(kind)} : {one(kind)})"
        case "text", 1 | 2 | 3:
            return f"({one('text')} + {one('text')})"
        case "text", 4 | 5:
            return f"string({one(of(('whole', 'bool')))})"
        case "text", _:
            return str(of(TEXT))
        case "whole", 1 | 2 | 3:
            return f"int({one(of(('text', 'text', 'fraction')))})"
        case "whole", 4:
            return f"size({one('text')})"
        case "fraction", 1 | 2 | 3 | 4:
            return f"double({one(of(('text', 'text', 'whole')))})"
        case "whole" | "fraction", 5 | 6:
            return f"-({one(kind)})"
        case "whole", 7:
            return f"({one('whole')} * {of(('0', '2', '-3', '3000000000'))})"
        case "whole", _:
            return f"({one('whole')} {of('+-')} {one('whole')})"
        case "fraction", _:
            return f"({one(kind)} {of('+-*')} {one(kind)})"
        case _, 1 | 2 | 3:
            same = of(("text", "whole", "fraction", "fraction"))
            return f"({one(same)} {of(COMPARED)} {one(same)})"
        case _, 4:
            return f"({one('bool')} {of(('==', '!=', '&&', '||', '&&', '||'))} {one('bool')})"
        case _, 5:
            return f"!({one('bool')})"
        case _, 6:
            return f"{one('text')}.{of(('startsWith', 'endsWith', 'contains'))}({one('text')})"
        case _, 7:
            return f"{one('text')}.matches({quoted(of(PATTERNS))})"
    same = of(("text", "whole", "fraction"))
    return f"({one(same)} in [{', '.join(one(same) for _ in range(of(range(4))))}])"


def expressions(kind: str) -> st.SearchStrategy[str]:
    return st.composite(lambda draw: drawn(draw, kind))()


@pytest.fixture(scope="module")
def lines() -> Iterator[tuple[Any, Columns]]:
    import ibis
    import pyarrow as pa

    data: dict[str, Any] = {name: [row[name] for row in ROWS] for name in ROWS[0] if name != "tags"}
    data["Tags"] = [json.dumps(row["tags"]) for row in ROWS]
    data["number"] = list(range(len(ROWS)))
    with engine() as connection:
        raw = connection.create_table("lines", ibis.memtable(pa.table(data)))
        table = raw.mutate(
            ChargePeriodStart=raw.ChargePeriodStart.cast("timestamp"),
            BilledCost=raw.BilledCost.cast("decimal(26, 12)"),
            PricingQuantity=raw.PricingQuantity.cast("decimal(38, 15)"),
        )
        names = {key: f"_tag_{index}" for index, key in enumerate(KEYS)}
        table = connection.create_table("tagged", duckdb_tags(table, {name: key for key, name in names.items()}))
        yield connection, Columns(table, tag=lambda key: table[names[key]])


def asked(lines: tuple[Any, Columns], text: str, wanted: str) -> list[Any]:
    """The column's answers, line by line."""
    connection, columns = lines
    tree = checked(Expression(text, Place("rules.yaml")), LINE, (wanted,)).tree
    found = columns.table.select("number", answer=column(tree, columns)).order_by("number")
    return [row["answer"] for row in connection.to_pyarrow(found).to_pylist()]


def answered(text: str) -> list[Any]:
    """CEL's answers, line by line; None is an error."""
    environment = cel.environment(LINE)
    program = cel.engine().compile(text, environment)
    found = []
    for row in ROWS:
        line = {name: value for name, value in row.items() if name not in ("tags", "x_Pool") and value is not None}
        others = {} if row["x_Pool"] is None else {"x_Pool": row["x_Pool"]}
        try:
            found.append(program(environment.activation({"line": line, "tags": row["tags"], "columns": others})))
        except cel.EvalError:
            found.append(None)
    return found


def same(lines: tuple[Any, Columns], text: str, wanted: str) -> None:
    by_column, by_cel = asked(lines, text, wanted), answered(text)
    differ = [(row["tags"], a, b) for row, a, b in zip(ROWS, by_column, by_cel, strict=True) if a != b]
    assert not differ, f"{text}: {len(differ)} lines, such as (tags, column, CEL) {differ[0]}"


@settings(deadline=None, max_examples=150)
@given(expressions("bool"))
def test_a_condition_is_true_false_or_an_error_for_the_same_lines(lines: tuple[Any, Columns], text: str) -> None:
    same(lines, text, "bool")


@settings(deadline=None, max_examples=80)
@given(expressions("text"))
def test_an_owner_is_the_same_text(lines: tuple[Any, Columns], text: str) -> None:
    same(lines, text, "string")


@settings(deadline=None, max_examples=60)
@given(expressions("whole"))
def test_whole_numbers_are_the_same(lines: tuple[Any, Columns], text: str) -> None:
    same(lines, f"string({text})", "string")
