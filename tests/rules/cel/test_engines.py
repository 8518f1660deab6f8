"""Both CEL engines agree on the portable subset, and what is wrong with an expression is said when it is loaded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.resource import UNKNOWN, Secret
from spendgate.rules import cel

FACTS = cel.Message(
    "Facts",
    {
        "kind": cel.STRING,
        "region": cel.STRING,
        "count": cel.DOUBLE,
        "size": cel.INT,
        "spot": cel.BOOL,
        "zones": cel.ListOf(cel.STRING),
        "tags": cel.MapOf(cel.STRING),
        "accelerator": cel.Message("Accelerator", {"model": cel.STRING, "memory": cel.DOUBLE}),
    },
)
PARAMS = cel.Message(
    "Params",
    {"approved": cel.ListOf(cel.STRING), "limit": cel.DOUBLE, "allowed": cel.MapOf(cel.ListOf(cel.STRING))},
)
SCHEMA = cel.Schema.of(
    {"facts": FACTS, "params": PARAMS, "resource": cel.MapOf(cel.DYN), "variables": cel.DYN, "now": cel.TIMESTAMP}
)
ENV = cel.environment(SCHEMA)
VALUES: dict[str, Any] = {
    "facts": {
        "kind": "node_pool",
        "count": 4,
        "size": 3.0,
        "spot": False,
        "zones": ("a", "b"),
        "tags": {"team": "nlp", "cost-center": "cc-1"},
        "accelerator": {"model": "A100", "memory": 80},
    },
    "params": {"approved": ["L4", "A100"], "limit": 16, "allowed": {"team": ["nlp", "search"]}},
    "resource": {"name": "pool", "secret": Secret("s3cret"), "list": [1, 2, 3], "nested": {"a": {"b": 1}}},
    "now": datetime(2026, 3, 1, tzinfo=UTC),
}
PORTABLE: list[tuple[str, Any]] = [
    ("facts.kind == 'node_pool'", True),
    ("facts.kind in ['compute', 'node_pool']", True),
    ("facts.kind != 'compute' && !facts.spot", True),
    ("has(facts.region)", False),
    ("has(facts.accelerator)", True),
    ("has(facts.accelerator.model)", True),
    ("!has(facts.region) || facts.region == 'us-east-1'", True),
    ("facts.accelerator.model in params.approved", True),
    ("facts.count * 8.0", 32.0),
    ("facts.count * 8.0 <= params.limit", False),
    ("facts.size + 1", 4),
    ("facts.size > 2 ? 'large' : 'small'", "large"),
    ("7 / 2", 3),
    ("7.0 / 2.0", 3.5),
    ("size(facts.zones)", 2),
    ("facts.zones.exists(zone, zone == 'b')", True),
    ("facts.zones.all(zone, zone.startsWith('x'))", False),
    ("facts.zones.map(zone, 'zone-' + zone)", ["zone-a", "zone-b"]),
    ("facts.zones.filter(zone, zone != 'a')", ["b"]),
    ("facts.zones[1]", "b"),
    ("'team' in facts.tags", True),
    ("facts.tags['cost-center']", "cc-1"),
    ("facts.tags.team", "nlp"),
    ("facts.tags.exists(key, key.matches('^cost'))", True),
    ("params.approved.filter(model, !(model in ['L4'])).join(', ')", "A100"),
    ("['a', 'b'].join('; ')", "a; b"),
    ("[].join('; ')", ""),
    ("params.allowed.all(key, !(key in facts.tags) || facts.tags[key] in params.allowed[key])", True),
    ("params.allowed['team'].join('/')", "nlp/search"),
    ("facts.kind.contains('pool') && facts.kind.size() == 9", True),
    ("'a' + 'b'", "ab"),
    ("string(facts.size)", "3"),
    ("int('4') + 1", 5),
    ("double('2.5')", 2.5),
    ("now > timestamp('2026-01-01T00:00:00Z')", True),
    ("now < timestamp('2026-01-01T00:00:00Z')", False),
    ("resource.name == 'pool'", True),
    ("resource.nested.a.b == 1", True),
    ("size(resource.list)", 3),
    ("resource.secret == 's3cret'", True),
    ("true || facts.region == 'x'", True),
    ("facts.spot && facts.region == 'x'", False),
]
WRONG: list[tuple[str, str]] = [
    ("facts.acelerator.model == 'A100'", 'there is no "acelerator" in facts; did you mean "accelerator"?'),
    ("fact.kind == 'x'", 'there is no "fact"; did you mean "facts"?'),
    ("facts.kind > 3", "> does not work on (string, int)"),
    ("facts.count > 1", "> does not work on (double, int); write whole numbers with a point here: 1.0"),
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
    ("expression", "kind"),
    [("facts.region == 'x'", "string"), ("facts.zones[7] == 'x'", "index"), ("1 / 0 == 1", "division")],
)
def test_an_evaluation_that_fails_is_an_error_and_never_a_truthy_text(
    engine: cel.Engine, expression: str, kind: str
) -> None:
    program = engine.compile(expression, ENV)
    with pytest.raises(cel.EvalError):
        program(ENV.activation(VALUES))


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


def test_an_expression_that_is_too_long_or_too_deep_is_refused() -> None:
    for expression in ("'" + "x" * 9000 + "' == ''", "(" * 400 + "true" + ")" * 400):
        with pytest.raises(cel.CompileError):
            cel.engine("cel-expr-python").compile(expression, ENV)


def test_an_engine_that_does_not_exist_is_wrong_configuration() -> None:
    with pytest.raises(InputError, match="no CEL engine"):
        cel.engine("cel-go")
