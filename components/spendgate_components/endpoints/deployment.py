"""A Deployment with its Service, scaled by the HorizontalPodAutoscaler or by KEDA."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1 import Service

from spendgate_components import pods
from spendgate_components.child import Child
from spendgate_components.endpoints.model import Made, Served
from spendgate_components.endpoints.pod import NOTE, choice_of, kept, pod
from spendgate_components.errors import ArgumentError, one_of
from spendgate_components.spelling import kubernetes_labels


def made(served: Served) -> Made:
    """Deployment, service and autoscaler."""
    name = pods.object_name(served.name)
    choice = choice_of(served)
    labels = kubernetes_labels(served.tags)
    address = f"http://{name}"
    return Made(
        (_deployment(served, name, labels), _service(served, name, labels), _autoscaler(served, name, labels)),
        choice.accelerator.model,
        choice.machine.name,
        choice.why,
        address,
        notes=(NOTE,),
    )


def _deployment(served: Served, name: str, labels: dict[str, str]) -> Child:
    of_pods = {**labels, "app.kubernetes.io/name": name}
    inputs = {
        "metadata": pods.metadata(name, labels, served.args.namespace),
        "spec": {
            "replicas": served.expected,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            # A new version takes the accelerators of the old one: there are none to spare.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": {"metadata": {"labels": of_pods}, "spec": pod(served, "server")},
        },
    }
    keeps = (("metadata", "name"), ("spec", "replicas"), *kept("spec", "template", "spec"))
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): labels,
        ("spec", "template", "metadata", "labels"): of_pods,
    }
    # An autoscaler changes it; the next update would set it back.
    return Child("deployment", Deployment, inputs, keeps, ignore_changes=("spec.replicas",), tagged_at=tagged_at)


def _service(served: Served, name: str, labels: dict[str, str]) -> Child:
    inputs = {
        "metadata": pods.metadata(name, labels, served.args.namespace),
        "spec": {
            "type": "ClusterIP",
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "http", "port": 80, "targetPort": served.port, "protocol": "TCP"}],
        },
    }
    keeps = (("metadata", "name"), ("spec", "type"))
    return Child("service", Service, inputs, keeps, tagged_at={("metadata", "labels"): labels})


def _autoscaler(served: Served, name: str, labels: dict[str, str]) -> Child:
    usual = "keda" if served.least == 0 or served.args.metrics_query else "hpa"
    scaler = one_of("scaler", served.args.scaler or usual, ("hpa", "keda"))
    if scaler == "keda":
        return _keda(served, name, labels)
    if not served.least:
        remedy = 'Write scaler="keda", metrics_url=… and metrics_query=…; or replicas=(1, …) in production.'
        raise ArgumentError("a HorizontalPodAutoscaler keeps at least one replica up", remedy=remedy)
    busy = {"type": "Utilization", "averageUtilization": int(served.busy * 100)}
    inputs = {
        "metadata": pods.metadata(name, labels, served.args.namespace),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": served.least,
            "maxReplicas": served.most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": busy}}],
        },
    }
    keeps = (("metadata", "name"), *(("spec", word) for word in ("scaleTargetRef", "minReplicas", "maxReplicas")))
    return Child("autoscaler", HorizontalPodAutoscaler, inputs, keeps, tagged_at={("metadata", "labels"): labels})


def _keda(served: Served, name: str, labels: dict[str, str]) -> Child:
    args = served.args
    missing = [one for one in ("metrics_url", "metrics_query", "requests_per_second") if getattr(args, one) is None]
    if missing:
        raise ArgumentError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing for KEDA",
            remedy=f"Write {', '.join(f'{one}=…' for one in missing)}: it starts replicas as requests come in.",
        )
    trigger = {
        "type": "prometheus",
        "metadata": {
            "serverAddress": args.metrics_url,
            "query": args.metrics_query,
            "threshold": f"{float(args.requests_per_second or 0) * float(served.busy):g}",
        },
    }
    inputs = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": pods.metadata(name, labels, args.namespace),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicaCount": served.least,
            "maxReplicaCount": served.most,
            # Without a request for so many seconds the last replica goes.
            "cooldownPeriod": 300,
            "triggers": [trigger],
        },
    }
    bounds = ("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "idleReplicaCount")
    keeps = (("apiVersion",), ("kind",), ("metadata", "name"), *(("spec", word) for word in bounds))
    return Child("autoscaler", CustomResource, inputs, keeps, tagged_at={("metadata", "labels"): labels})
