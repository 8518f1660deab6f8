"""Ended from outside, spendgate leaves nothing behind: what it began to write, and what it started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
    heard: list[int] = []

    def leave(number: int, _: FrameType | None) -> None:
        for other in taken:  # a second one must not cut short what the first set going
            signal.signal(other, signal.SIG_IGN)
        heard.append(number)
        raise SystemExit(128 + number)

    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
        if heard:  # a library may have made an error of its own of it, as DuckDB does
            raise SystemExit(128 + heard[0]) from None
