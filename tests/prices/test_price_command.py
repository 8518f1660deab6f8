"""``spendgate price``: the answer, its JSON and its text."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from spendgate.errors import InputError
from spendgate.prices.command import lookup, to_json
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.text import to_text


def _json(*arguments, **options):
    return json.loads(to_json(lookup(*arguments, **options)), parse_float=Decimal)


def test_json_has_quotes_and_the_accelerator():
    value = _json("p5.48xlarge", region="us-east-1", purchase="on_demand")
    assert value["accelerator"] == {"vendor": "nvidia", "model": "H100", "memory_gib": 80, "count": 8}
    (quote,) = value["quotes"]
    assert quote["provider"] == "aws"
    assert quote["instance_type"] == "p5.48xlarge"
    assert quote["region"] == "us-east-1"
    assert quote["purchase"] == "on_demand"
    assert quote["amount"] == Decimal("55.04")
    assert quote["unit"] == "hour"
    assert quote["as_of"] == "2026-07-20"
    assert quote["source"]
    assert quote["reason"] is None


def test_json_numbers_hold_the_exact_price():
    (quote,) = _json("a3-highgpu-8g", region="us-central1", purchase="on_demand")["quotes"]
    assert quote["amount"] == Decimal("88.4899999025753")


def test_json_says_why_there_is_no_amount():
    (quote,) = _json("p5e.48xlarge", region="us-east-1", purchase="on_demand")["quotes"]
    assert (quote["amount"], quote["reason"]) == (None, "reservation_only")


def test_json_follows_its_published_schema():
    jsonschema = pytest.importorskip("jsonschema")
    from importlib.resources import files

    schema = json.loads((files("spendgate") / "schemas" / "price.schema.json").read_text())
    for name, region in [
        ("g5.xlarge", None),
        ("p5e.48xlarge", "us-east-1"),
        ("m5.large", None),
        ("g6f.large", "us-east-1"),
    ]:
        jsonschema.validate(json.loads(to_json(lookup(name, region=region, hours="2"))), schema)


def test_hours_and_count_multiply_exactly():
    value = _json("p5.48xlarge", region="us-east-1", hours="12", count="4", purchase="on_demand")
    assert value["quotes"][0]["total"] == Decimal("2641.92")
    assert (value["hours"], value["count"]) == (12, 4)


def test_without_a_region_all_that_sell_it_are_listed_cheapest_first():
    answer = lookup("g5.xlarge", purchase="on_demand")
    amounts = [quote.amount for quote in answer.quotes]
    assert len(amounts) == 19
    assert amounts == sorted(amounts)
    assert answer.quotes[0].region == "us-east-1"


def test_on_demand_and_spot_stand_side_by_side():
    text = to_text(lookup("g5.xlarge", region="us-east-1"), color=False)
    assert "spot (as of 2026-01)" in text
    assert "$1.006      $0.436 – $1.006" in text
    assert "1 × NVIDIA A10G 24 GiB" in text
    assert "source: " in text


def test_a_fraction_is_shown_as_one():
    assert "1/8 × NVIDIA L4 24 GiB" in to_text(lookup("g6f.large", region="us-east-1"), color=False)
    assert "1/6 × NVIDIA A10 24 GiB" in to_text(lookup("Standard_NV6ads_A10_v5", region="eastus"), color=False)


def test_a_derived_price_is_marked_and_explained():
    text = to_text(lookup("g5.12xlarge", region="eu-central-1"), color=False)
    assert "$7.0928*" in text
    assert "the factor of g5.xlarge" in text


def test_a_type_that_is_not_offered_says_so():
    answer = lookup("p4d.24xlarge", region="eu-west-3")
    assert {quote.reason for quote in answer.quotes} == {NoPrice.NOT_OFFERED_IN_REGION}
    assert "not offered (the p4d family is not sold in eu-west-3)" in to_text(answer, color=False)


def test_a_type_without_any_price_tells_each_reason_once():
    answer = lookup("a4-highgpu-8g")
    assert [quote.purchase for quote in answer.quotes] == [Purchase.ON_DEMAND, Purchase.SPOT]


def test_colour_is_only_added_where_asked_for():
    answer = lookup("g5.xlarge")
    assert "\x1b[" not in to_text(answer, color=False)
    assert "\x1b[1m" in to_text(answer, color=True)


@pytest.mark.parametrize(
    ("options", "complaint", "remedy"),
    [
        ({"name": "p5.49xlarge"}, 'no instance type "p5.49xlarge"', 'did you mean "p5.48xlarge"?'),
        ({"name": "g5.xlarge", "region": "us-est-1"}, 'no region "us-est-1" of aws', 'did you mean "us-east-1"?'),
        ({"name": "g5.xlarge", "provider": "gcp"}, 'no instance type "g5.xlarge" of gcp', "It is sold by aws."),
        ({"name": "g6e.12xlagre"}, 'no instance type "g6e.12xlagre"', 'did you mean "g6e.12xlarge"?'),
        ({"name": "g5.xlarge", "provider": "gcp"}, 'no instance type "g5.xlarge" of gcp', ""),
        ({"name": "g5.xlarge", "provider": "oracle"}, 'no provider "oracle"', "aws, azure, gcp"),
        ({"name": "g5.xlarge", "region": "us-esat-1"}, 'no region "us-esat-1" of aws', 'did you mean "us-east-1"?'),
        ({"name": "g5.xlarge", "region": "eastus"}, 'no region "eastus" of aws', "us-east-1"),
        ({"name": "g5.xlarge", "hours": "-3"}, "hours is above zero, not -3", ""),
        ({"name": "g5.xlarge", "count": "0"}, "count is above zero, not 0", ""),
        ({"name": "g5.xlarge", "count": "many"}, 'count is a number, not "many"', ""),
        ({"name": "g5.xlarge", "hours": "nan"}, "hours is above zero", ""),
        ({"name": "g5.xlarge", "purchase": "stolen"}, 'no purchase option "stolen"', "spot"),
    ],
)
def test_wrong_input_is_answered_with_what_to_do(options, complaint, remedy):
    with pytest.raises(InputError) as caught:
        lookup(**options)
    assert complaint in caught.value.message
    assert remedy in (caught.value.remedy or "")


# A model instead of a type


def test_a_model_is_answered_with_what_one_device_costs_in_all_clouds():
    answer = lookup("L4")
    (quote,) = answer.quotes
    assert (quote.provider, quote.region, quote.derived) == ("any", None, True)
    text = to_text(answer, color=False)
    assert "any cloud" in text
    assert "L4 24 GiB" in text
    assert "is the median of" in text


def test_a_model_of_two_sizes_is_answered_for_each():
    assert [quote.item for quote in lookup("a100").quotes] == ["A100 40 GiB", "A100 80 GiB"]
    assert [quote.item for quote in lookup("A100-80GB").quotes] == ["A100 80 GiB"]


def test_the_range_of_a_model_follows_the_published_schema():
    jsonschema = pytest.importorskip("jsonschema")
    from spendgate import schemas

    value = json.loads(to_json(lookup("H100", hours="10")))
    jsonschema.validate(value, schemas.schema("price"))
    assert value["quotes"][0]["total"] == pytest.approx(value["quotes"][0]["amount"] * 10)


@pytest.mark.parametrize(
    ("name", "options"), [("H100", {"region": "us-east-1"}), ("H100", {"provider": "aws"}), ("H100x8", {})]
)
def test_a_model_somewhere_or_several_of_it_leads_to_the_comparison(name, options):
    with pytest.raises(InputError, match="is an accelerator") as caught:
        lookup(name, **options)
    assert f"--compare {name}" in str(caught.value)


def test_reserved_prices_are_shown_with_their_terms():
    answer = lookup("a2-highgpu-1g", region="us-central1", purchase="reserved")
    assert [quote.term for quote in answer.quotes] == ["1 year", "3 years"]
    text = to_text(answer, color=False)
    assert "reserved 1 year" in text
    assert "reserved 3 years" in text
    assert "1 year, monthly." in text
    assert [quote["term"] for quote in json.loads(to_json(answer))["quotes"]] == ["1 year", "3 years"]


def test_a_type_without_reserved_prices_says_so_once():
    (quote,) = lookup("p5.48xlarge", region="us-east-1", purchase="reserved").quotes
    assert quote.reason is NoPrice.UNPRICED
