"""AWS: offer files by region and the spot feed become prices that hold in the project."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import problems
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.tables import read_table
from tests.prices.refresh.conftest import Refresh
from tests.prices.refresh.lists import (
    aws_rows,
    offer,
    offer_head,
    offer_path,
    offer_row,
    reservation,
    serve_aws,
    spot_feed,
)
from tests.prices.refresh.server import Answer, PriceServer

pytestmark = pytest.mark.usefixtures("unjudged")


def prices(project: Path) -> Catalogue:
    return Catalogue.of_project(project)


def test_a_refreshed_price_wins_and_says_where_it_is_from(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1", 1.1))})
    (done,) = refresh("aws", regions=["us-east-1"])
    quote = prices(project).quote("aws", "g5.xlarge", "us-east-1")
    assert quote.amount == Decimal("1.1066")
    assert quote.source.startswith("AWS Price List, AmazonEC2 us-east-1, version 20261118180000 (.spendgate/refreshed/")
    assert quote.as_of == "2026-11-18"
    assert not quote.derived
    assert (done.regions, done.types) == (1, 5)
    assert list(problems(prices(project))) == []


def test_windows_dedicated_hosts_and_capacity_blocks_are_no_plain_price(
    server: PriceServer, refresh: Refresh, project: Path
):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    refresh("aws", regions=["us-east-1"])
    assert prices(project).quote("aws", "g5.xlarge", "us-east-1").amount == Decimal("1.006")
    assert prices(project).quote("aws", "p5.48xlarge", "us-east-1").amount == Decimal("55.04")


def test_a_type_listed_at_zero_is_not_free(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    refresh("aws", regions=["us-east-1"])
    quote = prices(project).quote("aws", "trn2.48xlarge", "us-east-1")
    assert (quote.amount, quote.reason) == (None, NoPrice.RESERVATION_ONLY)


def test_a_type_that_the_list_does_not_have_is_not_sold_there(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {"eu-central-1": offer("eu-central-1", *aws_rows("eu-central-1", 1.25))})
    assert prices(project).quote("aws", "g5.48xlarge", "eu-central-1").derived
    refresh("aws", regions=["eu-central-1"])
    quote = prices(project).quote("aws", "g5.48xlarge", "eu-central-1")
    assert quote.reason is NoPrice.NOT_OFFERED_IN_REGION
    assert "AWS Price List" in quote.source
    assert prices(project).quote("aws", "g5.48xlarge", "us-east-1").amount is not None  # of another region


def test_a_spot_price_has_the_date_of_the_feed(server: PriceServer, refresh: Refresh, project: Path):
    feed = {"us-east": {"g5.xlarge": "0.4021", "p5.48xlarge": "N/A*", "m5.xlarge": "0.0000"}}
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))}, feed)
    refresh("aws", regions=["us-east-1"])
    quote = prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.SPOT)
    assert (quote.low, quote.high, quote.as_of) == (Decimal("0.4021"), Decimal("1.006"), "2026-11-20")
    assert "AWS spot feed" in quote.source
    assert prices(project).quote("aws", "m5.xlarge", "us-east-1", Purchase.SPOT).amount is None


def test_a_feed_in_the_old_wrapping_is_read(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    server.answers["/spot.json"] = Answer(b"callback(" + spot_feed({"us-east-1": {"g5.xlarge": "0.5"}}) + b");")
    refresh("aws", regions=["us-east-1"])
    assert prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.SPOT).amount == Decimal("0.5")


def test_spot_above_on_demand_is_left_out_and_counted(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))}, {"us-east-1": {"g5.xlarge": "2.5"}})
    (done,) = refresh("aws", regions=["us-east-1"])
    assert done.notes == ("us-east-1: 1 spot price above on-demand left out",)


def test_without_spot_the_spot_prices_in_force_stay_with_their_own_source(
    server: PriceServer, refresh: Refresh, project: Path
):
    before = prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.SPOT)
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    del server.answers["/spot.json"]
    refresh("aws", regions=["us-east-1"], spot=False)
    after = prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.SPOT)
    assert (after.amount, after.as_of) == (before.amount, before.as_of)
    assert after.source.startswith(before.source)
    assert not server.asked_for("/spot.json")


def test_reservations_are_by_the_hour_with_what_is_paid_at_once_spread_over_the_term(
    server: PriceServer, refresh: Refresh, project: Path
):
    rows = [
        *reservation("g5.xlarge", "us-east-1", "1yr", "No Upfront", "0.6338000000"),
        *reservation("g5.xlarge", "us-east-1", "3yr", "All Upfront", "0.0000000000", "10000"),
        *reservation("g5.xlarge", "us-east-1", "3yr", "Partial Upfront", "0.2000000000", "5256"),
        *reservation("g5.xlarge", "us-east-1", "3yr", "No Upfront", "0.5", OfferingClass="convertible"),
    ]
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"), *rows)})
    (done,) = refresh("aws", regions=["us-east-1"])
    table = {row["payment"]: row for row in read_table(done.path / "aws/commitments/g.csv", ())}
    assert (table["no upfront"]["one_year"], table["no upfront"]["three_years"]) == ("0.6338", "")
    assert table["all upfront"]["three_years"] == "0.380518"  # 10,000 over 26,280 hours
    assert table["partial upfront"]["three_years"] == "0.4"
    quote = prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.RESERVED)
    assert quote.amount == Decimal("0.6338")
    assert quote.source.startswith("AWS Price List, AmazonEC2 us-east-1")
    quote = prices(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.RESERVED, "3 years")
    assert quote.amount == Decimal("0.4")


def test_a_commitment_that_saves_nothing_is_left_out_and_counted(server: PriceServer, refresh: Refresh, project: Path):
    rows = [
        *reservation("g5.xlarge", "us-east-1", "1yr", "No Upfront", "1.2"),
        *reservation("m5.xlarge", "us-east-1", "1yr", "No Upfront", "0.12"),
        *reservation("m5.xlarge", "us-east-1", "3yr", "No Upfront", "0.13"),
        *reservation("c5.xlarge", "us-east-1", "3yr", "No Upfront", "0.001"),
    ]
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"), *rows)})
    (done,) = refresh("aws", regions=["us-east-1"])
    assert done.notes == ("us-east-1: 3 committed prices that save nothing left out",)
    assert list(problems(prices(project))) == []


def test_a_new_type_without_accelerator_gets_its_shape(server: PriceServer, refresh: Refresh, project: Path):
    new = offer_row("m99g.xlarge", "0.2", "us-east-1", Physical_Processor="AWS Graviton9 Processor")
    gpu = offer_row("g99.xlarge", "1.5", "us-east-1", GPU="1", Instance_Family="GPU instance")
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"), new, gpu)})
    refresh("aws", regions=["us-east-1"])
    catalogue = prices(project)
    shape = catalogue.instance("aws", "m99g.xlarge")
    assert shape is not None
    assert (shape.vcpu, shape.memory_gib, shape.architecture) == (4, 16, "arm64")
    assert catalogue.instance("aws", "g99.xlarge") is None  # the list does not say which GPU: its price alone is known
    assert catalogue.quote("aws", "g99.xlarge", "us-east-1").amount == Decimal("1.5")
    assert list(problems(catalogue)) == []


def test_a_region_that_is_new_is_known_afterwards(server: PriceServer, refresh: Refresh, project: Path):
    serve_aws(
        server, {"ap-south-9": offer("ap-south-9", *aws_rows("ap-south-9", 1.2))}, {"ap-south-9": {"g5.xlarge": "0.5"}}
    )
    refresh("aws", regions=["ap-south-9"])
    assert prices(project).quote("aws", "g5.xlarge", "ap-south-9").amount == Decimal("1.2072")
    assert list(problems(prices(project))) == []


def test_all_regions_of_the_index_are_read_and_local_zones_are_not(
    server: PriceServer, refresh: Refresh, project: Path
):
    regions = ("us-east-1", "eu-west-1")
    serve_aws(server, {name: offer(name, *aws_rows(name)) for name in regions})
    (done,) = refresh("aws")
    assert done.regions == 2
    assert not any("den-1" in one.path for one in server.asked)


@pytest.mark.parametrize(
    ("region", "hint"), [("us-esat-1", 'did you mean "us-east-1"?'), ("mars-north-1", "no region")]
)
def test_an_unknown_region_is_told(server: PriceServer, refresh: Refresh, region: str, hint: str):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    with pytest.raises(InputError) as caught:
        refresh("aws", regions=[region])
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no column names"),
        (b"<html><body>Sign in</body></html>", "a web page, not a price list"),
        (offer_head().encode(), "no on-demand price of us-east-1"),
        (offer_head(code="AmazonRDS").encode(), "the list of AmazonRDS"),
        (offer_head(published="soon").encode(), "when it was published"),
        (offer_head().replace('"Tenancy",', "").encode(), "no column Tenancy"),
        (offer("us-east-1", *aws_rows("us-east-1"))[:-60], "unexpected end of data"),
        (offer("us-east-1", *aws_rows("us-east-1"))[:-2], "values for"),
        (offer("us-east-1", offer_row("g5.xlarge", "cheap", "us-east-1")), '"cheap" is no price'),
        (offer("us-east-1", offer_row("g5.xlarge", "-1", "us-east-1")), '"-1" is no price'),
        (
            offer("us-east-1", offer_row("g5.xlarge", "1", "us-east-1"), offer_row("g5.xlarge", "2", "us-east-1")),
            "g5.xlarge has two prices, 1 and 2",
        ),
        (offer("us-east-1", *aws_rows("us-east-1")) + b'"Shared Linux \xff"\n', "not text in UTF-8"),
    ],
)
def test_a_list_of_another_form_leaves_the_prices_as_they_were(
    server: PriceServer, refresh: Refresh, project: Path, body: bytes, message: str
):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1", 1.1))})
    refresh("aws", regions=["us-east-1"])
    kept = sorted((project / ".spendgate/refreshed").iterdir())
    serve_aws(server, {"us-east-1": body})
    with pytest.raises(InputError, match="aws") as caught:
        refresh("aws", regions=["us-east-1"])
    assert message in str(caught.value)
    assert offer_path("us-east-1") in str(caught.value)
    assert prices(project).quote("aws", "g5.xlarge", "us-east-1").amount == Decimal("1.1066")
    assert sorted((project / ".spendgate/refreshed").iterdir()) == kept


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (b"{}", "of another form"),
        (b'{"config": {"regions": [{"region": "us-east-1"}]}}', "of another form"),
        (b'{"config": {"regions": []}}', "no price"),
        (b"<!DOCTYPE html>", "a web page, not JSON"),
        (b'{"config": ', "no JSON"),
        (b"", "empty"),
        (b"[]", "JSON of another form"),
    ],
)
def test_a_broken_spot_feed_keeps_everything_as_it_was(
    server: PriceServer, refresh: Refresh, project: Path, feed: bytes, message: str
):
    serve_aws(server, {"us-east-1": offer("us-east-1", *aws_rows("us-east-1"))})
    server.answers["/spot.json"] = Answer(feed)
    with pytest.raises(InputError) as caught:
        refresh("aws", regions=["us-east-1"])
    assert message in str(caught.value)
    assert prices(project) is Catalogue.builtin()


@pytest.mark.parametrize("index", [b'{"regions": {}}', b'{"regions": []}', b"{}"])
def test_an_index_without_regions_is_a_fault(server: PriceServer, refresh: Refresh, index: bytes):
    serve_aws(server, {})
    server.answers["/offers/v1.0/aws/AmazonEC2/current/region_index.json"] = Answer(index)
    with pytest.raises(InputError, match="the index names no region"):
        refresh("aws")


def test_an_index_that_leads_to_another_host_is_not_followed(server: PriceServer, refresh: Refresh):
    serve_aws(server, {})
    index = b'{"regions": {"us-east-1": {"currentVersionUrl": "https://elsewhere.example/x.json"}}}'
    server.answers["/offers/v1.0/aws/AmazonEC2/current/region_index.json"] = Answer(index)
    with pytest.raises(InputError, match="the list leads elsewhere"):
        refresh("aws")
