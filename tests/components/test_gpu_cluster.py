"""Clusters: private, bounded, shared out by team, and priced as a whole before they exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.checking import check_directory
from spendgate.errors import InputError
from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate.sources.pulumi_program import run_program
from spendgate_components import ArgumentError, ClusterPool, GpuClusterArgs, Nodes, TeamQuota, WorkloadTags
from spendgate_components.child import Child, declared
from spendgate_components.clusters.eks import NODE_POLICIES
from spendgate_components.component import Limits, judged
from spendgate_components.gpu_cluster import LOG_DAYS, plan
from tests.components.conftest import TAGS, CheckProgram, message, objections
from tests.components.sdk_names import misspelt
from tests.components.test_tags import WHO
from tests.conftest import ROOT

EKS = 'platform="eks", region="us-west-2", subnet_ids=["subnet-1", "subnet-2"]'
GKE = 'platform="gke", location="us-central1", zone="us-central1-a", project="ml"'
ARGS: Mapping[str, dict[str, Any]] = {
    "eks": {"region": "us-west-2", "subnet_ids": ["subnet-1", "subnet-2"]},
    "gke": {"location": "us-central1-a", "project": "ml"},
}


def cluster(platform: str = "eks", **change: Any) -> GpuClusterArgs:
    tags = WorkloadTags(**{**WHO, **change.pop("tags", {})})
    kind = change.pop("kind", platform)
    pools = {"l4": ClusterPool("L4", Nodes(4, expected=2))}
    return GpuClusterArgs(**{"tags": tags, "platform": kind, "pools": pools, **ARGS[platform], **change})


def judge(args: GpuClusterArgs, transforms: Any = ()) -> Any:
    catalogue = Catalogue.builtin()
    limits = Limits(max_monthly_cost=args.max_monthly_cost, approval=args.approval)
    return judged(plan("research", args, catalogue), limits, catalogue, args.raw, transforms, "research")


def by_key(args: GpuClusterArgs) -> dict[str, Child]:
    return {child.key: child for child in plan("research", args, Catalogue.builtin()).children}


PROGRAM = """
import dataclasses, json, pathlib
tags = dataclasses.replace(tags, environment="{environment}")
made = GpuCluster(
    "research", tags=tags, {where}, quota="{quota}", max_monthly_cost=9000,
    pools={{"l4": ClusterPool("L4", Nodes(2, expected=1)), "t4": {{"accelerator": "T4", "nodes": (0, 1, 2)}}}},
    teams={{
        "nlp": TeamQuota(accelerators=3{shares[0]}),
        "vision": {{"accelerators": 1, "cpu": 16, "memory_gib": 64{shares[1]}}},
    }},
)
made.estimated_cost.apply(lambda cost: pathlib.Path("cost.json").write_text(json.dumps(cost)))
"""


@pytest.mark.parametrize("quota", ["resource-quota", "kueue"])
@pytest.mark.parametrize(("stack", "environment"), [("dev", "dev"), ("prod", "prod")])
@pytest.mark.parametrize("where", [EKS, GKE], ids=["eks", "gke"])
def test_a_cluster_passes_all_packs_at_the_price_it_told(
    where: str, stack: str, environment: str, quota: str, check: CheckProgram
) -> None:
    shares = (', by_pool={"l4": 1, "t4": 2}', ', "borrow": 1, "by_pool": {"l4": 1}') if quota == "kueue" else ("", "")
    program = PROGRAM.format(where=where, environment=environment, quota=quota, shares=shares)
    checked = check(program, stack=stack)
    assert [message(one) for one in objections(checked)] == []
    assert not checked.unmapped
    assert not checked.estimate.unpriced
    told = json.loads((checked.path / "cost.json").read_text(encoding="utf-8"))
    for period in ("hourly", "daily", "monthly"):
        bounds = getattr(checked.estimate.total, period).bounds
        assert [told[period][word] for word in ("low", "expected", "high")] == [cents(bound) for bound in bounds]
    fees = [line for line in checked.estimate.lines if "control_plane" in line.item]
    assert [cents(line.cost.monthly.expected) for line in fees if line.cost] == [73.0]


def cents(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def test_what_a_cluster_promises_is_in_its_inputs() -> None:
    made = {key: child.inputs for key, child in by_key(cluster()).items()}
    network = made["cluster"]["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
    assert made["cluster"]["upgradePolicy"] == {"supportType": "STANDARD"}
    assert made["logs"]["name"] == "/aws/eks/research/cluster"
    assert made["logs"]["retentionInDays"] == 30
    assert json.loads(made["node-role"]["assumeRolePolicy"])["Statement"][0]["Principal"] == {
        "Service": "ec2.amazonaws.com"
    }
    granted = {child["policyArn"].rsplit("/", 1)[-1] for child in made.values() if "policyArn" in child}
    assert granted == {"AmazonEKSClusterPolicy", *NODE_POLICIES.values()}
    on_google = {key: child.inputs for key, child in by_key(cluster("gke", usage_dataset="usage")).items()}
    assert on_google["cluster"]["costManagementConfig"] == {"enabled": True}
    assert on_google["cluster"]["resourceUsageExportConfig"]["bigqueryDestination"] == {"datasetId": "usage"}
    assert on_google["cluster"]["privateClusterConfig"] == {"enablePrivateNodes": True, "enablePrivateEndpoint": True}
    assert on_google["node-logs-and-metrics"]["role"] == "roles/container.defaultNodeServiceAccount"
    for pool in ("system-nodes", "l4-spot"):
        assert on_google[pool]["nodeConfig"]["serviceAccount"].child == "node-account"


def test_the_autoscaler_may_change_the_pools_of_its_own_cluster_only() -> None:
    made = {key: child.inputs for key, child in by_key(cluster(cluster_name="mine")).items()}
    assumed = json.loads(made["autoscaler-role"]["assumeRolePolicy"])["Statement"][0]
    assert assumed["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    reads, writes = json.loads(made["autoscaler-policy"]["policy"])["Statement"]
    assert all(re.search(r":(Describe|Get)", action) for action in reads["Action"])
    assert writes["Condition"] == {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/mine": "owned"}}
    identity = made["autoscaler-identity"]
    assert (identity["namespace"], identity["serviceAccount"]) == ("kube-system", "cluster-autoscaler")


def test_a_control_plane_is_reached_from_named_networks_only() -> None:
    args = {"public_access_cidrs": ["203.0.113.0/24"], "kms_key": "key"}
    made = by_key(cluster(**args))["cluster"].inputs
    assert made["vpcConfig"]["endpointPublicAccess"] is True
    assert made["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert made["encryptionConfig"] == {"provider": {"keyArn": "key"}, "resources": ["secrets"]}
    made = by_key(cluster("gke", **args))["cluster"].inputs
    assert made["masterAuthorizedNetworksConfig"] == {"cidrBlocks": [{"cidrBlock": "203.0.113.0/24"}]}
    assert made["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": "key"}


def test_a_cluster_in_production_is_larger_and_not_deleted_by_accident() -> None:
    for platform in ("eks", "gke"):
        made = by_key(cluster(platform, tags={"environment": "prod"}))
        assert made["cluster"].inputs["deletionProtection"] is True
        assert "l4-on-demand" in made
    sizes = by_key(cluster(tags={"environment": "prod"}))["system-nodes"].inputs["scalingConfig"]
    assert sizes == {"minSize": 2, "desiredSize": 2, "maxSize": 3}


def test_each_team_has_a_namespace_and_what_it_may_use() -> None:
    teams = {"nlp": TeamQuota(4), "vision": TeamQuota(0, cpu=8, memory_gib=32.5)}
    made = {key: child.inputs for key, child in by_key(cluster(teams=teams)).items()}
    assert made["team-nlp-namespace"]["metadata"]["labels"]["team"] == "nlp"
    assert made["team-vision-namespace"]["metadata"]["labels"]["team"] == "vision"
    assert made["team-vision-namespace"]["metadata"]["labels"]["cost-center"] == "cc-4711"
    assert made["team-nlp-quota"]["spec"]["hard"] == {"requests.nvidia.com/gpu": "4"}
    assert made["team-vision-quota"]["spec"]["hard"] == {
        "requests.nvidia.com/gpu": "0",
        "requests.cpu": "8",
        "requests.memory": "32.5Gi",
    }


def test_with_kueue_a_team_has_its_own_and_borrows_what_is_idle() -> None:
    pools = {"l4": ClusterPool("L4", Nodes(4)), "trn": ClusterPool("Inferentia2", Nodes(2))}
    teams = {
        "nlp": TeamQuota(3, by_pool={"l4": 3}, borrow=2),
        "vision": TeamQuota(2, by_pool={"l4": 1, "trn": 1}),
    }
    made = {key: child.inputs for key, child in by_key(cluster(pools=pools, teams=teams, quota="kueue")).items()}
    group = made["team-nlp-queue"]["spec"]["resourceGroups"][0]
    assert group["coveredResources"] == ["cpu", "memory", "nvidia.com/gpu", "aws.amazon.com/neuron"]
    quotas = {
        flavor["name"]: {one["name"]: (one["nominalQuota"], one.get("borrowingLimit")) for one in flavor["resources"]}
        for flavor in group["flavors"]
    }
    assert quotas["l4"]["nvidia.com/gpu"] == ("3", "1")
    assert quotas["l4"]["aws.amazon.com/neuron"] == ("0", "0")
    assert quotas["trn"]["aws.amazon.com/neuron"] == ("0", "2")
    assert made["team-nlp-quota"]["spec"]["hard"]["requests.nvidia.com/gpu"] == "6"
    assert made["l4-flavor"]["spec"]["nodeLabels"] == {"spendgate.dev/pool": "l4"}
    assert made["l4-spot"]["labels"]["spendgate.dev/pool"] == "l4"
    assert made["team-nlp-local-queue"]["metadata"]["namespace"] == "nlp"
    assert made["team-nlp-local-queue"]["spec"] == {"clusterQueue": "nlp"}
    assert {one["spec"]["cohortName"] for key, one in made.items() if key.endswith("n-queue")} == {"research"}


def test_what_lies_in_the_cluster_is_of_the_kubernetes_api() -> None:
    teams = {"nlp": TeamQuota(4, cpu=8, memory_gib=32)}
    made = by_key(cluster(teams=teams))
    for key, kind in (("team-nlp-namespace", "Namespace"), ("team-nlp-quota", "ResourceQuota")):
        manifest = {"apiVersion": "v1", "kind": kind, **made[key].inputs}
        kubernetes_validate.validate(manifest, "1.34", strict=True)


@pytest.mark.parametrize("platform", ["eks", "gke"])
def test_every_input_has_the_name_that_the_sdk_gives_it(platform: str) -> None:
    own = {"usage_dataset": "usage", "network": "n", "subnetwork": "s"} if platform == "gke" else {}
    args = cluster(
        platform,
        teams={"nlp": TeamQuota(1, cpu=3)},
        kms_key="k",
        public_access_cidrs=["10.0.0.0/8"],
        version="1.33",
        **own,
    )
    made = by_key(args)
    assert {key: wrong for key, child in made.items() if (wrong := misspelt(child))} == {}
    inputs = {**made["l4-spot"].inputs, "tagss": {}, "autoscaling": {"max": 1}, "scalingConfig": {"max": 1}}
    top, nested = ("tagss", "autoscaling.max") if platform == "gke" else ("tagss", "scalingConfig.max")
    assert {f"l4-spot.{top}", f"l4-spot.{nested}"} <= set(misspelt(replace(made["l4-spot"], inputs=inputs)))


KUEUE_FIELDS: Mapping[str, Any] = {
    # kubernetes-sigs/kueue, apis/kueue/v1beta2/clusterqueue_types.go (6c101837), localqueue_types.go (dfe97723),
    # resourceflavor_types.go (38aefec9): the fields that are written of each kind's spec.
    "ClusterQueue": {
        "cohortName", "namespaceSelector.matchLabels.kubernetes.io/metadata.name", "preemption.reclaimWithinCohort",
        "preemption.withinClusterQueue", "resourceGroups.coveredResources", "resourceGroups.flavors.name",
        "resourceGroups.flavors.resources.name", "resourceGroups.flavors.resources.nominalQuota",
        "resourceGroups.flavors.resources.borrowingLimit",
    },
    "LocalQueue": {"clusterQueue"},
    "ResourceFlavor": {
        "nodeLabels.spendgate.dev/pool", "tolerations.key", "tolerations.operator", "tolerations.effect",
    },
}  # fmt: skip


def test_what_kueue_is_told_has_the_names_of_its_api() -> None:
    made = by_key(cluster(teams={"nlp": TeamQuota(4)}, quota="kueue"))
    kinds = {child.inputs["kind"]: child.inputs for child in made.values() if child.make.__name__ == "CustomResource"}
    assert set(kinds) == set(KUEUE_FIELDS)
    for kind, inputs in kinds.items():
        assert inputs["apiVersion"] == "kueue.x-k8s.io/v1beta2"
        assert set(leaves(inputs["spec"])) <= KUEUE_FIELDS[kind]


def leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [leaf for item in value for leaf in leaves(item, path)]
    return [path]


@pytest.mark.parametrize(
    ("platform", "change", "told"),
    [
        ("eks", {"kind": "aks"}, "Write one of eks, gke."),
        ("eks", {"pools": {}}, "pools is empty\nWrite pools="),
        ("eks", {"pools": {"L4": ClusterPool("L4", Nodes(1))}}, 'pools has the name "L4"\nWrite lower-case letters'),
        ("eks", {"pools": {"system": ClusterPool("L4", Nodes(1))}}, "system is the pool that is there"),
        ("eks", {"pools": {"l4": ClusterPool("L44", Nodes(1))}}, 'pools.l4: no accelerator "L44" in the catalogue'),
        ("eks", {"pools": {"l4": ClusterPool("L4", Nodes(0))}}, "pools.l4: nodes.max is 0"),
        ("eks", {"pools": {"l4": ClusterPool("L4", Nodes(1), zone="us-west-2a")}}, "pools.l4: zone is for gke"),
        ("eks", {"subnet_ids": None}, "subnet_ids is missing for eks\nWrite at least two subnets, in two zones"),
        ("eks", {"subnet_ids": ["one"]}, "subnet_ids has 1\nWrite at least two subnets"),
        ("eks", {"location": "us-central1"}, "location is for gke, not for eks\nWrite region, subnet_ids"),
        ("eks", {"usage_dataset": "x"}, "usage_dataset is for gke, not for eks"),
        ("gke", {"log_retention_days": 30}, "log_retention_days is for eks, not for gke"),
        ("gke", {"location": "us-central1"}, 'Write zone="us-central1-a"'),
        ("gke", {"project": None}, "project is not known\nWrite project=…, or set gcp:project"),
        ("eks", {"cluster_name": "Research"}, 'the cluster is called "Research"\nWrite cluster_name=…'),
        ("eks", {"cluster_name": "r" * 25}, "lower-case letters, digits and hyphens, 2 to 24"),
        ("eks", {"version": "1.33.2"}, 'version is "1.33.2"\nWrite a minor version, such as 1.33.'),
        ("eks", {"log_retention_days": 45}, "Write one of 1, 3, 5, 7, 14, 30, 60, 90: CloudWatch takes no other."),
        ("eks", {"log_retention_days": 365}, "Write a whole number of days from 1 to 90."),
        ("eks", {"public_access_cidrs": ["0.0.0.0/0"]}, "a large part of the internet"),
        ("eks", {"public_access_cidrs": ["office"]}, "Write networks such as 203.0.113.0/24."),
        ("eks", {"system_instance_type": "m6i.lrage"}, 'system_instance_type is "m6i.lrage", which is not known'),
        ("eks", {"system_instance_type": "g6.xlarge"}, "Write an x86 type without accelerators"),
        ("eks", {"system_nodes": Nodes(2, min=0)}, "Write a whole number of nodes from 1 to 2."),
        ("eks", {"quota": "kueue"}, "there are no teams"),
        ("eks", {"quota": "kuue", "teams": {"nlp": TeamQuota(1)}}, 'did you mean "kueue"?'),
        ("eks", {"teams": {"NLP": TeamQuota(1)}}, 'teams has the name "NLP"'),
        ("eks", {"teams": {"default": TeamQuota(1)}}, "it names a namespace"),
        ("eks", {"teams": {"nlp": TeamQuota(5)}}, "Write a whole number of accelerators from 0 to 4."),
        ("eks", {"teams": {"nlp": TeamQuota(1, cpu=0)}}, "teams.nlp.cpu is 0"),
        ("eks", {"teams": {"nlp": TeamQuota(1, borrow=1)}}, 'teams.nlp.borrow is for kueue\nWrite quota="kueue"'),
        ("eks", {"teams": {"a1": TeamQuota(3), "b1": TeamQuota(3)}, "quota": "kueue"}, "it has 4\nShare out at most 4"),
        ("eks", {"max_monthly_cost": 500}, "a month costs up to $"),
        ("eks", {"raw": {"l4-spot": {"scaling_config": {"max_size": 40}}}}, "l4-spot.scalingConfig is changed"),
        ("eks", {"raw": {"cluster": {"vpc_config": {"endpoint_public_access": True}}}}, "endpointPublicAccess is changed"),
        ("eks", {"raw": {"logs": {"retention_in_days": 0}}}, "logs.retentionInDays is changed"),
        ("eks", {"raw": {"node-policy": {"policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}}}, "policyArn is changed"),
        ("gke", {"raw": {"cluster": {"private_cluster_config": {"enable_private_endpoint": False}}}}, "is changed"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    platform: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(cluster(platform, **change))


def test_kueue_holds_quotas_by_pool() -> None:
    pools = {"l4": ClusterPool("L4", Nodes(4)), "t4": ClusterPool("T4", Nodes(4))}
    for quota, told in (
        (TeamQuota(3), 'Write by_pool={"l4": …, "t4": …}, which adds up to 3'),
        (TeamQuota(3, by_pool={"l4": 1}), "teams.nlp.by_pool adds up to 1, accelerators is 3"),
        (TeamQuota(3, by_pool={"l44": 3}), 'did you mean "l4"?'),
        (TeamQuota(5, by_pool={"l4": 5}), "Write a whole number of accelerators from 0 to 4."),
    ):
        with pytest.raises(ArgumentError, match=re.escape(told)):
            judge(cluster(pools=pools, teams={"nlp": quota}, quota="kueue"))


def test_a_refused_cluster_registers_nothing(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    pools = 'pools={"l4": ClusterPool("L4", Nodes(4))}, max_monthly_cost=100'
    caught = f"try:\n    GpuCluster('research', tags=tags, {EKS}, {pools})\nexcept ArgumentError as error:\n    print(error)\n"
    (tmp_path / "__main__.py").write_text(TAGS + caught, encoding="utf-8")
    assert [one.type for one in run_program(tmp_path).resources if one.type != "pulumi:pulumi:Stack"] == []


def test_an_approval_lifts_the_limit_and_is_told_to_the_cloud() -> None:
    children, _, _ = judge(cluster(max_monthly_cost=100, approval="FIN-42", teams={"nlp": TeamQuota(1)}))
    made = {child.key: child.inputs for child in children}
    assert made["cluster"]["tags"]["approval"] == made["l4-spot"]["tags"]["approval"] == "FIN-42"
    assert made["team-nlp-namespace"]["metadata"]["labels"]["approval"] == "FIN-42"


def test_tags_survive_inputs_and_transforms_of_ones_own() -> None:
    def strip(key: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "tags": {"mine": "1"}} if key in ("cluster", "l4-template", "logs") else inputs

    raw = {"system-nodes": {"tags": {"team": "other"}, "force_update_version": True}}
    children, _, _ = judge(cluster(raw=raw), transforms=(strip,))
    made = {child.key: child.inputs for child in children}
    own = WorkloadTags(**WHO).values
    for key in ("cluster", "l4-template", "logs"):
        assert made[key]["tags"] == {"mine": "1", **own}
    assert made["system-nodes"]["tags"] == own
    assert made["system-nodes"]["forceUpdateVersion"] is True


OF_EKS = """\
aws:cloudwatch/logGroup:LogGroup::research-logs
aws:ec2/launchTemplate:LaunchTemplate::research-l4-template
aws:ec2/launchTemplate:LaunchTemplate::research-system-template
aws:eks/addon:Addon::research-identity-agent
aws:eks/cluster:Cluster::research-cluster
aws:eks/nodeGroup:NodeGroup::research-l4-on-demand
aws:eks/nodeGroup:NodeGroup::research-l4-spot
aws:eks/nodeGroup:NodeGroup::research-system-nodes
aws:eks/podIdentityAssociation:PodIdentityAssociation::research-autoscaler-identity
aws:iam/role:Role::research-autoscaler-role
aws:iam/role:Role::research-cluster-role
aws:iam/role:Role::research-node-role
aws:iam/rolePolicy:RolePolicy::research-autoscaler-policy
aws:iam/rolePolicyAttachment:RolePolicyAttachment::research-cluster-policy
aws:iam/rolePolicyAttachment:RolePolicyAttachment::research-node-network
aws:iam/rolePolicyAttachment:RolePolicyAttachment::research-node-policy
aws:iam/rolePolicyAttachment:RolePolicyAttachment::research-node-registry
kubernetes:core/v1:Namespace::research-team-nlp-namespace
kubernetes:core/v1:ResourceQuota::research-team-nlp-quota
kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue::research-team-nlp-queue
kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue::research-team-nlp-local-queue
kubernetes:kueue.x-k8s.io/v1beta2:ResourceFlavor::research-l4-flavor
pulumi:providers:kubernetes::research-kubernetes
"""
OF_GKE = """\
gcp:container/cluster:Cluster::research-cluster
gcp:container/nodePool:NodePool::research-l4-on-demand
gcp:container/nodePool:NodePool::research-l4-spot
gcp:container/nodePool:NodePool::research-system-nodes
gcp:projects/iAMMember:IAMMember::research-node-logs-and-metrics
gcp:projects/iAMMember:IAMMember::research-node-registry
gcp:serviceaccount/account:Account::research-node-account
kubernetes:core/v1:Namespace::research-team-nlp-namespace
kubernetes:core/v1:ResourceQuota::research-team-nlp-quota
pulumi:providers:kubernetes::research-kubernetes
"""


@pytest.mark.parametrize(
    ("where", "more", "expected"),
    [(EKS, ', quota="kueue"', OF_EKS), (GKE, "", OF_GKE)],
    ids=["eks", "gke"],
)
def test_a_new_version_of_the_component_renames_nothing(where: str, more: str, expected: str, program: Path) -> None:
    """Urns are what Pulumi knows a resource by: a change here replaces clusters, and needs aliases in the component."""
    pools = 'pools={"l4": ClusterPool("L4", Nodes(4), on_demand_nodes=1)}, teams={"nlp": TeamQuota(2)}'
    write(program, f'GpuCluster("research", tags=tags, {where}, {pools}{more})')
    urns = [one.address for one in run_program(program).resources if one.name.startswith("research-")]
    head = "urn:pulumi:dev::platform::spendgate:index:GpuCluster$"
    assert sorted(urn.removeprefix(head) for urn in urns) == expected.splitlines()


def test_options_of_the_cluster_hold_for_its_children(program: Path) -> None:
    write(
        program,
        "import pulumi_aws as aws, pulumi_kubernetes as k8s\n"
        'own = [aws.Provider("own", region="us-west-2"), k8s.Provider("inside", kubeconfig="{}")]\n'
        'options = pulumi.ResourceOptions(protect=True, providers=own, aliases=[pulumi.Alias(name="old")])\n'
        'pools = {"l4": ClusterPool("L4", Nodes(4))}\n'
        f'GpuCluster("research", tags=tags, {EKS}, pools=pools, teams={{"nlp": TeamQuota(2)}}, opts=options)\n',
    )
    children = {one.name: one for one in run_program(program).resources if one.name.startswith("research-")}
    assert "research-kubernetes" not in children
    assert len(children) == 18
    for name, child in children.items():
        assert child.options.protect, name
        assert child.provider is not None
        assert child.provider.address.endswith("::inside" if "team-" in name else "::own")


def test_aliases_of_the_cluster_reach_the_engine_which_renames_children_by_them(program: Path) -> None:
    write(
        program,
        'options = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")])\n'
        f'GpuCluster("research", tags=tags, {EKS}, pools={{"l4": ClusterPool("L4", Nodes(4))}}, opts=options)\n',
    )
    made = {one.name: one for one in run_program(program).resources}
    assert made["research"].options.aliases == ("urn:pulumi:dev::platform::spendgate:index:GpuCluster::old",)
    # What the engine derives from it for a child holds for names that begin with the component's.
    children = [one for one in made.values() if "spendgate:index:GpuCluster$" in one.address]
    assert len(children) == 16
    assert all(one.name.startswith("research-") for one in children)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    return tmp_path


def write(program: Path, text: str) -> None:
    (program / "__main__.py").write_text(TAGS + text, encoding="utf-8")


def test_pools_teams_and_a_misspelt_word_are_read_from_mappings(check: CheckProgram) -> None:
    with pytest.raises(InputError, match=r'no argument "pools\.l4\.node"\ndid you mean "nodes"\?'):
        check(f'GpuCluster("r1", tags=tags, {EKS}, pools={{"l4": {{"accelerator": "L4", "node": (0, 1)}}}})')
    with pytest.raises(InputError, match=r"pools\.l4 says nothing\nWrite ClusterPool\(…\), or leave it out"):
        check(f'GpuCluster("r1", tags=tags, {EKS}, pools={{"l4": None}})')
    assert ClusterPool("L4", (0, 1, 4)).nodes == Nodes(4, min=0, expected=1)  # type: ignore[arg-type]
    pools = 'pools={"l4": ClusterPool("L4", (0, 1))}'
    with pytest.raises(InputError, match=r"teams\.nlp\.accelerators is missing"):
        check(f'GpuCluster("r1", tags=tags, {EKS}, {pools}, teams={{"nlp": {{"cpu": 1}}}})')


def test_the_example_of_the_documentation_costs_what_it_says(check: CheckProgram) -> None:
    section = (ROOT / "components" / "README.md").read_text(encoding="utf-8").split("## GpuCluster\n")[1]
    example = section.split("```python\n")[1].split("```")[0]
    total = check(example).estimate.total.monthly
    assert f"${total.expected:,.0f} expected, at most ${total.high:,.0f}" in example


AFTER_APPLY = """
import json, pulumi
class Cloud(pulumi.runtime.Mocks):
    def new_resource(self, args):
        more = {"endpoint": "https://1.eks", "certificateAuthority": {"data": "Q0E="}}
        if args.typ.startswith("gcp"):
            more = {"endpoint": "10.0.0.2", "masterAuth": {"clusterCaCertificate": "Q0E="}, "email": "n@ml"}
        given = {**args.inputs, **more} if args.typ.endswith("Cluster") else args.inputs
        if args.typ == "pulumi:providers:kubernetes":
            print(args.inputs["kubeconfig"])
        return [args.name + "-id", given]
    def call(self, args):
        return {}
