"""Prices of capacity that is committed to: reservations and committed use of one or three years, capacity blocks."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from spendgate.prices.model import NoPrice, Purchase, Quote
from spendgate.prices.store import Source, Store
from spendgate.prices.tables import Row

ONE_YEAR: Final = "1 year"
THREE_YEARS: Final = "3 years"
TERMS: Final = {ONE_YEAR: "one_year", THREE_YEARS: "three_years"}
"""The terms that are priced, the shorter one first, and their columns."""

_PAYMENTS: Final = ("no upfront", "monthly", "savings plan", "partial upfront", "all upfront")
"""Ways to pay, the one that binds least money first."""


def terms_of(purchase: Purchase) -> tuple[str, ...]:
    """The terms that a purchase option is sold in; one without a name where there is no choice."""
    return tuple(TERMS) if purchase is Purchase.RESERVED else ("",)


def reserved(store: Store, provider: str, item: str, region: str, term: str = "") -> Quote:
    """The hourly price of an item that is committed to for ``term`` (where none is named: for a year), paid in the way
    that binds least money. The sources list each price; none is derived from the on-demand price."""
    rows = store.commitments(provider, item, region)
    payments = [*(one for one in _PAYMENTS if one in rows), *(one for one in rows if one not in _PAYMENTS)]
    for one in (term,) if term else TERMS:
        for payment in payments:
            amount = store.figure(rows[payment], TERMS[one]) if one in TERMS else None
            if amount is not None:
                return _quote(store, provider, rows[payment], Purchase.RESERVED, amount, f"{one}, {payment}", one)
    years = f" for {term}" if term else ""
    note = f"no reserved price of {item} in {region}{years} is in the catalogue"
    return _none(provider, item, region, Purchase.RESERVED, note)


def capacity_block(store: Store, provider: str, item: str, region: str) -> Quote:
    """The hourly price of an instance in a capacity block, or the regions where the catalogue has one."""
    rows = store.capacity_blocks(provider).get(item, {})
    row = rows.get(region)
    amount = store.figure(row, "price") if row else None
    if row is not None and amount is not None:
        note = "the reservation fee, paid upfront for the whole block; it moves with supply and demand"
        return _quote(store, provider, row, Purchase.CAPACITY_BLOCK, amount, note)
    for other in rows.values():
        note = f"no capacity block of {region} is in the catalogue; there are in {', '.join(rows)}"
        return _none(provider, item, region, Purchase.CAPACITY_BLOCK, note, store.source(other["source"], other))
    note = f"no capacity block of {item} is in the catalogue"
    return _none(provider, item, region, Purchase.CAPACITY_BLOCK, note)


def _none(provider: str, item: str, region: str, purchase: Purchase, note: str, source: Source | None = None) -> Quote:
    where, as_of = (source.where, source.as_of) if source else ("", "")
    return Quote(provider, item, region, purchase, "hour", None, where, as_of, reason=NoPrice.UNPRICED, note=note)


def _quote(
    store: Store, provider: str, row: Row, purchase: Purchase, amount: Decimal, note: str, term: str = ""
) -> Quote:
    source = store.source(row["source"], row)
    where = f"{source.where} ({row['file']})" if row.get("layer") else source.where
    return Quote(
        provider,
        row["item"],
        row["region"],
        purchase,
        row["unit"],
        amount,
        where,
        source.as_of,
        currency=row["currency"],
        note="; ".join(filter(None, (note, "weak source" if source.strength == "weak" else "", row.get("note", "")))),
        term=term,
    )
