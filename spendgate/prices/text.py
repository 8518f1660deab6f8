"""A price answer as a small table of plain text, for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from spendgate.money import show_money
from spendgate.prices.model import ANY, Accelerator, InstanceType, NoPrice, Purchase, Quote

if TYPE_CHECKING:
    from spendgate.prices.command import PriceAnswer

REASONS = {
    NoPrice.NOT_OFFERED_IN_REGION: "not offered",
    NoPrice.RESERVATION_ONLY: "by reservation only",
    NoPrice.UNPRICED: "no public price",
}
_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "aws": "AWS", "google": "Google", "intel": "Intel", "xilinx": "Xilinx"}
_FRACTIONS = {2: "1/2", 3: "1/3", 4: "1/4", 6: "1/6", 7: "1/7", 8: "1/8"}
_DERIVED = "*"
_COMMITTED = (Purchase.RESERVED, Purchase.CAPACITY_BLOCK)


def to_text(answer: PriceAnswer, color: bool) -> str:
    """What it is, a table with one line per region, and what the figures rest on. ``color`` adds ANSI colours."""
    bold, dim, green = Style("1", color), Style("2", color), Style("32", color)
    provider = answer.quotes[0].provider if answer.quotes else next(iter(answer.instances), "")
    lines = [f"{bold(answer.name)}  {dim(_shape(provider, answer.instances.get(provider), answer.accelerator))}", ""]
    priced = any(quote.amount is not None for quote in answer.quotes)
    if priced:
        lines += _table(answer, bold, dim, green)
    else:
        lines += [_why_not(quote, answer.region) for quote in answer.quotes]
    lines += ["", *(dim(line) for line in wrapped(_footnotes(answer, priced)))]
    return "\n".join(lines).rstrip()


def wrapped(notes: Iterable[str]) -> Iterator[str]:
    """Notes as wide as the terminal; the name of a source stays in one piece, to be copied."""
    width = max(72, min(shutil.get_terminal_size((110, 40)).columns, 120))
    for note in notes:
        if note.startswith("source: "):
            yield note
        else:
            indent = "  " if note.startswith(_DERIVED) else ""
            yield from textwrap.wrap(
                note, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )


class Style:
    """An ANSI style that is put around text where it is on."""

    def __init__(self, code: str, on: bool) -> None:
        self._code, self._on = code, on

    def __call__(self, text: str) -> str:
        return f"\x1b[{self._code}m{text}\x1b[0m" if self._on and text.strip() else text


def _shape(provider: str, instance: InstanceType | None, accelerator: Accelerator | None) -> str:
    parts = ["any cloud" if provider == ANY else provider]
    if instance is not None and instance.vcpu:
        parts.append(f"{instance.vcpu:g} vCPU")
    if instance is not None and instance.memory_gib:
        parts.append(f"{instance.memory_gib:g} GiB")
    if accelerator is not None:
        parts.append(show_accelerator(accelerator))
    return " · ".join(parts)


def show_accelerator(accelerator: Accelerator) -> str:
    """``8 × NVIDIA H100 80 GiB``, ``1/8 × NVIDIA L4 24 GiB``."""
    count = accelerator.count
    inverse = round(1 / count)
    whole = count >= 1 or abs(1 / count - inverse) > 1e-9
    many = f"{count:g}" if whole else _FRACTIONS.get(inverse, f"1/{inverse}")
    memory = f" {accelerator.memory_gib:g} GiB" if accelerator.memory_gib else ""
    return f"{many} × {_VENDORS.get(accelerator.vendor, accelerator.vendor)} {accelerator.model}{memory}"


def _table(answer: PriceAnswer, bold: Style, dim: Style, green: Style) -> list[str]:
    options = list(dict.fromkeys(bought(quote) for quote in answer.quotes))
    factor = answer.factor
    first = "region" if any(quote.region for quote in answer.quotes) else "one device"
    head = [first, *(_heading(option, answer.quotes) for option in options)]
    if factor is not None:
        head += [f"{option}, {_asked(answer)}" for option in options]
    rows: list[list[str]] = []
    for region, quotes in _by_region(answer.quotes):
        by_option = {bought(quote): quote for quote in quotes}
        cells = [show_price(by_option.get(option)) for option in options]
        if factor is not None:
            cells += [_total(by_option.get(option), factor) for option in options]
        rows.append([region, *cells])
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [bold(row_text(head, widths))]
    for number, row in enumerate(rows):
        text = row_text(row, widths)
        lines.append(green(text) if number == 0 and len(rows) > 1 and answer.region is None else text)
    return lines


def row_text(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table."""
    return "  " + "   ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _by_region(quotes: Iterable[Quote]) -> list[tuple[str, list[Quote]]]:
    regions: dict[tuple[str, str], list[Quote]] = {}
    for quote in quotes:
        # A price over all clouds has no region: it stands by what it is for.
        regions.setdefault((quote.provider, quote.region or quote.item), []).append(quote)
    return [(region, found) for (_, region), found in regions.items()]


