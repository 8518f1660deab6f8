"""The catalogue: what an instance type is, what it carries, what it costs where. It reads only what is asked for."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from spendgate.errors import InputError
from spendgate.prices import quotes
from spendgate.prices.model import Accelerator, InstanceType, NoPrice, Purchase, Quote
from spendgate.prices.naming import PROVIDERS, custom_shape, family_of, group_of, nearest, region_of_zone, short_name
from spendgate.prices.private import find_folder, quote_of
from spendgate.prices.refreshed import current, find_refreshed
from spendgate.prices.store import Store
from spendgate.prices.tables import BUILTIN, Layers

_MIG = re.compile(r"(.+)-MIG-(\d)g\.\d+gb(?:\.me)?(?:\+.*)?")


class Catalogue:
    """Instance types, accelerators and prices of a stack of directories, the later ones winning.

    Look-ups never raise for what is missing: they return None, or a quote with its reason.
    """

    _builtin: ClassVar[Catalogue | None] = None

    def __init__(self, *directories: Path, private: bool = True, public: int = 1) -> None:
        """``public`` of the directories, from the first on, hold public prices; the others are a user's own."""
        self._store = Store(Layers(directories), private=private, public=public)
        self._quotes: dict[tuple[str, str, str | None, Purchase, str], Quote] = {}
        self._instances: dict[tuple[str, str], InstanceType | None] = {}
        self._gpu_hours: dict[tuple[str, float | None, Purchase], Quote | None] = {}
        self._suggestions: dict[tuple[str, str | None], str | None] = {}

    @classmethod
    def builtin(cls) -> Catalogue:
        """The catalogue that comes with spendgate, read once per process."""
        if cls._builtin is None:
            cls._builtin = cls(BUILTIN)
        return cls._builtin

    @classmethod
    def with_user(cls, directory: Path) -> Catalogue:
        """The built-in catalogue with a user's directory over it: same layout, same columns, the user's row wins.

        A folder of refreshed prices will do as well. Raises InputError where it names a catalogue that is not there.
        """
        refreshed = current(directory)
        return cls(BUILTIN, directory) if refreshed is None else cls(BUILTIN, refreshed, public=2)

    @classmethod
    def of_project(cls, folder: Path, *, strict: bool = True) -> Catalogue:
        """The catalogue that holds for a project: with the refreshed prices where ``find_refreshed`` finds some, and
        over them the user's directory where ``find_folder`` finds one.

        Raises InputError for a broken file of private prices at once, not when the first of them is asked for, unless
        ``strict`` is off: a check names all of its faults.
        """
        directory, refreshed = find_folder(folder), find_refreshed(folder)
        if directory is None and refreshed is None:
            return cls.builtin()
        catalogue = cls.layered(refreshed, directory)
        if strict:
            catalogue.store.private()
        return catalogue

    @classmethod
    def layered(cls, refreshed: Path | None, own: Path | None, *, private: bool = True) -> Catalogue:
        """The built-in catalogue, refreshed prices over it where there are some, and a user's directory on top."""
        layers = tuple(layer for layer in (BUILTIN, refreshed, own) if layer is not None)
        return cls(*layers, private=private, public=1 if refreshed is None else 2)

    def without_private(self) -> Catalogue:
        """The same tables without prices of one's own, to hold the former against."""
        return Catalogue(*self._store.directories, private=False, public=self._store.public)

    @property
    def store(self) -> Store:
        """The tables themselves, for checks over all of them."""
        return self._store

    def instance(self, provider: str, name: str) -> InstanceType | None:
        """An instance type by the provider's name (a GCP URL or an ``ml.`` name will do), or None if unknown."""
        key = (provider, name)
        if key not in self._instances:
            self._instances[key] = self._instance(provider, short_name(provider, name))
        return self._instances[key]

    def _instance(self, provider: str, name: str) -> InstanceType | None:
        group = group_of(provider, name)
        if group is None:
            return None
        if group == "ml":
            behind = self._instance(provider, name.removeprefix("ml."))
            return behind and InstanceType(
                provider,
                name,
                behind.vcpu,
                behind.memory_gib,
                behind.accelerator,
                behind.architecture,
                behind.source,
                behind.as_of,
            )
        store = self._store
        row = store.instances(provider, group).get(name)
        if row is not None:
            source = store.source(row["source"])
            vcpu, memory = row.get("vcpu"), row.get("memory_gib")
            return InstanceType(
                provider,
                name,
                float(vcpu) if vcpu else None,
                float(memory) if memory else None,
                store.accelerator(row),
                row.get("architecture") or None,
                source.where,
                source.as_of,
            )
        bundle = store.bundle(provider, name)
        part = self._instance(provider, bundle[0]) if bundle else None
        if bundle and part and part.accelerator:
            one = part.accelerator
            many = Accelerator(one.vendor, one.model, one.memory_gib, one.count * float(bundle[1]), one.kind)
            return InstanceType(provider, name, None, None, many, part.architecture, part.source, part.as_of)
        shape = custom_shape(provider, name)
        return InstanceType(provider, name, *shape, source="stated by its name") if shape else None

    def attachable(self, provider: str, name: str) -> Accelerator | None:
        """One accelerator that is attached to a machine (``nvidia-tesla-t4``, also as a URL), or None if unknown."""
        row = self._store.attachable(provider).get(short_name(provider, name))
        return self._store.accelerator(row, 1.0) if row else None

    def attachable_item(self, provider: str, accelerator: Accelerator) -> str | None:
        """The provider's name of an attached accelerator, by model and memory (T4, 16: ``nvidia-tesla-t4``)."""
        for name in self._store.attachable(provider):
            one = self.attachable(provider, name)
            if one and (one.model, one.memory_gib) == (accelerator.model, accelerator.memory_gib):
                return name
        return None

    def gpu_product(self, label: str) -> Accelerator | None:
        """One device as a Kubernetes node label names it (``NVIDIA-A100-SXM4-80GB``, ``nvidia-l4``), or None.

        A MIG product (``…-MIG-1g.10gb``) is its fraction of the device; a time-sliced one (``…-SHARED``) counts as
        the whole device, of which it may take all.
        """
        label = label.strip().removesuffix("-SHARED")
        slice_ = _MIG.fullmatch(label)
        row = self._store.products().get(slice_[1] if slice_ else label)
        if row is None or slice_ is None:
            return self._store.accelerator(row, 1.0) if row else None
        # The profile's number counts slices of the device: sevenths of an A100, quarters of an RTX PRO 6000.
        slices = self._store.mig_slices().get((row["accelerator"], row["accelerator_memory_gib"]), 0)
        return self._store.accelerator(row, int(slice_[2]) / slices) if 0 < int(slice_[2]) <= slices else None

    def providers_of(self, name: str) -> tuple[str, ...]:
        """Providers that sell something under this name."""
        return tuple(
            provider
            for provider in PROVIDERS
            if self.instance(provider, name)
            or self._store.listed(provider, short_name(provider, name))
            or self.attachable(provider, name)
            or self.private_purchases(provider, name)
        )

    def private_purchases(self, provider: str, name: str) -> tuple[Purchase, ...]:
        """The purchase options for which a price of one's own is known, in any region."""
        item = short_name(provider, name)
        found = {key[3] for key in self._store.private() if key[:2] == (provider, item)}
        return tuple(purchase for purchase in Purchase if purchase in found)

    def names(self, provider: str) -> tuple[str, ...]:
        """All names that have a row of their own: instance types, attachable accelerators, all with an hourly price."""
        store = self._store
        known: dict[str, None] = dict.fromkeys(store.attachable(provider))
        for group in store.groups(provider):
            known |= dict.fromkeys(store.instances(provider, group))
        for group in store.price_groups(provider):
            known |= dict.fromkeys(store.prices(provider, group))
        return tuple(known)

    def suggest(self, name: str, provider: str | None = None) -> str | None:
        """The known name nearest to a misspelt one, or None when nothing is near."""
        key = (name, provider)
        if key not in self._suggestions:
            self._suggestions[key] = self._suggest(name, (provider,) if provider else PROVIDERS)
        return self._suggestions[key]

    def _suggest(self, name: str, providers: tuple[str, ...]) -> str | None:
        known: dict[str, str] = {}
        for provider in providers:
            for candidate in self.names(provider):
                known[candidate.lower().removeprefix("standard_")] = candidate
                if name.lower().startswith("ml.") and provider == "aws":
                    known[f"ml.{candidate}".lower()] = f"ml.{candidate}"
        near = nearest(short_name("gcp", name).lower().removeprefix("standard_"), known)
        return known[near] if near else None

    def is_accelerated_family(self, provider: str, name: str) -> bool | None:
        """Whether types of this name's family carry accelerators; None for a family that the catalogue does not know.

        ``p5.96xlarge`` and ``p9.48xlarge`` are True: the type is unknown, but its family, or every family of its
        letters, is accelerated.
        """
        name = short_name(provider, name)
        known = self.instance(provider, name)
        if known is not None:
            return known.accelerator is not None
        group = group_of(provider, name)
        if group is None:
            return None
        behind = group_of(provider, name.removeprefix("ml.")) or group
        rows = self._store.instances(provider, behind)
        family = family_of(provider, name)
        same = [row for other, row in rows.items() if family_of(provider, other) == family] or list(rows.values())
        if not same:
            return None
        carrying = sum(1 for row in same if row.get("accelerator"))
        return True if carrying == len(same) else False if not carrying else None

    def regions(self, provider: str) -> tuple[str, ...]:
        """The provider's regions, also those without prices."""
        return tuple(self._store.regions(provider))

    def region_of_zone(self, provider: str, zone: str) -> str | None:
        """The region of a zone (``us-central1`` of ``us-central1-a``), or None where no known region fits."""
        region = region_of_zone(provider, zone)
        return region if region in self._store.regions(provider) else None

    def quote(
        self,
        provider: str,
        item: str,
        region: str | None,
        purchase: Purchase = Purchase.ON_DEMAND,
        term: str = "",
    ) -> Quote:
        """The price of one item for an hour, or the reason there is none.

        ``item`` is an instance type or an attached accelerator, ``region`` a region or one of its zones, ``term`` how
        long one commits to a reserved price (``1 year``, which it is where none is named, or ``3 years``).
        """
        key = (provider, item, region, purchase, term)
        if key not in self._quotes:
            self._quotes[key] = self._quote(provider, short_name(provider, item), region, purchase, term)
        return self._quotes[key]

    def _quote(self, provider: str, item: str, region: str | None, purchase: Purchase, term: str) -> Quote:
        def unpriced(note: str) -> Quote:
            return quotes.no_price(provider, item, region, purchase, NoPrice.UNPRICED, note)

        if provider not in PROVIDERS:
            return unpriced(f"no prices of {provider} are in the catalogue")
        place = self._region(provider, region)
        if place is None:
            return unpriced(self._no_region(provider, region))
        quote = quotes.hourly(self._store, provider, item, place, purchase, term)
        if quote.reason is NoPrice.UNPRICED and not quote.source and self._is_unknown(provider, item):
            near = self.suggest(item, provider)
            hint = f'; did you mean "{near}"?' if near else ""
            return unpriced(f'no instance type "{item}" is in the catalogue{hint}')
        return quote

    def _is_unknown(self, provider: str, item: str) -> bool:
        return self.instance(provider, item) is None and self.attachable(provider, item) is None

    def _region(self, provider: str, region: str | None) -> str | None:
        if region is None or region in self._store.regions(provider):
            return region
        return self.region_of_zone(provider, region)

    def _no_region(self, provider: str, region: str | None) -> str:
        if region is None:
            return "no region is declared"
        near = nearest(region, self.regions(provider))
        return f'no region "{region}"' + (f'; did you mean "{near}"?' if near else "")

    def gpu_hour(self, accelerator: Accelerator, purchase: Purchase = Purchase.ON_DEMAND) -> Quote | None:
        """What one whole device costs for an hour where its machine is not known: the median over the regions of all
        clouds (``amount``), from the cheapest to the dearest; derived. None where no region has a price."""
        from spendgate.prices.reference import gpu_hour

        key = (accelerator.model, accelerator.memory_gib, purchase)
        if key not in self._gpu_hours:
            self._gpu_hours[key] = gpu_hour(self, accelerator, purchase)
        return self._gpu_hours[key]

    def storage_quote(self, provider: str, item: str, region: str | None) -> Quote:
        """The price of one unit of storage or network (``ebs.gp3``: GiB-month, ``nat.gateway``: hour), or why not."""
        store, purchase = self._store, Purchase.ON_DEMAND
        listed = store.storage_rows(provider, item) if provider in PROVIDERS else {}
        unit = next((row["unit"] for row in listed.values()), "GiB-month")

        def unpriced(note: str) -> Quote:
            return quotes.no_price(provider, item, region, purchase, NoPrice.UNPRICED, note, unit=unit)

        place = self._region(provider, region) if provider in PROVIDERS else None
        if place is None and region is not None and region.lower() in listed:
            place = region.lower()  # a bucket's location of several regions: US, EUR4
        own = store.private().get((provider, item, place, purchase)) if place else None
        if own is not None:
            if listed and own.unit != unit:
                raise InputError(f"{item} is billed by {unit}, not by {own.unit}", place=own.place)
            return quote_of(own)
        if not listed:
            return unpriced("the catalogue has none")
        if place is None:
            return unpriced(self._no_region(provider, region))
        row = listed.get(place)
        if row is None:
            other, known = next(iter(listed.items()))
            return unpriced(f"no price of {place} is in the catalogue ({other}: {known['price']} a {unit})")
        source = store.source(row["source"])
        note = "; ".join(filter(None, ("weak source" if source.strength == "weak" else "", row.get("note", ""))))
        return Quote(
            provider,
            item,
            place,
            purchase,
            unit,
            Decimal(row["price"]),
            source.where,
            source.as_of,
            currency=row["currency"],
            note=note,
        )
