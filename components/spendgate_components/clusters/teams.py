"""What each team may use of a cluster: a namespace with a ResourceQuota, and with Kueue a queue beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spendgate_components.child import Child
from spendgate_components.clusters.model import QUOTAS, TeamQuota, Whole
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.pools.model import Need
from spendgate_components.spelling import kubernetes_labels

KUEUE: Final = "kueue.x-k8s.io/v1beta2"
PROVIDER: Final = "kubernetes"

_TEAM = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


_NO_LIMIT: Final = {"cpu": "1M", "memory": "1Pi"}
"""Kueue admits no work that asks for what a queue does not name; these are bounded by the nodes of the accelerators."""


def quotas(whole: Whole, needs: Mapping[str, Need], own_provider: bool) -> tuple[Child, ...]:
    """The provider, and each team's namespace and quota. Raises ArgumentError."""
    how = one_of("quota", whole.args.quota or QUOTAS[0], QUOTAS)
    pools = {pool: _capacity(need) for pool, need in needs.items()}
    teams = {team: _checked(team, asked, pools, how) for team, asked in (whole.args.teams or {}).items()}
    if how == "kueue":
        _shared_out(teams, pools)
    provider, first = (PROVIDER, ()) if own_provider else (None, ("cluster",))
    made = [child for team, quota in teams.items() for child in _namespace(whole, needs, pools, team, quota)]
    if how == "kueue":
        made += [_flavor(whole, pool, need) for pool, need in needs.items()]
        made += [child for team, quota in teams.items() for child in _queues(whole, needs, pools, team, quota)]
    placed = [replace(child, provider=provider, after=(*first, *child.after)) for child in made]
    return (*([_provider(whole)] if own_provider else []), *placed)


def _of_team(tags: Mapping[str, str], team: str) -> dict[str, str]:
    """The cluster's tags as a team's own: the team pays for what runs in its namespace."""
    return {**tags, "team": team}


def _checked(team: str, asked: TeamQuota, pools: Mapping[str, int], quota: str) -> TeamQuota:
    """A team's quota with its defaults. ``pools``: the accelerators of each at its largest. Raises ArgumentError."""
    path = f"teams.{team}"
    if not _TEAM.fullmatch(team) or team.startswith("kube-") or team == "default":
        remedy = "Write lower-case letters, digits and hyphens, up to 40: it names a namespace."
        raise ArgumentError(f'teams has the name "{team}"', remedy=remedy)
    there = sum(pools.values())
    own = whole_number(f"{path}.accelerators", asked.accelerators, 0, there, "accelerators")
    for word in ("borrow", "by_pool"):
        if getattr(asked, word) is not None and quota != "kueue":
            raise ArgumentError(f"{path}.{word} is for kueue", remedy='Write quota="kueue", or leave it out.')
    borrow = whole_number(f"{path}.borrow", 0 if asked.borrow is None else asked.borrow, 0, there, "accelerators")
    for word in ("cpu", "memory_gib"):
        value = getattr(asked, word)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0):
            raise ArgumentError(f"{path}.{word} is {value!r}", remedy="Write a number above 0, or leave it out.")
    shares = _by_pool(path, own, asked.by_pool, pools) if quota == "kueue" else None
    return replace(asked, accelerators=own, borrow=borrow, by_pool=shares)


def _by_pool(path: str, own: int, asked: Mapping[str, int] | None, pools: Mapping[str, int]) -> dict[str, int]:
    if asked is None and len(pools) == 1:
        return dict.fromkeys(pools, own)
    example = ", ".join(f'"{pool}": …' for pool in pools)
    remedy = f"Write by_pool={{{example}}}, which adds up to {own}: Kueue holds quotas by pool."
    if asked is None:
        raise ArgumentError(f"{path}.by_pool is missing, and there are several pools", remedy=remedy)
    for pool in asked:
        one_of(f"a pool of {path}.by_pool", pool, tuple(pools))
    shares = {
        pool: whole_number(f"{path}.by_pool.{pool}", asked.get(pool, 0), 0, most, "accelerators")
        for pool, most in pools.items()
    }
    if sum(shares.values()) != own:
        raise ArgumentError(f"{path}.by_pool adds up to {sum(shares.values())}, accelerators is {own}", remedy=remedy)
    return shares


def _capacity(need: Need) -> int:
    return sum(group.max for group in need.groups) * int(need.choice.accelerator.count)


def _shared_out(teams: Mapping[str, TeamQuota], pools: Mapping[str, int]) -> None:
    """That what is promised to teams is there."""
    for pool, capacity in pools.items():
        promised = sum((quota.by_pool or {}).get(pool, 0) for quota in teams.values())
        if promised > capacity:
            remedy = f"Share out at most {capacity}, and let teams borrow what is idle: borrow=…"
            raise ArgumentError(
                f"teams have {promised} accelerators of the pool {pool}, it has {capacity}", remedy=remedy
            )


def _borrowed(quota: TeamQuota, pools: Mapping[str, int]) -> dict[str, int]:
    """What a team may have of each pool beyond its own."""
    return {pool: min(quota.borrow or 0, most - (quota.by_pool or {}).get(pool, 0)) for pool, most in pools.items()}


