"""What an ``InferenceEndpoint`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pulumi

from spendgate_components.child import Child
from spendgate_components.choice import Choice
from spendgate_components.replicas import Replicas
from spendgate_components.tags import WorkloadTags


@dataclass(frozen=True)
class InferenceEndpointArgs:
    """Arguments of an InferenceEndpoint."""

    tags: WorkloadTags
    """Who pays, for what; model and model_version are needed, run_type is online-inference unless it is embedding."""
    platform: str
    """sagemaker, vertex, cloudrun, or what starts the nodes of a Kubernetes cluster: eks, gke, aks or karpenter."""
    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB. Cloud Run has L4 and RTX PRO 6000."""
    replicas: Replicas
    """How many copies serve."""
    image: str | None = None
    """The container image, with a version or digest. Needed everywhere but on Vertex AI."""
    model_uri: pulumi.Input[str] | None = None
    """Where the weights lie. SageMaker: s3://…/model.tar.gz. Vertex AI: a model of Model Garden
    (publishers/google/models/gemma3@gemma-3-1b-it) or of Hugging Face (Qwen/Qwen3-0.6B). Others: given as MODEL_URI."""
    command: list[str] | None = None
    """What is run, on Cloud Run and Kubernetes. Default: what the image says."""
    port: int | None = None
    """The port that the container listens on, 1 to 65535. Default: 8080."""
    per_replica: int | None = None
    """Accelerators of one copy, 1 to 16; one on Cloud Run. Default: 1."""
    requests_per_second: float | None = None
    """Requests that one copy answers in a second when it is fully used, as measured, 0.0001 to 1,000,000. Without it
    the cost of a thousand inferences is not known."""
    target_utilisation: float | None = None
    """How busy the autoscaler keeps the copies, 0.1 to 1. Default: 0.7."""
    region: str | None = None
    """The region. Default: that of the stack's configuration."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    cpu: float | None = None
    """Cloud Run, Kubernetes: CPUs of a copy, above 0. Default: the fewest that Cloud Run allows; four fifths of the
    node's."""
    memory_gib: float | None = None
    """Cloud Run, Kubernetes: memory of a copy in GiB, above 0. Default: as for the CPUs, where the node's is known."""
    spot: bool | None = None
    """Kubernetes: whether it runs on spot capacity; never in production. Default: outside production."""
    zonal_redundancy: bool | None = None
    """Cloud Run: whether GPUs are kept ready in several zones, at a higher price. Default: in production."""
    server: str | None = None
    """Kubernetes: deployment (default) or kserve (an InferenceService)."""
    scaler: str | None = None
    """Deployment: hpa (by CPU, at least one copy) or keda (by a query of Prometheus, from none). Default: keda where
    the fewest are none or there is a query."""
    metrics_url: str | None = None
    """KEDA: the address of Prometheus, as http://prometheus.monitoring:9090."""
    metrics_query: str | None = None
    """KEDA: a query for the requests per second of all copies."""
    namespace: pulumi.Input[str] | None = None
    """Kubernetes: the namespace. Default: that of the provider."""
    role_arn: pulumi.Input[str] | None = None
    """SageMaker: the execution role."""
    service_account: pulumi.Input[str] | None = None
    """Cloud Run (needed): the e-mail address of the service account. Kubernetes: its name."""
    output_uri: pulumi.Input[str] | None = None
    """SageMaker: where answers are written (s3://…). An endpoint that empties itself is asynchronous and needs it."""
    max_monthly_cost: float | None = None
    """US dollars, from 0. An endpoint that may cost more, at its largest size for 730 hours, is refused without an
    approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and limits stay."""


@dataclass(frozen=True)
class Served:
    """What an endpoint is, with every default filled in: what each platform makes its children from.

    ``choice`` is None on Cloud Run, which has no machine types.
    """

    name: str
    args: InferenceEndpointArgs
    tags: dict[str, str]
    choice: Choice | None
    region: str
    least: int
    expected: int
    most: int
    per_replica: int
    port: int
    busy: Decimal
    spot: bool
    production: bool


@dataclass(frozen=True)
class Made:
    """What a platform makes of it: children, the accelerator's model, the machine and why it is that one, where the
    endpoint answers, and what to tell."""

    children: tuple[Child, ...]
    model: str
    machine: str
    why: str
    address: Any
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
