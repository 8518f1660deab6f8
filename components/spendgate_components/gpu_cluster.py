"""``GpuCluster``: a managed cluster with a system pool, GPU pools by need, and a quota for each team, on EKS or GKE."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Of, Transform, within
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
from spendgate_components.gpu_node_pool import MOST_NODES, GpuNodePoolArgs, Need, Nodes, needed, pool_children
from spendgate_components.tags import WorkloadTags, ticket

PLATFORMS: Final = ("eks", "gke")
QUOTAS: Final = ("resource-quota", "kueue")
LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90)
"""Days that logs may be kept: those that CloudWatch Logs takes (PutRetentionPolicy), up to the guardrail's 90."""

_POOL = re.compile(r"[a-z][a-z0-9-]{0,19}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
_VERSION = re.compile(r"1\.[0-9]{2}")
_SYSTEM_TYPE: Final = {"eks": "m6i.large", "gke": "e2-standard-2"}


@dataclass(frozen=True)
class ClusterPool:
    """A pool of nodes with accelerators, by need; as the arguments of a GpuNodePool."""

    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB, H100."""
    nodes: Nodes
    """How many nodes there are."""
    per_node: int | None = None
    """Accelerators on one node, 1 to 16. Default: 1."""
    spot: bool | None = None
    """Whether nodes are spot capacity. Default: outside production."""
    on_demand_nodes: int | None = None
    """With spot, how many nodes are never spot, 0 to the most that there may be. Default: 0."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    min_vcpu: float | None = None
    """vCPUs that a node has at least, above 0."""
    min_memory_gib: float | None = None
    """Memory that a node has at least, in GiB, above 0."""
    disk_gib: int | None = None
    """The encrypted disk of a node, 20 to 16384 GiB. Default: 100."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """EKS: the subnets of the nodes; of one zone where nodes train together. Default: those of the cluster."""
    zone: str | None = None
    """GKE: the zone of the nodes. Default: that of the cluster."""
    labels: dict[str, str] | None = None
    """More labels of the nodes."""
    taint: bool | None = None
    """Whether only pods that tolerate the accelerator's taint run here. Default: true."""
    install_driver: bool | None = None
    """GKE: whether Google installs the GPU's driver. Default: true."""

    def __post_init__(self) -> None:
        given: Any = self.nodes
        if isinstance(given, (tuple, list)):
            object.__setattr__(self, "nodes", Nodes.from_sequence(given))


@dataclass(frozen=True)
class TeamQuota:
    """What one team may use of the cluster at the same time, in a namespace of its own."""

    accelerators: int
    """Accelerators, 0 to as many as the pools have at their largest."""
    by_pool: dict[str, int] | None = None
    """Kueue with several pools: how many of them are of which pool; together they are the accelerators."""
    borrow: int | None = None
    """Kueue: accelerators of each pool that it may use beyond its own while other teams leave them idle, 0 to as many
    as there are. Default: 0."""
    cpu: float | None = None
    """vCPUs that its pods may ask for, above 0. Default: no limit."""
    memory_gib: float | None = None
    """GiB that its pods may ask for, above 0. Default: no limit."""


@dataclass(frozen=True)
class GpuClusterArgs:
    """Arguments of a GpuCluster."""

    tags: WorkloadTags
    """Who pays, for what."""
    platform: str
    """eks or gke."""
    pools: dict[str, ClusterPool]
    """The pools with accelerators by name: lower-case letters, digits and hyphens, up to 20."""
    cluster_name: str | None = None
    """The cluster's name in the cloud: lower-case letters, digits and hyphens, 2 to 24. Default: the component's."""
    version: str | None = None
    """The version of Kubernetes, such as 1.33. Default: the provider's; on GKE that of the release channel."""
    region: str | None = None
    """EKS: the region. Default: that of the stack's configuration."""
    location: str | None = None
    """GKE: a region or a zone. Default: that of the stack's configuration."""
    zone: str | None = None
    """GKE: the one zone of the nodes, where the location is a region."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """EKS: the subnets of the cluster, at least two, in two zones."""
    network: pulumi.Input[str] | None = None
    """GKE: the network. Default: that called default."""
    subnetwork: pulumi.Input[str] | None = None
    """GKE: the subnetwork. Default: that of the network in the region."""
    project: str | None = None
    """GKE: the project. Default: that of the stack's configuration."""
    system_instance_type: str | None = None
    """The machine of the system pool. Default: m6i.large, e2-standard-2."""
    system_nodes: Nodes | None = None
    """Nodes of the system pool, at least one. Default: 1 to 2; in production 2 to 3."""
    public_access_cidrs: list[str] | None = None
    """Networks that reach the control plane over the internet, such as 203.0.113.0/24. Default: none, it is private."""
    kms_key: pulumi.Input[str] | None = None
    """A key of yours for the secrets: its ARN, or its name on Google Cloud. Default: the provider's own key."""
    log_retention_days: int | None = None
    """EKS: days that the control plane's audit log is kept: 1, 3, 5, 7, 14, 30, 60 or 90. Default: 30."""
    usage_dataset: pulumi.Input[str] | None = None
    """GKE: a dataset of BigQuery for what each namespace uses. Default: none; the cost allocation is on either way."""
    teams: dict[str, TeamQuota] | None = None
    """Quotas by team; each gets a namespace of that name: lower-case letters, digits and hyphens, up to 40."""
    quota: str | None = None
    """How quotas are held: resource-quota (default), or kueue, which queues what is beyond them."""
    max_monthly_cost: float | None = None
    """US dollars, from 0. A cluster that may cost more, with all pools at their largest for 730 hours, is refused
    without an approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and limits stay."""


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


@dataclass(frozen=True)
class System:
    """The pool without accelerators, which runs what the cluster itself needs."""

    machine: str
    min: int
    expected: int
    max: int


@dataclass(frozen=True)
class Whole:
    """What a cluster is, with every default filled in: what each platform makes its children from."""

    name: str
    args: GpuClusterArgs
    cluster_name: str
    place: str
    region: str
    tags: dict[str, str]
    system: System
    public: tuple[str, ...]
    log_days: int
    project: str | None = None


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
