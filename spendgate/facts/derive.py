"""From resources as declared to workload facts, by the mapping tables."""

from __future__ import annotations

import marshal
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from spendgate.facts import conversions, cron, tags
from spendgate.facts.data import with_data
from spendgate.facts.expression import Expression, Joined
from spendgate.facts.hardware import (
    CLOUDS,
    Hardware,
    InstanceCatalogue,
    Requested,
    asked_units,
    attached,
    models_of,
    of_types,
    requested,
)
from spendgate.facts.joins import Index, merged
from spendgate.facts.model import Count, Facts, Kind, Lifecycle, Part, Schedule, Workload, derived_workload, facts_with
from spendgate.facts.outcome import ABSENT, Absent, Known, Outcome, Unclear, wrong_type
from spendgate.facts.parts import ASKED, OF_PARTS, TYPES, united
from spendgate.facts.table import (
    FLAGS,
    LISTS,
    NUMBERS,
    TEXTS,
    CountRow,
    FactRow,
    Mappings,
    PartRow,
    RequestRow,
    Row,
    ScheduleRow,
    load_mappings,
)
from spendgate.prices.model import Purchase
from spendgate.resource import Declaration, Resource

_PROVIDER_TYPE: Final = "pulumi:providers:"
NO_TYPE: Final = "no instance type is declared"
MOST_INSTANCES: Final = 1e9
"""More than any provider has: a slip of the keyboard, or an overflow."""


def facts_of(
    declaration: Declaration,
    catalogue: InstanceCatalogue,
    mappings: Mappings | None = None,
    *,
    whole: bool = True,
    known: Derived | None = None,
) -> tuple[Workload, ...]:
    """Every custom, managed resource with its facts, in order of declaration.

    Components, providers and resources that are only read are no workloads. A type that no table knows gets
    ``mapped=False`` and no facts. Never raises for what a resource declares: what cannot be read is unknown, with
    the property path and the reason. ``mappings`` are the tables that come with spendgate unless given. ``whole`` is
    False for a part of a stack: what the rest may say is unknown then, with the reason ``NOT_THE_WHOLE_STACK``. For
    such parts, ``known`` keeps what was derived between calls.
    """
    tables = mappings if mappings is not None else load_mappings()
    index = Index(declaration.resources, whole=whole)
    known = {} if known is None or whole else known
    workloads = tuple(
        _workload(resource, tables, index, catalogue, known)
        for resource in declaration.resources
        if resource.custom and not resource.external and not resource.type.startswith(_PROVIDER_TYPE)
    )
    return with_data(workloads, tables, index)


def _workload(
    resource: Resource,
    tables: Mappings,
    index: Index,
    catalogue: InstanceCatalogue,
    known: Derived,
) -> Workload:
    """``known`` holds what was derived before; resources that differ in their tags alone are derived once."""
    row = tables.row(resource.type)
    if row is None:
        return Workload(resource, Facts(Kind.OTHER, resource.package), mapped=False)
    key = _rests_on(resource, row, index)
    derivation = known.get(key)
    if derivation is None:
        derivation = _Derivation(resource, row, tables, index, catalogue)
        derivation.derive()
        if key is not None:
            known[key] = derivation
    shared = None if key is None else derivation
    return derived_workload(resource, derivation.facts(resource), tuple(derivation.parts), shared)


_PLAIN: Final = 2
"""The format of marshal without references: what is equal is written alike, however often it is referred to."""


def _rests_on(resource: Resource, row: Row, index: Index) -> Hashable | None:
    """All that the facts of a resource rest on but for its tags; None where that is not told: a value is unknown,
    secret or another resource, or another resource may say more."""
    if row.rests_on is None or (index.whole and not index.alone(row.joined)):
        return None
    read = {name: value for name, value in resource.properties.items() if name in row.rests_on}
    try:
        # Told apart by their bytes, for 1 is not true; nothing but plain data can be written so.
        return row.types[0], _managed_by(resource, index), marshal.dumps(read, _PLAIN)
    except ValueError:
        return None


def _managed_by(resource: Resource, index: Index) -> Hashable:
    """What tells one provider from another: within a stack it is one object; parts of a stack bring one each."""
    if index.whole or resource.provider is None:
        return id(resource.provider)
    return resource.provider.address, marshal.dumps(dict(resource.provider.properties), _PLAIN)


_NOTHING: Final = Hardware()
"""What a disk or a bucket carries; never written to."""


