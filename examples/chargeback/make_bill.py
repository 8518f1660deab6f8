"""Writes the bill and the usage tables of this example: prices out of the catalogue, everything else made up."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase

REGION: Final = "us-east-1"
DAYS: Final = tuple(date(2026, 3, 1) + timedelta(days=day) for day in range(31))
NODES: Final = 4
GPUS: Final = 8 * NODES * 24
"""GPU-hours of a day that the training cluster has: four machines of eight A100."""

Row = Mapping[str, str]


def main(folder: Path) -> None:
    """Write ``bill/`` and ``drivers/`` below the folder."""
    write(folder / "bill" / "BILLING_PERIOD=2026-03" / "focus.csv", bill(Catalogue.builtin()))
    write(folder / "drivers" / "gpu_hours.csv", gpu_hours())
    write(folder / "drivers" / "tokens.csv", tokens())
    write(folder / "drivers" / "gib_months.csv", gib_months())
    write(folder / "drivers" / "heads.csv", heads())


def bill(catalogue: Catalogue) -> Iterator[Row]:
    """The charges of March: machines and the cluster by day, storage and a credit by month."""

    def machine(item: str) -> Decimal:
        return price(catalogue.quote("aws", item, REGION, Purchase.ON_DEMAND).amount, item)

    def service(item: str) -> Decimal:
        return price(catalogue.storage_quote("aws", item, REGION).amount, item)

    ec2, cluster = "Amazon Elastic Compute Cloud", {"cluster": "llm-training", "environment": "production"}
    notebook = {"team": "vision", "product": "detector", "cost-center": "cc-31", "environment": "research"}
    for day in DAYS:
        for node in range(NODES):
            yield charge(day, ec2, "p4d.24xlarge", f"i-train-{node}", machine("p4d.24xlarge"), 24, cluster)
        yield charge(day, "Amazon EKS", "control plane", "llm-training", service("eks.control_plane"), 24, cluster)
        chat = {"endpoint": "chat", "model": "assistant-8b", "environment": "production"}
        for replica in range(2):
            yield charge(day, ec2, "g5.12xlarge", f"i-chat-{replica}", machine("g5.12xlarge"), 24, chat)
        if day.weekday() < 5:
            yield charge(day, ec2, "g5.xlarge", "i-notebook", machine("g5.xlarge"), 10, notebook)
        yield charge(day, ec2, "m5.large", "i-metrics", machine("m5.large"), 24, {"shared": "platform"})
    first = DAYS[0]
    s3, lake = "Amazon Simple Storage Service", {"shared": "true", "environment": "production"}
    # Storage is charged for the month in one line.
    yield whole_month(
        charge(first, s3, "s3.standard", "acme-corpus", service("s3.standard"), 40_000, lake, "Storage", "GiB-month")
    )
    # Nobody pays this one: the tag is written with a capital.
    old = {"Team": "nlp"}
    yield whole_month(charge(first, ec2, "ebs.gp3", "vol-old", service("ebs.gp3"), 500, old, "Storage", "GiB-month"))
    credit = charge(first, ec2, "credit", "", Decimal(-250), 1, {"team": "nlp", "cost-center": "cc-30"})
    yield {**credit, "ChargeCategory": "Credit", "ChargeDescription": "Credit for the trial of a new region"}


def whole_month(row: Row) -> Row:
    """The line as one for the whole of the month."""
    return {**row, "ChargePeriodEnd": row["BillingPeriodEnd"]}


def price(amount: Decimal | None, item: str) -> Decimal:
    if amount is None:
        raise SystemExit(f"the catalogue has no price of {item} in {REGION}")
    return amount


def charge(
    day: date,
    service: str,
    what: str,
    resource: str,
    unit_price: Decimal,
    quantity: int,
    tags: Mapping[str, str],
    category: str = "Compute",
    unit: str = "Hours",
) -> Row:
    """One line of FOCUS 1.0."""
    cost = f"{unit_price * quantity:.10f}"
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "BillingPeriodEnd": "2026-04-01T00:00:00Z",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{what} in {REGION}, {quantity:,} {unit}",
        "ProviderName": "AWS",
        "RegionId": REGION,
        "ServiceCategory": category,
        "ServiceName": service,
        "SkuId": what,
        "ResourceId": resource,
        "ConsumedQuantity": str(quantity),
        "ConsumedUnit": unit,
        "SubAccountName": "ml-production",
        "Tags": json.dumps(tags),
    }


def gpu_hours() -> Iterator[Row]:
    """Who trained how long, day by day; the capacity is what there was."""
    runs = (("nlp", "pretraining", 300, 40), ("vision", "fine-tuning", 150, 25), ("speech", "evaluation", 40, 10))
    for number, day in enumerate(DAYS):
        of_day = {"date": str(day), "pool": "llm-training", "team": "", "run_type": "", "gpu_hours": "", "capacity": ""}
        yield {**of_day, "capacity": str(GPUS)}
        for team, run, usual, more in runs:
            yield {**of_day, "team": team, "run_type": run, "gpu_hours": str(usual + more * (number % 5))}


def tokens() -> Iterator[Row]:
    """What each product sent to the endpoint and got from it, in thousands."""
    for number, day in enumerate(DAYS):
        weekday = day.weekday() < 5
        for product, read, written in (("search", 900, 120), ("support", 400, 380)):
            factor = 3 + number % 4 if weekday else 1
            yield {
                "date": str(day),
                "pool": "chat",
                "product": product,
                "input_tokens": str(read * factor),
                "output_tokens": str(written * factor),
            }


def gib_months() -> Iterator[Row]:
    """What each team keeps in the bucket."""
    for team, kept in (("nlp", 26_000), ("vision", 11_500), ("speech", 2_500)):
        yield {"date": "2026-03", "pool": "acme-corpus", "team": team, "gib_months": str(kept)}


def heads() -> Iterator[Row]:
    """How many people each team has."""
    for team, people in (("nlp", 12), ("vision", 7), ("speech", 4)):
        yield {"date": "2026-03", "pool": "platform", "team": team, "heads": str(people)}


def write(path: Path, rows: Iterable[Row]) -> None:
    """The rows as CSV, with the columns of the first."""
    listed = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent, help="default: beside this file")
    main(parser.parse_args().folder)
