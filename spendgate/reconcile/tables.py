"""The tables of a reconciliation: resources, reasons, groups, and what has no counterpart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from spendgate.reconcile.compare import by_service, by_team, by_type, grouped
from spendgate.reconcile.effects import NOTHING
from spendgate.reconcile.figures import change, figure, money, percent, signed
from spendgate.reconcile.model import TOLD, Accuracy, Cause, Charge, Compared, Effect, Pair, Reconciled

SHOWN: Final = 20
"""Rows of a table that people are shown; the JSON report has all."""

WORTH: Final = Fraction(5, 1000)
"""An effect below this share of what was billed for a line, and of a cent, is not told."""


_SAYS: Final = {
    Cause.HOURS: re.compile(r"\bruns?\b"),
    Cause.COUNT: re.compile(r"\binstances?\b|\bnodes?\b"),
    Cause.QUANTITY: re.compile(r"\busage file\b|\bGiB\b"),
    Cause.PRICE: re.compile(r"\bspot\b"),
}
"""Which of a line's assumptions are about a cause."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the heads, how many of the last columns are figures, and the rows."""

    title: str
    heads: tuple[str, ...]
    figures: int
    rows: tuple[tuple[str, ...], ...]


def tables(found: Reconciled) -> list[Table]:
    """Resources, reasons, groups, and what has no counterpart."""
    made = [_resources(found), _causes(found), _lines(found)]
    everything = (*found.matched, *found.only_estimated)
    for title, group in (("By type", by_type), ("By service", by_service), ("By team", by_team)):
        made.append(_group(title, grouped(everything, group), found))
    made += [_missing(found), _strange(found)]
    return [table for table in made if table.rows]


def _resources(found: Reconciled) -> Table:
    ordered = sorted(found.matched, key=lambda one: (-abs(one.difference), one.resource.address))
    rows = [
        (
            one.resource.name,
            ", ".join(one.methods),
            money(one.estimated, found),
            money(one.actual, found),
            _error(one.estimated, one.actual),
            _why(one),
        )
        for one in ordered[:SHOWN]
    ]
    if rest := ordered[SHOWN:]:
        estimated, actual = (sum((getattr(one, side) for one in rest), NOTHING) for side in ("estimated", "actual"))
        cells = (
            f"{len(rest)} more",
            "",
            money(estimated, found),
            money(actual, found),
            _error(estimated, actual),
            "",
        )
        rows.append(cells)
    turned = tuple((row[0], row[1], row[5], row[2], row[3], row[4]) for row in rows)
    return Table("Resources", ("resource", "matched by", "mostly", "estimated", "billed", "error"), 3, turned)


def _why(one: Compared) -> str:
    """The cause that explains most of the difference."""
    sums: dict[Cause, Fraction] = {}
    for pair in one.pairs:
        for effect in pair.effects:
            sums[effect.cause] = sums.get(effect.cause, NOTHING) + effect.amount
    largest = max(sums.items(), key=lambda item: abs(item[1]), default=None)
    small = max(one.actual * WORTH, Fraction(1, 100))
    return "" if largest is None or abs(largest[1]) <= small else str(largest[0]).replace("_", " ")


def _causes(found: Reconciled) -> Table:
    rows = [
        (str(cause).replace("_", " "), TOLD[cause], change(amount, found))
        for cause, amount in sorted(found.causes.items(), key=lambda item: -abs(item[1]))
    ]
    if rows:
        difference = found.of_all.actual - found.of_all.estimated
        rows.append(("all", "what was billed beyond the estimate", change(difference, found)))
    return Table("Which assumption was wrong", ("cause", "what", "adds to the bill"), 1, tuple(rows))


