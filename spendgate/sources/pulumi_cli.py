"""A real preview by the installed Pulumi CLI that leaves the user's stack, selection and configuration untouched.

Pulumi's Automation API is not used for it: it selects the stack, which changes what the user has selected, writes
configuration to the stack's own file, and cannot end a command that hangs. What it does, running ``pulumi preview``
without a terminal, is done here with a copy of the configuration.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from spendgate.errors import InputError
from spendgate.signals import ended_by_signals
from spendgate.sources import passphrase
from spendgate.sources.ending import end_guarded
from spendgate.sources.interpreter import interpreter
from spendgate.sources.project import Project
from spendgate.sources.stack_config import stack_file

NO_STACK: Final = "no stack named"
NOT_LOGGED_IN: Final = ("PULUMI_ACCESS_TOKEN must be set", "not logged in", "pulumi login")

GUARD: Final = Path(__file__).with_name("guard.py")

INTERRUPT_SECONDS: Final = 5.0
"""What the CLI gets to end its plugins before everything is killed."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How a preview ended. ``throwaway`` tells that the stack does not exist and a first preview was made."""

    code: int
    stdout: str
    stderr: str
    timed_out: bool = False
    throwaway: bool = False


def require_cli(purpose: str) -> str:
    """The path of the CLI. Raises InputError where none is installed; ``purpose`` is what needs it."""
    found = shutil.which("pulumi")
    if found is None:
        instead = " or use the embedded host: --engine embedded" if purpose.startswith("--engine") else ""
        raise InputError(
            f"{purpose} needs the Pulumi CLI on PATH",
            remedy=f"Install it (https://www.pulumi.com/docs/install){instead}.",
        )
    return found


def preview(
    project: Project,
    stack: str,
    config: Mapping[str, str],
    timeout: float,
    *,
    environment: Mapping[str, str] | None = None,
    pack: Path | None = None,
    purpose: str = "--engine pulumi",
) -> Preview:
    """Run ``pulumi preview --json`` of ``stack`` (``[organization/]name``), with ``config`` over its configuration.

    A stack that does not exist is previewed as a new one, in a backend that is thrown away. Raises InputError when
    the CLI is missing or not logged in. The program may fail: see ``Preview.code``.
    """
    cli = require_cli(purpose)
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="spendgate-") as name:
        folder = Path(name)  # made for this user alone; it holds the stack's configuration as its file does
        run = _Runner(cli, project, folder, {**_environment(project), **(environment or {})}, timeout)
        settings = _copied_config(project, stack, folder)
        arguments = ["preview", "--stack", stack, "--config-file", str(settings), "--json", "--show-sames"]
        arguments += ["--policy-pack", str(pack)] if pack else []
        arguments += [word for key, value in config.items() for word in ("--config", f"{key}={value}")]
        result = run(arguments)
        if result.code != 0 and NO_STACK in result.stderr:
            run.environment |= _throwaway_backend(run, settings, stack)
            arguments[2] = stack.rpartition("/")[2]
            result = run(arguments)
            result = Preview(result.code, result.stdout, result.stderr, result.timed_out, throwaway=True)
        if result.code != 0 and not result.stdout.strip():
            _check_login(result)
        return result


def _check_login(result: Preview) -> None:
    if any(sign in result.stderr for sign in NOT_LOGGED_IN):
        raise InputError(
            "the Pulumi CLI is not logged in to a backend",
            remedy="Log in (`pulumi login`, or `pulumi login --local`), or set PULUMI_BACKEND_URL.",
        )


def _environment(project: Project) -> dict[str, str]:
    """The environment of the CLI: the program's Python is the one that the embedded host would take."""
    environment = dict(os.environ)
    environment["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    environment.pop("PULUMI_ENABLE_STREAMING_JSON_PREVIEW", None)  # it would replace the digest that is read here
    if project.runtime == "python" and not project.virtualenv and project.toolchain in (None, "pip"):
        python = interpreter(project)
        environment["PATH"] = os.pathsep.join((str(python.parent), environment.get("PATH", "")))
    return environment


def _copied_config(project: Project, stack: str, folder: Path) -> Path:
    """A copy of the stack's configuration: a preview writes to it what it is told and what it misses."""
    name = stack.rpartition("/")[2]
    copy = folder / f"Pulumi.{name}.yaml"
    own = stack_file(project, name)
    if own is not None:
        shutil.copyfile(own, copy)
    else:
        copy.write_text("{}\n", encoding="utf-8")
    return copy


def _throwaway_backend(run: _Runner, settings: Path, stack: str) -> dict[str, str]:
    """A backend of files with the stack in it; returns the variables that name it."""
    state = run.folder / "state"
    state.mkdir()
    variables = {"PULUMI_BACKEND_URL": state.as_uri()}
    if not any(name in run.environment for name in passphrase.VARIABLES):
        variables["PULUMI_CONFIG_PASSPHRASE"] = ""
    # The stack is made beside a project file of its own: making it writes to the configuration next to that.
    (run.folder / "Pulumi.yaml").write_text(f"name: {run.project.name}\nruntime: python\n", encoding="utf-8")
    made = run(["stack", "init", stack.rpartition("/")[2], "--no-select"], cwd=run.folder, extra=variables)
    if made.code != 0:
        raise InputError(
            f'the stack "{stack}" does not exist, and none could be made to preview it',
            place=run.project.file,
            detail=made.stderr.strip(),
            remedy="Create it (`pulumi stack init`), or name another with --stack.",
        )
    if not settings.is_file():
        settings.write_text("{}\n", encoding="utf-8")
    return variables


@dataclass(slots=True)
class _Runner:
    """Runs the CLI for one project; nothing it starts outlives the call."""

    cli: str
    project: Project
    folder: Path
    environment: dict[str, str]
    timeout: float

    def __call__(
        self, arguments: list[str], *, cwd: Path | None = None, extra: Mapping[str, str] | None = None
    ) -> Preview:
        command = [sys.executable, "-I", "-S", str(GUARD), self.cli, "--non-interactive", *arguments]
        with _streams() as (stdout, stderr):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd or self.project.directory,
                env={**self.environment, **(extra or {})},
                start_new_session=True,
            )
            timed_out = False
            try:
                process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                _end(process)
            return Preview(process.returncode, _text(stdout), _text(stderr), timed_out)


@contextmanager
def _streams() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files without a name for what the CLI prints: a digest may be larger than a pipe, and plugins hold pipes open."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        yield stdout, stderr


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", errors="replace")


def _end(process: subprocess.Popen[Any]) -> None:
    """Interrupt what still runs, so that the CLI ends its plugins, then kill whatever is left of all it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPT_SECONDS)
    end_guarded(process)
