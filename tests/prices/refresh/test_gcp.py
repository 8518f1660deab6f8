"""Google Cloud: SKUs of cores, memory and GPUs are composed into machine types, and every such price says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import problems
from spendgate.prices.model import NoPrice, Purchase
from tests.prices.refresh.conftest import Refresh
from tests.prices.refresh.lists import SKU_PATH, serve_gcp, sku
from tests.prices.refresh.server import Answer, PriceServer

# us-central1 as public tables have it: N1 0.031611 and 0.004237, T4 0.35, L4 0.56; A2 in the same form.
SKUS = [
    sku("N1 Predefined Instance Core running in Americas", "0", 31611000, "us-central1", "us-east1"),
    sku("N1 Predefined Instance Ram running in Americas", "0", 4237000, "us-central1", "us-east1"),
    sku("A2 Instance Core running in Americas", "0", 31611000),
    sku("A2 Instance Ram running in Americas", "0", 4237000),
    sku("Nvidia Tesla A100 GPU running in Americas", "2", 933908000),
    sku("Nvidia Tesla A100 80GB GPU running in Americas", "3", 928000000),
    sku("SSD backed Local Storage", "0", 80000000, family="Storage", unit="GiBy.mo"),
    sku("Spot Preemptible A2 Instance Core running in Americas", "0", 16000000),
    sku("Spot Preemptible A2 Instance Ram running in Americas", "0", 2000000),
    sku("Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas", "1", 570000000),
    sku("G2 Instance Core running in Americas", "0", 24988000),
    sku("G2 Instance Ram running in Americas", "0", 2927000),
    sku("Nvidia L4 GPU running in Americas", "0", 560040000),
    sku("G4 Instance Core running in Iowa", "0", 40000000),
    sku("G4 Instance Ram running in Iowa", "0", 5000000),
    sku("RTX 6000 96GB running in Iowa", "1", 680000000),
    sku("Nvidia Tesla T4 GPU running in Americas", "0", 350000000),
    sku("TpuV6e running in Iowa", "2", 700000000),
    sku("A4 Nvidia B200 (1 gpu slice) running in Iowa", "14", 0),
    # What is another way of buying, and must not be mistaken for the plain price:
    sku("Reserved Nvidia Tesla A100 80GB GPU in Americas", "0", 0),
    sku("Commitment v1: A2 Cpu in Americas for 1 Year", "0", 19915000, usage="Commit1Yr"),
    sku("DWS Defined Duration A2 Instance Core running in Americas", "0", 1000000),
    sku("Nvidia Tesla A100 80GB GPU attached to DWS Defined Duration VMs running in Americas", "1", 0),
    sku("A2 Instance Core running in Sole Tenancy in Americas", "0", 99000000, usage="OnDemand"),
    sku("N1 Custom Instance Core running in Americas", "0", 33174000),
    sku("Capacity Optimized TpuV6e running in Iowa", "9", 0),
    sku("Licensing Fee for Windows Server on VM with 18 VCPU", "2", 0, family="License"),
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "a-key")


pytestmark = pytest.mark.usefixtures("unjudged")


def prices(project: Path) -> Catalogue:
    return Catalogue.of_project(project)


def test_machine_types_are_composed_of_their_parts_and_say_so(server: PriceServer, refresh: Refresh, project: Path):
    serve_gcp(server, SKUS)
    refresh("gcp", regions=["us-central1"])
    catalogue = prices(project)
    a2 = catalogue.quote("gcp", "a2-highgpu-1g", "us-central1")
    assert a2.amount == Decimal("3.673385")  # 12 cores, 85 GiB, one A100: what the built-in table says as well
    assert a2.amount == Catalogue.builtin().quote("gcp", "a2-highgpu-1g", "us-central1").amount
    assert a2.derived
    assert "composed of SKUs: 12 × a2 instance core + 85 × a2 instance ram + 1 × nvidia tesla a100 gpu" in a2.note
    assert a2.source.startswith("Cloud Billing catalogue, Compute Engine us-central1, read ")
    spot = catalogue.quote("gcp", "a2-highgpu-1g", "us-central1", Purchase.SPOT)
    assert (spot.low, spot.high) == (Decimal("1.932"), Decimal("3.673385"))
    assert spot.derived
    assert list(problems(catalogue)) == []


@pytest.mark.parametrize(
    ("item", "amount"),
    [
        ("a2-highgpu-8g", "29.38708"),
        ("a2-ultragpu-1g", "5.068718"),  # the larger A100, and 375 GiB of local SSD by the hour of a month
        ("g2-standard-4", "0.706824"),
        ("g2-standard-48", "4.001568"),
        ("g4-standard-48", "4.5"),
        ("g4-standard-12", "1.125"),  # a quarter of a GPU
        ("n1-standard-4", "0.189999"),
    ],
)
def test_each_gpu_family_is_composed_of_what_it_carries(composed: Catalogue, item: str, amount: str):
    quote = composed.quote("gcp", item, "us-central1")
    assert quote.amount is not None
    assert quote.derived
    assert abs(quote.amount - Decimal(amount)) < Decimal("0.000005")


def test_attached_gpus_and_tpu_chips_are_listed_and_not_derived(composed: Catalogue):
    t4 = composed.quote("gcp", "nvidia-tesla-t4", "us-central1")
    assert (t4.amount, t4.derived) == (Decimal("0.35"), False)
    assert composed.quote("gcp", "tpu-v6e", "us-central1").amount == Decimal("2.7")
    assert composed.quote("gcp", "v6e-8", "us-central1").amount == Decimal("21.6")


def test_parts_of_a_machine_that_is_sold_by_reservation_alone_are_no_price_of_it(composed: Catalogue):
    assert composed.quote("gcp", "a4-highgpu-8g", "us-central1").reason is NoPrice.RESERVATION_ONLY


def test_a_type_whose_parts_are_not_all_listed_keeps_the_price_that_it_had(composed: Catalogue):
    quote = composed.quote("gcp", "c3-standard-4", "us-central1")
    assert quote.amount == Catalogue.builtin().quote("gcp", "c3-standard-4", "us-central1").amount
    assert "Cloud Billing" not in quote.source


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue after one refresh, for many questions."""
    from spendgate.prices.refresh.checkpoint import Checkpoints
    from spendgate.prices.refresh.gcp import read
    from spendgate.prices.refresh.staging import stage, swap
    from spendgate.prices.refresh.transport import Client

    folder = tmp_path_factory.mktemp("refreshed")
    builtin = Catalogue.builtin()
    with PriceServer() as server:
        serve_gcp(server, SKUS)
        done = Checkpoints(folder / ".part")
        listings = list(read(Client(), {"gcp": server.url}, ["us-central1"], done, key="a-key", catalogue=builtin))
    swap(stage(folder, listings, builtin.store))
    return Catalogue.with_user(folder)


