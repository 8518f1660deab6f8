"""From resources as declared to cost lines: what a provider would start, and so bill."""

from __future__ import annotations

from typing import Any

import pytest

from spendgate.estimate import estimate
from spendgate.estimate.model import CostLine, LineKind
from spendgate.facts import facts_of
from spendgate.facts.model import Count, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource
from tests.conftest import ROOT

CATALOGUE = Catalogue.builtin()
US_EAST = Provider("aws", "urn:provider", {"region": "us-east-1"})


def resource(type_: str, called: str = "it", /, **properties: Any) -> Resource:
    """A resource by its type token and its properties as Pulumi names them."""
    provider = US_EAST if type_.startswith("aws:") else None
    return Resource(type_, called, f"urn:test::{called}", properties, provider)


def workloads(*resources: Resource) -> tuple[Workload, ...]:
    return facts_of(Declaration("p", "dev", ROOT, resources), CATALOGUE)


def lines(*resources: Resource) -> tuple[CostLine, ...]:
    return estimate(workloads(*resources), CATALOGUE).lines


def machines(*resources: Resource) -> tuple[CostLine, ...]:
    """Lines without those of disks and fees."""
    return tuple(line for line in lines(*resources) if line.kind is LineKind.MACHINE)


def group(
    desired: float, *types: dict[str, Any], low: float = 0, high: float | None = None, **distribution: Any
) -> Resource:
    """An auto scaling group with a mixed instances policy."""
    policy = {
        "instancesDistribution": distribution,
        "launchTemplate": {"overrides": list(types or [{"instanceType": "g5.xlarge"}])},
    }
    return resource(
        "aws:autoscaling/group:Group",
        "group",
        name="group",
        minSize=low,
        desiredCapacity=desired,
        maxSize=desired if high is None else high,
        mixedInstancesPolicy=policy,
    )


@pytest.mark.parametrize(
    ("base", "percent", "desired", "bought"),
    [
        (4, 0, 4, {"on_demand": 4}),
        (10, 0, 4, {"on_demand": 4}),
        (1, 25, 5, {"on_demand": 2, "spot": 3}),
        (2, 50, 4, {"on_demand": 3, "spot": 1}),
        (0, 0, 4, {"spot": 4}),
        (2, 0, 5, {"on_demand": 2, "spot": 3}),
        (None, 50, 3, {"on_demand": 2, "spot": 1}),
        (3, None, 5, {"on_demand": 5}),
    ],
)
def test_a_group_buys_its_base_on_demand_and_rounds_the_on_demand_part_up(base, percent, desired, bought):
    distribution = {"onDemandBaseCapacity": base, "onDemandPercentageAboveBaseCapacity": percent}
    found = lines(group(desired, **{key: value for key, value in distribution.items() if value is not None}))
    assert {str(line.quote.purchase): line.quantity.expected for line in found} == bought


def test_the_split_is_made_for_every_bound_of_the_count():
    found = lines(group(4, low=1, high=10, onDemandBaseCapacity=2, onDemandPercentageAboveBaseCapacity=50))
    split = {line.quote.purchase: line.quantity for line in found}
    on_demand, spot = split[Purchase.ON_DEMAND], split[Purchase.SPOT]
    assert (on_demand.low, on_demand.expected, on_demand.high) == (1, 3, 6)
    assert (spot.low, spot.expected, spot.high) == (0, 1, 4)


def test_a_group_with_weights_counts_capacity_not_instances():
    heavy = [
        {"instanceType": "g5.12xlarge", "weightedCapacity": "4"},
        {"instanceType": "g5.48xlarge", "weightedCapacity": "8"},
    ]
    (found,) = workloads(group(16, *heavy))
    assert found.facts.count == Count(0, 4, 4)
    (found,) = workloads(group(16, *reversed(heavy), high=24))
    assert found.facts.count == Count(0, 2, 6)


def scheduled(**properties: Any) -> Resource:
    name = "aws:autoscaling/schedule:Schedule"
    return resource(name, "rise", autoscalingGroupName="group", recurrence="0 8 * * *", **properties)


def plain_group(desired: int | None, low: int, high: int) -> Resource:
    sizes = {"minSize": low, "maxSize": high} | ({} if desired is None else {"desiredCapacity": desired})
    launch = {"name": "template", "version": "1"}
    return resource("aws:autoscaling/group:Group", "group", name="group", launchTemplate=launch, **sizes)


TEMPLATE = resource("aws:ec2/launchTemplate:LaunchTemplate", "template", name="template", instanceType="g5.xlarge")


@pytest.mark.parametrize(
    ("action", "count"),
    [
        ({"desiredCapacity": 4}, Count(0, 4, 8)),
        ({"desiredCapacity": 4, "minSize": -1, "maxSize": -1}, Count(0, 4, 8)),
        ({"minSize": 3, "desiredCapacity": -1}, Count(0, 3, 8)),
        ({"desiredCapacity": 10, "maxSize": 12}, Count(0, 10, 12)),
        ({"desiredCapacity": 0}, Count(0, 2, 8)),
    ],
)
def test_a_scheduled_action_that_raises_the_size_raises_what_is_expected(action, count):
    assert workloads(plain_group(2, 0, 8), TEMPLATE, scheduled(**action))[0].facts.count == count


def test_more_instances_than_the_maximum_are_refused_in_words_and_not_cut():
    first, _ = workloads(plain_group(50, 0, 1), TEMPLATE)
    assert first.facts.count is None
    assert "50 instances are asked for, the maximum is 1" in first.facts.unknowns["count"]
    assert all(line.cost is None for line in lines(plain_group(50, 0, 1), TEMPLATE))


