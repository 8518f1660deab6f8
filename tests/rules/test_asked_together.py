"""Resources that are alike are asked about once: each gets the findings that it gets when it is asked about by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.errors import Place
from spendgate.estimate import estimate
from spendgate.estimate.usage import Usage
from spendgate.estimate.usage_file import read_usage
from spendgate.facts import derive, facts_of
from spendgate.facts.model import Workload
from spendgate.facts.table import load_mappings
from spendgate.gate import resource_findings, tag_words
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Options, Provider, Resource, Secret
from spendgate.rules.compiled import Compiled, compile_all
from spendgate.rules.evaluate import ask
from spendgate.rules.guardrail import Selected, Target
from spendgate.rules.library import load_folders, load_library
from spendgate.rules.vocabulary import StackContext
from spendgate.subjects import drivers_by_resource, lines_by_resource, resource_subject
from spendgate.verdict import Finding
from tests.facts.test_derived_together import changed, declared, in_one_stack, moved

CATALOGUE = Catalogue.builtin()
NOW = datetime(2026, 1, 1, tzinfo=UTC)

OWN = {
    # Of each kind of thing that a guardrail may read, one that hangs on it and one that only tells it.
    "type": ("resource.type.contains('ucket')", "resource.type"),
    "told-type": ("false", "resource.type"),
    "name": ("resource.name < resource.address", "resource.name + resource.address + resource.parent"),
    "protect": ("resource.options.protect", "resource.options.ignore_changes.join(';')"),
    "ignored": ("size(resource.options.ignore_changes) == 0", "string(resource.options.protect)"),
    "team": ("!('team' in facts.tags)", "facts.tags['team'] + string(size(facts.tag_keys))"),
    "keys": ("size(facts.tag_keys) > 2", "facts.tag_keys.join(';')"),
    "told-facts": ("false", "facts.kind + facts.provider + string(size(facts.tags)) + string(has(facts.region))"),
    "size": ("!has(facts.size_gib) || facts.size_gib < 500.0", "string(has(facts.storage_class))"),
    "cost": ("cost.monthly.expected < 100.0", "cost.monthly.text + cost.hourly.high_text + string(cost.exact_share)"),
    "run": ("!has(cost.run) || cost.run.expected < 1.0", "cost.run.text"),
    "unpriced": ("size(cost.unpriced) == 0", "cost.unpriced.map(line, line.item + line.reason).join(';')"),
    "properties": ("size(resource.properties) > 2", "string(size(resource.properties))"),
}


UNSHARED = frozenset({"own-name"})
"""Reads what no two resources have in common, so that beside it nothing is asked about together."""


@cache
def guardrails(without: frozenset[str] = UNSHARED) -> tuple[Compiled, ...]:
    """Those that come with it, and the ones above."""
    with TemporaryDirectory() as folder:
        for name, (expression, message) in OWN.items():
            (Path(folder) / f"own-{name}.yaml").write_text(
                f"""apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {{name: own-{name}, title: Own, category: tags, severity: low, description: Own.}}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  validations:
    - {{expression: "{expression}", messageExpression: "{message}"}}
  remediation: None.
""",
                encoding="utf-8",
            )
        own = load_folders([Path(folder)])
    library = {**load_library(), **own}
    chosen = [Selected(one, one.enforcement, dict(one.defaults)) for one in library.values()]
    compiled = (one for one in compile_all(chosen) if one.guardrail.name not in without)
    return tuple(one for one in compiled if one.guardrail.target is Target.RESOURCE)


@cache
def used() -> Usage:
    """What is alike costs more where it is used more."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spendgate-usage.yaml"
        file.write_text(
            "{apiVersion: spendgate.dev/v1, kind: Usage, resources: ["
            "{match: {name: busy}, hoursPerMonth: 9, storedGib: 900, runsPerMonth: 3}]}",
            encoding="utf-8",
        )
        return read_usage(file)


def stack_of(workloads: tuple[Workload, ...]) -> StackContext:
    made = estimate(workloads, CATALOGUE, usage=used())
    words = tag_words(guardrails())
    return StackContext("dev", "test", "", "development", made, workloads, NOW, by_tag=words)


