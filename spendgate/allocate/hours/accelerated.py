"""Hours of accelerators by a bill: sums of lines with the same texts, and what these texts say the lines ran on.

The sums are one question to whichever engine has the lines; what the texts mean is worked out once for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.focus import TAGS
from spendgate.allocate.hours.machines import TEXTS, Ran, Texts, Unlisted, ran_on

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOST: Final = 200_000
"""Sums that are looked at."""

HOURS: Final = ("hour", "hours", "hr", "hrs", "h")
SECONDS: Final = ("second", "seconds", "sec", "s")
_BLOCKS: Final = tuple(f"{size} {unit}" for size in (1, 10, 100, 1000) for unit in ("hour", "hours"))
"""Azure prices by blocks of hours and still counts single hours: the FinOps toolkit divides its quantity by the size of
the block for the PricingQuantity (github.com/microsoft/finops-toolkit, x_PricingBlockSize)."""

_COSTS: Final = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
_RESERVED: Final = "compute.googleapis.com/is_unused_reservation"
_UNUSED_RESERVATION: Final = f'{_RESERVED}" *: *"true"'
"""A system label of Google Cloud, which the column mapping puts among the tags."""

_QUANTITY: Final = "decimal(27, 10)"


@dataclass(slots=True)
class Hours:
    """Hours of accelerators by what the sums were asked for, and by accelerator; and of what is not in the tables the
    hours of the machine, by its name and why it is not counted."""

    of: dict[tuple[Any, ...], Fraction] = field(default_factory=dict)
    unlisted: dict[Unlisted, Fraction] = field(default_factory=dict)


def sums(lines: ir.Table, by: Mapping[str, Any], share: Any = None, having: frozenset[str] | None = None) -> ir.Table:
    """The hours that lines with the same texts used, by expressions over ``lines``: ``quantity`` in ``unit``.

    ``share`` is how much of a line counts, ``having`` the columns that the bill really has. Counted are lines of usage
    that have a quantity of hours or seconds: no unused part of a commitment or reservation, and nothing that only takes
    money back (its quantity repeats that of another line). A quantity below zero is a correction, and is taken off.
    """
    import ibis

    there = frozenset(lines.columns) if having is None else having & frozenset(lines.columns)

    def text(*names: str) -> Any:
        found = [lines[name].cast("string").nullif("") for name in names if name in there]
        return ibis.coalesce(*found) if found else ibis.null("string")

    # A bill without the column for what was used has none for what was priced by the block either.
    consumed = "ConsumedQuantity" if "ConsumedQuantity" in there else "PricingQuantity"
    quantity = lines[consumed] if consumed in there else ibis.null(_QUANTITY)
    if share is not None or not quantity.type().is_decimal():
        quantity = quantity.try_cast(_QUANTITY)
    unit = text("ConsumedUnit", "PricingUnit").lower().strip()
    costs = [ibis.coalesce(lines[name].cast("float64"), 0.0) for name in _COSTS if name in there]
    takes_back = (
        reduce(and_, [cost <= 0.0 for cost in costs]) & reduce(or_, [cost < 0.0 for cost in costs])
        if costs
        else ibis.literal(False)
    )
    counted = [
        text("ChargeCategory").fill_null("Usage") == "Usage",
        text("CommitmentDiscountStatus").fill_null("") != "Unused",
        text("CapacityReservationStatus").fill_null("") != "Unused",
        unit.isin((*HOURS, *_BLOCKS, *SECONDS)),
        quantity.notnull(),
        (quantity < 0) | ~takes_back,
    ]
    if TAGS in there and lines[TAGS].type().is_string():
        tags = lines[TAGS].fill_null("")
        # Looking for a text is far cheaper than for a pattern, and hardly a line has it.
        counted.append(~(tags.contains(_RESERVED) & tags.re_search(_UNUSED_RESERVATION)))
    columns = {name: text(*columns) for name, columns in TEXTS.items()}
    # Descriptions may be as many as lines: they are asked where nothing better says what it is, and on Google Cloud.
    named = ibis.coalesce(columns["meter"], columns["instance"])
    columns["description"] = ibis.cases((named.isnull(), columns["description"]))
    # What a group is called must be none of the lines' own columns, which names in a grouping would mean instead.
    asked = {f"g_{name}": value for name, value in {**columns, **by, "unit": unit}.items()}
    part = quantity if share is None else quantity * share
    chosen = lines.filter(reduce(and_, counted)).mutate(**asked, g_quantity=part)
    grouped = chosen.group_by(list(asked)).agg(quantity=chosen.g_quantity.sum())
    return grouped.rename({name.removeprefix("g_"): name for name in asked}).limit(MOST + 1)


def hours_of(rows: Iterable[Mapping[str, Any]], by: Iterable[str], share: str | None = None) -> Hours:
    """What the sums are hours of, by the columns of ``by``; ``share`` names the one with how much of them counts."""
    names, found = tuple(by), Hours()
    for row in rows:
        answer = ran_on(Texts(**{name: row[name] for name in TEXTS}))
        if answer is None or not row["quantity"]:
            continue
        used = Fraction(row["quantity"]) * (Fraction(1, 3600) if row["unit"] in SECONDS else 1)
        if share is not None:
            used *= Fraction(row[share])
        if isinstance(answer, Ran):
            key = (*(row[name] for name in names), answer.accelerator)
            found.of[key] = found.of.get(key, Fraction()) + used * answer.count
        else:
            found.unlisted[answer] = found.unlisted.get(answer, Fraction()) + used
    return found