pulumi.runtime.set_mocks(Cloud(), preview=False)
"""


@pytest.mark.parametrize(("where", "server"), [(EKS, "https://1.eks"), (GKE, "https://10.0.0.2")], ids=["eks", "gke"])
def test_what_lies_in_the_cluster_is_reached_without_credentials_of_its_own(where: str, server: str) -> None:
    made = 'pools={"l4": ClusterPool("L4", Nodes(1))}, teams={"nlp": TeamQuota(1)}'
    program = (
        AFTER_APPLY
        + TAGS
        + f"""
@pulumi.runtime.test
def run():
    made = GpuCluster("research", tags=tags, {where}, {made})
    return pulumi.Output.all(made.kubeconfig, made.children["team-nlp-quota"].urn)
run()
"""
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    config = json.loads(done.stdout)
    cluster = config["clusters"][0]["cluster"]
    assert cluster == {"server": server, "certificate-authority-data": "Q0E="}
    user = config["users"][0]["user"]
    assert set(user) == {"exec"}
    assert user["exec"]["command"] in ("aws", "gke-gcloud-auth-plugin")


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of a cluster, as plain values."""
    platform = draw(st.sampled_from(["eks", "gke"]))
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=3, unique=True))
    pools: dict[str, Any] = {}
    for name in names:
        most = draw(st.integers(1, 12))
        least = draw(st.integers(0, most))
        spot = draw(st.sampled_from([None, True, False]))
        pools[name] = {
            "accelerator": draw(st.sampled_from(["L4", "T4"])),
            "nodes": {"min": least, "expected": draw(st.integers(least, most)), "max": most},
            "spot": spot,
            "on_demand_nodes": draw(st.integers(0, most)) if spot else None,
            "disk_gib": draw(st.integers(20, 500)),
        }
    extra = draw(st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=4))  # fmt: skip
    kueue = draw(st.booleans())
    teams = {}
    for team in draw(st.lists(st.from_regex(r"[a-z]{2,6}", fullmatch=True), max_size=3, unique=True)):
        share = {pool: asked["nodes"]["max"] // 3 for pool, asked in pools.items()}
        quota: dict[str, Any] = {"accelerators": sum(share.values())}
        teams[team] = {**quota, "by_pool": share, "borrow": draw(st.integers(0, 1))} if kueue else quota
    where = {
        "eks": {"region": draw(st.sampled_from(["us-east-1", "us-west-2"])), "subnet_ids": ["s-1", "s-2"]},
        "gke": {"location": draw(st.sampled_from(["us-central1-a", "us-east4-c"])), "project": "ml"},
    }
    environment = draw(st.sampled_from(["dev", "prod"]))
    return {
        "tags": {**WHO, "environment": environment, "review_by": "2027-01-31", "extra": extra},
        "platform": platform,
        "pools": pools,
        "teams": teams or None,
        "quota": "kueue" if kueue and teams else None,
        "log_retention_days": draw(st.sampled_from(LOG_DAYS)) if platform == "eks" else None,
        **where[platform],
    }


def read(arguments: dict[str, Any]) -> GpuClusterArgs:
    from spendgate_components.arguments import read as read_arguments

    return read_arguments(GpuClusterArgs, None, arguments)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=clusters(), limit=st.none() | st.integers(0, 60_000))
