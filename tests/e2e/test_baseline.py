"""A change is held against the estimate before it: `check --baseline`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Run

SETTINGS = """\
apiVersion: spendgate.dev/v1
kind: Config
packs: [cost-gate]
"""
PROGRAM = """\
import pulumi_aws as aws
for n in range(%d):
    aws.ec2.Instance(f'i{n}', ami='ami-1', instance_type='g5.xlarge')
"""


def test_growth_is_measured_against_an_earlier_report(
    spendgate: Run, project: Callable[..., Path], tmp_path: Path
) -> None:
    folder = project(PROGRAM % 1, spendgate__yaml=SETTINGS)
    base = tmp_path / "base.json"
    first = spendgate("check", folder, "--format", "json", "--output", base)
    assert first.returncode == 0, first.stderr
    (folder / "__main__.py").write_text(PROGRAM % 2, encoding="utf-8")
    grown = spendgate("check", folder, "--baseline", base)
    assert grown.returncode == 1
    says = "the expected month grows from $734.38 to $1,468.76 (100%); at most 20% or $200"
    assert says in " ".join(grown.stdout.split())
    base.write_text(base.read_text(encoding="utf-8").replace('"stack": "dev"', '"stack": "prod"'), encoding="utf-8")
    other = spendgate("check", folder, "--baseline", base)
    assert other.returncode == 0, other.stdout
    assert "growth is not measured" in " ".join(other.stdout.split())
    missing = spendgate("check", folder, "--baseline", tmp_path / "none.json")
    assert (missing.returncode, missing.stdout) == (2, "")
