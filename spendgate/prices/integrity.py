"""Checks over a whole catalogue. Each one is a question that a wrong public table once failed; none raises."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from spendgate.errors import InputError, Place, did_you_mean
from spendgate.prices.adding import unit_of
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import InstanceType, Purchase, Quote
from spendgate.prices.naming import PROVIDERS, group_of
from spendgate.prices.store import Price, Store
from spendgate.prices.tables import Row, read_table, shown

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_SPOT_SLACK = Decimal("1.001")  # hand-copied tables round spot up to on-demand
_REGIONS_APART = 4  # the dearest region asks at most 2.4 times what the cheapest asks
_DISCOUNT = 20  # a price of one's own below a twentieth of the public one is a slip of the point
_LEAST_COMMITTED = Decimal("0.15")  # the deepest published rate is three years of an A100 for 34%
_FACTOR_SLACK = Decimal("0.0025")  # regional factors agree within a family to 0.22%


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and the row that says so where it is one row's. ``unreadable`` marks a file that does not parse
    or a value that is none: nothing can be said of what rests on it."""

    message: str
    place: Place | None = None
    unreadable: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def problems(catalogue: Catalogue, checks: Iterable[Check] | None = None) -> Iterator[Problem]:
    """Everything that is wrong with a catalogue, once each; nothing for a sound one."""
    seen: set[Problem] = set()
    for check in CHECKS if checks is None else checks:
        # A price of one's own is held against the public ones, and never stands in for one.
        whole = catalogue if check is strange_private_prices else catalogue.without_private()
        for problem in _asked(check, whole):
            if problem not in seen:
                seen.add(problem)
                yield problem


def _asked(check: Check, catalogue: Catalogue) -> Iterator[Problem]:
    try:
        yield from check(catalogue)
    except InputError as error:
        yield from _unreadable(error)


def _unreadable(error: InputError) -> Iterator[Problem]:
    for one in getattr(error, "errors", (error,)):
        yield Problem(f"{one.message}; {one.remedy}" if one.remedy else one.message, one.place, unreadable=True)


def unreadable_files(catalogue: Catalogue) -> Iterator[Problem]:
    """Every file is CSV in UTF-8 and one that a look-up reads: a table under a wrong name would be passed over."""
    known = set(catalogue.store.tables())
    for number, directory in enumerate(catalogue.store.directories):
        for path in sorted(directory.rglob("*.csv")):
            name = path.relative_to(directory).as_posix()
            if name not in known:
                remedy = did_you_mean(name, known)
                message = f"no look-up reads a table of this name{f'; {remedy}' if remedy else ''}"
                yield Problem(message, Place(shown(path)))
                continue
            try:
                read_table(path, (), shown_as=shown(path) if number else None)
            except InputError as error:
                yield from _unreadable(error)


def undated_sources(catalogue: Catalogue) -> Iterator[Problem]:
    """Every source says where and as of when; every row names one (a missing one is an error of its own)."""
    for source in catalogue.store.sources().values():
        if not _DATE.fullmatch(source.as_of) or not source.where:
            yield Problem(
                f"source {source.id} has no date or no place", catalogue.store.place("sources.csv", id=source.id)
            )


def repeated_rows(catalogue: Catalogue) -> Iterator[Problem]:
    """A table has one row per key: of two, one is wrong."""
    store = catalogue.store
    for provider in PROVIDERS:
        for key, count in Counter(store.price_keys(provider)).items():
            if count > 1:
                place = _price_place(store, provider, key[0], key[1])
                yield Problem(f"{provider} {' in '.join(key[:2])} is listed {count} times", place)
        for key, count in Counter(store.instance_keys(provider)).items():
            if count > 1:
                yield Problem(f"{provider} {key[0]} is listed {count} times", _type_place(store, provider, key[0]))


def repeated_rates(catalogue: Catalogue) -> Iterator[Problem]:
    """One row for each item of storage or a service and region, and for each reserved price and way to pay it."""
    store = catalogue.store
    for provider in PROVIDERS:
        keys = Counter((*store.storage_keys(provider), *store.commitment_keys(provider)))
        for key, count in keys.items():
            if count > 1:
                yield Problem(f"{provider} {' in '.join(key[:2])} is listed {count} times")


