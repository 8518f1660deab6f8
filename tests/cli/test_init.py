"""``spendgate init``: looks at a program, writes a starter, never over a file that is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from spendgate.yamlfile import read_yaml
from tests.conftest import Run

PROGRAM = """\
import pulumi_aws as aws
tags = {"Team": "nlp", "secret-sauce": "hush-hush"}
aws.ec2.Instance("trainer", ami="ami-1", instance_type="p4d.24xlarge", tags=tags)
aws.ec2.Instance("small", ami="ami-1", instance_type="g5.xlarge", tags=tags)
aws.s3.Bucket("data")
"""


def test_the_first_screen_tells_what_was_seen_and_what_comes_next(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM)
    done = spendgate("init", ".", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == ". demo, stack dev, 3 resources"
    assert "clouds aws (3)" in lines
    assert "kinds 2 machines, 1 bucket" in lines
    assert "accelerators A100 (up to 8), A10G (up to 1)" in lines
    assert "regions us-east-1 (3)" in lines
    assert "tags Team (2), secret-sauce (2), of 3 taggable" in lines
    assert any(line.startswith("spendgate check ") for line in lines)


def test_what_is_in_use_is_agreed_and_what_costs_is_left_to_decide(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    folder = project(PROGRAM)
    assert spendgate("init", folder).returncode == 0
    text = (folder / "spendgate.yaml").read_text(encoding="utf-8")
    data = read_yaml(folder / "spendgate.yaml").data
    assert data["guardrails"]["approved-regions"]["params"]["regions"] == ["us-east-1"]
    assert "Team" in data["guardrails"]["required-tags"]["params"]["required"]
    assert "A100" not in data["guardrails"]["gpu-approved-models"]["params"]["approved"]
    assert "hush-hush" not in text
    checked = json.loads(spendgate("check", folder, "--format", "json").stdout)
    found = {finding["guardrail"] for finding in checked["findings"]}
    assert {"gpu-approved-models", "required-tags", "monthly-stack-budget"} <= found
    assert "approved-regions" not in found


def test_a_file_that_is_there_is_left_as_it_is_unless_asked(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml="mine: true\n")
    done = spendgate("init", folder)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert (folder / "spendgate.yaml").read_text(encoding="utf-8") == "mine: true\n"
    printed = spendgate("init", folder, "--print")
    assert printed.returncode == 0
    assert (folder / "spendgate.yaml").read_text(encoding="utf-8") == "mine: true\n"
    assert spendgate("init", folder, "--force").returncode == 0
    assert (folder / "spendgate.yaml").read_text(encoding="utf-8") == printed.stdout


def test_a_broken_program_still_gets_a_starter_with_a_word_on_it(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project("raise ValueError('no such cluster')\n")
    done = spendgate("init", folder)
    assert done.returncode == 0
    assert "no such cluster" in done.stderr
    assert "could not be run to its end" in done.stdout
    text = (folder / "spendgate.yaml").read_text(encoding="utf-8")
    assert "# The program could not be run to its end when this was written" in text
    assert spendgate("config", "show", folder).returncode == 0


def test_what_held_until_now_is_told(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM, spendgate__yaml="apiVersion: spendgate.dev/v1\nkind: Config\n")
    inner = folder / "inner"
    inner.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (folder / name).rename(inner / name)
    done = spendgate("init", inner)
    assert done.returncode == 0
    assert f"instead of {folder / 'spendgate.yaml'}" in " ".join(done.stdout.split())


def test_a_path_stays_in_one_piece_to_be_copied(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(PROGRAM)
    long = folder / ("long" * 30)
    (long / "inner").mkdir(parents=True)
    (long / "spendgate.yaml").write_text("apiVersion: spendgate.dev/v1\nkind: Config\n", "utf-8")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (folder / name).rename(long / "inner" / name)
    done = spendgate("init", long / "inner")
    assert f" {long / 'spendgate.yaml'}," in done.stdout


def test_a_folder_that_is_no_project(spendgate: Run, tmp_path: Path) -> None:
    done = spendgate("init", tmp_path)
    assert done.returncode == 2
    assert "Pulumi.yaml" in done.stderr
    assert not (tmp_path / "spendgate.yaml").exists()


def test_accelerators_whose_number_nobody_bounds_are_named_without_one(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    pool = (
        "import pulumi_kubernetes as k8s\n"
        "k8s.apiextensions.CustomResource('gpu', api_version='karpenter.sh/v1', kind='NodePool', spec={'template': {'spec':"
        " {'requirements': [{'key': 'node.kubernetes.io/instance-type', 'operator': 'In', 'values': ['g6.xlarge']}]}}})\n"
    )
    said = spendgate("init", cwd=project(pool)).stdout
    assert "accelerators L4" in [" ".join(line.split()) for line in said.splitlines()]
