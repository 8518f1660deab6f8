"""How often a job ran, where a bill shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Final

from spendgate.reconcile.model import Window

_JOB: Final = re.compile(
    r"(?:^|[/:])(?:training-job|processing-job|transform-job|customJobs|pipelineJobs|batchPredictionJobs)/[^/]+$"
)
"""Resources that are one run each: jobs of SageMaker (docs.aws.amazon.com/service-authorization, its resource types)
and of Vertex AI (cloud.google.com/vertex-ai/docs/reference/rest), 2026-11-21."""

_AN_HOUR: Final = timedelta(hours=1)


def runs_of(windows: Sequence[Window]) -> tuple[Fraction, str] | None:
    """How often it ran and by what that is known: jobs by their ids; else, on a bill by the hour, spells of hours that
    follow each other. None where the bill does not show it.

    Runs without a pause between them are one spell: their hours are right, and their number is the least that it was.
    """
    used = [window for window in windows if window.hours > 0]
    if not used:
        return None
    if all(_JOB.search(window.resource) for window in used):
        jobs = len({window.resource for window in used})
        return Fraction(jobs), f"{jobs} jobs"
    if any(window.ends - window.starts > _AN_HOUR for window in used):
        return None
    spells = 0
    until = None
    for starts, ends in sorted({(window.starts, window.ends) for window in used}):
        if until is None or starts > until:
            spells += 1
        until = ends if until is None else max(until, ends)
    return Fraction(spells), f"{spells} spells of hours without a break"
