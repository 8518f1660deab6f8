"""Prices of one's own: what a contract, a reservation or a quote says, in one file that a person can read and edit.

``.spendgate/prices/private.csv`` holds one price a row, with its source and date. A row there wins over every public
figure for the same item, region and purchase option, and says nothing about any other: no price is derived from it
but that of a bundle of the very item (a TPU slice of its chips).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.prices.model import Purchase, Quote
from spendgate.prices.naming import PROVIDERS, nearest, short_name
from spendgate.prices.refreshed import upwards
from spendgate.prices.tables import Row, read_table, shown

if TYPE_CHECKING:
    from datetime import date

FOLDER: Final = Path(".spendgate") / "prices"
FILE: Final = "private.csv"
REQUIRED: Final = ("provider", "item", "region", "purchase", "price", "source", "as_of")
OPTIONAL: Final = {"unit": "hour", "currency": "USD", "note": ""}
"""What a row that leaves these out (or a file without the column) means."""

Key = tuple[str, str, str, Purchase]
Regions = Callable[[str], Collection[str]]
"""The known regions of a provider."""

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_AMOUNT = re.compile(
    r"(?P<before>[^\d\s.,+\-]*)\s*(?P<number>[+\-]?[\d.][\d.,]*(?:[eE][+\-]?\d+)?)\s*(?P<after>[^\d\s.,]*)"
)


@dataclass(frozen=True, slots=True)
class PrivatePrice:
    """One row: USD per ``unit`` of an item, in a region, bought one way, with where the figure is from and when."""

    provider: str
    item: str
    region: str
    purchase: Purchase
    price: Decimal
    unit: str
    source: str
    as_of: str
    note: str
    place: Place

    @property
    def key(self) -> Key:
        """What a file holds once."""
        return (self.provider, self.item, self.region, self.purchase)


def find_folder(start: Path) -> Path | None:
    """The nearest ``.spendgate/prices`` at or above ``start``, not beyond the root of its git repository: the rule by
    which ``spendgate.yaml`` is found, too."""
    for candidate in upwards(start):
        if (candidate / FOLDER).is_dir():
            return candidate / FOLDER
    return None


def folder_for(start: Path) -> Path:
    """Where a first price is written: at the root of the git repository, outside of one in ``start`` itself."""
    root = next((folder for folder in upwards(start) if (folder / ".git").exists()), start.resolve())
    return find_folder(start) or root / FOLDER


def read_prices(path: Path, regions: Regions) -> tuple[PrivatePrice, ...]:
    """All rows of one file.

    Raises InputError, or InputErrors with every faulty row, each with file and line.
    """
    prices: list[PrivatePrice] = []
    errors: list[InputError] = []
    seen: dict[Key, int | None] = {}
    for row in read_table(path, REQUIRED, shown_as=shown(path)):
        place = Place(row["file"], int(row["line"]))
        try:
            price = _price(row, regions, place)
        except InputError as error:
            errors.append(error)
            continue
        if price.key in seen:
            errors.append(
                InputError(
                    f"{price.item} in {price.region}, {price.purchase}, stands in line {seen[price.key]} already",
                    place=place,
                    remedy="Keep one of them.",
                )
            )
        seen.setdefault(price.key, place.line)
        prices.append(price)
    raise_together(errors)
    return tuple(prices)


def _price(row: Row, regions: Regions, place: Place) -> PrivatePrice:
    empty = [name for name in REQUIRED if not row[name].strip()]
    if empty:
        raise InputError(f"no {', '.join(empty)}", place=place, remedy="Every price has a source and a date.")
    try:
        provider = provider_of(row["provider"])
        currency = row.get("currency") or OPTIONAL["currency"]
        if currency != "USD":
            raise not_usd(currency)
        return PrivatePrice(
            provider,
            short_name(provider, row["item"]),
            region_of(provider, row["region"], regions),
            purchase_of(row["purchase"]),
            amount_of(row["price"]),
            row.get("unit") or OPTIONAL["unit"],
            row["source"].strip(),
            date_of(row["as_of"].strip()),
            row.get("note") or OPTIONAL["note"],
            place,
        )
    except InputError as error:
        raise InputError(error.message, place=place, remedy=error.remedy) from None


def provider_of(text: str) -> str:
    """A provider's name. Raises InputError for an unknown one."""
    if text not in PROVIDERS:
        remedy = did_you_mean(text.lower(), PROVIDERS) or f"Providers are {', '.join(PROVIDERS)}."
        raise InputError(f'no provider "{text}"', remedy=remedy)
    return text


def region_of(provider: str, text: str, regions: Regions) -> str:
    """A region's name. Raises InputError for one that the provider does not have."""
    known = regions(provider)
    if text in known:
        return text
    near = nearest(text, known)
    remedy = f'did you mean "{near}"?' if near else f"The name is {provider}'s own; a zone is not a region."
    raise InputError(f'no region "{text}" of {provider}', remedy=remedy)


def purchase_of(text: str) -> Purchase:
    """A purchase option. Raises InputError for an unknown one."""
    try:
        return Purchase(text.strip().replace("-", "_"))
    except ValueError:
        remedy = did_you_mean(text, list(Purchase)) or f"Purchase options are {', '.join(Purchase)}."
        raise InputError(f'no purchase option "{text}"', remedy=remedy) from None


def amount_of(text: str) -> Decimal:
    """A price in USD: ``12.5``, ``$12.50`` or ``12.5 USD``.

    Raises InputError for another currency, for what is not a number, and for one that is not above zero.
    """
    found = _AMOUNT.fullmatch(text.strip())
    words = [word for word in (found[1], found[3]) if word] if found else []
    foreign = [word for word in words if word.upper() not in ("$", "USD")]
    if any(len(word) == 3 or not word.isascii() for word in foreign):
        raise not_usd(foreign[0])
    try:
        if not found or foreign:
            raise InvalidOperation
        amount = Decimal(found[2])
    except InvalidOperation:
        remedy = "Write 1234.5, with a point and without separators." if "," in text else None
        raise InputError(f'a price is a number, not "{text}"', remedy=remedy) from None
    if amount <= 0:
        raise InputError(f"a price is above zero, not {text}")
    if not -12 <= amount.adjusted() <= 9:
        raise InputError(f"{text} is no price of one unit")
    return amount


def not_usd(currency: str) -> InputError:
    """The error for a price in another currency."""
    return InputError(
        f"prices are in USD, not in {currency}",
        remedy="Convert it, and say at which rate in the note.",
    )


def date_of(text: str) -> str:
    """An ISO date, as precise as known (a day, a month or a year). Raises InputError for anything else."""
    from datetime import date

    try:
        first = first_day(text)
    except ValueError:
        raise InputError(f'as_of is a date such as 2026-11-20, not "{text}"') from None
    if first > date.today():
        raise InputError(f"as_of {text} lies ahead", remedy="It is the day on which the price was true.")
    return text


def first_day(text: str) -> date:
    """The first day of an ISO day, month or year. Raises ValueError for anything else."""
    from datetime import date

    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text + "-01-01"[len(text) - 4 :])


def quote_of(price: PrivatePrice, ceiling: Decimal | None = None) -> Quote:
    """A row as a quote. ``ceiling`` is what the item costs on demand: the upper bound of a spot price."""
    spot = price.purchase is Purchase.SPOT
    return Quote(
        price.provider,
        price.item,
        price.region,
        price.purchase,
        price.unit,
        price.price,
        f"{price.source} (private, {price.place.file})",
        price.as_of,
        low=price.price if spot else None,
        high=max(price.price, ceiling or price.price) if spot else None,
        note=price.note,
        private=True,
    )
