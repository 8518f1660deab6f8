"""``OffHours``: development capacity is stopped outside office hours and started again, and what that saves is told."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, TypedDict

import pulumi

from spendgate.estimate.model import HOURS_PER_MONTH
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Transform
from spendgate_components.component import (
    KEYWORDS,
    CostAwareComponent,
    Limits,
    Plan,
    checked_name,
    known_region,
    place_of,
)
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.hours import WEEK, hours_of
from spendgate_components.schedules.model import KINDS, OffHoursArgs, Stopped

PLATFORMS: Final = ("aws", "gcp", "kubernetes")

_CENT: Final = Decimal("0.01")


class Saving(TypedDict):
    """What is saved, against being there around the clock."""

    monthly: float | None
    """US dollars in a month of 730 hours. Null where what is stopped has no price."""
    hours_off_per_week: float
    """Hours of 168 that it is not there."""
    assumptions: list[str]
    """What the figures rest on, or why there is none."""


class OffHours(CostAwareComponent):
    """Schedules that stop and start development capacity.

    Children on AWS: ``start-group-0`` and ``stop-group-0``, … for scaling groups; ``role``, ``policy``,
    ``start-instances``, ``stop-instances``, ``start-database-0``, ``stop-database-0``, … On Google Cloud:
    ``schedule``, ``attach-0``, …, ``start-database-0``, ``stop-database-0``, … On Kubernetes with KEDA: ``hours-0``, …;
    with CronJobs: ``account``, ``role``, ``binding``, ``start-0``, ``stop-0``, …
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    estimated_saving: pulumi.Output[Saving]
    """What is saved in a month, against being there around the clock."""
    office_hours: pulumi.Output[str]
    """When it is there, in words."""

    def __init__(
        self,
        name: str,
        args: OffHoursArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(OffHoursArgs, args, given)
        catalogue = cost.catalogue_of_project()
        self._build(name, plan(name, known, catalogue), Limits(), catalogue, known.raw, transforms, opts)


def plan(name: str, args: OffHoursArgs, catalogue: Catalogue) -> Plan:
    """The children of the schedules. Raises ArgumentError; registers nothing."""
    checked_name(name)
    one_of("platform", args.platform, PLATFORMS)
    _belongs(args)
    if args.tags.in_production:
        remedy = "Take it out of production's stack: what people wait for stays up."
        raise ArgumentError(f"tags.environment is {args.tags.environment}, which keeps no office hours", remedy=remedy)
    region = ""
    if args.platform != "kubernetes":
        region = known_region(catalogue, args.platform, place_of(args.platform, args.region, "region"), "region")
    stopped = Stopped(name, args, args.tags.values, region, hours_of(args.hours, "hours", production=False))
    outputs = {
        "estimated_saving": _saving(stopped, catalogue),
        "office_hours": str(stopped.hours),
    }
    return Plan(_children(stopped), notes=_notes(stopped), outputs=outputs)


def _children(stopped: Stopped) -> tuple[Child, ...]:
    # Each platform imports its own SDK only.
    if stopped.args.platform == "aws":
        from spendgate_components.schedules.aws import children

        return children(stopped)
    if stopped.args.platform == "gcp":
        from spendgate_components.schedules.gcp import children as of_google

        return of_google(stopped)
    from spendgate_components.schedules.kubernetes import children as of_kubernetes

    return of_kubernetes(stopped)


_OF_PLATFORM: Final[Mapping[str, Sequence[str]]] = {
    "aws": ("scaling_groups", "instances", "databases", "region", "instance_type", "count"),
    "gcp": ("instances", "databases", "region", "zone", "project", "service_account", "instance_type", "count"),
    "kubernetes": ("workloads", "scheduler", "image", "namespace"),
}
_STOPPED: Final = ("scaling_groups", "instances", "databases", "workloads")


def _belongs(args: OffHoursArgs) -> None:
    """What one platform needs and another has no use for."""
    own = _OF_PLATFORM[args.platform]
    arguments.belong(args, _OF_PLATFORM, args.platform)
    if not any(getattr(args, one) for one in _STOPPED):
        words = " or ".join(f"{one}=[…]" for one in _STOPPED if one in own)
        raise ArgumentError("there is nothing to stop", remedy=f"Write {words}.")
    for at, group in enumerate(args.scaling_groups or ()):
        size = whole_number(f"scaling_groups.{at}.size", group.size, 1, 1000, "instances")
        whole_number(f"scaling_groups.{at}.min", group.min or 0, 0, size, "instances")
    for at, workload in enumerate(args.workloads or ()):
        one_of(f"workloads.{at}.kind", workload.kind or KINDS[0], KINDS)
        whole_number(f"workloads.{at}.replicas", 1 if workload.replicas is None else workload.replicas, 1, 1000, "pods")


def _saving(stopped: Stopped, catalogue: Catalogue) -> Saving:
    args, off = stopped.args, WEEK - stopped.hours.per_week
    hourly, why = _hourly(stopped, catalogue)
    told, monthly = [why], None
    if hourly is not None:
        monthly = float((hourly * off * HOURS_PER_MONTH / WEEK).quantize(_CENT, ROUND_HALF_EVEN))
        told.append("against being there around the clock; disks and addresses are paid for all the same")
    if args.databases and args.platform == "aws":
        told.append("RDS itself starts a database again that was stopped for seven days")
    return Saving(monthly=monthly, hours_off_per_week=float(off), assumptions=told)


def _hourly(stopped: Stopped, catalogue: Catalogue) -> tuple[Decimal | None, str]:
    """What the stopped capacity costs in an hour, and what that rests on."""
    args = stopped.args
    if args.hourly_usd is not None:
        rate = args.hourly_usd
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 1e9:
            raise ArgumentError(f"hourly_usd is {rate!r}", remedy="Write an amount in US dollars, such as 4.8.")
        return Decimal(str(rate)), f"what stops costs ${rate:,.4f} an hour, as declared"
    if args.instance_type is None:
        if args.count is not None:
            raise ArgumentError("count is for the saving, with an instance_type", remedy="Write instance_type=….")
        return None, "what is stopped has no price here: write instance_type, or hourly_usd"
    of_groups = sum(group.size for group in args.scaling_groups or ())
    usual = len(args.instances or ()) + of_groups
    if not usual and args.count is None:
        remedy = "Write hourly_usd=…: an instance_type is that of machines, not of databases."
        raise ArgumentError("instance_type is given, and no machine is stopped", remedy=remedy)
    count = whole_number("count", usual if args.count is None else args.count, 1, 100_000, "machines")
    if catalogue.instance(args.platform, args.instance_type) is None:
        near = catalogue.suggest(args.instance_type, args.platform)
        remedy = f'did you mean "{near}"?' if near else "Write a type of the catalogue, or hourly_usd=…."
        raise ArgumentError(f'no instance type "{args.instance_type}" in the catalogue', remedy=remedy)
    quote = catalogue.quote(args.platform, args.instance_type, stopped.region, Purchase.ON_DEMAND)
    if quote.amount is None:
        return None, f"there is no price of {args.instance_type} in {stopped.region} ({quote.reason})"
    told = (
        f"{count} × {args.instance_type} at ${quote.amount:.4f} an hour, on demand in {stopped.region}, "
        f"as of {quote.as_of} ({quote.source})"
    )
    return quote.amount * count, told


def _notes(stopped: Stopped) -> tuple[str, ...]:
    return (f"what is stopped has a cost of its own, where it is declared: it is there {stopped.hours}",)
