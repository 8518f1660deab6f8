"""Runs a Python Pulumi program without Pulumi's engine and returns what it declares.

The program runs in a process of its own, with its own interpreter, against a monitor served here. Nothing is
created and no cloud is asked: it is the program's first preview, in which everything a provider would compute is
unknown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from spendgate.errors import InputError
from spendgate.resource import Declaration, Unanswered
from spendgate.sources import program_errors
from spendgate.sources.deployment import Deployment
from spendgate.sources.interpreter import interpreter
from spendgate.sources.invokes import Answers, RecordedInvoke
from spendgate.sources.masking import masked, masked_value
from spendgate.sources.process import Ended, run_child
from spendgate.sources.project import NeedsEngine, Project, read_project, require_python
from spendgate.sources.stack_config import StackConfig, load_config, require_known, select_stack
from spendgate.sources.wire import UNKNOWN_TEXT, decode_properties

__all__ = ["NeedsEngine", "Project", "RecordedInvoke", "read_project", "run_program"]

PARALLEL: Final = 4
"""Registrations at a time, in the SDK's own measure (it starts four threads for each)."""

PROGRESS_SECONDS: Final = 0.1


def run_program(
    directory: Path,
    *,
    stack: str | None = None,
    config: Mapping[str, str] = {},
    recorded: Sequence[RecordedInvoke] = (),
    timeout: float = 300.0,
    progress: Callable[[str], None] | None = None,
) -> Declaration:
    """Run the Pulumi program in ``directory`` and return its declaration.

    Without ``stack``: ``PULUMI_STACK``, the only ``Pulumi.<stack>.yaml``, the selected stack, ``dev``, in this order.
    ``config`` overrides the stack's configuration (``key`` or ``namespace:key``). ``recorded`` answers data sources.
    After ``timeout`` seconds the program is ended; what it had declared comes back with ``incomplete`` set.
    ``progress`` is called with a short text, ten times a second at most.

    Raises ``InputError`` for everything wrong with the program or its setting, ``NeedsEngine`` where only Pulumi's
    own engine can run it.
    """
    project = read_project(Path(directory))
    require_python(project)
    organization, name = select_stack(project, stack)
    if (stack or os.environ.get("PULUMI_STACK")) and not config:
        require_known(project, name)
    settings = load_config(project, name, config)
    program_errors.require_main(project)
    run = _Run(project, organization, name, settings, recorded, timeout, progress)
    if settings.missing:
        raise run.missing_values(None)
    deployment, ended = run.start(collect=False)
    if program_errors.failed(deployment, ended):
        if program_errors.more_to_collect(deployment, ended):
            raise run.missing_values((deployment, ended))
        raise program_errors.explain(project, settings, deployment, ended, run.python, collected=False)
    return _declaration(project, organization, settings, deployment, ended, timeout)


class _Run:
    """One program with everything it runs with; it may be started twice, the second time to collect what misses."""

    def __init__(
        self,
        project: Project,
        organization: str,
        stack: str,
        settings: StackConfig,
        recorded: Sequence[RecordedInvoke],
        timeout: float,
        progress: Callable[[str], None] | None,
    ) -> None:
        self.project = project
        self.organization = organization
        self.stack = stack
        self.settings = settings
        self.recorded = recorded
        self.timeout = timeout
        self.progress = progress
        self.python = interpreter(project)

    def start(self, *, collect: bool) -> tuple[Deployment, Ended]:
        """Run the program once. With ``collect``, missing values are stood in for so that all are found."""
        from spendgate.sources.monitor import Monitor, serve

        deployment = Deployment(
            self.project.name,
            self.stack,
            self.project.directory,
            self.organization,
            self.settings.values,
            self.settings.unknown,
        )
        deployment.on_resource = _reporter(self.progress)
        order = {
            "project": self.project.name,
            "stack": self.stack,
            "organization": self.organization,
            "root": str(self.project.directory),
            "program": str(self.project.program),
            "cwd": str(self.project.working_directory),
            "config": self.settings.texts(),
            "secret_keys": self.settings.secret_keys(),
            "unknown_keys": sorted(self.settings.unknown),
            "unknown_text": UNKNOWN_TEXT,
            "parallel": PARALLEL,
            "collect": collect,
        }
        monitor = Monitor(deployment, Answers(self.recorded, deployment.assume))
        with serve(monitor) as address:
            if self.progress is not None:
                self.progress("starting the program")
            try:
                ended = run_child(self.python, {**order, "address": address}, self.timeout, _environment())
            except OSError as error:
                raise InputError(f"the program's Python cannot be started: {error}", place=self.python) from None
        if deployment.fault is not None:
            raise deployment.fault
        return deployment, ended

    def missing_values(self, first: tuple[Deployment, Ended] | None) -> InputError:
        """Run the program over all that is missing and say what that is; ``first`` is the run that met the first."""
        deployment, ended = self.start(collect=True)
        if first is not None and not program_errors.missing(self.settings, deployment, ended):
            deployment, ended = first
        return program_errors.explain(self.project, self.settings, deployment, ended, self.python, collected=True)


def _declaration(
    project: Project,
    organization: str,
    settings: StackConfig,
    deployment: Deployment,
    ended: Ended,
    timeout: float,
) -> Declaration:
    with deployment.lock:
        resources = tuple(deployment.resources.values())
        exported = deployment.outputs.get(deployment.stack_urn)
        logged = list(deployment.messages)
    printed = [line for text in (ended.stdout, ended.stderr) for line in text.splitlines() if line.strip()]
    hidden = program_errors.hidden_texts(settings, deployment, ended)
    unanswered: list[Unanswered] = []
    for call in deployment.unanswered:
        shown = replace(call, arguments=masked_value(call.arguments, hidden))
        unanswered += [shown] if shown not in unanswered else []
    noted = [program_errors.went_on_without(call) for call in unanswered]
    messages = tuple(masked(text, hidden) for text in (*settings.notes, *noted, *logged, *printed))
    return Declaration(
        project=project.name,
        stack=deployment.stack,
        root=project.directory,
        resources=resources,
        organization=organization,
        assumptions=tuple(
            replace(item, arguments=masked_value(item.arguments, hidden), answer=masked(item.answer, hidden))
            for item in deployment.assumptions
        ),
        outputs=decode_properties(exported) if exported is not None else {},
        config=dict(settings.values),
        messages=messages,
        incomplete=_incomplete(deployment, timeout) if ended.timed_out else None,
        unanswered=tuple(unanswered),
    )


def _incomplete(deployment: Deployment, timeout: float) -> str:
    """Why a run that was ended for its time is incomplete, with what that leaves unknown."""
    text = f"the program did not end within {timeout:g} s"
    if deployment.resources:
        return text
    return (
        f"{text}; nothing of it is known: it never came to the end of its own code, and resources are registered only"
        " then or while it waits for one"
    )


def _environment() -> dict[str, str]:
    """The environment of the program: this one, without what would make it load other code."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")}


def _reporter(progress: Callable[[str], None] | None) -> Callable[[int], None] | None:
    if progress is None:
        return None
    last = 0.0

    def report(count: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last = now
            progress(f"{count} resource{'s' if count != 1 else ''} declared")

    return report
