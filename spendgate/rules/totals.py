"""What a stack comes to, by the values of its tags, as guardrails read it (``stack.by_tag``, ``stack.tag_totals``)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Final

from spendgate.estimate.discounts import Commitment, Term
from spendgate.estimate.model import EXACT, CostLine, Estimate
from spendgate.facts.model import Facts, Kind, Workload
from spendgate.money import show_money
from spendgate.prices.model import NoPrice
from spendgate.rules import cel
from spendgate.rules.guardrail import Guardrail

UNTAGGED: Final = ""
"""The value under which stands what does not carry a tag (or carries it empty)."""

_ZERO: Final = Decimal(0)

_QUOTED_OR_SELECTED: Final = re.compile(r"""'([^']*)'|"([^"]*)"|[.]([A-Za-z_]\w*)""")

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

COMMITMENT: Final = cel.Message("Commitment", {"name": cel.STRING, "count": cel.DOUBLE, "used": cel.DOUBLE})
"""Capacity that the project has bought in advance, and how much of it this stack is expected to use, in units."""

UNKNOWN_TAG: Final = cel.Message("UnknownTag", {"name": cel.STRING, "key": cel.STRING})
"""A resource whose value of a tag is known only after apply; an empty key stands for all its tags."""


@dataclass(slots=True)
class _Share:
    """What one resource, or all with one value of a tag, costs a month (low, expected, high), and what of it has no
    price. The names are kept in order of declaration. ``inside`` are accelerators of machines that others pay for."""

    low: Decimal = _ZERO
    expected: Decimal = _ZERO
    high: Decimal = _ZERO
    accelerators: float = 0.0
    inside: float = 0.0
    unpriced: dict[str, None] = field(default_factory=dict)
    undetermined: dict[str, None] = field(default_factory=dict)

    def add(self, other: _Share) -> None:
        self.low += other.low
        self.expected += other.expected
        self.high += other.high
        self.accelerators += other.accelerators
        self.inside += other.inside
        if other.unpriced:
            self.unpriced.update(other.unpriced)
            self.undetermined.update(other.undetermined)


def commitment_values(terms: Iterable[Term], estimate: Estimate) -> list[dict[str, Any]]:
    """``stack.commitments`` as CEL sees it, in order of the configuration."""
    commitments = [term for term in terms if isinstance(term, Commitment)]
    used = {term.name: _ZERO for term in commitments}
    for line in estimate.lines if used else ():
        if line.reduction is not None and line.reduction.kind == "commitment":
            used[line.reduction.name] = EXACT.add(used.get(line.reduction.name, _ZERO), line.quantity.expected)
    return [{"name": term.name, "count": float(term.count), "used": float(used[term.name])} for term in commitments]


def accelerators_at_most(facts: Facts) -> float:
    """Accelerators of a known model that a resource holds at its largest size; 0 where that is not known."""
    if facts.accelerator is None or not facts.accelerator.model or facts.count is None:
        return 0.0
    many = facts.count.max if facts.count.max is not None else facts.count.expected
    return facts.accelerator.count * many


def accelerators_by_model(workloads: Iterable[Workload], estimate: Estimate) -> dict[str, float]:
    """``stack.accelerators``: those of each model at the largest sizes, in order of the models.

    What runs on machines or in reserved capacity of the stack adds nothing to those, unless it can grow beyond them.
    """
    inside = _inside(estimate)
    own: dict[str, float] = {}
    others: dict[str, float] = {}
    for workload in workloads:
        facts = workload.facts
        if facts.accelerator is not None and facts.accelerator.model and facts.count is not None:
            into = others if workload.resource.address in inside else own
            into[facts.accelerator.model] = into.get(facts.accelerator.model, 0.0) + accelerators_at_most(facts)
    return {model: max(own.get(model, 0.0), others.get(model, 0.0)) for model in sorted({*own, *others})}


def uncounted(workloads: Iterable[Workload], estimate: Estimate) -> list[str]:
    """``stack.uncounted``: names of what may add accelerators to the stack, how many of which is known after apply."""
    inside = _inside(estimate)
    return sorted(
        {
            workload.resource.name
            for workload in workloads
            if workload.facts.unknowns
            and workload.facts.kind is not Kind.TEMPLATE
            and not workload.resource.external
            and workload.resource.address not in inside
            and _is_counted_later(workload.facts)
        }
    )


def _is_counted_later(facts: Facts) -> bool:
    for path, reason in facts.unknowns.items():
        if "known only after apply" in reason and (
            path in ("accelerator", "accelerator.count")
            or (facts.accelerator is not None and path.split(".")[0] == "count")
        ):
            return True
    return False


def _inside(estimate: Estimate) -> frozenset[str]:
    """Addresses of what runs on machines, or in capacity, that other resources of the stack pay for."""
    return frozenset(line.resource for line in estimate.lines if line.quote.reason is NoPrice.PAID_BY_NODES)