def future_dates(catalogue: Catalogue) -> Iterator[Problem]:
    """No figure is from tomorrow: a date in the future is a slip, and no price would ever be older."""
    # A list is dated where it was read; somewhere it is a day later than here.
    latest = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    for source in catalogue.store.sources().values():
        if source.as_of > latest[: len(source.as_of)]:
            place = catalogue.store.place("sources.csv", id=source.id)
            yield Problem(f"source {source.id} is dated {source.as_of}, which is yet to come", place)


def unmarketed_memory(catalogue: Catalogue) -> Iterator[Problem]:
    """A device's memory is its marketed size in GiB: 24, not the 22.4 (22,888 MiB) that a driver reports."""
    for model, memory in catalogue.store.accelerators():
        if memory and not memory.isdigit():
            place = catalogue.store.place("accelerators.csv", model=model, memory_gib=memory)
            yield Problem(f"{model} has {memory} GiB: memory is the marketed size, a whole number", place)


def impossible_rates(catalogue: Catalogue) -> Iterator[Problem]:
    """Prices of storage and services are above zero, in USD, in the file of their service."""
    store = catalogue.store
    for provider in PROVIDERS:
        for item, rows in store.storage(provider).items():
            for region, row in rows.items():
                message = _wrong_rate(store, row, "price")
                if message:
                    yield Problem(f"{provider} {item} in {region}: {message}", _row_place(row))
            if rows.keys() - store.storage_rows(provider, item).keys():
                yield Problem(f"{provider} {item} is in the file of another service, where no look-up finds it")


def impossible_commitments(catalogue: Catalogue) -> Iterator[Problem]:
    """Who commits pays no more than on demand, and for three years no more than for one, but not next to nothing."""
    store = catalogue.store
    for provider in PROVIDERS:
        for row in store.commitment_rows(provider):
            where = f"{provider} {row['item']} in {row['region']}, {row['payment']}"
            if row["region"] not in store.regions(provider):
                yield Problem(f"{where}: there is no such region", _row_place(row))
                continue
            wrong = _wrong_rate(store, row, "one_year") or _wrong_rate(store, row, "three_years")
            if wrong:
                yield Problem(f"{where}: {wrong}", _row_place(row))
                continue
            one, three = store.figure(row, "one_year"), store.figure(row, "three_years")
            if one and three and three > one * _SPOT_SLACK:
                yield Problem(f"{where}: three years cost {three}, one year {one}", _row_place(row))
            full = catalogue.quote(provider, row["item"], row["region"]).amount
            for rate in (one, three):
                if rate and full and not full * _LEAST_COMMITTED < rate <= full * _SPOT_SLACK:
                    yield Problem(f"{where}: {rate} an hour, on demand {full:f}", _row_place(row))


def impossible_blocks(catalogue: Catalogue) -> Iterator[Problem]:
    """A capacity block is of a type and region that exist, for a price that is not far from the on-demand one."""
    store = catalogue.store
    for provider in PROVIDERS:
        for item, rows in store.capacity_blocks(provider).items():
            if catalogue.instance(provider, item) is None:
                yield Problem(f"{provider} {item}: a capacity block of an unknown type")
            for region, row in rows.items():
                wrong = _wrong_rate(store, row, "price")
                if region not in store.regions(provider):
                    wrong = "there is no such region"
                price, full = store.figure(row, "price") if not wrong else None, catalogue.quote(provider, item, region)
                if price and full.amount and not full.amount * _LEAST_COMMITTED < price < full.amount * 2:
                    wrong = f"{price} an hour, on demand {full.amount:f}"
                if wrong:
                    yield Problem(f"{provider} {item} in {region}, capacity block: {wrong}", _row_place(row))


def _wrong_rate(store: Store, row: Row, column: str) -> str | None:
    try:
        store.figure(row, column)
    except InputError as error:
        return error.message
    return None if row["currency"] == "USD" else f"prices are in USD, not in {row['currency']}"


def _row_place(row: Row) -> Place | None:
    return Place(row["file"], int(row["line"])) if row.get("file") else None


