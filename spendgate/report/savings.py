"""Cheaper ways as reports show them: the amount, the change, the risk, and the price that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from spendgate.estimate.savings import Saving
from spendgate.money import show_money
from spendgate.prices.model import Purchase, Quote
from spendgate.report.wording import plural, some
from spendgate.verdict import Checked

TITLE = "cheaper ways that the guardrails allow (each counted alone: two of one resource do not add up)"
NONE = "no cheaper way was found that is equivalent, allowed, and has a known price"

_UNITS = {"hour": "an hour", "IOPS-month": "an IOPS-month", "MBps-month": "an MBps-month"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One saving in words; ``spread`` is empty where the amount is certain."""

    amount: str
    spread: str
    resources: str
    change: str
    risk: str
    price: str


def shown(checked: Checked, most: int) -> list[Shown]:
    """At most so many savings, the largest first."""
    return [_shown(saving, checked) for saving in (checked.savings or ())[:most]]


def rest(checked: Checked, most: int) -> str:
    """What is said of the savings beyond ``most``; empty where there are none."""
    more = len(checked.savings or ()) - most
    return f"and {plural(more, 'smaller one')} (--format json lists all)" if more > 0 else ""


def _shown(saving: Saving, checked: Checked) -> Shown:
    currency = checked.estimate.currency
    names = [checked.names.get(address, address) for address in saving.resources]
    saved, least = show_money(saving.saved, currency), show_money(saving.at_least, currency)
    prices = [_price(quote) for quote in saving.quotes if quote.amount is not None]
    return Shown(
        amount=f"{saved} a month",
        spread=f"at least {least}" if least != saved else "",
        resources=some(names),
        change=saving.change,
        risk=saving.risk,
        price="; ".join((*saving.assumes, *prices)),
    )


def _price(quote: Quote) -> str:
    unit = _UNITS.get(quote.unit, f"a {quote.unit}")
    amount = show_money(quote.amount or Decimal(0), quote.currency)
    term = f", {quote.note}" if quote.purchase is Purchase.RESERVED and quote.note else ""
    return f"{quote.item} {amount} {unit} in {quote.region}{term} ({quote.source}, {quote.as_of})"
