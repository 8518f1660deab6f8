"""Reports that a configuration wants written beside the one that is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

DISK = "aws:ebs/volume:Volume"
URN = f"urn:pulumi:dev::demo::{DISK}::disk"
EXPORT = {
    "version": 3,
    "deployment": {"resources": [{"urn": URN, "type": DISK, "custom": True, "inputs": {"size": 10}}]},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stack.json").write_text(json.dumps(EXPORT), encoding="utf-8")
    return tmp_path


def configure(project: Path, reports: str) -> None:
    text = f"apiVersion: spendgate.dev/v1\nkind: Config\nreports: {reports}\n"
    (project / "spendgate.yaml").write_text(text, encoding="utf-8")


def test_configured_reports_are_written_beside_the_one_that_is_shown(spendgate: Run, project: Path) -> None:
    configure(project, "[{format: json, output: out/cost.json}, {format: markdown, output: cost.md}]")
    done = spendgate("check", "stack.json", cwd=project)
    assert done.returncode == 1, done.stderr
    assert "10 GiB" in done.stdout
    assert json.loads((project / "out/cost.json").read_text("utf-8"))["verdict"] == "fail"
    assert "10 GiB" in (project / "cost.md").read_text("utf-8")


@pytest.mark.parametrize("output", ["/tmp/elsewhere.md", "../elsewhere.md"])
def test_a_report_outside_the_working_directory_is_refused(spendgate: Run, project: Path, output: str) -> None:
    configure(project, f"[{{format: markdown, output: {output}}}]")
    done = spendgate("check", "stack.json", cwd=project)
    assert done.returncode == 2
    assert "spendgate.yaml:3:" in done.stderr
    assert "below the folder in which the command runs" in done.stderr


@pytest.mark.parametrize("link", ["cost.md", "out"])
def test_a_report_is_not_written_where_a_link_leads(spendgate: Run, project: Path, link: str) -> None:
    inside = project / "inside"
    inside.mkdir()
    (project / "profile").write_text("mine", encoding="utf-8")
    (project / "stack.json").rename(inside / "stack.json")
    configure(inside, "[{format: markdown, output: out/cost.md}, {format: markdown, output: cost.md}]")
    (inside / link).symlink_to("../profile" if link == "cost.md" else "..")
    done = spendgate("check", "stack.json", cwd=inside)
    assert done.returncode == 2
    assert "cost.md: leads out of the folder in which the command runs" in done.stderr
    assert ((project / "profile").read_text("utf-8"), (project / "cost.md").exists()) == ("mine", False)


@pytest.mark.parametrize("format", ["terminal", "json", "markdown"])
def test_a_report_in_a_file_leaves_its_verdict_on_the_terminal(spendgate: Run, project: Path, format: str) -> None:
    shown = spendgate("check", "stack.json", cwd=project, env={"COLUMNS": "140"}).stdout.splitlines()[-1]
    done = spendgate("check", "stack.json", "--format", format, "--output", "report", cwd=project)
    assert done.stdout == f"{shown}\nthe report is in report\n"
    assert "10 GiB" in (project / "report").read_text("utf-8") or format == "json"


def test_a_report_is_not_written_over_what_is_read(spendgate: Run, project: Path) -> None:
    (project / "link.json").symlink_to("stack.json")
    for output in ("stack.json", "link.json"):
        done = spendgate("check", "stack.json", "--format", "json", "--output", output, cwd=project)
        assert done.returncode == 2
        assert f"{output}: --output would write over stack.json, which is read" in done.stderr
    assert json.loads((project / "stack.json").read_text("utf-8")) == EXPORT