def job(gpus: int, **selector: str) -> Resource:
    container = {"name": "train", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    spec = {"containers": [container], "nodeSelector": selector}
    return resource("kubernetes:batch/v1:Job", "train", spec={"template": {"spec": spec}})


def test_a_pool_without_accelerators_hides_no_pods_that_ask_for_some():
    pool = resource("aws:eks/nodeGroup:NodeGroup", "cpu", instanceTypes=["t3.medium"], scalingConfig={"desiredSize": 2})
    found = machines(pool, job(8, **{"cloud.google.com/gke-accelerator": "nvidia-l4"}))
    assert [line.item for line in found] == ["t3.medium", "8 × L4"]
    assert found[1].quote.reason == NoPrice.UNPRICED
    assert "no node pool of this stack fits" in found[1].quote.note


def test_a_node_selector_that_names_a_type_must_be_met_by_the_pool():
    pool = resource("aws:eks/nodeGroup:NodeGroup", "a", instanceTypes=["g6.xlarge"], scalingConfig={"desiredSize": 2})
    wanted = {"node.kubernetes.io/instance-type": "g6.2xlarge"}
    assert machines(pool, job(1, **wanted))[1].quote.reason == NoPrice.UNPRICED
    wanted = {"node.kubernetes.io/instance-type": "g6.xlarge"}
    assert machines(pool, job(1, **wanted))[1].quote.reason == NoPrice.PAID_BY_NODES


def variant(name: str, type_: str, count: int) -> dict[str, Any]:
    return {"variantName": name, "instanceType": type_, "initialInstanceCount": count}


def test_variants_of_an_endpoint_are_priced_one_by_one_and_their_accelerators_add_up():
    variants = [variant("big", "ml.g5.12xlarge", 2), variant("small", "ml.m5.large", 3)]
    endpoint = resource("aws:sagemaker/endpointConfiguration:EndpointConfiguration", productionVariants=variants)
    found = lines(endpoint)
    assert [(line.item, line.quantity.expected) for line in found] == [("ml.g5.12xlarge", 2), ("ml.m5.large", 3)]
    assert found[0].cost is not None
    facts = workloads(endpoint)[0].facts
    assert facts.accelerator is not None
    assert facts.count is not None
    assert (facts.accelerator.model, facts.accelerator.count * facts.count.expected) == ("A10G", 8)
    assert facts.instance_types == ("ml.g5.12xlarge", "ml.m5.large")


def test_pools_of_a_cluster_are_priced_one_by_one():
    pools = [
        {"name": "gpu", "nodeCount": 2, "nodeConfig": {"machineType": "a2-highgpu-1g"}},
        {"name": "cpu", "nodeCount": 3, "nodeConfig": {"machineType": "n2-standard-4"}},
        {"name": "t4", "nodeCount": 1, "nodeConfig": {
            "machineType": "n1-standard-4", "guestAccelerators": [{"type": "nvidia-tesla-t4", "count": 4}]}},
    ]  # fmt: skip
    cluster = resource("gcp:container/cluster:Cluster", location="us-central1-a", nodePools=pools)
    found = [(line.item, line.quantity.expected) for line in machines(cluster)]
    assert found == [
        ("a2-highgpu-1g", 2),
        ("n2-standard-4", 3),
        ("n1-standard-4", 1),
        ("nvidia-tesla-t4", 4),
    ]
    facts = workloads(cluster)[0].facts
    assert facts.accelerator_models == ("A100", "T4")
    assert facts.accelerator is not None
    assert facts.count is not None
    assert facts.accelerator.count * facts.count.expected == 2 + 4


def test_a_choice_of_types_is_judged_by_its_worst_and_names_all_models():
    types = ["m5.large", "g5.xlarge", "p5.48xlarge"]
    group = resource("aws:eks/nodeGroup:NodeGroup", instanceTypes=types, scalingConfig={"desiredSize": 1})
    facts = workloads(group)[0].facts
    assert facts.accelerator is not None
    assert (facts.accelerator.model, facts.accelerator.count) == ("H100", 8)
    assert facts.accelerator_models == ("A10G", "H100")
    assert facts.instance_types == tuple(types)
    assert facts.unknowns == {}


INSTANCE = "aws:ec2/instance:Instance"
GROUP = "aws:eks/nodeGroup:NodeGroup"


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (resource(INSTANCE, instanceType=5), "instanceType: expected a text, found a number"),
        (resource(INSTANCE, instanceType=""), "no instance type is declared"),
        (resource(INSTANCE, ami="ami-1"), "no instance type is declared"),
        (resource(GROUP, instanceTypes=[""], scalingConfig={"desiredSize": 1}), "no instance type is declared"),
        (resource(GROUP, scalingConfig={"desiredSize": -2}), "expected a number of 0 or more"),
        (resource(GROUP, scalingConfig={"desiredSize": 1, "maxSize": 1e300}), "1e+300 instances are no possible"),
        (
            resource("aws:ebs/volume:Volume", availabilityZone="us-east-1a", size=1e300, type="gp3"),
            "a size of 1e+300 is declared",
        ),
    ],
)
def test_what_cannot_be_is_said_in_words_and_not_called_known_after_apply(declared, words):
    line, *others = lines(declared)
    assert all(other.unit == "GiB-month" for other in others)
    assert line.quote.reason == NoPrice.UNPRICED
    assert words in line.quote.note


def test_what_is_known_after_apply_is_still_called_so():
    (line,) = lines(resource(INSTANCE, instanceType=UNKNOWN))
    assert line.quote.reason == NoPrice.UNKNOWN_UNTIL_APPLY