def test_only_the_region_that_was_asked_for_changes(server: PriceServer, refresh: Refresh, project: Path):
    serve_gcp(server, SKUS)
    refresh("gcp", regions=["us-central1"])
    assert "Cloud Billing" not in prices(project).quote("gcp", "n1-standard-4", "us-east1").source
    refresh("gcp", regions=["us-east1"])
    assert "Cloud Billing" in prices(project).quote("gcp", "n1-standard-4", "us-east1").source
    assert "Cloud Billing" in prices(project).quote("gcp", "n1-standard-4", "us-central1").source


def test_a_part_with_two_prices_has_none(server: PriceServer, refresh: Refresh, project: Path):
    serve_gcp(server, [*SKUS, sku("A2 Instance Core running in Iowa", "0", 41000000)])
    refresh("gcp", regions=["us-central1"])
    assert "Cloud Billing" not in prices(project).quote("gcp", "a2-highgpu-1g", "us-central1").source
    assert "Cloud Billing" in prices(project).quote("gcp", "g2-standard-4", "us-central1").source


def test_the_key_goes_in_a_header_and_into_no_error(
    server: PriceServer, refresh: Refresh, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GOOGLE_API_KEY", "AIzaWrong")
    serve_gcp(server, SKUS)
    with pytest.raises(InputError) as caught:
        refresh("gcp")
    assert "API key not valid" in str(caught.value)
    assert "AIzaWrong" not in str(caught.value)
    assert server.asked[-1].headers["X-Goog-Api-Key"] == "AIzaWrong"
    assert all("AIza" not in str(one.query) for one in server.asked)


def test_the_key_can_be_in_a_file(
    server: PriceServer, refresh: Refresh, project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GOOGLE_API_KEY")
    (project / "key").write_text("a-key\n")
    serve_gcp(server, SKUS)
    assert refresh("gcp", regions=["us-central1"], key_file=project / "key")


@pytest.mark.parametrize(("text", "message"), [("", "no API key"), ("two words", "that is no API key")])
def test_without_a_key_nothing_is_asked(
    server: PriceServer, refresh: Refresh, monkeypatch: pytest.MonkeyPatch, text: str, message: str
):
    monkeypatch.setenv("GOOGLE_API_KEY", text)
    with pytest.raises(InputError, match=message) as caught:
        refresh("gcp")
    assert "GOOGLE_API_KEY" in str(caught.value)
    assert not server.asked


def test_a_key_is_not_sent_in_the_clear(refresh: Refresh):
    with pytest.raises(InputError, match="a key is not sent without encryption"):
        refresh("gcp", lists=["gcp=http://prices.example"])


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b'{"skus": []}', "the list has no price"),
        (b'{"error": {}}', "has no skus"),
        (b'{"skus": [{"description": "A2 Instance Core"}]}', "a SKU is of another form"),
        (b'{"skus": ["x"]}', "a SKU is of another form"),
        (b"<html>", "a web page, not JSON"),
    ],
)
def test_an_answer_of_another_form_is_a_fault(
    server: PriceServer, refresh: Refresh, project: Path, page: bytes, message: str
):
    server.answers[SKU_PATH] = Answer(page)
    with pytest.raises(InputError, match="gcp") as caught:
        refresh("gcp")
    assert message in str(caught.value)
    assert prices(project) is Catalogue.builtin()