def _lines(found: Reconciled) -> Table:
    pairs = [(one, pair) for one in found.matched for pair in one.pairs if pair.actual != pair.estimated]
    pairs.sort(key=lambda item: (-abs(item[1].actual - item[1].estimated), item[0].resource.address))
    rows = []
    for one, pair in pairs[:SHOWN]:
        item = pair.line.item if pair.line else pair.charges[0].text or pair.charges[0].unit
        told = [_effect(effect, pair, found) for effect in pair.effects if worth(effect, pair)]
        rows.append(
            (
                one.resource.name,
                item,
                "; ".join([*told, *pair.notes, *_assumed(pair)]),
                change(pair.actual - pair.estimated, found),
            )
        )
    return Table("Lines that explain it", ("resource", "line", "why", "difference"), 1, tuple(rows))


def _assumed(pair: Pair) -> list[str]:
    """What the estimate rested on, where that is what was wrong."""
    wrong = {effect.cause for effect in pair.effects if worth(effect, pair)}
    found = [
        text
        for text in (pair.line.assumptions if pair.line else ())
        if any(pattern.search(text) for cause, pattern in _SAYS.items() if cause in wrong)
    ]
    return [f"the estimate assumed: {text}" for text in found]


def worth(effect: Effect, pair: Pair) -> bool:
    """Whether an effect is large enough to be told."""
    return abs(effect.amount) >= max(abs(pair.actual) * WORTH, Fraction(1, 100))


def _effect(effect: Effect, pair: Pair, found: Reconciled) -> str:
    name = str(effect.cause).replace("_", " ")
    if effect.estimated is None or effect.actual is None:
        return f"{name} {change(effect.amount, found)}"
    if effect.cause is Cause.DISCOUNT:
        sides = tuple(f"{figure((1 - side) * 100)}%" for side in (effect.estimated, effect.actual))
    else:
        sides = (figure(effect.estimated), figure(effect.actual))
    source = f" ({pair.line.source})" if effect.cause is Cause.PRICE and pair.line and pair.line.source else ""
    return f"{name} {sides[0]}{source} → {sides[1]}: {change(effect.amount, found)}"


def _group(title: str, groups: Sequence[tuple[str, Accuracy]], found: Reconciled) -> Table:
    rows = [
        (
            name,
            str(one.resources),
            money(one.estimated, found),
            money(one.actual, found),
            signed(one.bias) if one.bias is not None else "–",
            percent(one.wape) if one.wape is not None else "–",
        )
        for name, one in groups[:SHOWN]
    ]
    return Table(title, (title[3:], "resources", "estimated", "billed", "bias", "WAPE"), 5, tuple(rows))


def _missing(found: Reconciled) -> Table:
    ordered = sorted(found.only_estimated, key=lambda one: (-one.estimated, one.resource.address))
    rows = [(one.resource.name, one.resource.type, money(one.estimated, found)) for one in ordered[:SHOWN]]
    if rest := ordered[SHOWN:]:
        rows.append((f"{len(rest)} more", "", money(sum((one.estimated for one in rest), NOTHING), found)))
    return Table("Estimated, and not on the bill", ("resource", "type", "estimated"), 1, tuple(rows))


def _strange(found: Reconciled) -> Table:
    sums: dict[tuple[str, str, str], Fraction] = {}
    for charge in found.only_billed:
        key = (_called(charge), charge.service or "", charge.category)
        sums[key] = sums.get(key, NOTHING) + charge.cost
    ordered = sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0]))
    rows = [(*key, money(cost, found)) for key, cost in ordered[:SHOWN]]
    if rest := ordered[SHOWN:]:
        rows.append((f"{len(rest)} more", "", "", money(sum((cost for _, cost in rest), NOTHING), found)))
    heads = ("resource", "service", "category", "billed")
    return Table("On the bill, and in no estimate", heads, 1, tuple(rows))


def _called(charge: Charge) -> str:
    return charge.resource_name or charge.resource_id or charge.text or "no resource"


def _error(estimated: Fraction, actual: Fraction) -> str:
    return signed((estimated - actual) / actual * 100) if actual > 0 else "–"
