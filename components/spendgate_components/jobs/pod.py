"""The pods of a job on Kubernetes: one worker each, with a node of the chosen type to itself."""

from __future__ import annotations

from typing import Any, Final

from spendgate_components.jobs.model import Run
from spendgate_components.pods import NOTICE, node_selector, resources, tolerations
from spendgate_components.spelling import kubernetes_labels

SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}
"""An update does not wait for the end of the work: it would give up after ten minutes (pulumi-kubernetes, Job)."""

INTERRUPTED: Final = [{"type": "DisruptionTarget", "status": "True"}]
"""How Kubernetes tells a pod whose node was taken back from one whose work failed (Pod disruption conditions)."""


def labels(run: Run) -> dict[str, str]:
    """The labels of what the job makes."""
    return kubernetes_labels(run.tags)


def metadata(run: Run, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """Of the job itself: labels, and where it waits for its turn."""
    found: dict[str, Any] = {"labels": labels(run)}
    if run.args.queue is not None:
        # Kueue suspends what has its label, and lets it start when there is quota for it. It counts the time that the
        # run takes over all attempts, and ends it.
        found["labels"]["kueue.x-k8s.io/queue-name"] = run.args.queue
        found["labels"]["kueue.x-k8s.io/max-exec-time-seconds"] = str(run.seconds)
    if annotations:
        found["annotations"] = annotations
    if run.args.namespace is not None:
        found["namespace"] = run.args.namespace
    return found


def template(run: Run, **more: Any) -> dict[str, Any]:
    """The template of a worker's pod; ``more`` are fields of its spec."""
    return {"metadata": {"labels": labels(run)}, "spec": {**_spec(run), **more}}


def environment(run: Run) -> list[dict[str, Any]]:
    """The variables that every container has."""
    if run.args.checkpoint_uri is None:
        return []
    return [{"name": "CHECKPOINT_URI", "value": run.args.checkpoint_uri}]


def _spec(run: Run) -> dict[str, Any]:
    args = run.args
    container: dict[str, Any] = {
        "name": "worker",
        "image": args.image,
        "resources": resources(run.choice, args.cpu, args.memory_gib),
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    # Of a RayJob the head runs the command; its workers run Ray.
    if args.command is not None and args.runs_as != "rayjob":
        container["command"] = list(args.command)
    if environment(run):
        container["env"] = environment(run)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 25 if NOTICE[args.platform] < 60 else 110,
        "nodeSelector": node_selector(run.choice, args.platform, run.region, run.spot),
        "tolerations": tolerations(run.choice, args.platform, run.spot),
        "containers": [container],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    if args.service_account is not None:
        pod["serviceAccountName"] = args.service_account
    return pod


def kept(*of: str) -> tuple[tuple[str, ...], ...]:
    """What the escape hatch leaves alone in the pod template at ``of``: the machine, and what a worker takes of it."""
    spec = (*of, "spec")
    return ((*spec, "nodeSelector"), (*spec, "containers", "0", "resources"))
