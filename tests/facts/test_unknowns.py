"""Whatever is declared, facts come out; and what becomes unknown never turns a fact into another one."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.facts import NOT_THE_WHOLE_STACK, facts_of
from spendgate.facts.model import Facts, Kind
from spendgate.facts.path import Each, Json, Only, Segments, parse
from spendgate.facts.table import Mappings
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Blob, Declaration, Provider, Reference, Resource, Secret

CATALOGUE = Catalogue.builtin()
TABLES = Mappings()
ROWS = [
    row for package in ("aws", "gcp", "kubernetes", "azure-native") for token in TABLES.package(package).tokens()  # type: ignore[union-attr]
    if (row := TABLES.row(token)) is not None
]  # fmt: skip

PROGRAMS = [f"{program}_declaration" for program in ("aws", "aws_more", "google", "google_more", "azure", "custom")]
URNS = [f"urn:pulumi:dev::p::t::r{index}" for index in range(4)]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["g5.xlarge", "p5.48xlarge", "n1-standard-4", "SPOT", "Enabled", "1", "16Gi", "3600s", "* * * * *"]
    ),
    st.sampled_from(["nvidia-tesla-t4", "us-east-1a", "us-central1-a", "Delete", "{}", "[1]", "Deployment", ""]),
    st.just(UNKNOWN),
    st.builds(Blob, st.just("text")),
    st.builds(Reference, st.sampled_from(URNS)),
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "name", "key", "value", "nvidia.com/gpu", "limits"]), inner, max_size=3),
        st.builds(Secret, inner),
    ),
    max_leaves=6,
)


def put(into: Any, segments: Segments, value: Any) -> Any:
    """A structure like ``into`` in which ``value`` stands at a path."""
    if not segments:
        return value
    head, rest = segments[0], segments[1:]
    if isinstance(head, str):
        base = dict(into) if isinstance(into, dict) else {}
        base[head] = put(base.get(head), rest, value)
        return base
    if isinstance(head, Json):
        return value
    element = into[0] if isinstance(into, list) and into else None
    if isinstance(head, Only) and not head.negated:
        element = put(element, head.path, head.value)
    return [put(element, rest, value)] if isinstance(head, (Each, Only, int)) else value


@st.composite
def resources(draw: st.DrawFn, index: int) -> Resource:
    row = draw(st.sampled_from(ROWS))
    own = sorted({read.path for read in row.reads if read.root == ""})
    properties: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(own), max_size=8)) if own else []:
        properties = put(properties, parse(path), draw(junk))
    settings_ = draw(st.dictionaries(st.sampled_from(["region", "zone", "defaultTags", "defaultLabels"]), junk))
    return Resource(
        type=row.types[0],
        name=f"r{index}",
        address=URNS[index],
        properties=properties,
        provider=draw(st.sampled_from([None, Provider("p", "urn", settings_)])),
        external=draw(st.sampled_from([False, False, False, True])),
        dependencies=tuple(draw(st.lists(st.sampled_from(URNS), max_size=2))),
        property_dependencies=draw(
            st.dictionaries(st.sampled_from(sorted(properties) or ["x"]), st.lists(st.sampled_from(URNS)).map(tuple))
        ),
    )


def declare(*declared: Resource) -> Declaration:
    return Declaration("p", "dev", Path(), declared)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(*(resources(index) for index in range(3))))
def test_facts_come_out_of_any_junk(declared: tuple[Resource, ...]) -> None:
    for workload in facts_of(declare(*declared), CATALOGUE):
        facts = workload.facts
        assert workload.mapped
        for fact in facts.unknowns:
            if "." not in fact and fact not in ("kind", "tags"):
                assert getattr(facts, fact) is None or getattr(facts, fact) == (), fact


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*at, index))


def replaced(value: Any, at: tuple[Any, ...]) -> Any:
    result = copy.copy(value)
    result[at[0]] = UNKNOWN if len(at) == 1 else replaced(value[at[0]], at[1:])
    return result


def flat(facts: Facts) -> dict[str, Any]:
    """Every fact by path; a nested one by its parts as well as whether it is there."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(facts):
        value = getattr(facts, field.name)
        if field.name in ("unknowns", "defaults"):
            continue
        if field.name == "tags":
            values |= {f"tags.{key}": item for key, item in value.items()}
        elif field.name in ("lifecycle", "accelerator"):
            values[field.name] = value is not None
            if value is not None:
                for part in dataclasses.fields(value):
                    values[f"{field.name}.{part.name}"] = getattr(value, part.name)
        elif field.name == "schedule":
            values["schedule"] = value and value.hours_per_week
        else:
            values[field.name] = value
    return values


def is_unknown(facts: Facts, path: str) -> bool:
    if path == "accelerator.memory_gib":  # the memory of a model that is not known
        path = "accelerator.model"
    return path in facts.unknowns or path.split(".", 1)[0] in facts.unknowns


