"""Which Python runs a program: the one of its own environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from spendgate.errors import InputError
from spendgate.sources.project import Project

POETRY_SECONDS = 30


def interpreter(project: Project) -> Path:
    """The Python of ``project``, looked for in this order:

    the virtual environment that ``Pulumi.yaml`` names; the one of its toolchain (uv: ``.venv`` of the project or of a
    workspace above it, poetry: what poetry says); an active ``VIRTUAL_ENV`` that has pulumi; a ``.venv`` or ``venv``
    beside ``Pulumi.yaml`` that has pulumi; the Python that runs spendgate.

    Raises ``InputError`` where a named environment does not exist.
    """
    if project.virtualenv:
        return _of_environment(project, (project.directory / project.virtualenv).expanduser())
    if project.toolchain == "uv":
        return _of_uv(project)
    if project.toolchain == "poetry":
        return _of_poetry(project)
    active = os.environ.get("VIRTUAL_ENV")
    candidates = [Path(active)] if active else []
    candidates += [project.directory / name for name in (".venv", "venv")]
    for environment in candidates:
        python = _python(environment)
        if python is not None and _has_pulumi(environment):
            return python
    if importlib.util.find_spec("pulumi") is None:
        raise InputError(
            "no Python with the pulumi package was found for the program",
            place=project.file,
            remedy="Create its virtual environment and name it: runtime: {name: python, options: {virtualenv: venv}}",
        )
    return Path(sys.executable)


def _of_environment(project: Project, environment: Path) -> Path:
    python = _python(environment)
    if python is None:
        shown = project.virtualenv or environment
        raise InputError(
            f'the virtual environment "{shown}" does not exist' + ("" if not environment.exists() else " as one"),
            place=project.file,
            remedy=f"Create it: {_creation(project, environment)}",
        )
    return python


def _of_uv(project: Project) -> Path:
    named = os.environ.get("UV_PROJECT_ENVIRONMENT")
    base = next(
        (
            folder
            for marker in ("uv.lock", "pyproject.toml")
            for folder in _upwards(project)
            if (folder / marker).is_file()
        ),
        project.directory,
    )
    environment = base / (named or ".venv")
    if _python(environment) is None and not named:
        environment = next((up / ".venv" for up in _upwards(project) if _python(up / ".venv")), environment)
    return _of_environment(project, environment)


def _of_poetry(project: Project) -> Path:
    poetry = shutil.which("poetry")
    found = ""
    if poetry:
        try:
            answer = subprocess.run(
                [poetry, "env", "info", "--path"],
                cwd=project.directory,
                capture_output=True,
                text=True,
                timeout=POETRY_SECONDS,
                check=False,
            )
            found = answer.stdout.strip() if answer.returncode == 0 else ""
        except (OSError, subprocess.TimeoutExpired):
            found = ""
    local = project.directory / ".venv"
    if not found and not poetry and _python(local) is None:
        raise InputError(
            "the program's environment is poetry's, and there is no poetry command to ask where it is",
            place=project.file,
            remedy="Install poetry, or set virtualenv under runtime.options.",
        )
    return _of_environment(project, Path(found) if found else local)


def _upwards(project: Project) -> Iterator[Path]:
    yield project.directory
    yield from project.directory.parents


def _python(environment: Path) -> Path | None:
    names = ("bin/python", "bin/python3", "Scripts/python.exe")
    return next((environment / name for name in names if (environment / name).exists()), None)


def _has_pulumi(environment: Path) -> bool:
    packages = ("lib/python*/site-packages/pulumi", "lib64/python*/site-packages/pulumi", "Lib/site-packages/pulumi")
    return any(next(environment.glob(pattern), None) is not None for pattern in packages)


def _creation(project: Project, environment: Path) -> str:
    if project.toolchain in ("uv", "poetry"):
        return f"(cd {project.directory} && {project.toolchain} {'sync' if project.toolchain == 'uv' else 'install'})"
    requirements = project.directory / "requirements.txt"
    install = f"-r {requirements}" if requirements.is_file() else "pulumi"
    return f"python3 -m venv {environment} && {environment}/bin/pip install {install}"
