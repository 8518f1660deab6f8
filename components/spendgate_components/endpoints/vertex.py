"""Endpoints of Vertex AI with a model of Model Garden or Hugging Face. They keep a replica up: for production only."""

from __future__ import annotations

import re
from typing import Any

import pulumi_gcp.vertex as vertex

from spendgate.prices.catalogue import Catalogue
from spendgate_components.child import Child, Of
from spendgate_components.endpoints.model import Made, Served
from spendgate_components.errors import ArgumentError

_PUBLISHED = re.compile(r"publishers/[^/]+/models/[^/]+")
_HUGGING_FACE = re.compile(r"[^/\s]+/[^/\s]+")


def made(served: Served, catalogue: Catalogue) -> Made:
    """The endpoint with its deployed model."""
    choice = served.choice
    if choice is None:
        raise ArgumentError("no machine was chosen", remedy="Write another accelerator.")
    if served.least == 0:
        remedy = 'Write platform="cloudrun", which starts with the first request; or replicas=(1, …) in production.'
        raise ArgumentError("an endpoint of Vertex AI keeps at least one replica up", remedy=remedy)
    device = choice.attached or catalogue.attachable_item("gcp", choice.accelerator)
    if device is None:
        remedy = "Write another accelerator, such as L4."
        raise ArgumentError(f"Vertex AI has no accelerator type for {choice.label}", remedy=remedy)
    resources = {
        "machineSpec": {
            "machineType": choice.machine.name,
            # NVIDIA_L4 of nvidia-l4: the API's own names.
            "acceleratorType": device.upper().replace("-", "_"),
            "acceleratorCount": served.per_replica,
        },
        "minReplicaCount": served.least,
        "maxReplicaCount": served.most,
        "autoscalingMetricSpecs": [
            {
                "metricName": "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle",
                "target": int(served.busy * 100),
            }
        ],
    }
    inputs: dict[str, Any] = {
        "location": served.region,
        **_model(served),
        "deployConfig": {"dedicatedResources": resources},
    }
    fixed = ("machineSpec", "minReplicaCount", "maxReplicaCount", "spot")
    keeps = (("location",), *(("deployConfig", "dedicatedResources", word) for word in fixed))
    child = Child("endpoint", vertex.AiEndpointWithModelGardenDeployment, inputs, keeps)
    return Made(
        (child,),
        choice.accelerator.model,
        choice.machine.name,
        choice.why,
        Of("endpoint", "endpoint"),
        notes=(
            "Vertex AI is counted as its machines: what it asks on top of them has no public price in the catalogue",
        ),
        warnings=("an endpoint of Vertex AI made so takes no labels: its cost is told by the project alone",),
    )


def _model(served: Served) -> dict[str, Any]:
    uri = served.args.model_uri
    container: dict[str, Any] = {}
    if served.args.image is not None:
        container = {
            "modelConfig": {"containerSpec": {"imageUri": served.args.image, "ports": [{"containerPort": served.port}]}}
        }
    if isinstance(uri, str) and _PUBLISHED.fullmatch(uri):
        return {"publisherModelName": uri, **container}
    if isinstance(uri, str) and _HUGGING_FACE.fullmatch(uri):
        return {"huggingFaceModelId": uri, **container}
    remedy = "Write publishers/google/models/gemma3@gemma-3-1b-it, or a model of Hugging Face such as Qwen/Qwen3-0.6B."
    raise ArgumentError(f"model_uri is {uri!r}", remedy=remedy)
