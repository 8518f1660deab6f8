"""Price lists in the shapes that the providers publish: same columns and keys, a few rows."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from tests.prices.refresh.server import Answer, PriceServer, Query

# AWS: columns of an offer file of AmazonEC2 (version 20250912225308).
COLUMNS = tuple(
    next(
        csv.reader(
            [
                "SKU,OfferTermCode,RateCode,TermType,PriceDescription,EffectiveDate,StartingRange,EndingRange,Unit,PricePerUnit,"
                "Currency,RelatedTo,LeaseContractLength,PurchaseOption,OfferingClass,Product Family,serviceCode,Location,"
                "Location Type,Instance Type,Current Generation,Instance Family,vCPU,Physical Processor,Clock Speed,Memory,Storage,"
                "Network Performance,Processor Architecture,Tenancy,EBS Optimized,Operating System,License Model,usageType,operation,"
                "AvailabilityZone,CapacityStatus,GPU,GPU Memory,MarketOption,Normalization Size Factor,Physical Cores,"
                "Pre Installed S/W,Processor Features,Product Type,Region Code,Resource Type,serviceName"
            ]
        )
    )
)
_LINUX = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "serviceCode": "AmazonEC2",
    "Location Type": "AWS Region",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "License Model": "No License required",
    "CapacityStatus": "Used",
    "MarketOption": "OnDemand",
    "Pre Installed S/W": "NA",
    "Instance Family": "General purpose",
    "Physical Processor": "Intel Xeon Platinum 8259 (Cascade Lake)",
    "vCPU": "4",
    "Memory": "16 GiB",
    "PriceDescription": 'a price, "quoted"',
}
VERSION = "20261118180000"


def _line(row: Mapping[str, str]) -> str:
    """As AWS writes it: every value that is not empty in quotes."""
    doubled = (row.get(name, "").replace('"', '""') for name in COLUMNS)
    return ",".join(f'"{cell}"' if cell else "" for cell in doubled) + "\n"


def offer_row(item: str, price: str, region: str, **cells: str) -> str:
    """One row of an offer file; ``cells`` name what is not that of plain Linux."""
    named = {name.replace("_", " "): value for name, value in cells.items()}
    return _line(
        {**_LINUX, "SKU": f"SKU{item}", "Instance Type": item, "Region Code": region, "PricePerUnit": price} | named
    )


def offer_head(published: str = "2026-11-18T18:00:00Z", code: str = "AmazonEC2") -> str:
    """The five lines about a file, and the line of column names."""
    return (
        '"FormatVersion","v1.0"\n"Disclaimer","For information only, ""as is"""\n'
        f'"Publication Date","{published}"\n"Version","{VERSION}"\n"OfferCode","{code}"\n'
        + ",".join(f'"{name}"' for name in COLUMNS)
        + "\n"
    )


def offer(region: str, *rows: str, published: str = "2026-11-18T18:00:00Z") -> bytes:
    """An offer file with what must be passed over between the rows that count."""
    noise = [
        offer_row("g5.xlarge", "1.2340000000", region, Operating_System="Windows"),
        offer_row("g5.xlarge", "1.1000000000", region, Operating_System="Red Hat Enterprise Linux"),
        offer_row("g5.xlarge", "2.0000000000", region, Tenancy="Dedicated"),
        offer_row("g5.xlarge", "0.0000000000", region, CapacityStatus="AllocatedCapacityReservation"),
        offer_row("g5.xlarge", "9.0000000000", region, **{"Pre Installed S/W": "SQL Web"}),
        offer_row("p5.48xlarge", "31.4640000000", region, MarketOption="CapacityBlock"),
        offer_row("trn2.48xlarge", "0.0000000000", region),
        _line(
            {"SKU": "EBS1", "TermType": "OnDemand", "Product Family": "Storage", "Region Code": region, "Unit": "GB-Mo"}
        ),
    ]
    return (offer_head(published) + "".join(noise) + "".join(rows)).encode()


