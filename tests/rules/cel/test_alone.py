"""cel-python where the default engine is not installed: parsed and checked by what it brings itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from spendgate.errors import InputError
from spendgate.rules import cel
from spendgate.rules.cel import cel_python
from tests.rules.cel.portable import ENV, PORTABLE, VALUES


@pytest.fixture(autouse=True)
def _without_the_default_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("SPENDGATE_CEL", raising=False)
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    monkeypatch.setitem(sys.modules, "cel_expr_python.cel", None)
    forget()
    yield
    forget()


def forget() -> None:
    cel_python._compile.cache_clear()
    cel._engine.cache_clear()


def test_it_takes_the_place_of_the_default_engine() -> None:
    assert cel.engine().name == "cel-python"
    with pytest.raises(InputError, match="is not installed here"):
        cel.engine("cel-expr-python")


@pytest.mark.parametrize(("expression", "expected"), PORTABLE)
def test_it_gives_the_same_values(expression: str, expected: object) -> None:
    value = cel.engine().compile(expression, ENV)(ENV.activation(VALUES))
    assert value == expected
    assert type(value) is type(expected)


def test_it_reads_the_same_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [cel.engine().compile(expression, ENV) for expression, _ in PORTABLE]
    monkeypatch.undo()
    forget()
    for program in alone:
        checked = cel.engine("cel-expr-python").compile(program.expression, ENV)
        assert program.uses == checked.uses, program.expression
        assert program.return_type == checked.return_type or "dyn" in (program.return_type, checked.return_type), (
            program.expression
        )


@pytest.mark.parametrize(
    ("expression", "place", "message"),
    [
        ("facts.acelerator", (1, 7), 'there is no "acelerator" in facts; did you mean "accelerator"?'),
        ("fact.kind == 'x'", (1, 1), 'there is no "fact"; did you mean "facts"?'),
        ("facts.spot &&\n  facts.knd == 'x'", (2, 9), 'there is no "knd" in facts; did you mean "kind"?'),
        ("facts.lines.exists(line, line.usdd > 1.0)", (1, 31), 'there is no "usdd" in line; did you mean "usd"?'),
        ("facts.kind.name", (1, 12), '"name" cannot be read: what is before it is a string'),
        ("facts.kind.startWith('x')", (1, 12), 'there is no function "startWith"; did you mean "startsWith"?'),
        ("lower(facts.kind)", (1, 1), 'there is no function "lower"'),
        ("facts.kind ==", (1, 14), "the expression ends too early"),
        ("", (1, 1), "the expression is empty"),
        ("facts.kind == 'x", (1, 15), "this text has no closing quote"),
        ("facts.spot and true", (1, 12), '"and" is not expected here; write &&'),
        ("has(facts)", (1, 1), "has() takes a field: has(a.b)"),
        ("facts.zones.exists(1, true)", (1, 13), "exists takes the name of a variable and an expression"),
        ("facts.kind.matches('(')", (1, 20), "not a regular expression: missing ): ("),
        ("x{a: 1}", (1, 1), "message{...} cannot be made here"),
        ("!" * 100 + "true", (1, 1), "nested too deeply; give parts of it a name under variables"),
    ],
)
def test_names_and_syntax_are_checked_when_the_expression_is_loaded(
    expression: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.engine().compile(expression, ENV)
    issue = caught.value.issues[0]
    assert (issue.line, issue.column, issue.message) == (*place, message)
