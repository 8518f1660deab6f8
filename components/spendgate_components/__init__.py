"""Pulumi components for GPU work: they pass the guardrails by construction and know what they cost beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spendgate_components.budget_guard import BudgetGuard, BudgetGuardArgs
    from spendgate_components.checkpoint_store import CheckpointStore, CheckpointStoreArgs
    from spendgate_components.clusters.model import ClusterPool, GpuClusterArgs, TeamQuota
    from spendgate_components.cost import CostRange, EstimatedCost
    from spendgate_components.endpoints.model import InferenceEndpointArgs
    from spendgate_components.errors import ArgumentError
    from spendgate_components.gpu_cluster import GpuCluster
    from spendgate_components.gpu_node_pool import GpuNodePool
    from spendgate_components.hours import OfficeHours
    from spendgate_components.inference_endpoint import InferenceEndpoint
    from spendgate_components.jobs.model import TrainingJobArgs
    from spendgate_components.off_hours import OffHours
    from spendgate_components.pools.model import GpuNodePoolArgs, Nodes
    from spendgate_components.replicas import Replicas
    from spendgate_components.schedules.model import OffHoursArgs, ScaledWorkload, ScalingGroup
    from spendgate_components.tag_set import TagSet, TagSetArgs
    from spendgate_components.tags import WorkloadTags
    from spendgate_components.training_job import TrainingJob
    from spendgate_components.workspace import Workspace
    from spendgate_components.workspaces.model import WorkspaceArgs

_WHERE = {
    "ArgumentError": "errors",
    "BudgetGuard": "budget_guard",
    "BudgetGuardArgs": "budget_guard",
    "CheckpointStore": "checkpoint_store",
    "CheckpointStoreArgs": "checkpoint_store",
    "ClusterPool": "clusters.model",
    "CostRange": "cost",
    "EstimatedCost": "cost",
    "GpuCluster": "gpu_cluster",
    "GpuClusterArgs": "clusters.model",
    "GpuNodePool": "gpu_node_pool",
    "GpuNodePoolArgs": "pools.model",
    "InferenceEndpoint": "inference_endpoint",
    "InferenceEndpointArgs": "endpoints.model",
    "Nodes": "pools.model",
    "OffHours": "off_hours",
    "OffHoursArgs": "schedules.model",
    "OfficeHours": "hours",
    "ScaledWorkload": "schedules.model",
    "ScalingGroup": "schedules.model",
    "Replicas": "replicas",
    "TagSet": "tag_set",
    "TagSetArgs": "tag_set",
    "TeamQuota": "clusters.model",
    "TrainingJob": "training_job",
    "TrainingJobArgs": "jobs.model",
    "WorkloadTags": "tags",
    "Workspace": "workspace",
    "WorkspaceArgs": "workspaces.model",
}

__all__ = [
    "ArgumentError",
    "BudgetGuard",
    "BudgetGuardArgs",
    "CheckpointStore",
    "CheckpointStoreArgs",
    "ClusterPool",
    "CostRange",
    "EstimatedCost",
    "GpuCluster",
    "GpuClusterArgs",
    "GpuNodePool",
    "GpuNodePoolArgs",
    "InferenceEndpoint",
    "InferenceEndpointArgs",
    "Nodes",
    "OffHours",
    "OffHoursArgs",
    "OfficeHours",
    "Replicas",
    "ScaledWorkload",
    "ScalingGroup",
    "TagSet",
    "TagSetArgs",
    "TeamQuota",
    "TrainingJob",
    "TrainingJobArgs",
    "WorkloadTags",
    "Workspace",
    "WorkspaceArgs",
]


def __getattr__(name: str) -> Any:
    # Each component imports the SDKs of its clouds; a program that uses one does not wait for the others.
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