def test_every_tag_arrives_the_maximum_holds_and_so_does_the_limit(
    arguments: dict[str, Any], limit: int | None
) -> None:
    catalogue = Catalogue.builtin()
    args = read(arguments)
    try:
        planned = plan("research", args, catalogue)
        children, estimate, _ = judged(planned, Limits(max_monthly_cost=limit), catalogue, None, (), "research")
    except ArgumentError as error:
        if "costs up to" in str(error):
            return
        raise
    if limit is not None:
        assert estimate.total.monthly.high <= limit
    keys = [child.key for child in children]
    assert len(keys) == len(set(keys))
    own = {key: value for key, value in args.tags.values.items() if key != "team"}
    counted: dict[str, int] = {}
    for workload in facts_of(declared(children, "research", "project", "stack"), catalogue):
        facts = workload.facts
        if facts.taggable:
            assert set(own) <= set(facts.tags), workload.resource.type
        if str(facts.kind) == "node_pool":
            assert set(facts.unknowns) <= {"role"}, facts.unknowns
            pool = workload.resource.name.split("-")[1]
            counted[pool] = counted.get(pool, 0) + int(facts.count.max if facts.count and facts.count.max else 0)
    assert counted.pop("system") >= 2
    assert counted == {name: asked["nodes"]["max"] for name, asked in arguments["pools"].items()}


