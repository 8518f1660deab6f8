"""The estimate of a stack: a pure function of its workloads' facts and the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from spendgate.estimate.compute import compute_lines, impossible, impossible_line, stand_in
from spendgate.estimate.discounts import Term, Terms
from spendgate.estimate.disks import while_it_exists
from spendgate.estimate.drivers import drivers_of, drivers_of_model
from spendgate.estimate.items import is_item, item_lines
from spendgate.estimate.kubernetes import pod_lines
from spendgate.estimate.model import EXACT, Cost, CostLine, Driver, Estimate, LineKind, ScenarioCost
from spendgate.estimate.models import model_lines
from spendgate.estimate.reservations import is_reservation, reserved_lines
from spendgate.estimate.running import decimal
from spendgate.estimate.storage import is_storage, moved_lines, network_lines, storage_lines
from spendgate.estimate.usage import BASE, NONE, UNTOLD, Given, Usage, Use, scenario_cautions
from spendgate.facts.model import ITEM, Facts, Kind, Part, Workload
from spendgate.prices.catalogue import Catalogue

_HOURLY = frozenset({Kind.COMPUTE, Kind.NODE_POOL, Kind.TRAINING_JOB, Kind.ENDPOINT, Kind.NOTEBOOK, Kind.DATABASE})
_POD = "pod"
_MILLIONTH = Decimal("0.000001")

_Lines = tuple[CostLine, ...] | None

_but_resource = attrgetter(*(field.name for field in fields(CostLine) if field.name != "resource"))
"""What a line has beside its resource, which stands first."""


class _Payers(NamedTuple):
    """Workloads that pay for others: node pools for pods, reservations for what runs in them."""

    pools: tuple[Workload, ...]
    reservations: tuple[Workload, ...]


def estimate(
    workloads: Sequence[Workload], catalogue: Catalogue, *, usage: Usage = NONE, discounts: Sequence[Term] = ()
) -> Estimate:
    """Cost lines of all workloads, in order of declaration.

    Low, expected and high follow the declared count (min, expected, max), the price (spot: dated figure, same,
    on-demand) and the choice of types. A month has 730 h. ``daily`` is a day's burn: 24 h for what is always on, the
    average day of a schedule, and for a job a day on which it runs. Money is exact; only hours of a schedule (to a
    millionth of an hour) and the hourly share of a monthly price (to 10⁻¹² USD) are rounded.

    ``usage`` says how much is used; its scenarios are estimated beside the file as it stands.
    ``discounts`` are those in force; a line that one of them changes tells its list price.

    Not billed, and so without a line: templates, resources that are only read, types that no mapping table knows.
    What is billed by a use that nobody declared (the bytes in a bucket) is named in the estimate's assumptions.
    """
    found = _estimate(workloads, catalogue, usage, discounts)
    if not usage:
        return found
    scenarios: tuple[ScenarioCost, ...] = ()
    if usage.scenarios:
        scenarios = (ScenarioCost(BASE, found.total, len(found.unpriced)),)
    for scenario in usage.scenarios:
        other = _estimate(workloads, catalogue, usage.under(scenario), discounts)
        scenarios += (ScenarioCost(scenario.name, other.total, len(other.unpriced), scenario.origin),)
    cautions = (*usage.cautions(workloads), *scenario_cautions(usage, workloads))
    return replace(found, scenarios=scenarios, cautions=cautions)


def _estimate(workloads: Sequence[Workload], catalogue: Catalogue, usage: Usage, discounts: Sequence[Term]) -> Estimate:
    mapped = [workload for workload in workloads if workload.mapped]
    payers = _Payers(
        tuple(workload for workload in mapped if workload.facts.kind is Kind.NODE_POOL),
        tuple(workload for workload in mapped if is_reservation(workload.resource.type)),
    )
    shared: dict[Hashable, _Lines] = {}
    lines: list[CostLine] = []
    by_use: Counter[str] = Counter()
    drivers: list[Driver] = []
    terms, used = Terms(discounts), bool(usage)
    for workload in workloads:
        if not workload.mapped or workload.resource.external or not workload.resource.custom:
            continue
        use = usage.of(workload) if used else UNTOLD
        key = (_key(workload), use) if used else _key(workload)
        if key not in shared:
            shared[key] = _lines_of(workload, payers, catalogue, use)
        found = shared[key]
        if found is None:
            by_use[_POD if workload.facts.provider == "kubernetes" else str(workload.facts.kind)] += 1
            continue
        address = workload.resource.address
        own = [CostLine(address, *_but_resource(line)) for line in found]
        busy = use.get("utilisation")
        if busy is not None:
            own = [replace(line, utilisation=busy.value) if line.kind is LineKind.MACHINE else line for line in own]
        if terms:
            own = terms.apply(workload, own)
        lines += own
        if use is not UNTOLD:
            drivers += drivers_of(address, own, use)
    for model in usage.model_uses():
        of_model = model_lines(model, catalogue)
        lines += of_model
        drivers += drivers_of_model(model, of_model)
    return Estimate(tuple(lines), assumptions=_assumptions(by_use), drivers=tuple(drivers))


def cost_of(estimate: Estimate, address: str) -> Cost:
    """The exact sum of one resource's priced lines."""
    return Estimate(tuple(line for line in estimate.lines if line.resource == address)).total


