"""What guardrails are asked about: a resource with its facts and cost, and the whole stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spendgate.errors import Place
from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.model import CostLine, Driver, Estimate
from spendgate.facts.model import Kind, Workload
from spendgate.resource import STACK_TYPE, Declaration, Value
from spendgate.rules.subject import Subject
from spendgate.rules.vocabulary import (
    Shared,
    StackContext,
    resource_values,
    unknown_costs,
    unknown_facts,
    unknown_run,
    unknown_stack,
)


def lines_by_resource(estimate: Estimate) -> Mapping[str, tuple[CostLine, ...]]:
    """Cost lines by the address of their resource."""
    grouped: dict[str, list[CostLine]] = {}
    for line in estimate.lines:
        grouped.setdefault(line.resource, []).append(line)
    return {address: tuple(lines) for address, lines in grouped.items()}


def drivers_by_resource(estimate: Estimate) -> Mapping[str, tuple[Driver, ...]]:
    """Unit costs by the address of their resource."""
    found: dict[str, tuple[Driver, ...]] = {}
    for driver in estimate.drivers:
        found[driver.resource] = (*found.get(driver.resource, ()), driver)
    return found


def resource_subject(
    workload: Workload,
    lines: tuple[CostLine, ...],
    shared: Mapping[str, Value],
    currency: str,
    carbon_of: CarbonOf | None = None,
    drivers: tuple[Driver, ...] = (),
    shown: Callable[[Place], Place] | None = None,
    seen: Shared | None = None,
) -> Subject:
    """One workload as the guardrails are asked about it; with its carbon where one of them reads it.

    ``seen`` keeps what they see of equal facts and costs.
    """
    own = Estimate(lines, currency, drivers=drivers)
    carbon = carbon_of.footprint(lines) if carbon_of else None
    resource, facts = workload.resource, workload.facts
    own_values, alike = resource_values(workload, own, carbon, seen)
    values = {**own_values, **shared}
    runs = (
        facts.kind is Kind.TRAINING_JOB or "max_runtime_hours" in facts.unknowns or facts.max_runtime_hours is not None
    )
    return Subject(
        values=values,
        unknown={
            **unknown_facts(facts),
            **unknown_costs(values["cost"]["undetermined"], "cost", runs=runs),
            **unknown_run(lines),
            **unknown_stack(values["stack"]),
        },
        address=resource.address,
        type=resource.type,
        name=resource.name,
        location=shown(resource.position) if shown and resource.position else resource.position,
        properties=resource.properties,
        alike=alike,
    )


def stack_subject(
    declaration: Declaration, context: StackContext, shown: Callable[[Place], Place] | None = None
) -> Subject:
    """The stack as its guardrails are asked about it. Its place is the project file: a stack has no line of its own."""
    name = f"{declaration.project}-{declaration.stack}"
    place = Place("Pulumi.yaml", 1, 1)
    values = context.values()
    return Subject(
        values=values,
        unknown=unknown_stack(values["stack"]),
        address=f"urn:pulumi:{declaration.stack}::{declaration.project}::{STACK_TYPE}::{name}",
        type=STACK_TYPE,
        name=name,
        location=shown(place) if shown else place,
    )
