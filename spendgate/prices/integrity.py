"""Checks over a whole catalogue. Each one is a question that a wrong public table once failed; none raises."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import InstanceType, Purchase, Quote
from spendgate.prices.naming import PROVIDERS, group_of

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_SPOT_SLACK = Decimal("1.001")  # hand-copied tables round spot up to on-demand
_REGIONS_APART = 4  # the dearest region asks at most 2.4 times what the cheapest asks
_FACTOR_SLACK = Decimal("0.0025")  # regional factors agree within a family to 0.22 %


def problems(catalogue: Catalogue) -> Iterator[str]:
    """Everything that is wrong with a catalogue, one line each; nothing for a sound one."""
    for check in CHECKS:
        try:
            yield from check(catalogue)
        except InputError as error:
            yield str(error)


def undated_sources(catalogue: Catalogue) -> Iterator[str]:
    """Every source says where and as of when; every row names one (a missing one is an error of its own)."""
    for source in catalogue.store.sources().values():
        if not _DATE.fullmatch(source.as_of) or not source.where:
            yield f"source {source.id} has no date or no place"


def repeated_rows(catalogue: Catalogue) -> Iterator[str]:
    """A table has one row per key: of two, one is wrong."""
    for provider in PROVIDERS:
        keys = Counter(catalogue.store.price_keys(provider))
        keys.update(catalogue.store.instance_keys(provider))
        yield from (
            f"{provider} {' in '.join(key)} is listed {count} times" for key, count in keys.items() if count > 1
        )


def impossible_prices(catalogue: Catalogue) -> Iterator[str]:
    """Prices are above zero, of known regions, in the file of their group; spot is not above on-demand."""
    store = catalogue.store
    for provider in PROVIDERS:
        regions = store.regions(provider)
        for group in store.price_groups(provider):
            for item, rows in store.prices(provider, group).items():
                if group_of(provider, item) != group:
                    yield f"{provider} {item} is in {group}.csv, where no look-up finds it"
                for region, row in rows.items():
                    price = store.price(row)
                    if region not in regions:
                        yield f"{provider} {item}: no region {region}"
                    for figure in (price.on_demand, price.spot):
                        if figure is not None and figure <= 0:
                            yield f"{provider} {item} in {region} costs {figure}"
                    if price.spot and price.on_demand and price.spot > price.on_demand * _SPOT_SLACK:
                        yield f"{provider} {item} in {region}: spot {price.spot} is above on-demand {price.on_demand}"


def impossible_types(catalogue: Catalogue) -> Iterator[str]:
    """Instance types have a shape, and an accelerator that the catalogue knows by model and memory."""
    for instance in instances(catalogue):
        for word, value in (("vCPU", instance.vcpu), ("memory", instance.memory_gib)):
            if value is not None and value <= 0:
                yield f"{instance.provider} {instance.name} has {value} {word}"
        if not instance.source or not instance.as_of:
            yield f"{instance.provider} {instance.name} has no source"


def wrong_counts(catalogue: Catalogue) -> Iterator[str]:
    """The price of one device lies in the band of its model (bands.csv): outside, the count is wrong."""
    bands = catalogue.store.bands()
    for instance in instances(catalogue):
        device = instance.accelerator
        cheapest = min(amounts(catalogue, instance), default=None) if device else None
        if device is None or cheapest is None:
            continue
        key = (instance.provider, device.model, device.memory_gib)
        band = bands.get((*key, instance.name)) or bands.get((*key, ""))
        each = cheapest / Decimal(repr(device.count))
        if band is None:
            yield f"no band for {device.model} {device.memory_gib} GiB of {instance.provider} ({instance.name})"
        elif not band[0] <= each <= band[1]:
            yield (
                f"{instance.provider} {instance.name}: {each:.3f} an hour for one {device.model}, "
                f"outside {band[0]} to {band[1]}: is the count of {device.count:g} right?"
            )


def placeholder_prices(catalogue: Catalogue) -> Iterator[str]:
    """No region asks many times what another asks: such a figure stands for "no price" (a table says 700)."""
    store = catalogue.store
    for provider in PROVIDERS:
        for group in store.price_groups(provider):
            for item, rows in store.prices(provider, group).items():
                prices = {region: store.price(row).on_demand for region, row in rows.items()}
                cheapest = min((price for price in prices.values() if price), default=None)
                for region, price in prices.items():
                    if price and cheapest and price > cheapest * _REGIONS_APART:
                        yield f"{provider} {item} costs {price} in {region} and {cheapest} elsewhere: is it a price?"


def unused_sources(catalogue: Catalogue) -> Iterator[str]:
    """Every source stands behind a figure: one that no row names is a leftover of a figure that is gone."""
    known, named = set(catalogue.store.sources()), set(catalogue.store.named_sources())
    yield from (f"source {id} stands behind nothing" for id in sorted(known - named))
    yield from (f'no source "{id}" in sources.csv' for id in sorted(named - known))


def uneven_factors(catalogue: Catalogue) -> Iterator[str]:
    """Where a family lists more than one size in a region, its regional factors agree."""
    store = catalogue.store
    for provider in PROVIDERS:
        for family, reference in store.families(provider).items():
            home = store.listed(provider, reference)
            if "us-east-1" not in home:
                yield f"{provider} {family}: {reference} has no price of us-east-1 to take a factor over"
                continue
            for item, rows in store.prices(provider, group_of(provider, reference) or "").items():
                if item.split(".")[0] != family or "us-east-1" not in rows:
                    continue
                for region in rows.keys() & home.keys():
                    factor = Decimal(home[region]["on_demand"]) / Decimal(home["us-east-1"]["on_demand"])
                    own = Decimal(rows[region]["on_demand"]) / Decimal(rows["us-east-1"]["on_demand"])
                    if abs(own / factor - 1) > _FACTOR_SLACK:
                        yield f"{provider} {item} in {region}: factor {own:.4f}, {reference} has {factor:.4f}"


def dangling_names(catalogue: Catalogue) -> Iterator[str]:
    """Labels, attachable accelerators and parts of bundles lead to something."""
    for label in catalogue.store.products():
        if catalogue.gpu_product(label) is None:
            yield f"label {label} names no accelerator"
    for provider in PROVIDERS:
        for name in catalogue.store.attachable(provider):
            if catalogue.attachable(provider, name) is None:
                yield f"{provider} {name} names no accelerator"
        for part in catalogue.store.parts(provider):
            if not catalogue.store.listed(provider, part):
                yield f"{provider}: no price of the part {part}"


CHECKS = (
    undated_sources,
    repeated_rows,
    impossible_prices,
    impossible_types,
    wrong_counts,
    placeholder_prices,
    unused_sources,
    uneven_factors,
    dangling_names,
)


def instances(catalogue: Catalogue) -> Iterator[InstanceType]:
    """All instance types with a row of their own."""
    for provider in PROVIDERS:
        for group in catalogue.store.groups(provider):
            for name in catalogue.store.instances(provider, group):
                instance = catalogue.instance(provider, name)
                if instance is not None:
                    yield instance


def quotes_of(catalogue: Catalogue, instance: InstanceType, purchase: Purchase = Purchase.ON_DEMAND) -> Iterator[Quote]:
    """Its quotes in all regions."""
    for region in catalogue.regions(instance.provider):
        yield catalogue.quote(instance.provider, instance.name, region, purchase)


def amounts(catalogue: Catalogue, instance: InstanceType) -> Iterator[Decimal]:
    """Its on-demand prices in all regions that have one."""
    for quote in quotes_of(catalogue, instance):
        if quote.amount is not None:
            yield quote.amount
