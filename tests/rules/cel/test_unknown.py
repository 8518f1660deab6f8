"""The rule of unknown values: a known answer stays, whatever the unknown values turn out to be."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.rules import cel

FACTS = cel.Message(
    "Facts",
    {
        "a": cel.BOOL,
        "b": cel.STRING,
        "n": cel.DOUBLE,
        "tags": cel.MapOf(cel.STRING),
        "items": cel.ListOf(cel.STRING),
    },
)
ENV = cel.environment(cel.Schema.of({"facts": FACTS}))
ABSENT = object()
# What an unknown field may turn out to be; fields other than map entries may also turn out to be absent.
COMPLETIONS: dict[tuple[str, ...], list[Any]] = {
    ("a",): [True, False, ABSENT],
    ("b",): ["x", "y", "", ABSENT],
    ("n",): [0.0, 1.0, 7.0, ABSENT],
    ("tags",): [{}, {"t": "x"}, {"t": "y", "u": "x"}, ABSENT],
    ("tags", "t"): ["x", "y", ""],
    ("items",): [[], ["x"], ["y", "z"], ABSENT],
}
ATOMS = [
    "facts.a", "facts.b == 'x'", "facts.b != 'y'", "facts.n > 1.0", "facts.n + 1.0 <= 8.0", "has(facts.a)",
    "has(facts.b)", "has(facts.n)", "has(facts.tags)", "has(facts.tags.t)", "facts.tags.t == 'x'",
    "facts.tags['u'] == 'x'", "'t' in facts.tags", "'u' in facts.tags", "size(facts.tags) > 0",
    "facts.tags.exists(k, k == 't')", "facts.tags.all(k, facts.tags[k] != '')", "'x' in facts.items",
    "size(facts.items) == 1", "facts.items.exists(i, i == 'x')", "facts.items.all(i, i == facts.b)",
    "facts.items == ['x']", "facts.tags == {'t': 'x'}", "facts.b in ['x', 'y']", "facts.b.startsWith('x')",
    "facts.b in facts.tags", "facts.tags[facts.b] == 'x'", "['t', 'u'].exists(k, facts.tags[k] == 'x')",
    "['t', 'u'].all(k, facts.tags[k] != 'y')", "['t'].filter(k, facts.tags[k] == 'x').size() == 1",
    "facts.items[0] == 'x'", "true", "false",
]  # fmt: skip

expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
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
        "items": st.sampled_from([[], ["x"], ["y", "x"]]),
    },
)
unknown_sets = st.sets(st.sampled_from(sorted(COMPLETIONS)), min_size=1, max_size=3)


def answer(engine: str, expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]) -> Any:
    program = cel.engine(engine).compile(expression, ENV)
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
        result = {key: dict(item) if isinstance(item, dict) else item for key, item in facts.items()}
        for path, value in zip(paths, choice, strict=True):
            if len(path) == 2:
                if ("tags",) not in unknown:
                    result.setdefault("tags", {})["t"] = value
            elif value is ABSENT:
                result.pop(path[0], None)
            else:
                result[path[0]] = value
        results.append(result)
    return results


def without(facts: dict[str, Any], unknown: set[tuple[str, ...]]) -> dict[str, Any]:
    """The facts as they are given: unknown keys taken out, the map that holds one present."""
    result = {key: dict(item) if isinstance(item, dict) else item for key, item in facts.items()}
    for path in unknown:
        if len(path) == 2:
            result.setdefault("tags", {}).pop("t", None)
    for path in unknown:
        if len(path) == 1:
            result.pop(path[0], None)
    return result


@pytest.mark.parametrize("engine", cel.ENGINES)
@settings(max_examples=400, deadline=None)
@given(expression=expressions, facts=known_values, unknown=unknown_sets)
def test_a_known_answer_stays_for_every_completion_of_the_unknown_values(
    engine: str, expression: str, facts: dict[str, Any], unknown: set[tuple[str, ...]]
) -> None:
    given_facts = without(facts, unknown)
    early = answer(engine, expression, given_facts, unknown)
    if isinstance(early, cel.Undetermined):
        assert early.paths <= {("facts", *path) for path in unknown}
        return
    for completion in completed(given_facts, unknown):
        assert answer(engine, expression, completion, set()) == early, completion


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
