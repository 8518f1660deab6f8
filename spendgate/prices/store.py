"""The catalogue's tables as typed look-ups; each file is read once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

from spendgate.errors import InputError, Place
from spendgate.prices.model import Accelerator, NoPrice
from spendgate.prices.naming import PROVIDERS, group_of
from spendgate.prices.private import FILE, Key, PrivatePrice, read_prices
from spendgate.prices.tables import Layers, Row

T = TypeVar("T")

_OF_A_PROVIDER = (
    "attachable",
    "availability",
    "bundles",
    "capacity_blocks",
    "covered",
    "families",
    "sagemaker_markup",
    "storage",
)
_GROUPED = ("instances", "prices", "commitments", "services")
_STORAGE_COLUMNS = ("item", "region", "price", "unit", "source", "currency")
_COMMITTED_COLUMNS = ("item", "region", "payment", "one_year", "three_years", "source", "unit", "currency")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure is from. ``as_of`` is an ISO date, as precise as known: a day, a month or a year."""

    id: str
    as_of: str
    strength: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Price:
    """A listed price in USD per ``unit``, on demand and spot, each with its source; None where none is listed."""

    on_demand: Decimal | None
    spot: Decimal | None
    unit: str
    currency: str
    source: Source
    spot_source: Source
    note: str
    own: bool
    derived: str = ""
    """The rule by which the list's figures were composed, where it names parts and no price of the whole."""


@dataclass(frozen=True, slots=True)
class Availability:
    """How a type is sold where a missing price is a fact of its own."""

    pattern: str
    purchase: str
    reason: NoPrice
    note: str
    source: Source


