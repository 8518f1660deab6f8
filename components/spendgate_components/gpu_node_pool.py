"""``GpuNodePool``: nodes by need, not by instance type, on EKS, GKE, AKS or with Karpenter."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import pulumi

from spendgate.estimate.model import HOURS_PER_MONTH
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Transform
from spendgate_components.choice import choose
from spendgate_components.component import (
    KEYWORDS,
    CostAwareComponent,
    Limits,
    Plan,
    checked_name,
    known_region,
    place_of,
)
from spendgate_components.errors import ArgumentError, one_of, positive, whole_number
from spendgate_components.pods import CLOUD
from spendgate_components.pools.model import GpuNodePoolArgs, Group, Need
from spendgate_components.tags import ticket

PLATFORMS: Final = ("eks", "gke", "aks", "karpenter")
MOST_NODES: Final = 1000


class GpuNodePool(CostAwareComponent):
    """Nodes with accelerators: a managed node group of EKS, a node pool of GKE or AKS, or a NodePool of Karpenter.

    Children on EKS: ``template``, and ``spot`` or ``on-demand`` or both. On GKE and AKS: ``spot``, ``on-demand``. With
    Karpenter: ``class``, ``nodes``.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    instance_type: pulumi.Output[str]
    """The machine type that was chosen."""
    instance_type_reason: pulumi.Output[str]
    """Why it is that type, with its price, source and date."""
    accelerators: pulumi.Output[int]
    """How many accelerators there are at the largest size."""

    def __init__(
        self,
        name: str,
        args: GpuNodePoolArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(GpuNodePoolArgs, args, given)
        catalogue = cost.catalogue_of_project()
        limits = Limits(max_monthly_cost=known.max_monthly_cost, approval=known.approval)
        self._build(name, plan(name, known, catalogue), limits, catalogue, known.raw, transforms, opts)


def plan(name: str, args: GpuNodePoolArgs, catalogue: Catalogue) -> Plan:
    """The children of a pool. Raises ArgumentError; registers nothing."""
    need, place = needed(name, args, catalogue)
    most = sum(group.max for group in need.groups)
    outputs = {
        "instance_type": need.choice.machine.name,
        "instance_type_reason": need.choice.why,
        "accelerators": most * int(need.choice.accelerator.count),
    }
    return Plan(pool_children(need, place), (), _notes(need), outputs, _beside(need, most))


def needed(name: str, args: GpuNodePoolArgs, catalogue: Catalogue) -> tuple[Need, str]:
    """What a pool is, with the machine that was chosen, and its region or zone. Raises ArgumentError."""
    checked_name(name)
    one_of("platform", args.platform, PLATFORMS)
    provider = CLOUD[args.platform]
    _belongs(args)
    argument = "region" if provider == "aws" else "location"
    place = place_of(provider, getattr(args, argument), argument)
    region = known_region(catalogue, provider, place, argument)
    per_node = whole_number("per_node", 1 if args.per_node is None else args.per_node, 1, 16, "accelerators")
    spot = not args.tags.in_production if args.spot is None else args.spot
    groups = _groups(args, spot)
    purchase = Purchase.SPOT if spot else Purchase.ON_DEMAND
    choice = choose(
        catalogue,
        provider,
        region,
        args.accelerator,
        per_node,
        purchase,
        instance_type=args.instance_type,
        min_vcpu=positive("min_vcpu", args.min_vcpu, "vCPUs"),
        min_memory_gib=positive("min_memory_gib", args.min_memory_gib, "GiB"),
    )
    approval = ticket("approval", args.approval)
    need = Need(
        name=name,
        args=args,
        tags={**args.tags.values, **({"approval": approval} if approval else {})},
        choice=choice,
        region=region,
        groups=groups,
        disk_gib=whole_number("disk_gib", 100 if args.disk_gib is None else args.disk_gib, *_DISK[provider], "GiB"),
        labels={"spendgate.dev/accelerator": choice.label, **(args.labels or {})},
        taint=args.taint is not False,
        driver=args.install_driver is not False,
    )
    return need, place


def pool_children(need: Need, place: str) -> tuple[Child, ...]:
    """The children of a pool on its platform."""
    # Each platform imports its own SDK only.
    if need.args.platform == "eks":
        from spendgate_components.pools.eks import children

        return children(need)
    if need.args.platform == "gke":
        from spendgate_components.pools.gke import children as of_gke

        return of_gke(need, place)
    if need.args.platform == "aks":
        from spendgate_components.pools.aks import children as of_aks

        return of_aks(need)
    from spendgate_components.pools.karpenter import children as of_karpenter

    return of_karpenter(need)


_DISK: Final = {"aws": (20, 16384), "gcp": (20, 16384), "azure": (30, 2048)}
"""GiB that the disk of a node may have; of AKS as it says itself (custom OS disk sizes)."""
_OF_PLATFORM: Final = {
    "eks": ("region", "subnet_ids", "node_role_arn"),
    "gke": ("location", "zone", "service_account", "install_driver"),
    "aks": ("location", "zone", "subnet_ids", "resource_group", "install_driver"),
    "karpenter": ("region", "node_role_name"),
}
_NEEDED: Final = {
    "eks": ("subnet_ids", "node_role_arn"),
    "gke": (),
    "aks": ("resource_group",),
    "karpenter": ("node_role_name",),
}


def _belongs(args: GpuNodePoolArgs) -> None:
    """What one platform needs and another has no use for."""
    arguments.need(args, _NEEDED[args.platform], args.platform)
    for platform, names in _OF_PLATFORM.items():
        for one in names:
            if getattr(args, one) is not None and one not in _OF_PLATFORM[args.platform]:
                own = ", ".join(_OF_PLATFORM[args.platform])
                raise ArgumentError(f"{one} is for {platform}, not for {args.platform}", remedy=f"Write {own} instead.")
    if args.platform == "aks":
        if args.subnet_ids and len(args.subnet_ids) > 1:
            there = f"subnet_ids has {len(args.subnet_ids)} subnets"
            raise ArgumentError(f"{there}, a pool of AKS lies in one", remedy="Write that one, or leave it out.")
        if args.zone is not None and args.zone not in ("1", "2", "3"):
            raise ArgumentError(f'zone is "{args.zone}"', remedy="Write 1, 2 or 3, or leave it out.")


def _groups(args: GpuNodePoolArgs, spot: bool) -> tuple[Group, ...]:
    nodes = args.nodes
    most = whole_number("nodes.max", nodes.max, 1, MOST_NODES, "nodes")
    least = whole_number("nodes.min", 0 if nodes.min is None else nodes.min, 0, most, "nodes")
    expected = whole_number("nodes.expected", least if nodes.expected is None else nodes.expected, least, most, "nodes")
    if least and args.tags.review_by is None:
        remedy = 'Write nodes=(0, …), or the day on which it is reviewed: review_by="2026-12-31" in tags.'
        raise ArgumentError(f"nodes.min keeps {least} nodes with accelerators up for good", remedy=remedy)
    fixed = whole_number("on_demand_nodes", args.on_demand_nodes or 0, 0, most, "nodes")
    if fixed and not spot:
        raise ArgumentError("on_demand_nodes is for a pool with spot nodes", remedy="Write spot=True, or leave it out.")
    if args.platform == "karpenter":
        if least or expected or fixed:
            remedy = "Write nodes=(0, max): Karpenter starts nodes as pods ask for them."
            raise ArgumentError("a NodePool of Karpenter keeps no nodes", remedy=remedy)
        return (Group("nodes", spot, 0, 0, most),)
    if not spot or fixed == most:
        return (Group("on-demand", False, least, expected, most),)
    if not fixed:
        return (Group("spot", True, least, expected, most),)
    base = Group("on-demand", False, min(least, fixed), min(expected, fixed), fixed)
    rest = Group("spot", True, least - base.min, expected - base.expected, most - fixed)
    return base, rest


_STARTS_EMPTY: Final = (
    "expected counts no nodes, as the pool starts empty: say how many there will be with nodes.expected"
)
_DISKS_OF_AKS: Final = (
    "the nodes' disks lie on the machines where their size allows it; elsewhere AKS bills a managed disk for each, "
    "which has no line here"
)


def _notes(need: Need) -> tuple[str, ...]:
    most = sum(group.max for group in need.groups)
    if need.args.platform == "karpenter":
        return (f"Karpenter starts up to {most} nodes as pods ask for them: they are paid for, and have no line here",)
    notes = []
    if not sum(group.expected for group in need.groups):
        notes.append(_STARTS_EMPTY)
    if need.args.platform == "aks":
        notes.append(_DISKS_OF_AKS)
    return tuple(notes)


def _beside(need: Need, most: int) -> Decimal:
    """What the nodes that Karpenter may start cost in a month at most."""
    if need.args.platform != "karpenter":
        return Decimal(0)
    quote = need.choice.quote
    if quote.amount is None:
        if need.args.max_monthly_cost is not None and need.args.approval is None:
            remedy = 'Choose what has a price, or name an approval: approval="FIN-42".'
            raise ArgumentError(f"there is no price of {quote.item} to hold max_monthly_cost against", remedy=remedy)
        return Decimal(0)
    return (quote.high or quote.amount) * most * HOURS_PER_MONTH
