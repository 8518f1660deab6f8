"""Cron lines (five fields, as Kubernetes and the clouds' schedulers read them): how often, and between which times."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

MINUTES_PER_WEEK: Final = 7 * 24 * 60
HOURS_PER_MONTH: Final = 730.0
"""One month as the estimate counts it (365 days × 24 h ÷ 12)."""

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAYS: Final = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_ZONE: Final = re.compile(r"^(?:CRON_)?TZ=\S+\s+")
_SAMPLE_DAYS: Final = 28 * 365 + 7
"""28 years, in which the Gregorian calendar of 1901 to 2099 repeats: every date has met every weekday."""


class CronError(ValueError):
    """A text that is no cron line."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed cron line. A day matches when both day fields do, or either one where both are restricted (POSIX)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @property
    def weekly(self) -> bool:
        """Whether every week is like every other."""
        return self.any_day and len(self.months) == 12

    def matches(self, day: date) -> bool:
        """Whether it fires on this day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return in_month and in_week
        return in_month or in_week


@functools.lru_cache(maxsize=1024)
def parse(line: str) -> Cron:
    """Parse a cron line, macros (``@daily``) and a time zone prefix included. Raises CronError."""
    line = _ZONE.sub("", line.strip())
    fields = _MACROS.get(line.lower(), line).split()
    if len(fields) != 5:
        raise CronError(f'"{line}" is no cron line of five fields')
    minutes, hours, days, months, weekdays = fields
    return Cron(
        minutes=_field(minutes, 0, 59),
        hours=_field(hours, 0, 23),
        days=_field(days, 1, 31),
        months=_field(months, 1, 12, _MONTHS),
        weekdays=frozenset(day % 7 for day in _field(weekdays, 0, 7, _DAYS)),
        any_day=days in ("*", "?"),
        any_weekday=weekdays in ("*", "?"),
    )


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, 1, high + 1, None) if step_text else 1
        if span in ("*", "?"):
            first, last = low, high
        elif "-" in span:
            start, _, end = span.partition("-")
            first, last = _number(start, low, high, names), _number(end, low, high, names)
        else:
            first = _number(span, low, high, names)
            last = high if step_text else first
        if last < first:
            raise CronError(f'the range "{part}" runs backwards')
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, low: int, high: int, names: dict[str, int] | None) -> int:
    named = (names or {}).get(text.lower())
    if named is not None:
        return named
    if not (text.isascii() and text.isdigit() and low <= int(text[:9]) <= high):
        raise CronError(f'"{text}" is not between {low} and {high}')
    return int(text)


@functools.lru_cache(maxsize=1024)
def runs_per_month(line: str) -> float:
    """How often a cron line fires in a month of 730 hours, on average. Raises CronError."""
    cron = parse(line)
    if cron.weekly:
        days_of_week = 7 if cron.any_weekday else len(cron.weekdays)
        per_day = days_of_week / 7
    else:
        start = date(2001, 1, 1)
        per_day = sum(cron.matches(start + timedelta(days)) for days in range(_SAMPLE_DAYS)) / _SAMPLE_DAYS
    return len(cron.minutes) * len(cron.hours) * per_day * HOURS_PER_MONTH / 24


@functools.lru_cache(maxsize=1024)
def hours_per_week(starts: tuple[str, ...], stops: tuple[str, ...]) -> float:
    """Hours of a week between the firing of any start line and the next firing of any stop line, every week alike.

    Raises CronError for lines that are none, that do not repeat weekly, or that never start or never stop.
    """
    on, off = _week(starts), _week(stops)
    if not on or not off:
        raise CronError("a schedule needs a time to start and a time to stop")
    events = sorted({*((minute, False) for minute in off), *((minute, True) for minute in on)})
    running = events[-1][1]  # the week before ended like this one does
    total, since = 0, 0
    for minute, starting in events:
        if running:
            total += minute - since
        running, since = starting, minute
    if running:
        total += MINUTES_PER_WEEK - since
    return total / 60


def _week(lines: tuple[str, ...]) -> set[int]:
    minutes: set[int] = set()
    for line in lines:
        cron = parse(line)
        if not cron.weekly:
            raise CronError(f'"{line}" does not repeat every week')
        days = range(7) if cron.any_weekday else cron.weekdays
        minutes.update(
            (day * 24 + hour) * 60 + minute for day in days for hour in cron.hours for minute in cron.minutes
        )
    return minutes
