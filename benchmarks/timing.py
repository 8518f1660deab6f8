"""Whole commands, timed in turn (A B A B …), so that a drift of the machine hits both."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Median wall seconds and peak memory in MiB (of the largest single process) of one command."""

    name: str
    seconds: float
    runs: int


def in_turn(commands: Mapping[str, Sequence[str]], runs: int, accept: Sequence[int] = (0,)) -> dict[str, Figure]:
    """Run each command once uncounted, then ``runs`` times in turn; raises RuntimeError when one fails."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_ in range(runs + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode not in accept:
                raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            if round_:
                times[name].append(time.perf_counter() - start)
    return {name: Figure(name, statistics.median(taken), runs) for name, taken in times.items()}


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
