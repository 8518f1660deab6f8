"""An engine shows resources in no order: what a pack says of them is the same each time, and what ``check`` says."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from pulumi.runtime.proto import analyzer_pb2

from spendgate.bench import declare
from spendgate.crossguard.host import PackHost
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration
from spendgate.rules.compiled import compile_all
from spendgate.rules.selection import load_pack, select
from tests.crossguard.test_same_verdict import _request, _whole

PACK = """\
apiVersion: spendgate.dev/v1
kind: Pack
metadata: {name: own, version: 1.0.0, title: T, description: D}
spec:
  guardrails:
    - {name: monthly-stack-budget, params: {monthly_usd: 100000}}
    - {name: gpu-count-per-stack, params: {max: 1}}
    - {name: gpu-models-per-stack, params: {max: 1}}
"""
REGION = {"region": "us-east-1"}


def instance(name: str, type_: object) -> dict[str, object]:
    return {
        "type": "aws:ec2/instance:Instance",
        "name": name,
        "provider": REGION,
        "properties": {"instanceType": type_},
    }


RESOURCES = [
    instance("zeta", UNKNOWN),
    instance("alpha", UNKNOWN),
    instance("mid", "g6.xlarge"),
    instance("early", "p4d.24xlarge"),
    instance("beta", UNKNOWN),
]


@pytest.fixture
def host(tmp_path, monkeypatch: pytest.MonkeyPatch) -> PackHost:  # type: ignore[no-untyped-def]
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_PROJECT", str(tmp_path))
    return PackHost(load_pack(str(tmp_path)), "test", "dev")


def by_the_pack(host: PackHost, declaration: Declaration) -> dict[str, list[str]]:
    for resource in declaration.resources:
        host.analyze(_request(resource))
    whole = analyzer_pb2.AnalyzeStackRequest(resources=[_whole(resource) for resource in declaration.resources])
    said: dict[str, list[str]] = {}
    for item in host.analyze_stack(whole).diagnostics:
        said.setdefault(item.policyName, []).append(item.message)
    return said


def test_messages_are_the_same_in_whatever_order_resources_are_registered(host: PackHost) -> None:
    said = [by_the_pack(host, declare(order)) for order in list(permutations(RESOURCES))[::7]]
    for policy in ("monthly-stack-budget", "gpu-count-per-stack", "gpu-models-per-stack"):
        assert len({tuple(one[policy]) for one in said}) == 1
    (undetermined,) = said[0]["monthly-stack-budget"]
    assert "the price of alpha, beta, zeta is known only after apply" in undetermined


def test_check_says_the_same(host: PackHost) -> None:
    declaration = declare(RESOURCES)
    guardrails = compile_all(select((host.pack,), []))
    checked = check(declaration, guardrails, Catalogue.builtin(), environment="development", now=datetime.now(UTC))
    said = by_the_pack(host, declaration)
    for finding in checked.findings:
        assert any(text.startswith(finding.message) for text in said[finding.guardrail])
    assert len(checked.findings) >= 3
