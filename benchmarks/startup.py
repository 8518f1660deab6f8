"""What one waits for before anything happens: ``spendgate --version`` and ``spendgate price`` against bare Python."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.timing import in_turn


def measure(runs: int = 15) -> dict[str, float]:
    """Milliseconds over ``python -c pass`` (median of ``runs``)."""
    spendgate = str(Path(sys.executable).with_name("spendgate"))
    figures = in_turn(
        {
            "python": [sys.executable, "-c", "pass"],
            "version": [spendgate, "--version"],
            "price": [spendgate, "price", "g5.xlarge"],
        },
        runs,
    )
    bare = figures["python"].seconds
    return {
        "python -c pass, ms": bare * 1000,
        "spendgate --version, ms more": (figures["version"].seconds - bare) * 1000,
        "spendgate price g5.xlarge, ms more": (figures["price"].seconds - bare) * 1000,
    }
