"""What the disks of machines cost that do not run all month: a disk is billed while it exists, running or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from spendgate.estimate.lines import monthly_line
from spendgate.estimate.model import EXACT, HOURS_PER_MONTH, CostLine, LineKind, Range
from spendgate.estimate.running import hours, running_of
from spendgate.estimate.usage import Use
from spendgate.facts.model import Facts, Kind

_ENDED: Final = frozenset({Kind.NODE_POOL, Kind.TRAINING_JOB})
"""Kinds whose machines are ended, not stopped, when they are not needed: their disks go with them.

Sources: Amazon EC2 user guide, "Preserve data when an instance is terminated" (a root volume is deleted by default);
Google Compute Engine, managed instance groups (autoDelete of boot disks); a training job has its volume while it runs.
"""


def while_it_exists(lines: tuple[CostLine, ...], machines: Facts, use: Use) -> tuple[CostLine, ...]:
    """The lines of a disk of such machines: for the hours that these exist where they are ended, else for the whole
    month, told where the machines themselves are counted for less of it."""
    running = running_of(machines, use)
    if running.month.low >= HOURS_PER_MONTH:
        return lines
    if machines.kind not in _ENDED:
        note = "counted all month: it stays while its machine is stopped"
        return tuple(replace(line, assumptions=(*line.assumptions, note)) for line in lines)
    share = Range(*(hours(EXACT.divide(part, HOURS_PER_MONTH)) for part in running.month.bounds))
    note = f"exists while its machines do, {running.month.expected.normalize():f} of 730 h: it is deleted with them"
    return tuple(
        line
        if line.cost is None or line.kind is not LineKind.STORAGE
        else monthly_line(
            line.quote, line.quantity * share, (*line.assumptions, note), line.confidence.worst(running.confidence)
        )
        for line in lines
    )
