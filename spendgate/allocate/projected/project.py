"""The estimate of a check, allocated by the rules that the bill is allocated by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import tags_read
from spendgate.allocate.drivers import files_of
from spendgate.allocate.expression import checked
from spendgate.allocate.findings import hint, tags_asked
from spendgate.allocate.library import find_rules
from spendgate.allocate.model import Expression, Layer, Rule, RuleSet, Window, in_order
from spendgate.allocate.plan import UNALLOCATED
from spendgate.allocate.projected.cost_lines import as_line
from spendgate.allocate.projected.decide import Decider, Line, Piece
from spendgate.allocate.projected.model import Allocation, Owner, Paid, Part, Unowned
from spendgate.allocate.projected.model import in_order as most_first
from spendgate.allocate.projected.tables import latest_uses
from spendgate.allocate.shares import Share, fixed, proportional
from spendgate.estimate.model import EXACT, ZERO, CostLine, Estimate, Range
from spendgate.facts.model import Workload
from spendgate.prices.model import NoPrice


@dataclass(frozen=True, slots=True)
class Projection:
    """Rules that are ready to be asked, with the shares of their pools."""

    rules: RuleSet
    decider: Decider


def load_projection(named: Sequence[str | Path], drivers: Mapping[str, Path]) -> Projection:
    """The rules that are named (files, or shipped ones) with the latest window of each driver table. Raises InputError
    for what is wrong in them."""
    rules, rules_file = find_rules(named)
    files = files_of(rules.drivers, drivers, rules_file)
    found: list[Share] = []
    for number, rule in enumerate(in_order(rules), start=1):
        if rule.layer is Layer.FIXED:
            found += fixed(rule, number)
        elif rule.layer is Layer.PROPORTIONAL and rule.driver in files:
            uses = latest_uses(rules.drivers[rule.driver], files[rule.driver], rule.window)
            found += proportional(rule, number, uses)
    return Projection(rules, Decider(rules, found))


def project(
    projection: Projection,
    estimate: Estimate,
    workloads: Sequence[Workload],
    *,
    day: date,
    name: str,
    stack: str,
    environment: str,
) -> Allocation:
    """Who pays each cost line of the estimate, by the rules that hold on ``day``. What the lines cost is allocated,
    with its discounts, whatever cost of a bill the rules name. All parts add up to the estimate's month exactly."""
    by_address = {workload.resource.address: workload for workload in workloads}
    parts: list[Part] = []
    without_price: list[Part] = []
    windows: dict[str, None] = {}
    lines: list[Line] = []
    for index, line in enumerate(estimate.lines):
        asked = as_line(line, by_address.get(line.resource), day, name, stack, environment)
        lines.append(asked)
        if line.cost is None and line.quote.reason is NoPrice.PAID_BY_NODES:
            continue
        for piece in projection.decider.pieces(asked):
            (parts if line.cost is not None else without_price).append(_part(index, piece, line))
            if piece.window is not None and piece.rule is not None and piece.rule.layer is Layer.PROPORTIONAL:
                windows[_window(piece.rule, piece.pool, piece.window)] = None
    assumptions = [*windows, *_later([*parts, *without_price], estimate.lines, by_address, projection.rules, day)]
    if projection.rules.amount.value in ("list", "contracted"):
        assumptions.append(
            f"the rules allocate {projection.rules.amount.column} of a bill; of an estimate, what it costs"
        )
    return Allocation(
        rules=projection.rules.name,
        parts=tuple(parts),
        owners=_owners(parts, without_price),
        unowned=_unowned(parts, without_price, lines, estimate.lines, by_address, projection.rules),
        unallocated=reduce(Range.__add__, (part.cost for part in parts if part.layer == UNALLOCATED), ZERO),
        assumptions=tuple(assumptions),
    )


