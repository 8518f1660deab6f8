"""Workload facts: what a resource *is*, independent of its cloud."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Resource

ITEM: Final = "item:"
"""What ``billed_as`` starts with where it names an item of the catalogue, not a type."""


class Kind(StrEnum):
    """What a resource is."""

    COMPUTE = "compute"
    NODE_POOL = "node_pool"
    TRAINING_JOB = "training_job"
    ENDPOINT = "endpoint"
    NOTEBOOK = "notebook"
    BUCKET = "bucket"
    VOLUME = "volume"
    SNAPSHOT = "snapshot"
    DATABASE = "database"
    NETWORK = "network"
    TEMPLATE = "template"
    WORKLOAD = "workload"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Count:
    """How many instances: min, expected and max. ``max`` is None where nothing bounds it."""

    min: float
    expected: float
    max: float | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When it runs: ``hours_per_week`` of 168, and where that is said (a cron line, a resource policy, a tag)."""

    hours_per_week: float
    declared_by: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Object lifecycle of a bucket, in days; a rule that is not declared is None."""

    expiration_days: float | None = None
    transition_days: float | None = None
    noncurrent_expiration_days: float | None = None
    abort_incomplete_upload_days: float | None = None


@dataclass(frozen=True)  # without slots: what is not declared takes neither time nor room
class Facts:
    """Facts of one resource. None means: not declared. A field named in ``unknowns`` is None as well, and means
    neither.

    Units: memory and sizes in GiB, runtimes in hours, idle shutdown in minutes, retention in days, throughput in MiB a
    second. ``count`` is of instances; ``accelerator.count`` is per instance. ``spot_share`` is the share of spot among
    the instances above ``on_demand_base``, which counts instances that are never spot. Where instance types or parts
    differ, ``accelerator``, ``vcpu`` and ``memory_gib`` are those of the one with the most accelerator memory,
    ``accelerator_models`` lists every model that may appear, and ``count`` of differing parts is in instances of that
    one: times ``accelerator.count`` it is the number of accelerators of all parts.

    ``cpu_request`` and its like are sums over the containers of one pod; a sum to which not every container adds is not
    declared. ``versions_kept`` are old versions of an object, ``replicated_to`` the regions that its data is copied to,
    ``role`` the identity that its machines run as, ``permissions`` the names of managed policies and roles that it
    carries or grants, and the actions that a policy of its own allows without a condition, ``images`` what it runs,
    ``machine_tag_keys`` the tags that a group hands down to the machines it starts, where its own stay with it.
    ``data_regions`` are the regions of the buckets and file systems of the same stack that compute reads or writes, by
    the name of each; None where it names none.
    ``public``: reachable from the internet, or readable by everyone.
    ``checkpointing``: interrupted work goes on from where it was. ``accelerator_limit`` is how many accelerators it
    lets others start or use (a quota, the bounds of what starts nodes).

    ``unknowns`` maps a fact's path (``instance_type``, ``tags.team``, ``accelerator``) to the property path and reason
    in words. ``tags`` hold labels as well, with the provider's default tags merged in. ``defaults`` names fields that
    hold the provider's documented default.
    """

    kind: Kind
    provider: str
    region: str | None = None
    zones: tuple[str, ...] = ()
    instance_type: str | None = None
    instance_types: tuple[str, ...] = ()
    accelerator: Accelerator | None = None
    accelerator_models: tuple[str, ...] = ()
    vcpu: float | None = None
    memory_gib: float | None = None
    count: Count | None = None
    purchase: Purchase | None = None
    spot_share: float | None = None
    on_demand_base: float | None = None
    max_runtime_hours: float | None = None
    idle_shutdown_minutes: float | None = None
    schedule: Schedule | None = None
    lifecycle: Lifecycle | None = None
    retention_days: float | None = None
    encrypted: bool | None = None
    attached: bool | None = None
    size_gib: float | None = None
    storage_class: str | None = None
    runs_per_month: float | None = None
    iops: float | None = None
    throughput_mibps: float | None = None
    versioning: bool | None = None
    versions_kept: float | None = None
    deletion_protection: bool | None = None
    replicated_to: tuple[str, ...] = ()
    data_regions: Mapping[str, str] | None = None
    checkpointing: bool | None = None
    public: bool | None = None
    role: str | None = None
    permissions: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    machine_tag_keys: tuple[str, ...] = ()
    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request_gib: float | None = None
    memory_limit_gib: float | None = None
    accelerator_limit: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    taggable: bool = False
    unknowns: Mapping[str, str] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()


def facts_with(kind: Kind, provider: str, values: Mapping[str, Any]) -> Facts:
    """Facts with these fields, the others by default; ``tags`` and ``unknowns`` are among them.

    The constructor sets all fields one by one, and there are many resources; this sets those that are declared.
    """
    facts = object.__new__(Facts)
    declared = facts.__dict__
    declared.update(kind=kind, provider=provider, tags={}, unknowns={})
    declared.update(values)
    return facts


@dataclass(frozen=True, slots=True)
class Part:
    """One of several things that a resource consists of and that is billed for itself: a variant, a pool, a disk.

    ``billed_as`` is the resource type that has the same price, where it is not the resource's own, or the catalogue's
    item (``item:eks.control_plane``); ``item:`` alone where ``unknowns`` says why ``item`` is not known.
    """

    name: str
    facts: Facts
    billed_as: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A resource with its facts; ``mapped`` is False for a type that no mapping table knows (listed, never dropped).

    ``derived``, where it is set, is the same for those whose facts were derived at once: they and the parts are alike
    but for the tags. A changed copy has none.
    """

    resource: Resource
    facts: Facts
    mapped: bool = True
    parts: tuple[Part, ...] = ()
    derived: Hashable = field(default=None, init=False, compare=False, repr=False)


def derived_workload(resource: Resource, facts: Facts, parts: tuple[Part, ...], derived: Hashable) -> Workload:
    """A workload with what tells that others were derived with it."""
    workload = Workload(resource, facts, True, parts)
    object.__setattr__(workload, "derived", derived)
    return workload
