"""A notebook on Kubernetes: a StatefulSet with a disk that stays, which KEDA keeps for the office hours."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import StatefulSet
from pulumi_kubernetes.core.v1 import PersistentVolumeClaim, Service

from spendgate_components import pods
from spendgate_components.child import Child
from spendgate_components.spelling import kubernetes_labels
from spendgate_components.workspaces.model import Notebook

_HOME = "/home/jovyan/work"


def children(notebook: Notebook) -> tuple[Child, ...]:
    """The disk, the notebook, its address, and its hours."""
    name = pods.object_name(notebook.name)
    labels = kubernetes_labels(notebook.tags)
    return (
        _home(notebook, name, labels),
        _set(notebook, name, labels),
        _service(notebook, name, labels),
        _hours(notebook, name, labels),
    )


def _home(notebook: Notebook, name: str, labels: dict[str, str]) -> Child:
    usual = "standard-rwo" if notebook.args.platform == "gke" else "gp3"
    there = {**labels, "topology.kubernetes.io/region": notebook.region}
    inputs = {
        "metadata": pods.metadata(f"{name}-home", there, notebook.args.namespace),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": notebook.args.storage_class or usual,
            "resources": {"requests": {"storage": f"{notebook.disk}Gi"}},
        },
    }
    keeps = (("metadata", "name"), ("spec", "storageClassName"), ("spec", "resources"))
    return Child("home", PersistentVolumeClaim, inputs, keeps, tagged_at={("metadata", "labels"): there})


def _set(notebook: Notebook, name: str, labels: dict[str, str]) -> Child:
    args = notebook.args
    idle = notebook.idle * 60
    container: dict[str, Any] = {
        "name": "notebook",
        "image": args.image,
        "command": ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"],
        "args": [
            f"--MappingKernelManager.cull_idle_timeout={idle}",
            "--MappingKernelManager.cull_interval=300",
            "--MappingKernelManager.cull_connected=True",
            f"--TerminalManager.cull_inactive_timeout={idle}",
        ],
        "ports": [{"containerPort": 8888, "protocol": "TCP"}],
        "volumeMounts": [{"name": "home", "mountPath": _HOME}],
    }
    pod: dict[str, Any] = {
        "containers": [container],
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": f"{name}-home"}}],
    }
    if notebook.choice is not None:
        container["resources"] = pods.resources(notebook.choice, args.cpu, args.memory_gib)
        pod["nodeSelector"] = pods.node_selector(notebook.choice, args.platform, notebook.region, spot=False)
        pod["tolerations"] = pods.tolerations(notebook.choice, notebook.args.platform, spot=False)
    else:
        asked = {"cpu": f"{args.cpu or 2:g}", "memory": f"{args.memory_gib or 8:g}Gi"}
        container["resources"] = {"requests": dict(asked), "limits": dict(asked)}
        if notebook.machine is not None:
            there = {"topology.kubernetes.io/region": notebook.region}
            pod["nodeSelector"] = {"node.kubernetes.io/instance-type": notebook.machine, **there}
    if args.service_account is not None:
        pod["serviceAccountName"] = args.service_account
    of_pods = {**labels, "app.kubernetes.io/name": name}
    inputs = {
        "metadata": pods.metadata(name, labels, args.namespace),
        "spec": {
            "replicas": 1,
            "serviceName": name,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"metadata": {"labels": of_pods}, "spec": pod},
        },
    }
    template = ("spec", "template", "spec")
    keeps = (
        ("metadata", "name"),
        ("spec", "replicas"),
        (*template, "nodeSelector"),
        (*template, "containers", "0", "resources"),
    )
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): labels,
        ("spec", "template", "metadata", "labels"): of_pods,
    }
    # KEDA changes it; the next update would set it back.
    return Child("notebook", StatefulSet, inputs, keeps, ignore_changes=("spec.replicas",), tagged_at=tagged_at)


def _service(notebook: Notebook, name: str, labels: dict[str, str]) -> Child:
    inputs = {
        "metadata": pods.metadata(name, labels, notebook.args.namespace),
        "spec": {
            "type": "ClusterIP",
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8888, "protocol": "TCP"}],
        },
    }
    keeps = (("metadata", "name"), ("spec", "type"))
    return Child("service", Service, inputs, keeps, tagged_at={("metadata", "labels"): labels})


def _hours(notebook: Notebook, name: str, labels: dict[str, str]) -> Child:
    hours = notebook.hours
    trigger = {
        "type": "cron",
        "metadata": {
            "timezone": hours.timezone,
            "start": hours.cron(hours.start),
            "end": hours.cron(hours.end),
            "desiredReplicas": "1",
        },
    }
    inputs = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": pods.metadata(name, labels, notebook.args.namespace),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name},
            "minReplicaCount": 0,
            "maxReplicaCount": 1,
            "triggers": [trigger],
        },
    }
    keeps = (("apiVersion",), ("kind",), ("metadata", "name"), ("spec",))
    return Child("hours", CustomResource, inputs, keeps, tagged_at={("metadata", "labels"): labels})
