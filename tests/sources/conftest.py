"""Programs to run: each is a real one, run through the real SDK in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from spendgate.resource import Declaration
from spendgate.sources.pulumi_program import run_program

PROGRAMS = Path(__file__).parent / "programs"

OUTSIDE = (
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
    *("GOOGLE_PROJECT", "GOOGLE_REGION", "GOOGLE_ZONE", "CLOUDSDK_COMPUTE_REGION"),
    *("PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "VIRTUAL_ENV"),
)

WriteProgram = Callable[..., Path]


@pytest.fixture(scope="session")
def wide() -> Declaration:
    """The program that does everything at once, run once for all tests."""
    return run_program(PROGRAMS / "wide")


@pytest.fixture
def program(tmp_path: Path) -> WriteProgram:
    """Write a program: ``program("<source>", **{"other.py": "..."})`` gives its folder."""

    def write(source: str | None = "", project: str = "name: demo\nruntime: python\n", **files: str) -> Path:
        folder = tmp_path / "program"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(project, encoding="utf-8")
        contents: Mapping[str, str | None] = {"__main__.py": source, **files}
        for name, text in contents.items():
            if text is not None:
                file = folder / name.replace("__slash__", "/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(dedent(text), encoding="utf-8")
        return folder

    return write


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the machine is set to must not reach a test."""
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path_factory.getbasetemp() / "no-pulumi-home"))
