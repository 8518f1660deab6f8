"""A comparison as a table of plain text, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from spendgate.prices.compare import Comparison, Offer
from spendgate.prices.model import Purchase
from spendgate.prices.text import (
    REASONS,
    Style,
    bought,
    purchase_name,
    row_text,
    show_accelerator,
    show_price,
    sources,
    unit_price,
    wrapped,
)

_WIDTH = 110


def to_text(comparison: Comparison, color: bool) -> str:
    """What was asked for, one line per price (regions that ask the same share one), and what they rest on."""
    bold, dim, green = Style("1", color), Style("2", color), Style("32", color)
    lines = [bold(" or ".join(show_accelerator(device) for device in comparison.accelerators)), ""]
    if comparison.offers:
        lines += _table(comparison, bold, green)
    else:
        lines.append("  no price is known")
    lines += _reasons(comparison.without_price)
    lines += ["", *(dim(line) for line in wrapped(_footnotes(comparison)))]
    return "\n".join(lines).rstrip()


def _table(comparison: Comparison, bold: Style, green: Style) -> list[str]:
    several = len(comparison.accelerators) > 1
    head = ["an hour", "one device", "bought", "as of", "provider", "type", "where"]
    head[2:2] = ["GiB"] if several else []
    rows: list[list[str]] = []
    for same in _merged(comparison.offers):
        quote = same[0].quote
        each = same[0].each
        row = [
            show_price(quote),
            unit_price(each, quote.currency) if each is not None else "",
            bought(quote),
            quote.as_of,
            quote.provider,
            f"{quote.item} (+ its machine)" if same[0].attached else quote.item,
            ", ".join(offer.quote.region or "" for offer in same),
        ]
        row[2:2] = [f"{same[0].accelerator.memory_gib:g}"] if several and same[0].accelerator.memory_gib else []
        rows.append(row)
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    first = sum(widths[:-1]) + 3 * len(widths[:-1]) + 2
    lines = [bold(row_text(head, widths))]
    for number, row in enumerate(rows):
        where = textwrap.wrap(row[-1], max(30, _WIDTH - first), break_on_hyphens=False)
        text = [row_text([*row[:-1], where[0]], widths), *(" " * first + rest for rest in where[1:])]
        lines += [green(line) if number == 0 else line for line in text]
    return lines


def _merged(offers: Iterable[Offer]) -> list[list[Offer]]:
    """Neighbours of one type that differ in nothing but the region."""
    groups: dict[object, list[Offer]] = {}
    for offer in offers:
        quote = offer.quote
        key = (quote.provider, quote.item, bought(quote), show_price(quote), quote.as_of, quote.source)
        groups.setdefault(key, []).append(offer)
    return list(groups.values())


def _reasons(without: Iterable[Offer]) -> list[str]:
    """Why there is no price: types with the same answer in one line."""
    same: dict[tuple[str, str], dict[str, None]] = {}
    for offer in without:
        quote = offer.quote
        reason = REASONS.get(quote.reason, "") if quote.reason else ""
        name = f"{quote.provider} {quote.item} {purchase_name(quote.purchase)}"
        same.setdefault((reason, quote.note), {})[name] = None
    lines = ["", "  without a price"] if same else []
    for (reason, note), names in same.items():
        text = f"{', '.join(names)}: {reason}" + (f" ({note})" if note else "")
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    return lines


def _footnotes(comparison: Comparison) -> list[str]:
    quotes = [offer.quote for offer in comparison.offers]
    notes = ["USD, without tax and discounts; machines that carry exactly so many."] if quotes else []
    if any(quote.purchase is Purchase.SPOT for quote in quotes):
        notes.append("spot: from the dated figure, by which it is sorted, up to on-demand; it moves daily.")
    if any(quote.term for quote in quotes):
        notes.append("reserved: paid by the hour for the whole term, used or not; `spendgate price TYPE` tells how.")
    if any(quote.derived for quote in quotes):
        notes.append("* not listed itself; `spendgate price TYPE --region REGION` tells the rule.")
    if any(offer.attached for offer in comparison.offers):
        notes.append(
            "+ its machine: the accelerators alone; the machine is billed beside them, and holds so many or does not."
        )
    return [*notes, *(f"source: {source}, {', '.join(sorted(dates))}" for source, dates in sources(quotes).items())]
