"""Amounts, shares and numbers of a reconciliation, as people read them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from spendgate.money import show_money
from spendgate.reconcile.model import Reconciled


def money(amount: Fraction, found: Reconciled) -> str:
    """An amount, to the cent."""
    cents = Decimal(round(amount * 100)) / 100
    return show_money(cents, found.currency)


def change(amount: Fraction, found: Reconciled) -> str:
    """An amount that is added or taken away."""
    return f"{'+' if amount > 0 else ''}{money(amount, found)}"


def signed(part: Fraction) -> str:
    """Per cent, with their sign."""
    return f"{float(part):+,.1f}%"


def percent(part: Fraction) -> str:
    """Per cent."""
    return f"{float(part):,.1f}%"


def figure(value: Fraction) -> str:
    """A number as short as it can be read."""
    number = float(value)
    return f"{number:,.2f}".rstrip("0").rstrip(".") if abs(number) >= 10 else f"{number:.4g}"
