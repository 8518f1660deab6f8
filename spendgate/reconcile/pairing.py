"""The lines of one resource on both sides, and what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from spendgate.reconcile import tokens
from spendgate.reconcile.effects import NOTHING, counted, counts, hourly
from spendgate.reconcile.estimated import HOURS
from spendgate.reconcile.model import Cause, Charge, Compared, Effect, EstimatedLine, EstimatedResource, Pair, Window
from spendgate.reconcile.parts import part_of
from spendgate.reconcile.runs import runs_of

_UNITS: Final = (
    ("hour", re.compile(r"^(1 |10 |100 |1000 )?(instance[- ]?|vm[- ]?|node[- ]?)?(hours?|hrs?|h)$")),
    ("second", re.compile(r"^(seconds?|s)$")),
    ("GiB-month", re.compile(r"^(1 |10 |100 |1000 )?(gi?b|gibibytes?|gigabytes?)[- /]?(months?|mo)$")),
    ("GiB-hour", re.compile(r"^(gi?b|gibibytes?)[- ](hours?|hrs?)$")),
    ("GiB", re.compile(r"^(1 |10 |100 |1000 )?(gi?b|gibibytes?|gigabytes?)$")),
    ("IOPS-month", re.compile(r"^iops-(months?|mo)$")),
    ("LCU-hour", re.compile(r"^lcu-(hours?|hrs?)$")),
    ("vCPU-hour", re.compile(r"^vcpu-(hours?|hrs?)$")),
    ("requests", re.compile(r"^(api[- ])?(requests?|count|invocations?)$")),
)
"""Azure prices by blocks (100 Hours) and counts single units: x_PricingBlockSize in microsoft/finops-toolkit."""

_PRICING: Final = {"on_demand": "standard", "spot": "dynamic", "reserved": "committed", "capacity_block": "committed"}

NO_BREAK: Final = Fraction(95, 100)
"""What ran at least this share of the time between its first and its last hour ran without a break."""

_A_DAY: Final = timedelta(days=1)
_SECONDS: Final = Fraction(1, 3600)


def unit_of(charge: Charge) -> str:
    """The unit of a charge as estimates write it; what it is called on the bill where none of these fits."""
    text = charge.unit.strip().lower()
    if tokens.million_tokens(charge) is not None:
        return tokens.MILLION_TOKENS
    return next((unit for unit, pattern in _UNITS if pattern.fullmatch(text)), text)


def _unit(charge: Charge) -> str:
    unit = unit_of(charge)
    return "hour" if unit == "second" else unit


def quantity_of(charge: Charge) -> Fraction | None:
    """Its quantity in that unit; seconds are hours."""
    if charge.quantity is None:
        return None
    millions = tokens.million_tokens(charge)
    if millions is not None:
        return charge.quantity * millions
    return charge.quantity * _SECONDS if unit_of(charge) == "second" else charge.quantity


def compared(
    resource: EstimatedResource,
    methods: Sequence[str],
    charges: Sequence[Charge],
    windows: Mapping[int, tuple[Window, ...]],
    covered: tuple[datetime, Fraction],
    month_hours: Fraction,
) -> Compared:
    """One resource with its charges: what is usage beside the lines of the estimate, what is none apart.

    ``covered`` is when the month begins and how many of its hours the bill has.
    """
    usage = [charge for charge in charges if charge.category == "Usage" and not charge.correction]
    apart: dict[str, Fraction] = {}
    for charge in charges:
        if charge.category != "Usage" or charge.correction:
            name = "Correction" if charge.correction else charge.category
            apart[name] = apart.get(name, NOTHING) + charge.cost
    of_line = _assigned(resource.lines, usage)
    pairs: list[Pair] = []
    unpriced = NOTHING
    for index, line in enumerate(resource.lines):
        own = of_line.get(index, [])
        if line.cost is None:
            unpriced += sum((charge.cost for charge in own), NOTHING)
        elif own or line.cost:
            pairs.append(_pair(line, own, windows, covered, month_hours))
    for charge in of_line.get(None, ()):
        pairs.append(Pair(None, (charge,), NOTHING, charge.cost, (Effect(Cause.NOT_ESTIMATED, charge.cost),)))
    return Compared(resource, tuple(methods), tuple(pairs), apart, unpriced)


def _assigned(lines: Sequence[EstimatedLine], charges: Sequence[Charge]) -> dict[int | None, list[Charge]]:
    """The charges of each line; under None those that none of them is for."""
    found: dict[int | None, list[Charge]] = {}
    named = {index: any(_names(line, charge) for charge in charges) for index, line in enumerate(lines)}
    for charge in charges:
        best: tuple[int, int] | None = None
        for index, line in enumerate(lines):
            score = _score(line, charge, named[index])
            if score and (best is None or score > best[0]):
                best = (score, index)
        found.setdefault(best[1] if best else None, []).append(charge)
    # What names a line that has no charge, in a unit that estimates do not know, is still what was billed for it.
    for charge in list(found.get(None, ())):
        lines_named = [index for index, line in enumerate(lines) if index not in found and _names(line, charge)]
        if len(lines_named) == 1:
            found[None].remove(charge)
            found[lines_named[0]] = [charge]
    return found


def _score(line: EstimatedLine, charge: Charge, named: bool) -> int:
    """How well a charge fits a line; 0 where it does not."""
    names = _names(line, charge)
    if part_of(line, charge) is not None:
        return 4 + 2 * (is_spot(charge) == (line.purchase == "spot"))
    if charge.quantity is not None and _unit(charge) != line.unit:
        return 0
    if line.unit == tokens.MILLION_TOKENS and not tokens.fits(line, charge):
        return 0
    if named and not names:
        return 0  # another charge names what the line is for
    if charge.quantity is None and not names and not named:
        return 1
    score = 4 if names else 1
    pricing = (charge.pricing or "").lower()
    if is_spot(charge) == (line.purchase == "spot"):
        score += 2
    if pricing and pricing == _PRICING.get(line.purchase):
        score += 1
    return score


def is_spot(charge: Charge) -> bool:
    """Whether it is of spot capacity."""
    text = charge.text.lower()
    return (charge.pricing or "").lower() == "dynamic" or "spot" in text or "preemptible" in text


def _names(line: EstimatedLine, charge: Charge) -> bool:
    """Whether the text of a charge has the item: g5.xlarge, and of rds.postgres.t3.large the t3.large."""
    parts = line.item.split(".")
    words = {line.item, ".".join(parts[-2:]), *((parts[-1],) if len(parts) > 1 and line.kind != "machine" else ())}
    # Azure's meters are sizes without Standard_ and with blanks, Google's devices are written with them.
    words |= {re.sub(r"[_-]", " ", line.item.removeprefix("Standard_"))} if line.provider in ("azure", "gcp") else set()
    text = charge.text.lower()
    return any(re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])", text) for word in words)


def _pair(
    line: EstimatedLine,
    charges: Sequence[Charge],
    windows: Mapping[int, tuple[Window, ...]],
    covered: tuple[datetime, Fraction],
    month_hours: Fraction,
) -> Pair:
    estimated = line.cost or NOTHING
    actual = sum((charge.cost for charge in charges), NOTHING)
    parts = {charge.number: part_of(line, charge) for charge in charges}
    telling = [charge for charge in charges if counts(charge) and parts[charge.number] != 0]
    quantities = [
        quantity / (parts[charge.number] or 1) for charge in telling if (quantity := quantity_of(charge)) is not None
    ]
    quantity = sum(quantities, NOTHING)
    if not charges or (len(quantities) == len(telling) and not quantity and not actual):
        return Pair(line, tuple(charges), estimated, actual, (Effect(Cause.NOT_USED, actual - estimated),))
    effects = None
    count = hours = runs = None
    notes: list[str] = []
    if any(_unit(charge) != line.unit for charge in telling if charge.quantity is not None):
        notes.append(f"billed by {charges[0].unit}, estimated by {line.unit}")
    elif len(quantities) == len(telling) and quantity > 0:
        if line.hours is not None and line.unit == "hour":
            own = [
                window
                for charge in telling
                for window in _in_hours(charge, windows.get(charge.number, ()), parts[charge.number] or Fraction(1))
            ]
            count, hours = count_and_hours(own, quantity)
            share, told = _lived(line, own, hours, covered)
            notes += told
            runs = runs_of(own) if line.runs else None
            effects = hourly(line, charges, count, hours, month_hours / HOURS, share)
        elif line.hours is not None:
            count, hours = line.quantity, quantity / line.quantity if line.quantity else NOTHING
            effects = hourly(line, charges, count, hours, month_hours / HOURS, None)
        else:
            effects = counted(line, charges, quantity)
            hours, count = None, quantity
    if effects is None:
        effects = (Effect(Cause.UNSPLIT, actual - estimated),)
    elif any(charge.listed is None for charge in telling):
        notes.append("the bill has no ListCost: the price is what was paid, discounts among it")
    return Pair(line, tuple(charges), estimated, actual, effects, count, hours, tuple(notes), runs)


def _in_hours(charge: Charge, windows: Sequence[Window], units: Fraction) -> list[Window]:
    """The hours of machines that ``units`` of the charge make one of."""
    scale = (_SECONDS if unit_of(charge) == "second" else 1) / units
    return [Window(one.starts, one.ends, one.resource, one.hours * scale) for one in windows]


def count_and_hours(windows: Sequence[Window], quantity: Fraction) -> tuple[Fraction, Fraction]:
    """How many instances there were on average while any ran, and how many hours that was.

    In each charge period the hours are the most that one resource of the bill ran, at most those of the period; the
    count is all hours over their sum. The two multiply to all hours exactly.
    """
    most: dict[tuple[datetime, datetime], dict[str, Fraction]] = {}
    for window in windows:
        of = most.setdefault((window.starts, window.ends), {})
        of[window.resource] = of.get(window.resource, NOTHING) + window.hours
    hours = NOTHING
    for (starts, ends), by_resource in most.items():
        length = Fraction((ends - starts) // timedelta(seconds=1), 3600)
        longest = max(by_resource.values())
        hours += min(longest, length) if length > 0 else longest
    if hours <= 0:
        return Fraction(1), quantity
    return quantity / hours, hours


def _lived(
    line: EstimatedLine, windows: Sequence[Window], hours: Fraction, covered: tuple[datetime, Fraction]
) -> tuple[Fraction | None, list[str]]:
    """The share of the covered time between its first and its last hour, where it ran without a break in between and
    began or ended more than a day inside; else None."""
    if not line.all_month or not windows:
        return None, []
    begins, length = covered
    starts, ends = min(window.starts for window in windows), max(window.ends for window in windows)
    until = begins + timedelta(seconds=float(length * 3600))
    if starts - begins <= _A_DAY and until - ends <= _A_DAY:
        return None, []
    alive = Fraction((ends - starts) // timedelta(seconds=1), 3600)
    if not alive or hours < alive * NO_BREAK:
        return None, []
    return alive / length, [f"ran without a break from {starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC"]
