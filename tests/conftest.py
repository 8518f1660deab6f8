"""What many tests share: the command as a user runs it, and projects written to a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


def git(folder: Path, *arguments: str) -> None:
    """Git as an author who needs no settings of the machine, in a folder."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, timeout=60)


def pytest_configure() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts; tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the Pulumi CLI say why they skip where there is none."""
    if shutil.which("pulumi"):
        return
    skip = pytest.mark.skip(reason="the Pulumi CLI is not on PATH")
    for item in items:
        if item.get_closest_marker("cli"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def spendgate() -> Run:
    """The installed command, run in a folder; its exit code and output come back."""

    def run(
        *arguments: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("spendgate")), *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Write a Pulumi project: its program, and more files by name."""

    def write(program: str, config: str = "config:\n  aws:region: us-east-1\n", **files: str) -> Path:
        (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text(config, encoding="utf-8")
        (tmp_path / "__main__.py").write_text(program, encoding="utf-8")
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return tmp_path

    return write
