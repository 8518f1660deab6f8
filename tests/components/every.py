"""Every component on every platform: arguments that it takes, as plain values, and what it makes of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from spendgate.prices.catalogue import Catalogue
from spendgate_components import arguments
from spendgate_components.child import Child, Transform
from spendgate_components.component import Limits, Plan, judged
from tests.components.test_tags import WHO
from tests.facts import sdk

Arguments = dict[str, Any]

CATALOGUE = Catalogue.builtin()

_TAGS = {**WHO, "model": "ranker", "model_version": "3", "dataset": "clicks", "review_by": "2027-01-31"}
_PRODUCTION = {**_TAGS, "environment": "prod"}
_SCALED = {
    "metrics_url": "http://prometheus:9090",
    "metrics_query": "sum(rate(requests[1m]))",
    "requests_per_second": 4,
}
_POOL: Arguments = {"tags": _TAGS, "accelerator": "T4", "nodes": (0, 3), "cluster": "research"}
_CLUSTER: Arguments = {
    "tags": _TAGS,
    "pools": {"t4": {"accelerator": "T4", "nodes": {"max": 3}, "on_demand_nodes": 1}},
    "teams": {"nlp": {"accelerators": 2}},
}
_JOB: Arguments = {
    "tags": {**_TAGS, "run_type": "training"}, "accelerator": "T4", "image": "trainer:1.4.2", "max_hours": 6,
    "command": ["python", "train.py"], "checkpoint_uri": "s3://checkpoints", "memory_gib": 12,
}  # fmt: skip
_SERVED: Arguments = {"tags": _TAGS, "accelerator": "T4", "replicas": (0, 3), "image": "server:1.4.2"}
_BATCH: Arguments = {
    "subnet_ids": ["s-1"],
    "security_group_ids": ["sg-1"],
    "instance_profile_arn": "arn:aws:iam::1:p/b",
}
_GPU: Arguments = {"accelerator": "T4", "gpu_reason": "kernel-debugging", "memory_gib": 12}
_ROLE = "arn:aws:iam::1:role/work"

CASES: Mapping[str, tuple[str, Arguments]] = {
    "GpuNodePool eks": ("GpuNodePool", {**_POOL, "platform": "eks", "region": "us-west-2", "subnet_ids": ["s-1"], "node_role_arn": _ROLE, "on_demand_nodes": 1}),
    "GpuNodePool gke": ("GpuNodePool", {**_POOL, "platform": "gke", "location": "us-central1-a", "on_demand_nodes": 1}),
    "GpuNodePool aks": ("GpuNodePool", {**_POOL, "platform": "aks", "location": "eastus", "resource_group": "ml", "on_demand_nodes": 1}),
    "GpuNodePool karpenter": ("GpuNodePool", {**_POOL, "platform": "karpenter", "region": "us-west-2", "node_role_name": "n"}),
    "GpuCluster eks": ("GpuCluster", {**_CLUSTER, "platform": "eks", "region": "us-west-2", "subnet_ids": ["s-1", "s-2"], "quota": "kueue"}),
    "GpuCluster gke": ("GpuCluster", {**_CLUSTER, "platform": "gke", "location": "us-central1-a", "project": "ml"}),
    **{
        f"TrainingJob {kind} on {platform}": ("TrainingJob", {**_JOB, "platform": platform, "region": region, "runs_as": kind})
        for kind in ("job", "jobset", "rayjob")
        for platform, region in {"eks": "us-west-2", "karpenter": "us-west-2", "gke": "us-central1", "aks": "eastus"}.items()
    },
    "TrainingJob batch": ("TrainingJob", {**_JOB, "platform": "batch", "region": "us-west-2", "accelerator": "L4", **_BATCH}),
    "TrainingJob sagemaker": ("TrainingJob", {**_JOB, "platform": "sagemaker", "region": "us-west-2", "accelerator": "L4", "role_arn": _ROLE, "output_uri": "s3://models"}),
    "InferenceEndpoint sagemaker": ("InferenceEndpoint", {**_SERVED, "platform": "sagemaker", "region": "us-west-2", "accelerator": "L4", "role_arn": _ROLE, "output_uri": "s3://answers"}),
    "InferenceEndpoint vertex": ("InferenceEndpoint", {"tags": _PRODUCTION, "platform": "vertex", "accelerator": "L4", "replicas": (1, 3), "region": "us-central1", "model_uri": "Qwen/Qwen3-0.6B"}),
    "InferenceEndpoint cloudrun": ("InferenceEndpoint", {**_SERVED, "platform": "cloudrun", "accelerator": "L4", "region": "us-central1", "service_account": "serve@llm.iam"}),
    **{
        f"InferenceEndpoint {server} on {platform}": ("InferenceEndpoint", {**_SERVED, "platform": platform, "region": region, "server": server, "memory_gib": 12, **({} if server == "kserve" else _SCALED)})
        for server in ("deployment", "kserve")
        for platform, region in {"eks": "us-west-2", "karpenter": "us-west-2", "gke": "us-central1", "aks": "eastus"}.items()
    },
    "InferenceEndpoint hpa": ("InferenceEndpoint", {**_SERVED, "tags": _PRODUCTION, "replicas": (1, 2), "platform": "eks", "region": "us-west-2"}),
    "Workspace sagemaker": ("Workspace", {"tags": _TAGS, "platform": "sagemaker", "region": "us-east-1", "role_arn": _ROLE}),
    "Workspace workbench": ("Workspace", {"tags": _TAGS, "platform": "workbench", "zone": "us-central1-a", "service_account": "lab@llm.iam", "project": "llm"}),
    **{
        f"Workspace {platform}": ("Workspace", {"tags": _TAGS, "platform": platform, "region": region, "image": "lab:4.2.0", **_GPU})
        for platform, region in {"eks": "us-east-1", "karpenter": "us-east-1", "gke": "us-central1"}.items()
    },
    "CheckpointStore aws": ("CheckpointStore", {"tags": _TAGS, "cloud": "aws", "region": "us-west-2"}),
    "CheckpointStore gcp": ("CheckpointStore", {"tags": _TAGS, "cloud": "gcp", "region": "us-central1"}),
    "BudgetGuard aws": ("BudgetGuard", {"tags": _TAGS, "cloud": "aws", "monthly_usd": 3000}),
    "BudgetGuard gcp": ("BudgetGuard", {"tags": _TAGS, "cloud": "gcp", "monthly_usd": 3000, "billing_account": "012345-678901-ABCDEF"}),
    "OffHours aws": ("OffHours", {"tags": _TAGS, "platform": "aws", "region": "us-west-2", "instances": ["i-1"], "databases": ["d"], "scaling_groups": [{"name": "g", "size": 2}]}),
    "OffHours gcp": ("OffHours", {"tags": _TAGS, "platform": "gcp", "region": "us-central1", "zone": "us-central1-a", "instances": ["i"], "databases": ["d"], "project": "llm", "service_account": "a@llm.iam"}),
    "OffHours keda": ("OffHours", {"tags": _TAGS, "platform": "kubernetes", "workloads": [{"name": "w"}]}),
    "OffHours cronjob": ("OffHours", {"tags": _TAGS, "platform": "kubernetes", "workloads": [{"name": "w"}], "scheduler": "cronjob", "image": "kubectl:v1.34.1"}),
}  # fmt: skip
if sdk.missing("azure-native"):
    CASES = {case: one for case, one in CASES.items() if case != "GpuNodePool aks"}

NAME = "own"


def _module(component: str) -> Any:
    import spendgate_components

    return import_module(getattr(spendgate_components, component).__module__)


def arguments_class(component: str) -> type[Any]:
    """The class of a component's arguments."""
    found: type[Any] = getattr(_module(component), f"{component}Args")
    return found


def planned(component: str, given: Arguments, name: Any = NAME) -> tuple[Plan, Any]:
    """What a component plans, and its arguments as read."""
    args: Any = arguments.read(arguments_class(component), None, given)
    plan = _module(component).plan
    known = {"name": name, "args": args, "catalogue": CATALOGUE}
    return plan(**{word: value for word, value in known.items() if word in inspect.signature(plan).parameters}), args


def made(component: str, given: Arguments, name: Any = NAME, transforms: Sequence[Transform] = ()) -> tuple[Child, ...]:
    """The children as a component would register them."""
    plan, args = planned(component, given, name)
    words = ("max_monthly_cost", "max_cost_per_run", "approval")
    limits = Limits(**{word: getattr(args, word, None) for word in words})
    return judged(plan, limits, CATALOGUE, args.raw, tuple(transforms), name)[0]
