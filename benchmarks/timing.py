"""Whole commands, timed in turn (A B A B …), so that a drift of the machine hits both."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians of one command: seconds by the clock and of CPU; peak memory in MiB is of the largest single process."""

    name: str
    seconds: float
    cpu: float
    peak: float
    runs: int


def in_turn(
    commands: Mapping[str, Sequence[str]],
    runs: int,
    accept: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> dict[str, Figure]:
    """Run each command once uncounted, then ``runs`` times in turn; raises RuntimeError when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        return _in_turn(commands, runs, accept, as_installed(environment or os.environ, folder))


def as_installed(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """The environment with compiled modules kept in ``folder``: an installed package has them, a checkout may not."""
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def _in_turn(
    commands: Mapping[str, Sequence[str]], runs: int, accept: Sequence[int], environment: Mapping[str, str]
) -> dict[str, Figure]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    cpus: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, float] = dict.fromkeys(commands, 0.0)
    for round_ in range(runs + 1):
        for name, command in commands.items():
            with tempfile.TemporaryFile() as told:
                start = time.perf_counter()
                process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT, env=environment)
                _, status, used = os.wait4(process.pid, 0)
                taken = time.perf_counter() - start
                process.returncode = os.waitstatus_to_exitcode(status)
                if process.returncode not in accept:
                    told.seek(0)
                    text = told.read().decode(errors="replace")[-4000:]
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{text}")
            if round_:
                times[name].append(taken)
                cpus[name].append(used.ru_utime + used.ru_stime)
                peaks[name] = max(peaks[name], used.ru_maxrss / 1024)
    median = statistics.median
    return {name: Figure(name, median(times[name]), median(cpus[name]), peaks[name], runs) for name in commands}


def per_call(function: Callable[[], object], calls: int, rounds: int = 5) -> float:
    """Median CPU seconds of one call in this process, over ``rounds`` rounds of ``calls``."""
    function()
    taken = []
    for _ in range(rounds):
        start = cpu()
        for _ in range(calls):
            function()
        taken.append((cpu() - start) / calls)
    return statistics.median(taken)


def cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
