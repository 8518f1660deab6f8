"""GPU-hours as the bill itself has them: hours of machines and accelerators whose texts say exactly what they are."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from spendgate.allocate.asking import put, rows_of
from spendgate.allocate.hours.accelerated import MOST, Hours, hours_of, sums
from spendgate.allocate.model import OWNER

FIELDS: Final = ("project", "model")
SHOWN: Final = 10
"""Machines that are not in the tables which a note names."""


def put_billed(connection: Any, columns: frozenset[str]) -> tuple[str, ...]:
    """Make the table ``billed_hours`` of the view ``allocated``: ``gpu_hours`` by month, owner's fields and
    ``accelerator``; what there is to say of the lines that are not counted.

    ``columns`` are those that the bill has. A line counts for its owners by their shares.
    """
    hours = Hours()
    notes = []
    if {"ConsumedUnit", "PricingUnit"} & columns:
        lines = connection.table("allocated")
        by = {"month": lines.month, **{name: lines[OWNER[name]] for name in FIELDS}}
        # Shares are few, and engines take long to multiply what is as wide as quantities.
        share: str | None = "share"
        rows = rows_of(connection, sums(lines, {**by, "share": lines.x_Share}, having=columns))
        if len(rows) > MOST:
            share, rows = None, rows_of(connection, sums(lines, by, lines.x_Share, columns))
        if len(rows) > MOST:
            notes.append(f"The bill's lines have more than {MOST:,} different texts: no hours of machines are counted.")
        else:
            hours = hours_of(rows, by, share)
    held = {key: amount for key, amount in hours.of.items() if amount}
    table = {
        "month": ("VARCHAR", [key[0] for key in held]),
        **{name: ("VARCHAR", [key[1 + place] for key in held]) for place, name in enumerate(FIELDS)},
        "accelerator": ("VARCHAR", [key[-1] for key in held]),
        "gpu_hours": ("DECIMAL(38, 12)", [_decimal(amount) for amount in held.values()]),
    }
    put(connection, "billed_hours", table)
    return (*notes, *_told(hours))


def machines_of(hours: Iterable[tuple[str, Decimal]]) -> str:
    """What machines of the bill ran, in a sentence: accelerators and their hours."""
    return ", ".join(f"{_plain(amount)} of {accelerator}" for accelerator, amount in hours)


def _told(hours: Hours) -> list[str]:
    ordered = sorted(hours.unlisted.items(), key=lambda item: (-abs(item[1]), item[0].name))
    if not ordered:
        return []
    named = "; ".join(f"{one.name} ({_plain(_decimal(amount))} h, {one.why})" for one, amount in ordered[:SHOWN])
    more = f"; {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return [f"Not counted, though it looks like machines with accelerators: {named}{more}."]


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(round(amount * 10**12)).scaleb(-12)


def _plain(amount: Decimal) -> str:
    return f"{amount:,.2f}".removesuffix(".00")
