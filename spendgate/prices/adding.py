"""``spendgate prices add``: one row into a user's file of prices; every other row, remark and blank stays as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from spendgate.errors import InputError, Place
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.prices.naming import PROVIDERS, nearest, short_name
from spendgate.prices.private import (
    FILE,
    OPTIONAL,
    amount_of,
    date_of,
    provider_of,
    purchase_of,
    read_prices,
    region_of,
)
from spendgate.prices.refreshed import find_refreshed
from spendgate.prices.tables import INHERITED, shown
from spendgate.writing import write_whole

HEAD = """\
# Prices of our own, one a row: a contract, a reservation, a quote. A row here wins over the public price of the same
# item, region and purchase option. `spendgate prices check` holds this file against the catalogue.
provider,item,region,purchase,price,unit,currency,source,as_of,note
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What ``add`` did: the file, the row's key in words, and the price that stood there before."""

    file: Path
    item: str
    region: str
    purchase: Purchase
    price: Decimal
    unit: str
    before: Decimal | None = None
    changed: bool = True


def add(
    directory: Path,
    provider: str,
    item: str,
    region: str,
    amount: str,
    *,
    purchase: str = "on_demand",
    unit: str | None = None,
    source: str = "entered by hand",
    as_of: str | None = None,
    note: str = "",
    overwrite: bool = False,
) -> Added:
    """Write one price, in USD per ``unit``, into the catalogue at ``directory``, which is made if it is not there.

    Raises InputError for anything that is not right about the price, for a file that is broken already, and for a
    price that stands there with other figures unless ``overwrite`` is set; the file is then as it was.
    """
    catalogue = Catalogue.layered(find_refreshed(directory), directory, private=False)
    regions = catalogue.store.regions
    item = short_name(provider_of(provider), item)
    option = purchase_of(purchase)
    row = {
        "provider": provider,
        "item": item,
        "region": region_of(provider, region, regions),
        "purchase": str(option),
        "price": f"{amount_of(amount):f}",
        "unit": unit_of(catalogue, provider, item, unit, option),
        "currency": "USD",
        "source": _line(source, "--source") or "entered by hand",
        "as_of": date_of(as_of) if as_of is not None else date.today().isoformat(),
        "note": _line(note, "--note"),
    }
    file = directory / FILE
    known = read_prices(file, regions) if file.is_file() else ()
    there = next((one for one in known if one.key == (provider, item, region, option)), None)
    text = file.read_bytes().decode("utf-8") if file.is_file() else HEAD
    done = Added(file, item, region, option, Decimal(row["price"]), row["unit"])
    if there is None:
        _write(file, _with_row(text, row, None, file))
        return done
    same = (there.price, there.unit, there.source, there.note) == (done.price, done.unit, row["source"], row["note"])
    if same and there.as_of == row["as_of"]:
        return replace(done, before=there.price, changed=False)
    if not overwrite:
        raise InputError(
            f"{item} in {region}, {option}, costs {there.price:f} already (as of {there.as_of})",
            place=there.place,
            remedy="--replace puts the new price in its place.",
        )
    _write(file, _with_row(text, row, there.place.line, file))
    return replace(done, before=there.price)


def unit_of(catalogue: Catalogue, provider: str, item: str, unit: str | None, purchase: Purchase) -> str:
    """The unit an item is billed by. Raises InputError for an unknown item, and for a unit that is not its own."""
    own = _own_unit(catalogue, provider, item)
    if own is None and unit not in (None, "hour"):
        # Estimates name more items of a service than have a public price: who says the unit as well means this one.
        units = _units_of_service(catalogue, provider, item)
        if units is None or unit in units:
            return unit or ""
    if own is None:
        raise _unknown(catalogue, provider, item)
    if unit is not None and unit != own:
        raise InputError(f"{item} is billed by {own}, not by {unit}")
    if own != "hour" and purchase is not Purchase.ON_DEMAND:
        raise InputError(f"{item} is not bought as {purchase}", remedy="Storage and network have one price: on_demand.")
    return own