def aws_rows(region: str, factor: float = 1.0) -> list[str]:
    """Some types at what they cost in us-east-1 (built-in catalogue), times a factor."""
    prices = {"g5.xlarge": 1.006, "g5.12xlarge": 5.672, "p5.48xlarge": 55.04, "m5.xlarge": 0.192, "c5.xlarge": 0.17}
    gpu = {"g5": "1", "p5": "8"}
    rows = []
    for item, price in prices.items():
        carries = gpu.get(item.split(".")[0], "")
        family = {"Instance_Family": "GPU instance"} if carries else {}
        rows.append(offer_row(item, f"{price * factor:.10f}", region, GPU=carries, **family))
    return rows


def reservation(
    item: str, region: str, length: str, option: str, hourly: str, upfront: str = "", **cells: str
) -> list[str]:
    """The rows of one reservation: by the hour, and what is paid at once."""
    term = {
        "TermType": "Reserved",
        "LeaseContractLength": length,
        "PurchaseOption": option,
        "OfferingClass": "standard",
    }
    rows = [offer_row(item, hourly, region, **term | cells)]
    if upfront:
        rows.append(offer_row(item, upfront, region, **{**term, "Unit": "Quantity", **cells}))
    return rows


def serve_aws(
    server: PriceServer, offers: Mapping[str, bytes], spot: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Index, offer files and spot feed."""
    regions = {
        name: {
            "regionCode": name,
            "currentVersionUrl": f"/offers/v1.0/aws/AmazonEC2/{VERSION}/{name}/index.json",
        }
        for name in (*offers, "us-west-2-den-1")
    }
    index = {"formatVersion": "v1.0", "disclaimer": "", "publicationDate": "2026-11-18T18:00:00Z", "regions": regions}
    server.answers["/offers/v1.0/aws/AmazonEC2/current/region_index.json"] = Answer(json.dumps(index).encode())
    for name, body in offers.items():
        server.answers[offer_path(name)] = Answer(body, "text/csv")
    server.answers["/spot.json"] = Answer(spot_feed(spot or {"us-east-1": {"g5.xlarge": "0.4021"}}))


def offer_path(region: str) -> str:
    """Where the offer file of a region is."""
    return f"/offers/v1.0/aws/AmazonEC2/{VERSION}/{region}/index.csv"


def spot_feed(prices: Mapping[str, Mapping[str, str]]) -> bytes:
    """The spot feed."""
    regions = [
        {
            "region": region,
            "footnotes": {"*": "notAvailableForCCorCGPU"},
            "instanceTypes": [
                {
                    "type": "generalCurrentGen",
                    "sizes": [
                        {
                            "size": size,
                            "valueColumns": [
                                {"name": "linux", "prices": {"USD": price}},
                                {"name": "mswin", "prices": {"USD": "N/A*"}},
                            ],
                        }
                        for size, price in sizes.items()
                    ],
                }
            ],
        }
        for region, sizes in prices.items()
    ]
    config = {"rate": "perhr", "valueColumns": ["linux", "mswin"], "currencies": ["USD"], "regions": regions}
    return json.dumps({"vers": 0.01, "config": config}).encode()


# Azure: one meter of the Retail Prices API.
def meter(sku: str, price: float, region: str = "eastus", **fields: Any) -> dict[str, Any]:
    """A meter as the API lists it."""
    short = sku.removeprefix("Standard_").replace("_", " ")
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": "US East",
        "effectiveStartDate": "2024-05-01T00:00:00Z",
        "meterId": "000009d0-057f-5f2b-b7e9-9e26add324a8",
        "meterName": short,
        "productId": "DZH318Z0BPVW",
        "skuId": "DZH318Z0BPVW/00QZ",
        "productName": "Virtual Machines NCads Series",
        "skuName": short,
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": sku,
        **fields,
    }


def serve_azure(server: PriceServer, meters: list[dict[str, Any]], per_page: int = 3) -> None:
    """The API: filtered by region, in pages, each with a link to the next at the public host."""

    def answer(query: Query) -> Answer:
        here = [one for one in meters if f"armRegionName eq '{one['armRegionName']}'" in query["$filter"]]
        skip = int(query.get("$skip", 0))
        more = skip + per_page < len(here)
        following = (
            f"https://prices.azure.com:443/api/retail/prices?api-version={query['api-version']}&currencyCode=USD"
        )
        following += f"&$filter={query['$filter'].replace(' ', '%20')}&$skip={skip + per_page}"
        page = {
            "BillingCurrency": "USD",
            "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail",
            "Items": here[skip : skip + per_page],
            "NextPageLink": following if more else None,
            "Count": len(here[skip : skip + per_page]),
        }
        return Answer(json.dumps(page).encode(), "application/json")

    server.answers["/api/retail/prices"] = answer


# Google: one SKU of the Cloud Billing catalogue.
def sku(description: str, units: str, nanos: int, *regions: str, **fields: Any) -> dict[str, Any]:
    """A SKU as ``skus.list`` has it; ``usage``, ``family`` and ``unit`` may be given."""
    usage = fields.get("usage", "Preemptible" if "reemptible" in description else "OnDemand")
    return {
        "name": "services/6F81-5844-456A/skus/0048-21CE-74C3",
        "skuId": "0048-21CE-74C3",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": fields.get("family", "Compute"),
            "resourceGroup": "CPU",
            "usageType": usage,
        },
        "serviceRegions": list(regions or ("us-central1",)),
        "pricingInfo": [
            {
                "summary": "",
                "pricingExpression": {
                    "usageUnit": fields.get("unit", "GiBy.h" if " Ram " in description else "h"),
                    "displayQuantity": 1,
                    "tieredRates": [
                        {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos}}
                    ],
                    "usageUnitDescription": "hour",
                    "baseUnit": "s",
                    "baseUnitDescription": "second",
                    "baseUnitConversionFactor": 3600,
                },
                "currencyConversionRate": 1,
                "effectiveTime": "2026-11-20T10:18:44.165Z",
            }
        ],
        "serviceProviderName": "Google",
        "geoTaxonomy": {"type": "REGIONAL", "regions": list(regions or ("us-central1",))},
    }


SKU_PATH = "/v1/services/6F81-5844-456A/skus"


def serve_gcp(server: PriceServer, skus: list[dict[str, Any]], key: str = "a-key", per_page: int = 4) -> None:
    """``skus.list``: pages with tokens, for whoever has the key."""

    def answer(query: Query) -> Answer:
        if server.asked[-1].headers.get("X-Goog-Api-Key") != key:
            error = {"error": {"code": 403, "message": "API key not valid. Please pass a valid API key."}}
            return Answer(json.dumps(error).encode(), "application/json", status=403)
        start = int(query.get("pageToken", "page-0").removeprefix("page-"))
        more = start + per_page < len(skus)
        page = {"skus": skus[start : start + per_page], "nextPageToken": f"page-{start + per_page}" if more else ""}
        return Answer(json.dumps(page).encode(), "application/json")

    server.answers[SKU_PATH] = answer


# gpuhunt: columns of a catalogue (v2).
HUNT_COLUMNS = tuple(
    next(
        csv.reader(
            [
                "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor,flags,cpu_arch,"
                "provider_data"
            ]
        )
    )
)


def hunt_row(item: str, location: str, price: float, **cells: str) -> dict[str, str]:
    """A row of gpuhunt's table."""
    base = {"instance_name": item, "location": location, "price": str(price), "cpu": "4", "memory": "16.0"}
    return base | {"gpu_count": "0", "spot": "False", "cpu_arch": "x86", "provider_data": "{}"} | cells


def serve_gpuhunt(
    server: PriceServer, provider: str, rows: list[dict[str, str]], version: str = "20261119-812"
) -> None:
    """Version file and archive."""
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, HUNT_COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"{provider}.csv", table.getvalue())
    server.answers[f"/v3/{provider}/version"] = Answer(f"{version}\n".encode())
    server.answers[f"/v3/{provider}/{version}/catalog.zip"] = Answer(archive.getvalue(), "application/zip")


def urls(server: PriceServer) -> list[str]:
    """All lists, read from the server."""
    return [
        f"aws={server.url}",
        f"aws-spot={server.url}/spot.json",
        f"gcp={server.url}",
        f"azure={server.url}/api/retail/prices",
        f"gpuhunt={server.url}/v3",
    ]
