"""An InferenceService of KServe, which starts with the first request and goes after the last."""

from __future__ import annotations

from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource

from spendgate_components import pods
from spendgate_components.child import Child
from spendgate_components.endpoints.model import Made, Served
from spendgate_components.endpoints.pod import NOTE, choice_of, kept, pod
from spendgate_components.spelling import kubernetes_labels


def made(served: Served) -> Made:
    """The service."""
    name = pods.object_name(served.name)
    choice = choice_of(served)
    labels = kubernetes_labels(served.tags)
    predictor: dict[str, Any] = {
        "minReplicas": served.least,
        "maxReplicas": served.most,
        **pod(served, "kserve-container"),
    }
    rate = served.args.requests_per_second
    # Requests a second of one replica, where they are known; else requests that are answered at the same time.
    if rate is not None and rate * float(served.busy) >= 1:
        predictor |= {"scaleMetric": "rps", "scaleTarget": int(rate * float(served.busy))}
    else:
        predictor |= {"scaleMetric": "concurrency", "scaleTarget": 1}
    inputs = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": pods.metadata(name, labels, served.args.namespace),
        "spec": {"predictor": predictor},
    }
    fixed = ("minReplicas", "maxReplicas", "workerSpec", "model")
    keeps = (
        ("apiVersion",),
        ("kind",),
        ("metadata", "name"),
        *(("spec", "predictor", word) for word in fixed),
        *kept("spec", "predictor"),
    )
    child = Child("inference-service", CustomResource, inputs, keeps, tagged_at={("metadata", "labels"): labels})
    return Made(
        (child,), choice.accelerator.model, choice.machine.name, choice.why, f"http://{name}-predictor", notes=(NOTE,)
    )
