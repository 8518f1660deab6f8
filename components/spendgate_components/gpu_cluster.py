"""``GpuCluster``: a managed cluster with a system pool, GPU pools by need, and a quota for each team, on EKS or GKE."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Of, Transform, within
from spendgate_components.clusters.model import ClusterPool, GpuClusterArgs, System, Whole
from spendgate_components.component import (
    KEYWORDS,
    CostAwareComponent,
    Limits,
    Plan,
    checked_name,
    known_region,
    place_of,
)
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.gpu_node_pool import MOST_NODES, needed, pool_children
from spendgate_components.pools.model import GpuNodePoolArgs, Need, Nodes
from spendgate_components.tags import ticket

PLATFORMS: Final = ("eks", "gke")
LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90)
"""Days that logs may be kept: those that CloudWatch Logs takes (PutRetentionPolicy), up to the guardrail's 90."""

_POOL = re.compile(r"[a-z][a-z0-9-]{0,19}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
_VERSION = re.compile(r"1\.[0-9]{2}")
_SYSTEM_TYPE: Final = {"eks": "m6i.large", "gke": "e2-standard-2"}


class GpuCluster(CostAwareComponent):
    """A managed Kubernetes cluster for GPU work, private and with quotas, that knows what it costs at its largest.

    Children on EKS: ``cluster-role``, ``node-role`` and ``autoscaler-role`` with their policies, ``logs``, ``cluster``,
    ``system-template``, ``system-nodes``; on GKE: ``node-account`` and its roles, ``cluster``, ``system-nodes``. Then
    those of each pool (``<pool>-spot``) and, with teams, ``kubernetes`` (the provider) and each team's namespace and
    quota.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What control plane, system pool and pools cost: low, expected and high, per hour, day and month."""
    cluster_name: pulumi.Output[str]
    """The name of the cluster."""
    kubeconfig: pulumi.Output[str]
    """For kubectl and Pulumi's Kubernetes provider. Without credentials: aws or gke-gcloud-auth-plugin gets them."""
    instance_types: pulumi.Output[dict[str, str]]
    """The machine type of each pool."""
    instance_type_reasons: pulumi.Output[dict[str, str]]
    """Why it is that type, with its price, source and date."""
    accelerators: pulumi.Output[int]
    """How many accelerators there are with all pools at their largest."""

    def __init__(
        self,
        name: str,
        args: GpuClusterArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(GpuClusterArgs, args, given)
        catalogue = cost.catalogue_of_project()
        limits = Limits(max_monthly_cost=known.max_monthly_cost, approval=known.approval)
        planned = plan(name, known, catalogue, own_provider=not _has_kubernetes(opts))
        self._build(name, planned, limits, catalogue, known.raw, transforms, opts)


def _has_kubernetes(opts: pulumi.ResourceOptions | None) -> bool:
    """Whether the program gives a provider for what lies in the cluster."""
    given = [opts.provider] if opts and opts.provider else []
    several = opts.providers if opts else None
    given += list(several.values() if isinstance(several, Mapping) else several or ())
    return any(one.package == "kubernetes" for one in given if one is not None)


def plan(name: str, args: GpuClusterArgs, catalogue: Catalogue, *, own_provider: bool = True) -> Plan:
    """The children of a cluster. Raises ArgumentError; registers nothing. ``own_provider``: what lies in the cluster is
    made through a provider of the component."""
    checked_name(name)
    one_of("platform", args.platform, PLATFORMS)
    _belongs(args)
    provider, argument = ("gcp", "location") if args.platform == "gke" else ("aws", "region")
    place = place_of(provider, getattr(args, argument), argument)
    region = known_region(catalogue, provider, place, argument)
    if args.version is not None and not _VERSION.fullmatch(args.version):
        raise ArgumentError(f'version is "{args.version}"', remedy="Write a minor version, such as 1.33.")
    if args.quota is not None and not args.teams:
        remedy = 'Write teams={"nlp": TeamQuota(accelerators=4)}, or leave quota out.'
        raise ArgumentError(f'quota is "{args.quota}", and there are no teams', remedy=remedy)
    if not args.pools:
        remedy = 'Write pools={"l4": ClusterPool(accelerator="L4", nodes=(0, 4))}, or a cluster without this component.'
        raise ArgumentError("pools is empty", remedy=remedy)
    approval = ticket("approval", args.approval)
    whole = Whole(
        name=name,
        args=args,
        cluster_name=_cluster_name(name, args.cluster_name),
        place=place,
        region=region,
        tags={**args.tags.values, **({"approval": approval} if approval else {})},
        system=_system(args, provider, catalogue),
        public=_public(args.public_access_cidrs),
        log_days=_log_days(args.log_retention_days),
        project=_project(args.project) if args.platform == "gke" else None,
    )
    needs = {pool: _need(whole, pool, asked, catalogue) for pool, asked in args.pools.items()}
    children = [*_cluster(whole)]
    for pool, need in needs.items():
        children += within(pool, pool_children(need, place), after=_nodes_after(args.platform))
    accelerators = sum(
        group.max * int(need.choice.accelerator.count) for need in needs.values() for group in need.groups
    )
    if args.teams:
        from spendgate_components.clusters.teams import quotas

        children += quotas(whole, needs, own_provider)
    outputs = {
        "cluster_name": whole.cluster_name,
        "kubeconfig": _kubeconfig(whole),
        "instance_types": {pool: need.choice.machine.name for pool, need in needs.items()},
        "instance_type_reasons": {pool: need.choice.why for pool, need in needs.items()},
        "accelerators": accelerators,
    }
    return Plan(tuple(children), (), _notes(whole, needs), outputs)


def _cluster(whole: Whole) -> tuple[Child, ...]:
    # Each platform imports its own SDK only.
    if whole.args.platform == "eks":
        from spendgate_components.clusters.eks import children

        return children(whole)
    from spendgate_components.clusters.gke import children as of_gke

    return of_gke(whole)


def _kubeconfig(whole: Whole) -> Any:
    if whole.args.platform == "eks":
        from spendgate_components.clusters.eks import kubeconfig

        return kubeconfig(whole)
    from spendgate_components.clusters.gke import kubeconfig as of_gke

    return of_gke(whole)


def _nodes_after(platform: str) -> tuple[str, ...]:
    """What nodes need beside the cluster: without its policies a node does not join."""
    if platform == "eks":
        from spendgate_components.clusters.eks import NODE_POLICIES

        return tuple(NODE_POLICIES)
    from spendgate_components.clusters.gke import NODE_ROLES

    return tuple(NODE_ROLES)


def _need(whole: Whole, pool: str, asked: ClusterPool, catalogue: Catalogue) -> Need:
    """A pool of the cluster, as a GpuNodePool has it."""
    if not _POOL.fullmatch(pool) or pool == "system":
        remedy = (
            "Write lower-case letters, digits and hyphens, up to 20, a letter first; system is the pool that is there."
        )
        raise ArgumentError(f'pools has the name "{pool}"', remedy=remedy)
    own: dict[str, Any] = {name: getattr(asked, name) for name in ClusterPool.__dataclass_fields__}
    cluster: Any = Of("cluster", "name")
    if whole.args.platform == "eks":
        role: Any = Of("node-role", "arn")
        own |= {"subnet_ids": asked.subnet_ids or whole.args.subnet_ids, "node_role_arn": role, "region": whole.region}
    else:
        account: Any = Of("node-account", "email")
        own |= {"location": whole.place, "zone": asked.zone or whole.args.zone, "service_account": account}
    labels = {**(asked.labels or {}), "spendgate.dev/pool": pool}
    own |= {"labels": labels, "cluster": cluster, "approval": whole.args.approval}
    try:
        args = GpuNodePoolArgs(tags=whole.args.tags, platform=whole.args.platform, **own)
        return needed(f"{whole.name}-{pool}", args, catalogue)[0]
    except ArgumentError as error:
        raise ArgumentError(f"pools.{pool}: {error.message}", remedy=error.remedy) from None


_OF_PLATFORM: Final = {
    "eks": ("region", "subnet_ids", "log_retention_days"),
    "gke": ("location", "zone", "network", "subnetwork", "project", "usage_dataset"),
}


def _belongs(args: GpuClusterArgs) -> None:
    """What one platform needs and the other has no use for."""
    for platform, names in _OF_PLATFORM.items():
        for one in names:
            if platform != args.platform and getattr(args, one) is not None:
                own = ", ".join(_OF_PLATFORM[args.platform])
                raise ArgumentError(f"{one} is for {platform}, not for {args.platform}", remedy=f"Write {own} instead.")
    if args.platform == "eks" and len(args.subnet_ids or ()) < 2:
        there = f"subnet_ids has {len(args.subnet_ids)}" if args.subnet_ids else "subnet_ids is missing for eks"
        raise ArgumentError(there, remedy="Write at least two subnets, in two zones: the control plane lies in both.")


def _cluster_name(name: str, asked: str | None) -> str:
    found = name if asked is None else asked
    if not _NAME.fullmatch(found):
        remedy = "Write cluster_name=… with lower-case letters, digits and hyphens, 2 to 24, a letter first."
        raise ArgumentError(f'the cluster is called "{found}"', remedy=remedy)
    return found


def _system(args: GpuClusterArgs, provider: str, catalogue: Catalogue) -> System:
    asked = args.system_nodes or (Nodes(3, min=2) if args.tags.in_production else Nodes(2, min=1))
    most = whole_number("system_nodes.max", asked.max, 1, MOST_NODES, "nodes")
    least = whole_number("system_nodes.min", 1 if asked.min is None else asked.min, 1, most, "nodes")
    expected = least if asked.expected is None else asked.expected
    machine = args.system_instance_type or _SYSTEM_TYPE[args.platform]
    known = catalogue.instance(provider, machine)
    if known is None:
        remedy = f"Write a type of the catalogue, such as {_SYSTEM_TYPE[args.platform]}."
        raise ArgumentError(f'system_instance_type is "{machine}", which is not known', remedy=remedy)
    if known.accelerator or known.architecture not in (None, "amd64"):
        remedy = f"Write an x86 type without accelerators, such as {_SYSTEM_TYPE[args.platform]}."
        raise ArgumentError(f'system_instance_type is "{machine}"', remedy=remedy)
    return System(machine, least, whole_number("system_nodes.expected", expected, least, most, "nodes"), most)


def _public(cidrs: list[str] | None) -> tuple[str, ...]:
    for cidr in cidrs or ():
        try:
            network = ipaddress.ip_network(cidr)
        except ValueError:
            remedy = "Write networks such as 203.0.113.0/24."
            raise ArgumentError(f'public_access_cidrs has "{cidr}"', remedy=remedy) from None
        if network.prefixlen < 8:
            remedy = "Write the networks of your offices or runners, of /8 or smaller; leave it out for none."
            raise ArgumentError(f'public_access_cidrs has "{cidr}", a large part of the internet', remedy=remedy)
    return tuple(cidrs or ())


def _log_days(asked: int | None) -> int:
    days = whole_number("log_retention_days", 30 if asked is None else asked, LOG_DAYS[0], LOG_DAYS[-1], "days")
    if days not in LOG_DAYS:
        listed = ", ".join(str(one) for one in LOG_DAYS)
        raise ArgumentError(
            f"log_retention_days is {days}", remedy=f"Write one of {listed}: CloudWatch takes no other."
        )
    return days


def _project(asked: str | None) -> str:
    from os import environ

    found = asked or pulumi.Config("gcp").get("project") or environ.get("GOOGLE_PROJECT")
    if found is None:
        raise ArgumentError("project is not known", remedy="Write project=…, or set gcp:project in the configuration.")
    return found


def _notes(whole: Whole, needs: Mapping[str, Need]) -> tuple[str, ...]:
    notes = []
    empty = [pool for pool, need in needs.items() if not sum(group.expected for group in need.groups)]
    if empty:
        told = f"expected counts no nodes of {', '.join(empty)}, as it starts empty: say how many with nodes.expected"
        notes.append(told)
    if whole.args.platform == "eks":
        notes.append("the audit log is billed by the GiB, and has no line here without a usage file")
        notes.append("pools change their size with the Cluster Autoscaler: without it each stays at its expected size")
    if whole.args.usage_dataset is not None:
        notes.append("the usage export is billed as storage of BigQuery, and has no line here")
    return tuple(notes)