class _Derivation:
    """The facts of one resource, or of a part of the ``whole``; it is the ``Scope`` that expressions read."""

    def __init__(
        self,
        resource: Resource,
        row: Row,
        tables: Mappings,
        index: Index,
        catalogue: InstanceCatalogue,
        whole: _Derivation | None = None,
    ) -> None:
        self.resource = resource
        self.properties: Any = resource.properties
        self.trail = ""
        self.row = row
        self.tables = tables
        self.index = index
        self.catalogue = catalogue
        self.hardware = _NOTHING
        self.kind = Kind.OTHER
        self.values: dict[str, Any] = {}
        self.unknowns: dict[str, str] = {}
        self.defaults: set[str] = set()
        self.parts: list[Part] = []
        self._joined: dict[str, Joined] = whole._joined if whole is not None else {}

    # What expressions read

    def joined(self, name: str) -> Joined:
        if name not in self._joined:
            join = self.row.joins[name]
            if join.via:
                between = self.joined(join.via)
                ours = [self.index.joined(other, join, (other.type,)) for other in between.resources]
                self._joined[name] = merged([Joined(open=between.open), *ours])
            else:
                self._joined[name] = self.index.joined(self.resource, join, self.row.types)
        return self._joined[name]

    def family_types(self, name: str, path: str) -> Outcome:
        provider, catalogue = self.row.provider, self.catalogue
        if catalogue.instance(provider, name) is not None:
            return Known(name, path)
        types = [other for other in catalogue.names(provider) if other.startswith(f"{name}.")]
        return Known([other for other in types if catalogue.instance(provider, other)] or name, path)

    def models_named(self, name: str, path: str) -> Outcome:
        catalogue = self.catalogue
        types = [catalogue.instance(cloud, name) for cloud in CLOUDS]
        types += [catalogue.instance("aws", other) for other in catalogue.names("aws") if other.startswith(f"{name}.")]
        carried = [found.accelerator for found in types if found is not None]
        # Karpenter's "a100" leaves the memory open, GKE's name of it does not: the model is the same.
        labelled = catalogue.gpu_product(name) or catalogue.gpu_product(f"nvidia-tesla-{name}")
        return Known(list(models_of(carried or [labelled])), path)

    def fact(self, name: str) -> Outcome:
        if name in self.hardware.bounds:
            return Known(self.hardware.bounds[name])
        if name in self.hardware.differing:
            return Unclear(self.hardware.differing[name])
        if name in self.hardware.unknowns:
            return Unclear(self.hardware.unknowns[name])
        value = getattr(self.hardware, name, None)
        return ABSENT if value is None else Known(value)

    def zone_region(self, zone: str, path: str) -> Outcome:
        region = self.catalogue.region_of_zone(self.row.provider, zone)
        return Known(region, path) if region else Unclear(f"{path}: is in no region that the catalogue knows")

    def place(self, location: str, path: str) -> Outcome:
        location = location.lower()
        return Known(self.catalogue.region_of_zone(self.row.provider, location) or location, path)

    # The facts

    def derive(self) -> None:
        """All facts but the tags."""
        case, doubt = self._case()
        self.kind = case.kind
        self._region()
        if doubt is None:
            self._all(case)
        else:
            self._none(doubt)
        self.values["taggable"] = self.row.tags is not None

    def facts(self, resource: Resource) -> Facts:
        """What was derived, of this resource or one that differs from it in its tags alone, with its tags."""
        values, unknowns = self.values, self.unknowns
        if self.row.tags is not None:
            found, reasons = tags.merged(self.row.tags, resource, self._inherited(resource))
            values, unknowns = {**values, "tags": found}, {**reasons, **unknowns}
        return _facts(self.kind, self.row.provider, values, unknowns, self.defaults)

    def _inherited(self, resource: Resource) -> tags.Tags:
        """The tags of what it lies in (the namespace); they are not known where that is not."""
        if self.row.inherited is None:
            return {}, {}
        joined = self.index.joined(resource, self.row.inherited, self.row.types)
        if joined.open is not None:
            return {}, {"tags": joined.open.reason}
        inherited: tags.Tags = ({}, {})
        for other in joined.resources:
            row = self.tables.row(other.type)
            if row is not None and row.tags is not None:
                inherited = tags.merged(row.tags, other, inherited)
        return inherited

    def _case(self) -> tuple[FactRow, Unclear | None]:
        doubt: Unclear | None = None
        for when, case in self.row.cases:
            holds = when is None or when(self)
            if isinstance(holds, Unclear):
                doubt = doubt or holds
            elif holds:
                return case, doubt
        return self.row.cases[-1][1], doubt or Unclear("no case of the mapping table fits")

    def _none(self, doubt: Unclear) -> None:
        """Which case it is cannot be told: every fact that any case gives is unknown."""
        self.unknowns["kind"] = doubt.reason
        for _, case in self.row.cases:
            for fact in case.gives:
                self.unknowns[fact] = doubt.reason

    def _region(self) -> None:
        if self.row.region is None:
            return
        found = self.row.region(self)
        if isinstance(found, Absent) and self.row.no_region:
            self.unknowns["region"] = self.row.no_region
        else:
            self._set("region", found, conversions.text)

    def _all(self, case: FactRow) -> None:
        plain = case.plain
        for name in ("instance_type", "instance_types"):
            if name in plain:
                found = plain[name](self)
                empty = isinstance(found, Known) and "" in (
                    found.value if isinstance(found.value, list) else [found.value]
                )
                self._set(name, Unclear(NO_TYPE) if empty else found, _READ[name])
        if case.hardware:
            self._hardware(case)
        for name, expression in plain.items():
            if name not in self.values and name not in self.unknowns and name in _READ:
                self._set(name, expression(self), _READ[name])
        if case.count is not None:
            self._set("count", self._count(case.count), None)
        if case.lifecycle is not None:
            self._lifecycle(case.lifecycle)
        if case.schedule is not None:
            self._set("schedule", self._schedule(case.schedule), None)
        if case.parts:
            self._parts(case)

    def _set(self, name: str, found: Outcome, read: Callable[[Any, str], Outcome] | None) -> None:
        if found is ABSENT:
            return
        default = isinstance(found, Known) and found.default
        if isinstance(found, Known) and read is not None:
            found = read(found.value, found.path)
        if isinstance(found, Known):
            self.values[name] = found.value
            if default:
                self.defaults.add(name)
        elif isinstance(found, Unclear):
            self.unknowns[name] = found.reason

    def _hardware(self, case: FactRow) -> None:
        names = self.values.get("instance_types") or tuple(filter(None, [self.values.get("instance_type")]))
        doubt = self.unknowns.get("instance_types") or (None if names else self.unknowns.get("instance_type"))
        if case.requests is not None:
            names, doubt = (), None  # a pod carries what it asks for, not what the node it names has
        self.hardware = hardware = Hardware()
        if doubt is not None:
            hardware.unclear(doubt)
        elif names:
            self.hardware = hardware = of_types(self.row.provider, names, self.catalogue)
        if case.attached_kinds is not None and case.attached_counts is not None:
            kinds, counts = case.attached_kinds(self), case.attached_counts(self)
            attached(hardware, self.row.provider, _read(kinds, _texts), _read(counts, _numbers), self.catalogue)
        if case.requests is not None:
            self._requested(hardware, case.requests)
        self.unknowns |= hardware.unknowns
        for name in ("accelerator", "vcpu", "memory_gib"):
            value = getattr(hardware, name)
            if value is not None:
                self.values[name] = value
        doubt = self.unknowns.get("accelerator") or self.unknowns.get("accelerator.model")
        if doubt is not None:
            self.unknowns["accelerator_models"] = doubt
        elif hardware.accelerator is not None:
            self.values["accelerator_models"] = hardware.models or models_of([hardware.accelerator])

    def _requested(self, hardware: Hardware, row: RequestRow) -> None:
        """What the pods of one template ask for."""
        devices = self.tables.devices
        units = {name: _read(expression(self), conversions.quantity) for name, expression in row.units.items()}
        if row.containers is not None:
            init = row.init_containers(self) if row.init_containers is not None else []
            units |= asked_units(row.containers(self), init, row.places, devices)
        if units:
            asked = Requested(
                units,
                _read(row.products(self), _texts),
                _read(row.instance_types(self), _texts),
                _read(row.shared_by(self), conversions.number),
                row.unnamed,
            )
            requested(hardware, asked, devices, self.catalogue)

    def _count(self, row: CountRow) -> Outcome:
        """Expected is what is declared as desired, else the minimum."""
        parts: list[Known | None] = []
        for expression in (row.min, row.expected, row.max):
            found = _read(expression(self), conversions.number) if expression is not None else ABSENT
            if isinstance(found, Unclear):
                return found
            parts.append(found if isinstance(found, Known) else None)
        low, expected, high = parts
        stated = expected or low
        if stated is None:
            if high is None:
                return ABSENT
            return Unclear(f"{high.path or 'count'}: only a maximum is declared, the number expected is not")
        least = low.value if low else stated.value
        most = high.value if high else None if row.unbounded else max(stated.value, least)
        if most is not None and most < least:
            return Unclear(f"{stated.path or 'count'}: the maximum {most:g} is below the minimum {least:g}")
        if most is not None and stated.value > most and not row.adjusted:
            asked = f"{stated.value:g} instances are asked for, the maximum is {most:g}"
            return Unclear(f"{stated.path or 'count'}: {asked}: the provider refuses it")
        middle = max(least, stated.value) if most is None else min(max(least, stated.value), most)
        if max(middle, most or 0.0) > MOST_INSTANCES:
            return Unclear(f"{stated.path or 'count'}: {max(middle, most or 0.0):g} instances are no possible number")
        default = any(part is not None and part.default for part in parts)
        return Known(Count(least, middle, most), stated.path, default)

    def _parts(self, case: FactRow) -> None:
        """What it consists of; machines and pods among it speak for the whole."""
        for row in case.parts:
            self._part(row)
        machines = [part.facts for part in self.parts if not part.billed_as]
        if not machines:
            return
        whole = united(machines, asked=any(row.facts.requests is not None for row in case.parts))
        given = OF_PARTS if any(fact in self.values for fact in TYPES) else (*OF_PARTS, *TYPES)
        if not any(fact in self.values or fact in self.unknowns for fact in ASKED):
            given = (*given, *ASKED)
        doubt = next((self.unknowns[fact] for fact in TYPES if fact in self.unknowns), None)
        if doubt is not None:
            whole.unclear(doubt, *TYPES)
        for fact in given:
            self.values.pop(fact, None)
            self.defaults.discard(fact)
        self.unknowns = {fact: why for fact, why in self.unknowns.items() if fact.split(".")[0] not in given}
        self.values |= {fact: value for fact, value in whole.values.items() if fact in given}
        self.unknowns |= {fact: why for fact, why in whole.unknowns.items() if fact.split(".")[0] in given}
        self.defaults |= whole.defaults
        self._zones_of(machines)

    def _zones_of(self, machines: Sequence[Facts]) -> None:
        """The zones of all its parts, where it says none itself."""
        if "zones" in self.values or "zones" in self.unknowns:
            return
        unclear = next((facts.unknowns["zones"] for facts in machines if "zones" in facts.unknowns), None)
        zones = tuple(dict.fromkeys(zone for facts in machines for zone in facts.zones))
        if unclear is not None:
            self.unknowns["zones"] = unclear
        elif zones:
            self.values["zones"] = zones

    def _part(self, row: PartRow) -> None:
        """Each element is derived as if it were a resource, with what the resource says for all of them."""
        for found in row.of(self) if row.of is not None else (Known(self.resource.properties),):
            if isinstance(found, Unclear):
                self._add(row, row.label, None, found.reason)
            elif isinstance(found, Known) and not isinstance(found.value, Mapping):
                self._add(row, row.label, None, f"{found.path}: expected an object")
            elif isinstance(found, Known):
                self._element(row, found)

    def _element(self, row: PartRow, found: Known) -> None:
        part = _Derivation(self.resource, self.row, self.tables, self.index, self.catalogue, self)
        part.properties = found.value
        part.trail = found.path
        applies = True if row.when is None else row.when(part)
        if isinstance(applies, Unclear):
            self._add(row, row.label, None, applies.reason)
        elif applies:
            part._all(row.facts)
            named = row.name(part) if row.name is not None else ABSENT
            name = named.value if isinstance(named, Known) and isinstance(named.value, str) else ""
            self._add(row, name or found.path or row.label, part, "")

    def _add(self, row: PartRow, name: str, part: _Derivation | None, reason: str) -> None:
        if part is not None:
            values, unknowns, defaults = part.values, part.unknowns, part.defaults
        else:
            values, unknowns, defaults = {}, dict.fromkeys(row.facts.gives, reason), set()
        billed_as = row.billed_as
        if row.item is not None:
            found = _read(row.item(part), conversions.text) if part is not None else ABSENT
            if isinstance(found, Known):
                billed_as += str(found.value)
            elif isinstance(found, Unclear):
                unknowns["item"] = found.reason
        for fact in _FOR_DISKS if row.billed_as and row.item is None else _FOR_MACHINES:
            if fact not in values and fact not in unknowns:
                if fact in self.values:
                    values[fact] = self.values[fact]
                    if fact in self.defaults:
                        defaults.add(fact)
                elif fact in self.unknowns:
                    unknowns[fact] = self.unknowns[fact]
        if row.times is not None and "count" in values:
            self._times(row.times, values, unknowns)
        facts = _facts(row.facts.kind, self.row.provider, values, unknowns, defaults)
        self.parts.append(Part(name, facts, billed_as))

    def _times(self, times: Expression, values: dict[str, Any], unknowns: dict[str, str]) -> None:
        found = _read(times(self), conversions.number)
        if isinstance(found, Known):
            count, by = values["count"], found.value
            values["count"] = Count(count.min * by, count.expected * by, None if count.max is None else count.max * by)
        elif isinstance(found, Unclear):
            del values["count"]
            unknowns["count"] = found.reason

    def _lifecycle(self, row: Mapping[str, Expression]) -> None:
        days: dict[str, float] = {}
        reasons: dict[str, str] = {}
        for name, expression in row.items():
            found = _read(expression(self), conversions.number)
            if isinstance(found, Known):
                days[name] = found.value
            elif isinstance(found, Unclear):
                reasons[f"lifecycle.{name}"] = found.reason
        if days:
            self.values["lifecycle"] = Lifecycle(**days)
            self.unknowns |= reasons
        elif reasons:
            # Whether there is a lifecycle at all is not known.
            self.unknowns["lifecycle"] = next(iter(reasons.values()))

    def _schedule(self, row: ScheduleRow) -> Outcome:
        start, stop = _read(row.start(self), _texts), _read(row.stop(self), _texts)
        for found in (start, stop):
            if isinstance(found, Unclear):
                return found
        if not isinstance(stop, Known):
            return ABSENT  # what never stops has no schedule
        if not isinstance(start, Known):
            return Unclear(f"{stop.path}: stops by schedule, but nothing declared here starts it again")
        try:
            hours = cron.hours_per_week(start.value, stop.value)
        except cron.CronError as error:
            return Unclear(f"{stop.path}: {error}")
        names = ", ".join(dict.fromkeys(other.name for join in row.by for other in self.joined(join).resources))
        told = f"from {' and '.join(start.value)} to {' and '.join(stop.value)}"
        return Known(Schedule(hours, f"{names}: {told}" if names else told))


