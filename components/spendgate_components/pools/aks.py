"""Node pools of Azure Kubernetes Service. The SDK is an optional extra, and imported only where such a pool is made."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Final

import pulumi

from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError
from spendgate_components.pools.model import Group, Need
from spendgate_components.spelling import azure_tags, kubernetes_labels

REGION_LABEL: Final = "spendgate.dev/region"
"""An agent pool has no location of its own; this label of its nodes says it, to whom prices it as well."""

_SUFFIX: Final = {"spot": "sp", "on-demand": "od"}
_MOST_NAME: Final = 12
"""Characters of a Linux agent pool's name: lower-case letters and digits, a letter first (AKS, restrictions and
limitations of node pools)."""
_SPOT: Final = "kubernetes.azure.com/scalesetpriority"
"""Label and taint that AKS itself gives to spot nodes; declared, so that an update does not take them away."""


def children(need: Need) -> tuple[Child, ...]:
    """An agent pool for each way of buying."""
    make = agent_pool()
    return tuple(_pool(need, group, make) for group in need.groups)


def agent_pool() -> type[pulumi.CustomResource]:
    """The SDK's class. Raises ArgumentError where the extra is not installed."""
    try:
        # By the service's module, not the class's: the SDK loads services lazily, and would be left half loaded.
        found: type[pulumi.CustomResource] = import_module("pulumi_azure_native.containerservice").AgentPool
    except ImportError:
        remedy = 'Install it: pip install "spendgate[azure]".'
        raise ArgumentError('platform="aks" needs pulumi-azure-native, which is not installed', remedy=remedy) from None
    return found


def _name(need: Need, group: Group) -> str:
    suffix = _SUFFIX[group.key]
    name = re.sub(r"[^a-z0-9]", "", need.name.lower()) + suffix
    if len(name) <= _MOST_NAME and name[0].isalpha():
        return name
    remedy = f"Write a name of at most {_MOST_NAME - len(suffix)} letters and digits that starts with a letter."
    raise ArgumentError(f'the component is called "{need.name}", too long for a pool of AKS', remedy=remedy)


def _pool(need: Need, group: Group, make: type[pulumi.CustomResource]) -> Child:
    tags = azure_tags(need.tags)
    labels = kubernetes_labels({**need.tags, **need.labels})
    labels[REGION_LABEL] = need.region
    taints = [f"{need.choice.resource}=present:NoSchedule"] if need.taint else []
    if group.spot:
        labels[_SPOT] = "spot"
        taints.append(f"{_SPOT}=spot:NoSchedule")
    inputs: dict[str, Any] = {
        "agentPoolName": _name(need, group),
        "resourceGroupName": need.args.resource_group,
        "resourceName": need.args.cluster,
        # Only a user pool may be empty.
        "mode": "User",
        "type": "VirtualMachineScaleSets",
        "vmSize": need.choice.machine.name,
        "osType": "Linux",
        "osDiskSizeGB": need.disk_gib,
        "gpuProfile": {"driver": "Install" if need.driver else "None"},
        "enableAutoScaling": True,
        "minCount": group.min,
        "count": group.expected,
        "maxCount": group.max,
        # A node that is scaled away goes with its disk; a deallocated one would keep paying for it.
        "scaleDownMode": "Delete",
        "scaleSetPriority": "Spot" if group.spot else "Regular",
        "nodeLabels": labels,
        "nodeTaints": taints,
        "tags": tags,
    }
    if group.spot:
        # -1: up to the on-demand price, so that only capacity evicts a node.
        inputs |= {"scaleSetEvictionPolicy": "Delete", "spotMaxPrice": -1}
    else:
        # An upgrade takes a node out before it puts one in: no node beyond the largest size is paid for.
        inputs["upgradeSettings"] = {"maxSurge": "0", "maxUnavailable": "1"}
    if need.args.zone is not None:
        inputs["availabilityZones"] = [need.args.zone]
    if need.args.subnet_ids:
        inputs["vnetSubnetID"] = need.args.subnet_ids[0]
    kept = ("mode", "vmSize", "enableAutoScaling", "minCount", "count", "maxCount", "scaleDownMode")
    bought = ("scaleSetPriority", "scaleSetEvictionPolicy", "upgradeSettings")
    return Child(
        group.key,
        make,
        inputs,
        tuple((name,) for name in (*kept, *bought)),
        # An autoscaler changes it; the next update would set it back.
        ignore_changes=("count",),
        tagged_at={("tags",): tags, ("nodeLabels",): labels},
    )
