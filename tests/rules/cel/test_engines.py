"""Both CEL engines agree on the portable subset, and what is wrong with an expression is said when it is loaded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.facts.model import Facts
from spendgate.resource import UNKNOWN
from spendgate.rules import cel
from tests.rules.cel.portable import ENV, PORTABLE, VALUES

WRONG: list[tuple[str, str]] = [
    ("facts.acelerator.model == 'A100'", 'there is no "acelerator" in facts; did you mean "accelerator"?'),
    ("fact.kind == 'x'", 'there is no "fact"; did you mean "facts"?'),
    ("facts.kind > 3", "> does not work on (string, int)"),
    ("facts.count > 1", "> does not work on (double, int); write 1.0 instead of 1"),
    ("16 < facts.count", "< does not work on (int, double); write 16.0 instead of 16"),
    ("facts.size == 3.0", "== does not work on (int, double); write 3 instead of 3.0"),
    ("facts.size < facts.count", "< does not work on (int, double); write double(...) around the whole number"),
    ("facts.count in [1, 2]", "in does not work on (double, list(int)); write whole numbers with a point here: 1.0"),
    ("facts.kind == null", "== does not work on (string, null); a fact is there or not, and never null: ask has(...)"),
    ("facts['kind'] == 'x'", "[ ] does not work on (facts, string); write facts.name instead"),
    ("facts.kind.name", '"name" cannot be read: what is before it is a string'),
    ("facts.kind.exists(k, true)", "a macro goes over a list or a map, and this is a string"),
    ("facts.kind.startWith('x')", 'there is no function "startWith"; did you mean "startsWith"?'),
    ("lower(facts.kind)", 'there is no function "lower"'),
    ("facts.zones.reduce(r, i, '', r + i)", 'there is no function "reduce"'),
    ("facts.zones.join()", '"join" is not called like this'),
    ("facts.kind = 'x'", '"=" is not expected here; write =='),
    ("facts.spot and true", '"and" is not expected here; write &&'),
    ("facts.kind == 'x", "this text has no closing quote"),
    ("", "the expression is empty"),
    ("facts.kind.matches('(')", "not a regular expression: missing ): ("),
    ("spendgate.Accelerator{model: 'x'}", "spendgate.Accelerator{...} cannot be made here"),
    ("facts.kind ==", "the expression ends too early"),
    ("facts.kind ) == 'x'", '")" is not expected here'),
    ("params.aproved.size()", 'there is no "aproved" in params; did you mean "approved"?'),
]


@pytest.fixture(params=cel.ENGINES)
def engine(request: pytest.FixtureRequest) -> cel.Engine:
    return cel.engine(request.param)


@pytest.mark.parametrize(("expression", "expected"), PORTABLE)
def test_both_engines_give_the_value(engine: cel.Engine, expression: str, expected: Any) -> None:
    value = engine.compile(expression, ENV)(ENV.activation(VALUES))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("expression", "message"), WRONG)
def test_a_mistake_is_found_when_the_expression_is_loaded(engine: cel.Engine, expression: str, message: str) -> None:
    with pytest.raises(cel.CompileError) as caught:
        engine.compile(expression, ENV)
    assert caught.value.issues[0].message == message


def test_the_caret_stands_under_the_place() -> None:
    expression = "facts.kind == 'x' &&\n  facts.kind > 3"
    with pytest.raises(cel.CompileError) as caught:
        cel.engine().compile(expression, ENV)
    assert caught.value.caret(expression) == "    facts.kind > 3\n               ^"


@pytest.mark.parametrize(
    ("expression", "kind", "message"),
    [
        ("facts.region == 'x'", "missing", "there is no \"region\"; ask has(...) or 'region' in ... first"),
        ("has(resource.there.is)", "missing", 'there is no "there"'),
        ("facts.zones[7] == 'x'", "index", "outside its list"),
        ("resource.list[-1] == 3", "index", "outside its list"),
        ("1 / 0 == 1", "division", "division by zero"),
        ("9223372036854775807 + facts.size > 0", "overflow", "too large"),
        ("int(facts.kind) == 1", "conversion", "cannot be converted"),
        ("facts.kind.matches(resource.open)", "regex", "regular expression"),
        ("resource.list[0] + resource.eight > 1.0", "type", "does not work on"),
        ("resource.on + 1 == 2", "type", "does not work on"),
        ("resource.list[0] && true", "type", "does not work on"),
        ("resource.list.filter(item, item).size() == 1", "type", "does not work on"),
        ("size(resource.none) == 0", "type", "does not work on"),
        ("facts.lines.join(', ') == ''", "type", "does not work on"),
        ("size({'a': facts.region}) == 1", "missing", "region"),
        ("{'a': 1, 'a': 2}.a == 1", "duplicate", "twice"),
        ("resource.many.all(item, item >= 0)", "iterations", "more than 10,000 iterations"),
    ],
)
def test_an_evaluation_that_fails_is_an_error_and_never_a_truthy_text(
    engine: cel.Engine, expression: str, kind: str, message: str
) -> None:
    resource = {**VALUES["resource"], "many": list(range(20_000)), "open": "("}
    with pytest.raises(cel.EvalError) as caught:
        engine.compile(expression, ENV)(ENV.activation({**VALUES, "resource": resource}))
    assert caught.value.kind == kind
    assert message in caught.value.message


@pytest.mark.parametrize(
    "expression",
    ["resource.secret.x", "resource[resource.secret]", "int(resource.secret)", "resource.secret + 1",
     "timestamp(resource.secret)", "resource.secret[0]", "{resource.secret: 1, resource.secret: 2}",
     "facts.tags[resource.secret]"],
)  # fmt: skip
def test_no_error_shows_a_value(engine: cel.Engine, expression: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(cel.EvalError) as caught:
        engine.compile(expression, ENV)(ENV.activation(VALUES))
    assert "s3cret" not in caught.value.message
    assert "s3cret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("facts.kind == 'x'", {("facts", "kind")}),
        ("has(facts.accelerator) && facts.accelerator.model in params.approved",
         {("facts", "accelerator"), ("facts", "accelerator", "model"), ("params", "approved")}),
        ("facts.tags['team'] == 'x'", {("facts", "tags", "team")}),
        ("facts.zones.exists(zone, zone == facts.region)", {("facts", "zones"), ("facts", "region")}),
        ("params.approved.all(facts, facts != 'x')", {("params", "approved")}),
    ],
)  # fmt: skip
def test_a_program_says_which_paths_it_reads(engine: cel.Engine, expression: str, paths: set[tuple[str, ...]]) -> None:
    assert engine.compile(expression, ENV).uses == paths


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("facts.kind == 'x' &&\n  facts.kind > 3", "    facts.kind > 3\n               ^"),
        ("lower(facts.kind)", "  lower(facts.kind)\n  ^"),
        ("facts.kind.\n  knd()", "    knd()\n    ^"),
        ("'é😀' == facts.knd", "  'é😀' == facts.knd\n               ^"),
        ("facts.kind ==", "  facts.kind ==\n               ^"),
        ("", "  \n  ^"),
    ],
)
def test_the_mark_stands_under_the_first_character_of_the_place(expression: str, shown: str) -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.engine("cel-expr-python").compile(expression, ENV)
    assert caught.value.issues[0].caret(expression) == shown


def test_the_mark_of_a_long_line_stands_under_its_part() -> None:
    expression = "facts.kind == 'x' && " * 20 + "facts.kind > 3"
    with pytest.raises(cel.CompileError) as caught:
        cel.engine().compile(expression, ENV)
    line, mark = caught.value.caret(expression).splitlines()
    assert len(line) < 170
    assert line[mark.index("^")] == ">"


def test_every_issue_of_an_expression_is_named() -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.engine().compile("facts.knd == 'x' && facts.rgion == 'y'", ENV)
    assert [(issue.line, issue.column) for issue in caught.value.issues] == [(1, 6), (1, 26)]


def test_a_macro_in_a_macro_is_refused_where_nothing_bounds_it() -> None:
    expression = "facts.zones.all(a, facts.zones.exists(b, a == b))"
    assert cel.engine("cel-expr-python").compile(expression, ENV)(ENV.activation(VALUES)) is True
    with pytest.raises(cel.CompileError, match="a macro inside a macro"):
        cel.engine("cel-python").compile(expression, ENV)


def test_a_macro_over_a_macro_is_no_product(engine: cel.Engine) -> None:
    expression = "facts.zones.filter(a, a != 'a').map(b, b + 'x')"
    assert engine.compile(expression, ENV)(ENV.activation(VALUES)) == ["bx"]


def test_a_schema_with_a_time_inside_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="holds a time"):
        cel.Schema.of({"facts": cel.Message("Facts", {"since": cel.TIMESTAMP})})


def test_the_fields_of_a_dataclass_become_a_message() -> None:
    message = cel.schema_of_dataclass(Facts)
    assert message.fields["kind"] == cel.STRING
    assert message.fields["max_runtime_hours"] == cel.DOUBLE
    assert message.fields["encrypted"] == cel.BOOL
    assert message.fields["zones"] == cel.ListOf(cel.STRING)
    assert message.fields["tags"] == cel.MapOf(cel.STRING)
    assert isinstance(message.fields["accelerator"], cel.Message)


def test_an_unknown_value_inside_the_values_is_left_out_and_named() -> None:
    activation = ENV.activation({"resource": {"name": UNKNOWN, "list": [1, UNKNOWN], "kept": 1}})
    assert activation.values["resource"] == {"kept": 1}
    assert set(activation.unknown) == {("resource", "name"), ("resource", "list")}


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ENV.activation({"now": datetime(2026, 3, 1)})


def test_an_answer_that_cannot_be_known_has_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(cel.Undetermined(frozenset()))


def test_an_expression_that_is_too_long_or_too_deep_is_refused(engine: cel.Engine) -> None:
    for expression, message in (
        ("'" + "x" * 9000 + "' == ''", "9,008 characters"),
        ("(" * 400 + "true" + ")" * 400, "nested too deeply"),
        (" + ".join(["facts.count"] * 40), "nested too deeply"),
        ("resource" + ".a" * 60, "nested too deeply"),
    ):
        with pytest.raises(cel.CompileError, match=message):
            engine.compile(expression, ENV)
    assert engine.compile(" && ".join(["!facts.spot"] * 200), ENV)(ENV.activation(VALUES)) is True


def test_an_engine_that_does_not_exist_is_wrong_configuration() -> None:
    with pytest.raises(InputError, match="no CEL engine"):
        cel.engine("cel-go")
