"""Clusters of Google Kubernetes Engine: private, with a service account of their own and with cost allocation."""

from __future__ import annotations

from typing import Any, Final

import pulumi_gcp.container as container
import pulumi_gcp.projects as projects
import pulumi_gcp.serviceaccount as serviceaccount

from spendgate_components.child import Child, Joined, Of
from spendgate_components.clusters.kubeconfig import kubeconfig_text
from spendgate_components.clusters.model import Whole
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import gcp_labels, kubernetes_labels

NODE_ROLES: Final = {
    "node-logs-and-metrics": "roles/container.defaultNodeServiceAccount",
    "node-registry": "roles/artifactregistry.reader",
}
"""What a node has to be allowed, and no more: to write logs and metrics, to pull images (Google Kubernetes Engine,
least privilege service accounts). What work reads and writes is granted to its own service account."""

_SYSTEM_DISK: Final = 50
"""GiB of a system node."""


def children(whole: Whole) -> tuple[Child, ...]:
    """The cluster with the account of its nodes, and the system pool."""
    account = {"accountId": f"{whole.cluster_name}-nodes", "displayName": f"Nodes of {whole.cluster_name}"}
    project = {"project": whole.project}
    return (
        Child("node-account", serviceaccount.Account, {**account, **project}, keeps=(("accountId",),)),
        *(_granted(key, role, project) for key, role in NODE_ROLES.items()),
        _cluster(whole),
        _system(whole),
    )


def _granted(key: str, role: str, project: dict[str, Any]) -> Child:
    inputs = {**project, "role": role, "member": Of("node-account", "email", "serviceAccount:<output>")}
    return Child(key, projects.IAMMember, inputs, keeps=(("role",), ("member",)))


def _cluster(whole: Whole) -> Child:
    labels = gcp_labels(whole.tags)
    args = whole.args
    inputs: dict[str, Any] = {
        "project": whole.project,
        "location": whole.place,
        "name": whole.cluster_name,
        # The pool that a cluster begins with has none of this; the system pool takes its place.
        "removeDefaultNodePool": True,
        "initialNodeCount": 1,
        "networkingMode": "VPC_NATIVE",
        "ipAllocationPolicy": {},
        "privateClusterConfig": {"enablePrivateNodes": True, "enablePrivateEndpoint": not whole.public},
        "masterAuthorizedNetworksConfig": {"cidrBlocks": [{"cidrBlock": cidr} for cidr in whole.public]},
        "workloadIdentityConfig": {"workloadPool": f"{whole.project}.svc.id.goog"},
        # By namespace and label, in the detailed billing export.
        "costManagementConfig": {"enabled": True},
        "releaseChannel": {"channel": "REGULAR"},
        "loggingConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]},
        "monitoringConfig": {"enableComponents": ["SYSTEM_COMPONENTS"], "managedPrometheus": {"enabled": False}},
        "deletionProtection": args.tags.in_production,
        "resourceLabels": labels,
    }
    optional = {"network": args.network, "subnetwork": args.subnetwork, "minMasterVersion": args.version}
    inputs |= {name: value for name, value in optional.items() if value is not None}
    if args.kms_key is not None:
        inputs["databaseEncryption"] = {"state": "ENCRYPTED", "keyName": args.kms_key}
    if args.usage_dataset is not None:
        inputs["resourceUsageExportConfig"] = {
            "enableResourceConsumptionMetering": True,
            "enableNetworkEgressMetering": False,
            "bigqueryDestination": {"datasetId": args.usage_dataset},
        }
    kept = ("location", "name", "removeDefaultNodePool", "nodePools", "enableAutopilot", "clusterAutoscaling")
    closed = ("privateClusterConfig", "masterAuthorizedNetworksConfig", "databaseEncryption", "deletionProtection")
    keeps = tuple((name,) for name in (*kept, *closed, "costManagementConfig", "releaseChannel"))
    return Child("cluster", container.Cluster, inputs, keeps, tagged_at={("resourceLabels",): labels})


def _system(whole: Whole) -> Child:
    system = whole.system
    resource_labels = gcp_labels(whole.tags)
    labels = kubernetes_labels({**whole.tags, "spendgate.dev/pool": "system"})
    inputs: dict[str, Any] = {
        "project": whole.project,
        "cluster": Of("cluster", "name"),
        "location": whole.place,
        "nodeLocations": [_zone(whole)],
        "initialNodeCount": system.expected,
        "autoscaling": {"totalMinNodeCount": system.min, "totalMaxNodeCount": system.max, "locationPolicy": "ANY"},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "nodeConfig": {
            "machineType": system.machine,
            "spot": False,
            "diskSizeGb": _SYSTEM_DISK,
            "diskType": "pd-balanced",
            "serviceAccount": Of("node-account", "email"),
            "labels": labels,
            "resourceLabels": resource_labels,
            "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
            "workloadMetadataConfig": {"mode": "GKE_METADATA"},
        },
    }
    keeps = (
        ("nodeConfig", "spot"),
        *((name,) for name in ("location", "nodeLocations", "initialNodeCount", "autoscaling", "nodeCount")),
        ("nodeConfig", "machineType"),
        ("nodeConfig", "guestAccelerators"),
        ("nodeConfig", "serviceAccount"),
    )
    return Child(
        "system-nodes",
        container.NodePool,
        inputs,
        keeps,
        # It is for the start only; a change would replace the pool.
        ignore_changes=("initialNodeCount",),
        tagged_at={("nodeConfig", "resourceLabels"): resource_labels, ("nodeConfig", "labels"): labels},
        after=tuple(NODE_ROLES),
    )


def _zone(whole: Whole) -> str:
    if whole.place != whole.region:
        return whole.place
    zone = whole.args.zone
    if zone is None or not zone.startswith(f"{whole.region}-"):
        remedy = f'Write zone="{whole.region}-a", or another zone of the region: traffic between zones is billed.'
        raise ArgumentError(f"zone is {zone!r} for a cluster in {whole.region}", remedy=remedy)
    return zone


def kubeconfig(whole: Whole) -> Joined:
    """How to reach the cluster; gke-gcloud-auth-plugin gets the token."""

    def text(endpoint: str, access: Any) -> str:
        name = "cluster_ca_certificate"
        authority = getattr(access, name) if hasattr(access, name) else access[name]
        user = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "provideClusterInfo": True,
        }
        return kubeconfig_text(whole.cluster_name, f"https://{endpoint}", authority, user)

    return Joined((Of("cluster", "endpoint"), Of("cluster", "master_auth")), text)
