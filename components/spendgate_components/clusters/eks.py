"""Clusters of Amazon EKS: private, with roles of their own, an audit log that ends, and no extended support."""

from __future__ import annotations

import json
from typing import Any, Final

import pulumi_aws.cloudwatch as cloudwatch
import pulumi_aws.eks as eks
import pulumi_aws.iam as iam

from spendgate_components.child import Child, Joined, Of
from spendgate_components.clusters.kubeconfig import kubeconfig_text
from spendgate_components.clusters.model import Whole
from spendgate_components.pools.eks import launch_template
from spendgate_components.spelling import aws_tags, kubernetes_labels

NODE_POLICIES: Final = {
    "node-policy": "AmazonEKSWorkerNodePolicy",
    "node-registry": "AmazonEC2ContainerRegistryPullOnly",
    "node-network": "AmazonEKS_CNI_Policy",
}
"""What a node has to be allowed, and no more: to join, to pull images, to give pods addresses (Amazon EKS, node IAM
role). What work reads and writes is granted to its own service account."""

AUTOSCALER: Final = "cluster-autoscaler"
"""The service account, in kube-system, that may change the size of the pools."""

_AUTOSCALER_READS: Final = (
    *(f"autoscaling:Describe{what}" for what in ("AutoScalingGroups", "AutoScalingInstances", "LaunchConfigurations")),
    *(f"autoscaling:Describe{what}" for what in ("ScalingActivities", "Tags")),
    *(f"ec2:Describe{what}" for what in ("Images", "InstanceTypes", "LaunchTemplateVersions")),
    "ec2:GetInstanceTypesFromInstanceRequirements",
    "eks:DescribeNodegroup",
)
_AUTOSCALER_WRITES: Final = ("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup")
"""What the Cluster Autoscaler needs (kubernetes/autoscaler, cluster-autoscaler/cloudprovider/aws/README.md)."""

_SYSTEM_DISK: Final = 50
"""GiB of a system node."""


def children(whole: Whole) -> tuple[Child, ...]:
    """The cluster with its roles and its log, and the system pool."""
    tags = aws_tags(whole.tags)
    return (
        _role("cluster-role", tags, "eks.amazonaws.com"),
        _attached("cluster-policy", "cluster-role", "AmazonEKSClusterPolicy"),
        _role("node-role", tags, "ec2.amazonaws.com"),
        *(_attached(key, "node-role", policy) for key, policy in NODE_POLICIES.items()),
        _logs(whole, tags),
        _cluster(whole, tags),
        launch_template("system-template", whole.region, _SYSTEM_DISK, tags),
        _system(whole, tags),
        *_autoscaler(whole, tags),
    )


