"""Tags that a resource has from what it lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spendgate.facts import facts_of
from spendgate.facts.model import Facts
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN, Declaration, Reference, Resource

NAMESPACE = "kubernetes:core/v1:Namespace"
POD = "kubernetes:core/v1:Pod"


def resource(type_: str, name: str, properties: dict[str, Any], **more: Any) -> Resource:
    return Resource(type_, name, f"urn:pulumi:dev::demo::{type_}::{name}", properties, **more)


def facts(*resources: Resource, whole: bool = True) -> Facts:
    declaration = Declaration("demo", "dev", Path(), resources)
    return facts_of(declaration, Catalogue.builtin(), whole=whole)[-1].facts


TEAM = resource(NAMESPACE, "nlp", {"metadata": {"name": "nlp", "labels": {"team": "nlp", "owner": "ada"}}})


def pod(namespace: Any, **more: Any) -> Resource:
    metadata = {"labels": {"owner": "grace"}, **({} if namespace is None else {"namespace": namespace})}
    return resource(POD, "train", {"metadata": metadata, "spec": {"containers": []}}, **more)


def test_labels_of_the_namespace_hold_below_the_own_ones() -> None:
    assert facts(TEAM, pod("nlp")).tags == {"team": "nlp", "owner": "grace"}


def test_a_namespace_that_is_named_by_its_output_is_found() -> None:
    found = facts(TEAM, pod(UNKNOWN, property_dependencies={"metadata": (TEAM.address,)}))
    assert found.tags == {"team": "nlp", "owner": "grace"}


def test_a_namespace_outside_the_stack_gives_nothing() -> None:
    found = facts(TEAM, pod("other"))
    assert (found.tags, dict(found.unknowns)) == ({"owner": "grace"}, {})


def test_without_a_namespace_nothing_is_inherited() -> None:
    assert facts(TEAM, pod(None)).tags == {"owner": "grace"}


def test_what_an_unknown_namespace_says_is_unknown() -> None:
    found = facts(TEAM, pod(UNKNOWN))
    assert found.tags == {"owner": "grace"}
    assert "tags" in found.unknowns


def test_a_namespace_by_reference_is_found() -> None:
    found = facts(TEAM, pod(Reference(TEAM.address)))
    assert found.tags["team"] == "nlp"
