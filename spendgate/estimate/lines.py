"""One cost line from a quantity, its hours and a quote. Lines have no resource yet: equal facts share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.estimate.model import EXACT, HOURS_PER_MONTH, Confidence, Cost, CostLine, LineKind, Range, Running
from spendgate.estimate.running import HOURS_PER_DAY
from spendgate.estimate.usage import Given
from spendgate.prices.model import NoPrice, Purchase, Quote

_PICO: Final = Decimal("0.000000000001")


def hourly_line(
    quote: Quote,
    quantity: Range,
    running: Running,
    notes: Sequence[str] = (),
    confidence: Confidence = Confidence.EXACT,
    availability: Given | None = None,
    kind: LineKind = LineKind.MACHINE,
) -> CostLine:
    """A line billed by the hour: quantity × hours × quote, the low of all three, the expected, and the high.

    ``confidence`` is that of the quantity; those of the hours and of the quote are known here. ``availability`` is the
    share of the time that spot capacity is to be had: for the rest, on-demand is expected in its place.
    """
    cost = None
    if quote.amount is not None:
        rate = _expected_spot(rate_of(quote), availability) if quote.purchase is Purchase.SPOT else rate_of(quote)
        hourly = quantity * rate
        cost = Cost(
            hourly=hourly,
            daily=hourly * running.day,
            monthly=hourly * running.month,
            run=hourly * running.run if running.run else None,
        )
        if quote.purchase is Purchase.SPOT:
            notes = (*notes, f"spot price as of {quote.as_of}; the high figure counts on-demand")
            if availability is not None:
                notes = (*notes, f"spot is to be had {availability.told('of the time')}: on-demand for the rest")
    return CostLine(
        resource="",
        item=quote.item,
        quantity=quantity,
        unit=quote.unit,
        hours=running.month,
        quote=quote,
        cost=cost,
        assumptions=(*notes, *running.assumptions) if cost else tuple(notes),
        confidence=confidence_of(quote, confidence, running.confidence),
        running=running,
        kind=kind,
    )


def monthly_line(
    quote: Quote,
    quantity: Range,
    notes: Sequence[str] = (),
    confidence: Confidence = Confidence.EXACT,
    kind: LineKind = LineKind.STORAGE,
) -> CostLine:
    """A line billed by the month (storage). An hour and a day are its even share, to a millionth of a millionth."""
    cost = None
    if quote.amount is not None:
        monthly = quantity * rate_of(quote)
        cost = Cost(
            hourly=_share(monthly, Decimal(1) / HOURS_PER_MONTH),
            daily=_share(monthly, HOURS_PER_DAY / HOURS_PER_MONTH),
            monthly=monthly,
        )
    how_good = confidence_of(quote, confidence)
    return CostLine("", quote.item, quantity, quote.unit, None, quote, cost, tuple(notes), how_good, kind=kind)


def confidence_of(quote: Quote, *others: Confidence) -> Confidence:
    """How good a line is: no better than its price, its quantity and its hours.

    A spot price moves, and a choice of types is settled later: the amount is then a guess within its bounds.
    """
    if quote.amount is None:
        return Confidence.UNPRICED
    moves = quote.low is not None and quote.high is not None and quote.low != quote.high
    if quote.purchase is Purchase.SPOT or moves:
        return Confidence.ASSUMED
    return (Confidence.DERIVED if quote.derived else Confidence.EXACT).worst(*others)


def rate_of(quote: Quote) -> Range:
    """The price with its bounds. Only for a quote that has an amount."""
    amount = quote.amount or Decimal(0)
    low = amount if quote.low is None else min(quote.low, amount)
    high = amount if quote.high is None else max(quote.high, amount)
    return Range(low, amount, high)


def _expected_spot(rate: Range, availability: Given | None) -> Range:
    if availability is None:
        return rate
    spot = EXACT.multiply(rate.expected, availability.value)
    instead = EXACT.multiply(rate.high, 1 - availability.value)
    return Range(rate.low, EXACT.add(spot, instead), rate.high)


def cheapest_to_dearest(quotes: Sequence[Quote]) -> tuple[Quote, tuple[str, ...]]:
    """One quote for a choice of types: the first (preferred) one's, bounded by the cheapest and the dearest.

    A type without a price leaves the range, and an assumption names it. Where none has a price, the first one's
    reason stands.
    """
    priced = [quote for quote in quotes if quote.amount is not None]
    if len(quotes) == 1 or not priced:
        return quotes[0], ()
    rates = [rate_of(quote) for quote in priced]
    names = ", ".join(quote.item for quote in priced)
    notes = [f"any of {names}: expected is the first, low the cheapest, high the dearest"]
    left_out = [f"{quote.item} ({str(quote.reason).replace('_', ' ')})" for quote in quotes if quote.amount is None]
    if left_out:
        notes.append(f"without a price, and so not in the range: {', '.join(left_out)}")
    low, high = min(rate.low for rate in rates), max(rate.high for rate in rates)
    return replace(priced[0], low=low, high=high), tuple(notes)


def without_price(
    provider: str,
    item: str,
    region: str | None,
    purchase: Purchase,
    reason: NoPrice,
    note: str,
    quantity: Range,
    unit: str = "hour",
    kind: LineKind = LineKind.MACHINE,
) -> CostLine:
    """A line that says why it has no amount."""
    quote = Quote(provider, item, region, purchase, unit, None, "", "", reason=reason, note=note)
    return CostLine("", item, quantity, unit, None, quote, None, confidence=Confidence.UNPRICED, kind=kind)


def _share(monthly: Range, share: Decimal) -> Range:
    def part(bound: Decimal) -> Decimal:
        return EXACT.multiply(bound, share).quantize(_PICO, ROUND_HALF_EVEN, EXACT)

    return Range(part(monthly.low), part(monthly.expected), part(monthly.high))