SEVERAL = """
import json, pathlib
from spendgate_components import GpuCluster
costs = {}
for index, arguments in enumerate(json.loads(pathlib.Path("clusters.json").read_text())):
    made = GpuCluster(f"c{index:02}", **arguments)
    made.estimated_cost.apply(lambda cost, index=index: costs.__setitem__(f"c{index:02}", cost))
    made.estimated_cost.apply(lambda _: pathlib.Path("costs.json").write_text(json.dumps(costs)))
"""


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.lists(clusters(), min_size=3, max_size=5))
def test_the_estimate_of_a_cluster_is_that_of_check_to_the_cent(drawn: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "Pulumi.yaml").write_text("name: clusters\nruntime: python\n", encoding="utf-8")
        (root / "spendgate.yaml").write_text(
            "apiVersion: spendgate.dev/v1\nkind: Config\npacks: [gpu-baseline]\n", encoding="utf-8"
        )
        (root / "clusters.json").write_text(json.dumps(drawn), encoding="utf-8")
        (root / "__main__.py").write_text(SEVERAL, encoding="utf-8")
        checked = check_directory(root)
        costs = json.loads((root / "costs.json").read_text(encoding="utf-8"))
    assert len(costs) == len(drawn)
    for name, told in costs.items():
        lines = tuple(line for line in checked.estimate.lines if f"::{name}-" in line.resource)
        total = type(checked.estimate)(lines).total
        for period in ("hourly", "daily", "monthly"):
            expected = [cents(bound) for bound in getattr(total, period).bounds]
            assert [told[period][bound] for bound in ("low", "expected", "high")] == expected, (name, period)