def _autoscaler(whole: Whole, tags: dict[str, str]) -> tuple[Child, ...]:
    """What the Cluster Autoscaler may do: to the groups of this cluster, which EKS tags as its own, and to no other."""
    own = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{whole.cluster_name}": "owned"}}
    statements = [
        {"Effect": "Allow", "Action": list(_AUTOSCALER_READS), "Resource": "*"},
        {"Effect": "Allow", "Action": list(_AUTOSCALER_WRITES), "Resource": "*", "Condition": own},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    where = {"region": whole.region, "clusterName": Of("cluster", "name")}
    agent = {**where, "addonName": "eks-pod-identity-agent", "tags": tags}
    identity = {**where, "namespace": "kube-system", "serviceAccount": AUTOSCALER}
    identity |= {"roleArn": Of("autoscaler-role", "arn"), "tags": tags}
    tagged: dict[tuple[str, ...], Any] = {("tags",): tags}
    return (
        _role("autoscaler-role", tags, "pods.eks.amazonaws.com", "sts:TagSession"),
        Child(
            "autoscaler-policy", iam.RolePolicy, {"role": Of("autoscaler-role", "id"), "policy": policy}, (("policy",),)
        ),
        Child("identity-agent", eks.Addon, agent, (("addonName",),), tagged_at=tagged, after=("system-nodes",)),
        Child(
            "autoscaler-identity",
            eks.PodIdentityAssociation,
            identity,
            keeps=(("namespace",), ("serviceAccount",)),
            tagged_at=tagged,
            after=("identity-agent",),
        ),
    )


def _role(key: str, tags: dict[str, str], service: str, *more: str) -> Child:
    assumed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", *more]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [assumed]})
    keeps = (("assumeRolePolicy",), ("managedPolicyArns",), ("inlinePolicies",))
    return Child(key, iam.Role, {"assumeRolePolicy": policy, "tags": tags}, keeps, tagged_at={("tags",): tags})


def _attached(key: str, role: str, policy: str) -> Child:
    inputs = {"role": Of(role, "name"), "policyArn": f"arn:aws:iam::aws:policy/{policy}"}
    return Child(key, iam.RolePolicyAttachment, inputs, keeps=(("policyArn",),))


def _logs(whole: Whole, tags: dict[str, str]) -> Child:
    # EKS would make it by itself, and keep it for ever.
    inputs = {
        "region": whole.region,
        "name": f"/aws/eks/{whole.cluster_name}/cluster",
        "retentionInDays": whole.log_days,
        "tags": tags,
    }
    keeps = (("region",), ("name",), ("retentionInDays",))
    return Child("logs", cloudwatch.LogGroup, inputs, keeps, tagged_at={("tags",): tags})


def _cluster(whole: Whole, tags: dict[str, str]) -> Child:
    network: dict[str, Any] = {
        "subnetIds": list(whole.args.subnet_ids or ()),
        "endpointPrivateAccess": True,
        "endpointPublicAccess": bool(whole.public),
    }
    if whole.public:
        network["publicAccessCidrs"] = list(whole.public)
    inputs: dict[str, Any] = {
        "region": whole.region,
        "name": whole.cluster_name,
        "roleArn": Of("cluster-role", "arn"),
        "vpcConfig": network,
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        # At the end of standard support it is upgraded: extended support is 0.60 USD an hour, standard support 0.10
        # (AWS containers blog, "Amazon EKS extended support for Kubernetes versions pricing", since 2024-04-01).
        "upgradePolicy": {"supportType": "STANDARD"},
        "enabledClusterLogTypes": ["audit", "authenticator"],
        "deletionProtection": whole.args.tags.in_production,
        "tags": tags,
    }
    if whole.args.version is not None:
        inputs["version"] = whole.args.version
    if whole.args.kms_key is not None:
        inputs["encryptionConfig"] = {"provider": {"keyArn": whole.args.kms_key}, "resources": ["secrets"]}
    keeps = (
        *((name,) for name in ("region", "name", "roleArn", "upgradePolicy", "encryptionConfig", "deletionProtection")),
        *(("vpcConfig", name) for name in ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")),
        ("controlPlaneScalingConfig",),
        ("computeConfig",),
    )
    after = ("cluster-policy", "logs")
    return Child("cluster", eks.Cluster, inputs, keeps, tagged_at={("tags",): tags}, after=after)


def _system(whole: Whole, tags: dict[str, str]) -> Child:
    system = whole.system
    labels = kubernetes_labels({**whole.tags, "spendgate.dev/pool": "system"})
    inputs: dict[str, Any] = {
        "region": whole.region,
        "clusterName": Of("cluster", "name"),
        "nodeRoleArn": Of("node-role", "arn"),
        "subnetIds": list(whole.args.subnet_ids or ()),
        "instanceTypes": [system.machine],
        "capacityType": "ON_DEMAND",
        "amiType": "AL2023_x86_64_STANDARD",
        "launchTemplate": {
            "id": Of("system-template", "id"),
            "version": Of("system-template", "latest_version", "<output>"),
        },
        "scalingConfig": {"minSize": system.min, "desiredSize": system.expected, "maxSize": system.max},
        "updateConfig": {"maxUnavailable": 1},
        "labels": labels,
        "tags": tags,
    }
    keeps = (("region",), ("scalingConfig",), ("instanceTypes",), ("capacityType",), ("launchTemplate",))
    return Child(
        "system-nodes",
        eks.NodeGroup,
        inputs,
        keeps,
        # An autoscaler changes it; the next update would set it back.
        ignore_changes=("scalingConfig.desiredSize",),
        tagged_at={("tags",): tags, ("labels",): labels},
        after=tuple(NODE_POLICIES),
    )


def kubeconfig(whole: Whole) -> Joined:
    """How to reach the cluster; the AWS CLI gets the token."""

    def text(endpoint: str, authority: Any) -> str:
        data = authority.data if hasattr(authority, "data") else authority["data"]
        arguments = ["--region", whole.region, "eks", "get-token", "--cluster-name", whole.cluster_name]
        user = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": [*arguments, "--output", "json"],
        }
        return kubeconfig_text(whole.cluster_name, endpoint, data, user)

    return Joined((Of("cluster", "endpoint"), Of("cluster", "certificate_authority")), text)
