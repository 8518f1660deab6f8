"""What a program declares, as far as a first configuration asks: kinds, accelerators, regions, tag keys, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spendgate.estimate.model import Estimate
    from spendgate.facts.model import Workload
    from spendgate.resource import Declaration

ML_KINDS = ("training_job", "endpoint", "notebook", "node_pool")
DATA_KINDS = ("bucket", "volume", "snapshot", "database")


@dataclass(frozen=True, slots=True)
class Observed:
    """Counts by name, the largest first. ``accelerators`` counts devices at the largest size, ``tag_keys`` the
    resources of ``taggable`` that carry a key, and ``untagged`` those that carry none. ``monthly`` are US dollars:
    low, expected and high.

    ``broken`` says why the program could not be looked at, or not to its end.
    """

    project: str
    stack: str
    stacks: tuple[str, ...] = ()
    resources: int = 0
    clouds: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    accelerators: Mapping[str, float] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)
    tag_keys: Mapping[str, int] = field(default_factory=dict)
    taggable: int = 0
    untagged: int = 0
    monthly: tuple[Decimal, Decimal, Decimal] | None = None
    unpriced: int = 0
    assumed: tuple[str, ...] = ()
    broken: str | None = None

    def has(self, *kinds: str) -> int:
        """How many resources are of these kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)


def observe(
    declaration: Declaration, workloads: Iterable[Workload], estimate: Estimate, stacks: Iterable[str]
) -> Observed:
    """What a declaration holds. Names only: no value of a tag, and nothing that is secret."""
    from spendgate.rules.vocabulary import tag_keys

    managed = [item for item in workloads if not item.resource.external and item.resource.package != "pulumi"]
    taggable = [item for item in managed if item.facts.taggable]
    total = estimate.total.monthly
    tokens = [*(item.token for item in declaration.assumptions), *(item.token for item in declaration.unanswered)]
    priced = any(line.cost is not None for line in estimate.lines)
    return Observed(
        project=declaration.project,
        stack=declaration.stack,
        stacks=tuple(stacks),
        resources=len(managed),
        clouds=_counted(item.resource.package for item in managed),
        kinds=_kinds(managed),
        accelerators=_accelerators(managed),
        regions=_counted(item.facts.region for item in managed if item.facts.region),
        tag_keys=_counted(key for item in taggable for key in dict.fromkeys(tag_keys(item.facts))),
        taggable=len(taggable),
        untagged=sum(not tag_keys(item.facts) and "tags" not in item.facts.unknowns for item in taggable),
        monthly=(total.low, total.expected, total.high) if priced else None,
        unpriced=len(estimate.unpriced),
        assumed=tuple(dict.fromkeys(tokens)),
        broken=declaration.incomplete,
    )


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _kinds(workloads: Iterable[Workload]) -> Mapping[str, int]:
    """In the order of what a reader of a bill asks for first."""
    order = (*ML_KINDS, "compute", *DATA_KINDS)
    found = _counted(str(item.facts.kind) for item in workloads)
    rest = [kind for kind in found if kind not in order and kind != "other"]
    return {kind: found[kind] for kind in (*order, *rest, "other") if kind in found}


def _accelerators(workloads: Iterable[Workload]) -> Mapping[str, float]:
    found: Counter[str] = Counter()
    most: dict[str, float] = {}
    for item in workloads:
        facts = item.facts
        for model in facts.accelerator_models:
            found[model] += 1
        if facts.accelerator is not None and facts.accelerator.model:
            many = 1.0 if facts.count is None else facts.count.max or facts.count.expected
            model = facts.accelerator.model
            most[model] = most.get(model, 0.0) + facts.accelerator.count * many
    return {model: most.get(model, 0.0) for model in sorted(found, key=lambda name: (-most.get(name, 0.0), name))}
