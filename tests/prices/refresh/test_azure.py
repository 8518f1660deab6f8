"""Azure: the Retail Prices API, page by page: on demand, spot, reservations and savings plans."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.prices.tables import read_table
from tests.prices.refresh.conftest import Refresh
from tests.prices.refresh.lists import meter, serve_azure
from tests.prices.refresh.server import Answer, PriceServer

A100 = "Standard_NC24ads_A100_v4"
METERS: list[dict[str, Any]] = [
    meter("Standard_NC4as_T4_v3", 0.526),
    meter("Standard_NC4as_T4_v3", 0.71, productName="Virtual Machines NCasT4 v3 Series Windows"),
    meter(A100, 3.673, savingsPlan=[{"unitPrice": 2.5, "retailPrice": 2.5, "term": "1 Year"}]),
    meter(A100, 1.5, skuName="NC24ads A100 v4 Spot", meterName="NC24ads A100 v4 Spot"),
    meter(A100, 0.73, skuName="NC24ads A100 v4 Low Priority", meterName="NC24ads A100 v4 Low Priority"),
    meter(A100, 23652.0, type="Reservation", reservationTerm="1 Year"),
    meter(A100, 47304.0, type="Reservation", reservationTerm="3 Years"),
    meter(A100, 1.0, type="DevTestConsumption"),
    meter(A100, 9.9, currencyCode="EUR"),
    meter(A100, 9.9, unitOfMeasure="1 Month"),
    meter(A100, 9.9, isPrimaryMeterRegion=False, effectiveStartDate="2025-01-01T00:00:00Z"),
    meter(A100, 9.9, effectiveStartDate="2999-01-01T00:00:00Z"),
    meter(A100, 9.9, effectiveEndDate="2020-01-01T00:00:00Z"),
    meter("", 1.0),
    meter("Standard_NC4as_T4_v3", 0.6, region="westeurope"),
]


pytestmark = pytest.mark.usefixtures("unjudged")


def prices(project: Path) -> Catalogue:
    return Catalogue.of_project(project)


def test_pages_are_read_and_only_the_plain_price_counts(server: PriceServer, refresh: Refresh, project: Path):
    serve_azure(server, METERS)
    (done,) = refresh("azure", regions=["eastus"])
    quote = prices(project).quote("azure", A100, "eastus")
    assert quote.amount == Decimal("3.673")
    assert quote.source.startswith("Azure Retail Prices, Virtual Machines eastus, read ")
    assert prices(project).quote("azure", "Standard_NC4as_T4_v3", "eastus").amount == Decimal("0.526")
    assert prices(project).quote("azure", A100, "eastus", Purchase.SPOT).amount == Decimal("1.5")
    rows = {row["payment"]: row for row in read_table(done.path / "azure/commitments/NC.csv", ())}
    assert (rows["monthly"]["one_year"], rows["monthly"]["three_years"]) == ("2.7", "1.8")
    assert rows["savings plan"]["one_year"] == "2.5"
    reserved = prices(project).quote("azure", A100, "eastus", Purchase.RESERVED)
    assert (reserved.amount, reserved.as_of) == (Decimal("2.7"), quote.as_of)
    assert len(server.asked) == 5  # pages of three; the links name the public host, the server stays this one


def test_a_region_is_asked_for_by_its_name(server: PriceServer, refresh: Refresh):
    serve_azure(server, METERS)
    refresh("azure", regions=["westeurope", "eastus"])
    assert "armRegionName eq 'westeurope'" in server.asked[0].query["$filter"]
    with pytest.raises(InputError, match='did you mean "westeurope"'):
        refresh("azure", regions=["westeurop"])


def test_an_empty_answer_for_a_region_that_was_asked_for_is_a_fault(
    server: PriceServer, refresh: Refresh, project: Path
):
    serve_azure(server, METERS)
    with pytest.raises(InputError, match="the list has no price of japaneast"):
        refresh("azure", regions=["japaneast"])
    assert prices(project) is Catalogue.builtin()


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b'{"Items": null}', "has no Items"),
        (b'{"Items": [{"armSkuName": "x"}]}', "no name, region or figure"),
        (b'{"Items": [], "NextPageLink": "https://prices.azure.com/?$skip=0&x=1"}', "does not come to an end"),
        (b'{"Items": [', "no JSON"),
        (b"<html></html>", "a web page"),
    ],
)
def test_an_answer_of_another_form_is_a_fault(server: PriceServer, refresh: Refresh, page: bytes, message: str):
    server.answers["/api/retail/prices"] = Answer(page)
    with pytest.raises(InputError, match="azure") as caught:
        refresh("azure", regions=["eastus"])
    assert message in str(caught.value)


def test_regions_that_were_read_today_are_not_read_again(server: PriceServer, refresh: Refresh):
    serve_azure(server, METERS)
    with pytest.raises(InputError, match="japaneast"):
        refresh("azure", regions=["eastus", "westeurope", "japaneast"])
    server.asked.clear()
    refresh("azure", regions=["eastus", "westeurope"])
    assert not server.asked
