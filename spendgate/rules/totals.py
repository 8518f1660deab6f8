"""What a stack comes to, by the values of its tags, as guardrails read it (``stack.by_tag``, ``stack.tag_totals``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spendgate.estimate.model import ZERO, CostLine, Estimate, Range
from spendgate.facts.model import Facts, Workload
from spendgate.money import show_money
from spendgate.prices.model import NoPrice
from spendgate.rules import cel

UNTAGGED: Final = ""
"""The value under which stands what does not carry a tag (or carries it empty)."""

TAG_TOTAL: Final = cel.Message(
    "TagTotal",
    {
        "key": cel.STRING,
        "value": cel.STRING,
        "low": cel.DOUBLE,
        "expected": cel.DOUBLE,
        "high": cel.DOUBLE,
        "text": cel.STRING,
        "accelerators": cel.DOUBLE,
        "unpriced": cel.ListOf(cel.STRING),
        "undetermined": cel.ListOf(cel.STRING),
    },
)
"""A month of all that carries one value of a tag, its accelerators at the largest size, and the names of the resources
in it that have lines without a price (``undetermined``: known only after apply)."""

UNKNOWN_TAG: Final = cel.Message("UnknownTag", {"name": cel.STRING, "key": cel.STRING})
"""A resource whose value of a tag is known only after apply; an empty key stands for all its tags."""


@dataclass(slots=True)
class _Share:
    """What one resource costs a month, and what of it has no price."""

    monthly: Range = ZERO
    unpriced: dict[str, None] = field(default_factory=dict)
    undetermined: dict[str, None] = field(default_factory=dict)
    accelerators: float = 0.0

    def add(self, other: _Share) -> None:
        self.monthly = self.monthly + other.monthly
        self.unpriced.update(other.unpriced)
        self.undetermined.update(other.undetermined)
        self.accelerators += other.accelerators


def accelerators_at_most(facts: Facts) -> float:
    """Accelerators of a known model that a resource holds at its largest size; 0 where that is not known."""
    if facts.accelerator is None or not facts.accelerator.model or facts.count is None:
        return 0.0
    many = facts.count.max if facts.count.max is not None else facts.count.expected
    return facts.accelerator.count * many


def tag_totals(workloads: Sequence[Workload], estimate: Estimate) -> dict[str, dict[str, dict[str, Any]]]:
    """By tag key and value: the month of what carries it. For each key the values add up to the stack, but for what
    ``unknown_tags`` lists. Only what costs something or holds accelerators is in it."""
    shares = _shares(workloads, estimate)
    totals: dict[str, dict[str, _Share]] = {}
    keys = {key: None for workload, _ in shares for key in (*workload.facts.tags, *_unknown_keys(workload.facts))}
    for key in keys:
        if not key:
            continue
        values = totals.setdefault(key, {})
        for workload, share in shares:
            unknown = _unknown_keys(workload.facts)
            if not unknown or not ("" in unknown or key in unknown):
                values.setdefault(workload.facts.tags.get(key, UNTAGGED), _Share()).add(share)
    return {
        key: {value: _plain(key, value, share, estimate.currency) for value, share in values.items()}
        for key, values in totals.items()
    }


def unknown_tags(workloads: Sequence[Workload], estimate: Estimate) -> list[dict[str, str]]:
    """Tags known only after apply, of what costs something or holds accelerators."""
    return [
        {"name": workload.resource.name, "key": key}
        for workload, _ in _shares(workloads, estimate)
        for key in _unknown_keys(workload.facts)
    ]


def _unknown_keys(facts: Facts) -> tuple[str, ...]:
    """Keys of the tags whose value is not known; an empty one where that holds of all of them."""
    return tuple(
        path.removeprefix("tags").removeprefix(".")
        for path in facts.unknowns
        if path == "tags" or path.startswith("tags.")
    )


def _shares(workloads: Iterable[Workload], estimate: Estimate) -> list[tuple[Workload, _Share]]:
    lines: dict[str, list[CostLine]] = {}
    for line in estimate.lines:
        lines.setdefault(line.resource, []).append(line)
    found = ((workload, _share(workload, lines.get(workload.resource.address, ()))) for workload in workloads)
    return [(workload, share) for workload, share in found if share is not None]


def _share(workload: Workload, lines: Sequence[CostLine]) -> _Share | None:
    share = _Share(accelerators=accelerators_at_most(workload.facts))
    counted = False
    for line in lines:
        if line.cost is not None:
            share.monthly = share.monthly + line.cost.monthly
        elif line.quote.reason is NoPrice.PAID_BY_NODES:
            continue
        else:
            share.unpriced[workload.resource.name] = None
            if line.quote.reason is NoPrice.UNKNOWN_UNTIL_APPLY:
                share.undetermined[workload.resource.name] = None
        counted = True
    return share if counted or share.accelerators else None


def _plain(key: str, value: str, share: _Share, currency: str) -> dict[str, Any]:
    low, expected, high = share.monthly.bounds
    return {
        "key": key,
        "value": value,
        "low": float(low),
        "expected": float(expected),
        "high": float(high),
        "text": show_money(expected, currency),
        "accelerators": share.accelerators,
        "unpriced": list(share.unpriced),
        "undetermined": list(share.undetermined),
    }
