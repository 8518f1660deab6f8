"""The pack host beside Pulumi's own policy SDK: the same rules, the same resources, both over real gRPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import empty_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2

from tests.crossguard.conftest import BASELINE, UNKNOWN_TEXT, Pack, started, told

REFERENCE = Path(__file__).with_name("reference")
SAME = ("required-tags", "approved-regions", "gpu-approved-models", "notebook-idle-shutdown")

INSTANCE = "aws:ec2/instance:Instance"
BUCKET = "aws:s3/bucket:Bucket"
NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Pack, Pack]]:
    """Our pack and the reference, each a process of its own."""
    with started(BASELINE) as ours, started(REFERENCE) as theirs:
        yield ours, theirs


def ask(pack: Pack, type_: str, properties: Mapping[str, Any], region: str) -> tuple[set[str], list[Any]]:
    """What a pack says of one resource, at once and with its stack: the policies it breaks, and the diagnostics.

    The SDK leaves the resource's name to the engine, so it is not compared.
    """
    early = pack.analyze(type_, "subject", properties, region)
    late = pack.analyze_stack()
    diagnostics = [item for response in (early, late) for item in response.diagnostics]
    found = {policy for policy, _ in told(early) | told(late) if policy in SAME}
    return found, [item for item in diagnostics if item.policyName in SAME]


tags = st.dictionaries(
    st.sampled_from(["project", "team", "owner", "environment", "cost-center", "Name"]),
    st.sampled_from(["a", "dev", ""]),
)
regions = st.sampled_from(["us-east-1", "eu-west-1", "ap-south-1", "eu-central-1"])
instances = st.fixed_dictionaries(
    {"instanceType": st.sampled_from(["t3.micro", "g5.xlarge", "p4d.24xlarge", "p5.48xlarge"])}, optional={"tags": tags}
).map(lambda properties: (INSTANCE, properties))
buckets = st.fixed_dictionaries({}, optional={"tags": tags}).map(lambda properties: (BUCKET, properties))
notebooks = st.fixed_dictionaries({"instanceType": st.just("ml.t3.medium")}, optional={"tags": tags}).map(
    lambda properties: (NOTEBOOK, properties)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(resource=st.one_of(instances, buckets, notebooks), region=regions)
def test_both_refuse_the_same_resources(
    both: tuple[Pack, Pack], resource: tuple[str, dict[str, Any]], region: str
) -> None:
    ours, _ = ask(both[0], *resource, region)
    theirs, _ = ask(both[1], *resource, region)
    assert ours == theirs


def test_both_offer_their_rules_as_policies_of_the_same_name(both: tuple[Pack, Pack]) -> None:
    ours, theirs = (
        {policy.name: policy.policy_type for policy in pack.stub.GetAnalyzerInfo(empty_pb2.Empty()).policies}
        for pack in both
    )
    assert theirs.items() <= ours.items()


def test_an_unknown_value_that_is_advice_there_denies_here(both: tuple[Pack, Pack]) -> None:
    properties = {"instanceType": UNKNOWN_TEXT, "tags": dict.fromkeys(["project", "team", "owner", "cost-center"], "x")}
    properties["tags"]["environment"] = "dev"
    _, ours = ask(both[0], INSTANCE, properties, "us-east-1")
    _, theirs = ask(both[1], INSTANCE, properties, "us-east-1")
    assert [(item.policyName, item.enforcementLevel) for item in theirs] == [
        ("gpu-approved-models", analyzer_pb2.ADVISORY)
    ]
    assert [(item.policyName, item.enforcementLevel) for item in ours] == [
        ("gpu-approved-models", analyzer_pb2.MANDATORY)
    ]
