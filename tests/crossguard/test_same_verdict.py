"""The pack says of a stack exactly what the gate says, whatever the order in which the engine asks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import analyzer_pb2

from spendgate.config import load_config
from spendgate.crossguard.answers import COST_ESTIMATE, diagnostic
from spendgate.crossguard.host import PackHost
from spendgate.facts import NOT_THE_WHOLE_STACK, facts_of
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Provider, Resource
from spendgate.rules.compiled import compile_all
from spendgate.rules.selection import load_pack, select
from spendgate.sources.pulumi_program import run_program
from spendgate.sources.wire import encode_properties
from tests.conftest import ROOT

EXAMPLES = ("llm-training", "llm-training-fixed", "gke-inference")

Said = set[tuple[str, str, str, int]]


@cache
def declared(name: str) -> Declaration:
    return run_program(ROOT / "examples" / name)


@cache
def host(project: str, stack: str, folder: Path) -> PackHost:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPENDGATE_PROJECT", str(folder))
        return PackHost(load_pack("gpu-baseline"), project, stack)


def by_the_gate(declaration: Declaration) -> Said:
    config = load_config(declaration.root)
    environment = config.environment(declaration.stack)
    guardrails = compile_all(select(config.packs, config.layers(environment.name, declaration.stack), config.policies))
    checked = check(declaration, guardrails, Catalogue.builtin(), environment=environment.name, now=datetime.now(UTC))
    pack = load_pack("gpu-baseline")
    return _said(diagnostic(finding, pack, "") for finding in checked.findings)


def by_the_pack(declaration: Declaration, order: Iterable[Resource]) -> Said:
    served = host(declaration.project, declaration.stack, declaration.root)
    said: Said = set()
    for resource in order:
        said |= _said(served.analyze(_request(resource)).diagnostics)
    whole = analyzer_pb2.AnalyzeStackRequest(resources=[_whole(resource) for resource in declaration.resources])
    return said | _said(served.analyze_stack(whole).diagnostics)


def _said(diagnostics: Iterable[Any]) -> Said:
    return {
        (item.policyName, item.urn, item.message, item.enforcementLevel)
        for item in diagnostics
        if item.policyName != COST_ESTIMATE
    }


def _request(resource: Resource) -> Any:
    request = analyzer_pb2.AnalyzeRequest(
        type=resource.type, urn=resource.address, name=resource.name, properties=_struct(resource)
    )
    _provide(request, resource)
    return request


def _whole(resource: Resource) -> Any:
    message = analyzer_pb2.AnalyzerResource(
        type=resource.type,
        urn=resource.address,
        name=resource.name,
        parent=resource.parent or "",
        dependencies=resource.dependencies,
        propertyDependencies={
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in resource.property_dependencies.items()
        },
    )
    _provide(message, resource)
    return message


def _provide(message: Any, resource: Resource) -> None:
    message.options.parent = resource.parent or ""
    if resource.provider is not None:
        message.provider.type = f"pulumi:providers:{resource.provider.package}"
        message.provider.urn = resource.provider.address
        message.provider.properties.CopyFrom(encode_properties(resource.provider.properties))


def _struct(resource: Resource) -> struct_pb2.Struct:
    return encode_properties(resource.properties)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_get_the_same_verdict(name: str) -> None:
    declaration = declared(name)
    assert by_the_pack(declaration, declaration.resources) == by_the_gate(declaration)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(11)), name=st.sampled_from(EXAMPLES))
def test_the_order_of_registration_does_not_matter(order: list[int], name: str) -> None:
    resources = declared(name).resources
    shuffled = [resources[index] for index in order if index < len(resources)] + list(resources[11:])
    assert by_the_pack(declared(name), shuffled) == by_the_gate(declared(name))


class TestAPartOfAStack:
    """What counts as unknown while the rest of the stack is not known."""

    aws = Provider("aws", "urn:aws", {"region": "us-east-1"})

    def facts(self, type_: str, **properties: Any) -> Any:
        resource = Resource(type_, "it", f"urn:pulumi:dev::demo::{type_}::it", properties, self.aws)
        declaration = Declaration("demo", "dev", Path(), (resource,))
        return facts_of(declaration, Catalogue.builtin(), whole=False)[0].facts

    def test_what_another_resource_may_say_is_unknown(self) -> None:
        assert NOT_THE_WHOLE_STACK in self.facts("aws:s3/bucket:Bucket").unknowns["lifecycle"]
        assert NOT_THE_WHOLE_STACK in self.facts("aws:ebs/volume:Volume", size=1).unknowns["attached"]

    def test_what_the_resource_says_itself_is_known(self) -> None:
        facts = self.facts("aws:eks/nodeGroup:NodeGroup", instanceTypes=["p4d.24xlarge"], scalingConfig={"maxSize": 2})
        assert facts.instance_type == "p4d.24xlarge"
        assert "instance_type" not in facts.unknowns

    def test_a_reference_that_is_not_there_hides_nothing(self) -> None:
        facts = self.facts("aws:eks/nodeGroup:NodeGroup", scalingConfig={"maxSize": 2})
        assert not any(NOT_THE_WHOLE_STACK in reason for reason in facts.unknowns.values())

    def test_a_reference_that_is_there_hides_what_it_may_say(self) -> None:
        facts = self.facts("aws:eks/nodeGroup:NodeGroup", launchTemplate={"id": UNKNOWN}, scalingConfig={"maxSize": 2})
        assert NOT_THE_WHOLE_STACK in facts.unknowns["instance_type"]
