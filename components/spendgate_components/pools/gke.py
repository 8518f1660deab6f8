"""Node pools of Google Kubernetes Engine, each in one zone."""

from __future__ import annotations

from typing import Any

import pulumi_gcp.container as container

from spendgate.prices.catalogue import Catalogue
from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError
from spendgate_components.pools.model import Group, Need
from spendgate_components.spelling import gcp_labels, kubernetes_labels


def children(need: Need, location: str) -> tuple[Child, ...]:
    """A node pool for each way of buying."""
    zone = _zone(need, location)
    return tuple(_pool(need, group, location, zone) for group in need.groups)


def _zone(need: Need, location: str) -> str:
    zone = need.args.zone
    if location != need.region:
        if zone not in (None, location):
            raise ArgumentError(f'zone is "{zone}", the cluster lies in {location}', remedy="Leave zone out.")
        return location
    if zone is None or not zone.startswith(f"{need.region}-"):
        remedy = f'Write zone="{need.region}-a", or another zone of the region: traffic between zones is billed.'
        raise ArgumentError(f"zone is {zone!r} for a cluster in {need.region}", remedy=remedy)
    return zone


def _pool(need: Need, group: Group, location: str, zone: str) -> Child:
    resource_labels = gcp_labels(need.tags)
    labels = kubernetes_labels({**need.tags, **need.labels})
    device = {
        "type": _device(need),
        "count": int(need.choice.accelerator.count),
        "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT" if need.driver else "INSTALLATION_DISABLED"},
    }
    node: dict[str, Any] = {
        "machineType": need.choice.machine.name,
        "spot": group.spot,
        "guestAccelerators": [device],
        "diskSizeGb": need.disk_gib,
        "diskType": "pd-balanced",
        "labels": labels,
        "resourceLabels": resource_labels,
        "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "workloadMetadataConfig": {"mode": "GKE_METADATA"},
    }
    if need.args.service_account is not None:
        node["serviceAccount"] = need.args.service_account
    if need.taint:
        node["taints"] = [{"key": need.choice.resource, "value": "present", "effect": "NO_SCHEDULE"}]
    inputs: dict[str, Any] = {
        "cluster": need.args.cluster,
        "location": location,
        "nodeLocations": [zone],
        "initialNodeCount": group.expected,
        "autoscaling": {"totalMinNodeCount": group.min, "totalMaxNodeCount": group.max, "locationPolicy": "ANY"},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "nodeConfig": node,
    }
    keeps = (
        *((name,) for name in ("location", "nodeLocations", "initialNodeCount", "autoscaling", "nodeCount")),
        ("nodeConfig", "machineType"),
        ("nodeConfig", "spot"),
        ("nodeConfig", "guestAccelerators"),
    )
    return Child(
        group.key,
        container.NodePool,
        inputs,
        keeps,
        # It is for the start only; a change would replace the pool.
        ignore_changes=("initialNodeCount",),
        tagged_at={("nodeConfig", "resourceLabels"): resource_labels, ("nodeConfig", "labels"): labels},
    )


def _device(need: Need) -> str:
    if need.choice.attached is not None:
        return need.choice.attached
    if need.choice.machine.name.startswith("a3-megagpu"):
        return "nvidia-h100-mega-80gb"  # the same model as that of a3-highgpu, under another name
    found = Catalogue.builtin().attachable_item("gcp", need.choice.accelerator)
    if found is None:
        remedy = "Write another accelerator, such as L4 or A100-80GB."
        raise ArgumentError(f"GKE has no accelerator type for {need.choice.label}", remedy=remedy)
    return found
