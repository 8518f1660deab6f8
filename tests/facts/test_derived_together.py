"""Resources that are alike are derived once: what is so derived is what each has when it is derived by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.bench import case_files, read_cases
from spendgate.estimate import estimate
from spendgate.facts import derive
from spendgate.facts.derive import Derived, facts_of
from spendgate.facts.table import load_mappings
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Resource, Secret
from spendgate.rules.library import add_files, guardrail_files
from spendgate.shipped import policies_dir
from spendgate.sources.pulumi_program import run_program
from tests.conftest import ROOT
from tests.estimate.declaring import cases, declaration

CATALOGUE = Catalogue.builtin()
EXAMPLES = sorted(
    path.parent for path in (ROOT / "examples").glob("*/Pulumi.yaml") if "python" in path.read_text(encoding="utf-8")
)


def told(resources: Sequence[Resource]) -> list[str]:
    """Everything that is derived of the resources of one stack, and what they cost; as text, for 1 equals true."""
    found = facts_of(Declaration("test", "dev", Path(), tuple(resources)), CATALOGUE)
    facts = [f"{one.resource.address}: {one.facts!r} {one.parts!r} {one.mapped}" for one in found]
    return [*facts, *(f"{line.resource}: {line.item} {line.cost}" for line in estimate(found, CATALOGUE).lines)]


def each_alone(resources: Sequence[Resource]) -> list[str]:
    """The same with nothing kept from one resource to the next."""
    with mock.patch.object(derive, "_rests_on", return_value=None):
        return told(resources)


def of_guardrails() -> list[Path]:
    """The files of cases, but for those of allocation rules."""
    return [path for path in case_files(policies_dir()) if path.parent.name != "allocation"]


@cache
def declared() -> tuple[Declaration, ...]:
    """What tests elsewhere declare: the cases of all guardrails, and those of costs."""
    library: dict[str, Any] = {}
    add_files(library, guardrail_files(policies_dir()))
    found = [case.declaration for path in of_guardrails() for case in read_cases(path, library)]
    return (*found, *(declaration(case) for case in cases()))


def in_one_stack(declarations: Sequence[Declaration]) -> Iterator[Resource]:
    """The resources of several stacks as those of one: each has an address of its own there."""
    for number, one in enumerate(declarations):
        for resource in one.resources:
            yield moved(resource, str(number))


def moved(resource: Resource, to: str) -> Resource:
    """The resource, and what it depends on, at other addresses."""

    def there(addresses: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{address}#{to}" for address in addresses)

    return replace(
        resource,
        address=f"{resource.address}#{to}",
        dependencies=there(resource.dependencies),
        property_dependencies={key: there(urns) for key, urns in resource.property_dependencies.items()},
    )


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_of_every_example_program(folder: Path) -> None:
    resources = run_program(folder).resources
    assert told(resources) == each_alone(resources)


def test_of_all_that_tests_declare_stack_by_stack_and_each_of_it_twice() -> None:
    for one in declared():
        twice = [*one.resources, *(moved(resource, "again") for resource in one.resources)]
        assert told(twice) == each_alone(twice)


def test_of_all_that_tests_declare_in_one_stack() -> None:
    together = list(in_one_stack(declared()))
    assert told(together) == each_alone(together)


def test_of_parts_of_a_stack_that_are_asked_about_one_after_the_other() -> None:
    """Each resource by itself, as the engine shows it, with what was derived of those before it kept."""
    known: Derived = {}
    for number, one in enumerate(declared()):
        for resource in one.resources:
            part = Declaration("test", "dev", Path(), (moved(resource, str(number)),))
            kept = facts_of(part, CATALOGUE, whole=False, known=known)
            assert repr(kept) == repr(facts_of(part, CATALOGUE, whole=False)), resource.address
    assert known


def derivations(resources: Sequence[Resource]) -> int:
    """How many resources, and parts of resources, are derived."""
    made = mock.Mock(side_effect=derive._Derivation)
    with mock.patch.object(derive, "_Derivation", made):
        told(resources)
    return made.call_count


def test_a_changed_copy_was_not_derived_with_the_others() -> None:
    bucket = Resource("aws:s3/bucket:Bucket", "data", "urn:data", {"bucket": "data"})
    twin = replace(bucket, name="more", address="urn:more")
    first, second = facts_of(Declaration("test", "dev", Path(), (bucket, twin)), CATALOGUE)
    assert first.derived is not None
    assert first.derived is second.derived
    assert replace(first, facts=replace(first.facts, size_gib=5.0)).derived is None


def test_alike_resources_are_not_derived_each_by_itself_and_those_that_differ_are() -> None:
    first = next(one for one in alone() if one.type == "aws:ec2/instance:Instance")
    alike = [moved(first, str(number)) for number in range(50)]
    # Not once alone: equal values may be written otherwise where one of them is held elsewhere too.
    assert derivations(alike) < 5 * derivations([first])
    types = ("g5.xlarge", "g5.2xlarge", "g5.4xlarge", "g5.8xlarge")
    apart = [replace(first, address=name, properties={**first.properties, "instanceType": name}) for name in types]
    assert derivations(apart) == sum(derivations([one]) for one in apart)


@cache
def alone() -> tuple[Resource, ...]:
    """A resource of each type, and the ones with most properties of it, whose row says what its facts rest on."""
    by_type: dict[str, list[Resource]] = {}
    for one in declared():
        for resource in one.resources:
            row = load_mappings().row(resource.type)
            if row is not None and row.rests_on is not None and resource.properties:
                by_type.setdefault(resource.type, []).append(resource)
    chosen = (sorted(found, key=lambda one: -len(one.properties))[:3] for found in by_type.values())
    return tuple(resource for found in chosen for resource in found)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, True, False, 1.0, "", "1", "spot", None, [], {}, ["a"], UNKNOWN, Secret("s"), 500, "PT1H"]
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """A value with one thing in it changed, gone or new."""
    if isinstance(value, Mapping) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: item for name, item in value.items() if name != key}
        return rest if draw(st.booleans()) else {**rest, key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [draw(changed(value[0])), *value[1:]]
    return draw(VALUES)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_whatever_differs_between_resources_of_a_type(data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(alone()), label="resource")
    properties = dict(resource.properties)
    stack = [resource]
    for number in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from(sorted(properties)))
        other = {**properties, key: data.draw(changed(properties[key]), label=key)}
        provider = resource.provider
        if provider is not None and data.draw(st.booleans()):
            provider = replace(provider, properties={**provider.properties, "region": "eu-west-1"})
        stack.append(replace(resource, address=f"{resource.address}#{number}", properties=other, provider=provider))
    stack += [moved(one, "again") for one in stack]
    assert told(stack) == each_alone(stack)
