"""Estimates of programs for Google Cloud and Azure against bills in the shape of their exports, by the command."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.cli import main
from tests.allocate.bills import write_csv
from tests.allocate.test_mapping import parquet
from tests.reconcile.bills import checked, write_program

GOOGLE = """
import pulumi_gcp as gcp

def disk(size, type):
    return {"initialize_params": {"image": "debian-12", "size": size, "type": type}}

net = [{"network": "default"}]
gcp.compute.Instance("train", name="train-vm", zone="us-central1-a", machine_type="a2-highgpu-1g",
    boot_disk=disk(200, "pd-ssd"), network_interfaces=net, labels={"team": "nlp"})
gcp.compute.Instance("t4", name="t4-vm", zone="us-central1-a", machine_type="n1-standard-8", network_interfaces=net,
    guest_accelerators=[{"type": "nvidia-tesla-t4", "count": 2}], boot_disk=disk(100, "pd-standard"))
gcp.container.NodePool("gpu", name="gpu-pool", cluster="ml", location="us-central1-a", node_count=2,
    node_config={"machine_type": "g2-standard-8", "disk_size_gb": 100})
gcp.storage.Bucket("corpus", name="acme-corpus", location="US-CENTRAL1")
"""

AZURE = """
import pulumi_azure_native as azure

os_disk = {"create_option": "FromImage", "disk_size_gb": 128, "managed_disk": {"storage_account_type": "Premium_LRS"}}
azure.compute.VirtualMachine("train", vm_name="Train-VM", resource_group_name="rg", location="eastus",
    hardware_profile={"vm_size": "Standard_NC24ads_A100_v4"}, storage_profile={"os_disk": os_disk})
azure.compute.VirtualMachine("serve", vm_name="serve-vm", resource_group_name="rg", location="eastus",
    hardware_profile={"vm_size": "Standard_NC6s_v3"}, storage_profile={"os_disk": os_disk})
azure.compute.VirtualMachineScaleSet("pool", vm_scale_set_name="gpu-vmss", resource_group_name="rg", location="eastus",
    sku={"name": "Standard_NC4as_T4_v3", "capacity": 2})
azure.storage.StorageAccount("corpus", account_name="acmecorpus", resource_group_name="rg", location="eastus",
    kind="StorageV2", sku={"name": "Standard_LRS"})
"""


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("google")
    infra = write_program(folder / "infra", GOOGLE, "gcp:project: ml-prod, gcp:region: us-central1")
    return checked(infra, folder / "estimate.json")


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("azure")
    return checked(write_program(folder / "infra", AZURE, "azure-native:location: eastus"), folder / "estimate.json")


def price(estimate: Path, name: str, item: str) -> Decimal:
    data = json.loads(estimate.read_text(encoding="utf-8"), parse_float=Decimal)
    lines = [one for one in data["estimate"]["lines"] if one["resource"].endswith(f"::{name}")]
    return Decimal(next(one["quote"]["amount"] for one in lines if one["item"] == item))


def reconciled(estimate: Path, bill: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["reconcile", str(estimate), str(bill), "--month", "2026-03", "--format", "json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def of(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["resources"] if one["name"] == name)


def causes(resource: Mapping[str, Any], item: str) -> dict[str, Decimal]:
    pair = next(one for one in resource["lines"] if one["item"] == item)
    return {
        one["cause"]: round(Decimal(one["amount"]), 4)
        for one in pair["effects"]
        if abs(Decimal(one["amount"])) > Decimal("0.00005")
    }


def told(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Amounts to the decimals that floats of an export keep."""
    return {cause: round(amount, 4) for cause, amount in amounts.items()}


COMPUTE = {"id": "6F81-5844-456A", "description": "Compute Engine"}


