"""Keys made by the real ssh-keygen, for the signatures of approvals and of packs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not on PATH (Debian: apt-get install openssh-client)"
)

Keys = Callable[[str], Path]


@pytest.fixture
def key(tmp_path: Path) -> Keys:
    """Make an SSH key pair of a name, and give the private key's path."""

    def make(name: str) -> Path:
        folder = tmp_path / "keys"
        folder.mkdir(exist_ok=True)
        path = folder / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(command, check=True, timeout=60)
        return path

    return make


def public(key: Path) -> str:
    """Type and key, as a file of allowed signers holds them."""
    return " ".join(key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])
