"""``spendgate config show``: every value that holds, and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spendgate import schemas
from tests.conftest import Run

HEAD = "apiVersion: spendgate.dev/v1\nkind: {}\n"
ORGANIZATION = """\
packs: [gpu-baseline]
guardrails:
  gpu-approved-models:
    locked: true
    params: {approved: [L4]}
environments:
  production: {stacks: [prod], locked: true}
prices: {maxAge: 90d}
"""
PROJECT = """\
organization: org.yaml
guardrails:
  required-tags:
    enforcement: advisory
budgets:
  exploration: {environments: [development], monthlyUsd: 1500}
environments:
  development:
    stacks: ["*"]
    guardrails:
      job-max-runtime: {params: {max_hours: 8}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project under an organisation file."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "org.yaml").write_text(HEAD.format("Organization") + ORGANIZATION, encoding="utf-8")
    (tmp_path / "spendgate.yaml").write_text(HEAD.format("Config") + PROJECT, encoding="utf-8")
    return tmp_path


def values(spendgate: Run, project: Path, *arguments: str) -> dict[str, tuple[object, str, str]]:
    """Value, layer and place of each key, from the JSON that its schema describes."""
    done = spendgate("config", "show", "--json", *arguments, cwd=project)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    Draft202012Validator(schemas.schema("config-show")).validate(shown)
    found = {}
    for item in shown["values"]:
        source = item["source"]
        place = f"{source['file']}:{source['line']}" if source["file"] else ""
        found[item["key"]] = (item["value"], source["layer"], place)
    return found


def test_each_value_tells_where_it_comes_from(spendgate: Run, project: Path) -> None:
    found = values(spendgate, project)
    assert found["organization"] == ("org.yaml", "project", "spendgate.yaml:3")
    assert found["packs.gpu-baseline"][1:] == ("organization", "org.yaml:3")
    assert found["environment"] == ("development", "project", "spendgate.yaml:11")
    assert found["environments.production.stacks"] == (["prod"], "organization", "org.yaml:9")
    assert found["prices.maxAge"] == ("90d", "organization", "org.yaml:10")
    assert found["guardrails.required-tags.selected"][:2] == (True, "pack")
    assert found["guardrails.required-tags.enforcement"] == ("advisory", "project", "spendgate.yaml:6")
    assert found["guardrails.job-max-runtime.params.max_hours"] == (8, "environment", "spendgate.yaml:13")
    assert found["guardrails.gpu-approved-models.params.approved"] == (["L4"], "organization", "org.yaml:7")
    assert found["guardrails.monthly-stack-budget.params.monthly_usd"] == (1500, "project", "spendgate.yaml:8")
    assert found["guardrails.gpu-count-per-resource.params.max"][1] == "built-in"


def test_another_stack_has_the_values_of_its_environment(spendgate: Run, project: Path) -> None:
    found = values(spendgate, project, "--stack", "prod", "guardrails")
    assert found["guardrails.job-max-runtime.params.max_hours"][:2] == (72, "built-in")
    assert found["guardrails.monthly-stack-budget.params.monthly_usd"][:2] == (5000, "built-in")


def test_a_reader_sees_value_and_source_on_one_line(spendgate: Run, project: Path) -> None:
    done = spendgate("config", "show", project)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == f"{project}, stack dev (environment development)"
    assert "required-tags advisory " + f"{project}/spendgate.yaml:6; by pack gpu-baseline" in lines
    assert f"approved L4 {project}/org.yaml:7 (organization), locked" in lines
    assert f"monthly_usd 1500 {project}/spendgate.yaml:8 (budget exploration)" in lines
    assert f"exploration.monthlyUsd 1,500 of development {project}/spendgate.yaml:8" in lines


def test_it_is_as_wide_as_the_terminal(spendgate: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    widths = []
    for columns in ("80", "120"):
        done = spendgate("config", "show", cwd=tmp_path, env={"COLUMNS": columns})
        widths.append(max(len(line) for line in done.stdout.splitlines() if line.startswith("  ")))
    assert widths[0] <= 80 < widths[1] <= 120
    # A key that is asked for has its value in full, however long it is.
    whole = spendgate("config", "show", "guardrails.approved-regions", cwd=tmp_path, env={"COLUMNS": "80"})
    assert "westus3, westeurope  built-in" in whole.stdout


def test_a_key_shows_its_value_in_full(spendgate: Run, project: Path) -> None:
    done = spendgate("config", "show", ".", "guardrails.approved-regions", "--stack", "dev", cwd=project)
    assert "westus3, westeurope" in done.stdout
    assert "required-tags" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["guardrials"], 'no setting "guardrials" holds here\ndid you mean "guardrails"?'),
        (["guardrails.required-tag"], 'did you mean "guardrails.required-tags"?'),
        (["./nowhere"], "no such folder"),
        (["a", "b", "c"], "takes a folder and a key"),
    ],
)
def test_what_there_is_not_is_told(spendgate: Run, project: Path, arguments: list[str], says: str) -> None:
    done = spendgate("config", "show", *arguments, cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_weakened_lock_is_told_here_too(spendgate: Run, project: Path) -> None:
    with (project / "spendgate.yaml").open("a") as file:
        file.write("      gpu-approved-models: {enforcement: disabled}\n")
    done = spendgate("config", "show", cwd=project)
    assert done.returncode == 2
    assert 'spendgate.yaml:14:29: the level of "gpu-approved-models" is locked by the organisation' in done.stderr
