"""Tests of allocation rules: run through the allocation itself, told both ways, and held to cover the rules."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from jsonschema import Draft202012Validator

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.cli import main
from spendgate.schemas import schema
from spendgate.shipped import policies_dir

RULES = """\
apiVersion: spendgate.dev/v1
kind: AllocationRules
metadata: {name: own}
drivers:
  hours: {unit: GPU-hours, value: row.hours}
rules:
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
  - name: pool
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: tags.cluster // as the driver names it
    driver: hours
    idle: to_platform
    platform: {team: platform}
"""

HEAD = """\
apiVersion: spendgate.dev/v1
kind: AllocationTest
rules: own
cases:
"""

TEAM = """\
  - name: a team's line is its own
    lines: [{BilledCost: 0.1, Tags: {team: nlp}}, {id: left, BilledCost: 2}]
    expect:
      - {line: 1, team: nlp, rule: team, layer: direct, cost: 0.1, share: 1, idle: false}
      - {line: left, layer: unallocated, rule: null, reason: no rule}
"""

POOL = """\
  - name: a pool is split by its own use alone
    lines: [{id: c, BilledCost: 90, ServiceName: Kubernetes, Tags: {cluster: a}}]
    drivers:
      hours:
        - {date: 2026-03-01, pool: a, team: nlp, hours: 2}
        - {date: 2026-03-01, pool: a, team: vision, hours: 1}
        - {date: 2026-03-01, pool: a, capacity: 4}
    disputes: [{name: node, match: tags.cluster == "a"}]
    expect:
      - {line: c, team: nlp, share: 0.5, cost: 45, pool: a, driver: hours, dispute: node}
      - {line: c, team: vision, share: 0.25, cost: 22.5}
      - {line: c, team: platform, idle: true, cost: 22.5}
  - name: the same pool of another case has another use
    lines: [{BilledCost: 9, ServiceName: Kubernetes, Tags: {cluster: a}}, {BilledCost: 1, ServiceName: Kubernetes}]
    drivers: {hours: [{date: 2026-03-01, pool: a, team: speech, hours: 1}]}
    expect:
      - {line: 1, team: speech, cost: 9, dispute: null}
      - {line: 2, layer: unallocated, reason: names no pool}
  - name: without rows nobody pays
    lines: [{BilledCost: 9, ServiceName: Kubernetes, Tags: {cluster: a}, BillingCurrency: EUR}]
    expect: [{line: 1, layer: unallocated, rule: pool}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "who").mkdir()
    (tmp_path / "who" / "own.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path / "who"


def bench(folder: Path, cases: str, *words: str) -> int:
    (folder / "own.test.yaml").write_text(HEAD + cases, encoding="utf-8")
    return main(["test", "who", *words])


def report(folder: Path, cases: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    bench(folder, cases, "--format", "json", "--strict")
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema("test")).validate(loaded)
    return loaded


def test_cases_of_one_file_do_not_see_each_others_pools_and_disputes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(folder, TEAM + POOL, "--strict") == 0
    assert "1 file of allocation rules; 4 cases: 4 passed, 0 failed; coverage 100%" in capsys.readouterr().out


def test_a_share_that_is_missing_and_one_too_much_are_told_with_what_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = TEAM.replace("team: nlp, rule: team", "team: vision, rule: team").replace(
        "      - {line: left, layer: unallocated, rule: null, reason: no rule}\n", ""
    )
    outcome = report(folder, wrong, capsys)["outcomes"][0]
    assert (outcome["kind"], outcome["guardrail"], outcome["result"]) == ("allocation", "own", "fail")
    first, second = outcome["faults"]
    assert "expected, but missing: line 1, team vision, rule team" in first["text"]
    assert first["differences"] == [{"what": "team", "expected": "vision", "found": "nlp"}]
    assert second["text"].startswith("not expected: line left, layer unallocated, share 1, cost 2, reason no rule")


def test_a_cost_is_held_to_the_decimals_that_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(folder, TEAM.replace("cost: 0.1,", "cost: 0.11,")) == 1
    assert "cost: expected 0.11, found 0.1" in capsys.readouterr().out


def test_coverage_names_the_rule_that_no_case_reached_and_the_match_that_was_never_false(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = "  - {name: one, lines: [{BilledCost: 1, Tags: {team: a}}], expect: [{line: 1, team: a}]}\n"
    loaded = report(folder, only, capsys)
    assert loaded["exit_code"] == 1
    assert [gap["text"] for gap in loaded["coverage"][0]["gaps"]] == [
        'match of rule "team" was never false: has(tags.team)',
        'rule "pool" decided no line: line.ServiceName == "Kubernetes"',
        'match of rule "pool" was never false: line.ServiceName == "Kubernetes"',
    ]
    assert loaded["shortfalls"][0].startswith('own: match of rule "team" was never false')


def test_rules_without_a_test_beside_tested_ones_fall_short(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text(RULES.replace("name: own", "name: other"), encoding="utf-8")
    loaded = report(folder, TEAM + POOL, capsys)
    assert loaded["exit_code"] == 1
    assert "no test lies beside it: other.test.yaml" in loaded["shortfalls"][0]


def test_junit_has_a_suite_for_each_file_of_rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench(folder, TEAM + POOL, "--format", "junit")
    suite = Xml.fromstring(capsys.readouterr().out).find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("own", "4", "0")


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        (TEAM.replace("rule: team", "rule: teem"), 'no rule "teem"'),
        (TEAM.replace("line: left", "line: lift"), 'did you mean "left"?'),
        (TEAM.replace("BilledCost: 2", "BiledCost: 2"), 'did you mean "BilledCost"?'),
        (TEAM + "    drivers: {hour: []}\n", 'did you mean "hours"?'),
        (TEAM.replace("BilledCost: 2", "BilledCost: two"), 'case "a team\'s line is its own": 1 of 2 lines'),
        (TEAM.replace("layer: unallocated", "layer: none"), "unallocated"),
        (TEAM.replace("BilledCost: 2", "BilledCost: {a: 2}"), "BilledCost is a map"),
        (POOL.replace('match: tags.cluster == "a"', "match: tags.cluster ="), "own.test.yaml:12:36"),
        (TEAM.replace("id: left", 'id: "1"'), 'two lines are named "1"'),
    ],
)
def test_what_is_wrong_in_a_test_is_an_error_with_its_place(
    folder: Path, cases: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(folder, cases) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert "own.test.yaml:" in printed.err
    assert "Traceback" not in printed.err


def test_one_case_that_cannot_be_allocated_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "  - {name: bad, lines: [{BilledCost: two}], expect: []}\n"
    assert bench(folder, TEAM + bad + POOL) == 2
    assert "4 cases: 4 passed, 0 failed; 1 error" in capsys.readouterr().out


def test_where_duckdb_is_not_installed_the_shipped_tests_are_skipped_and_own_ones_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("spendgate.bench.allocations.find_spec", lambda name: None if name == "duckdb" else found(name))
    assert bench(folder, TEAM) == 2
    assert "pip install 'spendgate[allocate]'" in capsys.readouterr().err
    assert main(["test", "--shipped", "-k", "by-tags", "-k", "gpu-priced", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == [
        "tests of allocation rules are skipped: DuckDB and Ibis are not installed here "
        "(pip install 'spendgate[allocate]')"
    ]
    assert main(["test", str(policies_dir() / "allocation")]) == 2
    assert "tests of allocation rules are skipped" in capsys.readouterr().err
