"""The rule of unknown values: a known answer stays, whatever the unknown values turn out to be."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spendgate.resource import UNKNOWN, Secret
from spendgate.rules import cel

FACTS = cel.Message(
    "Facts",
    {
        "a": cel.BOOL,
        "b": cel.STRING,
        "n": cel.DOUBLE,
        "tags": cel.MapOf(cel.STRING),
        "items": cel.ListOf(cel.STRING),
        "acc": cel.Message("Acc", {"model": cel.STRING, "count": cel.DOUBLE}),
    },
)
ENV = cel.environment(cel.Schema.of({"facts": FACTS}))
ABSENT = object()
# What an unknown value may turn out to be.
COMPLETIONS: dict[tuple[str, ...], list[Any]] = {
    ("a",): [True, False, ABSENT],
    ("b",): ["x", "y", "", ABSENT],
    ("n",): [0.0, 1.0, 7.0, ABSENT],
    ("tags",): [{}, {"t": "x"}, {"t": "y", "u": "x"}, ABSENT],
    ("tags", "t"): ["x", "y", "", ABSENT],
    ("items",): [[], ["x"], ["y", "t"], ABSENT],
    ("acc",): [{}, {"model": "x"}, {"model": "y", "count": 2.0}, ABSENT],
    ("acc", "model"): ["x", "y", ABSENT],
}
ATOMS = [
    "facts.a", "facts.b == 'x'", "facts.b != 'y'", "facts.n > 1.0", "facts.n + 1.0 <= 8.0", "has(facts.a)",
    "has(facts.b)", "has(facts.n)", "has(facts.tags)", "has(facts.tags.t)", "facts.tags.t == 'x'",
    "facts.tags['u'] == 'x'", "'t' in facts.tags", "'u' in facts.tags", "size(facts.tags) > 0",
    "facts.tags.exists(k, k == 't')", "facts.tags.all(k, facts.tags[k] != '')", "'x' in facts.items",
    "size(facts.items) == 1", "facts.items.exists(i, i == 'x')", "facts.items.all(i, i == facts.b)",
    "facts.items == ['x']", "facts.tags == {'t': 'x'}", "facts.b in ['x', 'y']", "facts.b.startsWith('x')",
    "facts.b in facts.tags", "['t', 'u'].exists(k, facts.tags[k] == 'x')", "['t', 'u'].all(k, facts.tags[k] != 'y')",
    "['t'].filter(k, facts.tags[k] == 'x').size() == 1", "true", "false",
    "facts.tags[facts.b] == 'x'", "{'k': facts.b} == {'k': 'x'}",
    "size({'k': facts.b}) == 1", "{facts.b: 1}.exists(k, k == 'x')", "[facts.b, 'z'].exists(i, i == 'x')",
    "{'k': facts.tags}.k == {'t': 'x'}", "[facts.tags].all(m, has(m.t))",
    "(facts.a ? facts.tags : {'t': 'x'}).t == 'x'",
    "facts.items.exists(i, i in facts.tags)", "facts.items.all(i, !(i in facts.tags) || facts.tags[i] == 'x')",
    "facts.items.filter(i, i in facts.tags).size() == 0", "facts.items.map(i, facts.tags[i]) == ['x']",
    "['u'].all(k, k in facts.tags)", "facts.items[0] == 'x'", "facts.items.exists_one(i, i == facts.b)",
    "has(facts.acc)", "has(facts.acc.model)", "facts.acc.model == 'x'", "has(facts.acc.count)",
    "facts.acc.count > 1.0", "facts.acc == facts.acc", "[facts.acc].exists(m, has(m.model))",
    "dyn(facts.acc).model == 'x'",
    "has(dyn(facts.acc).model)", "dyn(facts.b) == 1", "size(dyn(facts.acc)) == 1", "facts.b + facts.acc.model == 'xx'",
]  # fmt: skip

expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
        inner.map(lambda one: f"['x', 't'].exists(item, item == 'x' && {one})" if ".exists(" not in one else one),
    ),
    max_leaves=5,
)
known_values = st.fixed_dictionaries(
    {},
    optional={
        "a": st.booleans(),
        "b": st.sampled_from(["x", "y", ""]),
        "n": st.sampled_from([0.0, 1.0, 7.0]),
        "tags": st.sampled_from([{}, {"t": "x"}, {"u": "x"}, {"t": "y", "u": "y"}]),
        "items": st.sampled_from([[], ["x"], ["y", "x"], ["u"], ["t", "u"]]),
        "acc": st.sampled_from([{}, {"model": "x"}, {"count": 2.0}, {"model": "y", "count": 1.0}]),
    },
)
unknown_sets = st.sets(st.sampled_from(sorted(COMPLETIONS)), min_size=1, max_size=3)


def answer(engine: str, expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]) -> Any:
    try:
        program = cel.engine(engine).compile(expression, ENV)
    except cel.CompileError as error:
        assume("a macro inside a macro" not in str(error))
        raise
    gaps = {("facts", *path): ".".join(path) for path in unknown}
    try:
        return program(ENV.activation({"facts": facts}, gaps))
    except cel.EvalError:
        return "error"


def completed(facts: dict[str, Any], unknown: set[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Every way in which the unknown values can turn out."""
    paths = sorted(unknown, key=len)
    results = []
    for choice in itertools.product(*(COMPLETIONS[path] for path in paths)):
        result = copy.deepcopy(facts)
        for path, value in zip(paths, choice, strict=True):
            put(result, path, value if value is ABSENT else copy.deepcopy(value))
        results.append(result)
    return results


