"""However spendgate ends, what it started ends first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import Any, Final

GUARD_SECONDS: Final = 5.0
"""What the guard gets to end everything before its group is killed."""


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
