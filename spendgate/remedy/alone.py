"""A resource as it is known before the rest of its stack: what the engine shows when it asks for remediation.

Facts that a later resource may still supply, and figures of the whole stack, count as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.discounts import Commitment, Term
from spendgate.estimate.model import Estimate
from spendgate.estimate.today import estimate_today
from spendgate.estimate.usage import NONE as NO_USAGE
from spendgate.estimate.usage import Usage
from spendgate.facts import NOT_THE_WHOLE_STACK, facts_of
from spendgate.facts.data import FACT as DATA_REGIONS
from spendgate.facts.derive import Derived
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import Declaration, Resource
from spendgate.rules.evaluate import Memo
from spendgate.rules.subject import Subject
from spendgate.rules.vocabulary import Shared, StackContext
from spendgate.subjects import resource_subject

STACK_FIGURES: Final = (
    "cost", "scenarios", "accelerators", "resources", "carbon", "by_tag", "tag_totals", "unknown_tags", "previous",
    "commitments", "untaggable", "uncounted",
)  # fmt: skip
"""What is said of a stack only when all of it is known."""


@dataclass(frozen=True, slots=True)
class Alone:
    """What holds for every resource of a stack while its rest is not known. ``memo`` keeps answers of guardrails."""

    project: str
    stack: str
    organization: str
    environment: str
    catalogue: Catalogue
    now: datetime
    usage: Usage = NO_USAGE
    discounts: Sequence[Term] = ()
    carbon_of: CarbonOf | None = None
    shared: dict[str, Any] = field(init=False)
    memo: Memo = field(init=False, default_factory=dict)
    derived: Derived = field(init=False, default_factory=dict)
    unpriced: Shared = field(init=False, default_factory=Shared)

    def __post_init__(self) -> None:
        context = StackContext(self.stack, self.project, self.organization, self.environment, Estimate(), (), self.now)
        values = context.values()
        stack = {name: value for name, value in values["stack"].items() if name not in STACK_FIGURES}
        object.__setattr__(self, "shared", {**values, "stack": stack})

    def workload(self, resource: Resource) -> Workload | None:
        """The resource with the facts that it has by itself; None for what is no workload."""
        alone = replace(resource, dependencies=(), property_dependencies={})
        declaration = Declaration(self.project, self.stack, Path(), (alone,), self.organization, engine="pulumi")
        return next(iter(facts_of(declaration, self.catalogue, whole=False, known=self.derived)), None)

    def subject(self, workload: Workload, *, priced: bool = True) -> Subject:
        """The resource as guardrails are asked about it, with everything unknown that only the whole stack settles;
        where it is not ``priced``, its cost as well."""
        # Nothing is asked of models and scenarios: they are of the whole stack.
        if priced:
            usage = replace(self.usage, models=(), scenarios=())
            estimate = estimate_today((workload,), self.catalogue, usage, self.discounts, self.now)
            subject = resource_subject(
                workload, estimate.lines, self.shared, estimate.currency, self.carbon_of, estimate.drivers
            )
        else:
            # One cost of nothing for all: it is taken out again. Facts are not shared, for they do not outlive this.
            seen = Shared(costs=self.unpriced.costs)
            subject = resource_subject(workload, (), self.shared, Estimate().currency, seen=seen)
        values, unknown = dict(subject.values), dict(subject.unknown)
        unknown.update({("stack", name): f"stack.{name} ({NOT_THE_WHOLE_STACK})" for name in STACK_FIGURES})
        # Pods are paid for by the stack's node pools where it has any; what a commitment covers, others may have taken.
        facts = workload.facts
        # Where data lies is no part of the price.
        committed = any(isinstance(term, Commitment) for term in self.discounts)
        if (
            committed
            or not priced
            or facts.provider == "kubernetes"
            or any(NOT_THE_WHOLE_STACK in why for fact, why in facts.unknowns.items() if fact != DATA_REGIONS)
        ):
            del values["cost"]
            unknown[("cost",)] = f"cost ({NOT_THE_WHOLE_STACK})"
        return replace(subject, values=values, unknown=unknown)