def _heading(option: str, quotes: Iterable[Quote]) -> str:
    spot = [quote.as_of for quote in quotes if quote.purchase is Purchase.SPOT and quote.amount is not None]
    return f"spot (as of {min(spot)})" if option == purchase_name(Purchase.SPOT) and spot else option


def bought(quote: Quote) -> str:
    """How a quote's capacity is bought, in words: ``on demand``, ``reserved 1 year``."""
    return f"{purchase_name(quote.purchase)} {quote.term}".rstrip()


def purchase_name(purchase: Purchase) -> str:
    """A purchase option as a word."""
    return str(purchase).replace("_", " ")


def show_price(quote: Quote | None) -> str:
    """The price with its range and the mark of a derived one; else the reason in words."""
    if quote is None:
        return ""
    if quote.amount is None:
        return REASONS.get(quote.reason, "") if quote.reason else ""
    mark = _DERIVED if quote.derived else ""
    if quote.low is not None and quote.high is not None and quote.low < quote.high:
        return f"{unit_price(quote.low, quote.currency)} – {unit_price(quote.high, quote.currency)}{mark}"
    return unit_price(quote.amount, quote.currency) + mark


def unit_price(amount: Decimal, currency: str) -> str:
    """A price of one hour with four decimals, so that small ones stay apart; ``$55.04`` where the rest is zeros."""
    rounded = amount.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    if not rounded or rounded == rounded.quantize(Decimal("0.01")):
        return show_money(amount, currency)
    return ("$" if currency == "USD" else f"{currency} ") + f"{rounded:,f}".rstrip("0")


def _total(quote: Quote | None, factor: Decimal) -> str:
    if quote is None or quote.amount is None:
        return ""
    if quote.low is not None and quote.high is not None and quote.low < quote.high:
        return f"{show_money(quote.low * factor, quote.currency)} – {show_money(quote.high * factor, quote.currency)}"
    return show_money(quote.amount * factor, quote.currency)


def _asked(answer: PriceAnswer) -> str:
    parts = []
    if answer.count is not None:
        parts.append(f"{answer.count:f} ×")
    if answer.hours is not None:
        parts.append(f"{answer.hours:f} h")
    return " ".join(parts)


def _why_not(quote: Quote, region: str | None) -> str:
    where = f"{quote.region}  " if region is not None else ""
    reason = REASONS.get(quote.reason, "") if quote.reason else ""
    return f"  {where}{purchase_name(quote.purchase)}: {reason} ({quote.note})" if quote.note else f"  {where}{reason}"


def _footnotes(answer: PriceAnswer, priced: bool) -> list[str]:
    quotes = [quote for quote in answer.quotes if quote.amount is not None]
    notes: list[str] = []
    if priced:
        notes.append(f"{quotes[0].currency} an {quotes[0].unit}, without tax and discounts.")
    if any(quote.purchase is Purchase.SPOT for quote in quotes):
        notes.append("spot: from the dated figure up to on-demand; it moves daily.")
    if any(quote.purchase in _COMMITTED for quote in quotes):
        told = dict.fromkeys(q.note for q in quotes if q.purchase in _COMMITTED and q.note)
        notes += [f"{note}." for note in told]
    for quote in quotes:
        if quote.provider == ANY and quote.amount is not None:
            notes.append(f"{_DERIVED} {quote.item}: {unit_price(quote.amount, quote.currency)} is the {quote.note}.")
    if any(quote.derived and quote.provider != ANY for quote in quotes):
        rules = {quote.note for quote in quotes if quote.derived and quote.purchase is not Purchase.SPOT}
        rule = next(iter(rules)) if len(rules) == 1 else "not listed itself; --region and --format json tell the rule"
        notes.append(f"{_DERIVED} {rule}.")
    if answer.region is not None and priced:
        notes += [f"{purchase_name(q.purchase)}: {q.note}." for q in answer.quotes if q.amount is None and q.note]
    for source, dates in sources(quotes).items():
        notes.append(f"source: {source}, {', '.join(sorted(dates))}")
    return notes


def sources(quotes: Iterable[Quote]) -> dict[str, set[str]]:
    """Dates by source, in order of appearance."""
    found: dict[str, set[str]] = {}
    for quote in quotes:
        found.setdefault(quote.source, set()).add(quote.as_of)
    return found
