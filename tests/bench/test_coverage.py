"""What the tests of a guardrail cover, as heard from the gate's own evaluation."""

from __future__ import annotations

from pathlib import Path

from spendgate.bench import Coverage, collect, demand, run_suite
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Selected
from spendgate.rules.library import load_guardrail
from spendgate.shipped import policies_dir
from tests.bench.files import FAILING, GUARDRAIL, OTHER, PASSING, UNKNOWN, case, write_folder


def covered(folder: Path, filters: tuple[str, ...] = ()) -> Coverage:
    (coverage,) = run_suite(collect([folder]), filters).coverage
    return coverage


def gaps(folder: Path) -> list[str]:
    return [gap.text for gap in covered(folder).gaps]


def test_every_way_through_a_guardrail_is_covered(tmp_path: Path) -> None:
    coverage = covered(write_folder(tmp_path, PASSING, FAILING, UNKNOWN, OTHER))
    assert (coverage.gaps, coverage.lacks, coverage.percent, coverage.total) == ((), (), 100.0, 7)


def test_what_was_never_true_never_false_and_never_unknown_is_told_with_its_place(tmp_path: Path) -> None:
    coverage = covered(write_folder(tmp_path, PASSING))
    assert [(gap.place.line, gap.text) for gap in coverage.gaps] == [
        (11, "match condition \"is-volume\" was never false: facts.kind == 'volume'"),
        (12, 'match condition "has-size" was never false: has(facts.size_gib)'),
        (14, "validation 1 was never false: facts.size_gib <= params.max"),
        (3, "the path onUnknown: deny was never taken"),
    ]
    assert (coverage.covered, coverage.lacks) == (3, ("failing", "unknown"))


def test_a_guardrail_that_no_case_reaches_was_neither_true_nor_false(tmp_path: Path) -> None:
    found = gaps(write_folder(tmp_path, OTHER))
    assert "validation 1 was never true nor false: facts.size_gib <= params.max" in found


def test_an_unknown_value_that_does_not_matter_takes_no_unknown_path(tmp_path: Path) -> None:
    coverage = covered(write_folder(tmp_path, case("x", "50, kmsKeyId: !unknown ", "[]")))
    assert coverage.lacks == ("failing",)
    assert "the path onUnknown: deny was never taken" in [gap.text for gap in coverage.gaps]


def test_the_unknown_path_that_skips_is_heard_though_it_gives_no_finding(tmp_path: Path) -> None:
    skips = GUARDRAIL.replace("onUnknown: deny", "onUnknown: skip")
    folder = write_folder(tmp_path, PASSING, FAILING, guardrail=skips)
    assert "the path onUnknown: skip was never taken" in gaps(folder)
    write_folder(tmp_path, PASSING, FAILING, case("skipped", "!unknown ", "[]"), guardrail=skips)
    assert not [text for text in gaps(folder) if "onUnknown" in text]


def test_a_guardrail_that_reads_nothing_unknown_has_no_unknown_path(tmp_path: Path) -> None:
    text = GUARDRAIL.replace("has(facts.size_gib)", "resource.name != ''").replace("facts.size_gib", "stack.resources")
    text = text.replace("type: number, default: 100", "type: integer, default: 0")
    folder = write_folder(tmp_path, case("x", "5", "[{resource: data, status: violation}]"), guardrail=text)
    assert not [gap for gap in gaps(folder) if "onUnknown" in gap]


def test_a_guardrail_without_tests_is_told_as_uncovered(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", PASSING)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "untested.yaml").write_text(GUARDRAIL.replace("volume-size", "untested"), encoding="utf-8")
    report = run_suite(collect([tmp_path]))
    (untested,) = (item for item in report.coverage if item.guardrail == "untested")
    assert (untested.cases, untested.covered, untested.lacks) == (0, 0, ("passing", "failing", "unknown"))


def test_coverage_counts_only_guardrails_whose_every_case_ran(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, PASSING, FAILING)
    assert run_suite(collect([folder]), ("small",)).coverage == ()
    assert covered(folder, ("volume-size",)).cases == 2


def test_tests_of_a_shipped_guardrail_are_not_asked_to_cover_it(tmp_path: Path) -> None:
    (source,) = policies_dir().rglob("unattached-volume.test.yaml")
    (tmp_path / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    report = run_suite(collect([tmp_path]))
    assert report.outcomes
    assert report.coverage == ()
    assert "no guardrail lies where these tests lie" in demand(report, strict=True).shortfalls[0]


def test_strict_demands_a_passing_a_failing_and_an_unknown_case(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, PASSING, UNKNOWN)
    (short,) = demand(run_suite(collect([folder])), strict=True).shortfalls
    assert short.startswith("volume-size has no failing case (")
    write_folder(folder, PASSING, FAILING, UNKNOWN)
    assert demand(run_suite(collect([folder])), strict=True).exit_code == 0


def test_a_share_of_all_ways_can_be_demanded(tmp_path: Path) -> None:
    report = run_suite(collect([write_folder(tmp_path, PASSING, FAILING)]))
    assert demand(report, min_coverage=50).shortfalls == ()
    assert demand(report, min_coverage=90).shortfalls == ("coverage is 57.1%, below 90%",)
    assert demand(report, min_coverage=90).exit_code == 1


def test_a_guardrail_outside_tests_has_no_listener_and_a_disabled_one_is_tested_all_the_same(tmp_path: Path) -> None:
    text = GUARDRAIL.replace("enforcement: mandatory", "enforcement: disabled")
    folder = write_folder(tmp_path, PASSING, FAILING, guardrail=text)
    guardrail = load_guardrail(folder / "volume-size.yaml")
    assert compile_guardrail(Selected(guardrail, Enforcement.MANDATORY, guardrail.defaults)).answered is None
    assert not run_suite(collect([folder])).failed