class Store:
    """Typed access to the tables of a stack of catalogue directories."""

    def __init__(self, layers: Layers, *, private: bool = True, public: int = 1) -> None:
        self._layers = layers
        self._private = private
        self._public = public
        self._tables: dict[str, Any] = {}

    @property
    def directories(self) -> tuple[Path, ...]:
        """The catalogue's directories, the one that wins last."""
        return self._layers.directories

    @property
    def public(self) -> int:
        """How many of the directories, from the first on, hold public prices: the built-in and refreshed ones."""
        return self._public

    @property
    def published(self) -> Store:
        """The public layers alone, from which other figures may be derived. A price of one's own for one size says
        nothing about the other sizes of its family."""
        if len(self.directories) == self._public and not self.private():
            return self
        layers = Layers(self.directories[: self._public])
        return self._once("published", lambda: Store(layers, private=False, public=self._public))

    def private(self) -> Mapping[Key, PrivatePrice]:
        """Prices of one's own by provider, item, region and purchase option."""

        def load() -> dict[Key, PrivatePrice]:
            files = [directory / FILE for directory in self.directories if (directory / FILE).is_file()]
            if not files or not self._private:
                return {}
            return {price.key: price for file in files for price in read_prices(file, self.regions)}

        return self._once("private", load)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        if name not in self._tables:
            self._tables[name] = make()
        return cast(T, self._tables[name])

    def source(self, id: str, row: Row | None = None) -> Source:
        """A source by id. Raises InputError, with the place of the ``row`` that names it, for one that
        ``sources.csv`` does not have."""
        sources = self.sources()
        if id not in sources:
            remedy = "Add it to sources.csv, with its date."
            raise InputError(f'no source "{id}" in the catalogue', place=_place(row or {}), remedy=remedy)
        return sources[id]

    def sources(self) -> Mapping[str, Source]:
        """All sources by id."""
        columns = ("id", "as_of", "strength", "where", "what")
        return self._once(
            "sources",
            lambda: {
                row["id"]: Source(row["id"], row["as_of"], row["strength"], row["where"], row["what"])
                for row in self._layers.rows("sources.csv", columns)
            },
        )

    def named_sources(self) -> Iterator[str]:
        """The source ids that the rows of all tables name, as often as they do."""
        tables = ["accelerators.csv", "gpu_products.csv", "mig.csv"]
        for provider in PROVIDERS:
            tables += [f"{provider}/{name}.csv" for name in _OF_A_PROVIDER]
            tables += self._grouped(provider)
        for table in tables:
            for row in self._layers.rows(table, ()):
                yield from (row[column] for column in ("source", "spot_source") if row.get(column))

    def place(self, table: str, /, **cells: str) -> Place | None:
        """Where the winning row of a table with these cells stands (file and line); None where there is none."""
        return self._layers.place(table, **cells)

    def tables(self) -> Iterator[str]:
        """The names of all tables that look-ups read, whether there is such a file or not."""
        yield from ("accelerators.csv", "bands.csv", "gpu_products.csv", "mig.csv", "sources.csv", FILE)
        yield from (f"models/{group}.csv" for group in self._layers.files("models"))
        yield from (f"models/{group}.csv" for group in self._layers.files("models"))
        for provider in PROVIDERS:
            yield from (f"{provider}/{name}.csv" for name in (*_OF_A_PROVIDER, "regions"))
            yield from self._grouped(provider)

    def _grouped(self, provider: str) -> list[str]:
        """The provider's tables of which there is one a group of names."""
        folders = (f"{provider}/{name}" for name in _GROUPED)
        return [f"{folder}/{group}.csv" for folder in folders for group in self._layers.files(folder)]

    def accelerators(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        """Vendor and kind by model and memory: a name alone is no key."""
        columns = ("model", "memory_gib", "vendor", "kind")
        return self._once(
            "accelerators",
            lambda: {
                (row["model"], row["memory_gib"]): (row["vendor"], row["kind"])
                for row in self._layers.rows("accelerators.csv", columns)
            },
        )

    def accelerator(self, row: Row, count: float | None = None) -> Accelerator | None:
        """The accelerator that a row names, with the row's count (a fraction: ``1/8``) unless one is given."""
        model, memory = row.get("accelerator", ""), row.get("accelerator_memory_gib", "")
        if not model:
            return None
        known = self.accelerators().get((model, memory))
        if known is None:
            raise InputError(
                f'no accelerator "{model}" with {memory or "unknown"} GiB in the catalogue',
                remedy="Add it to accelerators.csv.",
            )
        devices = float(Fraction(row["accelerator_count"])) if count is None else count
        return Accelerator(known[0], model, float(memory) if memory else None, devices, known[1])

    def groups(self, provider: str) -> tuple[str, ...]:
        """Groups of instance types that the catalogue has files for."""
        return self._once(f"{provider} groups", lambda: self._layers.files(f"{provider}/instances"))

    def price_groups(self, provider: str) -> tuple[str, ...]:
        """Groups of items that the catalogue has price files for."""
        return self._once(f"{provider} price groups", lambda: self._layers.files(f"{provider}/prices"))

    def price_keys(self, provider: str) -> Iterator[tuple[str, ...]]:
        """Item, region and layer of every price row, repeated ones as often as they occur."""
        for group in self.price_groups(provider):
            for row in self._layers.rows(f"{provider}/prices/{group}.csv", ("item", "region")):
                yield (row["item"], row["region"], row.get("layer", "the catalogue"))

    def instance_keys(self, provider: str) -> Iterator[tuple[str, ...]]:
        """Name and layer of every row of an instance type, repeated ones as often as they occur."""
        for group in self.groups(provider):
            for row in self._layers.rows(f"{provider}/instances/{group}.csv", ("name",)):
                yield (row["name"], row.get("layer", "the catalogue"))

    def instances(self, provider: str, group: str) -> Mapping[str, Row]:
        """Rows of instance types by name."""
        name = f"{provider}/instances/{group}.csv"
        return self._once(name, lambda: {row["name"]: row for row in self._layers.rows(name, ("name", "source"))})

    def prices(self, provider: str, group: str) -> Mapping[str, Mapping[str, Row]]:
        """Rows of hourly prices by item and region."""
        name = f"{provider}/prices/{group}.csv"

        columns = ("item", "region", "on_demand", "source", "unit", "currency")
        return self._once(name, lambda: _by_item_and_region(self._layers.rows(name, columns)))

    def listed(self, provider: str, item: str) -> Mapping[str, Row]:
        """Rows of hourly prices of one item by region; empty for an item without any."""
        group = group_of(provider, item)
        return self.prices(provider, group).get(item, {}) if group else {}

    def covering(self, provider: str, item: str, region: str) -> Source | None:
        """The refreshed price list of which every type that a region sells is in the catalogue: what is not in it, is
        not sold there. None where there is none, and for what such a list is not about."""
        if self._public < 2 or item.startswith("ml."):
            return None
        name = f"{provider}/covered.csv"
        rows = self._once(name, lambda: {row["region"]: row for row in self._layers.rows(name, ("region", "source"))})
        return self.source(rows[region]["source"], rows[region]) if region in rows else None

    def is_public(self, row: Row) -> bool:
        """Whether a row is of a public layer, and not the user's own word."""
        return int(row.get("layer") or 0) < self._public

    def price(self, row: Row) -> Price:
        """A price row with its figures and sources."""
        source = self.source(row["source"], row)
        spot_source = self.source(row["spot_source"], row) if row.get("spot_source") else source
        if row.get("layer"):
            source, spot_source = (replace(one, where=f"{one.where} ({row['file']})") for one in (source, spot_source))
        return Price(
            on_demand=_figure(row["on_demand"], row),
            spot=_figure(row.get("spot", ""), row),
            unit=row["unit"],
            currency=row["currency"],
            source=source,
            spot_source=spot_source,
            note=row.get("note", ""),
            own=bool(row.get("layer")),
            derived=row.get("derived", ""),
        )

    def families(self, provider: str) -> Mapping[str, str]:
        """The reference size of each family whose regional prices follow one factor."""
        return {family: row["reference"] for family, row in self._families(provider).items()}

    def family(self, provider: str, family: str) -> Row | None:
        """The reference size of a family, and whether its list of regions is ``complete``; None without a factor."""
        return self._families(provider).get(family)

    def _families(self, provider: str) -> Mapping[str, Row]:
        name = f"{provider}/families.csv"
        return self._once(name, lambda: {r["family"]: r for r in self._layers.rows(name, ("family", "reference"))})

    def regions(self, provider: str) -> Mapping[str, bool]:
        """Regions by name; True where the price tables cover the region."""
        name = f"{provider}/regions.csv"
        columns = ("region", "covered")
        return self._once(name, lambda: {r["region"]: r["covered"] == "yes" for r in self._layers.rows(name, columns)})

    def availability(self, provider: str, item: str, purchase: str) -> Availability | None:
        """How an item is sold, where that is why it has no price."""
        name = f"{provider}/availability.csv"
        rules = self._once(
            name,
            lambda: [
                Availability(r["pattern"], r["purchase"], NoPrice(r["reason"]), r["note"], self.source(r["source"]))
                for r in self._layers.rows(name, ("pattern", "purchase", "reason", "note", "source"))
            ],
        )
        for rule in rules:
            if rule.purchase in (purchase, "*") and fnmatchcase(item, rule.pattern):
                return rule
        return None

    def bundle(self, provider: str, item: str) -> tuple[str, Decimal] | None:
        """The part and how many of it an item is priced as (a TPU slice: so many chips)."""
        name = f"{provider}/bundles.csv"
        for row in self._once(name, lambda: self._layers.rows(name, ("pattern", "part", "parts"))):
            if fnmatchcase(item, row["pattern"]):
                count = _parts(item, row["pattern"], row["parts"])
                if count:
                    return row["part"], count
        return None

    def parts(self, provider: str) -> tuple[str, ...]:
        """Parts that bundles are made of."""
        rows = self._layers.rows(f"{provider}/bundles.csv", ("pattern", "part", "parts"))
        return tuple(dict.fromkeys(row["part"] for row in rows))

    def bands(self) -> Mapping[tuple[str, str, float | None, str], tuple[Decimal, Decimal]]:
        """What one device and hour may plausibly cost, by provider, model, memory and type (empty: any type)."""
        columns = ("provider", "accelerator", "accelerator_memory_gib", "low", "high")
        return {
            (
                row["provider"],
                row["accelerator"],
                float(row["accelerator_memory_gib"]) if row["accelerator_memory_gib"] else None,
                row.get("name", ""),
            ): (Decimal(row["low"]), Decimal(row["high"]))
            for row in self._layers.rows("bands.csv", columns)
        }

    def attachable(self, provider: str) -> Mapping[str, Row]:
        """Accelerators that are attached to a machine, by the provider's name for them."""
        name = f"{provider}/attachable.csv"
        columns = ("name", "accelerator", "accelerator_memory_gib")
        return self._once(name, lambda: {row["name"]: row for row in self._layers.rows(name, columns)})

    def products(self) -> Mapping[str, Row]:
        """Accelerators by the value of a Kubernetes node label."""
        columns = ("label", "accelerator", "accelerator_memory_gib")
        return self._once(
            "products", lambda: {row["label"]: row for row in self._layers.rows("gpu_products.csv", columns)}
        )

    def mig_slices(self) -> Mapping[tuple[str, str], int]:
        """Into how many slices a GPU can be partitioned, by model and memory."""
        columns = ("accelerator", "accelerator_memory_gib", "slices")
        return self._once(
            "mig slices",
            lambda: {
                (row["accelerator"], row["accelerator_memory_gib"]): int(row["slices"])
                for row in self._layers.rows("mig.csv", columns)
            },
        )

    def markups(self, provider: str) -> Mapping[tuple[str, str], Row]:
        """What a managed instance costs over the one behind it, by family and size (``*``: any other)."""
        name = f"{provider}/sagemaker_markup.csv"
        columns = ("family", "size", "factor", "source")
        return self._once(name, lambda: {(r["family"], r["size"]): r for r in self._layers.rows(name, columns)})

    def storage(self, provider: str) -> Mapping[str, Mapping[str, Row]]:
        """Rows of storage, network and service prices by item and region, of all files."""

        def load() -> dict[str, dict[str, Row]]:
            by_item: dict[str, dict[str, Row]] = {}
            for table in self._storage_tables(provider):
                for item, rows in self._storage_table(table).items():
                    by_item.setdefault(item, {}).update(rows)
            return by_item

        return self._once(f"{provider} storage", load)

    def storage_rows(self, provider: str, item: str) -> Mapping[str, Row]:
        """Rows of one item of storage, network or a service by region. Of the files of services (``ebs.gp3`` is in
        ``services/ebs.csv``) only its own is read."""
        found: dict[str, Row] = {}
        for table in (f"{provider}/storage.csv", f"{provider}/services/{item.partition('.')[0]}.csv"):
            found |= self._storage_table(table).get(item, {})
        return found

    def storage_keys(self, provider: str) -> Iterator[tuple[str, ...]]:
        """Item, region and layer of every such row, repeated ones as often as they occur."""
        for table in self._storage_tables(provider):
            for row in self._layers.rows(table, _STORAGE_COLUMNS):
                yield (row["item"], row["region"], row.get("layer", "the catalogue"))

    def _storage_tables(self, provider: str) -> list[str]:
        groups = self._layers.files(f"{provider}/services")
        return [f"{provider}/storage.csv", *(f"{provider}/services/{group}.csv" for group in groups)]

    def _storage_table(self, table: str) -> Mapping[str, Mapping[str, Row]]:
        return self._once(table, lambda: _by_item_and_region(self._layers.rows(table, _STORAGE_COLUMNS)))

    def commitments(self, provider: str, item: str, region: str) -> Mapping[str, Row]:
        """Rows of reserved prices of an item in a region, by how they are paid (``no upfront``)."""
        group = group_of(provider, item)
        if group is None:
            return {}
        table = f"{provider}/commitments/{group}.csv"

        def load() -> dict[tuple[str, str], dict[str, Row]]:
            found: dict[tuple[str, str], dict[str, Row]] = {}
            for row in self._layers.rows(table, _COMMITTED_COLUMNS):
                found.setdefault((row["item"], row["region"]), {})[row["payment"]] = row
            return found

        return self._once(table, load).get((item, region), {})

    def commitment_keys(self, provider: str) -> Iterator[tuple[str, ...]]:
        """Item, region, payment and layer of every row of a reserved price."""
        for group in self._layers.files(f"{provider}/commitments"):
            for row in self._layers.rows(f"{provider}/commitments/{group}.csv", _COMMITTED_COLUMNS):
                yield (row["item"], row["region"], row["payment"], row.get("layer", "the catalogue"))

    def commitment_rows(self, provider: str) -> Iterator[Row]:
        """All rows of reserved prices."""
        for group in self._layers.files(f"{provider}/commitments"):
            yield from self._layers.rows(f"{provider}/commitments/{group}.csv", _COMMITTED_COLUMNS)

    def capacity_blocks(self, provider: str) -> Mapping[str, Mapping[str, Row]]:
        """Rows of the hourly price of capacity blocks by item and region."""
        name = f"{provider}/capacity_blocks.csv"
        columns = ("item", "region", "price", "source", "unit", "currency")
        return self._once(name, lambda: _by_item_and_region(self._layers.rows(name, columns)))

    def accelerated_groups(self, provider: str) -> tuple[str, ...]:
        """Groups whose types may carry accelerators: those of whose tables one has a column for them."""

        def load() -> tuple[str, ...]:
            names = ((group, f"{provider}/instances/{group}.csv") for group in self.groups(provider))
            return tuple(group for group, name in names if self._layers.has_column(name, "accelerator"))

        return self._once(f"{provider} accelerated groups", load)

    def figure(self, row: Row, column: str) -> Decimal | None:
        """The figure in a column of a price row, None where it is empty. Raises InputError for one that is no price."""
        return _figure(row.get(column, ""), row)


def _by_item_and_region(rows: list[Row]) -> dict[str, dict[str, Row]]:
    by_item: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_item.setdefault(row["item"], {})[row["region"]] = row
    return by_item


def _figure(text: str, row: Row) -> Decimal | None:
    if not text:
        return None
    try:
        figure = Decimal(text)
    except InvalidOperation:
        figure = Decimal(0)
    if not figure.is_finite() or figure <= 0:
        raise InputError(f'"{text}" is no price ({row["item"]}, {row["region"]})', place=_place(row))
    return figure


def _place(row: Row) -> Place | None:
    """Where a row stands; known of a user's rows only."""
    return Place(row["file"], int(row["line"])) if row.get("file") else None


def _parts(item: str, pattern: str, parts: str) -> Decimal | None:
    """``8`` as it stands; ``*`` the number the pattern's star stands for; ``*/2`` half of it."""
    if not parts.startswith("*"):
        return Decimal(parts)
    number = item.removeprefix(pattern.rstrip("*"))
    if not number.isdigit():
        return None
    count = Decimal(number) / Decimal(parts.partition("/")[2] or 1)
    return count if count >= 1 else None
