"""``check`` judges what patches at level ``remediate`` leave, and with ``--as-declared`` the program as it is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spendgate.schemas import schema
from tests.conftest import Run

PROGRAM = """
import pulumi
import pulumi_aws as aws

aws.ebs.Volume(
    "scratch",
    availability_zone="us-east-1a",
    size=10,
    type="gp2",
    region="us-east-1",
    tags={"team": "nlp", "note": pulumi.Output.secret("s3cr3t")},
)
"""
SETTINGS = """\
apiVersion: spendgate.dev/v1
kind: Config
guardrails:
  required-tags: {enforcement: remediate, params: {required: [team, owner, project], defaults: {owner: platform}}}
  volume-current-generation: {enforcement: remediate}
  unattached-volume: {enforcement: disabled}
"""


@pytest.fixture
def folder(project: Callable[..., Path]) -> Path:
    return project(PROGRAM, spendgate__yaml=SETTINGS)


def test_what_is_patched_passes_and_is_shown_as_a_diff(spendgate: Run, folder: Path) -> None:
    done = spendgate("check", ".", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ('- type: "gp2"', '+ type: "gp3"', '+ tags.owner: "platform"', "2 patched", "__main__.py:5"):
        assert line in done.stdout
    assert "s3cr3t" not in done.stdout


def test_as_declared_the_same_is_refused_with_the_patch_proposed(spendgate: Run, folder: Path) -> None:
    done = spendgate("check", folder, "--as-declared", "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    Draft202012Validator(schema("check")).validate(report)
    refused = [item["guardrail"] for item in report["findings"]]
    assert sorted(refused) == ["required-tags", "volume-current-generation"]
    assert {item["not_patched"] for item in report["findings"]} == {"the program is judged as it is declared"}
    assert [item["applied"] for item in report["patches"]] == [False, False]
    assert "s3cr3t" not in done.stdout


def test_the_explanation_of_a_guardrail_says_what_it_sets(spendgate: Run) -> None:
    done = spendgate("guardrails", "incomplete-uploads-expire")
    assert "At level remediate it sets:\n  lifecycleRules[+] of gcp:storage/bucket:Bucket" in done.stdout


@pytest.mark.parametrize("flags", [(), ("--as-declared",)])
def test_a_patch_names_its_place_as_findings_do_relative_to_where_check_runs(
    spendgate: Run, folder: Path, flags: tuple[str, ...]
) -> None:
    (folder / "spendgate.yaml").write_text(SETTINGS.replace("{enforcement: disabled}", "{}"), encoding="utf-8")
    done = spendgate("check", folder.name, *flags, "--format", "json", cwd=folder.parent)
    report = json.loads(done.stdout)
    here = {"file": f"{folder.name}/__main__.py", "line": 5}
    assert [item["location"] for item in report["patches"]] == [here, here]
    assert [item["location"]["file"] for item in report["findings"]] == [here["file"]] * len(report["findings"])
    assert report["findings"]
