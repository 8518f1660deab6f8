"""Every example is a real program: each runs, and gives the verdict its README states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from spendgate.schemas import schema
from tests.conftest import ROOT, Run

PACKS = sorted(path.parent.name for path in (ROOT / "packs").glob("*/pack.yaml"))

EXAMPLES = {
    "llm-training": 1,
    "llm-training-fixed": 0,
    "gke-inference": 0,
    "fine-tuning-platform": 0,
    "fine-tuning-run": 0,
    "rag-service": 0,
    "research-sandbox": 0,
}


@pytest.fixture(scope="module")
def reports(spendgate: Run) -> dict[str, dict[str, Any]]:
    results = {}
    for name, code in EXAMPLES.items():
        done = spendgate("check", f"examples/{name}", "--format", "json")
        assert done.returncode == code, done.stdout[-3000:] + done.stderr
        results[name] = json.loads(done.stdout)
    return results


def test_every_folder_of_examples_is_tested() -> None:
    # Those in TypeScript need the CLI: tests/components/test_cli.py previews them.
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/__main__.py")}
    assert folders == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_json_report_obeys_its_published_schema(name: str, reports: dict[str, dict[str, Any]]) -> None:
    Draft202012Validator(schema("check")).validate(reports[name])


def test_the_refused_example_breaks_at_least_six_guardrails_each_with_file_and_line(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["llm-training"]
    assert report["verdict"] == "fail"
    broken = {finding["guardrail"] for finding in report["findings"] if finding["enforcement"] == "mandatory"}
    assert len(broken) >= 6, broken
    program = (ROOT / "examples/llm-training/__main__.py").read_text(encoding="utf-8").splitlines()
    for finding in report["findings"]:
        location = finding["location"]
        assert (ROOT / location["file"]).is_file()
        if location["file"].endswith("__main__.py"):
            # The line is the one that declares the resource: its statement starts there or holds its name.
            statement = "\n".join(program[location["line"] - 1 : location["line"] + 1])
            assert finding["resource"]["name"].split("-")[0] in statement or "training" in statement
    assert report["estimate"]["totals"]["monthly"]["expected"] > 50_000


def test_the_repaired_example_passes_within_its_budget(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["llm-training-fixed"]
    assert report["verdict"] == "pass"
    assert not [finding for finding in report["findings"] if finding["status"] == "violation"]
    assert 0 < report["estimate"]["totals"]["monthly"]["expected"] <= 2500


def test_the_platform_costs_what_its_readme_says(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["fine-tuning-platform"]
    assert not report["findings"]
    readme = (ROOT / "examples/fine-tuning-platform/README.md").read_text(encoding="utf-8")
    told = report["estimate"]["totals"]["monthly"]
    for words, bound in (("Expected ${}", "expected"), ("At least ${}", "low"), ("at most ${}", "high")):
        assert words.format(f"{told[bound]:,.2f}") in readme
    lines = report["estimate"]["lines"]
    by_item: dict[str, float] = {}
    for line in lines:
        if line["cost"]:
            item = line["quote"]["item"]
            by_item[item] = by_item.get(item, 0.0) + line["cost"]["monthly"]["expected"]
    assert len(by_item) == 5
    for item, cost in by_item.items():
        assert f"${cost:,.2f}" in readme, item
    assert f"{report['inputs'][0]['resources']} resources" in readme


@pytest.mark.parametrize("name", ["rag-service", "research-sandbox"])
def test_each_line_of_the_month_is_in_the_readme(name: str, reports: dict[str, dict[str, Any]]) -> None:
    report = reports[name]
    assert not report["findings"]
    readme = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
    told = report["estimate"]["totals"]["monthly"]
    figures = {told[bound] for bound in ("low", "expected", "high")}
    figures |= {line["cost"]["monthly"]["expected"] for line in report["estimate"]["lines"]}
    for figure in figures:
        assert f"${figure:,.2f}" in readme, figure
    assert f"{report['inputs'][0]['resources']} resources" in readme


def test_what_the_sandbox_saves_is_what_its_readme_says(reports: dict[str, dict[str, Any]]) -> None:
    machine = next(line for line in reports["research-sandbox"]["estimate"]["lines"] if line["item"] == "g5.xlarge")
    saved = machine["cost"]["hourly"]["expected"] * 730 * (1 - 45 / 168)
    assert f"${saved:,.2f} more" in (ROOT / "examples/research-sandbox/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["rag-service", "research-sandbox"])
def test_both_pass_every_pack(name: str, spendgate: Run) -> None:
    packs = [word for pack in PACKS for word in ("--pack", pack)]
    done = spendgate("check", f"examples/{name}", *packs, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["findings"] == []


def test_the_platform_passes_every_pack(spendgate: Run) -> None:
    packs = [word for name in PACKS for word in ("--pack", name)]
    done = spendgate("check", "examples/fine-tuning-platform", *packs, "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["findings"] == []


def test_totals_are_the_sum_of_the_lines(reports: dict[str, dict[str, Any]]) -> None:
    for report in reports.values():
        for period in ("hourly", "daily", "monthly"):
            for bound in ("low", "expected", "high"):
                total = sum(line["cost"][period][bound] for line in report["estimate"]["lines"] if line["cost"])
                assert report["estimate"]["totals"][period][bound] == pytest.approx(total, abs=1e-9)


def test_no_line_shows_a_missing_price_as_nothing(reports: dict[str, dict[str, Any]]) -> None:
    for report in reports.values():
        for line in report["estimate"]["lines"]:
            quote = line["quote"]
            assert (quote["amount"] is None) == (quote["reason"] is not None)
            assert quote["amount"] is None or (quote["source"] and quote["as_of"])


def test_pods_are_not_paid_twice(reports: dict[str, dict[str, Any]]) -> None:
    lines = {line["resource"].rsplit("::", 1)[-1]: line for line in reports["gke-inference"]["estimate"]["lines"]}
    assert lines["server"]["quote"]["reason"] == "paid_by_nodes"
    assert lines["l4"]["cost"]["monthly"]["expected"] > 0


def test_the_repository_is_its_own_first_example(spendgate: Run) -> None:
    done = spendgate("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


def test_several_projects_are_one_report_and_a_broken_one_does_not_sink_the_rest(
    spendgate: Run, tmp_path: Path
) -> None:
    done = spendgate("check", "examples/llm-training-fixed", tmp_path, "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 2
    assert report["verdict"] == "fail"
    assert [bool(item["error"]) for item in report["inputs"]] == [False, True]
    assert report["estimate"]["lines"]


def test_each_example_has_a_short_readme() -> None:
    for name in EXAMPLES:
        lines = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8").splitlines()
        assert 5 <= len(lines) <= 20


def test_the_readme_shows_the_output_as_it_is(spendgate: Run) -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("$ spendgate check examples/llm-training\n")[1]
    shown = shown.split("\n```")[0].replace("$ echo $?\n1", "")
    output = spendgate("check", "examples/llm-training", env={"COLUMNS": "110"}).stdout
    for line in shown.splitlines():
        assert line in output or "seven more guardrails" in line, line
    broken = [line for line in output.splitlines() if line.startswith("  ✗")]
    assert len(broken) == shown.count("✗") + 7
