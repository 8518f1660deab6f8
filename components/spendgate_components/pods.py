"""Pods: which nodes they ask for, and what they take of them. Jobs, serving and notebooks share this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from spendgate_components.choice import Choice
from spendgate_components.errors import ArgumentError

SPOT_LABEL: Final[Mapping[str, tuple[str, str, str | None]]] = {
    "eks": ("eks.amazonaws.com/capacityType", "SPOT", "ON_DEMAND"),
    "karpenter": ("karpenter.sh/capacity-type", "spot", "on-demand"),
    "gke": ("cloud.google.com/gke-spot", "true", None),
    "aks": ("kubernetes.azure.com/scalesetpriority", "spot", None),
}
"""The label by which each platform's nodes say how they were bought, its value for spot and the other one."""

MOVING: Final = re.compile(r"^[^@]*:(latest|main|master|nightly|dev)$|^([^@]*/)?[^:/@]+$")
"""Images whose version moves; as in the guardrail ``image-pinned``."""

CLOUD: Final[Mapping[str, str]] = {"eks": "aws", "karpenter": "aws", "gke": "gcp", "aks": "azure"}
"""Whose machines the nodes of each platform are."""

CLUSTERS: Final = tuple(CLOUD)

NOTICE: Final[Mapping[str, int]] = {"eks": 120, "karpenter": 120, "gke": 30, "aks": 30}
"""Seconds from the notice that a spot node is taken back to its end (Amazon EC2, spot instance interruption notices;
Compute Engine, Spot VMs; Azure, Scheduled Events for Spot VMs)."""

SHARE_OF_NODE: Final = 0.8
"""What a pod takes of a node's CPU and memory unless it says so: the rest is for the system and its daemons."""

_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?")


def pinned(image: str | None, example: str) -> None:
    """That an image does not change under its name. Raises ArgumentError."""
    if image is not None and MOVING.search(image):
        raise ArgumentError(f'image is "{image}", which moves', remedy=f"Write a version ({example}) or a digest.")


def object_name(name: str) -> str:
    """The component's name as that of objects of Kubernetes. Raises ArgumentError."""
    if not _NAME.fullmatch(name):
        remedy = "Write lower-case letters, digits and hyphens, at most 52: it names objects of Kubernetes."
        raise ArgumentError(f'the component is called "{name}"', remedy=remedy)
    return name


def node_selector(choice: Choice, platform: str, region: str, spot: bool) -> dict[str, str]:
    """The nodes that carry the machine, bought so, in the region."""
    label, when_spot, otherwise = SPOT_LABEL[platform]
    bought = when_spot if spot else otherwise
    selector = {"node.kubernetes.io/instance-type": choice.machine.name, "topology.kubernetes.io/region": region}
    if bought is not None:
        selector[label] = bought
    if choice.attached is not None:
        selector["cloud.google.com/gke-accelerator"] = choice.attached
    return selector


def tolerations(choice: Choice, platform: str, spot: bool) -> list[dict[str, str]]:
    """What lets a pod onto nodes that are kept for the accelerator; AKS keeps spot nodes for those who say so."""
    found = [{"key": choice.resource, "operator": "Exists", "effect": "NoSchedule"}]
    if spot and platform == "aks":
        label, value, _ = SPOT_LABEL[platform]
        found.append({"key": label, "operator": "Equal", "value": value, "effect": "NoSchedule"})
    return found


def resources(choice: Choice, cpu: float | None, memory_gib: float | None) -> dict[str, dict[str, str]]:
    """Requests and limits of the one container of a pod with the machine's accelerators. Raises ArgumentError where the
    memory is not known, or is more than the machine has."""
    machine = choice.machine
    if memory_gib is None and machine.memory_gib is None:
        remedy = "Write memory_gib=…, less than the machine has."
        raise ArgumentError(f"the memory of {machine.name} is not in the catalogue", remedy=remedy)
    for word, asked, has in (("cpu", cpu, machine.vcpu), ("memory_gib", memory_gib, machine.memory_gib)):
        if asked is not None and (asked <= 0 or (has is not None and asked >= has)):
            remedy = "Write less than the node has, or another instance_type."
            raise ArgumentError(f"{word} is {asked:g}, and {machine.name} has {has or 0:g}", remedy=remedy)
    cpus = max(1, int((machine.vcpu or 1) * SHARE_OF_NODE)) if cpu is None else cpu
    memory = max(1, int((machine.memory_gib or 1) * SHARE_OF_NODE)) if memory_gib is None else memory_gib
    asked_for = {
        choice.resource: str(int(choice.accelerator.count)),
        "cpu": f"{cpus:g}",
        "memory": f"{memory:g}Gi",
    }
    return {"requests": dict(asked_for), "limits": dict(asked_for)}


def metadata(name: str, labels: Mapping[str, str], namespace: Any) -> dict[str, Any]:
    """The metadata of an object."""
    found: dict[str, Any] = {"name": name, "labels": dict(labels)}
    if namespace is not None:
        found["namespace"] = namespace
    return found
