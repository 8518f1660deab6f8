"""Other ways to have the same: altered facts of one workload that are equivalent in model, memory and count.

Nothing here knows a guardrail or decides what is worth it; ``savings`` prices these and asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from spendgate.estimate.compute import region_of, unknown
from spendgate.facts.model import Count, Facts, Kind, Schedule, Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import InstanceType, Purchase
from spendgate.prices.naming import PROVIDERS, group_of

OFFICE_HOURS: Final = 50.0
"""Hours of a week that a development machine is wanted: ten on each of five days. A choice, said with every figure."""

PRODUCTION: Final = frozenset({"", "production", "prod"})
"""Environments whose machines are not switched off at night (an unnamed one may be any)."""

CHECKPOINTING: Final = "checkpointing"
"""The tag that says that work writes checkpoints and resumes from them."""

_MACHINES = frozenset({Kind.COMPUTE, Kind.NODE_POOL, Kind.TRAINING_JOB, Kind.ENDPOINT, Kind.NOTEBOOK})
_NOT_SET = frozenset({"", "false", "no", "none", "off", "0"})
_AWS_TYPE = re.compile(r"(?:ml\.)?([a-z]+)(\d+)([a-z]*)(-[a-z]+)?\.(.+)")
_GCP_TYPE = re.compile(r"([a-z])(\d+)([a-z]*)-(.+)")
_AZURE_TYPE = re.compile(r"Standard_[A-Z]+\d+(?:-\d+)?([a-z]*)_(.+)")
_PROCESSORS = frozenset("aig")
"""Letters of an AWS family that name the processor (AMD, Intel, Graviton); others name what the type has more of."""
_ENOUGH = 0.95
"""Marketed sizes differ by a little between generations (30 and 32 GiB)."""


class Way(StrEnum):
    """How an alternative saves."""

    REGION = "region"
    INSTANCE_TYPE = "instance_type"
    SPOT = "spot"
    RESERVED = "reserved"
    SCHEDULE = "schedule"
    SCALE_TO_ZERO = "scale_to_zero"
    STORAGE_CLASS = "storage_class"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Facts of the same workload had in another way: what changes and what that risks, in words, and which facts
    ``alters`` names. ``assumes`` is what the amount rests on beyond the price; ``far`` is set for a region in another
    part of the world."""

    way: Way
    facts: Facts
    change: str
    risk: str
    alters: frozenset[str]
    assumes: tuple[str, ...] = ()
    far: bool = False


def alternatives(workload: Workload, catalogue: Catalogue, environment: str) -> Iterator[Alternative]:
    """Every equivalent way of one workload, in no order of worth. None for what is not understood well enough: several
    machines in one resource, facts that are known only after apply, pods (their nodes are what costs)."""
    facts = workload.facts
    if facts.provider not in PROVIDERS or any(_open(facts, name) for name in ("region", "count", "purchase")):
        return
    if facts.kind is Kind.VOLUME:
        yield from _storage_class(facts)
    if facts.kind not in _MACHINES or sum(1 for part in workload.parts if not part.billed_as) > 1:
        return
    if any(_open(facts, name) for name in ("instance_type", "instance_types", "accelerator", "schedule")):
        return
    yield from _purchases(facts)
    yield from _hours(facts, environment)
    types = _types(facts)
    if len(types) == 1:
        yield from _instance_types(facts, types[0], catalogue)
    if types:
        yield from _regions(facts, catalogue, beside=any(part.billed_as for part in workload.parts))


def equivalents(catalogue: Catalogue, provider: str, name: str) -> tuple[InstanceType, ...]:
    """Instance types that have all that one type has: the same accelerators (model, memory, kind, count), the same CPU
    architecture, no fewer vCPUs and no less memory, and every extra that the name of the type states (network, local
    disks, RDMA). Without accelerators, also the same class and no older generation: there the processor does the work.
    """
    own = catalogue.instance(provider, name)
    if own is None or own.vcpu is None or own.memory_gib is None:
        return ()
    prefix = "ml." if provider == "aws" and name.startswith("ml.") else ""
    found = []
    for other in _candidates(catalogue, provider, own, name.removeprefix(prefix)):
        known = catalogue.instance(provider, prefix + other)
        if known is not None and known.name != own.name and _has_all(provider, own, known):
            found.append(known)
    return tuple(found)


