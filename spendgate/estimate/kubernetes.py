"""Cost lines of what runs inside a cluster: its nodes are paid for, not its pods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.estimate.compute import (
    attached_lines,
    compute_lines,
    count_of,
    region_of,
    show_accelerator,
    unknown,
    unknown_as,
)
from spendgate.estimate.lines import hourly_line, without_price
from spendgate.estimate.model import EXACT, ZERO, Confidence, CostLine, Range
from spendgate.estimate.running import exactly, running_of
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import Facts, Workload
from spendgate.money import show_money
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, InstanceType, NoPrice, Purchase

_PICO: Final = Decimal("0.000000000001")
_ELSEWHERE = "the cluster's nodes are declared elsewhere"


def pod_lines(
    facts: Facts, pools: Sequence[Workload], catalogue: Catalogue, use: Use = UNTOLD
) -> tuple[CostLine, ...] | None:
    """Lines of a pod, deployment or job. None where it asks for no accelerator and no node: others pay for it.

    Where the stack declares node pools, those that fit pay: the line says which, and has no price where none fits.
    Where it declares none and a node selector names an instance type, the pods are priced as their share of it, in the
    region or zone that the selector names too.
    """
    reason = unknown(facts, "accelerator")
    types = facts.instance_types or ((facts.instance_type,) if facts.instance_type else ())
    if facts.accelerator is None and reason is None and not types:
        return None
    quantity, notes = count_of(facts, use)
    item = show_accelerator(facts.accelerator) if facts.accelerator else types[0] if types else "accelerator"
    asked = (facts.provider, item, facts.region, facts.purchase or Purchase.ON_DEMAND)
    if pools:
        payers, sure, note = _payers(facts, types, reason, pools)
        if not payers:
            return (without_price(*asked, NoPrice.UNPRICED, note, quantity),)
        of_run, told = _run(facts, types, payers if sure else (), quantity, catalogue, use)
        note = f"{note}; {told}" if of_run else note
        line = without_price(*asked, NoPrice.PAID_BY_NODES, note, quantity)
        return (replace(line, of_run=of_run, run_unknown="" if of_run else told),)
    if facts.accelerator is None and reason is not None:
        note = f"accelerator is unknown: {reason}"
        return (without_price(*asked, unknown_as(reason), note, quantity),)
    for fact in ("instance_types", "region", "zones", "count"):
        reason = unknown(facts, fact)
        if reason is not None and types:
            return (without_price(*asked, unknown_as(reason), f"{fact} is unknown: {reason}", quantity),)
    node = _node(types, catalogue)
    if node is None:
        return (without_price(*asked, NoPrice.UNPRICED, _ELSEWHERE, quantity),)
    share, by = _share(facts, node)
    if share > 1:
        note = f"a pod asks for more than one {node.name} has"
        return (without_price(*asked, NoPrice.UNPRICED, note, quantity),)
    # Zones and regions are those of the cloud that sells the node.
    placed = replace(facts, provider=node.provider)
    region, running = region_of(placed, catalogue), running_of(facts, use)
    told = f"{share:g} of a node each, {by}" if share != 1 else "one whole node each"
    nodes = quantity * exactly(share)
    line = hourly_line(
        catalogue.quote(node.provider, node.name, region, asked[3]),
        nodes,
        running,
        (*notes, f"{_ELSEWHERE}: counted as {told}"),
        Confidence.ASSUMED,
    )
    if line.quote.reason is NoPrice.UNPRICED:
        line = replace(line, quote=replace(line.quote, note=f"{_ELSEWHERE}, and {line.quote.note}"))
    attached = attached_lines(placed, catalogue, (node.name,), region, asked[3], nodes, running, Confidence.ASSUMED)
    return (line, *attached)


def _payers(
    facts: Facts, types: Sequence[str], unclear: str | None, pools: Sequence[Workload]
) -> tuple[Sequence[Workload], bool, str]:
    """The node pools of the stack that pay for these pods, whether that is certain, and the same in words."""
    fits = [(pool, _fit(facts.accelerator, types, pool.facts)) for pool in pools]
    sure = [pool for pool, fit in fits if fit == "fits"]
    payers = sure or [pool for pool, fit in fits if fit]
    if not payers:
        wanted = show_accelerator(facts.accelerator) if facts.accelerator else " or ".join(types)
        return (), False, f"no node pool of this stack fits (asked for: {wanted})"
    note = f"paid by node pool {', '.join(pool.resource.name for pool in payers)}"
    if unclear is not None and facts.accelerator is None:
        return payers, False, f"{note}: what is asked for is unknown ({unclear})"
    if not sure:
        return payers, False, f"{note}, which may fit: what its nodes carry is not certain"
    return sure, True, note + _room(facts, sure)


def _run(
    facts: Facts,
    types: Sequence[str],
    pools: Sequence[Workload],
    pods: Range,
    catalogue: Catalogue,
    use: Use,
) -> tuple[Range | None, str]:
    """What one run of a job takes of the nodes of ``pools`` (those that fit for certain), and how that is counted; or
    None, with why it cannot be told (an empty text for what has no runs).

    It is the share of a node that its pods ask for, at a node's list price, for the hours of a run. What nobody uses of
    a node is not in it: the pool pays for that, in any month.
    """
    hours = running_of(facts, use).run
    if hours is None:
        return None, ""
    if not pools:
        return None, "on which nodes it runs is not certain"
    costs = []
    for pool in pools:
        hourly, why = _node_hour(pool.facts, catalogue)
        if hourly is None:
            return None, f"a node of {pool.resource.name} has no price: {why}"
        share = _share_of(facts, types, pool.facts, catalogue)
        if share is None or share > 1:
            return None, f"what it takes of a node of {pool.resource.name} is not known"
        costs.append(pods * exactly(share) * hourly * hours)
    low, high = min(cost.low for cost in costs), max(cost.high for cost in costs)
    # An even share has no end (1 of 3): beyond a millionth of a millionth it is no money.
    found = Range(*(part.quantize(_PICO, ROUND_HALF_EVEN, EXACT) for part in (low, costs[0].expected, high)))
    return found, f"a run takes {show_money(found.expected)} of it at list prices, which the pool pays already"


def _node_hour(pool: Facts, catalogue: Catalogue) -> tuple[Range | None, str]:
    """What one node of a pool costs while it runs, with the accelerators that are attached to it; else why not."""
    one = replace(
        pool,
        count=None,
        on_demand_base=None,
        unknowns={path: why for path, why in pool.unknowns.items() if path.split(".")[0] != "count"},
    )
    hourly = ZERO
    for line in compute_lines(one, catalogue):
        if line.cost is None:
            return None, line.quote.note or str(line.quote.reason).replace("_", " ")
        hourly += line.cost.hourly
    return hourly, ""


def _share_of(facts: Facts, types: Sequence[str], pool: Facts, catalogue: Catalogue) -> float | None:
    """The share of a pool's node that one pod asks for; None where it cannot be told."""
    if facts.accelerator is not None:
        return facts.accelerator.count / pool.accelerator.count if pool.accelerator else None
    node = _node(types, catalogue)
    return _share(facts, node)[0] if node is not None else None


