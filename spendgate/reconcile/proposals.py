"""What the usage file should have said, and writing it there."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from spendgate import estimate as estimate_room
from spendgate.errors import InputError
from spendgate.reconcile.effects import NOTHING, counts
from spendgate.reconcile.model import Cause, Compared, EstimatedLine, Pair, Proposal
from spendgate.reconcile.pairing import quantity_of, unit_of
from spendgate.writing import write_whole

WORTH: Final = Fraction(2, 100)
"""A figure that is off by less is not proposed."""

MOST_HOURS: Final = Fraction(744)
_HEAD: Final = "apiVersion: spendgate.dev/v1\nkind: Usage\nresources:\n"
_STORES: Final = ("bucket", "snapshot", "volume")


def proposals_of(compared: Sequence[Compared], part: Fraction, month: str) -> tuple[Proposal, ...]:
    """Figures that would have been right for each resource. ``part`` is how much of the month the bill covers: what is
    counted a month is proposed for a whole one."""
    found = []
    for one in compared:
        figures: dict[str, Fraction] = {}
        reasons: list[str] = []
        _machines(one, part, figures, reasons)
        _amounts(one, part, figures, reasons)
        if figures:
            reason = f"bill of {month}: {'; '.join(reasons)}"
            found.append(Proposal(one.resource.name, one.resource.type, figures, reason))
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
    estimated = sum((line.quantity for _, line, *_ in pairs), NOTHING)
    hours = used / count
    if _off(estimated, count):
        figures["instances"] = _rounded(count, 3)
        reasons.append(f"{_plain(count)} instances on average, {_plain(estimated)} estimated")
    first = pairs[0][1]
    at_first = _expected_hours(first, pairs[0][0])
    if not _off(at_first, hours):
        return
    whole = hours / part
    reasons.append(f"ran {_plain(hours)} h, {_plain(at_first)} h estimated")
    if first.runs:
        runs = first.runs / part
        figures["runsPerMonth"] = _rounded(runs, 2)
        figures["hoursPerRun"] = _rounded(whole / runs, 4)
        reasons.append(f"taken as {_plain(runs)} runs, as estimated: the bill does not count runs")
    else:
        figures["hoursPerMonth"] = _rounded(min(whole, MOST_HOURS), 2)


def _expected_hours(line: EstimatedLine, pair: Pair) -> Fraction:
    """The hours of the estimate in a month of this length."""
    return next(
        (effect.estimated for effect in pair.effects if effect.cause is Cause.HOURS and effect.estimated), None
    ) or (line.hours or NOTHING)


def _amounts(one: Compared, part: Fraction, figures: dict[str, Fraction], reasons: list[str]) -> None:
    """GiB that are stored or moved."""
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
    for figure, amount in actual.items():
        before = estimated.get(figure, NOTHING)
        if _off(before, amount):
            figures[figure] = _rounded(amount / part, 3)
            reasons.append(f"{figure} {_plain(amount)} GiB, {_plain(before)} estimated")


def _figure(one: Compared, pair: Pair) -> str | None:
    """The figure of the usage file that says the quantity of a pair; None where none does."""
    if pair.line is not None:
        if pair.line.unit == "GiB-month":
            return "storedGib" if one.resource.kind in _STORES and not one.resource.sized else None
        return next((use for item, use in _moved() if fnmatchcase(pair.line.item, item)), None)
    (charge,) = pair.charges
    if unit_of(charge) == "GiB-month" and one.resource.kind in _STORES and not one.resource.sized:
        return "storedGib"
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


def figure_text(value: Fraction) -> str:
    """A figure as YAML writes it."""
    number = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{number.normalize():f}"


def as_yaml(proposals: Sequence[Proposal]) -> str:
    """The proposals as entries of a usage file."""
    lines = ["resources:"]
    for one in proposals:
        lines.append(f"  # {one.reason}")
        lines.append(f"  - match: {{name: {_quoted(_pattern(one.name))}, type: {_quoted(_pattern(one.type))}}}")
        lines += [f"    {name}: {figure_text(value)}" for name, value in one.figures.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _pattern(name: str) -> str:
    """A name that is matched as it is: [, * and ? are wildcards in a usage file."""
    return "".join(f"[{letter}]" if letter in "[*?" else letter for letter in name)


def write_usage(file: Path, proposals: Sequence[Proposal]) -> None:
    """Put the proposals into a usage file, which is made where there is none; comments and all else stay.

    An entry for exactly the same resource gets the figures, unless a later entry says one of them: then, and where
    there is none, an entry is added at the end, which counts. Raises InputError for a file that is no usage file, and
    leaves it as it was.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    from spendgate.estimate.usage_file import read_usage

    if file.exists():
        read_usage(file)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(file.read_text(encoding="utf-8") if file.exists() else _HEAD)
    if data.get("resources") is None:
        data["resources"] = CommentedSeq()
    entries = data["resources"]
    for one in proposals:
        match = {"name": _pattern(one.name), "type": _pattern(one.type)}
        entry = _same(entries, match, one.figures)
        if entry is None:
            entry = CommentedMap({"match": CommentedMap(match)})
            entry["match"].fa.set_flow_style()
            entries.append(entry)
            entries.yaml_set_comment_before_after_key(len(entries) - 1, before=one.reason, indent=2)
        for name, value in one.figures.items():
            entry[name] = int(value) if value.denominator == 1 else float(value)
    stream = io.StringIO()
    yaml.dump(data, stream)
    try:
        write_whole(file, stream.getvalue())
    except OSError as error:
        raise InputError(f"the usage file cannot be written: {error.strerror}", place=file) from None


def _same(entries: Any, match: Mapping[str, str], figures: Mapping[str, Fraction]) -> Any:
    found = None
    for entry in entries:
        if dict(entry["match"]) == match:
            found = entry
        elif found is not None and any(name in entry for name in figures):
            found = None
    return found
