"""Cost lines of what runs inside a cluster: its nodes are paid for, not its pods."""

from __future__ import annotations

from collections.abc import Sequence

from spendgate.estimate.compute import count_of, region_of, show_accelerator, unknown
from spendgate.estimate.lines import hourly_line, without_price
from spendgate.estimate.model import CostLine
from spendgate.estimate.usage import exactly, usage_of
from spendgate.facts.model import Facts, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, InstanceType, NoPrice, Purchase

_ELSEWHERE = "the cluster's nodes are declared elsewhere"


def pod_lines(facts: Facts, pools: Sequence[Workload], catalogue: Catalogue) -> tuple[CostLine, ...] | None:
    """Lines of a pod, deployment or job. None where it asks for no accelerator and no node: others pay for it.

    Where the stack declares node pools, they pay: the line says which. Where it declares none and a node selector
    names an instance type, the pods are priced as their share of its accelerators.
    """
    reason = unknown(facts, "accelerator")
    types = facts.instance_types or ((facts.instance_type,) if facts.instance_type else ())
    if facts.accelerator is None and reason is None and not types:
        return None
    quantity, notes = count_of(facts)
    item = show_accelerator(facts.accelerator) if facts.accelerator else types[0] if types else "accelerator"
    asked = (facts.provider, item, facts.region, facts.purchase or Purchase.ON_DEMAND)
    if pools:
        payers = ", ".join(pool.resource.name for pool in _matching(facts.accelerator, types, pools))
        return (without_price(*asked, NoPrice.PAID_BY_NODES, f"paid by node pool {payers}", quantity),)
    if facts.accelerator is None and reason is not None:
        note = f"accelerator is unknown: {reason}"
        return (without_price(*asked, NoPrice.UNKNOWN_UNTIL_APPLY, note, quantity),)
    node = _node(types, catalogue)
    if node is None:
        return (without_price(*asked, NoPrice.UNPRICED, _ELSEWHERE, quantity),)
    quote = catalogue.quote(node.provider, node.name, region_of(facts, catalogue), asked[3])
    share = _share(facts.accelerator, node)
    told = "one whole node each" if share == 1 else f"{share:g} of a node each, by its accelerators"
    return (
        hourly_line(
            quote,
            quantity * exactly(share),
            usage_of(facts),
            (*notes, f"{_ELSEWHERE}: counted as {told}"),
        ),
    )


def _matching(accelerator: Accelerator | None, types: Sequence[str], pools: Sequence[Workload]) -> Sequence[Workload]:
    """The pools that can hold it: of the instance type asked for, else with the accelerator; all where none fits."""
    by_type = [pool for pool in pools if set(types) & {pool.facts.instance_type, *pool.facts.instance_types}]
    if by_type or accelerator is None:
        return by_type or pools
    fitting = [
        pool
        for pool in pools
        if pool.facts.accelerator is not None and accelerator.model in ("", pool.facts.accelerator.model)
    ]
    return fitting or [pool for pool in pools if pool.facts.accelerator is not None] or pools


def _node(types: Sequence[str], catalogue: Catalogue) -> InstanceType | None:
    for name in types:
        for provider in catalogue.providers_of(name):
            return catalogue.instance(provider, name)
    return None


def _share(asked: Accelerator | None, node: InstanceType) -> float:
    if asked is None or node.accelerator is None:
        return 1.0
    return asked.count / node.accelerator.count
