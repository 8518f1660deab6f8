"""gpuhunt's catalogue: an archive a provider, without a key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from tests.prices.refresh.conftest import Refresh
from tests.prices.refresh.lists import hunt_row, serve_gpuhunt
from tests.prices.refresh.server import Answer, PriceServer

pytestmark = pytest.mark.usefixtures("unjudged")
VERSION = "/v3/aws/20261119-812/catalog.zip"


def test_the_archive_is_read_with_its_version_as_the_date(server: PriceServer, refresh: Refresh, project: Path):
    rows = [
        hunt_row("g5.xlarge", "us-east-1", 1.1, gpu_count="1", gpu_name="A10G", gpu_vendor="nvidia"),
        hunt_row("g5.xlarge", "us-east-1", 0.44, gpu_count="1", gpu_name="A10G", gpu_vendor="nvidia", spot="True"),
        hunt_row("g5.xlarge", "us-west-2-den-1", 9.0, gpu_count="1"),
    ]
    serve_gpuhunt(server, "aws", rows)
    refresh("aws", source="gpuhunt", regions=["us-east-1"])
    quote = Catalogue.of_project(project).quote("aws", "g5.xlarge", "us-east-1")
    assert (quote.amount, quote.as_of) == (Decimal("1.1"), "2026-11-19")
    assert "gpuhunt's catalogue of aws, version 20261119-812" in quote.source
    assert Catalogue.of_project(project).quote("aws", "g5.xlarge", "us-east-1", Purchase.SPOT).amount == Decimal("0.44")


def test_zones_become_regions_and_sums_and_other_offers_are_passed_over(
    server: PriceServer, refresh: Refresh, project: Path
):
    rows = [
        hunt_row("g2-standard-4", "us-central1-a", 0.71, gpu_count="1", gpu_name="L4", gpu_vendor="nvidia"),
        hunt_row("g2-standard-4", "us-central1-b", 0.70, gpu_count="1", gpu_name="L4", gpu_vendor="nvidia"),
        hunt_row("n1-standard-4", "us-central1-a", 0.54, gpu_count="1", gpu_name="T4", gpu_vendor="nvidia"),
        hunt_row("v6e-1", "us-central1-a", 2.7, gpu_count="1", gpu_name="v6e-1", gpu_vendor="google"),
        hunt_row("a3-highgpu-8g", "us-central1-a", 60, gpu_count="8", flags="gcp-dws-calendar-mode"),
    ]
    serve_gpuhunt(server, "gcp", rows)
    (done,) = refresh("gcp", source="gpuhunt")
    assert done.types == 1
    assert Catalogue.of_project(project).quote("gcp", "g2-standard-4", "us-central1").amount == Decimal("0.7")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"PK\x03\x04 and then nothing", "no zip archive"),
        (b"", "no zip archive"),
        (b"<html>", "no zip archive"),
    ],
)
def test_a_damaged_archive_is_a_fault(server: PriceServer, refresh: Refresh, project: Path, body: bytes, message: str):
    serve_gpuhunt(server, "aws", [])
    server.answers[VERSION] = Answer(body)
    with pytest.raises(InputError, match=message):
        refresh("aws", source="gpuhunt")
    assert Catalogue.of_project(project) is Catalogue.builtin()


def test_an_empty_table_is_a_fault(server: PriceServer, refresh: Refresh):
    serve_gpuhunt(server, "aws", [])
    with pytest.raises(InputError, match="the table has no price"):
        refresh("aws", source="gpuhunt")


def test_a_page_in_place_of_the_version_is_a_fault(server: PriceServer, refresh: Refresh):
    server.answers["/v3/aws/version"] = Answer(b"<html>Sign in</html>")
    with pytest.raises(InputError, match="does not say which version"):
        refresh("aws", source="gpuhunt")