def test_pages_that_were_read_are_not_asked_for_again(server: PriceServer, refresh: Refresh, project: Path):
    serve_gcp(server, SKUS)
    whole = server.answers[SKU_PATH]
    calls: list[dict[str, str]] = []

    def breaking(query: dict[str, str]) -> Answer:
        calls.append(query)
        if query.get("pageToken") == "page-12":
            return Answer(status=500, fail=1)
        assert callable(whole)
        return whole(query)

    server.answers[SKU_PATH] = breaking
    with pytest.raises(InputError, match="the server answers 500; given up after 3 attempts"):
        refresh("gcp", regions=["us-central1"])
    server.answers[SKU_PATH] = whole
    server.asked.clear()
    refresh("gcp", regions=["us-central1"])
    assert [one.query["pageToken"] for one in server.asked] == ["page-12", "page-16", "page-20", "page-24"]
    assert not (project / ".spendgate/refreshed/.part").exists()


def odd_skus() -> list[dict[str, Any]]:
    """Other units, currencies and free tiers."""
    other = sku("Nvidia L4 GPU running in Americas", "9", 0)
    other["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]["unitPrice"]["currencyCode"] = "EUR"
    by_month = sku("Nvidia L4 GPU running in Americas", "9", 0, unit="mo")
    none = sku("Nvidia L4 GPU running in Americas", "9", 0)
    none["pricingInfo"] = []
    return [other, by_month, none]


def test_other_units_and_currencies_are_passed_over(server: PriceServer, refresh: Refresh, project: Path):
    serve_gcp(server, odd_skus() + SKUS)
    refresh("gcp", regions=["us-central1"])
    assert prices(project).quote("gcp", "g2-standard-4", "us-central1").amount == Decimal("0.706824")
