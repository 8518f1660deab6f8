"""The bounds that an autoscaling target gives to the variant of an endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from spendgate.facts import facts_of
from spendgate.facts.model import Count, Facts
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import Declaration, Provider, Resource
from tests.conftest import ROOT

CATALOGUE = Catalogue.builtin()


def resource(type_: str, called: str, **properties: Any) -> Resource:
    return Resource(
        f"aws:{type_}", called, f"urn:test::{called}", properties, Provider("aws", "urn:p", {"region": "us-east-1"})
    )


def endpoint(*variants: str, target: dict[str, Any] | None = None) -> Facts:
    """An endpoint of these variants with two instances each, and a target that scales from 1 to 6."""
    found = [
        resource(
            "sagemaker/endpointConfiguration:EndpointConfiguration",
            "config",
            name="config",
            productionVariants=[
                {"variantName": name, "modelName": "m", "instanceType": "ml.g5.xlarge", "initialInstanceCount": 2}
                for name in variants
            ],
        ),
        resource("sagemaker/endpoint:Endpoint", "serve", name="serve", endpointConfigName="config"),
    ]
    if target is not None:
        usual = {
            "resourceId": "endpoint/serve/variant/blue",
            "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "serviceNamespace": "sagemaker",
            "minCapacity": 1,
            "maxCapacity": 6,
        }
        found.append(resource("appautoscaling/target:Target", "scaling", **{**usual, **target}))
    return facts_of(Declaration("p", "dev", ROOT, tuple(found)), CATALOGUE)[0].facts


def test_a_target_bounds_the_one_variant() -> None:
    assert endpoint("blue", target={}).count == Count(1, 2, 6)


def test_without_a_target_there_are_as_many_as_at_first() -> None:
    assert endpoint("blue").count == Count(2, 2, 2)


@pytest.mark.parametrize(
    "other", [{"resourceId": "endpoint/another/variant/blue"}, {"scalableDimension": "ecs:service:DesiredCount"}]
)
def test_a_target_of_something_else_bounds_nothing(other: dict[str, Any]) -> None:
    assert endpoint("blue", target=other).count == Count(2, 2, 2)


def test_of_several_variants_it_is_not_guessed_which_one_scales() -> None:
    facts = endpoint("blue", "green", target={})
    assert facts.count is None
    assert "which of several variants" in facts.unknowns["count"]
