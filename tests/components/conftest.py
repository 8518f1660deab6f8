"""Programs of components, put through all packs: every guardrail of every pack is mandatory, and nothing is waived."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from spendgate.checking import check_directory
from spendgate.shipped import packs_dir
from spendgate.verdict import Checked, Finding

PACKS = sorted(folder.parent.name for folder in packs_dir().glob("*/pack.yaml"))

TAGS = """
import pulumi
from spendgate_components import *
tags = WorkloadTags(project="llm", team="nlp", owner="nlp@example.com", environment="dev", cost_center="cc-4711")
"""

OUTSIDE = ("AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_REGION", "GOOGLE_ZONE", "PULUMI_STACK")

CheckProgram = Callable[..., Checked]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def check(tmp_path: Path) -> CheckProgram:
    """Run a program of components through ``spendgate check`` with all packs."""

    def run(program: str, *, stack: str = "dev", settings: str = "") -> Checked:
        (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
        packs = f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: [{', '.join(PACKS)}]\n"
        environments = 'environments:\n  production: {stacks: [prod]}\n  development: {stacks: ["*"]}\n'
        (tmp_path / "spendgate.yaml").write_text(packs + environments + dedent(settings), encoding="utf-8")
        (tmp_path / "__main__.py").write_text(TAGS + dedent(program), encoding="utf-8")
        return check_directory(tmp_path, stack=stack)

    return run


def objections(checked: Checked) -> list[Finding]:
    """What any guardrail says, advisory ones as well: with all of them at mandatory, each of these would deny."""
    return [finding for finding in checked.findings if str(finding.status) != "waived"]


def message(finding: Finding) -> str:
    return f"{finding.guardrail}: {finding.name} {finding.message}"
