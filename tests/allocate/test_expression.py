"""CEL as columns gives what CEL gives: every expression is asked of both on the same lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import duckdb_tags
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.model import Expression
from spendgate.allocate.run import engine
from spendgate.errors import InputError, Place
from spendgate.rules import cel

PLACE = Place("rules.yaml", 3, 12)

EXPRESSIONS = (
    "has(tags.team)",
    "'team' in tags",
    "tags.team == 'nlp'",
    "tags.team != 'nlp'",
    "!(tags.team == 'nlp')",
    "tags.team == 'nlp' || tags.owner == 'ada'",
    "tags.team == 'nlp' && tags.owner == 'ada'",
    "has(tags.team) && tags.team == 'nlp' || has(tags.owner)",
    "tags['cost center'] == tags.team",
    "has(tags.team) ? tags.team == 'nlp' : has(tags.owner)",
    "tags.team == 'nlp' ? true : false",
    "tags.team in ['nlp', 'vision']",
    "!(tags.team in ['nlp', 'vision'])",
    "tags.team.startsWith('n') && !tags.team.endsWith('n')",
    "tags.team.contains('i')",
    "tags.team.matches('^v.*n$')",
    "size(tags.team) > 3",
    "tags.team + '-' + tags.owner == 'nlp-ada'",
    "line.BilledCost > 1.5",
    "line.BilledCost < 0.0",
    "line.ServiceName == 'Compute' && line.BilledCost >= 2.0",
    "has(line.RegionId) && line.RegionId.startsWith('eu-')",
    "line.ChargePeriodStart >= '2026-03-02T00:00:00Z'",
    "columns.x_Pool == 'a'",
    "has(columns.x_Pool)",
    "has(line.ServiceSubcategory)",
    "int(tags.owner) > 3",
    "double(tags.owner) * 2.0 > 7.0",
)

TEXTS = ("nlp", "vision", "", "ada", "4", "cost", "Compute", "eu-west-1", "a", "naïve")

lines = st.fixed_dictionaries(
    {
        "tags": st.dictionaries(st.sampled_from(("team", "owner", "cost center")), st.sampled_from(TEXTS)),
        "BilledCost": st.sampled_from((-1.0, 0.0, 1.5, 2.0)),
        "ServiceName": st.sampled_from(TEXTS),
        "RegionId": st.none() | st.sampled_from(TEXTS),
        "ChargePeriodStart": st.sampled_from(("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")),
        "x_Pool": st.none() | st.sampled_from(TEXTS),
    }
)


@pytest.fixture(scope="module")
def duck() -> Iterator[Any]:
    with engine() as connection:
        yield connection


@settings(deadline=None, max_examples=60)
@given(st.lists(lines, min_size=1, max_size=5))
def test_a_condition_holds_for_the_same_lines_in_cel_and_in_columns(duck: Any, rows: list[dict[str, Any]]) -> None:
    by_cel, by_column = answers(duck, rows)
    for expression in EXPRESSIONS:
        assert by_column[expression] == by_cel[expression], expression


def answers(duck: Any, rows: list[dict[str, Any]]) -> tuple[dict[str, list[bool]], dict[str, list[bool]]]:
    import json

    import ibis
    import pyarrow as pa

    data: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0] if name != "tags"}
    data["Tags"] = [json.dumps(row["tags"]) for row in rows]
    data["number"] = list(range(len(rows)))
    types = {"x_Pool": pa.string(), "RegionId": pa.string()}
    raw = ibis.memtable(pa.table({name: pa.array(items, types.get(name)) for name, items in data.items()}))
    table = raw.mutate(
        ChargePeriodStart=raw.ChargePeriodStart.cast("timestamp"), BilledCost=raw.BilledCost.cast("decimal(26, 12)")
    )
    names = {"team": "_team", "owner": "_owner", "cost center": "_center"}
    table = duckdb_tags(table, {name: key for key, name in names.items()})
    columns = Columns(table, tag=lambda key: table[names[key]])
    made = {
        f"e{index}": column(checked(Expression(text, PLACE), LINE, ("bool",)).tree, columns).fill_null(False)
        for index, text in enumerate(EXPRESSIONS)
    }
    found = duck.to_pyarrow(table.select("number", **made).order_by("number")).to_pydict()
    by_column = {text: found[f"e{index}"] for index, text in enumerate(EXPRESSIONS)}
    return {text: [holds(text, row) for row in rows] for text in EXPRESSIONS}, by_column


def holds(text: str, row: dict[str, Any]) -> bool:
    environment = cel.environment(LINE)
    line = {name: row[name] for name in row if name not in ("tags", "x_Pool") and row[name] is not None}
    others = {} if row["x_Pool"] is None else {"x_Pool": row["x_Pool"]}
    activation = environment.activation({"line": line, "tags": row["tags"], "columns": others})
    try:
        return cel.engine().compile(text, environment)(activation) is True
    except cel.EvalError:
        return False


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("tags.exists(key, key == 'team')", "a macro"),
        ("size(tags) > 2", "tags as a whole"),
        ("line.BilledCost / 2.0 > 1.0", "the function _/_"),
    ],
)
def test_what_has_no_column_form_says_which_part_has_none(text: str, part: str) -> None:
    import ibis

    table = ibis.table({"BilledCost": "decimal(26, 12)", "Tags": "string"}, name="bill")
    tree = checked(Expression(text, PLACE), LINE, ("bool",)).tree
    with pytest.raises(NoColumn, match=part):
        column(tree, Columns(table, tag=lambda key: table.Tags))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("line.BilledCosts > 1.0", "did you mean"),
        ("line.BilledCost > 1", "write 1.0 instead of 1"),
        ("tags.team ==", "CEL"),
        ("tags.team", "gives string, not bool"),
    ],
)
def test_wrong_cel_is_told_with_its_place_and_what_to_write(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(Expression(text, PLACE), LINE, ("bool",))
    assert told in str(caught.value)
    assert str(caught.value).startswith("rules.yaml:3:12: ")


def test_two_tags_by_index_and_a_text_are_one_text_for_cel_too() -> None:
    environment = cel.environment(LINE)
    program = cel.engine().compile('(tags["a-b"] + tags["c"] + "!").startsWith("12")', environment)
    assert program(environment.activation({"line": {}, "tags": {"a-b": "1", "c": "2"}, "columns": {}})) is True


def test_a_pattern_that_is_worked_out_has_no_column_form() -> None:
    import ibis

    table = ibis.table({"Tags": "string"}, name="bill")
    tree = checked(Expression("tags.a.matches(tags.b)", PLACE), LINE, ("bool",)).tree
    with pytest.raises(NoColumn, match="a pattern that is worked out"):
        column(tree, Columns(table, tag=lambda key: table.Tags))
