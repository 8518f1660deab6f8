"""Amounts as invoices show them: whole minor units of a currency that add up to the rounded whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final

PLACES: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "XAF"), 0),
    **dict.fromkeys(("XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals of currencies that have other than two (ISO 4217)."""

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}


def places_of(currency: str) -> int:
    """How many decimals an invoice in the currency has."""
    return PLACES.get(currency, 2)


def _units(currency: str) -> int:
    return int(10 ** places_of(currency))


def rounded(amount: Decimal, currency: str) -> int:
    """The amount in whole minor units, half to even."""
    return round(Fraction(amount) * _units(currency))


def in_cents(parts: Sequence[Decimal], whole: int, currency: str) -> list[int]:
    """The parts in minor units that add up to ``whole``, each off by less than one: largest remainder, ties to the
    first. Unlike ``shares.apportion`` it does not scale: charges and credits may nearly cancel.

    >>> in_cents([Decimal("0.335"), Decimal("0.335"), Decimal("0.33")], 100, "USD")
    [34, 33, 33]
    """
    exact = [Fraction(part) * _units(currency) for part in parts]
    floors = [floor(value) for value in exact]
    rest = whole - sum(floors)
    order = sorted(range(len(exact)), key=lambda index: (floors[index] - exact[index], index))
    for index in order[: max(rest, 0)]:
        floors[index] += 1
    return floors


def show_cents(cents: int, currency: str) -> str:
    """``-$1,234.50``; a currency without a sign of its own is named."""
    places = places_of(currency)
    text = f"{Decimal(abs(cents)).scaleb(-places):,.{places}f}"
    sign = "-" if cents < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}"