def _later(
    parts: Sequence[Part],
    lines: Sequence[CostLine],
    by_address: Mapping[str, Workload],
    rules: RuleSet,
    day: date,
) -> list[str]:
    """Where a tag that is known only after apply may let another rule decide, or name another owner."""
    read: dict[str, tuple[str, ...]] = {}
    before: dict[str, None] = {}
    for rule in in_order(rules):
        if (rule.starts is not None and day < rule.starts) or (rule.ends is not None and day >= rule.ends):
            continue
        before |= dict.fromkeys(_tags([rule.match]))
        named = [*rule.owner.values(), *((rule.pool,) if rule.pool else ())]
        read[rule.name] = tuple(dict.fromkeys((*before, *_tags(named))))
    found: dict[tuple[str, str], dict[str, None]] = {}
    for part in parts:
        workload = by_address.get(lines[part.line].resource)
        if part.rule is None or part.layer == UNALLOCATED or workload is None:
            continue
        unknowns = workload.facts.unknowns
        keys = [key for key in read[part.rule] if f"tags.{key}" in unknowns or "tags" in unknowns]
        if keys:
            found.setdefault((part.rule, ", ".join(keys)), {})[workload.resource.name] = None
    return [
        f"{rule} decides {', '.join(names)} as if there were no tag {keys}, which is known only after apply"
        for (rule, keys), names in found.items()
    ]


def _tags(expressions: Sequence[Expression]) -> tuple[str, ...]:
    return tags_read(checked(one, LINE, ("bool", "string")).tree for one in expressions)


def _window(rule: Rule, pool: str | None, start: date) -> str:
    of = f"in {start:%Y-%m}" if rule.window is Window.MONTH else f"on {start}"
    return f"{rule.name}: pool {pool} is split as it was used {of}, the latest in the table of {rule.driver}"


def _part(index: int, piece: Piece, line: CostLine) -> Part:
    cost = ZERO
    if line.cost is not None:
        month = line.cost.monthly
        # The bounds are the expected part less and plus their own parts of the difference: so they stay in order, and
        # their sums exact, where single parts are rounded.
        expected = piece.of(month.expected)
        below = piece.of(EXACT.subtract(month.expected, month.low))
        above = piece.of(EXACT.subtract(month.high, month.expected))
        cost = Range(EXACT.subtract(expected, below), expected, EXACT.add(expected, above))
    rule = piece.rule
    return Part(
        index,
        piece.owner,
        rule.name if rule else None,
        piece.layer,
        rule.driver if rule else None,
        piece.pool,
        piece.share,
        piece.idle,
        cost,
        piece.reason,
    )


def _owners(parts: Sequence[Part], without_price: Sequence[Part]) -> tuple[Paid, ...]:
    costs: dict[tuple[Owner, bool], list[Part]] = {}
    for part in (*parts, *without_price):
        if part.layer != UNALLOCATED:
            costs.setdefault((part.owner, part.idle), []).append(part)
    unpriced = set(map(id, without_price))
    return tuple(
        most_first(
            Paid(
                owner,
                idle,
                reduce(Range.__add__, (part.cost for part in theirs)),
                len({part.line for part in theirs if id(part) not in unpriced}),
                len({part.line for part in theirs if id(part) in unpriced}),
            )
            for (owner, idle), theirs in costs.items()
        )
    )


def _unowned(
    parts: Sequence[Part],
    without_price: Sequence[Part],
    lines: Sequence[Line],
    cost_lines: Sequence[CostLine],
    by_address: Mapping[str, Workload],
    rules: RuleSet,
) -> tuple[Unowned, ...]:
    asked = tags_asked(in_order(rules))
    groups: dict[tuple[str, str | None, str | None, str], list[Part]] = {}
    for part in (*parts, *without_price):
        if part.layer == UNALLOCATED:
            line, workload = lines[part.line], by_address.get(cost_lines[part.line].resource)
            told = _hint(line, workload, asked)
            groups.setdefault((part.reason or "", part.rule, line.columns.get("ServiceName"), told), []).append(part)
    unpriced = set(map(id, without_price))
    found = [
        Unowned(
            *key,
            tuple(dict.fromkeys(str(lines[part.line].columns["ResourceName"]) for part in theirs)),
            reduce(Range.__add__, (part.cost for part in theirs)),
            sum(id(part) in unpriced for part in theirs),
        )
        for key, theirs in groups.items()
    ]
    return tuple(sorted(found, key=lambda item: (-item.cost.expected, item.resources)))


def _hint(line: Line, workload: Workload | None, asked: Mapping[str, str]) -> str:
    """The tag that would tell; one whose value is not known before the deployment is told apart."""
    unknowns = workload.facts.unknowns if workload is not None else {}
    later = [key for key in asked if f"tags.{key}" in unknowns or "tags" in unknowns]
    if later:
        return f"{', '.join(later)} (known only after apply)"
    if workload is None:
        return ""
    if not workload.facts.taggable and not line.tags:
        return "takes no tags"
    return hint(json.dumps(dict(line.tags)), asked)
