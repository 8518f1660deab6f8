"""``spendgate price``: what one type costs, where, and how it is bought. Imports nothing heavy: it has to be quick."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.committed import terms_of
from spendgate.prices.model import Accelerator, InstanceType, NoPrice, Purchase, Quote
from spendgate.prices.naming import PROVIDERS, nearest, short_name

__all__ = ["PriceAnswer", "lookup", "to_json"]

_SHOWN = (Purchase.ON_DEMAND, Purchase.SPOT)


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """What ``spendgate price`` found.

    ``instance`` is None for a type whose price is known and whose shape is not. ``hours`` and ``count`` are what was
    asked for; totals are amount × hours × count. ``region`` is None where all regions were asked.
    """

    name: str
    quotes: tuple[Quote, ...]
    instances: Mapping[str, InstanceType] = field(default_factory=dict)
    accelerator: Accelerator | None = None
    hours: Decimal | None = None
    count: Decimal | None = None
    region: str | None = None

    @property
    def factor(self) -> Decimal | None:
        """Hours × count where either was asked for."""
        if self.hours is None and self.count is None:
            return None
        return (self.hours or Decimal(1)) * (self.count or Decimal(1))


def lookup(
    name: str,
    region: str | None = None,
    hours: str | int | float | Decimal | None = None,
    count: str | int | float | Decimal | None = None,
    purchase: str | Purchase | None = None,
    provider: str | None = None,
    catalogue: Catalogue | None = None,
) -> PriceAnswer:
    """Quotes of one instance type or attached accelerator.

    With ``region`` one quote per purchase option asked for, even where it only says why there is no price; without,
    all regions that have a price, cheapest first (where none has, the reasons). Raises InputError for an unknown
    type, region or provider, and for hours or a count that are not above zero.
    """
    catalogue = catalogue or Catalogue.builtin()
    asked_hours = _positive(hours, "hours")
    asked_count = _positive(count, "count")
    purchases: tuple[Purchase, ...] = _SHOWN if purchase is None else (purchase_from(purchase),)
    if not catalogue.providers_of(name):
        devices = _devices(catalogue, name, purchases[0], anywhere=region is None and provider is None)
        if devices:
            return PriceAnswer(name, devices, {}, None, asked_hours, asked_count)
    providers = _providers(catalogue, name, provider)
    if purchase is None:
        own = {option for one in providers for option in catalogue.private_purchases(one, name)}
        purchases += tuple(option for option in Purchase if option in own and option not in purchases)
    if region is None:
        quotes = tuple(_everywhere(catalogue, name, providers, purchases))
    else:
        quotes = tuple(_here(catalogue, name, providers, region, purchases, purchase is not None))
    instances = {one: instance for one in providers if (instance := catalogue.instance(one, name)) is not None}
    carried = [instance.accelerator for instance in instances.values() if instance.accelerator]
    carried += [device for one in providers if (device := catalogue.attachable(one, name)) is not None]
    return PriceAnswer(
        name=short_name(providers[0], name),
        quotes=quotes,
        instances=instances,
        accelerator=carried[0] if carried else None,
        hours=asked_hours,
        count=asked_count,
        region=region,
    )


def _devices(catalogue: Catalogue, name: str, purchase: Purchase, *, anywhere: bool) -> tuple[Quote, ...]:
    """The price of one accelerator wherever it is, for a name that is a model (``H100``, ``A100-80GB``): one quote a
    memory size. Nothing for any other name. Raises InputError where it is asked for somewhere, or for several."""
    from spendgate.prices.asked import parse_asked

    try:
        model, sizes, count = parse_asked(name, catalogue)
    except InputError:
        return ()
    if not anywhere or abs(count - 1) > 1e-9:
        remedy = f"`spendgate price --compare {name}` lists its machines."
        raise InputError(f"{name} is an accelerator, not an instance type", remedy=remedy)
    kinds = ((memory, *catalogue.store.accelerators()[model, memory]) for memory in sizes)
    devices = (Accelerator(vendor, model, float(gib) if gib else None, 1.0, kind) for gib, vendor, kind in kinds)
    found = (catalogue.gpu_hour(device, purchase) for device in devices)
    return tuple(quote for quote in found if quote is not None)


def _providers(catalogue: Catalogue, name: str, provider: str | None) -> tuple[str, ...]:
    if provider is not None and provider not in PROVIDERS:
        raise InputError(f'no provider "{provider}"', remedy=f"Providers are {', '.join(PROVIDERS)}.")
    found = catalogue.providers_of(name)
    if provider is not None:
        found = tuple(one for one in found if one == provider)
    if not found:
        near = catalogue.suggest(name, provider)
        where = f" of {provider}" if provider else ""
        remedy = f'did you mean "{near}"?' if near else "The name is the provider's own, such as p5.48xlarge."
        if provider and (elsewhere := catalogue.providers_of(name)):
            remedy = f"It is sold by {' and '.join(elsewhere)}."
        raise InputError(f'no instance type "{name}"{where} in the catalogue', remedy=remedy)
    return found


def purchase_from(purchase: str | Purchase) -> Purchase:
    """A purchase option by name. Raises InputError for an unknown one."""
    try:
        return Purchase(str(purchase).replace("-", "_"))
    except ValueError:
        known = ", ".join(Purchase)
        raise InputError(f'no purchase option "{purchase}"', remedy=f"Purchase options are {known}.") from None


def _positive(number: str | int | float | Decimal | None, word: str) -> Decimal | None:
    if number is None:
        return None
    try:
        value = Decimal(str(number))
    except InvalidOperation:
        raise InputError(f'{word} is a number, not "{number}"') from None
    if not value.is_finite() or value <= 0:
        raise InputError(f"{word} is above zero, not {number}")
    return value


def _here(
    catalogue: Catalogue,
    name: str,
    providers: Iterable[str],
    region: str,
    purchases: Iterable[Purchase],
    asked: bool,
) -> Iterator[Quote]:
    selling = [
        one
        for one in providers
        if region in catalogue.regions(one) or catalogue.region_of_zone(one, region) is not None
    ]
    if not selling:
        known = [place for one in providers for place in catalogue.regions(one)]
        near = nearest(region, known)
        remedy = f'did you mean "{near}"?' if near else f"{name} is sold in {_example(catalogue, name, providers)}."
        raise InputError(f'no region "{region}" of {" or ".join(providers)}', remedy=remedy)
    for provider in selling:
        for purchase in purchases:
            yield from _in_each_term(catalogue, provider, name, region, purchase)


def _in_each_term(catalogue: Catalogue, provider: str, name: str, region: str, purchase: Purchase) -> Iterable[Quote]:
    """One quote a term that has a price; where none has, one that says why."""
    found = dict.fromkeys(catalogue.quote(provider, name, region, purchase, term) for term in terms_of(purchase))
    return [quote for quote in found if quote.amount is not None] or list(found)[:1]


def _example(catalogue: Catalogue, name: str, providers: Iterable[str]) -> str:
    """A region that sells it, and how many more do."""
    quotes = list(_everywhere(catalogue, name, providers, (Purchase.ON_DEMAND,)))
    places = [quote.region for quote in quotes if quote.amount is not None and quote.region]
    if not places:
        return "no region on demand"
    return places[0] + (f" and {len(places) - 1} more regions" if len(places) > 1 else "")


def _everywhere(
    catalogue: Catalogue, name: str, providers: Iterable[str], purchases: Iterable[Purchase]
) -> Iterator[Quote]:
    """Regions with a price, cheapest first, the purchase options of one region together; else the reasons."""
    places: list[tuple[Decimal, str, str, list[Quote]]] = []
    reasons: list[Quote] = []
    for provider in providers:
        for region in catalogue.regions(provider):
            found = [
                quote for purchase in purchases for quote in _in_each_term(catalogue, provider, name, region, purchase)
            ]
            amounts = [quote.amount for quote in found if quote.amount is not None]
            if amounts:
                places.append((amounts[0], provider, region, found))
            else:
                reasons += found
    if not places:
        yield from _one_per_reason(reasons)
    for _, _, _, found in sorted(places, key=lambda place: place[:3]):
        yield from found


def _one_per_reason(quotes: Iterable[Quote]) -> Iterator[Quote]:
    seen: set[tuple[str, Purchase, NoPrice | None]] = set()
    for quote in quotes:
        key = (quote.provider, quote.purchase, quote.reason)
        if key not in seen:
            seen.add(key)
            yield quote


def to_json(answer: PriceAnswer) -> str:
    """The answer as JSON text. Amounts are JSON numbers that hold the decimal figure of the price list exactly."""
    instance = next(iter(answer.instances.values()), None)
    value = {
        "quotes": [_quote(quote, answer) for quote in answer.quotes],
        "accelerator": _accelerator(answer.accelerator),
        "instance_type": {"name": answer.name, "vcpu": instance.vcpu, "memory_gib": instance.memory_gib}
        if instance
        else None,
        "hours": number(answer.hours),
        "count": number(answer.count),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def quote_value(quote: Quote) -> dict[str, Any]:
    """A quote as plain data for JSON."""
    return {
        "provider": quote.provider,
        "instance_type": quote.item,
        "region": quote.region,
        "purchase": str(quote.purchase),
        "term": quote.term or None,
        "amount": number(quote.amount),
        "unit": quote.unit,
        "currency": quote.currency,
        "low": number(quote.low),
        "high": number(quote.high),
        "source": quote.source,
        "as_of": quote.as_of,
        "reason": str(quote.reason) if quote.reason else None,
        "derived": quote.derived,
        "note": quote.note,
    }


def _quote(quote: Quote, answer: PriceAnswer) -> dict[str, Any]:
    value = quote_value(quote)
    if answer.factor is not None:
        value["total"] = _times(quote.amount, answer.factor)
        value["total_low"] = _times(quote.low, answer.factor)
        value["total_high"] = _times(quote.high, answer.factor)
    return value


def _accelerator(accelerator: Accelerator | None) -> dict[str, Any] | None:
    if accelerator is None:
        return None
    return {
        "vendor": accelerator.vendor,
        "model": accelerator.model,
        "memory_gib": _whole(accelerator.memory_gib),
        "count": _whole(accelerator.count),
    }


def _whole(number: float | None) -> float | int | None:
    return int(number) if number is not None and number == int(number) else number


def number(amount: Decimal | None) -> float | int | None:
    """An amount as a JSON number."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _times(amount: Decimal | None, factor: Decimal) -> float | int | None:
    return None if amount is None else number(amount * factor)
