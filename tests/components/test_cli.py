"""Examples of components with the real CLI and a pack; provider plugins stand in for the clouds'.

Python programs import the components; the one in TypeScript gets them from the component provider, over gRPC, through an
SDK that the CLI generates from the schema.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spendgate.checking import check_directory
from spendgate_components.provider import schema
from tests.conftest import ROOT
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

pytestmark = [pytest.mark.cli, pytest.mark.usefixtures("pulumi_cli")]

PACK = ROOT / "packs" / "gpu-baseline"
PYTHON = sorted(
    program.parent.name
    for program in (ROOT / "examples").glob("*/__main__.py")
    if "spendgate_components" in program.read_text(encoding="utf-8")
)
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40[34]")
"""What npm says where there is no registry to ask."""

needs_node = pytest.mark.skipif(
    not all(shutil.which(one) for one in ("pulumi-language-nodejs", "node", "npm")),
    reason="Pulumi's Node.js host (pulumi-language-nodejs), node or npm is not on PATH",
)


def pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pulumi", "--non-interactive", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


def preview(folder: Path) -> str:
    """What a preview with the pack says. It has to pass."""
    made = pulumi(folder, "stack", "init", "dev")
    assert made.returncode == 0, made.stderr
    done = pulumi(folder, "preview", "--stack", "dev", "--policy-pack", str(PACK))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[mandatory]" not in done.stdout
    return done.stdout


def copied(name: str, folder: Path) -> Path:
    kept = shutil.ignore_patterns("node_modules", "sdks", "__pycache__", "bin")
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name, ignore=kept))


@pytest.mark.parametrize("name", PYTHON)
def test_an_example_passes_the_pack_in_a_preview_at_the_cost_that_check_finds(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    shown = preview(folder)
    monthly = check_directory(folder, stack="dev").estimate.total.monthly
    assert f"${monthly.expected:,.2f} a month" in shown


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: dict[str, str]) -> Path:
    """The example with its SDK and packages, and the component provider where the engine finds plugins."""
    plugin = Path(pulumi_cli["PULUMI_HOME"]).parent / "plugins" / "pulumi-resource-spendgate"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "components")])
    plugin.write_text(
        f'#!/bin/sh\nPYTHONPATH="{paths}" exec "{sys.executable}" "{ROOT / "components"}" "$@"\n', encoding="utf-8"
    )
    plugin.chmod(0o755)
    folder = copied("typescript-node-pool", tmp_path_factory.mktemp("typescript"))
    (folder / "schema.json").write_text(json.dumps(schema()), encoding="utf-8")
    added = pulumi(folder, "package", "add", "./schema.json")
    if added.returncode != 0 and UNREACHABLE.search(added.stdout + added.stderr):
        pytest.skip("npm reaches no registry")
    assert added.returncode == 0, added.stdout + added.stderr
    return folder


@needs_node
def test_a_program_in_typescript_gets_the_components_and_passes_the_pack(typescript: Path) -> None:
    checked = subprocess.run(["npx", "tsc", "--noEmit"], cwd=typescript, capture_output=True, text=True, timeout=300)
    assert checked.returncode == 0, checked.stdout
    shown = preview(typescript)
    for child in ("train-template", "train-spot", "checkpoints-bucket", "ranker-job"):
        assert f" {child} create" in shown
    # What the provider told of its pool is what the pack finds of its children.
    monthly = re.search(r"monthly\s*: \{\s*expected: ([\d.]+)\s*high\s*: ([\d.]+)", shown)
    assert monthly is not None, shown
    expected, high = (f"{float(one):,.2f}" for one in monthly.groups())
    assert f"${expected} a month ($0.00 – ${high})" in shown
    assert "g6.xlarge with 1 × L4 24 GiB in us-west-2" in shown


@needs_node
def test_nonsense_from_typescript_is_refused_with_what_to_write_instead(typescript: Path) -> None:
    program = typescript / "index.ts"
    before = program.read_text(encoding="utf-8")
    try:
        program.write_text(before.replace("maxMonthlyCost: 3000", "maxMonthlyCost: 30"), encoding="utf-8")
        pulumi(typescript, "stack", "init", "refused")
        done = pulumi(typescript, "preview", "--stack", "refused", "--config", "aws:region=us-west-2",
                      "--config", "cluster=c", "--config", "nodeRoleArn=arn:r", "--config", 'subnetIds=["s"]')  # fmt: skip
    finally:
        program.write_text(before, encoding="utf-8")
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "max_monthly_cost is $30.00" in shown
    assert 'name an approval: approval="FIN-42"' in shown
    assert "Traceback" not in shown
    assert 'File "' not in shown
    assert "train-spot" not in shown
