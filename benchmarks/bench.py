"""The tests of all shipped guardrails: ``spendgate test --shipped``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.timing import in_turn


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds of the whole command (median of ``runs``)."""
    spendgate = str(Path(sys.executable).with_name("spendgate"))
    figures = in_turn({"test": [spendgate, "test", "--shipped"]}, runs, accept=(0, 1))
    return {"spendgate test --shipped, s": figures["test"].seconds}
