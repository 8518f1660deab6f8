"""What a ``GpuCluster`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate_components.pools.model import Nodes
from spendgate_components.tags import WorkloadTags

QUOTAS: Final = ("resource-quota", "kueue")


@dataclass(frozen=True)
class ClusterPool:
    """A pool of nodes with accelerators, by need; as the arguments of a GpuNodePool."""

    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB, H100."""
    nodes: Nodes
    """How many nodes there are."""
    per_node: int | None = None
    """Accelerators on one node, 1 to 16. Default: 1."""
    spot: bool | None = None
    """Whether nodes are spot capacity. Default: outside production."""
    on_demand_nodes: int | None = None
    """With spot, how many nodes are never spot, 0 to the most that there may be. Default: 0."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    min_vcpu: float | None = None
    """vCPUs that a node has at least, above 0."""
    min_memory_gib: float | None = None
    """Memory that a node has at least, in GiB, above 0."""
    disk_gib: int | None = None
    """The encrypted disk of a node, 20 to 16384 GiB. Default: 100."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """EKS: the subnets of the nodes; of one zone where nodes train together. Default: those of the cluster."""
    zone: str | None = None
    """GKE: the zone of the nodes. Default: that of the cluster."""
    labels: dict[str, str] | None = None
    """More labels of the nodes."""
    taint: bool | None = None
    """Whether only pods that tolerate the accelerator's taint run here. Default: true."""
    install_driver: bool | None = None
    """GKE: whether Google installs the GPU's driver. Default: true."""

    def __post_init__(self) -> None:
        given: Any = self.nodes
        if isinstance(given, (tuple, list)):
            object.__setattr__(self, "nodes", Nodes.from_sequence(given))


@dataclass(frozen=True)
class TeamQuota:
    """What one team may use of the cluster at the same time, in a namespace of its own."""

    accelerators: int
    """Accelerators, 0 to as many as the pools have at their largest."""
    by_pool: dict[str, int] | None = None
    """Kueue with several pools: how many of them are of which pool; together they are the accelerators."""
    borrow: int | None = None
    """Kueue: accelerators of each pool that it may use beyond its own while other teams leave them idle, 0 to as many
    as there are. Default: 0."""
    cpu: float | None = None
    """vCPUs that its pods may ask for, above 0. Default: no limit."""
    memory_gib: float | None = None
    """GiB that its pods may ask for, above 0. Default: no limit."""


@dataclass(frozen=True)
class GpuClusterArgs:
    """Arguments of a GpuCluster."""

    tags: WorkloadTags
    """Who pays, for what."""
    platform: str
    """eks or gke."""
    pools: dict[str, ClusterPool]
    """The pools with accelerators by name: lower-case letters, digits and hyphens, up to 20."""
    cluster_name: str | None = None
    """The cluster's name in the cloud: lower-case letters, digits and hyphens, 2 to 24. Default: the component's."""
    version: str | None = None
    """The version of Kubernetes, such as 1.33. Default: the provider's; on GKE that of the release channel."""
    region: str | None = None
    """EKS: the region. Default: that of the stack's configuration."""
    location: str | None = None
    """GKE: a region or a zone. Default: that of the stack's configuration."""
    zone: str | None = None
    """GKE: the one zone of the nodes, where the location is a region."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """EKS: the subnets of the cluster, at least two, in two zones."""
    network: pulumi.Input[str] | None = None
    """GKE: the network. Default: that called default."""
    subnetwork: pulumi.Input[str] | None = None
    """GKE: the subnetwork. Default: that of the network in the region."""
    project: str | None = None
    """GKE: the project. Default: that of the stack's configuration."""
    system_instance_type: str | None = None
    """The machine of the system pool. Default: m6i.large, e2-standard-2."""
    system_nodes: Nodes | None = None
    """Nodes of the system pool, at least one. Default: 1 to 2; in production 2 to 3."""
    public_access_cidrs: list[str] | None = None
    """Networks that reach the control plane over the internet, such as 203.0.113.0/24. Default: none, it is private."""
    kms_key: pulumi.Input[str] | None = None
    """A key of yours for the secrets: its ARN, or its name on Google Cloud. Default: the provider's own key."""
    log_retention_days: int | None = None
    """EKS: days that the control plane's audit log is kept: 1, 3, 5, 7, 14, 30, 60 or 90. Default: 30."""
    usage_dataset: pulumi.Input[str] | None = None
    """GKE: a dataset of BigQuery for what each namespace uses. Default: none; the cost allocation is on either way."""
    teams: dict[str, TeamQuota] | None = None
    """Quotas by team; each gets a namespace of that name: lower-case letters, digits and hyphens, up to 40."""
    quota: str | None = None
    """How quotas are held: resource-quota (default), or kueue, which queues what is beyond them."""
    max_monthly_cost: float | None = None
    """US dollars, from 0. A cluster that may cost more, with all pools at their largest for 730 hours, is refused
    without an approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and limits stay."""


@dataclass(frozen=True)
class System:
    """The pool without accelerators, which runs what the cluster itself needs."""

    machine: str
    min: int
    expected: int
    max: int


@dataclass(frozen=True)
class Whole:
    """What a cluster is, with every default filled in: what each platform makes its children from."""

    name: str
    args: GpuClusterArgs
    cluster_name: str
    place: str
    region: str
    tags: dict[str, str]
    system: System
    public: tuple[str, ...]
    log_days: int
    project: str | None = None
