"""What a usage file and discounts add to the reports, in every format."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spendgate.estimate import estimate
from spendgate.estimate.discounts import Discount
from spendgate.estimate.usage import Entry, Given, Scenario, Usage
from spendgate.prices.catalogue import Catalogue
from spendgate.report import as_json, markdown, terminal
from spendgate.schemas import schema
from spendgate.verdict import Checked, Verdict
from tests.estimate.building import workload

GPU = {"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge", "count": [1, 1, 1]}


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    figures = (("hoursPerMonth", Given(Decimal(100), "f:3")), ("requestsPerMonth", Given(Decimal(10_000), "f:4")))
    usage = Usage(
        (Entry(figures, name="gpu"), Entry(figures[:1], name="gone", origin="f:5")),
        scenarios=(Scenario("busy", hours=Decimal(2), origin="f:9"),),
    )
    discount = Discount("EDP", lambda line, workload: True, Decimal(10), origin="s:4")
    found = estimate([workload("gpu", **GPU)], Catalogue.builtin(), usage=usage, discounts=(discount,))
    names = {"urn:test::gpu": "gpu"}
    return Verdict((Checked(Path("infra"), "demo", "dev", "development", "embedded", 1, estimate=found, names=names),))


@pytest.mark.parametrize("render", [terminal.render, markdown.render])
def test_people_read_scenarios_unit_costs_list_prices_and_how_good_it_is(render, verdict: Verdict) -> None:
    text = " ".join(render(verdict).replace("\\", "").split())
    assert "busy" in text
    assert "$181.08" in text
    assert "+$90.54 (+100%)" in text
    assert "gpu: $9.05 per 1,000 requests" in text
    assert "list price $100.60 a month, 10% off (discount EDP)" in text
    assert "f the expected month, $90.54 (100%) derived" in text
    assert "usage file: f:5 matches no resource" in text


def test_the_same_is_in_the_json_report_and_of_its_schema(verdict: Verdict) -> None:
    data = json.loads(as_json.render(verdict))
    Draft202012Validator(schema("check")).validate(data)
    found = data["estimate"]
    assert [(item["name"], item["totals"]["monthly"]["expected"]) for item in found["scenarios"]] == [
        ("base", 90.54),
        ("busy", 181.08),
    ]
    assert found["drivers"] == [
        {"resource": "urn:test::gpu", "per": "1,000 requests", "cost": dict.fromkeys(("low", "expected", "high"), 9.054),
         "origin": "f:4"}
    ]  # fmt: skip
    (line,) = found["lines"]
    assert line["reduction"] == {"kind": "discount", "name": "EDP", "percent": 10, "origin": "s:4"}
    assert line["list_cost"]["monthly"]["expected"] == 100.6
    assert line["confidence"] == "derived"
    assert found["confidence"]["derived"] == {"monthly": 90.54, "share": 1}
    assert found["cautions"]
