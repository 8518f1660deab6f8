"""Pools by need: the machine is chosen and explained, the size is bounded, and every guardrail passes."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.sources.pulumi_program import run_program
from spendgate_components import ArgumentError, GpuNodePoolArgs, Nodes, WorkloadTags
from spendgate_components.choice import choose
from spendgate_components.component import Limits, judged
from spendgate_components.gpu_node_pool import plan
from tests.components.conftest import TAGS, CheckProgram, message, objections
from tests.components.sdk_names import misspelt
from tests.components.test_tags import WHO
from tests.conftest import ROOT
from tests.facts import sdk

with_azure = pytest.mark.skipif(bool(sdk.missing("azure-native")), reason=sdk.missing("azure-native"))

EKS = 'platform="eks", cluster="research", region="us-west-2", subnet_ids=["subnet-1"], node_role_arn="arn:aws:iam::1:role/n"'
GKE = 'platform="gke", cluster="research", location="us-central1-a"'
AKS = 'platform="aks", cluster="research", resource_group="ml", location="eastus"'
KARPENTER = 'platform="karpenter", cluster="research", region="us-west-2", node_role_name="nodes"'

ARGS: dict[str, dict[str, Any]] = {
    "eks": {"region": "us-west-2", "subnet_ids": ["subnet-1"], "node_role_arn": "arn:aws:iam::1:role/n"},
    "gke": {"location": "us-central1-a"},
    "aks": {"location": "eastus", "resource_group": "ml", "accelerator": "T4"},
    "karpenter": {"region": "us-west-2", "node_role_name": "nodes"},
}


def pool(platform: str = "eks", **change: Any) -> GpuNodePoolArgs:
    tags = WorkloadTags(**{**WHO, **change.pop("tags", {})})
    kind = change.pop("kind", platform)
    own: dict[str, Any] = {"tags": tags, "platform": kind, "accelerator": "L4", "nodes": Nodes(4), "cluster": "c"}
    return GpuNodePoolArgs(**{**own, **ARGS[platform], **change})


def judge(args: GpuNodePoolArgs, **more: Any) -> Any:
    catalogue = Catalogue.builtin()
    limits = Limits(max_monthly_cost=args.max_monthly_cost, approval=args.approval)
    return judged(plan("train", args, catalogue), limits, catalogue, args.raw, more.get("transforms", ()), "train")


def test_a_pool_on_every_platform_passes_all_packs(check: CheckProgram) -> None:
    checked = check(f"""
        GpuNodePool("eks", tags=tags, accelerator="A10G", nodes=(0, 1, 2), {EKS})
        GpuNodePool("gke", tags=tags, accelerator="L4", nodes=(0, 1, 2), {GKE})
        GpuNodePool("t4", tags=tags, accelerator="T4", nodes=(0, 1, 2), {GKE})
        GpuNodePool("karpenter", tags=tags, accelerator="L4", per_node=4, nodes=(0, 2), {KARPENTER})
    """)
    assert [message(one) for one in objections(checked)] == []
    assert not checked.unmapped
    names = {"eks-template", "eks-spot", "gke-spot", "t4-spot", "karpenter-class", "karpenter-nodes"}
    assert set(checked.names.values()) == names
    assert checked.estimate.total.monthly.expected > 0
    assert not checked.estimate.unpriced


@with_azure
@pytest.mark.parametrize(("stack", "environment"), [("dev", "dev"), ("prod", "prod")])
def test_a_pool_of_aks_passes_all_packs(stack: str, environment: str, check: CheckProgram) -> None:
    checked = check(
        f"""
        import dataclasses, json, pathlib
        tags = dataclasses.replace(tags, environment="{environment}")
        pool = GpuNodePool("aks", tags=tags, accelerator="T4", nodes=(0, 1, 2), {AKS})
        pool.estimated_cost.apply(lambda cost: pathlib.Path("cost.json").write_text(json.dumps(cost)))
        """,
        stack=stack,
    )
    assert [message(one) for one in objections(checked)] == []
    assert not checked.unmapped
    assert set(checked.names.values()) == {"aks-spot" if environment == "dev" else "aks-on-demand"}
    told = json.loads((checked.path / "cost.json").read_text(encoding="utf-8"))["monthly"]
    bounds = [float(bound.quantize(Decimal("0.01"))) for bound in checked.estimate.total.monthly.bounds]
    assert [told["low"], told["expected"], told["high"]] == bounds
    assert bounds[1] > 0


@with_azure
def test_a_pool_of_aks_is_empty_when_nothing_runs_and_says_what_it_is() -> None:
    children, _, _ = judge(pool("aks", nodes=Nodes(6, expected=2), on_demand_nodes=1, zone="2", subnet_ids=["s"]))
    made = {child.key: child.inputs for child in children}
    spot, fixed = made["spot"], made["on-demand"]
    assert (spot["agentPoolName"], fixed["agentPoolName"]) == ("trainsp", "trainod")
    assert (spot["minCount"], spot["count"], spot["maxCount"], spot["enableAutoScaling"]) == (0, 1, 5, True)
    assert (spot["scaleSetPriority"], spot["scaleSetEvictionPolicy"], spot["spotMaxPrice"]) == ("Spot", "Delete", -1)
    assert (fixed["scaleSetPriority"], fixed.get("scaleSetEvictionPolicy")) == ("Regular", None)
    assert spot["nodeTaints"] == [
        "nvidia.com/gpu=present:NoSchedule",
        "kubernetes.azure.com/scalesetpriority=spot:NoSchedule",
    ]
    assert fixed["nodeTaints"] == ["nvidia.com/gpu=present:NoSchedule"]
    assert spot["nodeLabels"]["spendgate.dev/region"] == "eastus"
    assert spot["gpuProfile"] == {"driver": "Install"}
    assert spot["tags"]["owner"] == "nlp@example.com"
    assert (spot["mode"], spot["availabilityZones"], spot["vnetSubnetID"]) == ("User", ["2"], "s")


def test_a_driver_of_ones_own_is_left_to_install() -> None:
    children, _, _ = judge(pool("gke", install_driver=False))
    device = children[0].inputs["nodeConfig"]["guestAccelerators"][0]
    assert device["gpuDriverInstallationConfig"] == {"gpuDriverVersion": "INSTALLATION_DISABLED"}


@with_azure
def test_without_its_driver_an_aks_pool_takes_none() -> None:
    children, _, _ = judge(pool("aks", install_driver=False))
    assert children[0].inputs["gpuProfile"] == {"driver": "None"}


def test_the_extra_that_aks_needs_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pulumi_azure_native.containerservice", None)
    with pytest.raises(ArgumentError, match=re.escape('Install it: pip install "spendgate[azure]".')):
        judge(pool("aks"))


def test_a_production_pool_is_on_demand_and_passes_all_packs(check: CheckProgram) -> None:
    checked = check(
        f"""
        import dataclasses
        tags = dataclasses.replace(tags, environment="prod")
        GpuNodePool("eks", tags=tags, accelerator="L4", nodes=(0, 1, 2), {EKS})
        GpuNodePool("gke", tags=tags, accelerator="L4", nodes=(0, 1, 2), {GKE})
        """,
        stack="prod",
    )
    assert [message(one) for one in objections(checked)] == []
    assert {"eks-on-demand", "gke-on-demand"} <= set(checked.names.values())


def test_the_need_of_the_documentation_gets_the_machine_that_carries_it() -> None:
    choice = choose(Catalogue.builtin(), "aws", "us-east-1", "A100-80GB", 8, Purchase.SPOT)
    assert choice.machine.name == "p4de.24xlarge"
    assert choice.why.startswith("p4de.24xlarge with 8 × A100 80 GiB in us-east-1: the only type; $9.3")
    assert choice.quote.as_of in choice.why


def test_the_cheapest_of_several_types_is_taken_unless_more_is_needed() -> None:
    def chosen(**more: Any) -> str:
        return choose(Catalogue.builtin(), "aws", "us-west-2", "A10G", 1, Purchase.ON_DEMAND, **more).machine.name

    assert chosen() == "g5.xlarge"
    assert chosen(min_vcpu=16) == "g5.4xlarge"
    assert chosen(min_memory_gib=100) == "g5.8xlarge"
    assert chosen(instance_type="g5.2xlarge") == "g5.2xlarge"


def test_an_attached_accelerator_is_priced_with_its_machine() -> None:
    catalogue = Catalogue.builtin()
    choice = choose(catalogue, "gcp", "us-central1", "T4", 2, Purchase.ON_DEMAND)
    host = catalogue.quote("gcp", "n1-standard-8", "us-central1").amount
    device = catalogue.quote("gcp", "nvidia-tesla-t4", "us-central1").amount
    assert host is not None
    assert device is not None
    assert (choice.machine.name, choice.attached) == ("n1-standard-8", "nvidia-tesla-t4")
    assert choice.quote.amount == host + 2 * device


@pytest.mark.parametrize(
    ("platform", "change", "told"),
    [
        ("eks", {"kind": "ecs"}, 'platform is "ecs"\ndid you mean "eks"?'),
        ("eks", {"accelerator": "A100-80GBx8"}, 'Write accelerator="A100-80GB", per_node=8.'),
        ("eks", {"accelerator": "A10H"}, 'no accelerator "A10H" in the catalogue'),
        ("eks", {"per_node": 3}, "There are machines with"),
        ("eks", {"instance_type": "m5.large"}, 'instance_type is "m5.large", which is no machine with 1 × L4'),
        ("eks", {"min_vcpu": 1000}, "is large enough\nThere is g6.xlarge"),
        ("eks", {"nodes": Nodes(0)}, "nodes.max is 0\nWrite a whole number of nodes from 1 to 1000."),
        ("eks", {"nodes": Nodes(2, min=3)}, "nodes.min is 3\nWrite a whole number of nodes from 0 to 2."),
        ("eks", {"nodes": Nodes(2, min=1)}, "or the day on which it is reviewed"),
        ("eks", {"spot": False, "on_demand_nodes": 1}, "Write spot=True, or leave it out."),
        ("eks", {"subnet_ids": None}, "subnet_ids is missing for eks"),
        ("eks", {"zone": "us-west-2a"}, "zone is for gke, not for eks"),
        ("eks", {"region": "us-wset-2"}, 'did you mean "us-west-2"?'),
        ("gke", {"location": "us-central1"}, 'Write zone="us-central1-a"'),
        ("gke", {"zone": "us-central1-b"}, "Leave zone out."),
        ("gke", {"accelerator": "A10G"}, "no machine of gcp carries 1 × A10G"),
        ("aks", {"resource_group": None}, "resource_group is missing for aks"),
        ("aks", {"location": "esatus"}, 'did you mean "eastus"?'),
        ("aks", {"region": "eastus"}, "region is for eks, not for aks\nWrite location"),
        ("aks", {"zone": "eastus-1"}, 'zone is "eastus-1"\nWrite 1, 2 or 3'),
        ("aks", {"subnet_ids": ["a", "b"]}, "a pool of AKS lies in one"),
        ("aks", {"disk_gib": 4096}, "Write a whole number of GiB from 30 to 2048."),
        ("aks", {"accelerator": "L4"}, "no machine of azure carries 1 × L4"),
        ("eks", {"install_driver": False}, "install_driver is for gke, not for eks"),
        ("karpenter", {"nodes": Nodes(2, expected=1)}, "Write nodes=(0, max)"),
        ("eks", {"max_monthly_cost": 100}, 'Make it smaller, raise max_monthly_cost, or name an approval'),
        ("karpenter", {"max_monthly_cost": 100}, "a month costs up to $"),
        ("eks", {"approval": "yes"}, "Write a ticket, such as FIN-42."),
        ("eks", {"max_monthly_cost": -1}, "Write an amount in US dollars, such as 2500."),
        ("eks", {"raw": {"spot": {"scaling_config": {"max_size": 40}}}}, "spot.scalingConfig is changed"),
        ("eks", {"raw": {"spot": {"capacity_type": "ON_DEMAND"}}}, "change the component's argument instead"),
        ("gke", {"raw": {"spot": {"node_config": {"machine_type": "a2-highgpu-1g"}}}}, "nodeConfig.machineType is changed"),
        ("karpenter", {"raw": {"nodes": {"spec": {"limits": {"nvidia.com/gpu": "99"}}}}}, "spec.limits is changed"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    platform: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(pool(platform, **change))


@with_azure
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"raw": {"spot": {"max_count": 40}}}, "spot.maxCount is changed"),
        ({"raw": {"spot": {"vm_size": "Standard_NC24ads_A100_v4"}}}, "spot.vmSize is changed"),
        ({"raw": {"spot": {"scale_set_priority": "Regular"}}}, "spot.scaleSetPriority is changed"),
        ({"raw": {"spot": {"vmsize": "x"}}}, 'spot has no input "vmsize"'),
        ({"max_monthly_cost": 10}, "a month costs up to $"),
    ],
)
def test_what_a_pool_of_aks_promises_is_not_changed(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(pool("aks", **change))


@with_azure
def test_the_name_of_a_pool_of_aks_is_short() -> None:
    told = 'the component is called "fine-tuning-nodes", too long for a pool of AKS\nWrite a name of at most 10 letters'
    with pytest.raises(ArgumentError, match=re.escape(told)):
        plan("fine-tuning-nodes", pool("aks"), Catalogue.builtin())


def test_a_refused_pool_registers_nothing(check: CheckProgram) -> None:
    with pytest.raises(InputError, match=r"a month costs up to \$2,\d{3}\.\d\d, and max_monthly_cost is \$500\.00"):
        check(f'GpuNodePool("train", tags=tags, accelerator="L4", nodes=(0, 4), max_monthly_cost=500, {EKS})')


def test_an_approval_lifts_the_limit_and_is_told_to_the_cloud() -> None:
    children, _, _ = judge(pool(max_monthly_cost=100, approval="FIN-42"))
    assert all(child.inputs["tags"]["approval"] == "FIN-42" for child in children)


def test_part_of_a_spot_pool_may_be_on_demand() -> None:
    args = pool(nodes=Nodes(5, min=1, expected=3), on_demand_nodes=2, tags={"review_by": "2027-01-31"})
    children, _, _ = judge(args)
    sizes = {child.key: child.inputs["scalingConfig"] for child in children if child.key != "template"}
    assert sizes == {
        "on-demand": {"minSize": 1, "desiredSize": 2, "maxSize": 2},
        "spot": {"minSize": 0, "desiredSize": 1, "maxSize": 3},
    }


def test_tags_survive_inputs_and_transforms_of_ones_own() -> None:
    def strip(key: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "tags": {"mine": "1"}, "description": "x"} if key == "template" else inputs

    raw = {"spot": {"tags": {"team": "other"}, "force_update_version": True}}
    children, _, _ = judge(pool(raw=raw), transforms=(strip,))
    by_key = {child.key: child.inputs for child in children}
    assert by_key["template"]["tags"] == {"mine": "1", **WorkloadTags(**WHO).values}
    assert by_key["template"]["description"] == "x"
    assert by_key["spot"]["tags"]["team"] == "nlp"
    assert by_key["spot"]["forceUpdateVersion"] is True


def test_the_estimate_counts_inputs_of_ones_own() -> None:
    disk = {"device_name": "/dev/xvda", "ebs": {"volume_size": 1000, "volume_type": "gp3", "encrypted": True}}
    nodes = Nodes(2, expected=1)
    _, plain, _ = judge(pool(nodes=nodes))
    _, larger, _ = judge(pool(nodes=nodes, raw={"template": {"block_device_mappings": [disk]}}))
    assert larger.total.monthly.expected > plain.total.monthly.expected + 50


def test_a_pool_without_a_price_says_so_and_is_above_every_limit() -> None:
    args = pool(accelerator="V100", per_node=1, region="ap-south-2", spot=True)
    _, estimate, warnings = judge(args)
    assert estimate.unpriced
    assert "there is no price of p3.2xlarge" in warnings[0]
    with pytest.raises(ArgumentError, match=r"and there is no price of p3\.2xlarge"):
        judge(pool(accelerator="V100", region="ap-south-2", max_monthly_cost=10))


def test_nodes_that_karpenter_may_start_are_told_and_held_to_the_limit() -> None:
    planned = plan("train", pool("karpenter"), Catalogue.builtin())
    assert planned.notes == (
        "Karpenter starts up to 4 nodes as pods ask for them: they are paid for, and have no line here",
    )
    assert planned.beside > 2000
    nodes = planned.children[1].inputs["spec"]
    assert nodes["limits"] == {"nvidia.com/gpu": "4"}


@pytest.mark.parametrize("platform", ["eks", "gke", pytest.param("aks", marks=with_azure), "karpenter"])
def test_every_input_has_the_name_that_the_sdk_gives_it(platform: str) -> None:
    mixed = {} if platform == "karpenter" else {"on_demand_nodes": 1}
    children = plan("train", pool(platform, **mixed), Catalogue.builtin()).children
    assert {child.key: wrong for child in children if (wrong := misspelt(child))} == {}


URNS = {
    EKS: [
        "aws:ec2/launchTemplate:LaunchTemplate::train-template",
        "aws:eks/nodeGroup:NodeGroup::train-on-demand",
        "aws:eks/nodeGroup:NodeGroup::train-spot",
    ],
    GKE: ["gcp:container/nodePool:NodePool::train-on-demand", "gcp:container/nodePool:NodePool::train-spot"],
    AKS: [
        "azure-native:containerservice:AgentPool::train-on-demand",
        "azure-native:containerservice:AgentPool::train-spot",
    ],
    KARPENTER: [
        "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass::train-class",
        "kubernetes:karpenter.sh/v1:NodePool::train-nodes",
    ],
}


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(EKS, id="eks"),
        pytest.param(GKE, id="gke"),
        pytest.param(AKS, id="aks", marks=with_azure),
        pytest.param(KARPENTER, id="karpenter"),
    ],
)
def test_a_new_version_of_the_component_renames_nothing_and_options_hold_for_children(
    where: str, tmp_path: Path
) -> None:
    """Urns are what Pulumi knows a resource by: a change here replaces nodes, and needs aliases in the component."""
    platform = where.split('"')[1]
    package = {"eks": "aws", "gke": "gcp", "aks": "azure_native", "karpenter": "kubernetes"}[platform]
    mixed = "" if platform == "karpenter" else "on_demand_nodes=1, "
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(
        TAGS + f"import pulumi_{package} as sdk\n"
        'own = sdk.Provider("own")\n'
        "options = pulumi.ResourceOptions(\n"
        '    protect=True, providers=[own], aliases=[pulumi.Alias(name="old")], depends_on=[]\n'
        ")\n"
        f'GpuNodePool("train", tags=tags, accelerator="T4", nodes=(0, 3), {mixed}{where}, opts=options)\n',
        encoding="utf-8",
    )
    made = {one.name: one for one in run_program(tmp_path).resources}
    assert made["train"].options.aliases == ("urn:pulumi:dev::platform::spendgate:index:GpuNodePool::old",)
    children = [one for one in made.values() if one.name.startswith("train-")]
    head = "urn:pulumi:dev::platform::spendgate:index:GpuNodePool$"
    assert sorted(one.address.removeprefix(head) for one in children) == URNS[where]
    for child in children:
        assert child.options.protect
        assert child.provider is not None
        assert child.provider.address.endswith("::own")


@with_azure
def test_the_example_of_the_documentation_is_a_pool(check: CheckProgram) -> None:
    blocks = (ROOT / "components" / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    example = next(block.split("```")[0] for block in blocks if 'platform="aks"' in block)
    assert set(check(example).names.values()) == {"train-spot"}
