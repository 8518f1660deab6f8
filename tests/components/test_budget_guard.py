"""Budgets: of the same tag, by the month and by the day, told to the owners."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_components import ArgumentError, BudgetGuardArgs, WorkloadTags
from spendgate_components.budget_guard import plan
from spendgate_components.escapes import with_escapes
from tests.components.conftest import CheckProgram, message, objections
from tests.components.test_tags import WHO


def guard(cloud: str = "aws", **change: Any) -> BudgetGuardArgs:
    tags = WorkloadTags(**{**WHO, **change.pop("tags", {})})
    more = {"billing_account": "012345-678901-ABCDEF"} if cloud == "gcp" else {}
    return BudgetGuardArgs(**{"tags": tags, "cloud": cloud, "monthly_usd": 3650, **more, **change})


def test_a_guard_on_either_cloud_passes_all_packs(check: CheckProgram) -> None:
    checked = check("""
        BudgetGuard("aws", tags=tags, cloud="aws", monthly_usd=3000)
        BudgetGuard("gcp", tags=tags, cloud="gcp", monthly_usd=3000, billing_account="012345-678901-ABCDEF")
    """)
    assert [message(one) for one in objections(checked)] == []
    assert set(checked.names.values()) == {"aws-monthly", "aws-daily", "gcp-monthly", "gcp-notify-0"}
    assert not checked.estimate.lines


def test_the_day_is_watched_as_the_month_is() -> None:
    monthly, daily = (child.inputs for child in plan(guard()).children)
    assert (monthly["timeUnit"], monthly["limitAmount"]) == ("MONTHLY", "3650.00")
    assert (daily["timeUnit"], daily["limitAmount"]) == ("DAILY", "240.00")  # twice 24 of 730 hours
    for budget in (monthly, daily):
        assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:project$llm"]}]
        assert {mail for one in budget["notifications"] for mail in one["subscriberEmailAddresses"]} == {
            "nlp@example.com"
        }
    assert {one["notificationType"] for one in monthly["notifications"]} == {"ACTUAL", "FORECASTED"}


@pytest.mark.parametrize(
    ("cloud", "change", "told"),
    [
        ("azure", {}, "Write one of aws, gcp."),
        ("aws", {"monthly_usd": 0}, "monthly_usd is 0\nWrite an amount in US dollars"),
        ("aws", {"monthly_usd": float("nan")}, "Write an amount in US dollars"),
        ("aws", {"daily_usd": 9999}, "more than the month ($3,650.00)"),
        ("aws", {"tags": {"owner": "nlp-team"}}, 'Write notify=["team@example.com"].'),
        ("aws", {"notify": ["nlp"]}, "Write e-mail addresses"),
        ("gcp", {"notify": [f"a{at}@example.com" for at in range(6)]}, "6 addresses, gcp takes 5"),
        ("aws", {"thresholds": [0]}, "Write one to nine percentages"),
        ("aws", {"by": "projct"}, 'did you mean "project"?'),
        ("gcp", {"billing_account": None}, "billing_account is missing for gcp"),
        ("gcp", {"daily_usd": 100}, "Cloud Billing has no daily budgets"),
        ("aws", {"billing_account": "x"}, "billing_account is for gcp"),
        ("aws", {"raw": {"monthly": {"limit_amount": "99999"}}}, "monthly.limitAmount is changed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    cloud: str, change: dict[str, Any], told: str
) -> None:
    args = guard(cloud, **change)
    with pytest.raises(ArgumentError, match=re.escape(told)):
        with_escapes(plan(args).children, args.raw, ())


@given(st.decimals(Decimal("0.01"), Decimal(10_000_000), places=2), st.sampled_from(["aws", "gcp"]))
def test_the_amount_arrives_to_the_cent(amount: Decimal, cloud: str) -> None:
    made = {child.key: child.inputs for child in plan(guard(cloud, monthly_usd=float(amount))).children}
    monthly = made["monthly"]
    if cloud == "aws":
        assert Decimal(monthly["limitAmount"]) == amount
        return
    told = monthly["amount"]["specifiedAmount"]
    assert Decimal(told["units"]) + Decimal(told["nanos"]) / 1_000_000_000 == amount
