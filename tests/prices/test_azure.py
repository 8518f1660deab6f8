"""Azure's sizes: what public tables get wrong about them, and how spot and disks are told."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import instances
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.naming import family_of, group_of

CATALOGUE = Catalogue.builtin()
GENERAL = ("D", "E", "F")  # a size of these series costs what its vCPUs cost


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Standard_D4s_v5", "Dv5"),
        ("Standard_E96ads_v6", "Ev6"),
        ("Standard_DS2_v2", "DSv2"),
        ("Standard_B2ms", "B"),
        ("Standard_B4ps_v2", "Bv2"),
        ("Standard_NC24ads_A100_v4", "NC"),
        ("Standard_NV6ads_A10_v5", "NV"),
        ("Basic_A1", None),
    ],
)
def test_sizes_without_an_accelerator_are_found_by_letter_and_version(name: str, group: str | None) -> None:
    assert group_of("azure", name) == group
    assert family_of("azure", name) == (group or name)


def test_no_price_of_a_general_size_is_that_of_windows() -> None:
    """A public table lists the Windows price of some sizes: they stand out among the sizes of their series."""
    each: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for instance in instances(CATALOGUE):
        series = re.fullmatch(r"Standard_([A-Z]+)\d+([a-z]+_v\d)", instance.name)
        if instance.provider != "azure" or series is None or series[1] not in GENERAL or series[2].endswith("_v3"):
            continue
        for region, row in CATALOGUE.store.listed("azure", instance.name).items():
            price = CATALOGUE.store.price(row).on_demand
            if price is not None:
                each[f"{series[1]}{series[2]}", region][instance.name] = price / Decimal(str(instance.vcpu))
    assert len(each) > 2000
    apart = [key for key, prices in each.items() if max(prices.values()) > min(prices.values()) * Decimal("1.1")]
    assert apart == []


@pytest.mark.parametrize(
    ("name", "region", "linux"),
    [
        ("Standard_D32as_v5", "ukwest", "1.665"),
        ("Standard_B16as_v2", "australiacentral", "0.76"),
        ("Standard_NCC40ads_H100_v5", "centralus", "7.89"),
    ],
)
def test_where_one_table_lists_windows_the_price_is_from_the_other(name: str, region: str, linux: str) -> None:
    quote = CATALOGUE.quote("azure", name, region)
    assert quote.amount == Decimal(linux)
    assert "anycloud" in quote.source


def test_a_price_that_is_a_tenth_of_all_others_is_no_price() -> None:
    quote = CATALOGUE.quote("azure", "Standard_F4ams_v6", "newzealandnorth")
    assert (quote.amount, quote.reason) == (None, NoPrice.UNPRICED)
    assert CATALOGUE.quote("azure", "Standard_F4ams_v6", "eastus").amount == Decimal("0.358")


@pytest.mark.parametrize("name", ["Standard_D4s_v5", "Standard_ND96isr_H100_v5"])
def test_spot_is_a_range_with_a_date_of_its_own(name: str) -> None:
    on_demand = CATALOGUE.quote("azure", name, "eastus")
    spot = CATALOGUE.quote("azure", name, "eastus", Purchase.SPOT)
    assert spot.low is not None
    assert on_demand.amount is not None
    assert spot.low < on_demand.amount == spot.high
    assert (spot.as_of, on_demand.as_of) == ("2026-05-20", "2026-06-18")


def test_a_disk_is_priced_as_a_whole_by_its_tier() -> None:
    quote = CATALOGUE.storage_quote("azure", "disk.premium_lrs.p10", "eastus")
    assert (quote.amount, quote.unit) == (Decimal("19.71"), "month")


def test_a_misspelt_region_or_size_is_answered_with_the_nearest() -> None:
    assert 'did you mean "westeurope"?' in CATALOGUE.quote("azure", "Standard_D4s_v5", "westeurop").note
    assert 'did you mean "Standard_D4s_v5"?' in CATALOGUE.quote("azure", "Standard_D4s_v55", "eastus").note
