"""``BudgetGuard``: the owners hear of it when the month, or one day, costs more than was meant."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import pulumi

from spendgate.estimate.model import HOURS_PER_MONTH
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Of, Transform
from spendgate_components.component import KEYWORDS, CostAwareComponent, Limits, Plan
from spendgate_components.errors import ArgumentError, one_of
from spendgate_components.spelling import aws_tags, gcp_labels
from spendgate_components.tags import WorkloadTags

CLOUDS: Final = ("aws", "gcp")
THRESHOLDS: Final = (50, 80, 100)
MOST_ADDRESSES: Final = 10
"""E-mail addresses of one notification (AWS Budgets API, NotificationWithSubscribers)."""
MOST_CHANNELS: Final = 5
"""Notification channels of one budget (Cloud Billing Budget API, NotificationsRule)."""
MOST_NOTIFICATIONS: Final = 10
"""Notifications of one budget (AWS Budgets API, Notification); one of them is the forecast."""

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DAY_OF_MONTH: Final = Decimal(24) / HOURS_PER_MONTH


@dataclass(frozen=True)
class BudgetGuardArgs:
    """Arguments of a BudgetGuard."""

    tags: WorkloadTags
    """Whose costs are watched, and who pays."""
    cloud: str
    """aws (AWS Budgets) or gcp (a budget of Cloud Billing)."""
    monthly_usd: float
    """What a month may cost, in US dollars, from 0.01."""
    daily_usd: float | None = None
    """AWS: what a day may cost, in US dollars, from 0.01 to the monthly amount. Default: twice the average day of the
    monthly amount."""
    notify: list[str] | None = None
    """E-mail addresses: at most ten on AWS, five on Google Cloud. Default: the owner of the tags, where that is one."""
    thresholds: list[float] | None = None
    """Percentages of the month at which they hear of it, 1 to 1000, at most nine. Default: 50, 80, 100."""
    by: str | None = None
    """The tag that costs are told by: its key, as project (default), team or cost-center. It has to be an activated
    cost allocation tag on AWS."""
    billing_account: pulumi.Input[str] | None = None
    """Google Cloud: the billing account, as 012345-678901-ABCDEF."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key (monthly, daily), over those of the component. Amounts and tags stay."""