def impossible_prices(catalogue: Catalogue) -> Iterator[Problem]:
    """Prices are above zero, of known regions, in the file of their group; spot is not above on-demand."""
    store = catalogue.store
    for provider in PROVIDERS:
        regions = store.regions(provider)
        for group in store.price_groups(provider):
            table = f"{provider}/prices/{group}.csv"
            try:
                items = store.prices(provider, group)
            except InputError as error:
                yield from _unreadable(error)
                continue
            for item, rows in items.items():
                if group_of(provider, item) != group:
                    message = f"{provider} {item} is in {group}.csv, where no look-up finds it"
                    yield Problem(message, store.place(table, item=item))
                for region, row in rows.items():
                    try:
                        price = store.price(row)
                    except InputError as error:
                        yield from _unreadable(error)
                        continue
                    for message in _impossible(price, region in regions):
                        place = store.place(table, item=item, region=region)
                        yield Problem(f"{provider} {item} in {region}: {message}", place)


def _impossible(price: Price, known: bool) -> Iterator[str]:
    if not known:
        yield "there is no such region"
    if price.currency != "USD":
        yield f"prices are in USD, not in {price.currency}"
    if price.spot and price.on_demand and price.spot > price.on_demand * _SPOT_SLACK:
        yield f"spot {price.spot} is above on-demand {price.on_demand}"


def impossible_types(catalogue: Catalogue) -> Iterator[Problem]:
    """Instance types have a shape, and an accelerator that the catalogue knows by model and memory."""
    for instance in instances(catalogue):
        for word, value in (("vCPU", instance.vcpu), ("memory", instance.memory_gib)):
            if value is not None and value <= 0:
                yield _of_type(catalogue, instance, f"has {value} {word}")
        if not instance.source or not instance.as_of:
            yield _of_type(catalogue, instance, "has no source")


def wrong_counts(catalogue: Catalogue) -> Iterator[Problem]:
    """The price of one device lies in the band of its model (bands.csv): outside, the count is wrong."""
    yield from wrong_counts_of(catalogue, instances(catalogue))


def wrong_counts_of(catalogue: Catalogue, types: Iterable[InstanceType]) -> Iterator[Problem]:
    """The same of some instance types."""
    bands = catalogue.store.bands()
    for instance in types:
        device = instance.accelerator
        cheapest = min(amounts(catalogue, instance), default=None) if device else None
        if device is None or cheapest is None:
            continue
        key = (instance.provider, device.model, device.memory_gib)
        band = bands.get((*key, instance.name)) or bands.get((*key, ""))
        each = cheapest / Decimal(repr(device.count))
        if band is None:
            message = f"no band in bands.csv for {device.model} with {device.memory_gib or 'unknown'} GiB"
            yield _of_type(catalogue, instance, message)
        elif not band[0] <= each <= band[1]:
            message = (
                f"{each:.3f} an hour for one {device.model}, outside {band[0]} to {band[1]}: "
                f"is the count of {device.count:g} right?"
            )
            yield _of_type(catalogue, instance, message)


def placeholder_prices(catalogue: Catalogue) -> Iterator[Problem]:
    """No region asks many times what another asks: such a figure stands for "no price" (a table says 700)."""
    store = catalogue.store
    for provider in PROVIDERS:
        for group in store.price_groups(provider):
            for item, rows in store.prices(provider, group).items():
                prices = {region: store.price(row).on_demand for region, row in rows.items()}
                cheapest = min((price for price in prices.values() if price), default=None)
                for region, price in prices.items():
                    if price and cheapest and price > cheapest * _REGIONS_APART:
                        yield Problem(
                            f"{provider} {item} costs {price} in {region} and {cheapest} elsewhere: is it a price?",
                            _price_place(store, provider, item, region),
                        )


def unused_sources(catalogue: Catalogue) -> Iterator[Problem]:
    """Every source stands behind a figure: one that no row names is a leftover of a figure that is gone."""
    known, named = set(catalogue.store.sources()), set(catalogue.store.named_sources())
    for id in sorted(known - named):
        yield Problem(f"source {id} stands behind nothing", catalogue.store.place("sources.csv", id=id))
    for id in sorted(named - known):
        places = (catalogue.store.place(table, source=id) for table in catalogue.store.tables())
        yield Problem(f'no source "{id}" in sources.csv', next(filter(None, places), None))


