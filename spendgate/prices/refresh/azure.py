"""Azure: the Retail Prices API, one region after the other, page by page.

One answer holds what a virtual machine costs on demand, as spot, reserved for one, three or five years, and under a
savings plan (since api-version 2023-01-01-preview). Form of the answer: learn.microsoft.com, "Azure Retail Prices".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from spendgate.errors import InputError
from spendgate.prices.naming import group_of, nearest, short_name
from spendgate.prices.refresh.checkpoint import Checkpoints
from spendgate.prices.refresh.listing import Listing, Origin, Rate, Term, amount_of, leave_out_impossible, plain
from spendgate.prices.refresh.transport import Client, named

_VERSION: Final = "2023-01-01-preview"
_SERVICE: Final = "Virtual Machines"
_PAGES: Final = 2000  # of one region; a list that goes on for longer leads in a circle
_NOT_PLAIN = re.compile(r"Windows|Dedicated|Cloud ?Services|Low Priority|Expired", re.IGNORECASE)
_YEARS = re.compile(r"(\d) Years?")
_NEEDED: Final = ("armSkuName", "armRegionName", "retailPrice", "type", "currencyCode", "productName", "meterName")


def read(
    client: Client,
    urls: Mapping[str, str],
    regions: Collection[str],
    done: Checkpoints,
    *,
    known: Collection[str],
    spot: bool = True,
    today: date | None = None,
) -> Iterator[Listing]:
    """What the API says of each region: of those named, else of all that the catalogue knows (``known``).

    Raises InputError for an unknown region, and for an answer that is empty or of another form.
    """
    for region in regions:
        if region not in known:
            near = nearest(region, known)
            raise InputError(f'no region "{region}" of azure', remedy=f'did you mean "{near}"?' if near else None)
    day = (today or datetime.now(UTC).date()).isoformat()
    sold = 0
    for region in regions or sorted(known):
        listing = done.get("azure", region, day)
        if listing is None:
            client.progress.start(f"azure {region}")
            listing = _Region(region, day).read(client, urls["azure"])
            if not listing.rates and regions:
                raise InputError(f"the list has no price of {region}", place=named(urls["azure"]))
            done.put("azure", region, listing)
            client.progress.done(f"azure {region}: {len(listing.rates)} sizes")
        else:
            client.progress.say(f"azure {region}: {len(listing.rates)} sizes, read before")
        if not spot:
            listing.rates = {item: rate for item, rate in listing.rates.items() if rate.on_demand}
            for rate in listing.rates.values():
                rate.spot = ""
        sold += bool(listing.rates)
        if listing.rates:
            leave_out_impossible(listing)
            yield listing
    if not sold:
        raise InputError("the list has no price of any region", place=named(urls["azure"]))


@dataclass
class _Region:
    """The meters of one region as they are read."""

    region: str
    day: str
    rates: dict[str, Rate] = field(default_factory=dict)
    terms: dict[tuple[str, str, int], str] = field(default_factory=dict)
    ranks: dict[tuple[object, ...], tuple[bool, str]] = field(default_factory=dict)

    def read(self, client: Client, base: str) -> Listing:
        query = {
            "api-version": _VERSION,
            "currencyCode": "USD",
            "$filter": f"serviceName eq '{_SERVICE}' and armRegionName eq '{self.region}'",
        }
        seen: set[tuple[tuple[str, str], ...]] = set()
        while True:
            value = client.page(base, query).value
            items = value.get("Items")
            if not isinstance(items, list):
                raise InputError("the answer has no Items: it is of another form", place=named(base))
            for item in items:
                self._meter(item, base)
            client.progress.add(rows=len(items))
            following = value.get("NextPageLink")
            if not following:
                return self._listing()
            # The link names the public host; its query is what matters, and a mirror stays the mirror.
            pairs = parse_qsl(urlsplit(str(following)).query)
            if not pairs or tuple(pairs) in seen or len(seen) > _PAGES:
                raise InputError("the list does not come to an end", place=named(base))
            seen.add(tuple(pairs))
            query = dict(pairs)

    def _meter(self, item: Any, base: str) -> None:
        if not isinstance(item, dict) or any(name not in item for name in _NEEDED):
            raise InputError("a price has no name, region or figure: the form has changed", place=named(base))
        name = short_name("azure", str(item["armSkuName"] or ""))
        words = f"{item['productName']} {item.get('skuName') or ''} {item['meterName']}"
        if group_of("azure", name) is None or _NOT_PLAIN.search(words) or not self._holds(item):
            return
        what = f"{name} in {self.region}"
        amount = amount_of(item["retailPrice"], what)
        if not amount:
            return
        if item["type"] == "Reservation":
            self._reserved(name, item, amount)
        elif item["type"] == "Consumption" and "Spot" in words.split():
            if self._better(("spot", name), item):
                self.rates.setdefault(name, Rate()).spot = plain(amount)
        elif item["type"] == "Consumption" and self._better(("on demand", name), item):
            self.rates.setdefault(name, Rate()).on_demand = plain(amount)
            for plan in item.get("savingsPlan") or ():
                years = _YEARS.fullmatch(str(plan.get("term", "")))
                price = amount_of(plan.get("retailPrice", plan.get("unitPrice")), what)
                if years and price:
                    self.terms[name, "savings plan", int(years[1])] = plain(price)

    def _holds(self, item: Mapping[str, Any]) -> bool:
        """Whether the price is in USD, by the hour, of this region, for the first unit on, and in force."""
        return (
            item["armRegionName"] == self.region
            and item["currencyCode"] == "USD"
            and item.get("serviceName", _SERVICE) == _SERVICE
            and item.get("unitOfMeasure", "1 Hour") == "1 Hour"
            and not item.get("tierMinimumUnits")
            and str(item.get("effectiveStartDate") or "")[:10] <= self.day
            and (not item.get("effectiveEndDate") or str(item["effectiveEndDate"])[:10] >= self.day)
        )

    def _reserved(self, name: str, item: Mapping[str, Any], amount: Decimal) -> None:
        years = _YEARS.fullmatch(str(item.get("reservationTerm", "")))
        if years and self._better(("reservation", name, years[1]), item):
            # The figure is for the whole term; monthly payments cost the same.
            each = (amount / (8760 * int(years[1]))).quantize(Decimal("0.000001"))
            self.terms[name, "monthly", int(years[1])] = plain(each)

    def _better(self, key: tuple[object, ...], item: Mapping[str, Any]) -> bool:
        """Of two meters for the same thing the one of the primary region holds, then the later one."""
        rank = (item.get("isPrimaryMeterRegion") is not False, str(item.get("effectiveStartDate") or ""))
        if key in self.ranks and self.ranks[key] >= rank:
            return False
        self.ranks[key] = rank
        return True

    def _listing(self) -> Listing:
        origin = Origin(
            f"azure-retail-prices-{self.region}",
            self.day,
            "strong",
            f"Azure Retail Prices, {_SERVICE} {self.region}, read {self.day}",
            f"virtual machines of {self.region}: Linux, on demand, spot, reservations and savings plans",
        )
        listing = Listing("azure", self.region, self.day, origin, complete=True)
        listing.rates = self.rates
        listing.spot_origin = origin
        listing.terms = [Term(*key, price) for key, price in self.terms.items()]
        return listing
