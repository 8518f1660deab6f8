"""Small bills, rules and driver tables for the tests of allocation."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spendgate.allocate.load import load_disputes, load_rules
from spendgate.allocate.run import Outcome, Request, allocate, engine

HEAD = """\
apiVersion: spendgate.dev/v1
kind: AllocationRules
metadata: {name: test}
"""


def line(
    cost: str, day: str = "2026-03-01", tags: Mapping[str, str] | str | None = None, **columns: str
) -> dict[str, str]:
    """One line of a FOCUS bill; what is not said is usual."""
    text = tags if isinstance(tags, str) else ("" if tags is None else json.dumps(tags))
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "USD",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day}T01:00:00Z",
        "ServiceName": "Compute",
        "Tags": text,
        **columns,
    }


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """The rows as CSV, with the columns of all."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(
    folder: Path,
    rows: Sequence[Mapping[str, str]],
    rules: str,
    drivers: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    disputes: str | None = None,
    **options: Any,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Allocate the rows by the rules; the outcome, and the written rows in order of line and owner."""
    rules_file = folder / "rules.yaml"
    rules_file.write_text(HEAD + rules, encoding="utf-8")
    given = {name: write_csv(folder / f"{name}.csv", table) for name, table in (drivers or {}).items()}
    contested = ()
    if disputes is not None:
        (folder / "disputes.yaml").write_text(disputes, encoding="utf-8")
        contested = load_disputes(folder / "disputes.yaml")
    request = Request(
        (write_csv(folder / "bill.csv", rows),), load_rules(rules_file), rules_file, given, contested, **options
    )
    with engine() as connection:
        outcome = allocate(request, folder / "out.parquet", connection)
        written = connection.read_parquet(str(folder / "out.parquet")).to_pyarrow().to_pylist()
    return outcome, sorted(written, key=lambda row: (row["x_LineId"], row["x_Team"] or "", row["x_Idle"]))
