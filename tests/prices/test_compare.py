"""``spendgate price --compare``: where one gets so many accelerators, cheapest first, with dates and reasons."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from spendgate import schemas
from spendgate.errors import InputError
from spendgate.prices.adding import add
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.compare import compare, to_json
from spendgate.prices.compare_text import to_text
from spendgate.prices.integrity import instances
from spendgate.prices.model import NoPrice, Purchase


def names(asked: str, **options: str) -> set[str]:
    found = compare(asked, **options)
    return {offer.quote.item for offer in (*found.offers, *found.without_price)}


def test_eight_h100_are_found_in_all_clouds():
    assert names("H100x8") == {"p5.48xlarge", "a3-highgpu-8g", "a3-megagpu-8g", "Standard_ND96isr_H100_v5"}


def test_each_machine_that_fits_is_there_and_no_other():
    catalogue = Catalogue.builtin()
    for asked, key in [("A100-80GBx8", ("A100", 80, 8)), ("L4x1", ("L4", 24, 1)), ("T4x4", ("T4", 16, 4))]:
        fitting = {
            one.name
            for one in instances(catalogue)
            if one.accelerator and (one.accelerator.model, one.accelerator.memory_gib, one.accelerator.count) == key
        }
        machines = {name for name in names(asked) if not name.startswith("nvidia-")}
        assert machines == fitting


def test_the_cheapest_stands_first_and_each_price_has_its_source_and_date():
    offers = compare("H100x8").offers
    amounts = [offer.quote.amount for offer in offers]
    assert amounts == sorted(amounts)
    assert all(offer.quote.source and offer.quote.as_of for offer in offers)


def test_every_region_and_purchase_option_with_a_price_is_listed_once():
    offers = compare("H100x8").offers
    terms = [(offer.quote.item, offer.quote.region, offer.quote.purchase, offer.quote.term) for offer in offers]
    assert len(terms) == len(set(terms))
    keys = {(offer.quote.item, offer.quote.region, offer.quote.purchase) for offer in offers}
    for item in ("p5.48xlarge", "a3-highgpu-8g"):
        provider = "aws" if item.startswith("p5") else "gcp"
        for region in Catalogue.builtin().regions(provider):
            for purchase in Purchase:
                quote = Catalogue.builtin().quote(provider, item, region, purchase)
                assert (quote.amount is not None) == ((item, region, purchase) in keys)


def test_without_a_memory_size_a_model_stands_for_all_of_its_sizes():
    both = compare("A100x8")
    assert {device.memory_gib for device in both.accelerators} == {40, 80}
    assert {"p4d.24xlarge", "p4de.24xlarge"} <= names("A100x8")
    assert "p4d.24xlarge" not in names("a100-80gbx8")
    text = to_text(both, color=False)
    assert "8 × NVIDIA A100 40 GiB or 8 × NVIDIA A100 80 GiB" in text
    assert "one device   GiB" in text


@pytest.mark.parametrize(
    "asked", ["rtx pro 6000x2", "RTX-PRO-6000-96GBx2", "MI300Xx8", "tpu v5ex8", "L4x1/8", "L4x0.125"]
)
def test_names_are_taken_as_people_write_them(asked: str):
    assert compare(asked).offers


def test_a_type_without_a_price_tells_why():
    found = compare("H200x8", purchase="on_demand")
    reasons = {offer.quote.item: offer.quote.reason for offer in found.without_price}
    assert reasons["p5e.48xlarge"] is NoPrice.RESERVATION_ONLY
    assert reasons["a3-ultragpu-8g"] is NoPrice.RESERVATION_ONLY
    text = to_text(found, color=False)
    assert "aws p5e.48xlarge on demand: by reservation only (no on-demand price is published" in text


def test_attached_accelerators_are_the_accelerators_alone_and_say_so():
    found = compare("T4x2", provider="gcp", purchase="on_demand", region="us-central1")
    (offer,) = found.offers
    assert (offer.quote.amount, offer.each, offer.attached) == (Decimal("0.70"), Decimal("0.35"), True)
    assert "nvidia-tesla-t4 (+ its machine)" in to_text(found, color=False)
    assert "A100" not in {offer.accelerator.model for offer in compare("A100x1").offers if offer.attached}


def test_it_narrows_to_a_provider_a_region_and_a_purchase_option():
    found = compare("H100x8", provider="aws", region="us-east-1", purchase="spot")
    (offer,) = found.offers
    assert (offer.quote.item, offer.quote.region, offer.quote.purchase) == ("p5.48xlarge", "us-east-1", "spot")
    assert compare("H100x8", provider="aws", region="us-east-1b", purchase="spot").offers == found.offers


def test_committed_capacity_is_compared_with_its_term():
    found = compare("H100x8", purchase="reserved", provider="gcp")
    assert {offer.quote.term for offer in found.offers} == {"1 year", "3 years"}
    assert "reserved 3 years" in to_text(found, color=False)
    blocks = compare("H200x8", purchase="capacity_block", provider="aws")
    assert {offer.quote.item for offer in blocks.offers} == {"p5e.48xlarge", "p5en.48xlarge"}
    assert "capacity block" in to_text(blocks, color=False)


def test_a_private_price_is_compared_too(tmp_path: Path):
    add(tmp_path, "aws", "p5.48xlarge", "us-east-1", "9.50", purchase="capacity_block", source="offering 12")
    found = compare("H100x8", catalogue=Catalogue.with_user(tmp_path))
    first = found.offers[0].quote
    assert (first.amount, first.purchase, first.private) == (Decimal("9.50"), Purchase.CAPACITY_BLOCK, True)
    assert "offering 12 (private, " in to_text(found, color=False)


def test_json_follows_the_published_schema_of_price():
    import jsonschema

    for asked in ("H100x8", "A100x8", "T4x1"):
        found = compare(asked)
        value = json.loads(to_json(found), parse_float=Decimal)
        jsonschema.validate(json.loads(to_json(found)), schemas.schema("price"))
        assert len(value["quotes"]) == len(found.offers)
        assert [quote["amount"] for quote in value["quotes"]] == sorted(quote["amount"] for quote in value["quotes"])
        assert all(quote["amount"] is None and quote["reason"] for quote in value["without_price"])
    assert value["accelerator"] == {"vendor": "nvidia", "model": "T4", "memory_gib": 16, "count": 1}


def test_regions_that_ask_the_same_share_a_line():
    text = to_text(compare("H100x8", provider="aws", purchase="on_demand"), color=False)
    assert "us-east-2, us-west-2" in text
    assert text.splitlines()[3].split() == [
        "$55.04",
        "$6.88",
        "on",
        "demand",
        "2026-07-20",
        "aws",
        "p5.48xlarge",
        "us-east-1",
    ]


@pytest.mark.parametrize(
    ("asked", "options", "says"),
    [
        ("H10x8", {}, 'no accelerator "H10"|did you mean "H100"?'),
        ("nothing at all", {}, "such as H100x8"),
        ("", {}, "such as H100x8"),
        ("A100-60GBx8", {}, "no A100 with 60 GiB|It has 40 or 80 GiB."),
        ("H100x16", {}, "carries 16 × H100|There are machines with"),
        ("H100x8", {"provider": "oracle"}, 'no provider "oracle"'),
        ("H100x8", {"region": "us-esat-1"}, 'no region "us-esat-1"|did you mean "us-east-1"?'),
        ("H100x8", {"purchase": "stolen"}, 'no purchase option "stolen"'),
        ("H100x0", {}, "above zero, not 0"),
        ("L4x1/0", {}, "above zero, not 1/0"),
        ("MI300Xx8", {"provider": "aws"}, "no machine of aws carries 8 × MI300X"),
    ],
)
def test_what_cannot_be_asked_for_is_told(asked: str, options, says: str):
    with pytest.raises(InputError) as caught:
        compare(asked, **options)
    for part in says.split("|"):
        assert part in str(caught.value)