def put(facts: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set what is at a path; what it lies in is made where it is not there. ABSENT takes it out."""
    if value is ABSENT:
        (facts if len(path) == 1 else facts.get(path[0], {})).pop(path[-1], None)
    else:
        (facts if len(path) == 1 else facts.setdefault(path[0], {}))[path[-1]] = value


@pytest.mark.parametrize("engine", cel.ENGINES)
@settings(max_examples=400, deadline=None)
@given(expression=expressions, facts=known_values, unknown=unknown_sets)
def test_a_known_answer_stays_for_every_completion_of_the_unknown_values(
    engine: str, expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]
) -> None:
    early = answer(engine, expression, facts, unknown)
    if isinstance(early, cel.Undetermined):
        assert early.paths
        assert early.paths <= {("facts", *path) for path in unknown}
        return
    for completion in completed(facts, unknown):
        assert answer(engine, expression, completion, set()) == early, completion


@settings(max_examples=300, deadline=None)
@given(expression=expressions, facts=known_values, unknown=unknown_sets)
def test_both_engines_say_the_same_of_unknown_values(
    expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]
) -> None:
    first, second = (answer(engine, expression, facts, unknown) for engine in cel.ENGINES)
    assert first == second


@settings(max_examples=300, deadline=None)
@given(expression=expressions, facts=known_values, unknown=unknown_sets)
def test_an_unknown_value_in_its_place_is_as_one_that_is_named(
    expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]
) -> None:
    held = copy.deepcopy(facts)
    for path in sorted(unknown, key=len, reverse=True):
        assume(len(path) == 1 or path[0] in held)
        put(held, path, Secret(UNKNOWN))
    named = answer(cel.ENGINES[0], expression, facts, unknown)
    placed = answer(cel.ENGINES[0], expression, held, set())
    if isinstance(named, cel.Undetermined):
        assert isinstance(placed, cel.Undetermined)
    else:
        assert placed == named


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("true || facts.b == 'x'", True),
        ("facts.b == 'x' || true", True),
        ("false && facts.b == 'x'", False),
        ("facts.b == 'x' && false", False),
        ("has(facts.n) ? facts.n > 1.0 : false", True),
    ],
)
def test_what_does_not_hang_on_the_unknown_value_is_known(expression: str, known: bool) -> None:
    assert answer("cel-expr-python", expression, {"n": 2.0}, {("b",)}) is known


def test_an_error_that_has_nothing_to_do_with_the_unknown_value_is_still_undetermined_or_an_error() -> None:
    assert answer("cel-expr-python", "facts.n > 1.0", {}, {("b",)}) == "error"


@pytest.mark.parametrize("engine", cel.ENGINES)
@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("['u'].all(k, k in facts.tags)", True),
        ("['u'].all(k, k in facts.tags && facts.tags[k] == 'x')", True),
        ("facts.items.filter(k, !(k in facts.tags) || facts.tags[k] == '') == []", True),
        ("'u' in facts.tags", True),
        ("facts.tags[facts.b] == 'x'", True),
        ("has(facts.tags)", True),
        ("size(facts.tags) == 2", None),
        ("'t' in facts.tags", None),
        ("facts.tags.exists(k, k == 'u')", None),
        ("facts.tags == {'u': 'x'}", None),
    ],
)
def test_an_unknown_tag_leaves_known_what_is_said_of_the_other_tags(
    engine: str, expression: str, known: bool | None
) -> None:
    facts = {"tags": {"u": "x"}, "items": ["u"], "b": "u"}
    result = answer(engine, expression, facts, {("tags", "t")})
    assert result == (cel.Undetermined(frozenset({("facts", "tags", "t")})) if known is None else known)


@pytest.mark.parametrize(
    ("values", "unknown", "gap"),
    [
        ({"facts": UNKNOWN}, {}, ("facts",)),
        ({"facts": Secret(UNKNOWN)}, {}, ("facts",)),
        ({"facts": {"items": ("x", Secret(UNKNOWN))}}, {}, ("facts", "items")),
        ({"facts": {"items": ["x"]}}, {("facts", "items", "0"): "r"}, ("facts", "items")),
        ({"facts": {}}, {("facts", "acc", "model"): "r"}, ("facts", "acc")),
        ({"facts": {"acc": None}}, {("facts", "acc", "model"): "r"}, ("facts", "acc")),
        ({"facts": {"acc": {}}}, {("facts", "acc", "model"): "r"}, ("facts", "acc", "model")),
        ({}, {("facts", "a"): "r"}, ("facts", "a")),
    ],
)
def test_what_an_unknown_value_leaves_open(
    values: dict[str, Any], unknown: dict[tuple[str, ...], str], gap: tuple[str, ...]
) -> None:
    activation = ENV.activation(values, unknown)
    assert set(activation.gaps) == {gap}
    assert activation.gaps[gap] == (frozenset(unknown) or {gap})
    node: Any = activation.values
    for part in gap[:-1]:
        node = node[part]
    assert gap[-1] not in node


def test_values_that_are_shared_stay_as_they_are() -> None:
    shared = {"facts": {"items": ["x"], "acc": {"model": "x"}}}
    first = cel.Activation(shared, {("facts", "acc", "model"): "r", ("facts", "items"): "r"})
    assert first.values == {"facts": {"acc": {}}}
    assert shared == {"facts": {"items": ["x"], "acc": {"model": "x"}}}


def test_an_empty_list_that_stands_for_an_unknown_one_is_not_read() -> None:
    activation = cel.Activation({"facts": {"items": []}}, {("facts", "items"): "r"})
    assert isinstance(cel.engine().compile("facts.items == []", ENV)(activation), cel.Undetermined)


def test_an_undetermined_variable_is_an_unknown_value_like_any_other() -> None:
    env = cel.environment(cel.Schema.of({"variables": cel.Message("Variables", {"x": cel.BOOL, "y": cel.BOOL})}))
    gaps = {("variables", "x"): "facts.region is known only after apply"}
    program = cel.engine().compile("variables.x || variables.y", env)
    assert program(env.activation({"variables": {"y": True}}, gaps)) is True
    assert program(env.activation({"variables": {"y": False}}, gaps)) == cel.Undetermined(frozenset(gaps))