def check_only_less_is_known(before: Facts, after: Facts) -> None:
    old, new = flat(before), flat(after)
    for path in old | new:
        if is_unknown(after, path):
            continue
        assert not is_unknown(before, path), path
        assert old.get(path) == new.get(path), path


def check_with_one_unknown(declaration: Declaration, chosen: Resource, place: tuple[Any, ...]) -> None:
    changed = dataclasses.replace(chosen, properties=replaced(dict(chosen.properties), place))
    less = dataclasses.replace(
        declaration, resources=tuple(changed if one is chosen else one for one in declaration.resources)
    )
    before, after = facts_of(declaration, CATALOGUE), facts_of(less, CATALOGUE)
    for one, other in zip(before, after, strict=True):
        check_only_less_is_known(one.facts, other.facts)


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_becomes_unknown_never_turns_a_fact_into_another(program: str, request: pytest.FixtureRequest) -> None:
    """Every value of every resource of a real program, one after the other."""
    declaration: Declaration = request.getfixturevalue(program)
    for chosen in declaration.resources:
        if chosen.custom and TABLES.row(chosen.type):
            for place in places(dict(chosen.properties)):
                check_with_one_unknown(declaration, chosen, place)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(*(resources(index) for index in range(3))), st.data())
def test_nor_does_it_in_junk(declared: tuple[Resource, ...], data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(declared))
    found = list(places(dict(chosen.properties)))
    if found:
        check_with_one_unknown(declare(*declared), chosen, data.draw(st.sampled_from(found)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_part_of_a_stack_tells_nothing_else_than_the_whole(program: str, request: pytest.FixtureRequest) -> None:
    declaration: Declaration = request.getfixturevalue(program)
    whole = {workload.resource.address: workload.facts for workload in facts_of(declaration, CATALOGUE)}
    for resource in declaration.resources:
        alone = dataclasses.replace(declaration, resources=(resource,))
        for workload in facts_of(alone, CATALOGUE, whole=False):
            if NOT_THE_WHOLE_STACK in workload.facts.unknowns.values():
                check_only_less_is_known(whole[resource.address], workload.facts)


def instance(**properties: Any) -> Facts:
    resource = Resource("aws:ec2/instance:Instance", "one", "urn", properties)
    return facts_of(declare(resource), CATALOGUE)[0].facts


def test_a_region_that_nobody_configured_is_unknown_in_words() -> None:
    assert instance(instanceType="g5.xlarge").unknowns == {"region": "no region is configured: set aws:region"}


def test_a_zone_gives_the_region_where_no_region_is_configured() -> None:
    assert instance(instanceType="g5.xlarge", availabilityZone="us-west-2b").region == "us-west-2"


def test_a_list_where_a_text_is_expected_is_unknown_and_says_where() -> None:
    facts = instance(instanceType=["g5.xlarge", "g6.xlarge"])
    assert facts.unknowns["instance_type"] == "instanceType: expected a text, found a list"
    assert facts.unknowns["accelerator"] == facts.unknowns["instance_type"]


def test_a_list_of_tags_and_a_secret_map_of_tags_are_unknown() -> None:
    assert instance(tags=["a"]).unknowns["tags"] == "tags: expected an object, found a list"
    assert instance(tags=Secret({"team": "hush"})).unknowns["tags"] == "tags: secret"


def test_an_unmapped_type_is_listed_as_such() -> None:
    resource = Resource("acme:rocket/engine:Engine", "one", "urn", {"instanceType": "p5.48xlarge"})
    (workload,) = facts_of(declare(resource), CATALOGUE)
    assert not workload.mapped
    assert (workload.facts.kind, workload.facts.provider) == (Kind.OTHER, "acme")


def test_a_volume_with_an_attachment_that_may_be_its_own_is_undecided() -> None:
    volume = Resource("aws:ebs/volume:Volume", "one", "urn:one", {"size": 1})
    attachment = Resource("aws:ec2/volumeAttachment:VolumeAttachment", "a", "urn:a", {"volumeId": UNKNOWN})
    (facts, _) = (workload.facts for workload in facts_of(declare(volume, attachment), CATALOGUE))
    assert facts.attached is None
    assert facts.unknowns["attached"] == "a.volumeId: known only after apply"


def test_a_cluster_whose_form_is_unknown_has_unknown_nodes() -> None:
    resource = Resource(
        "gcp:container/cluster:Cluster", "one", "urn", {"location": "us-central1", "enableAutopilot": UNKNOWN}
    )
    (workload,) = facts_of(declare(resource), CATALOGUE)
    for fact in ("kind", "instance_type", "accelerator", "count", "purchase"):
        assert workload.facts.unknowns[fact] == "enableAutopilot: known only after apply"
