"""A real program of Azure's own SDK, from its declaration to priced lines and findings with file and line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tests.facts import sdk

PROGRAM = "tests/facts/programs/azure"


@pytest.fixture(scope="module")
def report(spendgate: Run) -> dict[str, Any]:
    if reason := sdk.missing("azure-native"):
        pytest.skip(reason)
    done = spendgate("check", PROGRAM, "--format", "json")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lines_of(report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [line for line in report["estimate"]["lines"] if line["resource"].endswith(f"::{name}")]


def test_every_type_is_understood(report: dict[str, Any]) -> None:
    assert report["unmapped"] == []


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("gpu", ["Standard_NC24ads_A100_v4"]),
        ("elsewhere", ["Standard_D4s_v5"]),
        ("fleet", ["Standard_NC8as_T4_v3"]),
        ("cluster", ["Standard_D4s_v5", "Standard_NC24ads_A100_v4", "aks.control_plane"]),
        ("pool", ["Standard_NC6s_v3"]),
        ("notebook", ["Standard_NC24ads_A100_v4"]),
        ("serving", ["Standard_NC24ads_A100_v4"]),
        ("data", ["disk.premium_lrs.p20"]),
    ],
)
def test_what_runs_and_what_stores_has_priced_lines(report: dict[str, Any], name: str, items: list[str]) -> None:
    lines = lines_of(report, name)
    assert [line["item"] for line in lines] == items
    priced = [line for line in lines if line["item"] != "aks.control_plane"]  # a fee with a public price in one region
    assert all(line["cost"]["monthly"]["expected"] > 0 for line in priced), lines


def test_a_disk_is_not_billed_by_the_gib(report: dict[str, Any]) -> None:
    (line,) = lines_of(report, "data")
    assert line["cost"]["monthly"]["expected"] == 73.22


def test_findings_name_the_line_of_the_program(report: dict[str, Any]) -> None:
    found = [finding for finding in report["findings"] if finding["guardrail"] == "approved-regions"]
    assert any("swedencentral" in finding["message"] for finding in found)
    assert all(finding["location"]["file"].endswith("azure/__main__.py") for finding in found)