def _resources(needs: Mapping[str, Need]) -> list[str]:
    return list(dict.fromkeys(need.choice.resource for need in needs.values()))


def _provider(whole: Whole) -> Child:
    import pulumi_kubernetes

    if whole.args.platform == "eks":
        from spendgate_components.clusters.eks import kubeconfig
    else:
        from spendgate_components.clusters.gke import kubeconfig
    # What lies in the cluster goes with it: nothing has to be reached to delete it.
    inputs = {"kubeconfig": kubeconfig(whole), "deleteUnreachable": True}
    return Child(PROVIDER, pulumi_kubernetes.Provider, inputs, keeps=(("kubeconfig",),), after=("system-nodes",))


def _namespace(
    whole: Whole, needs: Mapping[str, Need], pools: Mapping[str, int], team: str, quota: TeamQuota
) -> tuple[Child, ...]:
    from pulumi_kubernetes.core.v1 import Namespace, ResourceQuota

    labels = kubernetes_labels(_of_team(whole.tags, team))
    most = quota.accelerators + sum(_borrowed(quota, pools).values())
    hard = {f"requests.{resource}": str(most) for resource in _resources(needs)}
    if quota.cpu is not None:
        hard["requests.cpu"] = f"{quota.cpu:g}"
    if quota.memory_gib is not None:
        hard["requests.memory"] = f"{quota.memory_gib:g}Gi"
    tagged_at: dict[tuple[str, ...], Any] = {("metadata", "labels"): labels}
    space = {"metadata": {"name": team, "labels": labels}}
    bound = {"metadata": {"name": "accelerators", "namespace": team, "labels": labels}, "spec": {"hard": hard}}
    key = f"team-{team}-namespace"
    return (
        Child(key, Namespace, space, keeps=(("metadata", "name"),), tagged_at=tagged_at),
        Child(
            f"team-{team}-quota",
            ResourceQuota,
            bound,
            keeps=(("metadata", "namespace"), ("spec", "hard")),
            tagged_at=tagged_at,
            after=(key,),
        ),
    )


def _flavor(whole: Whole, pool: str, need: Need) -> Child:
    spec: dict[str, Any] = {"nodeLabels": {"spendgate.dev/pool": pool}}
    if need.taint:
        spec["tolerations"] = [{"key": need.choice.resource, "operator": "Exists", "effect": "NoSchedule"}]
    labels = kubernetes_labels(whole.tags)
    return _custom(f"{pool}-flavor", "ResourceFlavor", {"name": pool, "labels": labels}, spec, ("nodeLabels",))


def _queues(
    whole: Whole, needs: Mapping[str, Need], pools: Mapping[str, int], team: str, quota: TeamQuota
) -> tuple[Child, ...]:
    labels = kubernetes_labels(_of_team(whole.tags, team))
    borrowed = _borrowed(quota, pools)
    resources = _resources(needs)

    def flavor(pool: str) -> dict[str, Any]:
        own = {"nominalQuota": str((quota.by_pool or {}).get(pool, 0)), "borrowingLimit": str(borrowed[pool])}
        none = {"nominalQuota": "0", "borrowingLimit": "0"}
        accelerators = [{"name": one, **(own if needs[pool].choice.resource == one else none)} for one in resources]
        unbound = [{"name": name, "nominalQuota": amount} for name, amount in _NO_LIMIT.items()]
        return {"name": pool, "resources": [*unbound, *accelerators]}

    spec: dict[str, Any] = {
        "cohortName": whole.cluster_name,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": team}},
        "resourceGroups": [{"coveredResources": [*_NO_LIMIT, *resources], "flavors": [flavor(pool) for pool in needs]}],
        # A team gets back what is its own from those who borrowed it.
        "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
    }
    key = f"team-{team}-queue"
    queue = _custom(
        key,
        "ClusterQueue",
        {"name": team, "labels": labels},
        spec,
        ("resourceGroups", "namespaceSelector"),
        after=tuple(f"{pool}-flavor" for pool in needs),
    )
    local = _custom(
        f"team-{team}-local-queue",
        "LocalQueue",
        {"name": team, "namespace": team, "labels": labels},
        {"clusterQueue": team},
        ("clusterQueue",),
        after=(key, f"team-{team}-namespace"),
    )
    return queue, local


def _custom(
    key: str,
    kind: str,
    metadata: dict[str, Any],
    spec: dict[str, Any],
    kept: tuple[str, ...],
    after: tuple[str, ...] = (),
) -> Child:
    from pulumi_kubernetes.apiextensions import CustomResource

    keeps = (
        *(("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")),
        *(("spec", name) for name in kept),
    )
    inputs = {"apiVersion": KUEUE, "kind": kind, "metadata": metadata, "spec": spec}
    tagged_at: dict[tuple[str, ...], Any] = {("metadata", "labels"): metadata["labels"]}
    return Child(key, CustomResource, inputs, keeps, tagged_at=tagged_at, after=after)
