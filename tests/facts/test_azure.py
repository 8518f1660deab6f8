"""What Azure programs mean, through the real SDK."""

from __future__ import annotations

import dataclasses

import pytest

from spendgate.facts import facts_of
from spendgate.facts.conversions import duration_hours
from spendgate.facts.model import Count, Facts, Kind, Lifecycle, Workload
from spendgate.facts.outcome import Known
from spendgate.facts.table import Mappings
from spendgate.facts.tokens import unversioned
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.resource import Declaration
from tests.facts.conftest import FactsOf, by_name


@pytest.fixture(scope="module")
def workloads(azure_declaration: Declaration) -> dict[str, Workload]:
    return dict(by_name(azure_declaration))


@pytest.fixture(scope="module")
def azure(workloads: dict[str, Workload]) -> FactsOf:
    return lambda name: workloads[name].facts


def test_every_type_of_the_program_is_understood(workloads: dict[str, Workload]) -> None:
    assert [workload.resource.type for workload in workloads.values() if not workload.mapped] == []


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("gpu", "westeurope"),  # of its resource group, "West Europe"
        ("elsewhere", "swedencentral"),
        ("spot", "westeurope"),  # location=group.location
        ("of-provider", "westus3"),  # the group has none: that of the provider
        ("of-group-of-provider", "westus3"),  # location=group.location, where the group has none
        ("by-name", "eastus"),  # the group is named by a literal
        ("pool-fixed", "eastus"),
        ("pool", "westeurope"),  # of its cluster
        ("share", "westeurope"),
    ],
)
def test_a_location_is_the_resources_or_its_groups_or_the_providers(azure: FactsOf, name: str, region: str) -> None:
    assert azure(name).region == region


def test_a_location_of_its_own_is_known_without_the_rest_of_the_stack(azure_declaration: Declaration) -> None:
    one = next(resource for resource in azure_declaration.resources if resource.name == "elsewhere")
    alone = dataclasses.replace(azure_declaration, resources=(one,))
    (workload,) = facts_of(alone, Catalogue.builtin(), whole=False)
    assert workload.facts.region == "swedencentral"


def test_a_group_that_is_not_declared_leaves_the_region_unknown(azure: FactsOf) -> None:
    assert azure("foreign").region is None
    assert "not declared here" in azure("foreign").unknowns["region"]


def test_a_machine_has_what_its_size_has(azure: FactsOf) -> None:
    facts = azure("gpu")
    assert facts.accelerator is not None
    assert (facts.accelerator.model, facts.accelerator.memory_gib, facts.accelerator.count) == ("A100", 80, 1)
    assert (facts.kind, facts.vcpu, facts.tags, facts.zones) == (Kind.COMPUTE, 24, {"team": "nlp"}, ("1",))
    assert azure("spot").purchase is Purchase.SPOT
    assert azure("spot").accelerator is not None
    assert azure("spot").accelerator.count == pytest.approx(1 / 6)
    assert "known only after apply" in azure("later").unknowns["instance_type"]


def test_reserved_capacity_is_paid_once(azure: FactsOf) -> None:
    assert (azure("reservation").purchase, azure("reservation").count) == (Purchase.ON_DEMAND, Count(2, 2, 2))
    assert azure("reserved").purchase is Purchase.RESERVED


def test_a_daily_shutdown_alone_is_no_schedule(azure: FactsOf) -> None:
    assert azure("nightly").schedule is None
    assert "nothing declared here starts it again" in azure("nightly").unknowns["schedule"]


def test_disks_of_a_machine_are_parts_unless_they_are_declared_apart_or_ephemeral(
    workloads: dict[str, Workload],
) -> None:
    disks = [(part.facts.size_gib, part.facts.storage_class) for part in workloads["with-disks"].parts]
    assert disks == [(128, "premium_lrs.p10"), (1024, "standardssd_lrs.e30")]
    assert workloads["ephemeral"].parts == ()


@pytest.mark.parametrize(
    ("name", "size", "tier", "attached"),
    [
        ("data", 500, "premium_lrs.p20", True),
        ("forgotten", 100, "standardssd_lrs.e10", False),
        ("cold", 8, "standard_lrs.s4", False),
        ("raised", 128, "premium_lrs.p30", False),
        ("fast", 256, "premiumv2_lrs", False),
    ],
)
def test_a_disk_is_of_the_tier_that_its_size_is_rounded_up_to(
    azure: FactsOf, name: str, size: float, tier: str, attached: bool
) -> None:
    facts = azure(name)
    assert (facts.size_gib, facts.storage_class, facts.attached, facts.encrypted) == (size, tier, attached, True)


def test_a_disk_has_the_speed_that_it_declares(azure: FactsOf) -> None:
    assert (azure("fast").iops, azure("fast").throughput_mibps) == (5000, 200)
    assert azure("data").iops is None


def test_a_snapshot_has_the_size_of_its_disk(azure: FactsOf) -> None:
    assert (azure("copy").kind, azure("copy").size_gib) == (Kind.SNAPSHOT, 500)


def test_an_autoscaler_bounds_a_scale_set(azure: FactsOf) -> None:
    assert azure("fleet").count == Count(0, 3, 8)
    assert azure("fleet").purchase is Purchase.SPOT
    assert azure("fixed").count == Count(4, 4, 4)


def test_a_mix_of_priorities_and_of_sizes(azure: FactsOf) -> None:
    mixed = azure("mixed")
    assert (mixed.purchase, mixed.spot_share, mixed.on_demand_base) == (Purchase.ON_DEMAND, 0.75, 2)
    assert azure("many-sizes").instance_types == ("Standard_D8s_v5", "Standard_NC8as_T4_v3")
    assert azure("many-sizes").accelerator_models == ("T4",)


