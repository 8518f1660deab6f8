"""How long a workload runs: hours a month, a day and a run, each with what it rests on."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.estimate.model import EXACT, HOURS_PER_MONTH, Confidence, Range, Running
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import Facts, Kind

HOURS_PER_DAY: Final = Decimal(24)
HOURS_PER_WEEK: Final = Decimal(168)
_MILLIONTH: Final = Decimal("0.000001")


def exactly(value: Decimal | float | int) -> Range:
    """A range without width."""
    number = decimal(value)
    return Range(number, number, number)


def decimal(value: Decimal | float | int) -> Decimal:
    """The decimal that a number prints as: 0.1 is one tenth, not its nearest binary fraction."""
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def hours(value: Decimal) -> Decimal:
    """Hours to the millionth (4 ms): a division by 7 or 168 has no end, and money is multiplied from it exactly."""
    return value.quantize(_MILLIONTH, ROUND_HALF_EVEN, EXACT).normalize(EXACT)


def running_of(facts: Facts, use: Use = UNTOLD) -> Running:
    """The hours of one workload.

    A job runs up to its declared cap, once a month unless the facts say how often. A schedule counts its hours of the
    week, 730 ÷ 168 weeks a month. Compute with a cap of its own (a VM that ends itself) is one run. All else is
    always on, 730 h: a default, but for what cannot be stopped (a gateway). What a usage file says comes before all
    of it.
    """
    running = _grown(_told(facts, use) or _declared(facts), use)
    if use.hours == 1 or facts.kind in (Kind.NETWORK, Kind.OTHER):
        return running
    month = _times(running.month, use.hours, HOURS_PER_MONTH if running.run is None else None)
    day = _times(running.day, use.hours, HOURS_PER_DAY if running.run is None else None)
    note = f"hours × {use.hours.normalize():f} in this scenario"
    return Running(month, day, running.run, (*running.assumptions, note), running.confidence.worst(Confidence.DERIVED))


def _grown(running: Running, use: Use) -> Running:
    """Runs that no usage file gives grow with the scenario too; a day is then at least the average one."""
    if use.growth == 1 or running.run is None or use.get("runsPerMonth") is not None:
        return running
    month = running.month * exactly(use.growth)
    average = [hours(part * HOURS_PER_DAY / HOURS_PER_MONTH) for part in month.bounds]
    day = Range(*(max(one, other) for one, other in zip(running.day.bounds, average, strict=True)))
    note = f"runs × {use.growth.normalize():f} in this scenario"
    return Running(month, day, running.run, (*running.assumptions, note), running.confidence)


def _times(range_: Range, factor: Decimal, most: Decimal | None) -> Range:
    found = range_ * exactly(factor)
    return found if most is None else Range(*(min(part, most) for part in (found.low, found.expected, found.high)))


def _told(facts: Facts, use: Use) -> Running | None:
    """The hours as a usage file gives them; None where it does not."""
    month, a_run, runs = use.get("hoursPerMonth"), use.get("hoursPerRun"), use.get("runsPerMonth")
    if month is not None:
        day = hours(min(month.value * HOURS_PER_DAY / HOURS_PER_MONTH, HOURS_PER_DAY))
        told = (f"runs {month.told('h a month')}",)
        return Running(exactly(hours(month.value)), exactly(day), None, told, Confidence.DERIVED)
    if a_run is None and runs is None:
        return None
    cap = decimal(facts.max_runtime_hours) if facts.max_runtime_hours is not None else None
    length = a_run.value if a_run is not None else cap
    if length is None:
        return None
    if runs is not None:
        many, of_runs = runs.value, runs.told("runs a month")
    elif facts.runs_per_month is not None:
        many = decimal(facts.runs_per_month)
        of_runs = f"{many.normalize():f} runs a month"
    else:
        many, of_runs = Decimal(1), "one run a month: no frequency is declared"
    known = runs is not None or facts.runs_per_month is not None
    expected = length if cap is None else min(length, cap)
    run = Range(expected, expected, expected if cap is None else cap)
    of_run = f"a run takes {a_run.told('h')}" if a_run is not None else f"a run is counted at its cap of {length:f} h"
    a_day = max(Decimal(1), many * HOURS_PER_DAY / HOURS_PER_MONTH)
    return Running(
        run * exactly(many),
        Range(*(hours(min(part, HOURS_PER_DAY) * a_day) for part in (run.low, run.expected, run.high))),
        run,
        (of_run, of_runs),
        Confidence.DERIVED if known else Confidence.ASSUMED,
    )


def _declared(facts: Facts) -> Running:
    cap = decimal(facts.max_runtime_hours) if facts.max_runtime_hours is not None else None
    if facts.kind is Kind.TRAINING_JOB:
        return _job(facts, cap)
    if facts.schedule is not None:
        return _scheduled(min(decimal(facts.schedule.hours_per_week), HOURS_PER_WEEK), facts.schedule.declared_by)
    if cap is not None and facts.kind is Kind.COMPUTE:
        text = f"runs once, and ends after {cap.normalize():f} h as declared"
        return _runs(cap, Decimal(1), (text,), Confidence.DERIVED)
    if facts.kind in (Kind.NETWORK, Kind.OTHER):
        return _always(("is there all month (730 h)",), Confidence.EXACT)
    notes = ["runs all month (730 h): no schedule is declared"]
    if facts.idle_shutdown_minutes is not None:
        notes.append(f"the idle shutdown after {facts.idle_shutdown_minutes:g} min may shorten it")
    return _always(tuple(notes))


def _job(facts: Facts, cap: Decimal | None) -> Running:
    if cap is None:
        reason = facts.unknowns.get("max_runtime_hours")
        why = f"its max runtime is unknown ({reason})" if reason else "no max runtime is declared"
        return _always((f"counted as if it ran all month (730 h): {why}",))
    text = f"a run is counted at its cap of {cap.normalize():f} h"
    if facts.runs_per_month is None:
        return _runs(cap, Decimal(1), (text, "one run a month: no frequency is declared"), Confidence.ASSUMED)
    runs = decimal(facts.runs_per_month)
    return _runs(cap, runs, (text, f"{runs.normalize():f} runs a month"), Confidence.DERIVED, repeated=True)


def _runs(
    cap: Decimal, runs: Decimal, notes: tuple[str, ...], confidence: Confidence, repeated: bool = False
) -> Running:
    """One run fits into a month at most; repeated ones may run side by side."""
    month = hours(EXACT.multiply(cap, runs)) if repeated else min(cap, HOURS_PER_MONTH)
    a_day = max(Decimal(1), runs * HOURS_PER_DAY / HOURS_PER_MONTH)
    return Running(exactly(month), exactly(hours(min(cap, HOURS_PER_DAY) * a_day)), exactly(cap), notes, confidence)


def _scheduled(week: Decimal, declared_by: str) -> Running:
    note = f"runs {week.normalize():f} of 168 h a week, as declared by {declared_by}"
    month, day = hours(week * HOURS_PER_MONTH / HOURS_PER_WEEK), hours(week / 7)
    return Running(exactly(month), exactly(day), None, (note,), Confidence.DERIVED)


def _always(notes: tuple[str, ...], confidence: Confidence = Confidence.ASSUMED) -> Running:
    return Running(exactly(HOURS_PER_MONTH), exactly(HOURS_PER_DAY), None, notes, confidence)
