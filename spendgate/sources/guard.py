"""Stands between spendgate and a process it starts: when either is gone, so is everything that process started.

Run by its path (``python guard.py COMMAND...``), and loaded by ``child.py`` in the program's own interpreter, which may
be Python 3.9 and has no spendgate: so this file imports only what Python itself brings. Standard input is the tie to
the parent: its end says that the parent is gone, or wants the end.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)
PR_SET_PDEATHSIG = 1  # of Linux' prctl(2)
PR_SET_CHILD_SUBREAPER = 36

ENDING = 3.0
"""Seconds to try to end descendants: some may not be ours to end (another user's)."""


def stay_behind() -> None:
    """Fork: the caller goes on in the new process, and this one stays behind as its guard and never returns.

    The guard ends with the exit code of the process (128 and the signal's number where one ended it).
    """
    if not hasattr(os, "fork"):
        return
    adopts = _prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    # What is sent to the group is for the guarded process; the guard ends when that does.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _of_the_group()}
    guard = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake_read)
        os.close(wake_write)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        _prctl(PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        return
    while True:
        ready, _, _ = select.select([0, wake_read], [], [])
        if 0 in ready and not os.read(0, 4096):
            _end_all(adopts)
            os.killpg(0, SIGKILL)
        if wake_read in ready:
            os.read(wake_read, 4096)
            status = _reaped(pid)
            if status is not None:
                _end_all(adopts)
                os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _of_the_group() -> list[int]:
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _reaped(wanted: int) -> int | None:
    """Reap whoever has ended; the status of ``wanted`` where it is among them. Orphans are reaped on the way."""
    found: int | None = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == wanted:
                found = status
            if pid == 0:
                return found
    except ChildProcessError:
        return found


def _end_all(adopts: bool) -> None:
    """Kill every descendant, also those in sessions of their own: orphans come to this process, so none gets away."""
    deadline = time.monotonic() + ENDING
    while adopts and time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in _descendants(os.getpid()):
            try:
                os.kill(pid, SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        time.sleep(0.005)


def _descendants(ancestor: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(pid)
    left = [ancestor]
    while left:
        for pid in children.get(left.pop(), ()):
            left.append(pid)
            yield pid


if __name__ == "__main__":
    stay_behind()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]} cannot be started: {error.strerror}")
