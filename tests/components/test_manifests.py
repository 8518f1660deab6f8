"""What components make of Kubernetes is what its API takes: every object is held to its schema."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from spendgate.sources.pulumi_program import run_program
from spendgate_components.provider import COMPONENTS
from tests.components.conftest import TAGS
from tests.components.manifests import custom_resources, manifest_of, problems

PLACES = {"eks": "us-west-2", "karpenter": "us-east-1", "gke": "us-central1"}

JOBS = """
tags = dataclasses.replace(tags, model="ranker", dataset="clicks", run_type="fine-tuning")
ways = {
    "job": {},
    "queued-job": {"queue": "nlp", "min_workers": 1},
    "set": {"runs_as": "jobset"},
    "queued-set": {"runs_as": "jobset", "queue": "nlp", "gang": True},
    "ray": {"runs_as": "rayjob", "min_workers": 1},
    "queued-ray": {"runs_as": "rayjob", "queue": "nlp", "gang": True},
}
for name, way in ways.items():
    TrainingJob(
        name, tags=tags, platform="PLATFORM", region="REGION", accelerator="L4", workers=2, max_hours=6, memory_gib=12,
        image="registry.example.com/trainer:1.4.2", command=["python", "train.py"], checkpoint_uri="s3://checkpoints",
        namespace="research", service_account="trainer", **way,
    )
"""
ENDPOINTS = """
tags = dataclasses.replace(tags, model="ranker", model_version="3", environment="prod", review_by="2027-01-31")
ways = {
    "keda": {"replicas": (0, 4), "metrics_url": "http://prometheus:9090", "metrics_query": "sum(rate(requests[1m]))"},
    "hpa": {"replicas": (1, 4)},
    "kserve": {"replicas": (0, 4), "server": "kserve"},
}
for name, way in ways.items():
    InferenceEndpoint(
        name, tags=tags, platform="PLATFORM", region="REGION", accelerator="L4", memory_gib=12, requests_per_second=12,
        image="registry.example.com/server:1.4.2", **way,
    )
"""
CLUSTERS = """
for quota in ("resource-quota", "kueue"):
    GpuCluster(
        quota, tags=tags, WHERE, quota=quota, pools={"l4": ClusterPool("L4", Nodes(4))},
        teams={"nlp": TeamQuota(2, cpu=8, memory_gib=32), "vision": TeamQuota(2)},
    )
"""
WORKSPACES = """
for name, more in {"gpu": {"accelerator": "L4", "gpu_reason": "kernel-debugging", "memory_gib": 12}, "cpu": {}}.items():
    Workspace(
        name, tags=tags, platform="PLATFORM", region="REGION", image="lab:4.2.0", service_account="lab", **more
    )
"""
OFF_HOURS = """
for name, more in {"keda": {}, "cron": {"scheduler": "cronjob", "image": "registry.k8s.io/kubectl:v1.34.1"}}.items():
    OffHours(
        name, tags=tags, platform="kubernetes", namespace="research",
        workloads=[{"name": "trainer"}, {"name": "cache", "kind": "StatefulSet"}], **more,
    )
"""
POOL = """
GpuNodePool(
    "train", tags=tags, platform="karpenter", accelerator="L4", per_node=4, nodes=(0, 2), cluster="research",
    region="us-west-2", node_role_name="nodes", labels={"zone": "lab"},
)
"""

PROGRAMS = {
    "pool with karpenter": POOL,
    "off hours": OFF_HOURS,
    "cluster on eks": CLUSTERS.replace(
        "WHERE", 'platform="eks", region="us-west-2", subnet_ids=["subnet-1", "subnet-2"]'
    ),
    "cluster on gke": CLUSTERS.replace("WHERE", 'platform="gke", location="us-central1-a", project="ml"'),
    **{
        f"{what} on {platform}": program.replace("PLATFORM", platform).replace("REGION", region)
        for what, program in {"jobs": JOBS, "endpoints": ENDPOINTS, "workspaces": WORKSPACES}.items()
        for platform, region in PLACES.items()
    },
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_object_of_kubernetes_is_one_that_the_api_takes(name: str, tmp_path: Path) -> None:
    objects = [resource for resource in _declared(PROGRAMS[name], tmp_path) if resource.type.startswith("kubernetes:")]
    assert objects
    assert [problem for resource in objects for problem in problems(manifest_of(resource))] == []


def _declared(program: str, folder: Path) -> Any:
    (folder / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    text = f"import dataclasses\n{TAGS}\n{dedent(program)}"
    (folder / "__main__.py").write_text(text, encoding="utf-8")
    return run_program(folder, stack="dev").resources


def test_every_component_that_makes_something_of_kubernetes_is_held_to_it() -> None:
    others = {"BudgetGuard", "CheckpointStore", "TagSet"}
    told = {word for program in PROGRAMS.values() for word in re.findall(r"^ *([A-Z]\w+)\($", program, re.M)}
    assert told == {component.__name__ for component in COMPONENTS} - others


PODS = {"spec": {"containers": [{"name": "worker", "image": "trainer:1"}]}}
JOBSET: dict[str, Any] = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "tune"},
    "spec": {"replicatedJobs": [{"name": "workers", "template": {"spec": {"template": PODS}}}]},
}


def test_an_object_that_the_api_takes_has_no_problem() -> None:
    assert problems(JOBSET) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"replicatedJob": []}, "spec.replicatedJob: no such field"),
        ({"suspend": "yes"}, "spec.suspend: 'yes' is no boolean"),
        ({"failurePolicy": {"maxRestarts": 1.5}}, "maxRestarts: 1.5 is no integer"),
        ({"ttlSecondsAfterFinished": -1}, "-1 is no integer from 0"),
        ({"successPolicy": {}}, "successPolicy.operator: missing"),
        ({"startupPolicy": {"startupPolicyOrder": "Any"}}, "'Any' is none of"),
        ({"replicatedJobs": [{"name": "a", "template": {"spec": {"parallel": 2, "template": PODS}}}]}, "parallel"),
        ({"coordinator": 3}, "3 is no object"),
        ({"replicatedJobs": {}}, "{} is no list"),
    ],
)
def test_a_mistake_in_a_custom_resource_is_found_with_its_path(spec: dict[str, Any], told: str) -> None:
    found = problems({**JOBSET, "spec": spec})
    assert any(told in one for one in found), found


def test_a_mistake_in_kubernetes_own_objects_and_labels_is_found() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": {"owner": "nlp@example.com"}}}
    pods = {"metadata": {}, "spec": {"containers": [{"name": "a", "imagee": "b"}], "restartPolicy": "Never"}}
    found = problems({**job, "spec": {"template": pods}})
    assert len(found) == 2
    assert "owner=nlp@example.com is no label" in found[0]
    assert "imagee" in found[1]
    assert problems({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}}) == [
        "example.com/v1 Thing: not in custom_resources.yaml"
    ]


def test_every_custom_resource_says_where_and_when_its_fields_were_read() -> None:
    for name, tree in custom_resources().items():
        assert tree["from"].count(",") >= 2, name
