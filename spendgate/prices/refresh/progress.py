"""What a long reading says while it goes on: one line that moves on a terminal, a line a region elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_PAUSE = 0.2  # seconds between two updates of the moving line


class Progress:
    """Counts bytes and rows of what is being read. Writes on standard error; ``quiet`` writes nothing."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._moves = not quiet and self._stream.isatty()
        self._quiet = quiet
        self._what = ""
        self._bytes = self._rows = 0
        self._shown = 0.0
        self._width = 0

    def start(self, what: str) -> None:
        """A new thing is being read."""
        self._what, self._bytes, self._rows, self._shown = what, 0, 0, 0.0
        self._show()

    def add(self, *, size: int = 0, rows: int = 0) -> None:
        """So many more bytes came over the wire, or rows were read."""
        self._bytes += size
        self._rows += rows
        self._show()

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._clear()
            print(text, file=self._stream, flush=True)

    def done(self, text: str) -> None:
        """What was being read is read."""
        self.say(f"{text} ({size_of(self._bytes)})" if self._bytes else text)

    def _show(self) -> None:
        now = time.monotonic()
        if not self._moves or now - self._shown < _PAUSE:
            return
        self._shown = now
        rows = f", {self._rows:,} rows" if self._rows else ""
        line = f"{self._what}: {size_of(self._bytes)}{rows}"[:110]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def _clear(self) -> None:
        if self._moves and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._width = 0


def size_of(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