class BudgetGuard(CostAwareComponent):
    """Budgets with alerts to the owners, for what carries a tag.

    Children on AWS: ``monthly`` and ``daily``. On Google Cloud: ``monthly``, and ``notify-0``, … for the addresses;
    Cloud Billing has no daily budgets.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    watches: pulumi.Output[str]
    """The tag or label, and its value, that costs are told by."""

    def __init__(
        self,
        name: str,
        args: BudgetGuardArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(BudgetGuardArgs, args, given)
        self._build(name, plan(known), Limits(), cost.catalogue_of_project(), known.raw, transforms, opts)


def plan(args: BudgetGuardArgs) -> Plan:
    """The children of a guard. Raises ArgumentError; registers nothing."""
    one_of("cloud", args.cloud, CLOUDS)
    monthly = _amount("monthly_usd", args.monthly_usd)
    addresses = _addresses(args, MOST_ADDRESSES if args.cloud == "aws" else MOST_CHANNELS)
    thresholds = _thresholds(args)
    values = args.tags.values
    by = one_of("by", args.by or "project", tuple(values))
    if args.cloud == "aws":
        if args.billing_account is not None:
            raise ArgumentError("billing_account is for gcp", remedy="Leave it out: a budget is of its own account.")
        daily = _daily(args, monthly)
        tags = aws_tags(values)
        watched = f"user:{by}${tags[by]}"
        return Plan(_of_aws(tags, watched, monthly, daily, addresses, thresholds), outputs={"watches": watched})
    if args.billing_account is None:
        raise ArgumentError(
            "billing_account is missing for gcp", remedy='Write billing_account="012345-678901-ABCDEF".'
        )
    if args.daily_usd is not None:
        remedy = "Leave daily_usd out: the forecast of the month tells of a costly day, too."
        raise ArgumentError("Cloud Billing has no daily budgets", remedy=remedy)
    labels = gcp_labels(values)
    children = _of_gcp(labels, by, monthly, addresses, thresholds, args.billing_account)
    return Plan(children, outputs={"watches": f"{by}={labels[by]}"})


def _amount(name: str, value: object) -> Decimal:
    # AWS and Google Cloud count budgets in cents and billionths; a cent is what people mean.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0.01 <= value < 1e12:
        return Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    raise ArgumentError(f"{name} is {value!r}", remedy="Write an amount in US dollars, such as 2500.")


def _daily(args: BudgetGuardArgs, monthly: Decimal) -> Decimal:
    if args.daily_usd is None:
        return max((2 * monthly * _DAY_OF_MONTH).quantize(Decimal("0.01"), ROUND_HALF_EVEN), Decimal("0.01"))
    daily = _amount("daily_usd", args.daily_usd)
    if daily > monthly:
        remedy = "Write what one day may cost, such as a tenth of the month."
        raise ArgumentError(f"daily_usd is ${daily:,.2f}, more than the month (${monthly:,.2f})", remedy=remedy)
    return daily


def _addresses(args: BudgetGuardArgs, most: int) -> list[str]:
    addresses = args.notify
    if addresses is None:
        addresses = [args.tags.owner] if _ADDRESS.fullmatch(args.tags.owner) else []
    if not addresses:
        remedy = 'Write notify=["team@example.com"].'
        raise ArgumentError(f'nobody hears of it: the owner "{args.tags.owner}" is no e-mail address', remedy=remedy)
    for address in addresses:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise ArgumentError(f'notify has "{address}"', remedy="Write e-mail addresses, such as team@example.com.")
    if len(addresses) > most:
        remedy = "Write the address of a group."
        raise ArgumentError(f"notify has {len(addresses)} addresses, {args.cloud} takes {most}", remedy=remedy)
    return list(dict.fromkeys(addresses))


def _thresholds(args: BudgetGuardArgs) -> list[float]:
    found = list(args.thresholds) if args.thresholds is not None else list(THRESHOLDS)
    wrong = [one for one in found if isinstance(one, bool) or not isinstance(one, (int, float)) or not 1 <= one <= 1000]
    if wrong or not 0 < len(found) < MOST_NOTIFICATIONS:
        raise ArgumentError(f"thresholds are {found}", remedy="Write one to nine percentages, such as [50, 80, 100].")
    return sorted(set(found))


def _of_aws(
    tags: dict[str, str],
    watched: str,
    monthly: Decimal,
    daily: Decimal,
    addresses: list[str],
    thresholds: list[float],
) -> tuple[Child, ...]:
    import pulumi_aws.budgets as budgets

    def notification(percent: float, kind: str) -> dict[str, Any]:
        return {
            "comparisonOperator": "GREATER_THAN",
            "threshold": percent,
            "thresholdType": "PERCENTAGE",
            "notificationType": kind,
            "subscriberEmailAddresses": addresses,
        }

    def budget(key: str, amount: Decimal, notifications: list[dict[str, Any]]) -> Child:
        inputs = {
            "budgetType": "COST",
            "timeUnit": key.upper(),
            "limitAmount": str(amount),
            "limitUnit": "USD",
            "costFilters": [{"name": "TagKeyValue", "values": [watched]}],
            "notifications": notifications,
            "tags": tags,
        }
        keeps = tuple((name,) for name in ("limitAmount", "limitUnit", "timeUnit", "costFilters"))
        return Child(key, budgets.Budget, inputs, keeps, tagged_at={("tags",): tags})

    actual = [notification(percent, "ACTUAL") for percent in thresholds]
    return (
        budget("monthly", monthly, [*actual, notification(100, "FORECASTED")]),
        # A day is over before its forecast would help.
        budget("daily", daily, [notification(100, "ACTUAL")]),
    )


def _of_gcp(
    labels: dict[str, str],
    by: str,
    monthly: Decimal,
    addresses: list[str],
    thresholds: list[float],
    account: Any,
) -> tuple[Child, ...]:
    import pulumi_gcp.billing as billing
    import pulumi_gcp.monitoring as monitoring

    channels = tuple(
        Child(
            f"notify-{at}",
            monitoring.NotificationChannel,
            {
                "type": "email",
                "displayName": f"budget: {address}",
                "labels": {"email_address": address},
                "userLabels": labels,
            },
            tagged_at={("userLabels",): labels},
        )
        for at, address in enumerate(addresses)
    )
    rules = [{"thresholdPercent": percent / 100, "spendBasis": "CURRENT_SPEND"} for percent in thresholds]
    units = int(monthly)
    inputs = {
        "billingAccount": account,
        "displayName": f"{by} {labels[by]}",
        "amount": {
            "specifiedAmount": {
                "currencyCode": "USD",
                "units": str(units),
                "nanos": int((monthly - units) * 1_000_000_000),
            }
        },
        "budgetFilter": {"calendarPeriod": "MONTH", "labels": {by: labels[by]}},
        "thresholdRules": [*rules, {"thresholdPercent": 1.0, "spendBasis": "FORECASTED_SPEND"}],
        "allUpdatesRule": {
            "monitoringNotificationChannels": [Of(channel.key, "id") for channel in channels],
            "disableDefaultIamRecipients": True,
        },
    }
    keeps = (("amount",), ("budgetFilter",))
    return (*channels, Child("monthly", billing.Budget, inputs, keeps))
