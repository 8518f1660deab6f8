"""gpuhunt's published catalogue: a zip with one CSV a provider, collected daily from the providers' own lists.

It holds the types that gpuhunt's users rent (GPU machines and a few families of others), needs no key, and is a few
megabytes in all. Form: dstackai/gpuhunt, ``_internal/storage.py`` (catalogue v2 columns) and ``publish_catalog.sh``.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Final

from spendgate.errors import InputError
from spendgate.prices.naming import group_of, region_of_zone
from spendgate.prices.refresh.listing import Listing, Origin, Rate, amount_of, leave_out_impossible, plain
from spendgate.prices.refresh.transport import Client, named

_COLUMNS: Final = ("instance_name", "location", "price", "gpu_count", "spot")
_VERSION = re.compile(r"(\d{4})(\d{2})(\d{2})-\w+")
_LARGEST: Final = 1 << 30  # of the unpacked table; today's are some tens of megabytes


def read(
    client: Client,
    urls: Mapping[str, str],
    regions: Collection[str],
    *,
    provider: str,
    known: Collection[str],
    spot: bool = True,
    today: date | None = None,
) -> Iterator[Listing]:
    """What gpuhunt lists for each region of one provider. Raises InputError for a region without a price, and for an
    archive that is not whole or of another form."""
    base = f"{urls['gpuhunt']}/{provider}"
    version = b"".join(client.stream(f"{base}/version"))[:100].decode("utf-8", "replace").strip()
    if not re.fullmatch(r"[\w.-]+", version):
        raise InputError("it does not say which version is the latest", place=named(f"{base}/version"))
    url = f"{base}/{version}/catalog.zip"
    client.progress.start(f"gpuhunt {provider}")
    with tempfile.TemporaryFile() as archive:
        for chunk in client.stream(url):
            archive.write(chunk)
        found = _listings(archive, provider, version, known, today, url, spot=spot)
    client.progress.done(f"gpuhunt {provider} {version}: {len(found)} regions")
    for region in regions or sorted(found):
        if region not in found:
            raise InputError(f"gpuhunt has no price of {provider} in {region}", place=named(url))
        leave_out_impossible(found[region])
        yield found[region]


def _listings(
    archive: IO[bytes],
    provider: str,
    version: str,
    known: Collection[str],
    today: date | None,
    url: str,
    *,
    spot: bool,
) -> dict[str, Listing]:
    found: dict[str, Listing] = {}
    try:
        with zipfile.ZipFile(archive) as unpacked:
            if unpacked.getinfo(f"{provider}.csv").file_size > _LARGEST:
                raise InputError("the table is far too large", place=named(url))
            with unpacked.open(f"{provider}.csv") as table:
                reader = csv.DictReader(io.TextIOWrapper(table, "utf-8", newline=""), strict=True)
                missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
                if missing:
                    raise InputError(f"the table has no column {', '.join(missing)}", place=named(url))
                for row in reader:
                    _put(found, provider, version, row, known, today, spot=spot)
    except zipfile.BadZipFile:
        raise InputError("it is no zip archive, or a damaged one", place=named(url)) from None
    except KeyError:
        raise InputError(f"the archive has no {provider}.csv", place=named(url)) from None
    except (csv.Error, UnicodeDecodeError, EOFError) as error:
        raise InputError(f"the table does not parse: {error}", place=named(url)) from None
    if not found:
        raise InputError("the table has no price", place=named(url))
    return found


def _put(
    found: dict[str, Listing],
    provider: str,
    version: str,
    row: Mapping[str, str | None],
    known: Collection[str],
    today: date | None,
    *,
    spot: bool,
) -> None:
    item, place = row["instance_name"] or "", row["location"] or ""
    region = place if place in known else region_of_zone(provider, place)
    price = amount_of(row["price"], f"{item} in {place}")
    # Rows with a flag are offers of another kind (calendar mode); an N1 row with a GPU is the sum of two items, and a
    # TPU slice is no item of its own.
    other = (row.get("flags") or "").split() or row.get("gpu_vendor") == "google"
    summed = item.startswith("n1-") and row["gpu_count"] not in ("0", "", None)
    is_spot = (row["spot"] or "").lower() == "true"
    if (
        region is None
        or region not in known
        or group_of(provider, item) is None
        or not price
        or summed
        or (is_spot and not spot)
    ):
        return
    if other and (row.get("flags") or "") not in ("gcp-a4", "gcp-g4"):
        return
    listing = found.get(region)
    if listing is None:
        listing = found[region] = _listing(provider, region, version, today)
    rate = listing.rates.setdefault(item, Rate())
    before = rate.spot if is_spot else rate.on_demand
    text = plain(min(price, Decimal(before)) if before else price)  # zones differ in spot: the cheapest
    if is_spot:
        rate.spot = text
    else:
        rate.on_demand = text


def _listing(provider: str, region: str, version: str, today: date | None) -> Listing:
    day = _VERSION.fullmatch(version)
    as_of = "-".join(day.groups()) if day else (today or datetime.now(UTC).date()).isoformat()
    origin = Origin(
        f"gpuhunt-{provider}",
        as_of,
        "fair",
        f"gpuhunt's catalogue of {provider}, version {version}",
        "types that gpuhunt collects from the provider's list, on demand and spot",
    )
    return Listing(provider, region, version, origin, origin)
