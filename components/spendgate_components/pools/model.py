"""What a ``GpuNodePool`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from spendgate_components.choice import Choice
from spendgate_components.errors import ArgumentError
from spendgate_components.tags import WorkloadTags


@dataclass(frozen=True)
class Nodes:
    """How many nodes there are. In Python a pair (min, max) or a triple (min, expected, max) will do."""

    max: int
    """The most that there may be, 1 to 1000."""
    min: int | None = None
    """The fewest, 0 to the most; 0 (default) lets the pool empty itself."""
    expected: int | None = None
    """How many there are on average, the fewest to the most: what it starts with and what the expected cost counts.
    Default: the fewest."""

    @classmethod
    def from_sequence(cls, value: Sequence[Any]) -> "Nodes":
        """Nodes from (min, max) or (min, expected, max). Raises ArgumentError."""
        if len(value) == 2:
            return cls(min=value[0], max=value[1])
        if len(value) == 3:
            return cls(min=value[0], expected=value[1], max=value[2])
        raise ArgumentError(f"nodes has {len(value)} values", remedy="Write (min, max) or (min, expected, max).")


@dataclass(frozen=True)
class GpuNodePoolArgs:
    """Arguments of a GpuNodePool."""

    tags: WorkloadTags
    """Who pays, for what."""
    platform: str
    """eks (a managed node group), gke (a node pool), aks (an agent pool) or karpenter (a NodePool with its
    EC2NodeClass)."""
    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB, H100, Inferentia2."""
    nodes: Nodes
    """How many nodes there are."""
    cluster: pulumi.Input[str]
    """The name of the cluster."""
    per_node: int | None = None
    """Accelerators on one node, 1 to 16. Default: 1."""
    spot: bool | None = None
    """Whether nodes are spot capacity. Default: outside production."""
    on_demand_nodes: int | None = None
    """With spot, how many nodes are never spot, 0 to the most that there may be. Default: 0."""
    region: str | None = None
    """EKS, Karpenter: the cluster's region. Default: that of the stack's configuration."""
    location: str | None = None
    """GKE: the cluster's location, a region or a zone. AKS: its location, such as eastus. Default: that of the stack's
    configuration."""
    zone: str | None = None
    """GKE: the one zone of the nodes, where the cluster's location is a region. AKS: the zone, 1, 2 or 3; default: AKS
    chooses."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    min_vcpu: float | None = None
    """vCPUs that a node has at least, above 0."""
    min_memory_gib: float | None = None
    """Memory that a node has at least, in GiB, above 0."""
    disk_gib: int | None = None
    """The encrypted disk of a node, 20 to 16384 GiB; on AKS 30 to 2048 GiB. Default: 100."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """EKS: the subnets of the nodes; of one zone where nodes train together. AKS: one, or that of the cluster."""
    node_role_arn: pulumi.Input[str] | None = None
    """EKS: the role of the nodes."""
    node_role_name: pulumi.Input[str] | None = None
    """Karpenter: the role of the nodes."""
    service_account: pulumi.Input[str] | None = None
    """GKE: the e-mail address of the nodes' service account. Default: the project's default one."""
    resource_group: pulumi.Input[str] | None = None
    """AKS: the resource group of the cluster."""
    install_driver: bool | None = None
    """GKE, AKS: whether the provider installs the GPU's driver; false where you do. Default: true."""
    labels: dict[str, str] | None = None
    """More labels of the nodes."""
    taint: bool | None = None
    """Whether only pods that tolerate the accelerator's taint run here. Default: true."""
    max_monthly_cost: float | None = None
    """US dollars, from 0. A pool that may cost more, at its largest size for 730 hours, is refused without an
    approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and limits stay."""


@dataclass(frozen=True)
class Group:
    """Nodes that are bought alike: ``key`` is the child's."""

    key: str
    spot: bool
    min: int
    expected: int
    max: int


@dataclass(frozen=True)
class Need:
    """What a pool is, with every default filled in: what each platform makes its children from."""

    name: str
    args: GpuNodePoolArgs
    tags: dict[str, str]
    choice: Choice
    region: str
    groups: tuple[Group, ...]
    disk_gib: int
    labels: dict[str, str]
    taint: bool
    driver: bool = True
