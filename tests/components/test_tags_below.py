"""Tags for what others declare: everything below a component gets them, in its cloud's own spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.sources.pulumi_program import run_program
from spendgate_components import WorkloadTags
from spendgate_components.spelling import gcp_labels, kubernetes_labels
from tests.components.conftest import TAGS
from tests.components.test_tags import WHO
from tests.facts import sdk

OTHERS = """
import pulumi_aws as aws, pulumi_gcp as gcp, pulumi_kubernetes as k8s

class Others(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("others:index:Others", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        {body}
"""
OWN = WorkloadTags(**WHO).values

Declared = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    """What a program of somebody's component declares, by name; ``given`` makes the component."""

    def run(body: str, given: str = "", *, after: str = "") -> dict[str, dict[str, Any]]:
        (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
        made = given or 'Others("others", pulumi.ResourceOptions(transforms=[tags.below()]))'
        lines = body.strip().splitlines()
        program = TAGS + OTHERS.format(body=("\n" + " " * 8).join(line.strip() for line in lines))
        (tmp_path / "__main__.py").write_text(f"{program}\n{made}\n{after}\n", encoding="utf-8")
        resources = run_program(tmp_path).resources
        return {one.name: dict(one.properties) for one in resources if one.custom}

    return run


def test_whatever_takes_tags_gets_them_where_its_type_has_them(declared: Declared) -> None:
    made = declared("""
        aws.s3.Bucket("bucket", opts=below)
        aws.sqs.Queue("queue", opts=below)
        aws.autoscaling.Group("group", max_size=1, min_size=0, tags=[{"key": "Name", "value": "x", "propagate_at_launch": False}], opts=below)
        aws.iam.RolePolicyAttachment("attached", role="r", policy_arn="arn:p", opts=below)
        gcp.storage.Bucket("archive", location="US", opts=below)
        gcp.pubsub.Topic("topic", opts=below)
        gcp.container.NodePool("pool", cluster="c", node_config={"machine_type": "e2-small"}, opts=below)
        k8s.core.v1.ConfigMap("settings", opts=below)
        k8s.apps.v1.Deployment("server", spec={"selector": {}, "template": {"spec": {"containers": []}}}, opts=below)
        k8s.apiextensions.CustomResource("queue-of-team", api_version="kueue.x-k8s.io/v1beta2", kind="LocalQueue", spec={}, opts=below)
    """)
    assert made["bucket"]["tags"] == made["queue"]["tags"] == OWN
    entries = made["group"]["tags"]
    assert entries[0]["key"] == "Name"
    assert {one["key"]: one["value"] for one in entries[1:]} == OWN
    assert all(one["propagateAtLaunch"] for one in entries[1:])
    assert set(made["attached"]) == {"role", "policyArn"}
    labels = gcp_labels(OWN)
    assert made["archive"]["labels"] == made["topic"]["labels"] == labels
    assert made["pool"]["nodeConfig"] == {"machineType": "e2-small", "resourceLabels": labels}
    of_kubernetes = kubernetes_labels(OWN)
    for name in ("settings", "server", "queue-of-team"):
        assert made[name]["metadata"]["labels"] == of_kubernetes
    assert made["server"]["spec"]["template"]["metadata"]["labels"] == of_kubernetes


@pytest.mark.skipif(bool(sdk.missing("azure-native")), reason=sdk.missing("azure-native"))
def test_azure_does_not_tell_upper_from_lower_case(declared: Declared) -> None:
    body = """
        import pulumi_azure_native as azure
        azure.storage.StorageAccount("account", resource_group_name="ml", kind="StorageV2", sku={"name": "Standard_LRS"}, tags={"Team": "ops"}, opts=below)
        azure.redis.Redis("redis", resource_group_name="ml", sku={"name": "Basic", "family": "C", "capacity": 0}, opts=below)
    """
    made = declared(body)
    others = {key: value for key, value in OWN.items() if key != "team"}
    assert made["account"]["tags"] == {"Team": "ops", **others}
    assert made["redis"]["tags"] == OWN
    over = declared(body, 'Others("others", pulumi.ResourceOptions(transforms=[tags.below(over=True)]))')
    assert over["account"]["tags"] == OWN


def test_what_a_resource_says_itself_stays_unless_it_is_said_over_it(declared: Declared) -> None:
    body = """
        aws.s3.Bucket("bucket", tags={"team": "ops", "mine": "1"}, opts=below)
        aws.s3.Bucket("later", tags=pulumi.Output.from_input({"team": "ops"}), opts=below)
        aws.s3.Bucket("named", tags={"from": aws.s3.Bucket("first", opts=below).id}, opts=below)
    """
    made = declared(body)
    assert made["bucket"]["tags"] == {**OWN, "team": "ops", "mine": "1"}
    assert made["later"]["tags"] == {**OWN, "team": "ops"}
    assert made["first"]["tags"] == OWN
    over = declared(body, 'Others("others", pulumi.ResourceOptions(transforms=[tags.below(over=True)]))')
    assert over["bucket"]["tags"] == {**OWN, "mine": "1"}
    assert over["later"]["tags"] == OWN


def test_what_lies_beside_the_component_is_left_alone_and_a_stack_may_have_them_everywhere(declared: Declared) -> None:
    body = 'aws.s3.Bucket("inside", opts=below)'
    made = declared(body, after='aws.s3.Bucket("beside")')
    assert made["inside"]["tags"] == OWN
    assert "tags" not in made["beside"]
    made = declared(body, 'tags.everywhere()\nOthers("others")', after='aws.s3.Bucket("beside")')
    assert made["inside"]["tags"] == made["beside"]["tags"] == OWN


def test_a_component_of_ours_keeps_the_team_of_each_namespace(declared: Declared) -> None:
    cluster = """
tags.everywhere()
GpuCluster("research", tags=tags, platform="eks", region="us-west-2", subnet_ids=["a", "b"],
           pools={"l4": ClusterPool("L4", Nodes(1))}, teams={"vision": TeamQuota(1)})
"""
    made = declared("pass", cluster)
    assert made["research-team-vision-namespace"]["metadata"]["labels"]["team"] == "vision"
    assert made["research-cluster"]["tags"] == OWN


def test_more_tags_than_a_resource_takes_are_refused_by_its_name(declared: Declared) -> None:
    body = 'aws.s3.Bucket("bucket", tags={f"x{at}": "1" for at in range(46)}, opts=below)'
    with pytest.raises(InputError) as refused:
        declared(body)
    told = f"{refused.value} {refused.value.detail}"
    assert re.search(r"bucket \(aws:s3/bucket:Bucket\) would have 51 tags, it takes 50", told)


def test_what_lies_below_a_tag_set_carries_it(declared: Declared) -> None:
    group = """
below = pulumi.ResourceOptions(parent=TagSet("llm", tags=tags))
Others("others", below)
Others("over", pulumi.ResourceOptions(parent=TagSet("strict", tags=tags, over=True)))
"""
    body = 'aws.s3.Bucket(f"{name}-bucket", tags={"team": "ops"}, opts=below)'
    made = declared(body, group)
    assert made["others-bucket"]["tags"] == {**OWN, "team": "ops"}
    assert made["over-bucket"]["tags"] == OWN


def test_a_tag_set_is_one_of_each_cloud_and_says_where_it_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    text = """
import dataclasses, json, pathlib
made = TagSet("llm", tags=dataclasses.replace(tags, dataset="s" * 64))
pulumi.Output.all(made.aws, made.azure, made.gcp, made.kubernetes).apply(
    lambda all: pathlib.Path("tags.json").write_text(json.dumps(all)))
"""
    (tmp_path / "__main__.py").write_text(TAGS + text, encoding="utf-8")
    run = run_program(tmp_path)
    aws, azure, gcp, kubernetes = json.loads((tmp_path / "tags.json").read_text(encoding="utf-8"))
    assert aws == azure == {**OWN, "dataset": "s" * 64}
    assert gcp is None
    assert kubernetes is None
    assert [one.type for one in run.resources if one.name == "llm"] == ["spendgate:index:TagSet"]
