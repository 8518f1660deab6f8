"""``make bench``: every figure beside the limit it is held to. Exit code 1 when one is above.

``python -m benchmarks preview plan`` measures those modules alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import allocate, bench, check, estimate, pack, plan, preview, start_pack, startup

LIMITS = {
    "check / bare": 1.25,
    "spendgate --version, ms more": 150.0,
    "spendgate price g5.xlarge, ms more": 250.0,
    "load and price 10,000 resources, CPU s": 0.6,
    "load and price 10,000 resources, MiB": 150.0,
    "pack, ms per 40-property resource": 1.5,
    "pack process to its first answer, s": 0.8,
    "preview with gpu-baseline / silent pack": 1.10,
    "spendgate test --shipped, s": 5.0,
    "allocate, 100,000 lines, s": 2.0,
    "allocate / by hand": 1.5,
    "allocate, peak MiB": 2048.0,
    "allocate, ten times the lines, times the time": 10.0,
    "check / conftest, time": 1.0,
    "check / conftest, memory": 1.5,
}


SECTIONS: dict[str, tuple[str, Callable[[], dict[str, float]]]] = {
    "startup": ("start-up", startup.measure),
    "estimate": ("estimate", estimate.measure),
    "check": ("check, 1,000 resources", check.measure),
    "plan": ("check of a file, 10,000 resources", plan.measure),
    "pack": ("pack", pack.measure),
    "start_pack": ("start of a pack", start_pack.measure),
    "preview": ("preview, 1,000 resources", preview.measure),
    "bench": ("tests of the library", bench.measure),
    "allocate": ("allocation of a bill, forty rules", allocate.measure),
}


def main(names: list[str]) -> int:
    """Measure the named modules, or all, and print a table."""
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    above = False
    for name, (title, measure) in SECTIONS.items():
        if names and name not in names:
            continue
        print(title)
        for figure, value in measure().items():
            limit = LIMITS.get(figure)
            mark = "" if limit is None else f"   (at most {limit:g}{', exceeded' if value > limit else ''})"
            above = above or (limit is not None and value > limit)
            print(f"  {figure:<48} {value:>10.2f}{mark}")
    return int(above)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
