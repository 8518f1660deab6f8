"""The conditions inside expressions: where they stand, and which the cases of a guardrail made true and false."""

from __future__ import annotations

from pathlib import Path

import celpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.bench import Coverage, Operand, collect, demand, run_suite
from spendgate.bench.operands import Each, Joined, Part, Plain, parts_of, renamed
from spendgate.bench.probe import Probes
from spendgate.rules.cel.cel_python_tree import from_lark
from spendgate.rules.cel.syntax import Call, everything
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Selected
from spendgate.rules.library import add_files, guardrail_files
from spendgate.shipped import policies_dir
from tests.bench.files import FAILING, GUARDRAIL, OTHER, PASSING, UNKNOWN, case, write_folder


def shape(text: str, part: Part | None = None) -> object:
    """An expression as nested lists: the operator, then what it joins."""
    part = parts_of(text) if part is None else part
    match part:
        case Joined():
            return [part.operator, *(shape(text, one) for one in part.parts)]
        case Each():
            over = text[part.start : part.end]
            return [part.name, over, part.asks, *(shape(text, one) for one in part.bodies)]
    inner = [shape(text, one) for one in part.inner]
    return [text[part.start : part.end], *inner] if inner else text[part.start : part.end]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a", "a"),
        ("a && b || c && !d", ["||", ["&&", "a", "b"], ["&&", "c", "!d"]]),
        ("a && (b || c)", ["&&", "a", ["||", "b", "c"]]),
        ("!(a && b)", ["!", ["&&", "a", "b"]]),
        ("!(a) == b", "!(a) == b"),
        ("(a && b) == c", ["(a && b) == c", ["&&", "a", "b"]]),
        ("a ? b : c ? d : e", ["?:", "a", "b", ["?:", "c", "d", "e"]]),
        ("'x && y' + (a ? 'b?' : \"c:\")", ["'x && y' + (a ? 'b?' : \"c:\")", ["?:", "a", "'b?'", '"c:"']]),
        ("xs.all(x, x > 1 && p)", ["xs.all(x, x > 1 && p)", ["x", "xs", 1, ["&&", "x > 1", "p"]]]),
        ("1 + a.xs.filter(x, p).size()", ["1 + a.xs.filter(x, p).size()", ["x", "a.xs", 1, "p"]]),
        ("xs.map(x, p, x.y)", ["xs.map(x, p, x.y)", ["x", "xs", 1, "p", "x.y"]]),
        ("size(a) == 0 || f(b, c ? 1 : 2)", ["||", "size(a) == 0", ["f(b, c ? 1 : 2)", ["?:", "c", "1", "2"]]]),
        ("a in b && m[x ? 'k' : 'l']", ["&&", "a in b", ["m[x ? 'k' : 'l']", ["?:", "x", "'k'", "'l'"]]]),
        ("{'a': b && c}.a", ["{'a': b && c}.a", ["&&", "b", "c"]]),
        (r"r'\' + 'it\'s && b' == a // a || b", r"r'\' + 'it\'s && b' == a"),
    ],
)
def test_conditions_stand_where_the_grammar_has_them(text: str, seen: object) -> None:
    assert shape(text) == seen


@pytest.mark.parametrize("text", ["", "a &&", "(a", "a ? b", "a b)", "f(a"])
def test_a_text_that_cannot_be_followed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|close"):
        parts_of(text)


