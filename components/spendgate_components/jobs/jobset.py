"""A JobSet: workers that find each other by name, and that all start again when one of them is lost."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource

from spendgate_components.child import Child
from spendgate_components.jobs.model import Run
from spendgate_components.jobs.pod import INTERRUPTED, environment, kept, labels, metadata, template

_TEMPLATE = ("spec", "replicatedJobs", "0", "template")


def children(run: Run) -> tuple[Child, ...]:
    """The set, of one job with all workers."""
    pods = template(run)
    pods["spec"]["containers"][0]["env"] = [*environment(run), *_rendezvous(run)]
    job = {
        "parallelism": run.workers,
        "completions": run.workers,
        "completionMode": "Indexed",
        # The set starts all workers again; the job itself none alone.
        "backoffLimit": 0,
        "activeDeadlineSeconds": run.seconds,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onPodConditions": INTERRUPTED}]},
        "template": pods,
    }
    spec = {
        "replicatedJobs": [
            {"name": "workers", "replicas": 1, "template": {"metadata": {"labels": labels(run)}, "spec": job}}
        ],
        "failurePolicy": {"maxRestarts": run.retries, "rules": _rules(run)},
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "ttlSecondsAfterFinished": 86400,
    }
    head = metadata(run)
    inputs = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": head, "spec": spec}
    of_job = (*_TEMPLATE, "spec")
    keeps = (
        ("apiVersion",),
        ("kind",),
        ("spec", "replicatedJobs", "1"),
        ("spec", "replicatedJobs", "0", "replicas"),
        ("spec", "failurePolicy"),
        *((*of_job, word) for word in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit")),
        *kept(*of_job, "template"),
    )
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): head["labels"],
        (*_TEMPLATE, "metadata", "labels"): labels(run),
        (*of_job, "template", "metadata", "labels"): labels(run),
    }
    return (Child("jobset", CustomResource, inputs, keeps, tagged_at=tagged_at),)


def _rules(run: Run) -> list[dict[str, Any]]:
    rules = [{"name": "deadline", "action": "FailJobSet", "onJobFailureReasons": ["DeadlineExceeded"]}]
    if run.args.queue is not None:
        # A node that was taken back counts as no failure where Kueue bounds what all attempts take together.
        rules.append(
            {
                "name": "interrupted",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
            }
        )
    return rules


def _rendezvous(run: Run) -> list[dict[str, Any]]:
    """How the workers find the first of them, in the variables that torchrun's launchers read. A set gives each pod a
    name of its own, below that of the set."""
    named = {"fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/jobset-name']"}}
    return [
        {"name": "JOBSET_NAME", "valueFrom": named},
        {"name": "MASTER_ADDR", "value": "$(JOBSET_NAME)-workers-0-0.$(JOBSET_NAME)"},
        {"name": "MASTER_PORT", "value": "29500"},
        {"name": "NNODES", "value": str(run.workers)},
    ]