def _fit(asked: Accelerator | None, types: Sequence[str], pool: Facts) -> str:
    """``fits``, ``may fit`` where the pool's own hardware is not known, or an empty text."""
    offered = {pool.instance_type, *pool.instance_types} - {None}
    if types and offered and not offered & set(types):
        return ""
    doubt = bool(types) and not offered
    if asked is not None:
        carried = pool.accelerator
        if carried is None:
            return "may fit" if unknown(pool, "accelerator") else ""
        if len(pool.accelerator_models) > 1:  # one of several types: which of them it gets is not known
            return "may fit" if asked.model in ("", *pool.accelerator_models) else ""
        if asked.vendor != carried.vendor or asked.count > carried.count:
            return ""
        for mine, theirs in ((asked.model, carried.model), (asked.memory_gib, carried.memory_gib)):
            if mine and theirs and mine != theirs:
                return ""
        doubt = doubt or bool(asked.model and not carried.model) or unknown(pool, "accelerator.count") is not None
    return "may fit" if doubt else "fits"


def _room(facts: Facts, pools: Sequence[Workload]) -> str:
    """What is said where the pools, at their largest, cannot hold all pods at once; else nothing."""
    if facts.count is None or facts.accelerator is None:
        return ""
    room = 0.0
    for pool in pools:
        count, carried = pool.facts.count, pool.facts.accelerator
        if count is None or count.max is None or carried is None:
            return ""  # nothing bounds it, or how many it has is not known
        room += count.max * math.floor(carried.count / facts.accelerator.count + 1e-9)
    if room >= facts.count.expected:
        return ""
    return f", which holds {room:g} of its {facts.count.expected:g} pods at once"


def _node(types: Sequence[str], catalogue: Catalogue) -> InstanceType | None:
    for name in types:
        for provider in catalogue.providers_of(name):
            return catalogue.instance(provider, name)
    return None


def _share(facts: Facts, node: InstanceType) -> tuple[float, str]:
    """What one pod takes of a node, and by what: its accelerators, or its vCPUs or memory, whichever is more. A whole
    node where it says nothing, or where accelerators are attached to the node."""
    if facts.accelerator is not None:
        if node.accelerator is None:
            return 1.0, ""
        return facts.accelerator.count / node.accelerator.count, "by its accelerators"
    asked = (
        (facts.cpu_request, node.vcpu, "by its vCPUs"),
        (facts.memory_request_gib, node.memory_gib, "by its memory"),
    )
    return max(((amount / whole, by) for amount, whole, by in asked if amount and whole), default=(1.0, ""))
