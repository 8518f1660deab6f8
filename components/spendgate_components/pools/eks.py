"""Managed node groups of Amazon EKS, with a launch template that passes the tags on."""

from __future__ import annotations

from typing import Any, Final

import pulumi_aws.ec2 as ec2
import pulumi_aws.eks as eks

from spendgate_components.child import Child, Of
from spendgate_components.pools.model import Group, Need
from spendgate_components.spelling import aws_tags, kubernetes_labels

ENCRYPTED: Final = ("blockDeviceMappings", "0", "ebs", "encrypted")
"""Where a launch template says that its disk is encrypted; stays so."""

_TAGGED = ("instance", "volume", "network-interface")


def children(need: Need) -> tuple[Child, ...]:
    """The launch template, and a node group for each way of buying."""
    tags = aws_tags(need.tags)
    return (
        launch_template("template", need.region, need.disk_gib, tags),
        *(_group(need, group, tags) for group in need.groups),
    )


def launch_template(name: str, region: str, disk_gib: int, tags: dict[str, str]) -> Child:
    """What the machines of a node group start from: an encrypted disk, and tags that reach machines and disks."""
    disk = {"volumeSize": disk_gib, "volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true"}
    inputs: dict[str, Any] = {
        "region": region,
        "updateDefaultVersion": True,
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": disk}],
        # Pods reach the metadata service through one more hop.
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        "tagSpecifications": [{"resourceType": kind, "tags": tags} for kind in _TAGGED],
        "tags": tags,
    }
    passed_on: dict[tuple[str, ...], Any] = {("tagSpecifications", str(at), "tags"): tags for at in range(len(_TAGGED))}
    keeps = (("region",), ENCRYPTED)
    return Child(name, ec2.LaunchTemplate, inputs, keeps, tagged_at={("tags",): tags, **passed_on})


def _group(need: Need, group: Group, tags: dict[str, str]) -> Child:
    labels = kubernetes_labels({**need.tags, **need.labels})
    taint = {"key": need.choice.resource, "value": "present", "effect": "NO_SCHEDULE"}
    inputs: dict[str, Any] = {
        "region": need.region,
        "clusterName": need.args.cluster,
        "nodeRoleArn": need.args.node_role_arn,
        "subnetIds": list(need.args.subnet_ids or ()),
        "instanceTypes": [need.choice.machine.name],
        "capacityType": "SPOT" if group.spot else "ON_DEMAND",
        "amiType": _image(need),
        "launchTemplate": {"id": Of("template", "id"), "version": Of("template", "latest_version", "<output>")},
        "scalingConfig": {"minSize": group.min, "desiredSize": group.expected, "maxSize": group.max},
        "updateConfig": {"maxUnavailable": 1},
        "labels": labels,
        "taints": [taint] if need.taint else None,
        "tags": tags,
    }
    keeps = (("region",), ("scalingConfig",), ("instanceTypes",), ("capacityType",), ("launchTemplate",))
    return Child(
        group.key,
        eks.NodeGroup,
        {name: value for name, value in inputs.items() if value is not None},
        keeps,
        # An autoscaler changes it; the next update would set it back.
        ignore_changes=("scalingConfig.desiredSize",),
        tagged_at={("tags",): tags, ("labels",): labels},
    )


def _image(need: Need) -> str:
    """The node image with the accelerator's drivers (Amazon EKS API, AMITypes)."""
    if need.choice.accelerator.vendor == "aws":
        return "AL2023_x86_64_NEURON"
    return "AL2023_ARM_64_NVIDIA" if need.choice.machine.architecture == "arm64" else "AL2023_x86_64_NVIDIA"
