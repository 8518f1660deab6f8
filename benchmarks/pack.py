"""Analysis of one 40-property resource: the pack host with all guardrails of the baseline beside Pulumi's own policy
SDK with as many policies, each of which reads three properties. Both are asked in this process, without the wire."""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks.timing import per_call

RESOURCES = 1200
"""More than are asked in all, so that no question is asked twice."""

CALLS = 200


def measure() -> dict[str, float]:
    """CPU milliseconds a resource of both, and their ratio; every resource differs in name, size and tags."""
    requests = [request(index) for index in range(RESOURCES)]
    host, policies = _host()
    servicer = _reference(policies)
    ours, theirs = itertools.cycle(requests), itertools.cycle(requests)
    pack = per_call(lambda: host.analyze(next(ours)), CALLS) * 1000
    reference = per_call(lambda: servicer.Analyze(next(theirs), None), CALLS) * 1000
    return {
        "pack, ms per 40-property resource": pack,
        f"pulumi_policy, {policies} policies, ms": reference,
        "pack / pulumi_policy": pack / reference,
    }


def _host() -> tuple[Any, int]:
    from spendgate.crossguard.host import PackHost
    from spendgate.rules.selection import load_pack

    host = PackHost(load_pack("gpu-baseline"), "bench", "dev")
    return host, len(host.guardrails)


def _reference(count: int) -> Any:
    from pulumi_policy import EnforcementLevel, ResourceValidationArgs, ResourceValidationPolicy
    from pulumi_policy.policy import _PolicyAnalyzerServicer

    def validate(args: ResourceValidationArgs, report: Any) -> None:
        tags = args.props.get("tags") or {}
        if not tags.get("team") or args.props.get("instanceType") == "p5.48xlarge" or args.props.get("monitoring"):
            report("refused")

    policies = [ResourceValidationPolicy(f"policy-{index}", "reads three", validate) for index in range(count)]
    return _PolicyAnalyzerServicer("reference", "1.0.0", policies, EnforcementLevel.MANDATORY)


def request(index: int) -> Any:
    """An EC2 instance with forty properties."""
    from pulumi.runtime.proto import analyzer_pb2

    properties: dict[str, Any] = {
        "instanceType": ("g5.xlarge", "g5.2xlarge", "g6.xlarge", "m5.large", "p4d.24xlarge")[index % 5],
        "ami": f"ami-{index:08x}",
        "availabilityZone": "us-east-1a",
        "tags": {"project": f"p{index}", "team": "nlp", "owner": "ada", "environment": "dev", "cost-center": "cc-1"},
        "rootBlockDevice": {"volumeSize": 100 + index, "volumeType": "gp3", "encrypted": True},
        "ebsBlockDevices": [{"deviceName": f"/dev/sd{letter}", "volumeSize": 50} for letter in "bcd"],
        "vpcSecurityGroupIds": [f"sg-{index}", "sg-shared"],
        "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"},
    }
    properties |= {f"setting{number}": f"value {number} of {index}" for number in range(40 - len(properties))}
    request = analyzer_pb2.AnalyzeRequest(
        type="aws:ec2/instance:Instance",
        name=f"node-{index}",
        urn=f"urn:pulumi:dev::bench::aws:ec2/instance:Instance::node-{index}",
    )
    request.properties.update(properties)
    request.provider.type = "pulumi:providers:aws"
    request.provider.urn = "urn:pulumi:dev::bench::pulumi:providers:aws::default"
    request.provider.properties.update({"region": "us-east-1"})
    return request
