"""``spendgate test``: exit codes, what is shown, the files it writes, and watching."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from spendgate.schemas import schema
from tests.bench.files import FAILING, GUARDRAIL, OTHER, PASSING, UNKNOWN, case, write_folder
from tests.conftest import Run

WRONG = case("nothing is found", "500", "[]") + case(
    "near", "500", '[{resource: data, status: violation, contains: "900"}]'
)


def test_tests_that_pass_exit_with_0_and_show_their_coverage(spendgate: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING, FAILING, UNKNOWN, OTHER)
    done = spendgate("test", "own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "✓ volume-size   5 cases   coverage 100%" in done.stdout
    assert re.search(r"PASSED  1 guardrail; 5 cases: 5 passed, 0 failed; coverage 100% \(\d+\.\d s\)", done.stdout)


def test_a_file_of_another_kind_names_both_kinds_of_tests(spendgate: Run, tmp_path: Path) -> None:
    (tmp_path / "x.test.yaml").write_text("apiVersion: spendgate.dev/v1\nkind: AllocationTests\n", encoding="utf-8")
    done = spendgate("test", "x.test.yaml", cwd=tmp_path)
    assert done.returncode == 2
    told = 'x.test.yaml:2:7: kind is "AllocationTests", not "GuardrailTest" or "AllocationTest"'
    assert told in done.stdout + done.stderr


def test_a_failed_case_is_shown_with_its_line_what_was_expected_and_what_was_found(
    spendgate: Run, tmp_path: Path
) -> None:
    write_folder(tmp_path / "own", PASSING, WRONG)
    done = spendgate("test", "own", cwd=tmp_path)
    assert done.returncode == 1
    for said in (
        "✗ volume-size: nothing is found\n  own/volume-size.test.yaml:8:5",
        'not expected: data, violation, mandatory, message "holds 500 GiB"',
        'own/volume-size.test.yaml:13:14: expected, but missing: data, violation, message with "900"',
        'message: expected one with "900", found "holds 500 GiB"',
        'own/volume-size.yaml:12:36: match condition "has-size" was never false: has(facts.size_gib)',
        "FAILED  1 guardrail; 3 cases: 1 passed, 2 failed",
    ):
        assert said in done.stdout


def test_the_shipped_guardrails_have_a_passing_a_failing_and_an_unknown_case_each(
    spendgate: Run, tmp_path: Path
) -> None:
    done = spendgate("test", "--shipped", "--strict", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_path_the_policies_of_the_project_are_tested(spendgate: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING)
    config = "apiVersion: spendgate.dev/v1\nkind: Config\n"
    (tmp_path / "spendgate.yaml").write_text(config, encoding="utf-8")
    done = spendgate("test", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing to test: it names no folders under policies" in done.stderr
    (tmp_path / "spendgate.yaml").write_text(f"{config}policies: [own]\n", encoding="utf-8")
    done = spendgate("test", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 case: 1 passed" in done.stdout


def test_a_test_elsewhere_may_test_a_guardrail_of_the_project(spendgate: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING)
    (tmp_path / "cases").mkdir()
    (tmp_path / "own" / "volume-size.test.yaml").rename(tmp_path / "cases" / "volume-size.test.yaml")
    (tmp_path / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\npolicies: [own]\n", encoding="utf-8"
    )
    assert spendgate("test", "cases", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["own", "--strict"], 1, "volume-size has no failing and no unknown case (own/volume-size.yaml:3:18)"),
        (["own", "--min-coverage", "90"], 1, "coverage is 42.8%, below 90%"),
        (["own", "--min-coverage", "40"], 0, "coverage 42.8%"),
        (["own", "--min-coverage", "101"], 2, "--min-coverage is a number from 0 to 100"),
        (["own", "--min-coverage", "nan"], 2, "--min-coverage is a number from 0 to 100"),
        (["own", "--min-operands", "101"], 2, "--min-operands is a number from 0 to 100"),
        (["own", "--min-operands", "100"], 0, "coverage 42.8%"),
        (["own", "-k", "small", "--strict"], 2, "coverage cannot be judged on a part of the cases"),
        (["own", "-k", "SMALL"], 0, "1 case: 1 passed"),
        (["own", "-k", "large"], 2, 'no case has "large"'),
        (["nowhere"], 2, "nowhere: no such file or folder"),
        (["own/volume-size.yaml"], 2, "Its test is own/volume-size.test.yaml."),
        (["own", "--format", "juint"], 2, "--format"),
        (["own", "--output", "nowhere/report.xml"], 2, "the report cannot be written"),
    ],
)
def test_exit_codes(spendgate: Run, tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    write_folder(tmp_path / "own", PASSING)
    done = spendgate("test", *arguments, cwd=tmp_path)
    assert (done.returncode, says in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_one_broken_test_file_does_not_hide_the_others(spendgate: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING, WRONG)
    (tmp_path / "own" / "zz.test.yaml").write_text("cases: [", encoding="utf-8")
    done = spendgate("test", "own", cwd=tmp_path)
    assert done.returncode == 2
    assert "own/zz.test.yaml:1:9: YAML does not parse" in done.stderr
    assert "3 cases: 1 passed, 2 failed; 1 error" in done.stdout


def test_json_is_what_the_published_schema_says(spendgate: Run, tmp_path: Path) -> None:
    write_folder(tmp_path / "own", PASSING, WRONG)
    (tmp_path / "own" / "zz.test.yaml").write_text("cases: [", encoding="utf-8")
    done = spendgate("test", "own", "--format", "json", "--strict", cwd=tmp_path)
    report = json.loads(done.stdout)
    Draft202012Validator(schema("test")).validate(report)
    assert (report["result"], report["exit_code"], report["cases"]) == (
        "fail",
        2,
        {"total": 3, "passed": 1, "failed": 2},
    )
    near = report["outcomes"][2]["faults"][0]
    assert near["differences"] == [{"what": "message", "expected": 'one with "900"', "found": '"holds 500 GiB"'}]
    assert near["expected"]["location"]["line"] == 13
    assert report["shortfalls"] == ["volume-size has no unknown case (own/volume-size.yaml:3:18)"]


def test_junit_holds_every_case_failure_and_error_and_a_summary_is_shown(spendgate: Run, tmp_path: Path) -> None:
    message = GUARDRAIL.replace("' GiB'", r"'\\u0007 <&>'")
    write_folder(tmp_path / "own", PASSING, WRONG, guardrail=message)
    (tmp_path / "own" / "zz.test.yaml").write_text("cases: [", encoding="utf-8")
    done = spendgate("test", "own", "--format", "junit", "--output", "report.xml", "--strict", cwd=tmp_path)
    assert done.returncode == 2
    assert "3 cases: 1 passed, 2 failed" in done.stdout
    assert "\x07" not in done.stdout
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    cases = [(item.get("name"), [child.tag for child in item]) for item in root.iter("testcase")]
    assert cases[:3] == [("small passes", []), ("nothing is found", ["failure"]), ("near", ["failure"])]
    assert [tags for _, tags in cases[3:]] == [["failure"], ["error"]]
    first = root.find(".//failure")
    assert first is not None
    assert first.text is not None
    assert "holds 500\ufffd <&>" in first.text
    assert [item.get("line") for item in root.iter("testcase")][:3] == ["5", "8", "11"]


def test_watching_runs_again_when_a_file_changes_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", PASSING)
    command = [str(Path(sys.executable).with_name("spendgate")), "test", "own", "--watch"]
    said = tmp_path / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        try:
            _wait(said, "1 case: 1 passed", runs=1)
            write_folder(folder, PASSING, WRONG)
            _wait(said, "3 cases: 1 passed, 2 failed", runs=2)
            (folder / "volume-size.yaml").write_text("kind: Guardrail\nspec: [", encoding="utf-8")
            _wait(said, "YAML does not parse", runs=3)
            (folder / "new.test.yaml").write_text("cases: [", encoding="utf-8")
            _wait(said, "new.test.yaml:1:9", runs=4)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 2
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in said.read_text()


def _wait(said: Path, text: str, runs: int) -> None:
    """Until the text was said and as many runs have ended (a change during a run is seen after it)."""
    for _ in range(600):
        all_said = said.read_text()
        if text in all_said and all_said.count("waiting for changes") >= runs:
            return
        time.sleep(0.1)
    raise AssertionError(said.read_text())
