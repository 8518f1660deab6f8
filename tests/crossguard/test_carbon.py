"""A pack that holds a stack to a carbon budget tells what the gate tells, in the preview of Pulumi's own engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from spendgate.crossguard.host import PackHost
from spendgate.rules.selection import load_pack

PACK = """
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: green, version: 0.1.0, title: Green, description: d}
spec:
  policies: [own]
  guardrails:
    - {name: stack-carbon-budget, enforcement: mandatory, params: {monthly_kg_co2e: 500}}
    - {name: cool-machine}
"""
RULE = """
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: cool-machine, title: t, category: own, severity: low, description: d}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  matchConditions:
    - {name: is-machine, expression: "facts.kind == 'compute'"}
  validations:
    - expression: "cost.carbon.kwh.high <= 1000.0"
      messageExpression: "'draws too much: expected ' + cost.carbon.kwh.text"
  remediation: r
"""
TYPE = "aws:ec2/instance:Instance"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackHost:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cool-machine.yaml").write_text(RULE, encoding="utf-8")
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_PROJECT", str(tmp_path))
    return PackHost(load_pack(str(tmp_path)), "demo", "dev")


def test_the_carbon_of_a_resource_and_of_the_stack_is_known_to_the_pack(host: PackHost) -> None:
    urn = f"urn:pulumi:dev::demo::{TYPE}::gpu"
    properties = struct_pb2.Struct()
    properties.update({"instanceType": "p4d.24xlarge"})
    region = struct_pb2.Struct()
    region.update({"region": "us-east-1"})
    provider = analyzer_pb2.AnalyzerProviderResource(type="pulumi:providers:aws", name="aws", properties=region)
    early = host.analyze(
        analyzer_pb2.AnalyzeRequest(type=TYPE, name="gpu", urn=urn, properties=properties, provider=provider)
    )
    assert not early.diagnostics  # a schedule that stops it may follow
    whole = analyzer_pb2.AnalyzerResource(type=TYPE, name="gpu", urn=urn, properties=properties, provider=provider)
    late = host.analyze_stack(analyzer_pb2.AnalyzeStackRequest(resources=[whole]))
    messages = {item.policyName: item.message for item in late.diagnostics}
    assert "expected 1,647 kWh" in messages["cool-machine"]
    assert "the expected month causes 685 kg CO2e (1,647 kWh); the budget is 500 kg" in messages["stack-carbon-budget"]