PARSER = celpy.Environment(runner_class=celpy.InterpretedRunner)
names = st.sampled_from(["a", "b.c", "'x || y'", "1.5e+3", "f(a, b)", "m['k']", "!a", "a >= b", "-1 in xs"])
expressions = st.recursive(
    names,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||", "+", "=="]), inner).map(
            lambda it: f"({it[0]}) {it[1]} ({it[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda it: f"(({it[0]}) ? ({it[1]}) : ({it[2]}))"),
        inner.map(lambda it: f"!({it})"),
        inner.map(lambda it: f"xs.exists(x, {it})"),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(expressions)
def test_every_condition_has_as_many_operators_as_the_engines_tree(text: str) -> None:
    tree = from_lark(PARSER.compile(text))
    # A chain of three is two calls there and one here.
    wanted = sum(isinstance(one, Call) and one.function in ("_&&_", "_||_", "_?_:_") for one in everything(tree))
    assert _operators(parts_of(text)) == wanted


def _operators(part: Part) -> int:
    match part:
        case Joined(operator=operator, parts=parts):
            own = {"!": 0, "?:": 1}.get(operator, len(parts) - 1)
            return own + sum(map(_operators, parts))
        case Each(bodies=bodies):
            return sum(map(_operators, bodies))
        case Plain(inner=inner):
            return sum(map(_operators, inner))


def test_a_variable_gets_another_name_where_it_is_no_field_and_no_function() -> None:
    assert renamed("type(type.type) + 'type' + a.type", lambda name: "each" if name == "type" else name) == (
        "type(each.type) + 'type' + a.type"
    )


WITH_OPERANDS = GUARDRAIL.replace(
    'facts.size_gib <= params.max"',
    "facts.size_gib <= params.max || resource.name == 'wide' && has(facts.encrypted)\"",
)


def covered(folder: Path) -> Coverage:
    (coverage,) = run_suite(collect([folder])).coverage
    return coverage


def told(operands: tuple[Operand, ...]) -> list[tuple[str, int, int, int]]:
    return [(one.text, one.true, one.false, one.unknown) for one in operands]


def test_operands_are_counted_where_they_are_reached(tmp_path: Path) -> None:
    coverage = covered(write_folder(tmp_path, PASSING, FAILING, UNKNOWN, OTHER, guardrail=WITH_OPERANDS))
    assert told(coverage.operands) == [
        ("facts.size_gib <= params.max", 1, 1, 1),
        ("resource.name == 'wide' && has(facts.encrypted)", 0, 2, 0),
        ("resource.name == 'wide'", 0, 2, 0),
        ("has(facts.encrypted)", 0, 0, 0),
    ]
    assert coverage.operand_ways == (4, 8)
    assert [gap.text for gap in coverage.operand_gaps][1:] == [
        "validation 1: never true: resource.name == 'wide'",
        "validation 1: never true nor false: has(facts.encrypted)",
    ]


def test_what_was_only_unknown_is_told_apart(tmp_path: Path) -> None:
    coverage = covered(write_folder(tmp_path, UNKNOWN, guardrail=WITH_OPERANDS))
    assert coverage.operand_gaps[0].text == (
        "validation 1: never true nor false (1 × unknown): facts.size_gib <= params.max"
    )


def test_operands_do_not_change_the_coverage_of_whole_expressions(tmp_path: Path) -> None:
    plain = covered(write_folder(tmp_path / "a", PASSING, FAILING, UNKNOWN, OTHER))
    more = covered(write_folder(tmp_path / "b", PASSING, FAILING, UNKNOWN, OTHER, guardrail=WITH_OPERANDS))
    assert (plain.covered, plain.total) == (more.covered, more.total)


def test_what_a_macro_asks_of_each_element_is_a_condition(tmp_path: Path) -> None:
    text = GUARDRAIL.replace(
        '"facts.size_gib <= params.max"',
        "\"['small', 'type', string(facts.size_gib)].exists(type, type == 'type' && facts.size_gib <= params.max)\"",
    )
    coverage = covered(write_folder(tmp_path, PASSING, FAILING, guardrail=text))
    assert told(coverage.operands) == [
        ("type == 'type' && facts.size_gib <= params.max", 1, 5, 0),
        ("type == 'type'", 2, 4, 0),
        ("facts.size_gib <= params.max", 1, 1, 0),
    ]


def test_a_share_of_the_operands_can_be_demanded(tmp_path: Path) -> None:
    report = run_suite(collect([write_folder(tmp_path, PASSING, FAILING, guardrail=WITH_OPERANDS)]))
    assert demand(report, min_operands=50).shortfalls == ()
    assert demand(report, min_operands=100).shortfalls == ("coverage of operands is 50%, below 100%",)


def test_both_engines_tell_the_same_operands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path, PASSING, FAILING, UNKNOWN, guardrail=WITH_OPERANDS)
    monkeypatch.setenv("SPENDGATE_CEL", "cel-expr-python")
    one = told(covered(folder).operands)
    monkeypatch.setenv("SPENDGATE_CEL", "cel-python")
    assert told(covered(folder).operands) == one


