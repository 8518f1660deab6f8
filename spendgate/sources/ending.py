"""However spendgate ends, what it started ends first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

GUARD_SECONDS: Final = 5.0
"""What the guard gets to end everything before its group is killed."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While the block runs, TERM and HUP leave it as an interrupt does, with the exit codes 143 and 129.

    Left as they are: signals that are ignored (``nohup``) or that the caller handles, and threads other than the main.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]

    def leave(number: int, _: FrameType | None) -> None:
        for other in taken:  # a second one must not cut short what the first set going
            signal.signal(other, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def end_guarded(process: subprocess.Popen[Any]) -> None:
    """End a process that was started under its guard, in a session of its own, with everything it started.

    It is reaped last: until then its group's number cannot be taken by another.
    """
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    deadline = time.monotonic() + GUARD_SECONDS
    while _runs(process) and time.monotonic() < deadline:
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _runs(process: subprocess.Popen[Any]) -> bool:
    if process.returncode is not None:
        return False
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
    except ChildProcessError:
        return False


def quiet_grpc() -> None:
    """Keep gRPC's own notes off standard error, unless the user asks for them; to be called before its import."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
