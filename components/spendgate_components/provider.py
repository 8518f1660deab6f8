"""The component provider: every component, to programs in any of Pulumi's languages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.output import Inputs, Unknown
from pulumi.provider import ConstructResult
from pulumi.provider import main as serve
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from spendgate import __version__
from spendgate.errors import InputError
from spendgate_components.budget_guard import BudgetGuard
from spendgate_components.checkpoint_store import CheckpointStore
from spendgate_components.errors import ArgumentError
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


class Provider(ComponentProvider):
    """Pulumi's provider of components. What is wrong with a program's arguments or settings is told without a
    traceback of ours."""

    def construct(
        self, name: str, resource_type: str, inputs: Inputs, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Make a component. Raises InputPropertiesError for arguments that it refuses."""
        described = json.loads(self.schema or "{}")
        for word, kind in described["resources"].get(resource_type, {}).get("inputProperties", {}).items():
            _refuse_unknown(dict(inputs).get(word), kind, word, described["types"])
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as error:
            if isinstance(error.inner, InputError):
                raise _refusal(error.inner) from None
            raise
        except InputError as error:
            raise _refusal(error) from None


def _refusal(error: InputError) -> InputPropertiesError:
    # With an empty list of properties: the SDK fails where there is none, and the engine prints the value of each.
    return InputPropertiesError(str(error), [])


def _refuse_unknown(value: Any, described: Mapping[str, Any], path: str, types: Mapping[str, Any]) -> None:
    """Refuse a value that is not known, at any depth, where the schema wants it known (``plain``). The SDK takes an
    unknown object for an empty one, and fails over an unknown number."""
    if described.get("plain") and isinstance(value, (pulumi.Output, Unknown)):
        remedy = (
            "Take it from the stack's configuration, as no secret: what is chosen, and what it costs, depends on it."
        )
        raise _refusal(ArgumentError(f"{path} is known only after apply, or secret", remedy=remedy))
    if isinstance(value, Mapping):
        own = types.get(str(described.get("$ref", "")).removeprefix("#/types/"), {}).get("properties", {})
        every = described.get("additionalProperties", {})
        for word, item in value.items():
            _refuse_unknown(item, own.get(word, every), f"{path}.{word}", types)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for at, item in enumerate(value):
            _refuse_unknown(item, described.get("items", {}), f"{path}[{at}]", types)


def _provider() -> Provider:
    return Provider(COMPONENTS, name="spendgate", version=__version__)


def main() -> None:
    """Serve the components over Pulumi's protocol until the engine ends it."""
    serve(_provider(), sys.argv[1:])


def schema() -> dict[str, Any]:
    """Pulumi's schema of the components, as the provider gives it to the engine."""
    text = _provider().schema
    found: dict[str, Any] = json.loads(text or "{}")
    return found
