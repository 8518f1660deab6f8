"""A pack prices as the project says: its discounts, its usage file with scenarios, and how old a price may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from spendgate.crossguard.host import PackHost
from spendgate.errors import InputError
from spendgate.rules.selection import load_pack

PACK = """
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: own, version: 0.1.0, title: Own, description: d}
spec:
  policies: [own]
  guardrails: [{name: growth-bounded}, {name: cheap-answers}]
"""
STACK_RULE = """
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: growth-bounded, title: t, category: own, severity: low, description: d}
spec:
  target: stack
  enforcement: mandatory
  onUnknown: deny
  validations:
    - expression: "!('growth' in stack.scenarios) || stack.scenarios.growth.high <= 100.0"
      messageExpression: "'growth costs ' + stack.scenarios.growth.text"
  remediation: r
"""
RULE = """
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: cheap-answers, title: t, category: own, severity: low, description: d}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  validations:
    - expression: "!has(cost.per_thousand_requests) || cost.per_thousand_requests.expected <= 0.01"
      messageExpression: "'1,000 answers cost ' + cost.per_thousand_requests.text"
    - expression: "cost.assumed_share == 0.0 && size(stack.cost.undetermined) == 0"
      message: rests on assumptions
  remediation: r
"""
SETTINGS = """
apiVersion: spendgate.dev/v1
kind: Config
prices: {maxAge: 1d}
discounts: [{name: EDP, match: line.provider == 'aws', percent: 50}]
"""
USAGE = """
apiVersion: spendgate.dev/v1
kind: Usage
resources:
  - {match: {name: gpu}, hoursPerMonth: 100, requestsPerMonth: 1000}
scenarios:
  growth: {instances: 4}
"""
TYPE = "aws:ec2/instance:Instance"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "growth-bounded.yaml").write_text(STACK_RULE, encoding="utf-8")
    (tmp_path / "own" / "cheap-answers.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "spendgate.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "spendgate-usage.yaml").write_text(USAGE, encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_PROJECT", str(tmp_path))
    return tmp_path


def messages(folder: Path) -> dict[str, str]:
    host = PackHost(load_pack(str(folder)), "demo", "dev")
    properties, region = struct_pb2.Struct(), struct_pb2.Struct()
    properties.update({"instanceType": "g5.xlarge"})
    region.update({"region": "us-east-1"})
    provider = analyzer_pb2.AnalyzerProviderResource(type="pulumi:providers:aws", name="aws", properties=region)
    urn = f"urn:pulumi:dev::demo::{TYPE}::gpu"
    whole = analyzer_pb2.AnalyzerResource(type=TYPE, name="gpu", urn=urn, properties=properties, provider=provider)
    answer = host.analyze_stack(analyzer_pb2.AnalyzeStackRequest(resources=[whole]))
    return {item.policyName: item.message for item in answer.diagnostics}


def test_discounts_usage_scenarios_and_the_age_of_prices_hold_in_a_pack(project: Path) -> None:
    told = messages(project)
    assert "$50.30 a month" in told["cost-estimate"]  # half of 100 h at 1.006
    assert "scenario growth: $201.20 a month" in told["cost-estimate"]
    assert "caution: prices older than 1 days" in told["cost-estimate"]
    assert "growth costs $201.20" in told["growth-bounded"]
    assert "1,000 answers cost $50.30" in told["cheap-answers"]
    assert "rests on assumptions" not in told["cheap-answers"]


def test_a_broken_usage_file_is_told_with_its_place(project: Path) -> None:
    (project / "spendgate-usage.yaml").write_text(USAGE.replace("hoursPerMonth: 100", "hoursPerMonth: 800"), "utf-8")
    with pytest.raises(InputError, match=r"spendgate-usage\.yaml:5:\d+: .*800 is greater than the maximum of 744"):
        messages(project)