def _lines_of(workload: Workload, payers: _Payers, catalogue: Catalogue, use: Use) -> _Lines:
    """Lines of a workload; where it consists of several parts, those of each of them."""
    type_ = workload.resource.type
    machines = [part for part in workload.parts if not part.billed_as]
    if any(is_item(part.billed_as) and part.facts.kind is workload.facts.kind for part in workload.parts):
        found = None  # that is what it runs on, and all of it
    elif len(machines) < 2:
        found = _lines_of_one(workload.facts, type_, payers, catalogue, use)
    else:
        found = None
        for part in machines:
            lines = _lines_of_one(part.facts, type_, payers, catalogue, _split(use, part, machines))
            if lines is not None:
                told = [replace(line, assumptions=(f"of {part.name}", *line.assumptions)) for line in lines]
                found = (*(found or ()), *told)
    for part in workload.parts:
        if part.billed_as:
            found = (found or ()) + (
                _lines_of_part(part, workload, payers, catalogue, _split(use, part, machines)) or ()
            )
    moved = (
        moved_lines(workload.facts, (type_, *(part.billed_as for part in workload.parts)), catalogue, use)
        if use.given
        else ()
    )
    return (*(found or ()), *moved) if moved else found


def _split(use: Use, part: Part, machines: Sequence[Part]) -> Use:
    """What is said of the whole, for one of several parts: of the instances on average as many as it declares of all;
    none where it is not known how many these are."""
    given = use.get("instances")
    if given is None or len(machines) < 2:
        return use
    counts = [machine.facts.count for machine in machines]
    total = sum((decimal(count.expected) for count in counts if count is not None), Decimal(0))
    if not total or part.facts.count is None or None in counts:
        return use.without("instances")
    mine = (given.value * decimal(part.facts.count.expected) / total).quantize(_MILLIONTH).normalize(EXACT)
    return use.with_figure("instances", Given(mine, f"{given.origin}, split as declared"))


def _lines_of_part(part: Part, workload: Workload, payers: _Payers, catalogue: Catalogue, use: Use) -> _Lines:
    """Lines of a part that is billed beside the machines: a disk, or an item of the catalogue."""
    if not is_item(part.billed_as):
        lines = _lines_of_one(part.facts, part.billed_as, payers, catalogue, use.of_disks(), disk=True)
        return lines and while_it_exists(lines, workload.facts, use)
    wrong = impossible(part.facts)
    if wrong is not None:
        return (impossible_line(part.facts, part.billed_as.removeprefix(ITEM), wrong),)
    alike = part.facts.kind is workload.facts.kind
    found = item_lines(part, catalogue, use if alike else UNTOLD)
    return tuple(replace(line, assumptions=(f"of {part.name}", *line.assumptions)) for line in found)


def _lines_of_one(
    facts: Facts, type_: str, payers: _Payers, catalogue: Catalogue, use: Use, *, disk: bool = False
) -> _Lines:
    if facts.kind is Kind.TEMPLATE:
        return ()
    wrong = impossible(facts)
    if wrong is not None:
        return (impossible_line(facts, facts.instance_type or stand_in(facts), wrong),)
    if is_storage(facts.kind):
        return storage_lines(facts, type_, catalogue, use if disk else use.of_storage())
    if facts.provider == "kubernetes":
        if facts.kind in (Kind.WORKLOAD, Kind.TRAINING_JOB, Kind.COMPUTE, Kind.ENDPOINT):
            return pod_lines(facts, payers.pools, catalogue, use)
        return ()
    if _runs_on_nodes(facts):
        return pod_lines(facts, payers.pools, catalogue, use)
    if facts.kind in _HOURLY or (facts.kind is Kind.WORKLOAD and facts.instance_type):
        return reserved_lines(facts, payers.reservations, catalogue, use) or compute_lines(facts, catalogue, use)
    if facts.kind is Kind.NETWORK:
        return network_lines(facts, type_, catalogue, use)
    return ()


def _runs_on_nodes(facts: Facts) -> bool:
    """Tasks with accelerators on instances, and jobs that leave the model to those: they are paid for, not the work."""
    if facts.accelerator is None or facts.instance_type:
        return False
    unnamed = not facts.accelerator.model and "accelerator.model" not in facts.unknowns
    return facts.kind is Kind.WORKLOAD or (facts.kind is Kind.TRAINING_JOB and unnamed)


def _key(workload: Workload) -> Hashable:
    """All that a line depends on: equal facts share their lines, a stack of 10,000 resources has few different ones."""
    if workload.derived is not None:
        return workload.resource.type, workload.derived
    parts = tuple((part.name, part.billed_as, _key_of(part.facts)) for part in workload.parts)
    return (workload.resource.type, _key_of(workload.facts), parts)


def _key_of(facts: Facts) -> Hashable:
    return (
        facts.kind,
        facts.provider,
        facts.region,
        facts.zones,
        facts.instance_type,
        facts.instance_types,
        facts.accelerator,
        facts.accelerator_models,
        facts.count,
        facts.purchase,
        facts.spot_share,
        facts.on_demand_base,
        facts.max_runtime_hours,
        facts.idle_shutdown_minutes,
        facts.schedule,
        facts.size_gib,
        facts.storage_class,
        facts.iops,
        facts.throughput_mibps,
        facts.runs_per_month,
        facts.cpu_request,
        facts.memory_request_gib,
        facts.defaults,
        tuple(facts.unknowns.items()),
    )


def _assumptions(by_use: Counter[str]) -> tuple[str, ...]:
    told = []
    for kind, count in sorted(by_use.items()):
        if kind == _POD:
            pods = "1 Kubernetes workload asks" if count == 1 else f"{count} Kubernetes workloads ask"
            told.append(f"{pods} for no accelerator: their nodes are paid for, they have no line")
        else:
            things = kind.replace("_", " ") if count == 1 else f"{kind.replace('_', ' ')}s"
            told.append(f"storage of {count} {things} is not estimated: no usage is declared")
    return tuple(told)
