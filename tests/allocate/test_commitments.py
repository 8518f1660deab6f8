"""What commitments cost, used and unused, by billed and by amortised cost, as each cloud tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from tests.allocate.bills import line, write_csv
from tests.allocate.test_mapping import CUR, EA, allocated, parquet

RI = {
    **CUR,
    "line_item_line_item_type": "DiscountedUsage",
    "line_item_unblended_cost": "0",
    "reservation_effective_cost": "0.6",
    "reservation_reservation_a_r_n": "arn:ri",
}
RI_FEE = {
    **CUR,
    "line_item_line_item_type": "RIFee",
    "line_item_unblended_cost": "100",
    "reservation_reservation_a_r_n": "arn:ri",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "3",
    "reservation_unused_recurring_fee": "4",
    "resource_tags": "",
}
UPFRONT = {
    **CUR,
    "line_item_line_item_type": "Fee",
    "line_item_unblended_cost": "500",
    "reservation_reservation_a_r_n": "arn:ri",
}
PLAN_FEE = {
    **CUR,
    "line_item_line_item_type": "SavingsPlanRecurringFee",
    "line_item_unblended_cost": "0.7",
    "savings_plan_savings_plan_a_r_n": "arn:sp",
    "savings_plan_total_commitment_to_date": "0.7",
    "savings_plan_used_commitment": "0.5",
}

NET = {
    **CUR,
    "line_item_unblended_cost": "10",
    "line_item_net_unblended_cost": "9",
    "savings_plan_net_savings_plan_effective_cost": "",
    "reservation_net_effective_cost": "",
}
NET_RI = {
    **NET,
    **{name: RI[name] for name in ("line_item_line_item_type", "reservation_effective_cost")},
    "line_item_unblended_cost": "0",
    "line_item_net_unblended_cost": "0",
    "reservation_net_effective_cost": "0.54",
}


def told(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("ChargeCategory", "CommitmentDiscountStatus", "x_Team", "BilledCost", "EffectiveCost")
    return [tuple(row.get(name) for name in names) for row in rows]


def test_unused_reservations_and_savings_plans_of_aws_are_the_platforms(tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "cur.csv", [RI, RI_FEE, UPFRONT, PLAN_FEE])
    outcome, rows, noted = allocated([bill], "commitments")
    assert told(rows) == [
        ("Usage", "Used", "nlp", Decimal(0), Decimal("0.6")),
        ("Purchase", "Unused", "platform", Decimal(100), Decimal(7)),
        ("Purchase", None, "platform", Decimal(500), Decimal(0)),
        ("Purchase", "Unused", "platform", Decimal("0.7"), Decimal("0.2")),
    ]
    assert [row["x_Rule"] for row in rows[1:]] == ["unused-commitment", "commitment-purchase", "unused-commitment"]
    assert outcome.billed == Decimal("7.8")
    assert not [text for text in noted if "commitments" in text]
    assert allocated([bill])[0].billed == Decimal("600.7")  # by-tags: billed cost


def test_discounts_that_are_columns_of_aws_lines_are_taken_off(tmp_path: Path) -> None:
    outcome, rows, _ = allocated([write_csv(tmp_path / "cur.csv", [NET, NET_RI])])
    assert outcome.billed == Decimal(9)
    assert [row["EffectiveCost"] for row in rows] == [Decimal(9), Decimal("0.54")]


# The figures of Google's own examples: "Underutilized" and "Overutilized CUD scenario" of the page "Spend-based CUDs data
# model updates" in the documentation of Google Cloud, read 2026-11.
def usage(
    sku: str,
    cost: float,
    model: str | None,
    price: float,
    instance: str | None,
    credit: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    kind = "FEE_UTILIZATION_OFFSET" if model else "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"
    made: dict[str, Any] = {
        "billing_account_id": "01",
        "service": {"description": "Compute Engine"},
        "sku": {"id": sku, "description": sku},
        "usage_start_time": "2026-03-02 00:00:00 UTC",
        "usage_end_time": "2026-03-02 01:00:00 UTC",
        "project": {"id": "ml", "name": "ML"},
        "labels": [{"key": "team", "value": "vision"}],
        "cost": cost,
        "currency": "USD",
        "cost_type": "regular",
        "price": {"effective_price": price},
        "subscription": {"instance_id": instance},
        "credits": [{"name": "c", "amount": str(credit), "type": kind}] if credit is not None else [],
        **more,
    }
    return {**made, "consumption_model": {"description": model}} if model else made


FLEX = "Compute Flexible CUDs 1 Year"
PRESENT = [
    usage("Fee", 0.022994, "Default", 1, "subscriptions/1"),
    usage("Fee", 0.125637, "Default", 1, "subscriptions/1", -0.1256348),
    usage("RAM", 0.125637, FLEX, 0.0157043448, "subscriptions/1"),
    usage("RAM", 0.109398, "Default", 0.02181159, None),
]
BEFORE = [
    usage("Fee", 0.125637, None, 0.0072, "subscriptions/1"),
    usage("RAM", 0.174496, None, 0.02181159, None, -0.174496),
]


def test_what_google_leaves_of_a_fee_nobody_used(tmp_path: Path) -> None:
    outcome, rows, _ = allocated([parquet(tmp_path / "gcp.parquet", PRESENT)], "commitments")
    assert told(rows) == [
        ("Purchase", "Unused", "platform", Decimal("0.022994"), Decimal("0.022994")),
        ("Purchase", "Unused", "platform", Decimal("0.0000022"), Decimal("0.0000022")),
        ("Usage", "Used", "vision", Decimal("0.125637"), Decimal("0.125637")),
        ("Usage", None, "vision", Decimal("0.109398"), Decimal("0.109398")),
    ]
    assert outcome.billed == Decimal("0.2580312")


def test_fees_of_googles_model_before_are_purchases_and_their_use_is_not_told(tmp_path: Path) -> None:
    outcome, rows, _ = allocated([parquet(tmp_path / "gcp.parquet", BEFORE)], "commitments")
    assert told(rows) == [
        ("Purchase", None, "platform", Decimal("0.125637"), Decimal("0.125637")),
        ("Usage", None, "vision", Decimal(0), Decimal(0)),
    ]
    assert outcome.billed == Decimal("0.125637")


def test_corrections_of_google_are_corrections(tmp_path: Path) -> None:
    row = usage("RAM", -1.5, "Default", 1, None, cost_type="adjustment", adjustment_info={"type": "PRICE_CORRECTION"})
    _, rows, _ = allocated([parquet(tmp_path / "gcp.parquet", [row])], "credits-refunds-taxes")
    assert (rows[0]["ChargeCategory"], rows[0]["ChargeClass"], rows[0]["x_Team"]) == (
        "Adjustment",
        "Correction",
        "vision",
    )


def azure(**columns: str) -> dict[str, str]:
    return {**EA, "BenefitId": "r-1", **columns}


COVERED = azure(PricingModel="Reservation", CostInBillingCurrency="2")
UNUSED = azure(PricingModel="Reservation", ChargeType="UnusedReservation", CostInBillingCurrency="1", Tags="")
UNUSED_PLAN = azure(PricingModel="SavingsPlan", ChargeType="UnusedSavingsPlan", CostInBillingCurrency="0.5", Tags="")
BOUGHT = azure(PricingModel="Reservation", ChargeType="Purchase", CostInBillingCurrency="900")
COVERED_ACTUAL = azure(PricingModel="Reservation", CostInBillingCurrency="0")


def test_unused_reservations_and_savings_plans_of_azure_are_the_platforms(tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "azure.csv", [EA, COVERED, UNUSED, UNUSED_PLAN])
    outcome, rows, noted = allocated([bill], "commitments")
    assert told(rows) == [
        ("Usage", None, "speech", Decimal("3.673"), Decimal("3.673")),
        ("Usage", "Used", "speech", Decimal(0), Decimal(2)),
        ("Usage", "Unused", "platform", Decimal(0), Decimal(1)),
        ("Usage", "Unused", "platform", Decimal(0), Decimal("0.5")),
    ]
    assert (outcome.billed, noted) == (Decimal("7.173"), [text for text in noted if "lines are covered" not in text])


def test_an_export_of_amortised_cost_alone_is_told_where_billed_cost_is_allocated(tmp_path: Path) -> None:
    outcome, _, noted = allocated([write_csv(tmp_path / "azure.csv", [EA, COVERED, UNUSED])])
    assert outcome.billed == Decimal("3.673")
    assert (
        "2 lines are covered by commitments, and the bill has no purchase of one: by BilledCost they cost nothing, "
        "by EffectiveCost $3.00 (cost: amortized)." in noted
    )


def test_an_export_of_actual_cost_alone_is_told_where_amortised_cost_is_allocated(tmp_path: Path) -> None:
    outcome, rows, noted = allocated([write_csv(tmp_path / "azure.csv", [EA, COVERED_ACTUAL, BOUGHT])], "commitments")
    assert outcome.billed == Decimal("3.673")
    assert (rows[2]["x_Rule"], rows[2]["BilledCost"]) == ("commitment-purchase", Decimal(900))
    assert (
        "1 lines buy commitments, and the bill has no use of one at its amortised cost: by EffectiveCost they cost "
        "nothing, by BilledCost $900.00 (cost: billed)." in noted
    )


@pytest.mark.parametrize(("rules", "total"), [("by-tags", 900), ("commitments", 6)])
def test_focus_has_both_costs_and_each_is_allocated_as_asked(tmp_path: Path, rules: str, total: int) -> None:
    held = {"CommitmentDiscountId": "ri-1", "ChargeCategory": "Usage"}
    rows = [
        line("900", **{**held, "ChargeCategory": "Purchase"}, EffectiveCost="0"),
        line("0", tags={"team": "nlp"}, **held, CommitmentDiscountStatus="Used", EffectiveCost="4"),
        line("0", **held, CommitmentDiscountStatus="Unused", EffectiveCost="2"),
    ]
    outcome, found, noted = allocated([write_csv(tmp_path / "focus.csv", rows)], rules)
    assert outcome.billed == total
    assert not [text for text in noted if "commitments" in text]
    assert [row["x_Team"] for row in found][1:] == ["nlp", "platform"]
