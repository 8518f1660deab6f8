"""A RayJob of KubeRay: a Ray cluster for one run, which is gone when the run ends."""

from __future__ import annotations

import shlex
from typing import Any, Final

from pulumi_kubernetes.apiextensions import CustomResource

from spendgate_components.child import Child
from spendgate_components.jobs.model import Run
from spendgate_components.jobs.pod import environment, kept, labels, metadata, template

_HEAD: Final = {"cpu": "2", "memory": "8Gi"}
"""What the head takes of a node without accelerators: it runs the command and Ray's own services."""

_CLUSTER = ("spec", "rayClusterSpec")
_WORKERS = (*_CLUSTER, "workerGroupSpecs", "0")


def children(run: Run) -> tuple[Child, ...]:
    """The run with its cluster."""
    group = {
        "groupName": "workers",
        "replicas": run.least,
        "minReplicas": run.least,
        "maxReplicas": run.workers,
        "rayStartParams": {},
        "template": template(run),
    }
    cluster: dict[str, Any] = {
        "headGroupSpec": {"rayStartParams": {"dashboard-host": "0.0.0.0"}, "template": _head(run)},
        "workerGroupSpecs": [group],
    }
    if run.elastic:
        cluster["enableInTreeAutoscaling"] = True
    spec = {
        "entrypoint": shlex.join(run.args.command or ()),
        "activeDeadlineSeconds": run.seconds,
        "backoffLimit": run.retries,
        # The nodes go with the work: the cluster does not stay for a look at its logs.
        "shutdownAfterJobFinishes": True,
        "rayClusterSpec": cluster,
    }
    head = metadata(run)
    inputs = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": head, "spec": spec}
    keeps = (
        ("apiVersion",),
        ("kind",),
        *(("spec", word) for word in ("activeDeadlineSeconds", "backoffLimit", "shutdownAfterJobFinishes")),
        ("spec", "ttlSecondsAfterFinished"),
        (*_CLUSTER, "enableInTreeAutoscaling"),
        (*_CLUSTER, "workerGroupSpecs", "1"),
        (*_CLUSTER, "headGroupSpec", "template", "spec", "containers", "0", "resources"),
        *((*_WORKERS, word) for word in ("replicas", "minReplicas", "maxReplicas", "numOfHosts")),
        *kept(*_WORKERS, "template"),
    )
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): head["labels"],
        (*_CLUSTER, "headGroupSpec", "template", "metadata", "labels"): labels(run),
        (*_WORKERS, "template", "metadata", "labels"): labels(run),
    }
    return (Child("rayjob", CustomResource, inputs, keeps, tagged_at=tagged_at),)


def _head(run: Run) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "head",
        "image": run.args.image,
        "resources": {"requests": dict(_HEAD), "limits": dict(_HEAD)},
    }
    if environment(run):
        container["env"] = environment(run)
    pod: dict[str, Any] = {"containers": [container]}
    if run.args.service_account is not None:
        pod["serviceAccountName"] = run.args.service_account
    return {"metadata": {"labels": labels(run)}, "spec": pod}
