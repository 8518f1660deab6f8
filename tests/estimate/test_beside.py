"""What is billed beside the machines: performance of volumes, fees, load balancers, and what services run on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spendgate.estimate import estimate
from spendgate.estimate.model import Confidence, CostLine, LineKind
from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource
from tests.conftest import ROOT

CATALOGUE = Catalogue.builtin()
MONTH = Decimal(730)


def resource(type_: str, called: str = "it", /, region: str = "us-east-1", **properties: Any) -> Resource:
    settings = {"region": region} if type_.startswith(("aws:", "gcp:")) else {}
    return Resource(type_, called, f"urn:test::{called}", properties, Provider(type_[:3], "urn:provider", settings))


def lines(*resources: Resource) -> tuple[CostLine, ...]:
    return estimate(facts_of(Declaration("p", "dev", ROOT, resources), CATALOGUE), CATALOGUE).lines


def months(*resources: Resource) -> dict[str, Decimal | None]:
    """The expected month of each line by its item."""
    return {line.item: line.cost.monthly.expected if line.cost else None for line in lines(*resources)}


def test_gp3_pays_for_what_is_above_the_included_iops_and_throughput():
    volume = resource("aws:ebs/volume:Volume", type="gp3", size=100, iops=5000, throughput=225)
    assert months(volume) == {
        "ebs.gp3": Decimal("8.00"),
        "ebs.gp3.iops": Decimal("10.000"),  # 2,000 × 0.005
        "ebs.gp3.throughput": Decimal("4.00"),  # 100 × 0.04
    }
    told = [line.assumptions for line in lines(volume)[1:]]
    assert told == [
        ("5000 IOPS each, of which 3000 are included",),
        ("225 MiB/s each, of which 125 are included",),
    ]


def test_gp3_at_the_included_performance_pays_for_its_size_alone():
    assert list(months(resource("aws:ebs/volume:Volume", type="gp3", size=100, iops=3000, throughput=125))) == [
        "ebs.gp3"
    ]


@pytest.mark.parametrize("class_", ["io1", "io2"])
def test_provisioned_iops_are_paid_from_the_first(class_: str):
    found = months(resource("aws:ebs/volume:Volume", type=class_, size=100, iops=10000))
    assert found[f"ebs.{class_}.iops"] == Decimal("650.000")


def test_iops_known_only_after_apply_have_no_price_yet():
    found = lines(resource("aws:ebs/volume:Volume", type="io2", size=100, iops=UNKNOWN))
    assert [(line.item, line.quote.reason) for line in found] == [
        ("ebs.io2", None),
        ("ebs.io2.iops", NoPrice.UNKNOWN_UNTIL_APPLY),
    ]


def test_disks_of_machines_pay_for_their_performance_as_often_as_there_are_machines():
    template = resource(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "nodes",
        name="nodes",
        instanceType="g5.xlarge",
        blockDeviceMappings=[
            {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100, "volumeType": "gp3", "iops": 4000}}
        ],
    )
    group = resource(
        "aws:autoscaling/group:Group",
        "group",
        minSize=0,
        desiredCapacity=2,
        maxSize=4,
        launchTemplate={"name": "nodes"},
    )
    (iops,) = [line for line in lines(template, group) if line.item == "ebs.gp3.iops"]
    assert iops.cost is not None
    assert iops.cost.monthly.bounds == (Decimal(0), Decimal("10.000"), Decimal("20.000"))


def test_a_balanced_hyperdisk_includes_performance_of_its_own():
    disk = resource(
        "gcp:compute/disk:Disk",
        region="us-central1",
        type="hyperdisk-balanced",
        size=100,
        zone="us-central1-a",
        provisionedIops=3100,
        provisionedThroughput=150,
    )
    quantities = {line.item: line.quantity.expected for line in lines(disk)}
    assert quantities["disk.hyperdisk-balanced.iops"] == 100
    assert quantities["disk.hyperdisk-balanced.throughput"] == 10


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-southeast-2"])
def test_an_eks_cluster_pays_for_its_control_plane(region: str):
    (line,) = lines(resource("aws:eks/cluster:Cluster", region=region))
    assert (line.item, line.kind, line.confidence) == ("eks.control_plane", LineKind.FEE, Confidence.EXACT)
    assert line.cost is not None
    assert line.cost.monthly.expected == Decimal("0.1") * MONTH
    assert line.assumptions == ("of the control plane in standard support", "is there all month (730 h)")


@pytest.mark.parametrize(
    "properties",
    [
        {"enableAutopilot": True},
        {"removeDefaultNodePool": True},
        {"initialNodeCount": 1, "nodeConfig": {"machineType": "g2-standard-4"}},
        {"nodePools": [{"name": "a", "nodeCount": 3, "nodeConfig": {"machineType": "g2-standard-4"}}]},
    ],
)
def test_a_gke_cluster_pays_for_one_control_plane_whatever_its_pools(properties: dict[str, Any]):
    fees = [
        line
        for line in lines(resource("gcp:container/cluster:Cluster", location="europe-west4", **properties))
        if line.kind is LineKind.FEE
    ]
    assert [(line.item, line.quantity.high) for line in fees] == [("gke.control_plane", 1)]
    assert fees[0].cost is not None
    assert fees[0].cost.monthly.expected == Decimal("0.1") * MONTH


@pytest.mark.parametrize(
    ("tier", "items"),
    [("Free", []), (None, []), ("Standard", ["aks.control_plane"]), ("Premium", ["aks.control_plane.premium"])],
)
def test_an_aks_cluster_pays_by_its_tier(tier: str | None, items: list[str]):
    sku = {"sku": {"name": "Base", "tier": tier}} if tier else {}
    cluster = resource("azure-native:containerservice:ManagedCluster", location="eastus", **sku)
    assert [line.item for line in lines(cluster)] == items


@pytest.mark.parametrize(
    ("type_", "properties", "item", "price"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", {}, "lb.application", "0.0225"),
        ("aws:lb/loadBalancer:LoadBalancer", {"loadBalancerType": "network"}, "lb.network", "0.0225"),
        ("aws:elb/loadBalancer:LoadBalancer", {}, "lb.classic", "0.025"),
        ("aws:ec2/eip:Eip", {}, "ip.public", "0.005"),
    ],
)
def test_what_carries_traffic_pays_by_the_hour(type_: str, properties: dict[str, Any], item: str, price: str):
    (line,) = lines(resource(type_, **properties))
    assert (line.item, line.kind) == (item, LineKind.NETWORK)
    assert line.cost is not None
    assert line.cost.monthly.expected == Decimal(price) * MONTH


def fargate(task: dict[str, Any], **service: Any) -> dict[str, Decimal | None]:
    definition = resource("aws:ecs/taskDefinition:TaskDefinition", "task", family="serve", **task)
    runs = {"launchType": "FARGATE", "taskDefinition": "serve", "desiredCount": 3, **service}
    return months(definition, resource("aws:ecs/service:Service", "service", **runs))


def test_tasks_on_fargate_pay_for_their_vcpu_and_memory():
    assert fargate({"cpu": "2048", "memory": "4096"}) == {
        "fargate.vcpu": 3 * 2 * Decimal("0.04048") * MONTH,
        "fargate.memory": 3 * 4 * Decimal("0.004445") * MONTH,
    }


def test_a_task_that_does_not_say_its_size_has_no_price():
    assert fargate({}) == {"fargate.vcpu": None, "fargate.memory": None}


def test_fargate_spot_is_not_priced_as_if_it_were_on_demand():
    strategies = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    found = fargate({"cpu": "1024", "memory": "2048"}, launchType=None, capacityProviderStrategies=strategies)
    assert found == {"fargate.spot.vcpu": None, "fargate.spot.memory": None}


def test_a_search_domain_pays_for_all_its_nodes_and_their_volumes():
    domain = resource(
        "aws:opensearch/domain:Domain",
        clusterConfig={
            "instanceType": "r7g.large.search",
            "instanceCount": 3,
            "dedicatedMasterEnabled": True,
            "dedicatedMasterType": "m7g.large.search",
            "dedicatedMasterCount": 3,
        },
        ebsOptions={"ebsEnabled": True, "volumeType": "gp3", "volumeSize": 100},
    )
    found = lines(domain)
    assert [(line.item, line.quantity.expected, line.kind) for line in found] == [
        ("opensearch.r7g.large", 3, LineKind.MACHINE),
        ("opensearch.m7g.large", 3, LineKind.MACHINE),
        ("opensearch.storage.gp3", 300, LineKind.STORAGE),
    ]
    assert all(line.cost is not None for line in found)


def test_a_database_in_two_zones_pays_twice():
    properties = {"engine": "postgres", "instanceClass": "db.t3.large", "allocatedStorage": 100, "storageType": "gp3"}
    one = months(resource("aws:rds/instance:Instance", **properties))
    two = months(resource("aws:rds/instance:Instance", **properties, multiAz=True))
    assert one == {"rds.postgres.t3.large": Decimal("0.145") * MONTH, "rds.storage.gp3": Decimal("11.500")}
    assert two == {item: cost and 2 * cost for item, cost in one.items()}


def test_a_database_of_a_class_known_only_after_apply_has_no_price_yet():
    found = lines(resource("aws:rds/instance:Instance", engine="postgres", instanceClass=UNKNOWN, allocatedStorage=20))
    assert found[0].quote.reason is NoPrice.UNKNOWN_UNTIL_APPLY
    assert found[0].quote.note == "what it is billed as is unknown: instanceClass: known only after apply"


def test_cache_nodes_are_counted_by_shard_and_replica():
    found = lines(
        resource(
            "aws:elasticache/replicationGroup:ReplicationGroup",
            nodeType="cache.r7g.large",
            numNodeGroups=2,
            replicasPerNodeGroup=1,
        )
    )
    assert [(line.item, line.quantity.expected) for line in found] == [("elasticache.redis.r7g.large", 4)]
    assert found[0].cost is not None


def scheduled_group(**template: Any) -> tuple[Resource, ...]:
    """A group that runs from 8 to 18 on weekdays: 50 of 168 h."""
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 84, "volumeType": "gp3", **template}}
    actions = [
        resource(
            "aws:autoscaling/schedule:Schedule",
            name,
            autoscalingGroupName="workers",
            scheduledActionName=name,
            recurrence=f"0 {hour} * * 1-5",
            minSize=size,
            maxSize=size,
            desiredCapacity=size,
        )
        for name, hour, size in (("up", 8, 2), ("down", 18, 0))
    ]
    return (
        resource(
            "aws:ec2/launchTemplate:LaunchTemplate",
            "nodes",
            name="nodes",
            instanceType="g5.xlarge",
            blockDeviceMappings=[disk],
        ),
        resource(
            "aws:autoscaling/group:Group",
            "workers",
            name="workers",
            minSize=2,
            desiredCapacity=2,
            maxSize=2,
            launchTemplate={"name": "nodes"},
        ),
        *actions,
    )


def test_disks_of_a_group_that_scales_to_nothing_are_billed_while_its_machines_exist():
    machine, disk = lines(*scheduled_group())
    assert machine.hours is not None
    assert round(machine.hours.expected, 2) == Decimal("217.26")
    assert round(disk.quantity.expected, 3) == round(Decimal(2 * 84) * 50 / 168, 3)
    assert disk.assumptions[-1] == "exists while its machines do, 217.261905 of 730 h: it is deleted with them"
    assert disk.confidence is Confidence.DERIVED


def test_the_disk_of_a_machine_that_is_only_stopped_is_billed_all_month():
    from spendgate.estimate.disks import while_it_exists
    from spendgate.estimate.usage import UNTOLD
    from spendgate.facts.model import Facts, Kind, Schedule

    (disk,) = lines(resource("aws:ebs/volume:Volume", type="gp3", size=100))
    stopped = Facts(Kind.COMPUTE, "aws", schedule=Schedule(50, "cron"))
    (same,) = while_it_exists((disk,), stopped, UNTOLD)
    assert same.cost == disk.cost
    assert same.assumptions == ("counted all month: it stays while its machine is stopped",)