def _own_unit(catalogue: Catalogue, provider: str, item: str) -> str | None:
    store = catalogue.store
    if catalogue.instance(provider, item) or catalogue.attachable(provider, item) or store.listed(provider, item):
        return "hour"
    return next((row["unit"] for row in store.storage(provider).get(item, {}).values()), None)


def _units_of_service(catalogue: Catalogue, provider: str, item: str) -> list[str] | None:
    """What the items of the same service (``ebs.*``) are billed by; None where no service of the provider is known."""
    known = catalogue.store.storage(provider)
    service, dot, _ = item.partition(".")
    if dot and not known:
        return None
    rows = (row for name, rows in known.items() if dot and name.partition(".")[0] == service for row in rows.values())
    return list(dict.fromkeys(row["unit"] for row in rows if row["unit"] != "hour"))


def _unknown(catalogue: Catalogue, provider: str, item: str) -> InputError:
    near = catalogue.suggest(item, provider) or nearest(item, catalogue.store.storage(provider))
    units = _units_of_service(catalogue, provider, item)
    elsewhere = [one for one in PROVIDERS if one != provider and _own_unit(catalogue, one, item)]
    if elsewhere:
        remedy = f"It is sold by {' and '.join(elsewhere)}."
    elif near:
        remedy = f'did you mean "{near}"?'
        if units:
            remedy += f" Where it is right as it is, say what it is billed by (--unit {' or '.join(units[:3])})."
    else:
        remedy = f"A type that is new gets a row in {provider}/instances of your catalogue first (docs/prices.md)."
    return InputError(f'no instance type or item "{item}" of {provider} in the catalogue', remedy=remedy)


def _line(text: str, option: str) -> str:
    text = text.strip()
    if any(ord(sign) < 32 for sign in text):
        raise InputError(f"{option} is one line of text")
    return text


def _with_row(text: str, row: Mapping[str, str], line: int | None, file: Path) -> str:
    """The file's text with a row in place of the one that ends at ``line``, else at its end."""
    end = "\r\n" if "\r\n" in text else "\n"
    records = list(_records(text))
    columns, inherited = _head(text, records)
    meant = {**OPTIONAL, **inherited}
    lost = [name for name in row if name not in columns and row[name] != meant.get(name)]
    if lost:
        place = Place(shown(file), records[0][1])
        raise InputError(f"column {', '.join(lost)} is missing, which this price needs", place=place)
    cells = io.StringIO()
    csv.writer(cells, lineterminator=end).writerow([row.get(name, "") for name in columns])
    lines = _lines(text)
    if line is None:
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += end
        return "".join(lines) + cells.getvalue()
    first = next(first for first, last, _ in records if last == line)
    return "".join((*lines[: first - 1], cells.getvalue(), *lines[line:]))


def _records(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each record; a record may be several lines long."""
    lines = _lines(text.removeprefix("\ufeff"))
    number = first = 0

    def data() -> Iterator[str]:
        nonlocal number, first
        for line in lines:
            number += 1
            if not line.startswith("#"):
                first = first or number
                yield line

    for cells in csv.reader(data(), strict=True):
        if cells:
            yield first, number, cells
        first = 0


def _lines(text: str) -> list[str]:
    """Lines as the reader of the file counts them."""
    return io.StringIO(text, newline="").readlines()


def _head(text: str, records: list[tuple[int, int, list[str]]]) -> tuple[list[str], dict[str, str]]:
    """The columns, and what remarks say for rows that leave it open."""
    inherited: dict[str, str] = {}
    for line in _lines(text):
        name, colon, value = line.removeprefix("#").partition(":")
        if line.startswith("#") and colon and name.strip() in INHERITED:
            inherited[name.strip()] = value.strip()
    return records[0][2], inherited


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(error.filename or file)) from None
