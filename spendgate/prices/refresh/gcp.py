"""Google Cloud: the Cloud Billing catalogue, from whose SKUs machine types are composed.

The catalogue prices a core, a GiB of memory, a GPU and local SSD by series and region; no SKU is a machine type. What
a type is composed of stands in ``gcp_machines.csv`` and its count of vCPUs, GiB and GPUs in the catalogue's instance
tables; every composed price says that it is derived. Form of the answer: Cloud Billing API, ``services.skus.list``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.prices.naming import nearest
from spendgate.prices.refresh.checkpoint import Checkpoints
from spendgate.prices.refresh.listing import Listing, Origin, Rate, leave_out_impossible, plain
from spendgate.prices.refresh.transport import Client, named
from spendgate.prices.tables import Row, read_table

_SKUS: Final = "/v1/services/6F81-5844-456A/skus"  # Compute Engine
_PAGE: Final = "5000"
_PAGES: Final = 1000
_HOURS: Final = Decimal(730)  # what the provider counts a month as
_LOCAL_SSD: Final = "ssd backed local storage"
_UNITS: Final[Mapping[str, Decimal]] = {"h": Decimal(1), "GiBy.h": Decimal(1), "GiBy.mo": 1 / _HOURS}
_OTHER_TERMS = re.compile(
    r"commitment|reserved|sole tenancy|custom|premium|dws|calendar mode|capacity optimized|windows|suspended"
    r"|confidential|extended",
    re.IGNORECASE,
)
_AFTER = re.compile(r"( attached to (spot )?preemptible vms)?( running)?( in .+)?$")
_BEFORE = re.compile(r"^(spot )?preemptible ")
_USD = Decimal("0.00000001")

Parts = dict[str, dict[str, dict[str, str]]]
"""USD an hour by region, what is sold, and way of buying it (``OnDemand``, ``Preemptible``)."""


def read(
    client: Client,
    urls: Mapping[str, str],
    regions: Collection[str],
    done: Checkpoints,
    *,
    key: str,
    catalogue: Catalogue,
    spot: bool = True,
    today: date | None = None,
) -> Iterator[Listing]:
    """What the catalogue says of each region, of the machine types that ``catalogue`` knows the shape of.

    ``key`` is sent as a header, to an encrypted address or this machine alone, and never shown. Raises InputError for
    an unknown region, a refused key, and an answer that is empty or of another form.
    """
    known = catalogue.regions("gcp")
    for region in regions:
        if region not in known:
            near = nearest(region, known)
            raise InputError(f'no region "{region}" of gcp', remedy=f'did you mean "{near}"?' if near else None)
    day = (today or datetime.now(UTC).date()).isoformat()
    machines = read_table(Path(__file__).with_name("gcp_machines.csv"), ())
    devices = {row["item"]: row["sku"] for row in read_table(Path(__file__).with_name("gcp_devices.csv"), ())}
    wanted = {_LOCAL_SSD, *(sku.lower() for sku in devices.values())}
    wanted |= {word.lower() for row in machines for name in ("core", "ram", "gpu") for word in row[name].split("|")}
    parts = _parts(client, urls["gcp"], key, done, day, wanted)
    sold = 0
    for region in regions or known:
        listing = _compose(region, day, parts.get(region, {}), machines, devices, catalogue, spot=spot)
        if not listing.rates and region in regions:
            raise InputError(f"the list has no price of {region}", place=named(urls["gcp"]))
        if listing.rates:
            leave_out_impossible(listing)
            sold += 1
            client.progress.say(f"gcp {region}: {len(listing.rates)} types")
            yield listing
    if not sold:
        raise InputError("no machine type can be composed of what the list has", place=named(urls["gcp"]))


def _parts(client: Client, base: str, key: str, done: Checkpoints, day: str, wanted: Collection[str]) -> Parts:
    """The SKUs that machines are composed of, page by page; a page that was read today is not asked for again.

    A part with two prices in one region has none: nothing says which of them counts.
    """
    address = urlsplit(base)
    if address.scheme != "https" and address.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise InputError("a key is not sent without encryption", place=named(base), remedy="Use an https address.")
    parts: Parts = {}
    unclear: set[tuple[str, str, str]] = set()
    token, count = "", 0
    client.progress.start("gcp")
    for number in range(_PAGES):
        page = done.get_plain("gcp", f"page-{number}", f"{day} {token}")
        if page is None:
            query = {"pageSize": _PAGE, "currencyCode": "USD", **({"pageToken": token} if token else {})}
            value = client.page(base + _SKUS, query, {"X-Goog-Api-Key": key}).value
            skus = value.get("skus")
            if not isinstance(skus, list):
                raise InputError("the answer has no skus: it is of another form", place=named(base + _SKUS))
            rows = [row for sku in skus for row in _rows(sku, base) if row[1] in wanted]
            page = {"rows": rows, "next": value.get("nextPageToken") or ""}
            done.put_plain("gcp", f"page-{number}", f"{day} {token}", page)
            client.progress.add(rows=len(skus))
        count += len(page["rows"])
        for region, what, purchase, price in page["rows"]:
            if parts.setdefault(region, {}).setdefault(what, {}).setdefault(purchase, price) != price:
                unclear.add((region, what, purchase))
        token = page["next"]
        if not token:
            if not count:
                raise InputError("the list has no price", place=named(base + _SKUS))
            client.progress.done(f"gcp: {count} prices of parts on {number + 1} pages")
            for region, what, purchase in sorted(unclear):
                client.progress.say(f'gcp {region}: "{what}" has two prices, so what it is part of keeps its price')
                del parts[region][what][purchase]
            return parts
    raise InputError("the list does not come to an end", place=named(base + _SKUS))


def _rows(sku: Any, base: str) -> Iterator[tuple[str, str, str, str]]:
    """Region, part, way of buying and price of one SKU; nothing for one that no machine is composed of."""
    try:
        category, description = sku["category"], str(sku["description"]).lower()
        purchase = category["usageType"]
        if (
            category["resourceFamily"] not in ("Compute", "Storage")
            or purchase not in ("OnDemand", "Preemptible")
            or _OTHER_TERMS.search(description)
        ):
            return
        what = _AFTER.sub("", _BEFORE.sub("", description))
        if category["resourceFamily"] == "Storage" and what != _LOCAL_SSD:
            return
        price = _price(sku)
        if price:
            for region in sku["serviceRegions"]:
                yield (region, what, purchase, price)
    except (KeyError, TypeError, AttributeError, IndexError):
        raise InputError("a SKU is of another form", place=named(base + _SKUS)) from None


def _price(sku: Mapping[str, Any]) -> str:
    """USD an hour; empty for what is free, in another unit or another currency."""
    if not sku["pricingInfo"]:
        return ""
    expression = sku["pricingInfo"][-1]["pricingExpression"]
    factor = _UNITS.get(expression["usageUnit"])
    if factor is None or not expression["tieredRates"]:
        return ""
    unit = expression["tieredRates"][-1]["unitPrice"]  # an earlier tier is what is free of charge
    amount = Decimal(unit.get("units") or 0) + Decimal(unit.get("nanos") or 0) / 10**9
    if unit.get("currencyCode") != "USD" or amount <= 0:
        return ""
    # A price by the hour is kept as listed; one by the month is divided to a hundred-millionth of a dollar.
    return plain(amount if factor == 1 else (amount * factor).quantize(_USD))


@dataclass
class _Machine:
    """A machine type with its parts: so many of each, and what the sum is called."""

    parts: list[tuple[Decimal, str]] = field(default_factory=list)

    def add(self, count: Decimal | float | str, what: str) -> None:
        """So many more of one part."""
        amount = Decimal(str(count))
        if what and amount > 0:
            self.parts.append((amount, what.lower()))

    def price(self, listed: Mapping[str, Mapping[str, str]], purchase: str) -> str:
        """The sum; empty where one part has no price."""
        total = Decimal(0)
        for count, what in self.parts:
            price = next((listed[word][purchase] for word in what.split("|") if purchase in listed.get(word, {})), None)
            if price is None:
                return ""
            total += count * Decimal(price)
        return plain(total.quantize(_USD))

    @property
    def rule(self) -> str:
        """What it is composed of, in words."""
        return "composed of SKUs: " + " + ".join(f"{plain(n)} × {what.split('|')[0]}" for n, what in self.parts)


def _compose(
    region: str,
    day: str,
    listed: Mapping[str, Mapping[str, str]],
    machines: list[Row],
    devices: Mapping[str, str],
    catalogue: Catalogue,
    *,
    spot: bool,
) -> Listing:
    origin = Origin(
        f"gcp-billing-{region}",
        day,
        "strong",
        f"Cloud Billing catalogue, Compute Engine {region}, read {day}",
        f"SKUs of {region}: cores, memory, GPUs, local SSD and TPU chips, of which machine types are composed",
    )
    listing = Listing("gcp", region, day, origin, origin)
    for name in (name for group in catalogue.store.groups("gcp") for name in catalogue.store.instances("gcp", group)):
        machine = _machine(name, machines, catalogue)
        if machine is not None:
            _rate(listing, name, machine, listed, catalogue, spot=spot, derived=machine.rule)
    for item, what in devices.items():
        device = _Machine([(Decimal(1), what.lower())])
        _rate(listing, item, device, listed, catalogue, spot=spot, derived="")
    return listing


def _rate(
    listing: Listing,
    name: str,
    machine: _Machine,
    listed: Mapping[str, Mapping[str, str]],
    catalogue: Catalogue,
    *,
    spot: bool,
    derived: str,
) -> None:
    """A price of parts is none of a machine that is not sold that way: the parts are listed all the same."""
    rate = Rate(derived=derived)
    if catalogue.store.availability("gcp", name, Purchase.ON_DEMAND) is None:
        rate.on_demand = machine.price(listed, "OnDemand")
        if not rate.on_demand:
            return
    if spot and catalogue.store.availability("gcp", name, Purchase.SPOT) is None:
        rate.spot = machine.price(listed, "Preemptible")
    if rate.on_demand or rate.spot:
        listing.rates[name] = rate


def _machine(name: str, machines: list[Row], catalogue: Catalogue) -> _Machine | None:
    row = next((row for row in machines if fnmatchcase(name, row["pattern"])), None)
    instance = catalogue.instance("gcp", name)
    if row is None or instance is None or not (row["core"] or row["gpu"]):
        return None
    machine = _Machine()
    if row["core"]:
        vcpu = row["vcpu"] or instance.vcpu
        memory = instance.memory_gib
        if memory is None and row["gib_per_vcpu"] and instance.vcpu:
            memory = float(Fraction(row["gib_per_vcpu"]) * Fraction(instance.vcpu))
            if row["vcpu"]:
                memory = float(Fraction(row["gib_per_vcpu"]) * Fraction(row["vcpu"]))
        if vcpu is None or memory is None:
            return None
        machine.add(vcpu, row["core"])
        machine.add(memory, row["ram"])
    count = instance.accelerator.count if instance.accelerator else 0
    if bool(count) != bool(row["gpu"]):
        return None
    machine.add(count, row["gpu"])
    machine.add(row["ssd_gib"] or Decimal(row["ssd_gib_per_gpu"] or 0) * Decimal(str(count)), _LOCAL_SSD)
    return machine
