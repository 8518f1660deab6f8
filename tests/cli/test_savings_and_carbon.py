"""``check --savings --carbon`` from the command line: shown when asked for, and without a say in the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from jsonschema import Draft202012Validator

from spendgate.schemas import schema
from tests.conftest import Run

PROGRAM = """
import pulumi_aws as aws
aws.ec2.Instance("gpu", instance_type="g5.xlarge", ami="ami-1", region="eu-central-1")
"""
SETTINGS = "apiVersion: spendgate.dev/v1\nkind: Config\n"


def test_both_are_shown_when_asked_for_and_change_no_verdict(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml=SETTINGS)
    plain, asked = spendgate("check", folder), spendgate("check", folder, "--savings", "--carbon")
    assert plain.returncode == asked.returncode
    assert "cheaper ways that the guardrails allow" in asked.stdout
    assert "instead of eu-central-1" in asked.stdout
    assert "kg CO2e" in asked.stdout
    assert "cheaper ways" not in plain.stdout
    assert "CO2e" not in plain.stdout


def test_the_json_output_obeys_the_published_schema(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml=SETTINGS)
    done = spendgate("check", folder, "--savings", "--carbon", "--format", "json")
    report = json.loads(done.stdout)
    Draft202012Validator(schema("check")).validate(report)
    assert report["savings"]
    assert report["estimate"]["carbon"]["kg_co2e"]["expected"] > 0


def test_prices_older_than_the_project_allows_are_not_offered(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml=f"{SETTINGS}prices: {{maxAge: 1d}}\n")
    done = spendgate("check", folder, "--savings")
    assert "no cheaper way was found" in done.stdout
