"""A Job of Kubernetes: indexed workers that start as they find nodes, or as far as the queue has quota."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.batch.v1 import Job

from spendgate_components.child import Child
from spendgate_components.jobs.model import Run
from spendgate_components.jobs.pod import INTERRUPTED, SKIP_AWAIT, kept, labels, metadata, template


def children(run: Run) -> tuple[Child, ...]:
    """The job."""
    annotations = dict(SKIP_AWAIT)
    if run.elastic:
        # Kueue admits it with fewer workers where there is no quota for all of them (partial admission).
        annotations["kueue.x-k8s.io/job-min-parallelism"] = str(run.least)
        annotations["kueue.x-k8s.io/job-completions-equal-parallelism"] = "true"
    spec = {
        "parallelism": run.workers,
        "completions": run.workers,
        "completionMode": "Indexed",
        "backoffLimit": run.retries * run.workers,
        "activeDeadlineSeconds": run.seconds,
        # A finished job is gone after a day; its checkpoints stay.
        "ttlSecondsAfterFinished": 86400,
        # A node that was taken back is no failure of the work.
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": INTERRUPTED}]},
        "template": template(run),
    }
    keeps = (
        *(("spec", word) for word in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit")),
        *kept("spec", "template"),
    )
    head = metadata(run, annotations)
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): head["labels"],
        ("spec", "template", "metadata", "labels"): labels(run),
    }
    changed = ("spec.parallelism", "spec.completions") if run.elastic else ()
    return (Child("job", Job, {"metadata": head, "spec": spec}, keeps, changed, tagged_at=tagged_at),)
