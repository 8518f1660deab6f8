"""What the usage file should have said, and writing it there."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Final

from spendgate import estimate as estimate_room
from spendgate.reconcile import tokens
from spendgate.reconcile.effects import NOTHING, counts
from spendgate.reconcile.model import Cause, Compared, EstimatedLine, Pair, Proposal
from spendgate.reconcile.pairing import is_spot, quantity_of, unit_of

WORTH: Final = Fraction(2, 100)
"""A figure that is off by less is not proposed."""

MOST_HOURS: Final = Fraction(744)
_STORES: Final = ("bucket", "snapshot", "volume")
_SERVES: Final = ("compute", "node_pool", "training_job", "endpoint", "notebook", "database", "workload")
"""Kinds that requests are said of."""

_BASE: Final = re.compile(r"a base of (\d+(?:\.\d+)?) is on-demand")
_MIXED: Final = re.compile(r"of the instances.* are on-demand, rounded up|of the instances are spot")
_AVAILABLE: Final = re.compile(r"^spot is to be had 0")
"""What an estimate says of spot among its assumptions."""


def proposals_of(compared: Sequence[Compared], part: Fraction, month: str) -> tuple[Proposal, ...]:
    """Figures that would have been right for each resource. ``part`` is how much of the month the bill covers: what is
    counted a month is proposed for a whole one."""
    found = []
    for one in compared:
        figures: dict[str, Fraction] = {}
        reasons: list[str] = []
        _machines(one, part, figures, reasons)
        _amounts(one, part, figures, reasons)
        model = _tokens(one, part, figures, reasons)
        if figures:
            reason = f"bill of {month}: {'; '.join(reasons)}"
            name = one.resource.name.removeprefix("model ") if model else one.resource.name
            found.append(Proposal(name, one.resource.type, figures, reason, model))
    return tuple(found)


def _machines(one: Compared, part: Fraction, figures: dict[str, Fraction], reasons: list[str]) -> None:
    """Hours and number of what is billed by the hour: of all such lines together."""
    pairs = [
        (pair, pair.line, pair.count, pair.hours)
        for pair in one.pairs
        if pair.line is not None and pair.line.kind == "machine" and pair.count is not None and pair.hours is not None
        and pair.line.hours is not None and pair.line.unit == "hour"
    ]  # fmt: skip
    if not pairs:
        return
    if any(effect.cause is Cause.LIVED and effect.amount for pair, *_ in pairs for effect in pair.effects):
        return  # it lived a part of the month: what it does in a whole one is not known
    used = sum((count * hours for _, _, count, hours in pairs), NOTHING)
    count = sum((count for _, _, count, _ in pairs), NOTHING)
    # Of what was bought in two ways one may not be on the bill at all.
    items = {line.item for _, line, *_ in pairs}
    lines = [pair.line for pair in one.pairs if pair.line is not None and pair.line.hours is not None]
    estimated = sum((line.quantity for line in lines if line.item in items), NOTHING)
    hours = used / count
    _spot(one, count, figures, reasons)
    if _off(estimated, count):
        figures["instances"] = _rounded(count, 3)
        reasons.append(f"{_plain(count)} instances on average, {_plain(estimated)} estimated")
    first = pairs[0][1]
    at_first = _expected_hours(first, pairs[0][0])
    runs, known_by = _runs(pairs[0][0], first, at_first, hours)
    if not _off(at_first, hours) and not (first.runs and _off(first.runs, runs)):
        return
    whole = hours / part
    reasons.append(f"ran {_plain(hours)} h, {_plain(at_first)} h estimated")
    if first.runs:
        figures["runsPerMonth"] = _rounded(runs / part, 2)
        figures["hoursPerRun"] = _rounded(hours / runs, 4)
        reasons.append(known_by)
    else:
        figures["hoursPerMonth"] = _rounded(min(whole, MOST_HOURS), 2)


def _runs(pair: Pair, line: EstimatedLine, estimated: Fraction, hours: Fraction) -> tuple[Fraction, str]:
    """How often a job ran, and by what that is known: as estimated where the bill does not show it. A spell that is
    longer than two of the estimated runs may be several of them."""
    if line.runs is None:
        return Fraction(1), ""
    if pair.runs is not None:
        runs, known_by = pair.runs
        if "jobs" in known_by or hours / runs <= 2 * estimated / line.runs:
            return runs, f"{known_by}, {_plain(line.runs)} runs estimated"
    return line.runs, f"taken as {_plain(line.runs)} runs, as estimated: the bill does not count runs"


def _spot(one: Compared, count: Fraction, figures: dict[str, Fraction], reasons: list[str]) -> None:
    """The share of spot among the machines above the on-demand base, of what may be spot."""
    pairs = [pair for pair in one.pairs if pair.line is not None and pair.line.kind == "machine"]
    lines = [pair.line for pair in pairs if pair.line is not None and pair.line.unit == "hour"]
    said = [text for line in lines for text in line.assumptions]
    expected = sum((line.quantity for line in lines), NOTHING)
    if not expected or not (any(line.purchase == "spot" for line in lines) or any(map(_MIXED.search, said))):
        return
    charges = [charge for pair in pairs for charge in pair.charges if counts(charge)]
    hours = [(is_spot(charge), quantity_of(charge) or NOTHING) for charge in charges if unit_of(charge) in _HOURLY]
    used = sum((amount for _, amount in hours), NOTHING)
    if used <= 0:
        return
    share = sum((amount for spot, amount in hours if spot), NOTHING) / used
    before = sum((line.quantity for line in lines if line.purchase == "spot"), NOTHING) / expected
    available = any(map(_AVAILABLE.match, said))
    if not _off(before, share) and not (available and share < 1):
        return
    based = next((found for text in said if (found := _BASE.search(text))), None)
    above = count - (Fraction(based[1]) if based else NOTHING)
    if above <= 0:
        return
    # Estimates count whole machines on demand: the share is cut so that just as many are, and none for a last digit.
    on_demand = min(max(Fraction(round(count * (1 - share))) - (count - above), NOTHING), above)
    figures["spotShare"] = Fraction(-((-(1 - on_demand / above) * 10**6).__floor__()), 10**6)
    if available:
        figures["spotAvailability"] = Fraction(1)
    reasons.append(f"{_plain(share * 100)}% of the machine hours were spot, {_plain(before * 100)}% estimated")


_HOURLY: Final = ("hour", "second")


def _tokens(one: Compared, part: Fraction, figures: dict[str, Fraction], reasons: list[str]) -> dict[str, str]:
    """Tokens of a model that is priced by them; its provider, id and region, nothing where it is none."""
    lines = [pair.line for pair in one.pairs if pair.line is not None and pair.line.unit == tokens.MILLION_TOKENS]
    model = tokens.model_of(lines)
    if model is None:
        return {}
    estimated: dict[str | None, Fraction] = {}
    for line in lines:
        way = tokens.way_of(line)
        estimated[way] = estimated.get(way, NOTHING) + line.quantity
    actual: dict[str | None, Fraction] = {}
    for pair in one.pairs:
        for charge in filter(counts, pair.charges):
            if unit_of(charge) != tokens.MILLION_TOKENS:
                continue
            way, amount = tokens.direction_of(charge.text), quantity_of(charge)
            if way is None or amount is None:
                return {}  # which way they went is not known
            actual[way] = actual.get(way, NOTHING) + amount
    if not actual:
        return {}
    (read, cached, written), (was_read, was_cached, was_written) = (
        # What is put into a cache is read too, and from none.
        (side.get(tokens.INPUT, NOTHING) + side.get(tokens.CACHE_WRITE, NOTHING), side.get(tokens.CACHED, NOTHING),
         side.get(tokens.OUTPUT, NOTHING))
        for side in (actual, estimated)
    )  # fmt: skip
    if not any(_off(*sides) for sides in ((was_read, read), (was_cached, cached), (was_written, written))):
        return {}
    figures["inputTokensPerMonth"] = _rounded((read + cached) * 1_000_000 / part, 0)
    figures["outputTokensPerMonth"] = _rounded(written * 1_000_000 / part, 0)
    if cached or was_cached:
        figures["cacheHitShare"] = _rounded(cached / (read + cached) if read + cached else NOTHING, 6)
    reasons.append(
        f"{_plain(read + cached)} million tokens read, {_plain(was_read + was_cached)} estimated; "
        f"{_plain(written)} million written, {_plain(was_written)} estimated"
    )
    first = lines[0]
    region = {"region": first.region} if first.region else {}
    return {"provider": first.provider, "model": model, **region}


def _expected_hours(line: EstimatedLine, pair: Pair) -> Fraction:
    """The hours of the estimate in a month of this length."""
    return next(
        (effect.estimated for effect in pair.effects if effect.cause is Cause.HOURS and effect.estimated), None
    ) or (line.hours or NOTHING)


def _amounts(one: Compared, part: Fraction, figures: dict[str, Fraction], reasons: list[str]) -> None:
    """GiB that are stored or moved, and requests."""
    actual: dict[str, Fraction] = {}
    estimated: dict[str, Fraction] = {}
    for pair in one.pairs:
        figure = _figure(one, pair)
        if figure is None:
            continue
        quantities = [quantity_of(charge) for charge in pair.charges if counts(charge)]
        if None in quantities:
            continue
        actual[figure] = actual.get(figure, NOTHING) + sum((item for item in quantities if item), NOTHING)
        if pair.line is not None:
            estimated[figure] = estimated.get(figure, NOTHING) + pair.line.quantity
    if one.resource.requests is not None:
        estimated[_REQUESTS] = one.resource.requests
    for figure, amount in actual.items():
        before = estimated.get(figure, NOTHING)
        if _off(before, amount):
            figures[figure] = _rounded(amount / part, 0 if figure == _REQUESTS else 3)
            reasons.append(f"{figure} {_plain(amount)}{_GIB.get(figure, ' GiB')}, {_plain(before)} estimated")


_REQUESTS: Final = "requestsPerMonth"
_GIB: Final = {_REQUESTS: ""}


def _figure(one: Compared, pair: Pair) -> str | None:
    """The figure of the usage file that says the quantity of a pair; None where none does."""
    if pair.line is not None:
        if pair.line.unit == "GiB-month":
            return "storedGib" if one.resource.kind in _STORES and not one.resource.sized else None
        return next((use for item, use in _moved() if fnmatchcase(pair.line.item, item)), None)
    (charge,) = pair.charges
    if unit_of(charge) == "GiB-month" and one.resource.kind in _STORES and not one.resource.sized:
        return "storedGib"
    if unit_of(charge) == "requests":
        return _REQUESTS if one.resource.kind in _SERVES or one.resource.address.startswith("model ") else None
    text = charge.text.lower().replace("-", " ")
    if unit_of(charge) == "GiB" and ("data transfer out" in text or "datatransfer out" in text or "egress" in text):
        return "egressGib"
    return None


@lru_cache(maxsize=1)
def _moved() -> tuple[tuple[str, str], ...]:
    file = Path(estimate_room.__file__).parent / "moved_items.csv"
    rows = csv.DictReader(row for row in file.read_text(encoding="utf-8").splitlines() if not row.startswith("#"))
    return tuple((row["item"], row["use"]) for row in rows)


def _off(estimated: Fraction, actual: Fraction) -> bool:
    return abs(actual - estimated) > WORTH * max(estimated, actual)


def _rounded(value: Fraction, places: int) -> Fraction:
    return Fraction(round(value * 10**places), 10**places)


def _plain(value: Fraction) -> str:
    number = Decimal(round(value * 1000)) / 1000
    return f"{number.normalize():f}" if number else "0"
