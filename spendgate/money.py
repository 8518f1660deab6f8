"""Money as shown. In the engine it is an exact Decimal; it is rounded here and nowhere else."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


def show_money(amount: Decimal, currency: str = "USD") -> str:
    """``$1,234.50``; below one cent two significant digits, so that a price never shows as zero."""
    sign = "-" if amount < 0 else ""
    amount = abs(amount)
    if amount and amount < Decimal("0.01"):
        places = -amount.adjusted() + 1
        text = f"{amount.quantize(Decimal(1).scaleb(-places), context=_EXACT):f}"
    else:
        text = f"{amount.quantize(Decimal('0.01'), context=_EXACT):,}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}"