def test_the_pools_of_a_cluster_are_parts_with_their_own_bounds(workloads: dict[str, Workload]) -> None:
    parts = {part.name: part.facts for part in workloads["cluster"].parts}
    assert parts["system"].count == Count(2, 2, 2)
    assert (parts["gpu"].count, parts["gpu"].purchase) == (Count(0, 1, 4), Purchase.SPOT)
    assert (parts["system"].idle_shutdown_minutes, parts["gpu"].idle_shutdown_minutes) == (None, 20)
    assert workloads["bare"].facts.kind is Kind.OTHER


def test_a_pool_beside_its_cluster(azure: FactsOf) -> None:
    pool = azure("pool")
    assert (pool.count, pool.purchase, pool.idle_shutdown_minutes) == (Count(1, 1, 5), Purchase.SPOT, 20)
    assert azure("pool-fixed").count == Count(3, 3, 3)  # without an autoscaler its bounds say nothing
    assert "AKS chooses" in azure("pool-open").unknowns["instance_type"]


def test_a_compute_is_what_its_type_says(azure: FactsOf) -> None:
    notebook, training = azure("notebook"), azure("training")
    assert (notebook.kind, notebook.idle_shutdown_minutes, notebook.instance_type) == (
        Kind.NOTEBOOK,
        30,
        "Standard_NC24ads_A100_v4",
    )
    assert azure("notebook-open").idle_shutdown_minutes is None
    assert (training.kind, training.count, training.purchase) == (Kind.NODE_POOL, Count(0, 0, 4), Purchase.SPOT)
    assert training.idle_shutdown_minutes == 2
    assert azure("attached").kind is Kind.OTHER


def test_the_schedule_of_a_compute_instance(azure: FactsOf) -> None:
    schedule = azure("notebook-office").schedule
    assert schedule is not None
    assert (schedule.hours_per_week, schedule.declared_by) == (50, "from 0 8 * * 1-5 to 0 18 * * 1-5")


def test_a_deployment_runs_and_its_endpoint_does_not(azure: FactsOf) -> None:
    assert azure("endpoint").kind is Kind.OTHER
    assert (azure("serving").kind, azure("serving").count) == (Kind.ENDPOINT, Count(1, 2, 3))
    assert azure("serving-default").instance_type == "Standard_F4s_v2"
    assert azure("serving-kubernetes").kind is Kind.OTHER


def test_a_storage_account_has_the_rules_of_its_policy(azure: FactsOf) -> None:
    assert azure("account").lifecycle == Lifecycle(365, 30, 60, 7)
    assert (azure("account").storage_class, azure("account-open").storage_class) == ("cool_zrs", "hot_lrs")
    assert azure("account-open").lifecycle == Lifecycle(abort_incomplete_upload_days=7)  # what Azure does by itself


def test_a_storage_account_keeps_versions_and_is_not_public(azure: FactsOf) -> None:
    assert (azure("account").versioning, azure("account-open").versioning) == (True, None)
    assert azure("account").public is False


def test_shares_and_file_systems(azure: FactsOf) -> None:
    assert (azure("share").size_gib, azure("share").storage_class) == (1024, "premium")
    assert (azure("scratch").size_gib, azure("scratch").zones) == (16384, ("1",))


@pytest.mark.parametrize(
    "token",
    [
        "azure-native:compute:VirtualMachine",
        "azure-native:compute/v20240301:VirtualMachine",
        "azure-native_compute_v20240301:compute:VirtualMachine",
    ],
)
def test_every_api_version_of_a_type_is_recognised(token: str) -> None:
    row = Mappings().row(token)
    assert row is not None
    assert row.types == ("azure-native:compute:VirtualMachine",)


@pytest.mark.parametrize(
    ("token", "plain"),
    [
        ("azure-native:insights/v20221001:AutoscaleSetting", "azure-native:monitor:AutoscaleSetting"),
        ("aws:ec2/instance:Instance", "aws:ec2/instance:Instance"),
        ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:Deployment"),
    ],
)
def test_only_versions_of_azure_are_left_out(token: str, plain: str) -> None:
    assert unversioned(token) == plain


def test_other_api_versions_join_as_well(azure_declaration: Declaration) -> None:
    def versioned(token: str) -> str:
        return token.replace("azure-native:compute:", "azure-native:compute/v20240301:").replace(
            "azure-native:monitor:", "azure-native:insights/v20221001:"
        )

    declaration = dataclasses.replace(
        azure_declaration,
        resources=tuple(
            dataclasses.replace(resource, type=versioned(resource.type)) for resource in azure_declaration.resources
        ),
    )
    after: dict[str, Facts] = {
        workload.resource.name: workload.facts for workload in facts_of(declaration, Catalogue.builtin())
    }
    before = {name: workload.facts for name, workload in by_name(azure_declaration).items()}
    assert after == before


@pytest.mark.parametrize(
    ("text", "hours"), [("PT30M", 0.5), ("PT1H30M", 1.5), ("P1D", 24), ("PT120S", 1 / 30), ("P1DT12H", 36)]
)
def test_iso_durations_are_read(text: str, hours: float) -> None:
    assert duration_hours(text, "p") == Known(pytest.approx(hours), "p")


@pytest.mark.parametrize("text", ["P", "PT", "PT5", "P1M", "30M20", ""])
def test_what_is_no_duration_is_told(text: str) -> None:
    assert "is no duration" in str(duration_hours(text, "p"))
