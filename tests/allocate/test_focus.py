"""The columns of each release of FOCUS, and what exporters of it do otherwise.

Columns and types: FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, tags v1.0, v1.1 and v1.2, specification/columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.bill.focus import COLUMNS, LINE, TAGS, Kind, focus_names
from spendgate.allocate.bill.mapping import find_mapping
from spendgate.errors import InputError
from tests.allocate.bills import run, write_csv
from tests.allocate.test_mapping import allocated


def words(text: str) -> list[str]:
    return text.split()


ONE_0 = words("""
AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus CommitmentDiscountType
ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost InvoiceIssuerName ListCost ListUnitPrice
PricingCategory PricingQuantity PricingUnit ProviderName PublisherName RegionId RegionName ResourceId ResourceName
ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId SubAccountName Tags
""")
ADDED_1_1 = words("""
CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity CommitmentDiscountUnit ServiceSubcategory
SkuMeter SkuPriceDetails
""")
ADDED_1_2 = words("""
BillingAccountType InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
PricingCurrencyListUnitPrice SubAccountType
""")
DECIMALS = words("""
BilledCost CommitmentDiscountQuantity ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost
ListUnitPrice PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice
PricingQuantity
""")
TIMES = ["BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"]


def test_the_columns_are_those_of_the_three_releases() -> None:
    assert set(COLUMNS) | {TAGS} == {*ONE_0, *ADDED_1_1, *ADDED_1_2}
    assert {name for name, kind in COLUMNS.items() if kind in (Kind.COST, Kind.QUANTITY)} == set(DECIMALS)
    assert {name for name, kind in COLUMNS.items() if kind is Kind.TIME} == set(TIMES)
    assert str(LINE)


def of(columns: list[str], **own: str) -> dict[str, str]:
    """A line with every one of the columns."""
    made = {name: f"{name}-x" for name in columns}
    made |= {name: "1.5" for name in DECIMALS if name in columns}
    made |= dict.fromkeys(TIMES, "2026-03-01T00:00:00Z")
    return {**made, "BillingCurrency": "USD", "ChargeCategory": "Usage", "Tags": '{"team": "nlp"}', **own}


@pytest.mark.parametrize(
    "columns", [ONE_0, [*ONE_0, *ADDED_1_1], [*ONE_0, *ADDED_1_1, *ADDED_1_2]], ids=["1.0", "1.1", "1.2"]
)
def test_every_column_of_a_release_is_read_by_rules_and_written(tmp_path: Path, columns: list[str]) -> None:
    asked = [name for name in columns if name != TAGS]
    match = " && ".join(
        f"line.{name} > 1.0" if name in DECIMALS else f'line.{name} == "2026-03-01T00:00:00Z"' if name in TIMES else
        f"has(line.{name})" for name in asked
    )  # fmt: skip
    rules = f"rules: [{{name: all, layer: direct, match: '{match}', owner: {{team: tags.team}}}}]\n"
    outcome, rows = run(tmp_path, [of(columns)], rules)
    assert (outcome.missing, outcome.allocated, outcome.read_as) == ({}, Decimal("1.5"), None)
    assert set(columns) <= set(rows[0])


def test_columns_of_a_later_release_are_absent_in_a_bill_of_an_earlier_one_and_told(tmp_path: Path) -> None:
    rules = "rules: [{name: r, layer: direct, match: has(line.CapacityReservationId), owner: {team: '\"x\"'}}]\n"
    outcome, _ = run(tmp_path, [of(ONE_0)], rules)
    assert outcome.missing == {"r": ("CapacityReservationId",)}


@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_columns_are_read_in_any_case(tmp_path: Path, write: Any) -> None:
    row = {write(name): value for name, value in of(ONE_0).items()}
    _, rows, _ = allocated([write_csv(tmp_path / "bill.csv", [row])])
    assert rows[0]["x_Team"] == "nlp"
    assert set(ONE_0) <= set(rows[0])


def test_names_that_are_alike_but_for_their_case_are_told_by_their_own() -> None:
    assert focus_names(["tags", "BilledCost", "x_Tags", "SUBACCOUNTID"]) == {
        "tags": "Tags",
        "SUBACCOUNTID": "SubAccountId",
    }


# Deviations that a real sample of 1.0 shows (FOCUS-Sample-Data, 2024-12: AWS, Microsoft, Oracle), in lines of our own.
SAMPLE: list[dict[str, str]] = [
    of(ONE_0, BilledCost="0.00000080000", ChargePeriodStart="2026-03-01 22:00:00", Tags="NULL", ChargeClass="NULL"),
    of(ONE_0, BilledCost="-2.61370000000", EffectiveCost="-3.00000000000", ChargeCategory="Credit"),
    of(ONE_0, ChargeFrequency="Usage-based", AvailabilityZone="0.02", CommitmentDiscountStatus=""),
    of(ONE_0, Tags='{"env": "prod", "org": "trey", " org": "trey", "team": "nlp"}'),
    of(ONE_0, ProviderName="Oracle", ContractedCost="NULL", EffectiveCost="0.00000000000", BillingAccountName=""),
]


def test_a_bill_with_the_quirks_of_the_sample_is_allocated(tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "bill.csv", [{**row, "Id": str(n)} for n, row in enumerate(SAMPLE)])
    outcome, rows, _ = allocated([bill], line_id="Id")
    assert outcome.billed == Decimal("1.8863008")
    assert [row["x_Team"] for row in rows] == [None, "nlp", "nlp", "nlp", "nlp"]
    assert str(rows[0]["ChargePeriodStart"]) == "2026-03-01 22:00:00"
    assert allocated([bill], "commitments", line_id="Id")[0].billed == Decimal("1.5")


def test_a_cost_that_some_lines_lack_is_refused_with_a_line(tmp_path: Path) -> None:
    rules = "cost: contracted\nrules: [{name: all, layer: direct, match: 'true', owner: {team: '\"x\"'}}]\n"
    with pytest.raises(InputError, match=r"1 of 5 lines have no ContractedCost: line bill\.csv:5, for one"):
        run(tmp_path, SAMPLE, rules)


def columns_of(row: Mapping[str, Any], types: Mapping[str, str]) -> str:
    return ", ".join(f"CAST('{row[name]}' AS {type_}) AS {name}" for name, type_ in types.items())


def test_focus_of_aws_has_maps_doubles_and_milliseconds(tmp_path: Path) -> None:
    """docs.aws.amazon.com/cur: FOCUS 1.2 with AWS columns."""
    import duckdb

    types = dict.fromkeys(DECIMALS, "DOUBLE") | dict.fromkeys(TIMES, "TIMESTAMP_MS")
    row = of([*ONE_0, *ADDED_1_1, *ADDED_1_2])
    plain = {name: "VARCHAR" for name in row if name not in types and name not in (TAGS, "SkuPriceDetails")}
    maps = "MAP {'team': 'nlp'} AS Tags, MAP {'CoreCount': '4'} AS SkuPriceDetails, MAP {'edp': 0.1} AS x_Discounts"
    path = tmp_path / "focus.snappy.parquet"
    duckdb.execute(f"COPY (SELECT {columns_of(row, types | plain)}, {maps}) TO '{path}' (COMPRESSION snappy)")
    outcome, rows, _ = allocated([path])
    assert (outcome.billed, rows[0]["x_Team"], outcome.read_as) == (Decimal("1.5"), "nlp", None)
    assert dict(rows[0]["x_Discounts"]) == {"edp": Decimal("0.1")}


@pytest.mark.parametrize(
    "tags",
    [
        '{"team": "nlp"}',
        '"team": "nlp","project": "p"',
        '[{"key": "team", "value": "nlp"}]',
        '[{"key": "team", "value": "nlp", "x_type": "label", "x_inherited": false}, {"key": "team", "value": "late"}]',
    ],
)
def test_tags_in_texts_are_an_object_with_or_without_braces_or_a_list(tmp_path: Path, tags: str) -> None:
    _, rows, notes = allocated([write_csv(tmp_path / "bill.csv", [of(ONE_0, Tags=tags)])])
    assert rows[0]["x_Team"] == "nlp"
    assert json.loads(rows[0]["Tags"])["team"] == "nlp"
    assert not [text for text in notes if "no JSON" in text]


GCP = {
    **of(ONE_0, ChargeCategory="usage", PricingCategory="committed", Tags='[{"key": "team", "value": "vision"}]'),
    "x_CostType": "regular",
    "x_Credits": '[{"Name": "cud", "Amount": "-0.5"}]',
}


def test_googles_view_writes_small_letters_and_a_list_of_tags(tmp_path: Path) -> None:
    rows = [GCP, {**GCP, "ChargeCategory": "tax"}, {**GCP, "ChargeCategory": "adjustment", "ChargeClass": "correction"}]
    outcome, found, _ = allocated([write_csv(tmp_path / "gcp.csv", rows)])
    assert outcome.read_as == "gcp-focus"
    assert [row["ChargeCategory"] for row in found] == ["Usage", "Tax", "Adjustment"]
    assert (found[2]["ChargeClass"], found[0]["PricingCategory"]) == ("Correction", "Committed")
    assert {row["x_Team"] for row in found} == {"vision"}
    assert outcome.billed == Decimal("4.5")  # net of the credits already


def test_googles_own_export_has_lists_of_labels_and_of_tags(tmp_path: Path) -> None:
    import duckdb

    row = {name: value for name, value in GCP.items() if name != TAGS}
    pairs = "[{'Key': 'team', 'Value': '%s'}]"
    lists = f"{pairs % 'label'} AS x_Labels, {pairs % 'tag'} AS x_Tags, {pairs % 'project'} AS x_ProjectLabels"
    columns = columns_of(row, dict.fromkeys(row, "VARCHAR"))
    duckdb.execute(f"COPY (SELECT {columns}, {lists}) TO '{tmp_path}/gcp.parquet'")
    outcome, rows, _ = allocated([tmp_path / "gcp.parquet"])
    assert (outcome.read_as, rows[0]["x_Team"]) == ("gcp-focus", "label")


def test_a_bill_of_focus_asks_no_mapping_whatever_else_it_holds() -> None:
    assert find_mapping(None, [*ONE_0, "Region", "ChargeType"]) is None
    assert find_mapping(None, [name.upper() for name in ONE_0]) is None
