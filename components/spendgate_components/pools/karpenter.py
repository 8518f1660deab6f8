"""A NodePool of Karpenter with its EC2NodeClass: nodes are started as pods ask for them, up to a limit."""

from __future__ import annotations

import re
from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource

from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError
from spendgate_components.pools.model import Need
from spendgate_components.spelling import aws_tags, kubernetes_labels

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def children(need: Need) -> tuple[Child, ...]:
    """The class of the nodes, and the pool that starts them."""
    if not _NAME.fullmatch(need.name):
        remedy = "Write lower-case letters, digits and hyphens: it names objects of Kubernetes."
        raise ArgumentError(f'the component is called "{need.name}"', remedy=remedy)
    return _class(need), _pool(need)


def _class(need: Need) -> Child:
    tags, labels = aws_tags(need.tags), kubernetes_labels(need.tags)
    found_by = [{"tags": {"karpenter.sh/discovery": need.args.cluster}}]
    disk = {
        "volumeSize": f"{need.disk_gib}Gi",
        "volumeType": "gp3",
        "encrypted": True,
        "deleteOnTermination": True,
    }
    spec: dict[str, Any] = {
        "role": need.args.node_role_name,
        "amiSelectorTerms": [{"alias": "al2023@latest"}],
        "subnetSelectorTerms": found_by,
        "securityGroupSelectorTerms": found_by,
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": disk}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        "tags": tags,
    }
    inputs = {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": need.name, "labels": labels},
        "spec": spec,
    }
    encrypted = ("spec", "blockDeviceMappings", "0", "ebs", "encrypted")
    keeps = (("apiVersion",), ("kind",), ("metadata", "name"), encrypted)
    tagged_at: dict[tuple[str, ...], Any] = {("metadata", "labels"): labels, ("spec", "tags"): tags}
    return Child("class", CustomResource, inputs, keeps, tagged_at=tagged_at)


def _pool(need: Need) -> Child:
    labels = kubernetes_labels(need.tags)
    of_nodes = kubernetes_labels({**need.tags, **need.labels})
    group = need.groups[0]
    choice = need.choice

    def one_of(key: str, *values: str) -> dict[str, Any]:
        return {"key": key, "operator": "In", "values": list(values)}

    node: dict[str, Any] = {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": need.name},
        "requirements": [
            one_of("node.kubernetes.io/instance-type", choice.machine.name),
            one_of("karpenter.sh/capacity-type", "spot" if group.spot else "on-demand"),
            one_of("kubernetes.io/arch", choice.machine.architecture or "amd64"),
        ],
    }
    if need.taint:
        node["taints"] = [{"key": choice.resource, "value": "present", "effect": "NoSchedule"}]
    inputs = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": need.name, "labels": labels},
        "spec": {
            "template": {"metadata": {"labels": of_nodes}, "spec": node},
            "limits": {choice.resource: str(group.max * int(choice.accelerator.count))},
            # A node that nothing runs on is gone after five minutes.
            "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "5m"},
        },
    }
    keeps = (
        ("apiVersion",),
        ("kind",),
        ("metadata", "name"),
        ("spec", "limits"),
        ("spec", "disruption", "consolidationPolicy"),
        ("spec", "disruption", "consolidateAfter"),
        ("spec", "template", "spec", "requirements"),
        ("spec", "template", "spec", "nodeClassRef"),
    )
    tagged_at = {("metadata", "labels"): labels, ("spec", "template", "metadata", "labels"): of_nodes}
    return Child("nodes", CustomResource, inputs, keeps, tagged_at=tagged_at)