def _candidates(catalogue: Catalogue, provider: str, own: InstanceType, name: str) -> Iterator[str]:
    store = catalogue.store
    if own.accelerator is None:
        group = group_of(provider, name) or ""
        groups = [
            item for item in store.groups(provider) if item == group or (provider == "gcp" and item[0] == group[0])
        ]
        for item in groups:
            yield from (other for other, row in store.instances(provider, item).items() if not row.get("accelerator"))
        return
    for item in store.groups(provider):
        rows = store.instances(provider, item).items()
        yield from (other for other, row in rows if row.get("accelerator") == own.accelerator.model)


def _has_all(provider: str, own: InstanceType, other: InstanceType) -> bool:
    if other.vcpu is None or other.memory_gib is None or own.vcpu is None or own.memory_gib is None:
        return False
    return (
        own.accelerator == other.accelerator
        and own.architecture == other.architecture
        and other.vcpu >= own.vcpu * _ENOUGH
        and other.memory_gib >= own.memory_gib * _ENOUGH
        and _extras(provider, own, other)
    )


def _extras(provider: str, own: InstanceType, other: InstanceType) -> bool:
    """Whether the other type's name promises no less than the own one's."""
    if provider == "aws":
        mine, theirs = _AWS_TYPE.fullmatch(own.name), _AWS_TYPE.fullmatch(other.name)
        if mine is None or theirs is None or ("metal" in mine[5]) != ("metal" in theirs[5]) or mine[4] != theirs[4]:
            return False
        extra, offered = set(mine[3]) - _PROCESSORS, set(theirs[3]) - _PROCESSORS
        if own.accelerator is None:
            return mine[1] == theirs[1] and extra == offered and int(theirs[2]) >= int(mine[2])
        return extra <= offered
    if provider == "gcp":
        if own.accelerator is not None:
            return True
        mine, theirs = _GCP_TYPE.fullmatch(own.name), _GCP_TYPE.fullmatch(other.name)
        same = mine is not None and theirs is not None and mine[1] == theirs[1] and mine[4] == theirs[4]
        return same and int(theirs[2]) >= int(mine[2]) if mine and theirs else False
    mine, theirs = _AZURE_TYPE.fullmatch(own.name), _AZURE_TYPE.fullmatch(other.name)
    if mine is None or theirs is None or "Promo" in theirs[2]:
        return False
    return set(mine[1]) - {"a", "i"} <= set(theirs[1])


def _instance_types(facts: Facts, name: str, catalogue: Catalogue) -> Iterator[Alternative]:
    own = catalogue.instance(facts.provider, name)
    if own is None or (own.accelerator is None and facts.accelerator is not None):
        return  # an accelerator that is attached to this machine may not fit another
    for other in equivalents(catalogue, facts.provider, name):
        yield Alternative(
            Way.INSTANCE_TYPE,
            replace(
                facts,
                instance_type=other.name,
                instance_types=(other.name,) if facts.instance_types else (),
                vcpu=other.vcpu,
                memory_gib=other.memory_gib,
                defaults=facts.defaults - {"instance_type", "instance_types"},
            ),
            f"{other.name} instead of {name}",
            f"another host ({other.vcpu:g} vCPU, {other.memory_gib:g} GiB, where {name} has {own.vcpu:g} and "
            f"{own.memory_gib:g}): disks and network may differ, so test it; quotas are by type",
            frozenset({"instance_type", "instance_types", "vcpu", "memory_gib"}),
        )


