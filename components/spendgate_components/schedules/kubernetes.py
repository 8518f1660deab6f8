"""KEDA keeps workloads for the office hours, or CronJobs scale them with an account that may do nothing else."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.batch.v1 import CronJob
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.rbac.v1 import Role, RoleBinding

from spendgate_components import pods
from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError, one_of
from spendgate_components.schedules.model import KINDS, SCHEDULERS, ScaledWorkload, Stopped
from spendgate_components.spelling import kubernetes_labels


def children(stopped: Stopped) -> tuple[Child, ...]:
    """A ScaledObject for each workload, or CronJobs with their account."""
    name = pods.object_name(stopped.name)
    labels = kubernetes_labels(stopped.tags)
    workloads = stopped.args.workloads or []
    if one_of("scheduler", stopped.args.scheduler or SCHEDULERS[0], SCHEDULERS) == "keda":
        if stopped.args.image is not None:
            raise ArgumentError("image is for CronJobs", remedy='Leave it out, or write scheduler="cronjob".')
        return tuple(_kept(stopped, name, labels, at, one) for at, one in enumerate(workloads))
    image = stopped.args.image
    if image is None or pods.MOVING.search(image):
        remedy = 'Write one with kubectl and a version, as image="registry.k8s.io/kubectl:v1.34.1".'
        raise ArgumentError(f"image is {image!r} for CronJobs", remedy=remedy)
    jobs = [job for at, one in enumerate(workloads) for job in _jobs(stopped, name, labels, at, one)]
    return (*_account(stopped, name, labels), *jobs)


def _metadata(stopped: Stopped, name: str, labels: dict[str, str]) -> dict[str, Any]:
    return pods.metadata(name, labels, stopped.args.namespace)


def _kept(stopped: Stopped, name: str, labels: dict[str, str], at: int, workload: ScaledWorkload) -> Child:
    hours, replicas = stopped.hours, workload.replicas or 1
    trigger = {
        "type": "cron",
        "metadata": {
            "timezone": hours.timezone,
            "start": hours.cron(hours.start),
            "end": hours.cron(hours.end),
            "desiredReplicas": str(replicas),
        },
    }
    inputs = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _metadata(stopped, f"{name}-{at}", labels),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": workload.kind or KINDS[0], "name": workload.name},
            "minReplicaCount": 0,
            "maxReplicaCount": replicas,
            "triggers": [trigger],
        },
    }
    keeps = (("apiVersion",), ("kind",), ("metadata", "name"), ("spec",))
    return Child(f"hours-{at}", CustomResource, inputs, keeps, tagged_at={("metadata", "labels"): labels})


def _account(stopped: Stopped, name: str, labels: dict[str, str]) -> tuple[Child, ...]:
    by_kind: dict[str, list[str]] = {}
    for workload in stopped.args.workloads or ():
        by_kind.setdefault(f"{(workload.kind or KINDS[0]).lower()}s", []).append(workload.name)
    rules = [
        rule
        for kind, names in by_kind.items()
        for rule in (
            {"apiGroups": ["apps"], "resources": [kind], "resourceNames": names, "verbs": ["get"]},
            {
                "apiGroups": ["apps"],
                "resources": [f"{kind}/scale"],
                "resourceNames": names,
                "verbs": ["get", "patch", "update"],
            },
        )
    ]
    metadata = _metadata(stopped, name, labels)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": stopped.args.namespace or "default"}
    granted = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    tagged_at: dict[tuple[str, ...], Any] = {("metadata", "labels"): labels}
    named = (("metadata", "name"),)
    return (
        Child("account", ServiceAccount, {"metadata": metadata}, named, tagged_at=tagged_at),
        Child("role", Role, {"metadata": metadata, "rules": rules}, (*named, ("rules",)), tagged_at=tagged_at),
        Child(
            "binding",
            RoleBinding,
            {"metadata": metadata, "roleRef": granted, "subjects": [subject]},
            (*named, ("roleRef",), ("subjects",)),
            tagged_at=tagged_at,
        ),
    )


def _jobs(
    stopped: Stopped, name: str, labels: dict[str, str], at: int, workload: ScaledWorkload
) -> tuple[Child, Child]:
    kind = (workload.kind or KINDS[0]).lower()
    asked = {"cpu": "50m", "memory": "64Mi"}

    def job(verb: str, minute: int, replicas: int) -> Child:
        container = {
            "name": "scale",
            "image": stopped.args.image,
            "command": ["kubectl"],
            "args": ["scale", f"{kind}/{workload.name}", f"--replicas={replicas}"],
            "resources": {"requests": dict(asked), "limits": dict(asked)},
            "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 65534},
        }
        pod = {"serviceAccountName": name, "restartPolicy": "Never", "containers": [container]}
        run = {
            "activeDeadlineSeconds": 300,
            "backoffLimit": 3,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        inputs = {
            "metadata": _metadata(stopped, f"{name}-{verb}-{at}", labels),
            "spec": {
                "schedule": stopped.hours.cron(minute),
                "timeZone": stopped.hours.timezone,
                "concurrencyPolicy": "Forbid",
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {"metadata": {"labels": labels}, "spec": run},
            },
        }
        keeps = (
            ("spec", "jobTemplate", "spec", "activeDeadlineSeconds"),
            ("metadata", "name"),
            *(("spec", word) for word in ("schedule", "timeZone", "suspend")),
            ("spec", "jobTemplate", "spec", "template", "spec", "serviceAccountName"),
        )
        tagged_at: dict[tuple[str, ...], Any] = {
            ("metadata", "labels"): labels,
            ("spec", "jobTemplate", "metadata", "labels"): labels,
            ("spec", "jobTemplate", "spec", "template", "metadata", "labels"): labels,
        }
        return Child(f"{verb}-{at}", CronJob, inputs, keeps, tagged_at=tagged_at)

    return job("start", stopped.hours.start, workload.replicas or 1), job("stop", stopped.hours.end, 0)
