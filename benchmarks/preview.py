"""``pulumi preview`` of 1,000 resources with the pack ``gpu-baseline``, beside the same preview without it.

The engine is the installed CLI; the provider plugins are the stubs of the tests, which ask no cloud. Without a CLI on
PATH there is nothing to measure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.check import PROGRAM
from benchmarks.timing import in_turn
from tests.stub_provider.install import environment

PACK = Path(__file__).parents[1] / "packs" / "gpu-baseline"


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds of both, and their ratio (medians of ``runs``, in turn); nothing where there is no CLI."""
    if shutil.which("pulumi") is None:
        print("  not measured: the Pulumi CLI is not on PATH")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "program"
        project.mkdir()
        (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n", encoding="utf-8")
        (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
        (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        variables = environment(Path(folder), os.environ)
        select = ["pulumi", "stack", "init", "dev", "--cwd", str(project), "--non-interactive"]
        subprocess.run(select, env=variables, check=True, capture_output=True)
        bare = ["pulumi", "preview", "--stack", "dev", "--cwd", str(project), "--non-interactive", "--json"]
        commands = {"bare": bare, "pack": [*bare, "--policy-pack", str(PACK)]}
        # The pack refuses what the program declares: its preview ends with an error once all is told.
        figures = in_turn(commands, runs, accept=(0, 1, 255), environment=variables)
    return {
        "bare preview, s": figures["bare"].seconds,
        "preview with gpu-baseline, s": figures["pack"].seconds,
        "preview with pack / bare": figures["pack"].seconds / figures["bare"].seconds,
    }
