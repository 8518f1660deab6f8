"""What all components share: read the arguments, plan the children, price and judge them, and only then register."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import pulumi

from spendgate.estimate.model import Estimate
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.naming import nearest
from spendgate_components import cost
from spendgate_components.child import Child, Joined, Of, Transform, register
from spendgate_components.errors import ArgumentError
from spendgate_components.escapes import with_escapes
from spendgate_components.tags import ticket

KEYWORDS: Final[Any] = None
"""Stands where no object of arguments is given. Its annotation makes Pulumi's schema, and has to be a class."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_MOST_NAME: Final = 55
"""Characters of a child's name, to which Pulumi adds eight where it names the thing in the cloud: buckets, node groups,
models and most of Google Cloud have at most 63 (Amazon S3, bucket naming rules; RFC 1035)."""

_REGION_VARIABLES = {
    "aws": (("region",), ("AWS_REGION", "AWS_DEFAULT_REGION")),
    "gcp": (("zone", "region"), ("GOOGLE_ZONE", "GOOGLE_REGION")),
    "azure": (("location",), ()),
}
_PACKAGE = {"azure": "azure-native"}


@dataclass(frozen=True)
class Plan:
    """What a component is going to make: its children, what to tell about them, and outputs beside the cost.

    ``beside`` is what a month may cost at most that no child's cost line holds.
    """

    children: tuple[Child, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    beside: Decimal = Decimal(0)


@dataclass(frozen=True)
class Limits:
    """What a component may cost at most, in US dollars, and the approval that lifts it."""

    max_monthly_cost: float | None = None
    max_cost_per_run: float | None = None
    approval: str | None = None


def judged(
    plan: Plan,
    limits: Limits,
    catalogue: Catalogue,
    raw: Mapping[str, Mapping[str, Any]] | None,
    transforms: Sequence[Transform],
    name: str,
) -> tuple[tuple[Child, ...], Estimate, tuple[str, ...]]:
    """The children as they will be registered, their estimate, and warnings. Raises ArgumentError for what is above a
    limit. Nothing is registered."""
    _fits_names(name, plan.children)
    children = with_escapes(plan.children, raw, transforms)
    estimate = cost.estimate_children(children, catalogue, name)
    cost.refuse_above(
        estimate,
        max_monthly_cost=limits.max_monthly_cost,
        max_cost_per_run=limits.max_cost_per_run,
        approval=ticket("approval", limits.approval),
        beside=plan.beside,
    )
    warnings = plan.warnings
    if estimate.unpriced:
        warnings += (f"there is no price of {'; '.join(cost.unpriced_of(estimate))}: the estimate is without it",)
    return children, estimate, warnings


def checked_name(name: object) -> None:
    """That a component's name is of letters, digits and hyphens. Raises ArgumentError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        remedy = "Write letters, digits and hyphens, a letter first: names in the cloud begin with it."
        raise ArgumentError(f'the component is called "{str(name)[:80]}"', remedy=remedy)


def _fits_names(name: str, children: Sequence[Child]) -> None:
    """That the clouds take the names which Pulumi makes of the component's and the children's. Raises ArgumentError."""
    checked_name(name)
    derived = [child for child in children if not child.names_itself]
    longest = max((len(child.key) for child in derived), default=0)
    if len(name) + 1 + longest > _MOST_NAME:
        remedy = f"Write at most {_MOST_NAME - 1 - longest} characters: names in the cloud begin with it."
        raise ArgumentError(f'the component\'s name has {len(name)} characters, "{name[:40]}…"', remedy=remedy)
    lower = sorted({child.type.split(":")[0] for child in derived if child.lower_case})
    if lower and name != name.lower():
        where = "Google Cloud" if lower == ["gcp"] else "Kubernetes" if lower == ["kubernetes"] else "S3"
        remedy = f'Write "{name.lower()}": {where} takes lower case only.'
        raise ArgumentError(f'the component is called "{name}"', remedy=remedy)


class CostAwareComponent(pulumi.ComponentResource):
    """A component that knows what it costs before its children exist.

    ``children`` are the resources by key, each named ``<name>-<key>``.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day, month and run, with the assumptions."""

    def _build(
        self,
        name: str,
        plan: Plan,
        limits: Limits,
        catalogue: Catalogue,
        raw: Mapping[str, Mapping[str, Any]] | None,
        transforms: Sequence[Transform] | None,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        children, estimate, warnings = judged(plan, limits, catalogue, raw, tuple(transforms or ()), name)
        super().__init__(f"spendgate:index:{type(self).__name__}", name, None, opts)
        for warning in warnings:
            pulumi.warn(f"{name}: {warning}", self)
        self._made = register(children, name, self)
        self._estimate = estimate
        shown = cost.shown(estimate, plan.notes)
        self.estimated_cost = pulumi.Output.from_input(shown)
        outputs = {key: _output(value, self._made) for key, value in plan.outputs.items()}
        for key, value in outputs.items():
            setattr(self, key, value)
        self.register_outputs({"estimated_cost": shown, **outputs})

    @property
    def children(self) -> Mapping[str, pulumi.CustomResource]:
        """The resources that it made, by key."""
        return dict(self._made)


def _output(value: Any, made: Mapping[str, pulumi.CustomResource]) -> pulumi.Output[Any]:
    return value.of(made) if isinstance(value, (Of, Joined)) else pulumi.Output.from_input(value)


def place_of(cloud: str, value: str | None, argument: str) -> str:
    """The region or zone: the argument, else the stack's configuration, else the environment variables that the
    provider itself reads. Raises ArgumentError where none says it: the price depends on it."""
    if value is not None:
        return value
    keys, variables = _REGION_VARIABLES[cloud]
    package = _PACKAGE.get(cloud, cloud)
    config = pulumi.Config(package)
    found = next((config.get(key) for key in keys if config.get(key)), None)
    found = found or next((os.environ[one] for one in variables if os.environ.get(one)), None)
    if found is None:
        setting = f"{package}:{keys[0]}"
        remedy = f"Write {argument}=…, or set {setting} in the stack's configuration: the price depends on it."
        raise ArgumentError(f"{argument} is not known", remedy=remedy)
    return found


def known_region(catalogue: Catalogue, provider: str, place: str, argument: str) -> str:
    """The region of a region or zone that the catalogue knows. Raises ArgumentError with the nearest one."""
    if provider == "azure":
        place = place.lower().replace(" ", "")
    region = place if place in catalogue.regions(provider) else catalogue.region_of_zone(provider, place)
    if region is None:
        near = nearest(place, catalogue.regions(provider))
        remedy = f'did you mean "{near}"?' if near else "Write a region such as us-east-1 or us-central1."
        raise ArgumentError(f'{argument} is "{place}", no region of {provider}', remedy=remedy)
    return region
