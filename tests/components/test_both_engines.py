"""Clusters, pools and tags declare the same with Pulumi's own engine as in the embedded host."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from spendgate.resource import Declaration
from spendgate.sources.engine import run_preview
from spendgate.sources.pulumi_program import run_program
from tests.components.conftest import TAGS
from tests.conftest import ROOT
from tests.stub_provider.fixtures import pulumi_cli

__all__ = ["pulumi_cli"]

pytestmark = [pytest.mark.cli, pytest.mark.usefixtures("pulumi_cli")]

PROGRAM = """
import pulumi_aws as aws, pulumi_gcp as gcp, pulumi_kubernetes as k8s

pools = {"l4": ClusterPool("L4", Nodes(4), on_demand_nodes=1)}
teams = {"nlp": TeamQuota(2)}
EKS = {"platform": "eks", "region": "us-west-2", "subnet_ids": ["subnet-1", "subnet-2"]}
GKE = {"platform": "gke", "location": "us-central1-a", "project": "ml"}
GpuCluster("aws", tags=tags, pools=pools, teams=teams, quota="kueue", **EKS)
GpuCluster("gcp", tags=tags, pools=pools, teams=teams, **GKE)
KARPENTER = {"platform": "karpenter", "region": "us-west-2", "node_role_name": "n", "cluster": "research"}
GpuNodePool("pool", tags=tags, accelerator="L4", nodes=(0, 2), **KARPENTER)

class Others(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("others:index:Others", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        first = aws.s3.Bucket(f"{name}-first", opts=below)
        aws.s3.Bucket(f"{name}-own", tags={"team": "ops"}, opts=below)
        aws.s3.Bucket(f"{name}-later", tags={"from": first.id}, opts=below)
        gcp.pubsub.Topic(f"{name}-topic", opts=below)
        k8s.core.v1.ConfigMap(f"{name}-map", metadata={"name": f"{name}-map"}, opts=below)

Others("by-transform", pulumi.ResourceOptions(transforms=[tags.below()]))
Others("by-set", pulumi.ResourceOptions(parent=TagSet("set", tags=tags, over=True)))
"""


def test_what_components_declare_is_the_same_with_the_real_engine(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(TAGS + PROGRAM, encoding="utf-8")
    real, embedded = declared(run_preview(tmp_path, stack="dev")), declared(run_program(tmp_path))
    assert set(real) == set(embedded)
    assert len(real) > 40
    for urn, properties in real.items():
        assert properties == embedded[urn], urn
    own = {name: one for urn, one in real.items() if (name := urn.rsplit("::", 1)[-1]).startswith("by-")}
    assert own["by-transform-own"]["tags"] == {**own["by-transform-first"]["tags"], "team": "ops"}
    assert own["by-set-own"]["tags"] == own["by-set-first"]["tags"]
    assert own["by-set-first"]["tags"]["owner"] == "nlp@example.com"
    assert own["by-transform-topic"]["labels"]["owner"] == "nlp_example_com"
    assert own["by-transform-map"]["metadata"]["labels"]["owner"] == "nlp_example.com"


REMOTE = """
import pulumi, pulumi_aws as aws
from spendgate_components import WorkloadTags

class Remote(pulumi.ComponentResource):
    aws: pulumi.Output[dict]

    def __init__(self, name, tags):
        super().__init__("spendgate:index:TagSet", name, {"tags": tags, "aws": None}, None, remote=True)

who = {"project": "llm", "team": "nlp", "owner": "nlp@example.com", "environment": "dev", "costCenter": "cc-4711"}
TAGS_OF_ALL = {"project": "llm", "team": "nlp", "owner": "x@example.com", "environment": "dev", "cost_center": "cc-4711"}
made = Remote("llm", who)

class Store(pulumi.ComponentResource):
    def __init__(self, name, opts):
        inputs = {"tags": who, "cloud": "aws", "region": "us-west-2", "accessLogBucket": "logs"}
        super().__init__("spendgate:index:CheckpointStore", name, inputs, opts, remote=True)

more = WorkloadTags(**TAGS_OF_ALL, extra={"ticket": "FIN-42"})
Store("far", pulumi.ResourceOptions(transforms=[more.below()]))
aws.s3.Bucket("tagged", tags=made.aws, opts=pulumi.ResourceOptions(parent=made))
"""


def test_a_tag_set_of_the_component_provider_gives_its_tags_to_other_programs(
    tmp_path: Path, pulumi_cli: dict[str, str]
) -> None:
    """As a program in another language has it: through its outputs. Of transforms the engine knows the program's own."""
    plugin = Path(pulumi_cli["PULUMI_HOME"]).parent / "plugins" / "pulumi-resource-spendgate"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "components")])
    plugin.write_text(
        f'#!/bin/sh\nPYTHONPATH="{paths}" exec "{sys.executable}" "{ROOT / "components"}" "$@"\n', encoding="utf-8"
    )
    plugin.chmod(0o755)
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    (tmp_path / "__main__.py").write_text(REMOTE, encoding="utf-8")
    found = {one.name: one.properties for one in run_preview(tmp_path, stack="dev").resources}
    own = {
        "project": "llm", "team": "nlp", "owner": "nlp@example.com", "environment": "dev", "cost-center": "cc-4711",
    }  # fmt: skip
    assert found["tagged"]["tags"] == own
    # The other way round: a transform of the program reaches what a component of another process declares.
    assert found["far-bucket"]["tags"] == {**own, "data-stage": "checkpoints", "ticket": "FIN-42"}


def declared(declaration: Declaration) -> dict[str, Any]:
    return {
        one.address: dict(one.properties)
        for one in declaration.resources
        if one.custom and not one.type.startswith("pulumi:providers:")
    }
