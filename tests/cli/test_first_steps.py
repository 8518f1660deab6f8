"""What a person at a terminal is told after the first check of a program."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

VOLUME = "import pulumi_aws as aws\naws.ebs.Volume('data', availability_zone='us-east-1a', size=10)\n"
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"


def at_a_terminal(folder: Path, *arguments: str) -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("spendgate")), *arguments]
    done = subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # the end of a terminal that nobody holds open
        pass
    os.close(ours)
    done.wait(60)
    return said.decode()


@pytest.mark.parametrize(
    ("config", "arguments", "told"), [("", (), True), (CONFIG, (), False), ("", ("-f", "json"), False)]
)
def test_a_refusal_without_settings_says_how_to_have_ones_own(
    project: Callable[..., Path], config: str, arguments: tuple[str, ...], told: bool
) -> None:
    folder = project(VOLUME, **({"spendgate__yaml": config} if config else {}))
    (folder / ".git").mkdir()
    assert ("`spendgate init` starts one" in at_a_terminal(folder, "check", *arguments)) is told
