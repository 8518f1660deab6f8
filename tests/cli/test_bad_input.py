"""What bad input gets: one or two lines with what, where and what to do; exit 2; never a traceback of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run

BUCKET = "import pulumi_aws as aws\naws.s3.Bucket('data')\n"
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"


def refused(spendgate: Run, *arguments: str | Path) -> str:
    """Run, demand exit 2 and no traceback of ours, and give back everything it said."""
    done = spendgate(*arguments)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "spendgate/" not in said.replace("spendgate/policies", ""), said
    assert "Traceback" not in said or "__main__.py" in said, said
    return said


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("guardrails: {gpu-aproved-models: {}}", ':3:14: no guardrail "gpu-aproved-models"|did you mean "gpu-approved-models"?'),
        ("guardrails: {gpu-approved-models: {params: {aproved: [L4]}}}", 'has no parameter "aproved"|did you mean "approved"?'),
        ("guardrails: {gpu-approved-models: {params: {approved: L4}}}", "'L4' is not of type 'array'"),
        ("guardrails: {gpu-approved-models: {enforcement: mandatry}}", 'did you mean "mandatory"?'),
        ("packs: [gpu-basline]", ':3:9: no pack "gpu-basline"|did you mean "gpu-baseline"?'),
        ("guardrail: {}", 'unknown key "guardrail"|did you mean "guardrails"?'),
        ("policies: [./nowhere]", "no such folder of guardrails"),
        ("packs: [", ":4:1: YAML does not parse"),
    ],
)  # fmt: skip
def test_a_mistake_in_spendgate_yaml_is_told_with_its_place(
    spendgate: Run, project: Callable[..., Path], yaml: str, says: str
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}{yaml}\n")
    said = refused(spendgate, "check", folder)
    for part in ("spendgate.yaml", *says.split("|")):
        assert part in said


def test_a_guardrail_of_the_project_with_wrong_cel_is_told_with_its_place(
    spendgate: Run, project: Callable[..., Path]
) -> None:
    folder = project(BUCKET, spendgate__yaml=f"{CONFIG}policies: [own]\nguardrails: {{mine: {{}}}}\n")
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Guardrail\n"
        "metadata: {name: mine, title: T, category: own, severity: low, description: D}\n"
        "spec:\n  target: resource\n  enforcement: mandatory\n  onUnknown: deny\n  remediation: R\n"
        "  validations:\n    - {expression: facts.kind > 3, message: M}\n",
        encoding="utf-8",
    )
    said = refused(spendgate, "check", folder)
    assert "mine.yaml:10:31: CEL: > does not work on (string, int)" in said
    assert "^" in said


def test_a_folder_that_is_no_program(spendgate: Run, tmp_path: Path) -> None:
    said = refused(spendgate, "check", tmp_path)
    assert "Pulumi.yaml" in said


def test_a_folder_that_does_not_exist(spendgate: Run, tmp_path: Path) -> None:
    assert "no such folder" in refused(spendgate, "check", tmp_path / "nowhere")


def test_an_empty_program(spendgate: Run, project: Callable[..., Path]) -> None:
    assert "declares no resources" in refused(spendgate, "check", project("import pulumi\n"))


def test_a_program_that_imports_what_is_not_installed(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project("import pulumi_azure_native\n", requirements__txt="pulumi\npulumi-azure-native\n")
    said = refused(spendgate, "check", folder)
    assert "pulumi_azure_native" in said
    assert "requirements.txt" in said


def test_a_program_that_raises_shows_its_own_traceback(spendgate: Run, project: Callable[..., Path]) -> None:
    said = refused(spendgate, "check", project("def boom():\n    raise ValueError('no such cluster')\n\nboom()\n"))
    assert "ValueError: no such cluster" in said
    assert "__main__.py" in said


def test_a_broken_pulumi_yaml(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET)
    (folder / "Pulumi.yaml").write_text("name: [demo\nruntime: python\n", encoding="utf-8")
    assert "Pulumi.yaml:2:" in refused(spendgate, "check", folder)


def test_every_missing_configuration_key_is_named(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project("import pulumi\nc = pulumi.Config()\nc.require('nodes')\nc.require_int('size')\n" + BUCKET)
    said = refused(spendgate, "check", folder)
    assert "demo:nodes" in said
    assert "demo:size" in said
    assert "--config" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chekc",), 'did you mean "check"?'),
        (("check", "--fromat", "json"), "--fromat"),
        (("check", "--config", "nodes"), "key=value"),
        (("check", "--timeout", "0"), "--timeout"),
        (("price",), "TYPE"),
        (("price", "g6e.12xlrge"), 'did you mean "g6e.12xlarge"?'),
        (("price", "g5.xlarge", "--region", "us-esat-1"), 'did you mean "us-east-1"?'),
        (("price", "g5.xlarge", "--count", "-1"), "count"),
        (("price", "g5.xlarge", "--hours", "many"), "hours"),
        (("guardrails", "gpu-prised"), 'did you mean "gpu-priced"?'),
        (("schema", "guardrial"), "guardrial"),
    ],
)
def test_wrong_usage_says_what_is_meant(spendgate: Run, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(spendgate, *arguments)


def test_a_report_that_cannot_be_written(spendgate: Run, project: Callable[..., Path]) -> None:
    folder = project(BUCKET)
    assert "cannot be written" in refused(spendgate, "check", folder, "--output", folder / "no" / "report.md")
