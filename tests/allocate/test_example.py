"""The examples of bills: what a program writes is what is there, their rules are tested, a README shows its output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from tests.conftest import ROOT, Run

EXAMPLE = ROOT / "examples" / "chargeback"
EXAMPLES = ("chargeback", "sample-bill")


def before_the_path(output: str) -> str:
    """What is told before it is said where the lines lie."""
    return output.partition("Every line with its owner")[0].rstrip()


def test_the_bill_and_the_tables_are_what_the_program_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLE / "make_bill.py"), str(tmp_path)], check=True, cwd=ROOT)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.csv")}
    there = {path.relative_to(EXAMPLE): path.read_bytes() for path in EXAMPLE.rglob("*.csv")}
    assert made == there


def test_the_program_takes_no_option_for_a_folder(tmp_path: Path) -> None:
    words = [sys.executable, str(EXAMPLE / "make_bill.py"), "--help"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "usage: make_bill.py" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_its_rules_are_tested(spendgate: Run, example: str) -> None:
    done = spendgate("test", f"examples/{example}", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_readme_shows_the_output_as_it_is(spendgate: Run, tmp_path: Path, example: str) -> None:
    readme = (ROOT / "examples" / example / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("\n```")[0] for block in readme.split("```console\n")[1:]]
    assert blocks
    for block in blocks:
        command, _, shown = block.replace("\\\n", "").partition("\n")
        words = [str(tmp_path / word) if word in ("march", "september") else word for word in command.split()[2:]]
        done = spendgate(*words, env={"COLUMNS": "110"})
        assert done.returncode == 0, done.stdout + done.stderr
        assert before_the_path(shown) == before_the_path(done.stdout)


def test_the_rules_and_the_test_that_the_docs_show_hold(spendgate: Run, tmp_path: Path) -> None:
    for page, behind, file in (
        ("allocation", "## Rules", "acme.yaml"),
        ("testing", "### Allocation rules", "acme.test.yaml"),
    ):
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").partition(f"\n{behind}\n")[2]
        (tmp_path / file).write_text(text.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    done = spendgate("test", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 case: 1 passed" in done.stdout
