"""What Spark says of what went wrong, in a line: out of its errors, and out of its log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_SAID: Final = re.compile(r" ERROR \S+: (?:.*Reason: )?(.+)$|^(?:Error|Exception in thread \S+|Caused by): ?(.+)$")


def reason_of(log: Path) -> str | None:
    """Why Spark ended, by its log: the first error of it."""
    if not log.exists():
        return None
    found = filter(None, map(_SAID.search, log.read_text(encoding="utf-8", errors="replace").splitlines()))
    first = next((one[1] or one[2] for one in found), None)
    return None if first is None else first.strip()[:240]


_FRAME: Final = re.compile(
    r"^(at |\.\.\. |An error occurred while calling|: org\.apache\.spark\.SparkException: Job aborted)"
)
_TASK: Final = re.compile(r"most recent failure: Lost task [^:]*: (.+)")
_CAUSE: Final = re.compile(r"^(?:Caused by: )?:? ?(?:[a-z]\w*\.)+[A-Z][\w$]*: ")


def first_line(error: Exception) -> str:
    """What happened: the last cause that the JVM tells, else what became of the task, without its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not _FRAME.match(line)]
    causes = [line for line in told if line.startswith("Caused by: ")]
    task = next(filter(None, map(_TASK.search, lines)), None)
    if task is not None and not causes:
        return _CAUSE.sub("", task[1])
    return _CAUSE.sub("", causes[-1] if causes else told[0]) if told else type(error).__name__