def uneven_factors(catalogue: Catalogue) -> Iterator[Problem]:
    """Where a family lists more than one size in a region, its regional factors agree."""
    store = catalogue.store
    for provider in PROVIDERS:
        for family, reference in store.families(provider).items():
            home = store.listed(provider, reference)
            if "us-east-1" not in home:
                message = f"{provider} {family}: {reference} has no price of us-east-1 to take a factor over"
                yield Problem(message, store.place(f"{provider}/families.csv", family=family))
                continue
            for item, rows in store.prices(provider, group_of(provider, reference) or "").items():
                if item.split(".")[0] != family or "us-east-1" not in rows:
                    continue
                for region in rows.keys() & home.keys():
                    if not _derived_from(store, rows[region], rows["us-east-1"], home[region], home["us-east-1"]):
                        continue
                    factor = Decimal(home[region]["on_demand"]) / Decimal(home["us-east-1"]["on_demand"])
                    own = Decimal(rows[region]["on_demand"]) / Decimal(rows["us-east-1"]["on_demand"])
                    if abs(own / factor - 1) > _FACTOR_SLACK:
                        yield Problem(
                            f"{provider} {item} in {region}: factor {own:.4f}, {reference} has {factor:.4f}",
                            _price_place(store, provider, item, region),
                        )


def _derived_from(store: Store, *rows: Row) -> bool:
    """Whether regional factors rest on these rows. A refreshed list has each size's own price, of its own day, and
    rounds them: nothing is derived from those, and a factor over two days would be none."""
    return all(not row.get("layer") or not store.is_public(row) for row in rows)


def dangling_names(catalogue: Catalogue) -> Iterator[Problem]:
    """Labels, attachable accelerators and parts of bundles lead to something."""
    for label in catalogue.store.products():
        if catalogue.gpu_product(label) is None:
            place = catalogue.store.place("gpu_products.csv", label=label)
            yield Problem(f"label {label} names no accelerator", place)
    for provider in PROVIDERS:
        for name in catalogue.store.attachable(provider):
            if catalogue.attachable(provider, name) is None:
                place = catalogue.store.place(f"{provider}/attachable.csv", name=name)
                yield Problem(f"{provider} {name} names no accelerator", place)
        for part in catalogue.store.parts(provider):
            if not catalogue.store.listed(provider, part):
                place = catalogue.store.place(f"{provider}/bundles.csv", part=part)
                yield Problem(f"{provider}: no price of the part {part}", place)


def strange_private_prices(catalogue: Catalogue) -> Iterator[Problem]:
    """A price of one's own is for something that exists, by its unit, and not far from what the public pays."""
    public = catalogue.without_private()
    for price in catalogue.store.private().values():
        try:
            unit_of(public, price.provider, price.item, price.unit, price.purchase)
        except InputError as error:
            yield Problem(f"{error.message}; {error.remedy}" if error.remedy else error.message, price.place)
            continue
        if price.unit != "hour":
            continue
        quote = public.quote(price.provider, price.item, price.region)
        if quote.amount and not quote.amount / _DISCOUNT < price.price < quote.amount * _REGIONS_APART:
            yield Problem(
                f"{price.item} in {price.region} costs {price.price:f}, on demand {quote.amount:f}: is it a price?",
                price.place,
            )


Check = Callable[[Catalogue], Iterator[Problem]]
CHECKS: tuple[Check, ...] = (
    unreadable_files,
    undated_sources,
    future_dates,
    repeated_rows,
    repeated_rates,
    impossible_rates,
    impossible_commitments,
    impossible_blocks,
    unmarketed_memory,
    impossible_prices,
    impossible_types,
    wrong_counts,
    placeholder_prices,
    unused_sources,
    uneven_factors,
    dangling_names,
    strange_private_prices,
)


def _of_type(catalogue: Catalogue, instance: InstanceType, message: str) -> Problem:
    place = _type_place(catalogue.store, instance.provider, instance.name)
    return Problem(f"{instance.provider} {instance.name}: {message}", place)


def _type_place(store: Store, provider: str, name: str) -> Place | None:
    return store.place(f"{provider}/instances/{group_of(provider, name)}.csv", name=name)


def _price_place(store: Store, provider: str, item: str, region: str) -> Place | None:
    return store.place(f"{provider}/prices/{group_of(provider, item)}.csv", item=item, region=region)


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