Derived: TypeAlias = dict[Hashable, _Derivation]
"""Derivations by what they rest on."""


def _facts(kind: Kind, provider: str, values: dict[str, Any], unknowns: Mapping[str, str], defaults: set[str]) -> Facts:
    values = {**values, "unknowns": unknowns} if unknowns else values
    values = {**values, "defaults": frozenset(defaults)} if defaults else values
    return facts_with(kind, provider, values)


_FOR_DISKS: Final = ("region", "zones", "count")
_FOR_MACHINES: Final = (
    *_FOR_DISKS,
    "schedule",
    "purchase",
    "max_runtime_hours",
    "idle_shutdown_minutes",
    "runs_per_month",
)
"""What a resource says for all its parts, unless they say it themselves."""


def _read(found: Outcome, read: Callable[[Any, str], Outcome]) -> Outcome:
    if not isinstance(found, Known):
        return found
    result = read(found.value, found.path)
    return Known(result.value, result.path, found.default) if isinstance(result, Known) else result


def _all_of(read: Callable[[Any, str], Outcome]) -> Callable[[Any, str], Outcome]:
    """A tuple of what a list holds; a single value counts as a list of one, an empty list as not declared."""

    def of_list(value: Any, path: str) -> Outcome:
        items: list[Any] = []
        for index, item in enumerate(value if isinstance(value, (list, tuple)) else [value]):
            place = f"{path}[{index}]"
            unclear = conversions.nothing_unknown(item, place)
            found = unclear if unclear is not None else read(conversions.opened(item), place)
            if not isinstance(found, Known):
                return found
            items.append(found.value)
        return Known(tuple(items), path) if items else ABSENT

    return of_list


def _purchase(value: Any, path: str) -> Outcome:
    try:
        return Known(Purchase(value), path)
    except ValueError:
        return wrong_type(path, "a purchase option", value)


def _share(value: Any, path: str) -> Outcome:
    found = conversions.number(value, path)
    if isinstance(found, Known) and not (math.isfinite(found.value) and found.value <= 1):
        return Unclear(f"{path}: is no share between 0 and 1")
    return found


_texts: Final = _all_of(conversions.text)
_numbers: Final = _all_of(conversions.number)
_READ: Final[Mapping[str, Callable[[Any, str], Outcome]]] = {
    **dict.fromkeys(TEXTS, conversions.text),
    **dict.fromkeys(LISTS, _texts),
    **dict.fromkeys(NUMBERS, conversions.number),
    **dict.fromkeys(FLAGS, conversions.boolean),
    "purchase": _purchase,
    "spot_share": _share,
}