def test_every_shipped_expression_can_be_followed() -> None:
    library: dict[str, object] = {}
    add_files(library, guardrail_files(policies_dir()))  # type: ignore[arg-type]
    compiled = [
        compile_guardrail(Selected(one, Enforcement.MANDATORY, one.defaults))  # type: ignore[attr-defined, arg-type]
        for one in library.values()
    ]
    found = [operand for one in compiled for operand in Probes.of(one).operands]
    assert len(found) > 300


PATCHES = (
    GUARDRAIL
    + """\
  remediate:
    - {path: size, types: ["aws:ebs/volume:Volume"], expression: "int(params.max)", when: "resource.name == 'data'"}
    - {path: iops, types: ["aws:ebs/volume:Volume"], expression: "3000", when: "facts.size_gib > 1000.0"}
"""
)


def test_a_patch_that_no_case_makes_is_a_gap_and_strict_demands_it(tmp_path: Path) -> None:
    patched = FAILING.replace("    expect:", "    patched: {data: {size: 100}}\n    expect:")
    folder = write_folder(tmp_path, PASSING, patched, UNKNOWN, guardrail=PATCHES)
    report = run_suite(collect([folder]))
    (coverage,) = report.coverage
    assert not report.failed
    assert [gap.text for gap in coverage.gaps if "patch" in gap.text] == [
        "when of patch 1 was never false: resource.name == 'data'",
        "when of patch 2 was never true: facts.size_gib > 1000.0",
        "patch 2 was never made: iops = 3000",
    ]
    (short,) = demand(report, strict=True).shortfalls
    assert short.startswith("volume-size: patch 2 was never made: iops = 3000 (")


def test_a_patch_is_made_where_a_case_says_what_it_sets(tmp_path: Path) -> None:
    patched = FAILING.replace("    expect:", "    patched: {data: {size: 100}}\n    expect:")
    huge = case("huge", "2000", "[{resource: data, status: violation}]").replace(
        "    expect:", "    patched: {data: {size: 100, iops: 3000}}\n    expect:"
    )
    report = run_suite(collect([write_folder(tmp_path, PASSING, patched, huge, UNKNOWN, guardrail=PATCHES)]))
    assert not report.failed
    assert report.coverage[0].unmade == ()
    assert demand(report, strict=True).shortfalls == ()


def test_a_patch_that_is_proposed_otherwise_than_the_case_says_is_a_fault(tmp_path: Path) -> None:
    wrong = FAILING.replace("    expect:", "    patched: {data: {size: 100}}\n    proposed: {}\n    expect:")
    (outcome,) = run_suite(collect([write_folder(tmp_path, wrong, guardrail=PATCHES)])).failed
    assert [fault.text for fault in outcome.faults] == [
        "proposal of data, size: sets 100, which proposed does not name"
    ]


def test_an_expression_that_cannot_be_followed_is_told_and_the_tests_run_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(expression: str) -> Part:
        raise ValueError(expression)

    monkeypatch.setattr("spendgate.bench.probe.parts_of", refuse)
    report = run_suite(collect([write_folder(tmp_path, PASSING, FAILING, guardrail=WITH_OPERANDS)]))
    assert not report.failed
    texts = [gap.text for gap in report.coverage[0].operand_gaps]
    assert "of which the parts cannot be told apart: never true nor false: facts.size_gib <= params.max" in texts[2]
