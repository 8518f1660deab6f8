"""Amounts that hang on a price known only after apply are unknown to guardrails, never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spendgate.bench.cases import declare
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Selected
from spendgate.rules.library import load_library
from spendgate.verdict import Finding

CATALOGUE = Catalogue.builtin()
NOW = datetime(2026, 1, 1, tzinfo=UTC)

GUARDRAIL = """
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {{name: asked, title: Asked, category: budget, severity: low, description: Asked.}}
spec:
  target: {target}
  enforcement: mandatory
  onUnknown: warn
  validations:
    - {{expression: "{expression}", messageExpression: "{message}"}}
  remediation: None.
"""


def instance(name: str, size: Any = "g5.xlarge") -> dict[str, Any]:
    properties = {"instanceType": size}
    return {
        "type": "aws:ec2/instance:Instance", "name": name, "provider": {"region": "us-east-1"}, "properties": properties
    }  # fmt: skip


def findings(
    folder: Path, expression: str, *resources: dict[str, Any], target: str = "stack", message: str = "'no'"
) -> list[Finding]:
    (folder / "asked.yaml").write_text(
        GUARDRAIL.format(target=target, expression=expression, message=message), encoding="utf-8"
    )
    guardrail = load_library([folder])["asked"]
    compiled = compile_guardrail(Selected(guardrail, guardrail.enforcement, {}))
    return list(check(declare(resources), [compiled], CATALOGUE, environment="development", now=NOW).findings)


@pytest.mark.parametrize("figure", ["monthly.expected", "daily.high", "hourly.low"])
def test_an_amount_of_the_stack_is_undetermined_and_names_what_has_no_price_yet(tmp_path: Path, figure: str) -> None:
    (found,) = findings(tmp_path, f"stack.cost.{figure} < 1.0e9", instance("a"), instance("open", UNKNOWN))
    assert found.status == "undetermined"
    assert "the price of open is known only after apply: instance_type is unknown: instanceType" in found.message


def test_a_resource_whose_price_is_known_is_asked_as_ever(tmp_path: Path) -> None:
    resources = (instance("a"), instance("open", UNKNOWN))
    found = findings(tmp_path, "cost.monthly.expected < 1.0", *resources, target="resource")
    assert [(one.name, str(one.status)) for one in found] == [("a", "violation"), ("open", "undetermined")]


def test_what_is_known_can_be_too_much_already(tmp_path: Path) -> None:
    expression = "stack.cost.known.monthly.expected <= 700.0 && stack.cost.monthly.expected <= 700.0"
    (found,) = findings(tmp_path, expression, instance("a"), instance("open", UNKNOWN))
    assert found.status == "violation"


def test_a_guardrail_of_resources_cannot_take_a_part_of_the_stack_for_all_of_it(tmp_path: Path) -> None:
    expression = "cost.monthly.expected <= stack.cost.monthly.expected * 0.9"
    found = findings(tmp_path, expression, instance("a"), instance("open", UNKNOWN), target="resource")
    assert {str(one.status) for one in found} == {"undetermined"}


def test_what_has_no_price_at_all_is_left_out_of_the_sum(tmp_path: Path) -> None:
    assert findings(tmp_path, "stack.cost.monthly.expected > 0.0", instance("a"), instance("b", "g5.nonsense")) == []


def test_many_open_prices_are_named_up_to_five(tmp_path: Path) -> None:
    many = [instance(f"open{index}", UNKNOWN) for index in range(7)]
    (found,) = findings(tmp_path, "stack.cost.monthly.expected < 1.0", *many)
    assert "the price of open0, open1, open2, open3, open4 and 2 more is known only after apply" in found.message


def test_bounds_have_texts(tmp_path: Path) -> None:
    pool = {
        "type": "aws:eks/nodeGroup:NodeGroup",
        "name": "pool",
        "provider": {"region": "us-east-1"},
        "properties": {
            "instanceTypes": ["g5.xlarge"],
            "diskSize": 10,
            "scalingConfig": {"minSize": 0, "desiredSize": 1, "maxSize": 10},
        },
    }
    text = "stack.cost.hourly.low_text + ' to ' + stack.cost.hourly.high_text"
    (found,) = findings(tmp_path, "false", pool, message=text)
    assert found.message == "$0.00 to $10.07"
