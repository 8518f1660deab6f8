"""Tests of guardrails: what counts as met, what a near miss tells, and what is a mistake rather than a failure."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.bench import Expected, Report, collect, run_suite
from spendgate.bench.matching import faults
from spendgate.errors import InputError, Place
from spendgate.rules.guardrail import Enforcement, Severity
from spendgate.verdict import Finding, Status
from tests.bench.files import FAILING, GUARDRAIL, HEAD, PASSING, UNKNOWN, case, write_folder


def run(*paths: Path, filters: tuple[str, ...] = ()) -> Report:
    return run_suite(collect(paths), filters)


def finding(name: str = "data", message: str = "m", status: Status = Status.VIOLATION) -> Finding:
    return Finding("g", status, Enforcement.MANDATORY, Severity.LOW, f"urn:{name}", "aws:x:X", name, message, "fix")


def expected(name: str | None = "data", status: Status = Status.VIOLATION, **more: str) -> Expected:
    return Expected(name, status, Place("t", 1), **more)


def test_cases_that_give_exactly_what_they_expect_pass(tmp_path: Path) -> None:
    report = run(write_folder(tmp_path, PASSING, FAILING, UNKNOWN))
    assert (len(report.outcomes), report.failed, report.exit_code) == (3, (), 0)


def test_a_finding_that_nothing_expects_is_a_fault(tmp_path: Path) -> None:
    (failed,) = run(write_folder(tmp_path, case("quiet", "500", "[]"))).failed
    assert [str(fault) for fault in failed.faults] == [
        'not expected: data, violation, mandatory, message "holds 500 GiB"'
    ]
    assert failed.place.line == 5


def test_a_near_miss_names_what_differs_and_where_it_is_written(tmp_path: Path) -> None:
    wrong = case("near", "500", '[{resource: data, status: undetermined, contains: "900", enforcement: advisory}]')
    (failed,) = run(write_folder(tmp_path, PASSING, wrong)).failed
    (fault,) = failed.faults
    assert [(item.what, item.expected, item.found.split(" ")[0]) for item in fault.differences] == [
        ("status", "undetermined", "violation"),
        ("enforcement", "advisory", "mandatory"),
        ("message", 'one with "900"', '"holds'),
    ]
    assert fault.expected is not None
    assert (Path(fault.expected.place.file).name, fault.expected.place.line) == ("volume-size.test.yaml", 10)


def test_a_finding_on_another_resource_that_differs_in_all_else_is_no_near_miss() -> None:
    first, second = faults([expected("a", Status.UNDETERMINED)], [finding("b")])
    assert (first.found, second.expected) == (None, None)


def test_each_finding_meets_one_expectation_only() -> None:
    (fault,) = faults([expected(), expected()], [finding()])
    assert fault.expected is not None
    assert fault.found is None


def test_an_expectation_that_fits_two_findings_leaves_the_other_its_own() -> None:
    loose, strict = expected(), expected(message="only this")
    found = [finding(message="only this"), finding(message="that")]
    for wanted in permutations([loose, strict]):
        assert faults(wanted, found) == ()


@given(st.lists(st.sampled_from("abc"), max_size=6), st.randoms())
def test_findings_are_met_in_any_order(names: list[str], random: object) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert faults([expected(name) for name in names], [finding(name) for name in shuffled]) == ()
    assert len(faults([expected(name) for name in names], [])) == len(names)
    assert len(faults([], [finding(name) for name in names])) == len(names)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PASSING.replace("name: small", "params: {maxx: 3}\n    name: small"), ':5:14: guardrail "volume-size" has no parameter "maxx"|did you mean "max"?'),
        (PASSING.replace("name: small", "params: {max: many}\n    name: small"), "'many' is not of type 'number'"),
        (PASSING.replace("name: small", "params: {max: !unknown }\n    name: small"), "UNKNOWN is not of type 'number'"),
        (PASSING.replace("name: small", "params: {max: !secret hunter2}\n    name: small"), "[secret] is not of type 'number'"),
        (case("x", "500", "[{resource: dat, status: violation}]"), ':7:25: the case has no resource "dat"|did you mean "data"?'),
        (PASSING.replace("name: data,", "name: data, dependsOn: {size: [dta]},"), 'the case has no resource "dta"|did you mean "data"?'),
        (PASSING.replace("}}]", "}}, {type: 'aws:ebs/volume:Volume', name: data}]"), 'two resources of one type are named "data"'),
        (case("x", "500", "[{resource: data, status: violated}]"), 'did you mean "violation"?'),
        (case("x", "500", "[{resource: data, status: !unknown }]"), "cases.0.expect.0.status"),
        (case("x", "500", "[{resource: data, status: violation, message: !secret hunter2}]"), "cases.0.expect.0.message"),
        ("  - name: !unknown\n    resources: []\n    expect: []\n", "cases.0.name"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_test_is_an_error_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    report = run(write_folder(tmp_path, text))
    said = "\n".join(map(str, report.errors))
    for part in ("volume-size.test.yaml:", *says.split("|")):
        assert part in said
    assert "hunter2" not in said
    assert report.exit_code == 2


def test_two_resources_of_one_name_and_two_types_are_told_apart(tmp_path: Path) -> None:
    text = FAILING.replace("}}]", "}}, {type: 'aws:s3/bucket:Bucket', name: data}]")
    assert run(write_folder(tmp_path, text)).exit_code == 0


def test_a_parameter_without_a_default_must_be_given(tmp_path: Path) -> None:
    report = run(write_folder(tmp_path, PASSING, guardrail=GUARDRAIL.replace(", default: 100", "")))
    assert 'guardrail "volume-size" needs a value for max' in str(report.errors[0])


def test_a_misspelt_guardrail_is_an_error_and_the_other_files_are_tested(tmp_path: Path) -> None:
    write_folder(tmp_path, PASSING)
    (tmp_path / "b.test.yaml").write_text(HEAD.replace("volume-size", "volume-siz") + PASSING, encoding="utf-8")
    report = run(tmp_path)
    assert 'b.test.yaml:3:12: no guardrail "volume-siz" to test' in str(report.errors[0])
    assert 'did you mean "volume-size"?' in str(report.errors[0])
    assert (len(report.outcomes), report.exit_code) == (1, 2)


@pytest.mark.parametrize("wrong", ["facts.size_gb <= params.max", "facts.size_gib <="])
def test_a_guardrail_that_does_not_compile_is_told_once_and_the_others_are_tested(tmp_path: Path, wrong: str) -> None:
    write_folder(tmp_path / "a", PASSING, FAILING, guardrail=GUARDRAIL.replace("facts.size_gib <= params.max", wrong))
    write_folder(tmp_path / "b")
    (tmp_path / "b" / "volume-size.yaml").rename(tmp_path / "b" / "other-size.yaml")
    text = GUARDRAIL.replace("volume-size", "other-size")
    (tmp_path / "b" / "other-size.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "b" / "other-size.test.yaml").write_text(
        HEAD.replace("volume-size", "other-size") + PASSING, encoding="utf-8"
    )
    report = run(tmp_path)
    assert len(report.errors) == 1
    assert "volume-size.yaml:14:" in str(report.errors[0])
    assert [outcome.guardrail for outcome in report.outcomes] == ["other-size"]


def test_a_secret_in_a_test_is_in_no_report(tmp_path: Path) -> None:
    reads = GUARDRAIL.replace(
        "'holds ' + string(facts.size_gib) + ' GiB'", "'key ' + string(resource.properties.kmsKeyId)"
    )
    text = case("x", "500, kmsKeyId: !secret hunter2", "[]")
    (failed,) = run(write_folder(tmp_path, text, guardrail=reads)).failed
    assert "hunter2" not in repr(failed)
    assert "[secret]" in str(failed.faults[0])


def test_other_files_of_a_project_are_not_taken_for_guardrails(tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING)
    (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (tmp_path / "deployment.yaml").write_text("kind: Deployment\n---\nkind: Service\n", encoding="utf-8")
    write_folder(tmp_path / ".venv" / "lib", PASSING)
    report = run(tmp_path)
    assert (report.errors, len(report.outcomes)) == ((), 1)


def test_a_single_file_is_tested_with_the_guardrail_beside_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, PASSING)
    (folder / "broken.yaml").write_text("kind: Deployment\n: [", encoding="utf-8")
    report = run(folder / "volume-size.test.yaml", folder / "volume-size.test.yaml")
    assert (report.errors, len(report.outcomes)) == ((), 1)


def test_a_path_without_tests_is_an_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", PASSING)
    (tmp_path / "empty").mkdir()
    for path, says in (
        (tmp_path / "empty", "no tests here"),
        (tmp_path / "nowhere", "no such file or folder"),
        (folder / "volume-size.yaml", r"Its test is .*volume-size\.test\.yaml"),
    ):
        with pytest.raises(InputError, match=says):
            collect([path])


def test_a_filter_runs_the_cases_it_names_and_must_name_some(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, PASSING, FAILING, UNKNOWN)
    assert [item.case for item in run(folder, filters=("SMALL", "unknown is")).outcomes] == [
        "small passes",
        "unknown is refused",
    ]
    assert len(run(folder, filters=("volume-size",)).outcomes) == 3
    with pytest.raises(InputError, match='no case has "nothing"'):
        run(folder, filters=("nothing",))
