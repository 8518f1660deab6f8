"""Endpoints, workspaces and off-hours: their children are called so for good, know their inputs, and obey options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.sources.pulumi_program import run_program
from spendgate_components import Replicas, ScalingGroup
from spendgate_components.child import Child
from spendgate_components.component import Limits, judged
from spendgate_components.inference_endpoint import plan as plan_endpoint
from spendgate_components.off_hours import plan as plan_hours
from spendgate_components.workspace import plan as plan_workspace
from tests.components.conftest import TAGS
from tests.components.sdk_names import misspelt
from tests.components.test_inference_endpoint import ARGS as ENDPOINTS
from tests.components.test_inference_endpoint import PRODUCTION, endpoint
from tests.components.test_off_hours import ARGS as HOURS
from tests.components.test_off_hours import nights
from tests.components.test_workspace import ARGS as WORKSPACES
from tests.components.test_workspace import GPU, workspace

CATALOGUE = Catalogue.builtin()


def made(planned: Any) -> tuple[Child, ...]:
    children: tuple[Child, ...] = judged(planned, Limits(), CATALOGUE, None, (), "x")[0]
    return children


def every_child() -> list[Any]:
    found: dict[str, tuple[Child, ...]] = {}
    for platform in ENDPOINTS:
        least = 1 if platform == "vertex" else 0
        tags = PRODUCTION if platform == "vertex" else {}
        args = endpoint(platform, tags=tags, replicas=Replicas(3, min=least))
        found[f"endpoint-{platform}"] = made(plan_endpoint("x", args, CATALOGUE))
    warm = endpoint("sagemaker", tags=PRODUCTION, replicas=Replicas(2, min=1), model_uri="s3://w", output_uri=None)
    found["endpoint-warm"] = made(plan_endpoint("x", warm, CATALOGUE))
    for platform in WORKSPACES:
        more = {**GPU, **({"memory_gib": 12} if platform == "gke" else {})}
        found[f"workspace-{platform}"] = made(plan_workspace("x", workspace(platform, **more), CATALOGUE))
    for platform in HOURS:
        found[f"hours-{platform}"] = made(plan_hours("x", nights(platform), CATALOGUE))
    more = {"databases": ["d"], "scaling_groups": [ScalingGroup("g", 1)]}
    found["hours-aws-more"] = made(plan_hours("x", nights("aws", **more), CATALOGUE))
    more = {"databases": ["d"], "project": "llm", "service_account": "a@llm.iam"}
    found["hours-gcp-more"] = made(plan_hours("x", nights("gcp", **more), CATALOGUE))
    more = {"scheduler": "cronjob", "image": "kubectl:v1.34.1"}
    found["hours-cronjob"] = made(plan_hours("x", nights("kubernetes", **more), CATALOGUE))
    return [pytest.param(child, id=f"{name}-{child.key}") for name, children in found.items() for child in children]


@pytest.mark.parametrize("child", every_child())
def test_every_input_is_one_of_the_sdk(child: Child) -> None:
    assert misspelt(child) == []


ENDPOINT = 'dataclasses.replace(tags, model="ranker", model_version="3")'
KEDA = 'metrics_url="http://p:9090", metrics_query="q", requests_per_second=4'

CASES = {
    f'InferenceEndpoint("x", tags={ENDPOINT}, platform="sagemaker", accelerator="L4", replicas=(0, 3), region="us-west-2", image="i:1", role_arn="arn:r", output_uri="s3://o", OPTS)': (
        "aws",
        [
            "aws:appautoscaling/policy:Policy::x-policy",
            "aws:appautoscaling/policy:Policy::x-wake-policy",
            "aws:appautoscaling/target:Target::x-target",
            "aws:cloudwatch/metricAlarm:MetricAlarm::x-wake-alarm",
            "aws:sagemaker/endpoint:Endpoint::x-endpoint",
            "aws:sagemaker/endpointConfiguration:EndpointConfiguration::x-config",
            "aws:sagemaker/model:Model::x-model",
        ],
    ),
    f'InferenceEndpoint("x", tags={ENDPOINT}, platform="cloudrun", accelerator="L4", replicas=(0, 3), region="us-central1", image="i:1", service_account="a@b", OPTS)': (
        "gcp",
        ["gcp:cloudrunv2/service:Service::x-service"],
    ),
    f'InferenceEndpoint("x", tags={ENDPOINT}, platform="eks", accelerator="L4", replicas=(0, 3), region="us-west-2", image="i:1", {KEDA}, OPTS)': (
        "kubernetes",
        [
            "kubernetes:apps/v1:Deployment::x-deployment",
            "kubernetes:core/v1:Service::x-service",
            "kubernetes:keda.sh/v1alpha1:ScaledObject::x-autoscaler",
        ],
    ),
    f'InferenceEndpoint("x", tags={ENDPOINT}, platform="eks", server="kserve", accelerator="L4", replicas=(0, 3), region="us-west-2", image="i:1", OPTS)': (
        "kubernetes",
        ["kubernetes:serving.kserve.io/v1beta1:InferenceService::x-inference-service"],
    ),
    'Workspace("x", tags=tags, platform="sagemaker", region="us-east-1", role_arn="arn:r", OPTS)': (
        "aws",
        [
            "aws:iam/role:Role::x-scheduler-role",
            "aws:iam/rolePolicy:RolePolicy::x-scheduler-policy",
            "aws:sagemaker/notebookInstance:NotebookInstance::x-notebook",
            "aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration::x-idle-stop",
            "aws:scheduler/schedule:Schedule::x-start",
            "aws:scheduler/schedule:Schedule::x-stop",
        ],
    ),
    'Workspace("x", tags=tags, platform="workbench", zone="us-central1-a", service_account="a@b", project="llm", OPTS)': (
        "gcp",
        [
            "gcp:cloudscheduler/job:Job::x-start",
            "gcp:cloudscheduler/job:Job::x-stop",
            "gcp:workbench/instance:Instance::x-notebook",
        ],
    ),
    'Workspace("x", tags=tags, platform="eks", region="us-east-1", image="lab:1", OPTS)': (
        "kubernetes",
        [
            "kubernetes:apps/v1:StatefulSet::x-notebook",
            "kubernetes:core/v1:PersistentVolumeClaim::x-home",
            "kubernetes:core/v1:Service::x-service",
            "kubernetes:keda.sh/v1alpha1:ScaledObject::x-hours",
        ],
    ),
    'OffHours("x", tags=tags, platform="aws", region="us-west-2", instances=["i-1"], scaling_groups=[ScalingGroup("g", 1)], OPTS)': (
        "aws",
        [
            "aws:autoscaling/schedule:Schedule::x-start-group-0",
            "aws:autoscaling/schedule:Schedule::x-stop-group-0",
            "aws:iam/role:Role::x-role",
            "aws:iam/rolePolicy:RolePolicy::x-policy",
            "aws:scheduler/schedule:Schedule::x-start-instances",
            "aws:scheduler/schedule:Schedule::x-stop-instances",
        ],
    ),
    'OffHours("x", tags=tags, platform="gcp", region="us-central1", zone="us-central1-a", instances=["i"], OPTS)': (
        "gcp",
        [
            "gcp:compute/resourcePolicy:ResourcePolicy::x-schedule",
            "gcp:compute/resourcePolicyAttachment:ResourcePolicyAttachment::x-attach-0",
        ],
    ),
    'OffHours("x", tags=tags, platform="kubernetes", scheduler="cronjob", image="kubectl:v1.34.1", workloads=[{"name": "w"}], OPTS)': (
        "kubernetes",
        [
            "kubernetes:batch/v1:CronJob::x-start-0",
            "kubernetes:batch/v1:CronJob::x-stop-0",
            "kubernetes:core/v1:ServiceAccount::x-account",
            "kubernetes:rbac.authorization.k8s.io/v1:Role::x-role",
            "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::x-binding",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", CASES)
def test_a_new_version_renames_nothing_and_options_hold_for_children(call: str, tmp_path: Path) -> None:
    """Urns are what Pulumi knows a resource by: a change here replaces it, and needs aliases in the component."""
    package, urns = CASES[call]
    component = call.split("(")[0]
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    options = 'opts=pulumi.ResourceOptions(protect=True, providers=[own], aliases=[pulumi.Alias(name="old")])'
    (tmp_path / "__main__.py").write_text(
        TAGS
        + f'import dataclasses\nimport pulumi_{package} as sdk\nown = sdk.Provider("own")\n'
        + call.replace("OPTS", options),
        encoding="utf-8",
    )
    registered = {one.name: one for one in run_program(tmp_path).resources}
    assert registered["x"].options.aliases == (f"urn:pulumi:dev::platform::spendgate:index:{component}::old",)
    children = [one for one in registered.values() if one.name.startswith("x-")]
    head = f"urn:pulumi:dev::platform::spendgate:index:{component}$"
    assert sorted(one.address.removeprefix(head) for one in children) == urns
    for child in children:
        assert child.options.protect
        assert child.provider is not None
        assert child.provider.address.endswith("::own")