def tag_values(
    workloads: Sequence[Workload], estimate: Estimate, words: Container[str] | None = None
) -> dict[str, Any]:
    """``by_tag``, ``tag_totals``, ``untaggable`` and ``unknown_tags`` as CEL sees them: the month of what carries each
    value of a tag, and of what can carry none (which stands under the empty values of ``by_tag`` as well).

    For each key the values add up to the stack, but for what ``unknown_tags`` lists. Only what costs something or holds
    accelerators is in it; and of the keys those that are among ``words`` (all where there are none): a key that no
    guardrail names may have as many values as there are resources.
    """
    with localcontext(EXACT):
        shares = _shares(workloads, estimate)
        keys = {key for _, facts, _ in shares for key in (*facts.tags, *_unknown_keys(facts)) if key}
        # By name, as messages list them: the order of declaration changes from run to run.
        read = tuple(sorted(key for key in keys if words is None or key in words))
        groups = _grouped(read, shares)
        totals = {key: _by_value(index, groups) for index, key in enumerate(read)}
        untaggable = _Share()
        for _, facts, share in shares:
            if not facts.taggable and not facts.tags and not _unknown_keys(facts):
                untaggable.add(share)
    by_tag = {
        key: {value: _plain(key, value, share, estimate.currency) for value, share in values.items()}
        for key, values in totals.items()
    }
    return {
        "by_tag": by_tag,
        "tag_totals": [total for values in by_tag.values() for total in values.values()],
        "untaggable": _plain("", "", untaggable, estimate.currency),
        "unknown_tags": [
            {"name": name, "key": key}
            for name, key in sorted((name, key) for name, facts, _ in shares for key in _unknown_keys(facts))
        ],
    }


def _grouped(keys: Sequence[str], shares: Iterable[tuple[str, Facts, _Share]]) -> dict[tuple[str | None, ...], _Share]:
    """The shares by their values of all keys (None: not known): there are many resources and few combinations."""
    groups: dict[tuple[str | None, ...], _Share] = {}
    for _, facts, share in shares:
        tags, unknowns = facts.tags, facts.unknowns
        if unknowns and "tags" in unknowns:
            continue
        if unknowns:
            values = tuple([None if f"tags.{key}" in unknowns else tags.get(key, UNTAGGED) for key in keys])
        else:
            values = tuple([tags.get(key, UNTAGGED) for key in keys])
        group = groups.get(values)
        if group is None:
            group = groups[values] = _Share()
        group.add(share)
    return groups


def _by_value(index: int, groups: dict[tuple[str | None, ...], _Share]) -> dict[str, _Share]:
    found: dict[str, _Share] = {}
    for values, share in groups.items():
        value = values[index]
        if value is not None:
            found.setdefault(value, _Share()).add(share)
    return dict(sorted(found.items()))


def words_of(guardrail: Guardrail, params: Any) -> Iterator[str]:
    """The texts in which a guardrail can name a tag: in its parameters, and quoted or selected in its expressions."""
    expressions = [*guardrail.match_conditions, *guardrail.variables]
    for validation in guardrail.validations:
        expressions += [item for item in (validation.expression, validation.message_expression) if item]
    for expression in expressions:
        for match in _QUOTED_OR_SELECTED.finditer(expression.text):
            yield next(group for group in match.groups() if group is not None)
    yield from _texts(params)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _unknown_keys(facts: Facts) -> tuple[str, ...]:
    """Keys of the tags whose value is not known; an empty one where that holds of all of them."""
    if not facts.unknowns:
        return ()
    return tuple(
        path.removeprefix("tags").removeprefix(".")
        for path in facts.unknowns
        if path == "tags" or path.startswith("tags.")
    )


def _shares(workloads: Iterable[Workload], estimate: Estimate) -> list[tuple[str, Facts, _Share]]:
    """Name, facts and share of every resource that has a part in the stack's cost or accelerators."""
    lines: dict[str, list[CostLine]] = {}
    for line in estimate.lines:
        lines.setdefault(line.resource, []).append(line)
    found = []
    for workload in workloads:
        share = _share(workload, lines.get(workload.resource.address, ()))
        if share is not None:
            found.append((workload.resource.name, workload.facts, share))
    return found


def _share(workload: Workload, lines: Sequence[CostLine]) -> _Share | None:
    share, counted = _Share(), False
    for line in lines:
        if line.cost is not None:
            low, expected, high = line.cost.monthly.bounds
            share.low += low
            share.expected += expected
            share.high += high
        elif line.quote.reason is NoPrice.PAID_BY_NODES:
            share.inside = accelerators_at_most(workload.facts)
            continue
        else:
            share.unpriced[workload.resource.name] = None
            if line.quote.reason is NoPrice.UNKNOWN_UNTIL_APPLY:
                share.undetermined[workload.resource.name] = None
        counted = True
    if not share.inside:
        share.accelerators = accelerators_at_most(workload.facts)
    return share if counted or share.accelerators or share.inside else None


def _plain(key: str, value: str, share: _Share, currency: str) -> dict[str, Any]:
    return {
        "key": key,
        "value": value,
        "low": float(share.low),
        "expected": float(share.expected),
        "high": float(share.high),
        "text": show_money(share.expected, currency),
        "accelerators": max(share.accelerators, share.inside),
        "unpriced": sorted(share.unpriced),
        "undetermined": sorted(share.undetermined),
    }
