"""What one accelerator costs for an hour where the machine under it is not known: the range over all clouds."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from spendgate.prices.model import ANY, Accelerator, Purchase, Quote
from spendgate.prices.naming import PROVIDERS

if TYPE_CHECKING:
    from spendgate.prices.catalogue import Catalogue


def gpu_hour(catalogue: Catalogue, accelerator: Accelerator, purchase: Purchase = Purchase.ON_DEMAND) -> Quote | None:
    """One whole device of this model and memory (any memory where none is given) for an hour, with its share of the
    machine: the median over the regions of all clouds, from the cheapest to the dearest.

    A region counts once for each cloud, with the machine that asks the least for a device; a device that is attached to
    a machine of its own price is no such machine. None where no region has a price.
    """
    offers = {
        (quote.provider, quote.region): (each, quote) for each, quote in _leanest(catalogue, accelerator, purchase)
    }
    if not offers:
        return None
    prices = dict(reversed(list(offers.values())))  # of equal prices the first region
    amounts = sorted(each for each, _ in offers.values())
    low, amount, high = amounts[0], amounts[(len(amounts) - 1) // 2], amounts[-1]
    used = list(dict.fromkeys((prices[low], prices[amount], prices[high])))
    providers = sorted({provider for provider, _ in offers})
    memory = f" {accelerator.memory_gib:g} GiB" if accelerator.memory_gib else ""
    ends = " to ".join(f"{prices[end].provider} {prices[end].item} in {prices[end].region}" for end in (low, high))
    return Quote(
        ANY,
        f"{accelerator.model}{memory}",
        None,
        purchase,
        "hour",
        amount,
        "; ".join(dict.fromkeys(quote.source for quote in used)),
        min(quote.as_of for quote in used),
        low=low,
        high=high,
        derived=True,
        note=f"median of {len(offers)} regions of {', '.join(providers)}, from {ends}; "
        "derived: a device with its share of the machine, of the one that asks the least in each region",
    )


def _leanest(catalogue: Catalogue, accelerator: Accelerator, purchase: Purchase) -> Iterator[tuple[Decimal, Quote]]:
    """The least that a device costs in each region of each cloud, and the quote of the machine that is on."""
    store = catalogue.store
    memory = None if accelerator.memory_gib is None else f"{accelerator.memory_gib:g}"
    for provider in PROVIDERS:
        carriers: list[tuple[str, Decimal]] = []
        parts = store.parts(provider)
        for group in store.accelerated_groups(provider):
            for name, row in store.instances(provider, group).items():
                if row.get("accelerator") != accelerator.model or name in parts:
                    continue
                device = store.accelerator(row) if memory in (None, row.get("accelerator_memory_gib", "")) else None
                if device is not None:
                    carriers.append((name, Decimal(repr(device.count))))
        for region in catalogue.regions(provider):
            quotes = ((catalogue.quote(provider, name, region, purchase), count) for name, count in carriers)
            priced = [(quote.amount / count, quote) for quote, count in quotes if quote.amount is not None]
            if priced:
                yield min(priced, key=lambda one: one[0])
