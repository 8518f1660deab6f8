"""Pulumi components for GPU work: they pass the guardrails by construction and know what they cost beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spendgate_components.budget_guard import BudgetGuard, BudgetGuardArgs
    from spendgate_components.checkpoint_store import CheckpointStore, CheckpointStoreArgs
    from spendgate_components.cost import CostRange, EstimatedCost
    from spendgate_components.errors import ArgumentError
    from spendgate_components.gpu_cluster import ClusterPool, GpuCluster, GpuClusterArgs, TeamQuota
    from spendgate_components.gpu_node_pool import GpuNodePool, GpuNodePoolArgs, Nodes
    from spendgate_components.hours import OfficeHours
    from spendgate_components.inference_endpoint import InferenceEndpoint, InferenceEndpointArgs
    from spendgate_components.off_hours import OffHours, OffHoursArgs, ScaledWorkload, ScalingGroup
    from spendgate_components.replicas import Replicas
    from spendgate_components.tag_set import TagSet, TagSetArgs
    from spendgate_components.tags import WorkloadTags
    from spendgate_components.training_job import TrainingJob, TrainingJobArgs
    from spendgate_components.workspace import Workspace, WorkspaceArgs

_WHERE = {
    "ArgumentError": "errors",
    "BudgetGuard": "budget_guard",
    "BudgetGuardArgs": "budget_guard",
    "CheckpointStore": "checkpoint_store",
    "CheckpointStoreArgs": "checkpoint_store",
    "ClusterPool": "gpu_cluster",
    "CostRange": "cost",
    "EstimatedCost": "cost",
    "GpuCluster": "gpu_cluster",
    "GpuClusterArgs": "gpu_cluster",
    "GpuNodePool": "gpu_node_pool",
    "GpuNodePoolArgs": "gpu_node_pool",
    "InferenceEndpoint": "inference_endpoint",
    "InferenceEndpointArgs": "inference_endpoint",
    "Nodes": "gpu_node_pool",
    "OffHours": "off_hours",
    "OffHoursArgs": "off_hours",
    "OfficeHours": "hours",
    "ScaledWorkload": "off_hours",
    "ScalingGroup": "off_hours",
    "Replicas": "replicas",
    "TagSet": "tag_set",
    "TagSetArgs": "tag_set",
    "TeamQuota": "gpu_cluster",
    "TrainingJob": "training_job",
    "TrainingJobArgs": "training_job",
    "WorkloadTags": "tags",
    "Workspace": "workspace",
    "WorkspaceArgs": "workspace",
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
