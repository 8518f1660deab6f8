"""What tests of packs share: a pack as `pack new` writes it, real keys, and a real registry on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import pytest

from spendgate.packs.build import build
from spendgate.packs.scaffold import create
from tests.ssh_keys import Keys, key, needs_ssh_keygen, public

__all__ = ["Keys", "key", "needs_ssh_keygen", "public"]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH (Debian: apt-get install git)")

PackIn = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPENDGATE_CACHE", str(folder))
    monkeypatch.delenv("SPENDGATE_OFFLINE", raising=False)
    return folder


@pytest.fixture
def pack(tmp_path: Path) -> PackIn:
    """Write a pack as `pack new` does, with texts of its files replaced: ``pack("a", **{"pack.yaml": (old, new)})``."""

    def write(name: str = "team-costs", **changes: tuple[str, str]) -> Path:
        folder = tmp_path / name
        create("team-costs", folder)
        for path, (old, new) in changes.items():
            change(folder / path, old, new)
        return folder

    return write


def change(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def archive(pack: PackIn, tmp_path: Path) -> Callable[..., Path]:
    """Build a pack into a file."""

    def made(folder: Path | None = None, key: Path | None = None, name: str = "pack.tar.gz") -> Path:
        path = tmp_path / name
        path.write_bytes(build(folder or pack(f"source-{name.partition('.')[0]}"), key).archive)
        return path

    return made


@dataclass(frozen=True)
class Registry:
    """A running registry and the folder in which it keeps everything."""

    host: str
    data: Path

    def blobs(self) -> Iterator[Path]:
        yield from self.data.glob("docker/registry/v2/blobs/sha256/*/*/data")


def registry_program() -> str | None:
    """Debian's docker-registry: on PATH, or unpacked beside the environment by `make setup-test`."""
    unpacked = Path(sys.prefix) / "docker-registry" / "usr" / "bin" / "docker-registry"
    return shutil.which("docker-registry") or (str(unpacked) if unpacked.is_file() else None)


def _oras_is_installed() -> bool:
    try:
        import oras  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


needs_registry = pytest.mark.skipif(
    registry_program() is None or not _oras_is_installed(),
    reason="docker-registry or oras is not installed (make setup-test; Debian: apt-get install docker-registry)",
)


@contextmanager
def running_registry(folder: Path, htpasswd: Path | None = None) -> Iterator[Registry]:
    """Start a registry on a free port of loopback; it is ended afterwards."""
    program = registry_program()
    assert program is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    data = folder / "data"
    config = folder / "config.yml"
    auth = f"auth:\n  htpasswd: {{realm: packs, path: {htpasswd}}}\n" if htpasswd else ""
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {data}}}\n"
        f"http: {{addr: '{host}'}}\n{auth}",
        encoding="utf-8",
    )
    process = subprocess.Popen([program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://{host}/v2/", process)
        yield Registry(host, data)
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"the registry ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except HTTPError:  # it answers: with a demand for credentials
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the registry does not answer")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for no credentials."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as nobody in particular."""
    environment: Mapping[str, str] = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
    }  # fmt: skip
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()
