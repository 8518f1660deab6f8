"""The child process of a program: started in a session of its own, and ended with everything it started."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from spendgate.signals import ended_by_signals
from spendgate.sources.ending import end_guarded

CHILD: Final = Path(__file__).with_name("child.py")
KEPT_OUTPUT: Final = 1 << 20
"""Characters of the program's output that are kept of each stream."""

SILENT: Final = 0.25
"""Seconds without output after which that of an ended process is taken as complete: somebody may hold its pipe."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the child ended: its report (None when it wrote none), its exit code, what it printed."""

    report: Mapping[str, Any] | None
    code: int
    stdout: str
    stderr: str
    timed_out: bool = False


def run_child(python: Path, order: Mapping[str, Any], timeout: float, environment: Mapping[str, str]) -> Ended:
    """Run the program of ``order`` with the interpreter ``python``, for ``timeout`` seconds at most.

    However this function is left, nothing that the program started is left behind. Raises ``OSError`` when the
    interpreter cannot be started.
    """
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="spendgate-") as folder:
        report = Path(folder) / "report.json"
        process = subprocess.Popen(
            [str(python), "-u", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=order["cwd"],
            env=dict(environment),
            start_new_session=True,
        )
        output = [_Collector(process.stdout), _Collector(process.stderr)]
        try:
            _give(process, {**order, "report": str(report)})
            timed_out = not _wait(process, timeout)
        finally:
            end_guarded(process)
        stdout, stderr = (collector.text() for collector in output)
        return Ended(_read(report), process.returncode, stdout, stderr, timed_out)


def _give(process: subprocess.Popen[bytes], order: Mapping[str, Any]) -> None:
    if process.stdin is not None:
        # It may end before it has read its order: its output then tells why.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for the end of the process; False when ``timeout`` seconds were not enough."""
    done = threading.Event()
    # The process is not reaped here: as long as it is not, its group's number cannot be taken by another.
    waiter = threading.Thread(target=_wait_unreaped, args=(process.pid, done), daemon=True)
    waiter.start()
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        # Short waits, because a wait that cannot be interrupted would keep Ctrl-C waiting on some platforms.
        if done.wait(min(0.5, left)):
            return True
    return done.is_set()


def _wait_unreaped(pid: int, done: threading.Event) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    done.set()


def _read(report: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, Mapping) else None


class _Collector:
    """Reads a stream to its end in a thread and keeps the first part of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._parts: list[bytes] = []
        self._read = 0
        self._stream = stream
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        if self._stream is None:
            return
        kept = 0
        while part := self._stream.read1(65536):  # type: ignore[attr-defined]
            self._read += len(part)
            if kept < KEPT_OUTPUT:
                self._parts.append(part)
                kept += len(part)

    def text(self) -> str:
        """What was printed; to be asked once the process has ended."""
        seen = -1
        while self._thread.is_alive() and seen != self._read:
            seen = self._read
            self._thread.join(SILENT)
        return b"".join(self._parts).decode("utf-8", errors="replace")
