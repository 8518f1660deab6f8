"""A few doublings would fill any memory: what repeats a value without end is refused before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.rules import cel
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Selected
from spendgate.rules.library import load_folders

ENV = cel.environment(cel.Schema.of({"x": cel.STRING, "ys": cel.ListOf(cel.STRING)}))
VALUES: dict[str, Any] = {"x": "abcde", "ys": ["fg", "", "hij"]}
HELD = 10
"""Characters in all values."""

DOUBLED = ".map(a, a + a + a + a + a + a + a + a + a + a)"
ENDLESS = (
    f"size(ys{DOUBLED * 7}) > 1",
    f"size(['x']{DOUBLED * 7}[0]) > 1 ? true : false",
    f"ys{DOUBLED * 7}.join('').contains(x)",
    "ys.map(a, ys.map(b, ys.map(c, ys.map(d, x).join('')).join('')).join('')).join('') == x",
)
BOUNDED = (
    "ys.map(a, ys.map(b, a + b + x).join(', ') + x).join('; ') == x",
    "ys.exists(a, ys.exists(b, ys.all(c, a == b && b == c || c == x)))",
    f"ys{DOUBLED * 3}.join('') == x",
)


@pytest.mark.parametrize("expression", ENDLESS)
def test_what_repeats_a_value_without_end_is_refused_when_it_is_loaded(expression: str) -> None:
    with pytest.raises(cel.CompileError, match="more than 1,000,000 times"):
        cel.engine().compile(expression, ENV)


@pytest.mark.parametrize("expression", BOUNDED)
def test_what_messages_do_is_not(expression: str) -> None:
    assert cel.engine().compile(expression, ENV)(ENV.activation(VALUES)) in (True, False)


def test_variables_that_repeat_each_other_are_refused_with_their_place(tmp_path: Path) -> None:
    variables = [f'    - {{name: v{at + 1}, expression: "{" + ".join([f"variables.v{at}"] * 9)}"}}' for at in range(8)]
    text = f"""apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {{name: growing, title: Grows, category: tags, severity: low, description: Grows.}}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  variables:
    - {{name: v0, expression: "resource.name"}}
{chr(10).join(variables)}
  validations:
    - {{expression: "variables.v8 != ''", message: none}}
  remediation: None.
"""
    (tmp_path / "growing.yaml").write_text(text, encoding="utf-8")
    guardrail = load_folders([tmp_path])["growing"]
    with pytest.raises(InputError, match=r"growing\.yaml:16:.*more than 1,000,000 times"):
        compile_guardrail(Selected(guardrail, guardrail.enforcement, {}))


def texts(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Expressions that give a text."""
    leaves = st.sampled_from(["x", "'k'", *names])
    deeper = f"e{len(names)}"
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]} + {two[1]})"),
            st.tuples(inner, inner, inner).map(lambda all: f"(size({all[0]}) > 9 ? {all[1]} : {all[2]})"),
            st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}].join({two[0]})"),
            st.tuples(lists(inner), inner).map(lambda two: f"{two[0]}.map({deeper}, {deeper} + {two[1]}).join('')"),
            st.tuples(lists(inner), inner).map(lambda two: f"{two[0]}.filter({deeper}, {deeper} != {two[1]}).join('')"),
        ),
        max_leaves=12,
    )


def lists(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just("ys"), st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}]"))


@settings(deadline=None, max_examples=300)
@given(texts(()))
def test_no_text_is_longer_than_what_is_counted(expression: str) -> None:
    try:
        program = cel.engine().compile(expression, ENV)
        made = program(ENV.activation(VALUES))
    except (cel.CompileError, cel.EvalError):
        reject()  # too deep, too many iterations
    assert len(made) <= cel.copies(program.tree)[0] * (HELD + len(expression))
