"""Programs, their estimates, and bills of March 2026 that are written by hand from those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spendgate.cli import main

EC2 = "Amazon Elastic Compute Cloud"
S3 = "Amazon Simple Storage Service"


def write_program(folder: Path, text: str, config: str = "aws:region: us-east-1") -> Path:
    """A project of the stack ``dev`` in a new folder."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: infra\nruntime: python\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text(f"config: {{{config}}}\n", encoding="utf-8")
    (folder / "__main__.py").write_text(text, encoding="utf-8")
    return folder


def checked(folder: Path, report: Path, *words: str) -> Path:
    """The estimate of a program."""
    main(["check", str(folder), "--stack", "dev", "--format", "json", "--output", str(report), *words])
    return report


def charge(
    cost: str,
    day: int = 1,
    hours: int = 24,
    tags: Mapping[str, str] | None = None,
    **columns: str,
) -> dict[str, str]:
    """One line of a bill: a charge period of so many hours that begins on a day of March; ``cost`` is its list cost
    too, unless that is given."""
    begins = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day - 1)
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "BillingCurrency": "USD",
        "ChargePeriodStart": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodEnd": f"{begins + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}",
        "ChargeCategory": "Usage",
        "PricingCategory": "Standard",
        "ServiceName": EC2,
        "Tags": json.dumps(dict(tags or {})),
        **columns,
    }


def machine(cost: str, used: str, day: int = 1, item: str = "g5.xlarge", **columns: str) -> dict[str, str]:
    """A machine's day."""
    text = f"On Demand Linux {item} Instance Hour"
    usual = {"ChargeDescription": text, "ConsumedQuantity": used, "ConsumedUnit": "Hours", **columns}
    return charge(cost, day, **usual)


def stored(cost: str, gib: str, **columns: str) -> dict[str, str]:
    """A month of storage."""
    usual = {"ConsumedQuantity": gib, "ConsumedUnit": "GB-Months", "ServiceCategory": "Storage", **columns}
    return charge(cost, 1, 744, **usual)
