"""Office hours: when development capacity is there, written as each scheduler wants it."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import available_timezones

from spendgate_components.errors import ArgumentError

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MOST_HOURS: Final = 60
"""Hours a week that capacity on a schedule may be there outside production, as in the guardrails
``nonprod-gpu-spot-or-scheduled`` and ``nonprod-pool-office-hours``."""
WEEK: Final = Decimal(168)

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class OfficeHours:
    """When it is there: from ``start`` to ``end`` on ``days``."""

    start: str | None = None
    """The time of day, as 08:00. Default: 08:00."""
    end: str | None = None
    """The time of day, later than the start. Default: 18:00."""
    days: str | None = None
    """A range or a list of days, as mon-fri or mon,wed,fri. Default: mon-fri."""
    timezone: str | None = None
    """A name of the IANA time zone database, as Europe/Berlin. Default: UTC."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Office hours as they were read: minutes after midnight, and days from 0, Sunday."""

    start: int
    end: int
    days: tuple[int, ...]
    timezone: str

    @property
    def per_week(self) -> Decimal:
        """Hours a week that it is there."""
        return Decimal((self.end - self.start) * len(self.days)) / 60

    def cron(self, minute: int) -> str:
        """A cron line of five fields for a minute of these days."""
        return f"{minute % 60} {minute // 60} * * {','.join(str(day) for day in self.days)}"

    def eventbridge(self, minute: int) -> str:
        """The expression of EventBridge for a minute of these days."""
        return f"cron({minute % 60} {minute // 60} ? * {','.join(DAYS[day].upper() for day in self.days)} *)"

    def __str__(self) -> str:
        def clock(minute: int) -> str:
            return f"{minute // 60:02}:{minute % 60:02}"

        named = ",".join(DAYS[day] for day in self.days)
        return f"{clock(self.start)} to {clock(self.end)} on {named} ({self.timezone})"


def hours_of(given: OfficeHours | None, path: str, *, production: bool) -> Hours:
    """Office hours with every default filled in. Raises ArgumentError, also for more than 60 hours a week outside
    production."""
    given = given or OfficeHours()
    start, end = (
        _minute(f"{path}.{word}", value)
        for word, value in (("start", given.start or "08:00"), ("end", given.end or "18:00"))
    )
    if end <= start:
        remedy = "Write an end that is later in the day."
        raise ArgumentError(f"{path} ends at {given.end or '18:00'}, before it starts", remedy=remedy)
    timezone = given.timezone or "UTC"
    if timezone != "UTC" and timezone not in available_timezones():
        raise ArgumentError(f'{path}.timezone is "{timezone}"', remedy="Write a name such as Europe/Berlin.")
    found = Hours(start, end, _days(f"{path}.days", given.days or "mon-fri"), timezone)
    if not production and found.per_week > MOST_HOURS:
        remedy = f"Write at most {MOST_HOURS} hours: nobody is there at the others."
        raise ArgumentError(f"{path} is {found.per_week.normalize():f} hours a week", remedy=remedy)
    return found


def _minute(path: str, value: object) -> int:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ArgumentError(f'{path} is "{value}"', remedy="Write a time of day, such as 08:00.")
    return int(found[1]) * 60 + int(found[2])


def _days(path: str, value: object) -> tuple[int, ...]:
    wrong = ArgumentError(f'{path} is "{value}"', remedy="Write days such as mon-fri or mon,wed,fri.")
    if not isinstance(value, str):
        raise wrong
    found: set[int] = set()
    for part in value.lower().split(","):
        first, dash, last = part.strip().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise wrong
        at, to = DAYS.index(first), DAYS.index(last or first)
        # From Monday to Sunday the week goes round.
        found.update(day % 7 for day in range(at, (to if to >= at else to + 7) + 1))
    return tuple(sorted(found))
