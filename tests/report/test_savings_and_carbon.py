"""Cheaper ways and carbon in every report: with their risk, their price and its date, and what is missing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.report import as_json, markdown, terminal
from spendgate.resource import Declaration, Provider, Resource
from spendgate.schemas import schema
from spendgate.verdict import Checked, Verdict

RENDERERS = {
    "terminal": lambda value: terminal.render(value, width=120),
    "markdown": markdown.render,
    "json": as_json.render,
}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _machine(name: str, region: str = "eu-central-1", type_: str = "g5.xlarge") -> Resource:
    address = f"urn:pulumi:dev::x::aws:ec2/instance:Instance::{name}"
    provider = Provider("aws", "urn:p", {"region": region})
    return Resource("aws:ec2/instance:Instance", name, address, {"instanceType": type_}, provider=provider)


def _checked(*resources: Resource, carbon: bool = True, savings: bool = True) -> Checked:
    declaration = Declaration("x", "dev", Path("infra"), resources)
    return check(
        declaration, (), Catalogue.builtin(), environment="production", now=NOW, carbon=carbon, savings=savings
    )


def _render(name: str, *inputs: Checked) -> str:
    return " ".join(RENDERERS[name](Verdict(inputs)).replace("\\", "").split())


@pytest.mark.parametrize("name", RENDERERS)
def test_a_saving_is_shown_with_its_risk_and_the_dated_price_that_it_rests_on(name: str) -> None:
    text = _render(name, _checked(_machine("gpu")))
    assert re.search(r"eu-\w+-\d instead of eu-central-1", text)
    assert "egress is billed" in text
    assert "tsaol/aws-gpu: data/*.js" in text
    assert "2026-08-26" in text


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_where_nothing_is_cheaper_that_is_said(name: str) -> None:
    assert "o cheaper way was found" in _render(name, _checked(_machine("gpu", "us-east-1", "p5e.48xlarge")))


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_what_was_not_asked_for_is_not_shown(name: str) -> None:
    text = _render(name, _checked(_machine("gpu"), carbon=False, savings=False))
    assert "cheaper" not in text
    assert "CO2e" not in text


@pytest.mark.parametrize("name", RENDERERS)
def test_carbon_is_shown_by_line_with_what_it_rests_on_and_what_it_leaves_out(name: str) -> None:
    text = _render(name, _checked(_machine("gpu"), _machine("trainer", "us-east-1", "trn1.32xlarge")))
    assert "co2e" in text.lower()
    assert "50% of its full load" in text
    assert "cloud-carbon-coefficients" in text
    assert "the power of Trainium is not known: the provider publishes no power" in text


def test_the_json_report_with_both_obeys_its_schema_and_adds_up() -> None:
    checked = _checked(_machine("gpu"), _machine("trainer", "us-east-1", "trn1.32xlarge"))
    report = json.loads(as_json.render(Verdict((checked, checked))))
    Draft202012Validator(schema("check")).validate(report)
    lines = [line["carbon"] for line in report["estimate"]["lines"]]
    known = [line["kg_co2e"]["expected"] for line in lines if line and line["kg_co2e"]]
    assert report["estimate"]["carbon"]["kg_co2e"]["expected"] == pytest.approx(sum(known))
    assert len(report["estimate"]["carbon"]["missing"]) == 2
    for saving in report["savings"]:
        assert saving["saved"]["expected"] == pytest.approx(saving["monthly"]["now"] - saving["monthly"]["then"])
        assert 0 <= saving["saved"]["at_least"] <= saving["saved"]["expected"]


def test_the_json_report_says_null_where_neither_was_asked_for() -> None:
    report = json.loads(as_json.render(Verdict((_checked(_machine("gpu"), carbon=False, savings=False),))))
    assert report["savings"] is None
    assert report["estimate"]["carbon"] is None


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_hundreds_of_savings_stay_readable(name: str) -> None:
    machines = [_machine(f"gpu-{number}", type_=["g5.xlarge", "p4d.24xlarge"][number % 2]) for number in range(300)]
    text = _render(name, _checked(*machines))
    assert "and 146 more" in text
    assert len(text) < 60_000