def usage(
    day: int, sku: str, cost: Decimal, amount: Decimal, unit: str, priced: Decimal, by: str, resource: str,
    global_name: str, labels: Mapping[str, str] | None = None, system: Mapping[str, str] | None = None,
    service: Mapping[str, str] | None = None, credit: Decimal = Decimal(0),
) -> dict[str, Any]:  # fmt: skip
    """A day of a SKU, as the detailed export writes it."""
    begins = date(2026, 3, day)
    return {
        "billing_account_id": "01AB-02CD-03EF", "service": dict(service or COMPUTE),
        "sku": {"id": sku[:4].upper(), "description": sku},
        "usage_start_time": f"{begins} 00:00:00 UTC", "usage_end_time": f"{begins + timedelta(days=1)} 00:00:00 UTC",
        "project": {"id": "ml-prod", "name": "ML"}, "location": {"region": "us-central1", "zone": "us-central1-a"},
        "labels": [{"key": key, "value": value} for key, value in (labels or {"": ""}).items()],
        "system_labels": [{"key": key, "value": value} for key, value in (system or {"": ""}).items()],
        "resource": {"name": resource, "global_name": global_name},
        "cost": float(cost), "cost_at_list": float(cost), "currency": "USD",
        "usage": {"amount": float(amount), "unit": unit, "amount_in_pricing_units": float(priced), "pricing_unit": by},
        "credits": [{"name": "discount", "amount": float(credit)}],
        "invoice": {"month": "202603"}, "cost_type": "regular",
    }  # fmt: skip


def machine(
    day: int, series: str, name: str, hours: Decimal, rate: Decimal, cores: int, gib: int, gpu: str = "",
    labels: Mapping[str, str] | None = None, number: str = "4711",
) -> list[dict[str, Any]]:  # fmt: skip
    """A machine's day: its cores, its memory and perhaps its accelerator, which together cost ``rate`` an hour."""
    where = f"//compute.googleapis.com/projects/99/zones/us-central1-a/instances/{number}"
    system = {"compute.googleapis.com/cores": str(cores), "compute.googleapis.com/machine_spec": series.lower()}
    parts = [
        (f"{series} Instance Core running in Americas", Decimal("0.5"), cores * hours * 3600, "seconds", cores * hours, "hour"),
        (f"{series} Instance Ram running in Americas", Decimal("0.2"), gib * hours * 3600 * 2**30, "byte-seconds",
         gib * hours, "gibibyte hour"),
    ]  # fmt: skip
    if gpu:
        parts.append((f"{gpu} running in Americas", Decimal("0.3"), hours * 3600, "seconds", hours, "hour"))
    whole = sum(part[1] for part in parts)
    return [usage(day, sku, rate * hours * share / whole, amount, unit, priced, by, name, where, labels, system)
            for sku, share, amount, unit, priced, by in parts]  # fmt: skip


DAYS = range(1, 32)


