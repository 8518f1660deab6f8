"""The component provider: every component, to programs in any of Pulumi's languages."""

from __future__ import annotations

import json
from typing import Any, Final

import pulumi
from pulumi.provider.experimental import component_provider_host

from spendgate import __version__
from spendgate_components.budget_guard import BudgetGuard
from spendgate_components.checkpoint_store import CheckpointStore
from spendgate_components.gpu_cluster import GpuCluster
from spendgate_components.gpu_node_pool import GpuNodePool
from spendgate_components.inference_endpoint import InferenceEndpoint
from spendgate_components.off_hours import OffHours
from spendgate_components.tag_set import TagSet
from spendgate_components.training_job import TrainingJob
from spendgate_components.workspace import Workspace

COMPONENTS: Final[list[type[pulumi.ComponentResource]]] = [
    BudgetGuard,
    CheckpointStore,
    GpuCluster,
    GpuNodePool,
    InferenceEndpoint,
    TagSet,
    OffHours,
    TrainingJob,
    Workspace,
]


def main() -> None:
    """Serve the components over Pulumi's protocol until the engine ends it."""
    component_provider_host(COMPONENTS, name="spendgate", version=__version__)


def schema() -> dict[str, Any]:
    """Pulumi's schema of the components, as the provider gives it to the engine."""
    from pulumi.provider.experimental.component import ComponentProvider

    text = ComponentProvider(COMPONENTS, name="spendgate", version=__version__).schema
    found: dict[str, Any] = json.loads(text or "{}")
    return found
