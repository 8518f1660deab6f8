"""``make bench``: every figure beside the limit it is held to. Exit code 1 when one is above."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import bench, check, estimate, pack, plan, preview, start_pack, startup

LIMITS = {
    "check / bare": 1.25,
    "spendgate --version, ms more": 150.0,
    "spendgate price g5.xlarge, ms more": 250.0,
    "load and price 10,000 resources, CPU s": 0.6,
    "load and price 10,000 resources, MiB": 150.0,
    "pack, ms per 40-property resource": 1.5,
    "pack process to its first answer, s": 0.8,
    "preview with pack / bare": 1.10,
    "spendgate test --shipped, s": 5.0,
    "check / conftest, time": 1.0,
    "check / conftest, memory": 1.5,
}


def main() -> int:
    """Measure all, print a table."""
    above = False
    sections: dict[str, Callable[[], dict[str, float]]] = {
        "start-up": startup.measure,
        "estimate": estimate.measure,
        "check, 1,000 resources": check.measure,
        "check of a file, 10,000 resources": plan.measure,
        "pack": pack.measure,
        "start of a pack": start_pack.measure,
        "preview, 1,000 resources": preview.measure,
        "tests of the library": bench.measure,
    }
    for title, measure in sections.items():
        print(title)
        for name, value in measure().items():
            limit = LIMITS.get(name)
            mark = "" if limit is None else f"   (at most {limit:g}{', exceeded' if value > limit else ''})"
            above = above or (limit is not None and value > limit)
            print(f"  {name:<48} {value:>10.2f}{mark}")
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