def test_google_bills_a_machine_in_parts_and_its_hours_are_those_of_the_machine(
    google: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(google, "train", "a2-highgpu-1g")
    rows = [
        row for day in DAYS for row in machine(day, "A2", "train-vm", Decimal(10), at, 12, 85, "Nvidia Tesla A100 GPU")
    ]
    rows += [usage(day, "SSD backed PD Capacity", Decimal(34) / 31, Decimal(200) * 86400 * 2**30, "byte-seconds",
                   Decimal(200) / 31, "gibibyte month", "train-vm", "//compute.googleapis.com/projects/99/zones/us-central1-a/disk/1")
             for day in DAYS]  # fmt: skip
    found = reconciled(google, parquet(tmp_path / "gcp.parquet", rows), capsys)
    train = of(found, "train")
    assert train["matched_by"] == ["name"]
    assert causes(train, "a2-highgpu-1g") == told({"month": 14 * at, "hours": (310 - 744) * at})
    assert causes(train, "disk.pd-ssd") == {}
    assert [(one["name"], one["figures"]) for one in found["proposals"]] == [("train", {"hoursPerMonth": 310})]


def test_google_machines_with_a_gpu_of_their_own_and_gke_nodes(
    google: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at, gpu, node = (price(google, name, item) for name, item in
                     (("t4", "n1-standard-8"), ("t4", "nvidia-tesla-t4"), ("gpu", "g2-standard-8")))  # fmt: skip
    rows = []
    pool = {"goog-k8s-cluster-name": "ml", "goog-k8s-node-pool-name": "gpu-pool"}
    for day in DAYS:
        rows += machine(day, "N1 Predefined", "t4-vm", Decimal(24), at, 8, 30)
        rows.append(usage(day, "Nvidia Tesla T4 GPU running in Americas", gpu * 48, Decimal(48 * 3600), "seconds",
                          Decimal(48), "hour", "t4-vm", "//compute.googleapis.com/projects/99/zones/us-central1-a/instances/12"))  # fmt: skip
        for number in range(3):
            rows += machine(day, "G2", f"gke-ml-gpu-pool-1a2b3c4d-{number}xyz", Decimal(24), node, 8, 32,
                            "Nvidia L4 GPU", pool, number=str(number))  # fmt: skip
    found = reconciled(google, parquet(tmp_path / "gcp.parquet", rows), capsys)
    t4 = of(found, "t4")
    assert causes(t4, "n1-standard-8") == told({"month": 14 * at})
    assert causes(t4, "nvidia-tesla-t4") == told({"month": 2 * 14 * gpu})
    nodes = of(found, "gpu")
    assert nodes["matched_by"] == ["tag goog-k8s-node-pool-name"]
    assert causes(nodes, "g2-standard-8") == told({"month": 28 * node, "count": 744 * node})
    assert [(one["name"], one["figures"]) for one in found["proposals"]] == [("gpu", {"instances": 3})]


def test_google_credits_lower_what_was_paid_and_a_bucket_is_matched_by_its_name(
    google: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(google, "train", "a2-highgpu-1g")
    rows = [{**row, "credits": [{"name": "committed use", "amount": -row["cost"] / 4}]}
            for day in DAYS for row in machine(day, "A2", "train-vm", Decimal(24), at, 12, 85, "Nvidia Tesla A100 GPU")]  # fmt: skip
    rows += [usage(day, "Standard Storage US Regional", Decimal(1), Decimal(0), "byte-seconds", Decimal(310) / 31,
                   "gibibyte month", "acme-corpus", "//storage.googleapis.com/projects/_/buckets/acme-corpus",
                   service={"id": "95FF", "description": "Cloud Storage"}) for day in DAYS]  # fmt: skip
    found = reconciled(google, parquet(tmp_path / "gcp.parquet", rows), capsys)
    assert causes(of(found, "train"), "a2-highgpu-1g") == told({"month": 14 * at, "discount": -744 * at / 4})
    assert of(found, "corpus")["actual"] == "31.000000000000"
    assert [(one["name"], one["figures"]) for one in found["proposals"]] == [("corpus", {"storedGib": 310})]


def test_google_proposals_that_are_fed_back_bring_the_estimate_to_the_bill(
    google: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(google, "train", "a2-highgpu-1g")
    rows = [
        row for day in DAYS for row in machine(day, "A2", "train-vm", Decimal(10), at, 12, 85, "Nvidia Tesla A100 GPU")
    ]
    bill, own = parquet(tmp_path / "gcp.parquet", rows), tmp_path / "usage.yaml"
    before = reconciled(google, bill, capsys, "--write-usage", str(own))
    after = reconciled(checked(google.parent / "infra", tmp_path / "after.json", "--usage", str(own)), bill, capsys)
    assert causes(of(after, "train"), "a2-highgpu-1g") == {}
    assert before["accuracy"]["wape_percent"] > 10 > after["accuracy"]["wape_percent"]


GROUP = "/subscriptions/1b2c/resourceGroups/RG/providers"


def azure_line(
    day: int, resource: str, meter: str, cost: Decimal, quantity: str, unit: str, category: str = "Virtual Machines",
    **columns: str,
) -> dict[str, str]:  # fmt: skip
    """A day of a meter, as the cost export of an Enterprise Agreement writes it."""
    return {
        "SubscriptionId": "1b2c", "Date": f"03/{day:02}/2026", "BillingPeriodStartDate": "03/01/2026",
        "BillingPeriodEndDate": "03/31/2026", "ProductName": f"{category} - {meter} - US East",
        "MeterCategory": category, "MeterName": meter, "MeterId": "m-1", "ChargeType": "Usage",
        "PricingModel": "OnDemand", "CostInBillingCurrency": f"{cost:f}", "PaygCostInBillingCurrency": f"{cost:f}",
        "BillingCurrency": "USD", "Quantity": quantity, "UnitOfMeasure": unit, "ResourceId": resource,
        "ResourceName": resource.rsplit("/", 1)[-1], "Tags": "", "AdditionalInfo": "", **columns,
    }  # fmt: skip


def write_azure(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    return write_csv(path, rows)


def test_azure_resource_ids_are_matched_in_whatever_case_and_units_are_single_hours(
    azure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at, serve = price(azure, "train", "Standard_NC24ads_A100_v4"), price(azure, "serve", "Standard_NC6s_v3")
    low = "/subscriptions/1b2c/resourcegroups/rg/providers/microsoft.compute/virtualmachines/train-vm"
    rows = []
    for day in DAYS:
        rows.append(azure_line(day, low if day % 2 else f"{GROUP}/Microsoft.Compute/virtualMachines/TRAIN-VM",
                               "NC24ads A100 v4", at * 10, "10", "100 Hours"))  # fmt: skip
        rows.append(azure_line(day, f"{GROUP}/Microsoft.Compute/virtualMachines/serve-vm", "NC6s v3", serve * 24, "24",
                               "1 Hour"))  # fmt: skip
    found = reconciled(azure, write_azure(tmp_path / "azure.csv", rows), capsys)
    train = of(found, "train")
    assert train["matched_by"] == ["name"]
    assert causes(train, "Standard_NC24ads_A100_v4") == told({"month": 14 * at, "hours": (310 - 744) * at})
    assert causes(of(found, "serve"), "Standard_NC6s_v3") == told({"month": 14 * serve})
    assert [(one["name"], one["figures"]) for one in found["proposals"]] == [("train", {"hoursPerMonth": 310})]
    assert not found["only_billed"]


def test_azure_scale_sets_disks_of_machines_and_accounts(
    azure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(azure, "pool", "Standard_NC4as_T4_v3")
    disk = f"{GROUP}/Microsoft.Compute/disks/Train-VM_OsDisk_1_0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    account = f"{GROUP}/Microsoft.Storage/storageAccounts/acmecorpus"
    rows = [azure_line(day, f"{GROUP}/microsoft.compute/virtualmachinescalesets/GPU-VMSS", "NC4as T4 v3", at * 72, "72",
                       "10 Hours") for day in DAYS]  # fmt: skip
    rows += [azure_line(day, disk, "P10 LRS Disk", Decimal("19.71") / 31, f"{Decimal(1) / 31:.6f}", "1/Month", "Storage")
             for day in DAYS]  # fmt: skip
    rows += [
        azure_line(day, account, "Hot LRS Data Stored", Decimal("0.5"), "20", "1 GB/Month", "Storage") for day in DAYS
    ]
    found = reconciled(azure, write_azure(tmp_path / "azure.csv", rows), capsys)
    assert causes(of(found, "pool"), "Standard_NC4as_T4_v3") == told({"month": 28 * at, "count": 744 * at})
    assert of(found, "train")["matched_by"] == ["name of its disk"]
    assert {one["name"]: one["figures"] for one in found["proposals"]} == {
        "pool": {"instances": 3},
        "corpus": {"storedGib": 620},
    }
    assert not found["only_billed"]


def test_azure_reservations_are_used_hours_at_another_price(
    azure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(azure, "serve", "Standard_NC6s_v3")
    vm = f"{GROUP}/Microsoft.Compute/virtualMachines/serve-vm"
    rows = [azure_line(day, vm, "NC6s v3", at * 12, "24", "1 Hour", PricingModel="Reservation", BenefitId="r-1",
                       PaygCostInBillingCurrency=f"{at * 24:f}") for day in DAYS]  # fmt: skip
    rows.append(azure_line(1, "", "NC6s v3", Decimal(9), "3", "1 Hour", ChargeType="UnusedReservation",
                           PricingModel="Reservation", BenefitId="r-1"))  # fmt: skip
    found = reconciled(azure, write_azure(tmp_path / "azure.csv", rows), capsys)
    assert causes(of(found, "serve"), "Standard_NC6s_v3") == told({"month": 14 * at, "discount": -744 * at / 2})
    assert [Decimal(one["cost"]) for one in found["only_billed"]] == [9]


def test_a_flattened_export_of_google_is_matched_all_the_same(
    google: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = price(google, "train", "a2-highgpu-1g")
    path = tmp_path / "gcp.csv"
    rows = [
        row for day in DAYS for row in machine(day, "A2", "train-vm", Decimal(24), at, 12, 85, "Nvidia Tesla A100 GPU")
    ]
    flat = [
        {
            **{f"{name}_{key}": value for name, item in row.items() if isinstance(item, dict) for key, value in item.items()},
            **{name: json.dumps(item) if isinstance(item, list) else item
               for name, item in row.items() if not isinstance(item, dict)},
        }
        for row in rows
    ]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    found = reconciled(google, path, capsys)
    assert causes(of(found, "train"), "a2-highgpu-1g") == told({"month": 14 * at})
