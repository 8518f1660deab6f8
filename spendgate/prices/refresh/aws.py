"""AWS: the Price List's offer file of EC2 by region, and the spot feed.

An offer file is CSV of up to several hundred megabytes: five lines about the file, a line of column names, and a row a
price. It is read as it comes in; what is kept is a rate and six terms a type. Form of the files: AWS Billing user
guide, "Reading the service price list file for an AWS service".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from spendgate.errors import InputError, did_you_mean
from spendgate.prices.naming import nearest
from spendgate.prices.refresh.checkpoint import Checkpoints
from spendgate.prices.refresh.listing import Listing, Origin, Rate, Shape, Term, amount_of, leave_out_impossible, plain
from spendgate.prices.refresh.transport import Client, joined, lines, named

_INDEX: Final = "/offers/v1.0/aws/AmazonEC2/current/region_index.json"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")  # local and wavelength zones have more to their names
_HEAD: Final = 20  # lines within which the column names come; today it is the sixth
_COLUMNS: Final = (
    "TermType",
    "Unit",
    "PricePerUnit",
    "Currency",
    "LeaseContractLength",
    "PurchaseOption",
    "OfferingClass",
    "Instance Type",
    "Instance Family",
    "vCPU",
    "Memory",
    "Physical Processor",
    "Tenancy",
    "Operating System",
    "License Model",
    "CapacityStatus",
    "Pre Installed S/W",
    "Region Code",
)
_WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "Currency": ("USD",),
    "Tenancy": ("Shared",),
    "Operating System": ("Linux",),
    "CapacityStatus": ("Used",),
    "Pre Installed S/W": ("NA", ""),
    "License Model": ("No License required",),
    "MarketOption": ("OnDemand", ""),
}
"""What a row must say to be the plain price of an instance: Linux, shared host, no capacity block."""

_ACCELERATED = ("GPU", "Machine Learning", "FPGA", "Media Accelerator")
_TERM_HOURS = {"1yr": (1, Decimal(8760)), "3yr": (3, Decimal(26280))}
_OLD_NAMES: Final[Mapping[str, str]] = {
    "us-east": "us-east-1",
    "us-west": "us-west-1",
    "eu-ireland": "eu-west-1",
    "apac-sin": "ap-southeast-1",
    "apac-syd": "ap-southeast-2",
    "apac-tokyo": "ap-northeast-1",
}
"""Regions that the spot feed still calls by the names of its early days."""


def read(
    client: Client,
    urls: Mapping[str, str],
    regions: Collection[str],
    done: Checkpoints,
    *,
    spot: bool = True,
    today: date | None = None,
) -> Iterator[Listing]:
    """What the price list says of each region, all of them where none is named. Raises InputError for a region that
    the list does not have, and for a file that breaks off, is of another form, or has no price."""
    files = _files(client, urls["aws"], regions)
    spots = _Spots() if not spot else _spots(client, urls["aws-spot"], today or datetime.now(UTC).date())
    for region, path in files.items():
        version = path.removeprefix("/offers/v1.0/aws/AmazonEC2/").partition("/")[0]
        listing = done.get("aws", region, version)
        if listing is None:
            client.progress.start(f"aws {region}")
            listing = _Offer(region, version).read(client, joined(urls["aws"], path.removesuffix(".json") + ".csv"))
            done.put("aws", region, listing)
            client.progress.done(f"aws {region}: {len(listing.rates)} types, list of {listing.origin.as_of}")
        else:
            client.progress.say(f"aws {region}: {len(listing.rates)} types, read before")
        if spot:
            _add_spot(listing, spots)
        leave_out_impossible(listing)
        yield listing


def _files(client: Client, base: str, regions: Collection[str]) -> dict[str, str]:
    index = client.page(joined(base, _INDEX)).value.get("regions")
    if not isinstance(index, dict) or not index:
        raise InputError("the index names no region", place=named(joined(base, _INDEX)))
    found: dict[str, str] = {}
    for name, entry in index.items():
        path = entry.get("currentVersionUrl") if isinstance(entry, dict) else None
        if isinstance(path, str) and _REGION.fullmatch(name):
            found[name] = path
    for region in regions:
        if region not in found:
            near = nearest(region, found)
            remedy = f'did you mean "{near}"?' if near else did_you_mean(region, found)
            raise InputError(f'the price list of aws has no region "{region}"', remedy=remedy)
    return {name: found[name] for name in (regions or sorted(found))}


@dataclass
class _Offer:
    """One offer file as it is read."""

    region: str
    version: str
    published: str = ""
    rates: dict[str, Rate] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    terms: dict[tuple[str, str, str], dict[str, Decimal]] = field(default_factory=dict)

    def read(self, client: Client, url: str) -> Listing:
        """All rows of the file. Raises InputError, and keeps nothing, where it is not whole."""
        source = lines(client.stream(url))
        try:
            columns = self._head(source)
            width = len(columns)
            place = {name: number for number, name in enumerate(columns)}
            plain_rows = (line.decode("utf-8") for line in source if b"Shared" in line and b"Linux" in line)
            for number, cells in enumerate(csv.reader(plain_rows, strict=True), 1):
                if len(cells) != width:
                    raise InputError(f"a row has {len(cells)} values for {width} columns")
                self._row({name: cells[at] for name, at in place.items()})
                if not number % 500:
                    client.progress.add(rows=500)
        except InputError as error:
            raise InputError(error.message, place=error.place or named(url), remedy=error.remedy) from None
        except UnicodeDecodeError:
            raise InputError("the list is not text in UTF-8", place=named(url)) from None
        except csv.Error as error:
            raise InputError(f"the list does not parse: {error}", place=named(url)) from None
        if not self.rates:
            raise InputError(f"the list has no on-demand price of {self.region}", place=named(url))
        return self._listing()

    def _head(self, source: Iterator[bytes]) -> list[str]:
        for _ in range(_HEAD):
            line = next(source, b"").decode("utf-8", "replace")
            cells = next(csv.reader([line]), [])
            if cells[:1] == ["Publication Date"] and len(cells) > 1:
                self.published = cells[1][:10]
            if cells[:1] == ["OfferCode"] and cells[1:] != ["AmazonEC2"]:
                raise InputError(f"it is the list of {', '.join(cells[1:])}, not of AmazonEC2")
            if cells[:1] == ["SKU"]:
                missing = [name for name in _COLUMNS if name not in cells]
                if missing:
                    raise InputError(f"the list has no column {', '.join(missing)}: its form has changed")
                try:
                    date.fromisoformat(self.published)
                except ValueError:
                    raise InputError("the list does not say when it was published") from None
                return cells
            if line.lstrip().startswith("<"):
                raise InputError("a web page, not a price list", remedy="A proxy or a login page may stand in between.")
        raise InputError("there are no column names: this is no offer file")

    def _row(self, row: Mapping[str, str]) -> None:
        if any(row.get(name, values[-1]) not in values for name, values in _WANTED.items()):
            return
        item = row["Instance Type"]
        if "." not in item or row["Region Code"] != self.region:
            return
        amount = amount_of(row["PricePerUnit"], f"{item} in {self.region}")
        if row["TermType"] == "OnDemand" and row["Unit"] == "Hrs":
            if not amount:
                return  # a type that is sold by reservation alone is listed at zero
            before = self.rates.get(item)
            if before is not None and before.on_demand != plain(amount):
                raise InputError(f"{item} has two prices, {before.on_demand} and {plain(amount)}")
            self.rates[item] = Rate(plain(amount))
            self._shape(item, row)
        elif row["TermType"] == "Reserved" and row["OfferingClass"] == "standard":
            key = (item, row["LeaseContractLength"], row["PurchaseOption"])
            self.terms.setdefault(key, {})[row["Unit"]] = amount

    def _shape(self, item: str, row: Mapping[str, str]) -> None:
        memory = re.fullmatch(r"([\d.,]+) GiB", row["Memory"])
        carries = row.get("GPU", "") not in ("", "0", "NA") or row["Instance Family"].startswith(_ACCELERATED)
        if memory and row["vCPU"].isdigit() and not carries:
            arm = "Graviton" in row["Physical Processor"] or "Ampere" in row["Physical Processor"]
            self.shapes[item] = Shape(item, row["vCPU"], memory[1].replace(",", ""), "arm64" if arm else "amd64")

    def _listing(self) -> Listing:
        origin = Origin(
            f"aws-price-list-{self.region}",
            self.published,
            "strong",
            f"AWS Price List, AmazonEC2 {self.region}, version {self.version}",
            f"EC2 prices of {self.region}: Linux, shared tenancy, on demand and standard reservations",
        )
        listing = Listing("aws", self.region, self.version, origin, complete=True)
        listing.rates = self.rates
        listing.shapes = list(self.shapes.values())
        listing.terms = [term for key, parts in self.terms.items() if (term := _term(key, parts)) is not None]
        return listing


def _term(key: tuple[str, str, str], parts: Mapping[str, Decimal]) -> Term | None:
    """A reservation by the hour: what is paid at once is spread over the hours of the term."""
    item, length, payment = key
    years, hours = _TERM_HOURS.get(length, (0, Decimal(0)))
    upfront, hourly = parts.get("Quantity", Decimal(0)), parts.get("Hrs", Decimal(0))
    if not years or upfront + hourly <= 0:
        return None
    each = (upfront / hours + hourly).quantize(Decimal("0.000001")) if upfront else hourly
    return Term(item, payment.lower(), years, plain(each))


@dataclass(frozen=True)
class _Spots:
    """Spot prices by region and type, and where they are from."""

    prices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origin: Origin | None = None


def _spots(client: Client, url: str, today: date) -> _Spots:
    """The spot feed: the price of one moment, by region and type, of Linux."""
    client.progress.start("aws spot")
    page = client.page(url)
    as_of = page.modified or today
    prices: dict[str, dict[str, str]] = {}
    try:
        for region in page.value["config"]["regions"]:
            here = prices.setdefault(_OLD_NAMES.get(region["region"], region["region"]), {})
            for kind in region["instanceTypes"]:
                here |= {size["size"]: price for size in kind["sizes"] if (price := _linux(size))}
    except (KeyError, TypeError, AttributeError):
        raise InputError("the spot feed is of another form", place=named(url)) from None
    if not any(prices.values()):
        raise InputError("the spot feed has no price", place=named(url), remedy="--no-spot goes without it.")
    client.progress.done(f"aws spot: {len(prices)} regions, as of {as_of}")
    where = f"AWS spot feed, {named(url)}"
    what = "EC2 spot prices of Linux, of the moment at which the feed was written; AWS does not document it"
    return _Spots(prices, Origin("aws-spot-feed", as_of.isoformat(), "fair", where, what))


def _linux(size: Mapping[str, Any]) -> str:
    for column in size["valueColumns"]:
        if column["name"] == "linux":
            text = str(column["prices"]["USD"])
            # A type without spare capacity is listed as "N/A*" or at zero.
            return plain(Decimal(text)) if re.fullmatch(r"\d*\.?\d+", text) and Decimal(text) > 0 else ""
    return ""


def _add_spot(listing: Listing, spots: _Spots) -> None:
    """The feed is of another moment than the list: on demand is the most that spot costs."""
    for item, price in spots.prices.get(listing.region, {}).items():
        rate = listing.rates.get(item)
        if rate is not None:
            rate.spot = price
            listing.spot_origin = spots.origin