def together(resources: Sequence[Resource], asked: tuple[Compiled, ...]) -> list[Finding]:
    """The findings as the gate makes them."""
    workloads = facts_of(Declaration("test", "dev", Path(), tuple(resources)), CATALOGUE)
    context = stack_of(workloads)
    return list(resource_findings(workloads, context.estimate, asked, context))


def each_alone(resources: Sequence[Resource], asked: tuple[Compiled, ...]) -> list[Finding]:
    """The same with nothing kept from one resource, or from one guardrail, to the next."""
    with mock.patch.object(derive, "_rests_on", return_value=None):
        workloads = facts_of(Declaration("test", "dev", Path(), tuple(resources)), CATALOGUE)
    context = stack_of(workloads)
    found: list[Finding] = []
    lines, drivers = lines_by_resource(context.estimate), drivers_by_resource(context.estimate)
    for workload in workloads:
        address = workload.resource.address
        own, per_use = lines.get(address, ()), drivers.get(address, ())
        subject = resource_subject(workload, own, context.values(), context.estimate.currency, None, per_use)
        found += [finding for compiled in asked for finding in ask(compiled, subject)]
    return found


def test_of_all_that_tests_declare_in_one_stack_and_each_of_it_twice() -> None:
    stack = list(in_one_stack(declared()))[::5]
    twice = [*stack, *(moved(one, "again") for one in stack)]
    assert together(twice, guardrails()) == each_alone(twice, guardrails())


@cache
def shared() -> tuple[Resource, ...]:
    """Resources about which all is known, so that those like them are asked about with them: some of each type."""
    by_type: dict[str, list[Resource]] = {}
    for one in declared():
        for resource in one.resources:
            (workload, *_) = (*facts_of(Declaration("test", "dev", Path(), (resource,)), CATALOGUE), None)
            if workload is not None and workload.derived is not None and not workload.facts.unknowns:
                lines = estimate((workload,), CATALOGUE).lines
                if all(line.cost is not None for line in lines):
                    by_type.setdefault(resource.type, []).append(resource)
    chosen = (sorted(found, key=lambda one: -len(one.properties))[:3] for found in by_type.values())
    return tuple(resource for found in chosen for resource in found)


@st.composite
def another(draw: st.DrawFn, one: Resource) -> Resource:
    """The same resource, but for something that guardrails may read."""
    match draw(st.sampled_from(("property", "tags", "options", "type", "name", "position", "region"))):
        case "property" if one.properties:
            key = draw(st.sampled_from(sorted(one.properties)))
            return replace(one, properties={**one.properties, key: draw(changed(one.properties[key]))})
        case "tags":
            values = st.sampled_from(["nlp", "vision", "", "dev"])
            if draw(st.booleans()):
                values |= st.sampled_from([UNKNOWN, Secret("s"), 1, True, None])
            tags = draw(st.dictionaries(st.sampled_from(["team", "Team", "a", "b", "environment"]), values))
            return replace(one, properties={**one.properties, "labels" if one.package == "gcp" else "tags": tags})
        case "options":
            return replace(
                one, options=Options(draw(st.booleans()), draw(st.sampled_from([(), ("tags",), ("a", "b")])))
            )
        case "type":
            row = load_mappings().row(one.type)
            return replace(one, type=draw(st.sampled_from([*(row.types if row else ()), one.type])))
        case "name":
            name, parent = draw(st.sampled_from(["a", "busy"])), draw(st.sampled_from([None, "urn:p"]))
            return replace(one, name=name, parent=parent)
        case "position":
            return replace(one, position=Place("__main__.py", draw(st.integers(1, 3))))
        case "region":
            region = draw(st.sampled_from(["us-east-1", "eu-west-1", "us-east-1", "eu-west-1", UNKNOWN]))
            return replace(one, provider=Provider(one.package, "urn:provider", {"region": region}))
    return one


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_whatever_differs_between_resources(data: st.DataObject) -> None:
    stack = [data.draw(st.sampled_from(shared()))]
    for number in range(data.draw(st.integers(1, 8))):
        stack.append(replace(data.draw(another(stack[0])), address=f"urn:{number}"))
    asked = guardrails(data.draw(st.sampled_from((UNSHARED, UNSHARED, frozenset()))))
    assert together(stack, asked) == each_alone(stack, asked)
