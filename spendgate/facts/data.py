"""Where the data lies that compute reads or writes: the buckets and file systems of its own stack that it names.

It names one by Pulumi's dependency of a property, by reference, by a URI (``s3://``, ``gs://``, ``abfss://``, an ARN,
an address of the provider) or by the bucket's literal name. What compute is made of (a launch template) and what lies
in a bucket (an object, a container) lead on to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spendgate.facts import path as paths
from spendgate.facts.joins import NOT_THE_WHOLE_STACK, Index
from spendgate.facts.model import Kind, Workload, facts_with
from spendgate.facts.outcome import Known
from spendgate.facts.table import Mappings
from spendgate.resource import UNKNOWN, Reference, Resource, Secret

FACT: Final = "data_regions"
READERS: Final = frozenset(
    (Kind.COMPUTE, Kind.NODE_POOL, Kind.TRAINING_JOB, Kind.ENDPOINT, Kind.NOTEBOOK, Kind.WORKLOAD)
)
"""Kinds that read and write data."""

_NO_DATA: Final = frozenset(("name", "namePrefix", "description", "tags", "tagsAll", "labels", "defaultTags"))
"""Properties that say what something is called, and name no data."""

_NAME: Final = r"([A-Za-z0-9][A-Za-z0-9._-]*)"
_ACCOUNT: Final = r"([a-z0-9]+)"
_URI: Final = re.compile(
    "|".join(
        (
            rf"\bs3[an]?://{_NAME}",
            rf"\barn:aws[a-z-]*:s3:::{_NAME}",
            rf"\bhttps?://{_NAME}\.s3[.-][a-z0-9.-]*amazonaws\.com",
            rf"\bhttps?://s3[a-z0-9.-]*\.amazonaws\.com/{_NAME}",
            rf"\bgs://{_NAME}",
            rf"\bhttps?://storage\.(?:googleapis|cloud\.google)\.com/{_NAME}",
            rf"(?<![\w/])/gcs/{_NAME}",
            rf"\b(?:abfss?|wasbs?)://[^@\s/]{{1,63}}@{_ACCOUNT}\.(?:dfs|blob)\.core\.",
            rf"\bhttps?://{_ACCOUNT}\.(?:dfs|blob|file)\.core\.",
        )
    )
)
"""Addresses of data, with the name of the bucket (or of the storage account) in one of the groups."""


@dataclass
class _Found:
    """Addresses of the stores that are named, and the first reason why there may be more."""

    stores: dict[str, None] = field(default_factory=dict)
    open: str = ""


def with_data(workloads: tuple[Workload, ...], tables: Mappings, index: Index) -> tuple[Workload, ...]:
    """The same, where compute has the regions of the data that it reads or writes, by the name of what holds it."""
    if not index.whole:
        return tuple(
            _known(workload, {}, NOT_THE_WHOLE_STACK)
            if workload.facts.kind in READERS and _may_name(workload.resource.properties)
            else workload
            for workload in workloads
        )
    stores = _Stores(tables, index, workloads)
    if not stores.by_address:
        return workloads
    return tuple(_placed(workload, stores) if workload.facts.kind in READERS else workload for workload in workloads)


class _Stores:
    """What holds data in a stack, by address and literal name, and what leads on to it."""

    def __init__(self, tables: Mappings, index: Index, workloads: Sequence[Workload]) -> None:
        self.index = index
        self.regions = {workload.resource.address: workload.facts for workload in workloads}
        self.by_address: dict[str, Resource] = {}
        self.by_name: dict[str, Resource] = {}
        self._through: dict[str, bool] = {}
        self._meant_by: dict[str, dict[str, None]] = {}
        self._tables = tables
        for resource in index.by_address.values():
            named = tables.data_names(resource.type) if resource.custom else None
            if named is None:
                continue
            self.by_address[resource.address] = resource
            for segments in named:
                for outcome in paths.look(resource.properties, segments):
                    if isinstance(outcome, Known) and isinstance(outcome.value, str) and outcome.value:
                        self.by_name.setdefault(outcome.value, resource)
            for id_ in resource.ids:
                self.by_name.setdefault(id_, resource)

    def meant_by(self, text: str) -> Mapping[str, None]:
        """Addresses of the stores that a text names. The same few texts come again and again."""
        found = self._meant_by.get(text)
        if found is None:
            names = (name for name in _names_in(text) if name in self.by_name)
            found = self._meant_by[text] = dict.fromkeys(self.by_name[name].address for name in names)
        return found

    def leads_on(self, resource: Resource) -> bool:
        """Whether what it names is named by those that name it: a launch template, an object in a bucket."""
        if resource.type not in self._through:
            row = self._tables.row(resource.type)
            template = row is not None and any(case.kind is Kind.TEMPLATE for _, case in row.cases)
            self._through[resource.type] = template or self._tables.leads_to_data(resource.type)
        return self._through[resource.type]


def _placed(workload: Workload, stores: _Stores) -> Workload:
    found = _Found()
    _named(workload.resource, stores, found, {workload.resource.address})
    doubt = found.open
    regions: dict[str, str] = {}
    for address in found.stores:
        store = stores.by_address[address]
        facts = stores.regions.get(address)
        if facts is None:
            doubt = doubt or f"{store.name}: is read, not declared here"
        elif facts.region is None:
            doubt = doubt or f"{store.name}: {facts.unknowns.get('region', 'no region is declared')}"
        else:
            name = store.name if store.name not in regions else f"{store.name} ({store.type})"
            regions[name] = facts.region
    return _known(workload, regions, doubt) if regions or doubt else workload


def _known(workload: Workload, regions: Mapping[str, str], doubt: str) -> Workload:
    """With the regions, or with the reason why they are not known."""
    facts = workload.facts
    values = {name: value for name, value in vars(facts).items() if name not in ("kind", "provider")}
    if doubt:
        values["unknowns"] = {**facts.unknowns, FACT: doubt}
    else:
        values[FACT] = dict(sorted(regions.items()))
    return Workload(workload.resource, facts_with(facts.kind, facts.provider, values), workload.mapped, workload.parts)


def _named(resource: Resource, stores: _Stores, found: _Found, seen: set[str]) -> None:
    """All stores that the properties of a resource name, and those that what it names leads on to."""
    dependencies = resource.property_dependencies
    for name, value in resource.properties.items():
        if name not in _NO_DATA:
            depended = dependencies.get(name, ())
            if depended:
                _meant(depended, stores, found, seen)
            _look(value, name, bool(depended), stores, found, seen)
    if dependencies:
        for name in dependencies.keys() - resource.properties.keys() - _NO_DATA:
            _meant(dependencies[name], stores, found, seen)


def _meant(addresses: Iterable[str], stores: _Stores, found: _Found, seen: set[str]) -> None:
    for address in addresses:
        if address in stores.by_address:
            found.stores[address] = None
        elif address not in seen:
            seen.add(address)
            other = stores.index.by_address.get(address)
            if other is not None and stores.leads_on(other):
                _named(other, stores, found, seen)


def _look(value: Any, trail: str, depended: bool, stores: _Stores, found: _Found, seen: set[str]) -> None:
    """What stands in a value. An unknown or secret one names what its property depends on (``depended``), or cannot
    be told."""
    if isinstance(value, str):
        found.stores.update(stores.meant_by(value))
    elif value is None or isinstance(value, (int, float)):
        return
    elif isinstance(value, Reference):
        _meant((value.urn,), stores, found, seen)
    elif value is UNKNOWN or isinstance(value, Secret):
        if not depended:
            found.open = found.open or f"{trail}: {'known only after apply' if value is UNKNOWN else 'secret'}"
    elif isinstance(value, (dict, Mapping)):
        for key, item in value.items():
            if key not in _NO_DATA:
                _look(item, f"{trail}.{key}", depended, stores, found, seen)
    elif isinstance(value, (list, tuple)):
        for at, item in enumerate(value):
            _look(item, f"{trail}[{at}]", depended, stores, found, seen)


def _may_name(value: Any) -> bool:
    """Whether anything in a value could name a bucket."""
    if isinstance(value, Mapping):
        return any(key not in _NO_DATA and _may_name(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return any(map(_may_name, value))
    return value is not None and not isinstance(value, (bool, int, float))


def _names_in(text: str) -> Iterator[str]:
    """The names of buckets that a text may mean: all of it, and those of the addresses in it."""
    yield text
    if "/" in text or ":" in text:
        for match in _URI.finditer(text):
            yield next(filter(None, match.groups()), "").rstrip(".")
