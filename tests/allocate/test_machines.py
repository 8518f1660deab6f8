"""What lines of bills ran on: exactly what their texts say and the catalogue has; the rest is listed or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.asking import rows_of
from spendgate.allocate.bill.lines import typed
from spendgate.allocate.bill.read import open_bill
from spendgate.allocate.hours.accelerated import hours_of, sums
from spendgate.allocate.hours.machines import Ran, Texts, Unlisted, ran_on
from spendgate.allocate.run import engine
from spendgate.cli import main
from tests.allocate.bills import line, write_csv
from tests.allocate.test_mapping import CUR, EA, GCP, parquet

EC2 = {"provider": "AWS", "service": "Amazon Elastic Compute Cloud"}
VM = {"provider": "Microsoft", "service": "Virtual Machines"}


def told(**texts: str) -> tuple[str, Fraction] | str | None:
    """Accelerator and count, the name of what is not listed, or nothing."""
    answer = ran_on(Texts(**texts))
    if isinstance(answer, Ran):
        return answer.accelerator, answer.count
    return answer.name if isinstance(answer, Unlisted) else None


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({**EC2, "meter": "BoxUsage:p5.48xlarge"}, ("H100 80 GiB", 8)),
        ({**EC2, "meter": "EUC1-SpotUsage:g5.xlarge"}, ("A10G 24 GiB", 1)),
        ({**EC2, "meter": "USE1-DedicatedUsage:trn1.32xlarge"}, ("Trainium 32 GiB", 16)),
        ({**EC2, "meter": "BoxUsage:m5.large"}, None),
        ({**EC2, "meter": "BoxUsage"}, None),
        # Hours of a reservation, of what is not used of it, and of EBS optimisation stand beside those that ran.
        ({**EC2, "meter": "USE1-Reservation:p5.48xlarge"}, None),
        ({**EC2, "meter": "USE1-UnusedBox:p5.48xlarge", "instance": "p5.48xlarge"}, None),
        ({**EC2, "meter": "EBSOptimized:p2.xlarge", "instance": "p2.xlarge"}, None),
        # What EMR asks on top repeats the hours of the machine.
        ({"provider": "AWS", "service": "Amazon Elastic MapReduce", "meter": "BoxUsage:p3.2xlarge"}, None),
        ({"provider": "AWS", "service": "Amazon SageMaker", "meter": "USE1-Train:ml.p4d.24xlarge"}, ("A100 40 GiB", 8)),
        (
            {"provider": "AWS", "service": "AmazonSageMaker", "meter": "EU-Studio:JupyterLab-ml.g4dn.xlarge"},
            ("T4 16 GiB", 1),
        ),
        (
            {"provider": "AWS", "service": "AmazonSageMaker", "instance": "ml.g5.2xlarge-Hosting"},
            ("A10G 24 GiB", 1),
        ),
        ({**EC2, "description": "$1.006 per On Demand Linux g5.xlarge Instance Hour"}, ("A10G 24 GiB", 1)),
        ({**EC2, "description": "g5.xlarge Linux/UNIX Spot Instance-hour in US East (Virginia)"}, ("A10G 24 GiB", 1)),
        ({**EC2, "description": "$32.77 per Unused Reservation Linux p4d.24xlarge Instance Hour"}, None),
        ({**EC2, "details": '{"InstanceType": "g6.48xlarge", "GpuCount": 8}'}, ("L4 24 GiB", 8)),
        # Known to be of accelerators, and in no table.
        ({**EC2, "meter": "BoxUsage:p9.48xlarge"}, "p9.48xlarge"),
        ({"provider": "AWS", "service": "AmazonSageMaker", "meter": "USE1-New:ml.p5.48xlarge"}, "USE1-New:ml.p5.48xlarge"),
        ({**EC2, "details": '{"GpuCount": 4}', "description": "a new machine"}, "a new machine"),
    ],
)  # fmt: skip
def test_aws_usage_types_and_descriptions(texts: Mapping[str, str], found: Any) -> None:
    assert told(**texts) == found


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("Nvidia H100 80GB GPU running in Iowa", ("H100 80 GiB", 1)),
        ("Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas", ("A100 40 GiB", 1)),
        ("Nvidia Tesla A100 80GB GPU running in Netherlands", ("A100 80 GiB", 1)),
        ("Nvidia L4 GPU", ("L4 24 GiB", 1)),
        ("A4 Nvidia B200 (1 gpu slice) running in Iowa", ("B200 180 GiB", 1)),
        ("TpuV5e running in Iowa", ("TPU v5e", 1)),
        # What was committed to stands beside what ran; cores and memory of the same machines are no accelerators.
        ("Commitment v1: Nvidia Tesla T4 GPU running in Americas for 1 Year", None),
        ("A2 Instance Core running in Americas", None),
        ("Nvidia L4 Virtual Workstation GPU running in Netherlands", "Nvidia L4 Virtual Workstation GPU running in Netherlands"),
    ],
)  # fmt: skip
def test_google_skus_of_accelerators(description: str, found: Any) -> None:
    assert told(provider="Google Cloud", service="Compute Engine", description=description) == found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({**VM, "meter": "NC24ads A100 v4"}, ("A100 80 GiB", 1)),
        ({**VM, "meter": "ND96isr H100 v5 Spot"}, ("H100 80 GiB", 8)),
        ({**VM, "meter": "NC6s v3 Low Priority"}, ("V100 16 GiB", 1)),
        ({**VM, "meter": "D2 v3/D2s v3"}, None),
        # The meter has A100 in it and the size has not: the size decides where it is there.
        ({**VM, "meter": "ND96asr A100 v4", "instance": "standard_nd96asr_v4"}, ("A100 40 GiB", 8)),
        ({**VM, "meter": "ND960x Z1 v9"}, "ND960x Z1 v9"),
        ({**VM, "service": "Virtual Machines Licenses", "instance": "Standard_NC24ads_A100_v4"}, None),
        ({**VM, "category": "Bandwidth", "details": '{"ServiceType": "Standard_NC24ads_A100_v4"}'}, None),
        ({**VM, "details": '{"ServiceType": "Standard_NC24ads_A100_v4"}'}, ("A100 80 GiB", 1)),
    ],
)  # fmt: skip
def test_azure_meters_and_sizes(texts: Mapping[str, str], found: Any) -> None:
    assert told(**texts) == found


def test_other_clouds_are_listed_where_they_speak_of_gpus() -> None:
    assert told(provider="Oracle", description="GPU Standard A100 - v2") == "GPU Standard A100 - v2"
    assert told(provider="Oracle", description="Standard E4 OCPU") is None


Billed = tuple[dict[str, Fraction | int], dict[str, Fraction | int]]


def billed(path: Path) -> Billed:
    """Hours by accelerator, and of what is not listed by name."""
    with engine() as connection:
        lines = typed(open_bill(connection, [path]), "BilledCost", path)
        found = hours_of(rows_of(connection, sums(lines, {})), ())
    return {key[0]: hours for key, hours in found.of.items()}, {one.name: n for one, n in found.unlisted.items()}


def focus(quantity: str, meter: str = "BoxUsage:g5.12xlarge", cost: str = "5", **columns: str) -> dict[str, str]:
    return {**line(cost, **columns), "ProviderName": "AWS", "ServiceName": "Amazon Elastic Compute Cloud",
            "SkuMeter": meter, "ConsumedQuantity": quantity, "ConsumedUnit": "Hours", "ChargeCategory": "Usage",
            **columns}  # fmt: skip


def test_hours_count_once_and_corrections_are_taken_off(tmp_path: Path) -> None:
    rows = [
        focus("10"),
        focus("-2", cost="-1", ChargeClass="Correction"),
        focus("10", cost="-1"),  # a discount as a line of its own repeats the quantity
        focus("10", ChargeCategory="Purchase"),
        focus("10", ChargeCategory="Tax"),
        focus("10", ChargeCategory="Credit", cost="-9"),
        focus("10", CommitmentDiscountStatus="Unused"),
        focus("10", CapacityReservationStatus="Unused"),
        focus("10", ConsumedUnit="GB"),
        focus(""),
        focus("3600", ConsumedUnit="Seconds", cost="0"),
        focus("7", meter="BoxUsage:p9.48xlarge"),
    ]
    hours, unlisted = billed(write_csv(tmp_path / "bill.csv", rows))
    assert hours == {"A10G 24 GiB": 4 * (10 - 2 + 1)}
    assert unlisted == {"p9.48xlarge": 7}


def test_a_cur_counts_covered_usage_and_neither_its_negation_nor_refunds(tmp_path: Path) -> None:
    kinds = ("Usage", "SavingsPlanCoveredUsage", "DiscountedUsage", "SavingsPlanNegation", "EdpDiscount", "Refund",
             "RIFee", "SavingsPlanRecurringFee", "Tax", "Credit")  # fmt: skip
    row = {**CUR, "product_instance_type": "g5.12xlarge", "line_item_usage_type": "BoxUsage:g5.12xlarge",
           "line_item_usage_amount": "2", "pricing_unit": "Hrs"}  # fmt: skip
    rows = [{**row, "line_item_line_item_type": kind} for kind in kinds]
    assert billed(write_csv(tmp_path / "cur.csv", rows)) == ({"A10G 24 GiB": 3 * 2 * 4}, {})


def test_google_counts_seconds_of_devices_and_no_reservation_that_nobody_used(tmp_path: Path) -> None:
    unused = {"key": "compute.googleapis.com/is_unused_reservation", "value": "true"}
    used = {"key": "compute.googleapis.com/is_unused_reservation", "value": "false"}
    four = {**GCP[0], "usage": {"amount": 4 * 1800.0, "unit": "seconds"}}
    rows = [
        {**four, "system_labels": [used]},
        {**four, "system_labels": [unused]},
        {**four, "system_labels": [], "sku": {"id": "C", "description": "G2 Instance Core running in Iowa"}},
        # Credits take money back, and no hours.
        {**four, "system_labels": [], "credits": [{"name": "promo", "amount": -2.6}]},
    ]
    path = parquet(tmp_path / "gcp.parquet", rows)
    assert billed(path) == ({"L4 24 GiB": 4}, {})


def test_azure_counts_single_hours_also_where_the_price_is_of_a_hundred(tmp_path: Path) -> None:
    about = json.dumps({"UsageType": "ComputeHR", "ServiceType": "Standard_ND96asr_v4", "VMName": "vm"})
    software = json.dumps({"UsageType": "ComputeHR_SW", "ServiceType": "Standard_ND96asr_v4", "VMName": "vm"})
    rows = [
        {**EA, "UnitOfMeasure": "100 Hours", "Quantity": "24", "AdditionalInfo": ""},
        {**EA, "MeterName": "ND96asr A100 v4", "Quantity": "3", "AdditionalInfo": about},
        {**EA, "MeterCategory": "Virtual Machines Licenses", "MeterName": "96 vCPU VM License", "Quantity": "3",
         "AdditionalInfo": software},
        {**EA, "ChargeType": "UnusedReservation", "Quantity": "9", "AdditionalInfo": about},
        {**EA, "ChargeType": "Purchase", "Quantity": "1", "AdditionalInfo": ""},
    ]  # fmt: skip
    assert billed(write_csv(tmp_path / "azure.csv", rows)) == ({"A100 80 GiB": 24, "A100 40 GiB": 24}, {})


@pytest.mark.xdist_group("spark")
def test_spark_asks_the_same_and_gets_the_same(tmp_path: Path, spark: Any) -> None:
    from spendgate.allocate.spark.statement import sql

    rows: Sequence[Mapping[str, str]] = [
        focus("10.123456789"),
        focus("-2", cost="-1"),
        focus("4", cost="-1"),
        focus("90", ConsumedUnit=" Seconds", Tags='{"compute.googleapis.com/is_unused_reservation": "true"}'),
        focus("1800", meter="BoxUsage:p9.48xlarge", ConsumedUnit="s"),
    ]
    path = write_csv(tmp_path / "bill.csv", rows)
    here = billed(path)
    with engine() as connection:
        lines = typed(open_bill(connection, [path]), "BilledCost", path)
        asked = sql(sums(lines, {}))
    spark.read.csv(str(path), header=True, quote='"', escape='"').selectExpr(
        "*", "'' AS x_LineId"
    ).createOrReplaceTempView("bill")
    found = hours_of([row.asDict() for row in spark.sql(asked).collect()], ())
    spark.catalog.dropTempView("bill")
    assert (
        {key[0]: hours for key, hours in found.of.items()},
        {one.name: n for one, n in found.unlisted.items()},
    ) == here
    assert here == ({"A10G 24 GiB": Fraction("8.123456789") * 4}, {"p9.48xlarge": Fraction(1, 2)})


RULES = """
apiVersion: spendgate.dev/v1
kind: AllocationRules
metadata: {name: test}
rules:
  - name: shared
    layer: fixed
    match: tags.shared == "yes"
    split: percent
    shares: [{project: one, percent: 75}, {project: two, percent: 25}]
  - name: tagged
    layer: direct
    match: has(tags.project)
    owner: {project: tags.project, model: tags.model}