def _regions(facts: Facts, catalogue: Catalogue, *, beside: bool) -> Iterator[Alternative]:
    here = region_of(facts, catalogue)
    if here is None:
        return
    for region in catalogue.regions(facts.provider):
        if region == here:
            continue
        far = _part_of_the_world(facts.provider, region) != _part_of_the_world(facts.provider, here)
        where = "another part of the world: ask whether the data may go there, and " if far else ""
        yield Alternative(
            Way.REGION,
            replace(facts, region=region, zones=tuple(zone.replace(here, region) for zone in facts.zones)),
            f"{region} instead of {here}",
            f"{where}data that stays in {here} is read across regions (egress is billed, and it takes longer); what it "
            "is attached to has to move as well; capacity and quotas are by region",
            frozenset({"region", "zones"}),
            ("its disks are counted at their present price",) if beside else (),
            far=far,
        )


def _part_of_the_world(provider: str, region: str) -> str:
    """What the first part of a region's name says (us, eu, europe); for Azure the name itself, which says none."""
    return region if provider == "azure" else region.partition("-")[0]


def _purchases(facts: Facts) -> Iterator[Alternative]:
    if facts.purchase not in (None, Purchase.ON_DEMAND) or facts.spot_share is not None:
        return
    saved = facts.tags.get(CHECKPOINTING, "").strip().lower() not in _NOT_SET
    if facts.kind is Kind.TRAINING_JOB or (saved and facts.kind in (Kind.COMPUTE, Kind.NODE_POOL)):
        resumes = "it resumes from its checkpoints" if saved else "no checkpoints are declared, so a run starts again"
        yield Alternative(
            Way.SPOT,
            replace(facts, purchase=Purchase.SPOT),
            "spot instead of on-demand",
            f"it may be interrupted at any time: {resumes}; there may be no capacity, and the price moves "
            "(at most up to on-demand)",
            frozenset({"purchase"}),
        )
    count = facts.count
    steady = count is None or count.min == count.expected == count.max
    always = facts.schedule is None and facts.max_runtime_hours is None
    if steady and always and facts.kind is not Kind.TRAINING_JOB:
        yield Alternative(
            Way.RESERVED,
            replace(facts, purchase=Purchase.RESERVED),
            "reserved instead of on-demand",
            "a commitment for the term that the price names: it is paid whether it is used or not",
            frozenset({"purchase"}),
        )


def _hours(facts: Facts, environment: str) -> Iterator[Alternative]:
    """Off at night and at weekends, outside production."""
    if environment.lower() in PRODUCTION or facts.schedule is not None or facts.max_runtime_hours is not None:
        return
    assumes = (f"wanted {OFFICE_HOURS:g} of 168 h a week (ten hours on five days)",)
    office = Schedule(OFFICE_HOURS, "the proposed office hours")
    if facts.kind in (Kind.NOTEBOOK, Kind.COMPUTE, Kind.NODE_POOL):
        yield Alternative(
            Way.SCHEDULE,
            replace(facts, schedule=office),
            f"a schedule of {OFFICE_HOURS:g} h a week instead of always on",
            "it is not there at night and at weekends: work that runs on has to be able to stop and resume",
            frozenset({"schedule"}),
            assumes,
        )
    if facts.kind is Kind.ENDPOINT and facts.count is not None and facts.count.min > 0:
        yield Alternative(
            Way.SCALE_TO_ZERO,
            replace(facts, schedule=office, count=Count(0, facts.count.expected, facts.count.max)),
            "scale to zero without requests",
            "the first answer after a pause waits for an instance to start (minutes for a large model); not every kind "
            "of endpoint can",
            frozenset({"schedule", "count"}),
            assumes,
        )


def _storage_class(facts: Facts) -> Iterator[Alternative]:
    if facts.provider == "aws" and (facts.storage_class or "").lower() == "gp2" and facts.size_gib is not None:
        yield Alternative(
            Way.STORAGE_CLASS,
            replace(facts, storage_class="gp3", defaults=facts.defaults - {"storage_class"}),
            "gp3 instead of gp2",
            "none to the data: the class is changed in place; IOPS above 3,000 and throughput above 125 MiB/s have to "
            "be asked for, and are counted here",
            frozenset({"storage_class"}),
        )


def _open(facts: Facts, name: str) -> bool:
    return unknown(facts, name) is not None


def _types(facts: Facts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(facts.instance_types or ((facts.instance_type,) if facts.instance_type else ())))
