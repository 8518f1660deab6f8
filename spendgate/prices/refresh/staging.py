"""From listings to a catalogue on disk: written aside, whole, and put in place by replacing one small file.

What was not asked for is carried over as it is. Each refresh is a folder of its own with a list of its files' hashes,
so that a file which somebody edited is noticed before it would be lost; the one before it is kept.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from spendgate.errors import InputError
from spendgate.prices.naming import group_of
from spendgate.prices.refresh.listing import Listing, Origin, Rate
from spendgate.prices.refreshed import POINTER, current
from spendgate.prices.store import Store
from spendgate.prices.tables import Row, read_table

MANIFEST: Final = "manifest.json"
PRICES: Final = ("item", "region", "on_demand", "spot", "source", "spot_source", "derived")
TERMS: Final = ("item", "region", "payment", "one_year", "three_years", "source")
_TERM: Final = {1: "one_year", 3: "three_years"}
SHAPES: Final = ("name", "vcpu", "memory_gib", "architecture", "source")
SOURCES: Final = ("id", "as_of", "strength", "where", "what")
REGIONS: Final = ("region", "covered")
COVERED: Final = ("region", "source")

_REMARK = "# Written by `spendgate prices refresh`, anew each time. A price of your own goes into .spendgate/prices.\n"


@dataclass
class Staged:
    """A catalogue that is written and not yet in place."""

    folder: Path
    path: Path
    before: Path | None
    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Items of each provider and region that were refreshed: before, and now."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One refresh at a time. Raises InputError where another one is at work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text(".lock\n.part/\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(error.filename or folder)) from None
    with lock as file:
        try:
            import fcntl
        except ImportError:  # Windows: there two refreshes can meet; the later one wins, whole
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError("another refresh is at work", place=folder, remedy="Wait until it is done.") from None
        yield


def edited(folder: Path) -> list[Path]:
    """Files of the refreshed catalogue that somebody changed, added or took away since it was written."""
    path = current(folder)
    if path is None:
        return []
    try:
        known: dict[str, str] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
        known.items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [path / MANIFEST]
    there = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    there.pop(MANIFEST, None)
    changed = [there[name] for name in sorted(there) if known.get(name) != _hash(there[name])]
    return changed + [path / name for name in sorted(known) if name not in there]


def stage(folder: Path, listings: Iterable[Listing], store: Store, *, with_spot: bool = True) -> Staged:
    """Write a new catalogue beside the one that holds: what the listings say of their regions, all else as it was.

    ``store`` is the catalogue in force: where spot prices were not asked for, the ones in it stay. The new folder is
    not in place before ``swap``.
    """
    before = current(folder)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name, number = now, 1
    while (folder / name).exists():
        name, number = f"{now}-{number}", number + 1
    staged = Staged(folder, folder / name, before)
    try:
        if before is None:
            staged.path.mkdir(parents=True)
        else:
            shutil.copytree(before, staged.path, ignore=shutil.ignore_patterns(MANIFEST))
        providers: dict[str, list[Listing]] = {}
        for listing in listings:
            providers.setdefault(listing.provider, []).append(listing)
        sources: dict[str, Origin] = {}
        for provider, own in providers.items():
            _keep_known(own, store, sources, with_spot=with_spot)
            _write_provider(staged, provider, {listing.region: listing for listing in own}, store)
            for listing in own:
                sources |= {one.id: one for one in (listing.origin, listing.spot_origin) if one}
        _write_sources(staged.path, sources)
        _seal(staged.path)
    except OSError as error:
        discard(staged)
        raise InputError(f"cannot be written: {error.strerror}", place=str(error.filename or folder)) from None
    except BaseException:
        discard(staged)
        raise
    return staged


def swap(staged: Staged) -> None:
    """Put a staged catalogue in place, in one step, and drop what is older than the one before it."""
    pointer = staged.folder / POINTER
    try:
        aside = staged.folder / f".{POINTER}.new"
        with aside.open("w", encoding="utf-8") as file:
            file.write(staged.path.name + "\n")
            file.flush()
            os.fsync(file.fileno())
        _sync(staged.folder)
        os.replace(aside, pointer)
        _sync(staged.folder)
    except OSError as error:
        discard(staged)
        raise InputError(f"cannot be written: {error.strerror}", place=pointer) from None
    keep = {staged.path, staged.before}
    for other in staged.folder.iterdir():
        if (other / MANIFEST).is_file() and other not in keep:
            shutil.rmtree(other, ignore_errors=True)


def discard(staged: Staged) -> None:
    """Throw a staged catalogue away."""
    shutil.rmtree(staged.path, ignore_errors=True)


def _keep_known(listings: Iterable[Listing], store: Store, sources: dict[str, Origin], *, with_spot: bool) -> None:
    """What a list says nothing of stays, with its own source: spot prices where none were asked for, and either figure
    of an item where the list does not claim to be whole. A row takes the place of a row, so they have to be in it."""
    for listing in listings:
        for item, rate in listing.rates.items():
            row = store.listed(listing.provider, item).get(listing.region)
            if row is None or (listing.complete and with_spot):
                continue
            price = store.price(row)
            if not rate.on_demand and not listing.complete and price.on_demand and not rate.derived:
                rate.on_demand, rate.source, rate.derived = f"{price.on_demand:f}", row["source"], price.derived
                sources[row["source"]] = _origin(store, row["source"])
            if rate.on_demand and not rate.spot and price.spot and price.spot <= Decimal(rate.on_demand):
                rate.spot, rate.spot_source = f"{price.spot:f}", row.get("spot_source") or row["source"]
                sources[rate.spot_source] = _origin(store, rate.spot_source)
            if rate.on_demand and rate.spot and Decimal(rate.spot) > Decimal(rate.on_demand):
                rate.spot = ""


def _origin(store: Store, id: str) -> Origin:
    source = store.sources()[id]
    return Origin(source.id, source.as_of, source.strength, source.where, source.what)


def _write_provider(staged: Staged, provider: str, listings: Mapping[str, Listing], store: Store) -> None:
    folder = staged.path / provider
    groups: dict[str, list[Row]] = {}
    terms: dict[str, list[Row]] = {}
    shapes: dict[str, dict[str, Row]] = {}
    known = {name for group in store.groups(provider) for name in store.instances(provider, group)}
    for listing in listings.values():
        for item, rate in listing.rates.items():
            group = group_of(provider, item)
            if group and (rate.on_demand or rate.spot):
                groups.setdefault(group, []).append(_price_row(listing, item, rate))
        for group, committed in _terms(listing).items():
            terms.setdefault(group, []).extend(committed)
        for shape in listing.shapes:
            group = group_of(provider, shape.name)
            if group and shape.name not in known:
                cells = (shape.name, shape.vcpu, shape.memory_gib, shape.architecture, listing.origin.id)
                shapes.setdefault(group, {})[shape.name] = dict(zip(SHAPES, cells, strict=True))
    before = _merge(folder / "prices", PRICES, groups, listings, "# unit: hour\n# currency: USD\n")
    _merge(folder / "commitments", TERMS, terms, listings, "# unit: hour\n# currency: USD\n")
    for region, listing in listings.items():
        staged.counts[provider, region] = (before.get(region, 0), len(listing.rates))
    for group, rows in shapes.items():
        file = folder / "instances" / f"{group}.csv"
        kept = {row["name"]: row for row in read_table(file, ())} if file.is_file() else {}
        _write(file, SHAPES, sorted((kept | rows).values(), key=lambda row: row["name"]))
    _write_regions(folder, provider, listings, store)


def _terms(listing: Listing) -> dict[str, list[Row]]:
    """Rows of committed prices by group: one an item and way of paying."""
    rows: dict[tuple[str, str], Row] = {}
    for term in listing.terms:
        if term.years in _TERM:
            row = {"item": term.item, "region": listing.region, "payment": term.payment, "source": listing.origin.id}
            rows.setdefault((term.item, term.payment), row)[_TERM[term.years]] = term.price
    found: dict[str, list[Row]] = {}
    for (item, _), row in rows.items():
        group = group_of(listing.provider, item)
        if group:
            found.setdefault(group, []).append(row)
    return found


def _write_regions(folder: Path, provider: str, listings: Mapping[str, Listing], store: Store) -> None:
    """Regions that the built-in catalogue does not know yet, and those of which the whole list is here."""
    new = [region for region in listings if region not in store.regions(provider)]
    if new:
        file = folder / "regions.csv"
        kept = read_table(file, ()) if file.is_file() else []
        _write(file, REGIONS, [*kept, *({"region": region, "covered": "yes"} for region in sorted(new))])
    file = folder / "covered.csv"
    kept = read_table(file, ()) if file.is_file() else []
    rows = {row["region"]: row for row in kept if row["region"] not in listings}
    rows |= {name: {"region": name, "source": one.origin.id} for name, one in listings.items() if one.complete}
    if rows:
        _write(file, COVERED, [rows[name] for name in sorted(rows)])
    else:
        file.unlink(missing_ok=True)


def _price_row(listing: Listing, item: str, rate: Rate) -> Row:
    origin = listing.spot_origin
    spot = rate.spot_source or (origin.id if rate.spot and origin and origin.id != listing.origin.id else "")
    source = rate.source or listing.origin.id
    if rate.source and rate.spot and not spot:
        spot = listing.origin.id
    cells = (item, listing.region, rate.on_demand, rate.spot, source, spot, rate.derived)
    return dict(zip(PRICES, cells, strict=True))


def _merge(
    folder: Path, columns: tuple[str, ...], groups: Mapping[str, list[Row]], regions: Mapping[str, Listing], head: str
) -> dict[str, int]:
    """Rows of other regions stay; those of the listed regions are replaced. Says how many there were of each."""
    before: dict[str, int] = {}
    there = {file.stem for file in folder.glob("*.csv")}
    for group in sorted(there | groups.keys()):
        file = folder / f"{group}.csv"
        rows = list(groups.get(group, ()))
        for row in read_table(file, ()) if group in there else []:
            if row["region"] not in regions:
                rows.append(row)
            elif columns is PRICES:
                before[row["region"]] = before.get(row["region"], 0) + 1
        if rows:
            _write(
                file, columns, sorted(rows, key=lambda row: (row["item"], row["region"], row.get("payment", ""))), head
            )
        else:
            file.unlink(missing_ok=True)
    return before


def _write_sources(path: Path, new: Mapping[str, Origin]) -> None:
    """The sources that rows name, and no others."""
    file = path / "sources.csv"
    rows = {row["id"]: row for row in read_table(file, ())} if file.is_file() else {}
    for origin in new.values():
        cells = (origin.id, origin.as_of, origin.strength, origin.where, origin.what)
        rows[origin.id] = dict(zip(SOURCES, cells, strict=True))
    tables = (table for table in path.rglob("*.csv") if table != file)
    named = {row.get(name) for table in tables for row in read_table(table, ()) for name in ("source", "spot_source")}
    _write(file, SOURCES, [rows[id] for id in sorted(rows) if id in named])


def _write(file: Path, columns: tuple[str, ...], rows: Iterable[Row], head: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(_REMARK + head)
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.get(name, "") for name in columns] for row in rows)


def _seal(path: Path) -> None:
    """Hashes of all files; everything on the disk before anything names it."""
    files = sorted(file for file in path.rglob("*.csv"))
    hashes = {file.relative_to(path).as_posix(): _hash(file) for file in files}
    manifest = path / MANIFEST
    manifest.write_text(json.dumps({"files": hashes}, indent=1) + "\n", encoding="utf-8")
    for file in (*files, manifest):
        with file.open("rb") as written:
            os.fsync(written.fileno())
    for folder in (*(one for one in path.rglob("*") if one.is_dir()), path):
        _sync(folder)


def _sync(folder: Path) -> None:
    """The names in a folder are on the disk. Some systems cannot do that for folders."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