"""


def kpi(folder: Path, rows: Sequence[Mapping[str, str]], *words: str) -> dict[str, Any]:
    """GPU-hours after an allocation."""
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    path = write_csv(folder / "bill.csv", rows)
    out = str(folder / "out")
    assert main(["allocate", str(path), "--rules", str(folder / "rules.yaml"), "--output", out, *words]) == 0
    found = json.loads((folder / "out" / "kpis.json").read_text(encoding="utf-8"))["kpis"]
    return next(one for one in found if one["name"] == "gpu-hours")


MIXED = [
    focus("10", Tags='{"project": "one", "model": "m"}'),
    focus("6", meter="BoxUsage:p4d.24xlarge", Tags='{"project": "one", "model": "m"}'),
    focus("8", Tags='{"shared": "yes"}'),
    focus("5", Tags=""),
    focus("3", meter="BoxUsage:p9.48xlarge", Tags='{"project": "two"}'),
]


def values(found: Mapping[str, Any]) -> dict[tuple[str | None, ...], float]:
    return {tuple(one["of"].values()): float(one["value"]) for one in found["values"]}


BY_BILL = {
    ("one", "m", "A100 40 GiB"): 48,
    ("one", "m", "A10G 24 GiB"): 40,
    ("one", None, "A10G 24 GiB"): 24,  # three quarters of 8 h of four devices
    ("two", None, "A10G 24 GiB"): 8,
    (None, None, "A10G 24 GiB"): 20,  # nobody's, and not left out
    ("all together",) * 3: 140,
}


def test_gpu_hours_are_known_from_the_bill_by_shares_of_owners(tmp_path: Path) -> None:
    found = kpi(tmp_path, MIXED)
    assert values(found) == BY_BILL
    assert (found["source"], found["missing"]) == ("the bill", [])
    assert found["notes"][-1] == (
        "Not counted, though it looks like machines with accelerators: p9.48xlarge (3 h, not in the catalogue)."
    )


@pytest.mark.xdist_group("spark")
def test_gpu_hours_of_an_allocation_by_spark_are_the_same(tmp_path: Path, spark_here: None) -> None:
    assert values(kpi(tmp_path, MIXED, "--engine", "spark")) == BY_BILL


def test_a_table_of_usage_wins_and_the_kpi_says_what_the_bill_has(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "gpu.csv", [{"date": "2026-03", "project": "one", "gpu_hours": "99"}])
    found = kpi(tmp_path, MIXED, "--usage", f"gpu-hours={table}")
    assert (values(found), found["source"]) == ({("one",): 99}, "the table gpu-hours")
    assert found["notes"][0] == "The machines of the bill ran 92 of A10G 24 GiB, 48 of A100 40 GiB."


def test_a_table_of_other_months_leaves_the_bill_to_tell(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "gpu.csv", [{"date": "2025-01", "project": "one", "gpu_hours": "99"}])
    assert values(kpi(tmp_path, MIXED, "--usage", f"gpu-hours={table}")) == BY_BILL


def test_without_either_it_says_which_would_do(tmp_path: Path) -> None:
    found = kpi(tmp_path, [focus("3", meter="BoxUsage:m5.large", Tags='{"project": "two"}')])
    assert found["missing"] == [
        "the table --usage gpu-hours=FILE with date, gpu_hours",
        "or in the bill a line of usage in hours that names a machine with accelerators",
    ]
