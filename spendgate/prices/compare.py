"""``spendgate price --compare H100x8``: where one gets so many of an accelerator, cheapest first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.prices.asked import parse_asked
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.command import number, purchase_from, quote_value
from spendgate.prices.committed import terms_of
from spendgate.prices.model import Accelerator, NoPrice, Purchase, Quote
from spendgate.prices.naming import PROVIDERS, nearest

_TELLING: Final = (
    NoPrice.RESERVATION_ONLY,
    NoPrice.UNPRICED,
    NoPrice.NOT_OFFERED_IN_REGION,
    NoPrice.UNKNOWN_UNTIL_APPLY,
    NoPrice.PAID_BY_NODES,
)
"""Of several reasons in several regions the one that tells most, first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to get what was asked for. ``quote`` is for all of it, per hour; ``attached`` accelerators come on top
    of a machine that is billed beside them."""

    quote: Quote
    accelerator: Accelerator
    attached: bool = False

    @property
    def each(self) -> Decimal | None:
        """The hourly price of one whole device."""
        return None if self.quote.amount is None else self.quote.amount / Decimal(repr(self.accelerator.count))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All ways that have a price, cheapest first, and one reason for each type and purchase option that has none in
    any of the regions asked for."""

    accelerators: tuple[Accelerator, ...]
    offers: tuple[Offer, ...]
    without_price: tuple[Offer, ...]


def compare(
    asked: str,
    *,
    region: str | None = None,
    provider: str | None = None,
    purchase: str | None = None,
    catalogue: Catalogue | None = None,
) -> Comparison:
    """Every machine that carries exactly what ``asked`` names (``H100x8``, ``A100-80GBx8``, ``L4``), and every
    accelerator to attach, in all regions and purchase options that are not narrowed down.

    Without a memory size a model stands for all of its sizes. Raises InputError for an unknown model, size, region,
    provider or purchase option, and for a count that no machine carries.
    """
    catalogue = catalogue or Catalogue.builtin()
    if provider is not None and provider not in PROVIDERS:
        raise InputError(f'no provider "{provider}"', remedy=f"Providers are {', '.join(PROVIDERS)}.")
    providers = PROVIDERS if provider is None else (provider,)
    purchases = tuple(Purchase) if purchase is None else (purchase_from(purchase),)
    model, sizes, count = parse_asked(asked, catalogue)
    carriers = list(_carriers(catalogue, providers, model, sizes))
    fitting = [one for one in carriers if (count.is_integer() if one.attached else _same(one.device.count, count))]
    if not fitting:
        raise _nobody(asked, model, count, carriers, providers)
    regions = {one: _regions(catalogue, one, region) for one in providers}
    if region is not None and not any(regions.values()):
        known = [place for one in providers for place in catalogue.regions(one)]
        near = nearest(region, known)
        remedy = f'did you mean "{near}"?' if near else None
        raise InputError(f'no region "{region}" of {" or ".join(providers)}', remedy=remedy)
    offers: list[Offer] = []
    reasons: list[Offer] = []
    for carrier in fitting:
        for option in purchases:
            found = [
                carrier.offer(catalogue, place, option, count, term)
                for term in terms_of(option)
                for place in regions[carrier.provider]
            ]
            # A reserved price of one's own is for no term in particular, and answers for each.
            priced = list(dict.fromkeys(offer for offer in found if offer.quote.amount is not None))
            offers += priced
            if found and not priced:
                reasons.append(min(found, key=_telling))
    return Comparison(
        accelerators=tuple(dict.fromkeys(replace(one.device, count=count) for one in fitting)),
        offers=tuple(sorted(offers, key=_dearness)),
        without_price=tuple(reasons),
    )


@dataclass(frozen=True, slots=True)
class _Carrier:
    """Something with accelerators on it: a machine with ``device.count`` of them, or one device to attach."""

    provider: str
    name: str
    device: Accelerator
    attached: bool

    def offer(self, catalogue: Catalogue, region: str, purchase: Purchase, count: float, term: str) -> Offer:
        quote = catalogue.quote(self.provider, self.name, region, purchase, term)
        if self.attached and quote.amount is not None:
            times = Decimal(repr(count))
            quote = replace(
                quote,
                amount=quote.amount * times,
                low=None if quote.low is None else quote.low * times,
                high=None if quote.high is None else quote.high * times,
            )
        return Offer(quote, replace(self.device, count=count), self.attached)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < 1e-9


def _carriers(catalogue: Catalogue, providers: Iterable[str], model: str, sizes: Sequence[str]) -> Iterator[_Carrier]:
    store = catalogue.store
    for provider in providers:
        for group in store.accelerated_groups(provider):
            for name, row in store.instances(provider, group).items():
                if row.get("accelerator") == model and row.get("accelerator_memory_gib", "") in sizes:
                    device = store.accelerator(row)
                    # A row that is a part of slices (a TPU chip) is no machine that one can have.
                    if device is not None and name not in store.parts(provider):
                        yield _Carrier(provider, name, device, False)
        for name, row in store.attachable(provider).items():
            # Those that come with their machine have no price of their own.
            if row["accelerator"] == model and row["accelerator_memory_gib"] in sizes and store.listed(provider, name):
                device = store.accelerator(row, 1.0)
                if device is not None:
                    yield _Carrier(provider, name, device, True)


def _regions(catalogue: Catalogue, provider: str, region: str | None) -> tuple[str, ...]:
    if region is None:
        return catalogue.regions(provider)
    place = region if region in catalogue.regions(provider) else catalogue.region_of_zone(provider, region)
    return () if place is None else (place,)


def _nobody(asked: str, model: str, count: float, carriers: Sequence[_Carrier], providers: Sequence[str]) -> InputError:
    counts = sorted({carrier.device.count for carrier in carriers})
    message = f"no machine of {' or '.join(providers)} carries {count:g} × {model}"
    if not counts:
        return InputError(message)
    some = ", ".join(str(Fraction(one).limit_denominator(64)) for one in counts)
    return InputError(message, remedy=f"There are machines with {some}.")


def _telling(offer: Offer) -> int:
    return _TELLING.index(offer.quote.reason) if offer.quote.reason else 0


def _dearness(offer: Offer) -> tuple[Decimal, Decimal, str, str, str]:
    quote = offer.quote
    amount = quote.amount or Decimal(0)
    return amount, quote.high or amount, quote.provider, quote.item, quote.region or ""


def to_json(comparison: Comparison) -> str:
    """The comparison as JSON text: quotes as ``spendgate price`` gives them, with what they are for."""
    first = comparison.accelerators[0]
    sizes = {device.memory_gib for device in comparison.accelerators}
    value = {
        "accelerator": {
            "vendor": first.vendor,
            "model": first.model,
            "memory_gib": first.memory_gib if len(sizes) == 1 else None,
            "count": first.count,
        },
        "quotes": [_value(offer) for offer in comparison.offers],
        "without_price": [_value(offer) for offer in comparison.without_price],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _value(offer: Offer) -> dict[str, Any]:
    return {
        **quote_value(offer.quote),
        "memory_gib": offer.accelerator.memory_gib,
        "count": offer.accelerator.count,
        "amount_each": number(offer.each),
        "attached": offer.attached,
    }
