"""How much is used, as a usage file says it: figures for resources, token-priced models, and scenarios. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from typing import Final

from spendgate.errors import did_you_mean
from spendgate.estimate.model import EXACT
from spendgate.facts.model import Facts, Kind, Workload

ONE: Final = Decimal(1)

GROWS: Final = frozenset(
    {"runsPerMonth", "requestsPerMonth", "inputTokensPerMonth", "outputTokensPerMonth", "storedGib", "egressGib",
     "processedGib", "ingestedGib"}
)  # fmt: skip
"""What the ``growth`` of a scenario multiplies."""


@dataclass(frozen=True, slots=True)
class Given:
    """One figure of a usage file, and the line that says it."""

    value: Decimal
    origin: str

    def told(self, what: str) -> str:
        """``20 runs a month (usage file: spendgate-usage.yaml:7)``."""
        return f"{self.value.normalize():f} {what} (usage file: {self.origin})"


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of the use of one workload; ``hours``, ``instances`` and ``growth`` are factors of a scenario. What
    is given has grown already."""

    given: tuple[tuple[str, Given], ...] = ()
    hours: Decimal = ONE
    instances: Decimal = ONE
    growth: Decimal = ONE

    def of_disks(self) -> Use:
        """What it says of the disks of its machines: how many there are."""
        return Use(tuple(item for item in self.given if item[0] == "instances"), instances=self.instances)

    def of_storage(self) -> Use:
        """The same without a number of instances: of a volume of its own there are as many as are declared."""
        return replace(self.without("instances"), instances=ONE)

    def without(self, key: str) -> Use:
        """The same without one figure."""
        if self.get(key) is None:
            return self
        return replace(self, given=tuple(item for item in self.given if item[0] != key))

    def with_figure(self, key: str, given: Given) -> Use:
        """The same with another figure in its place."""
        return replace(self, given=tuple((name, given if name == key else item) for name, item in self.given))

    def get(self, key: str) -> Given | None:
        """The figure of that name; None where nothing is said of it."""
        return next((given for name, given in self.given if name == key), None)


BASE: Final = "base"
"""How the file as it stands is called beside its scenarios."""

UNTOLD: Final = Use()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of the resources that match: by name or address, type, and tags (globs), all of which must hold."""

    figures: tuple[tuple[str, Given], ...]
    name: str | None = None
    type: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    origin: str = ""

    def matches(self, workload: Workload) -> bool:
        """Whether the workload is meant."""
        resource = workload.resource
        if self.name is not None and not (_fits(self.name, resource.name) or _fits(self.name, resource.address)):
            return False
        if self.type is not None and not _fits(self.type, resource.type):
            return False
        tags = workload.facts.tags
        return all(key in tags and _fits(value, tags[key]) for key, value in self.tags)


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A token-priced model and the tokens that go through it in a month; ``cached`` is the share of the input that is
    read from a cache."""

    name: str
    provider: str
    model: str
    input_tokens: Given
    output_tokens: Given
    region: str | None = None
    cached: Decimal = Decimal(0)
    requests: Given | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What differs from the file as it stands. Factors multiply; entries and models come after those of the file."""

    name: str
    growth: Decimal = ONE
    hours: Decimal = ONE
    instances: Decimal = ONE
    prompt_length: Decimal = ONE
    cached: Decimal | None = None
    spot_availability: Given | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """A usage file. Its entries hold from top to bottom: of two that say the same figure, the later one counts."""

    entries: tuple[Entry, ...] = ()
    models: tuple[ModelUse, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    hours: Decimal = ONE
    instances: Decimal = ONE
    growth: Decimal = ONE
    prompt_length: Decimal = ONE
    spot_availability: Given | None = None

    def __bool__(self) -> bool:
        return self != NONE

    def of(self, workload: Workload) -> Use:
        """What is known of one workload."""
        figures: dict[str, Given] = {}
        if self.spot_availability is not None:
            figures["spotAvailability"] = self.spot_availability
        for entry in self.entries:
            if entry.matches(workload):
                figures |= entry.figures
        if self.growth != ONE or self.prompt_length != ONE:
            figures = {name: self._grown(name, given) for name, given in figures.items()}
        return Use(tuple(figures.items()), self.hours, self.instances, self.growth)

    def _grown(self, name: str, given: Given) -> Given:
        factor = self.growth if name in GROWS else ONE
        if name == "inputTokensPerMonth":
            factor = EXACT.multiply(factor, self.prompt_length)
        return given if factor == ONE else replace(given, value=EXACT.multiply(given.value, factor))

    def model_uses(self) -> tuple[ModelUse, ...]:
        """The models with their tokens as they have grown."""
        return tuple(
            replace(
                model,
                input_tokens=self._grown("inputTokensPerMonth", model.input_tokens),
                output_tokens=self._grown("outputTokensPerMonth", model.output_tokens),
                requests=self._grown("requestsPerMonth", model.requests) if model.requests else None,
            )
            for model in self.models
        )

    def under(self, scenario: Scenario) -> Usage:
        """The same file as a scenario changes it."""
        return replace(
            self,
            entries=(*self.entries, *scenario.entries),
            models=tuple(
                replace(
                    model,
                    model=scenario.models.get(model.name, model.model),
                    cached=model.cached if scenario.cached is None else scenario.cached,
                )
                for model in self.models
            ),
            scenarios=(),
            hours=scenario.hours,
            instances=scenario.instances,
            growth=scenario.growth,
            prompt_length=scenario.prompt_length,
            spot_availability=scenario.spot_availability,
        )

    def cautions(self, workloads: Sequence[Workload]) -> tuple[str, ...]:
        """One sentence for each entry that matches nothing, and for each figure that no resource it matches can use."""
        told = []
        for entry in self.entries:
            meant = [workload for workload in workloads if entry.matches(workload)]
            if not meant:
                near = _near(entry, workloads)
                told.append(f"usage file: {entry.origin} matches no resource" + (f"; {near}" if near else ""))
                continue
            for name, given in entry.figures:
                if not any(_can_use(name, part) for workload in meant for part in _facts(workload)):
                    resource = meant[0].resource.name
                    told.append(
                        f"usage file: {name} ({given.origin}) has no effect on {resource} ({meant[0].facts.kind})"
                    )
        return tuple(told)


NONE: Final = Usage()


def scenario_cautions(usage: Usage, workloads: Sequence[Workload]) -> tuple[str, ...]:
    """The same for the entries of its scenarios."""
    entries = tuple(entry for scenario in usage.scenarios for entry in scenario.entries)
    return Usage(entries).cautions(workloads)


_MACHINES = frozenset(
    {Kind.COMPUTE, Kind.NODE_POOL, Kind.TRAINING_JOB, Kind.ENDPOINT, Kind.NOTEBOOK, Kind.DATABASE, Kind.WORKLOAD}
)
_STORES = frozenset({Kind.BUCKET, Kind.SNAPSHOT, Kind.VOLUME})


def moves(facts: Facts) -> bool:
    """Whether data can leave the provider's network from there: what runs, stores or carries, and no mere setting."""
    return facts.kind in _MACHINES or facts.kind in _STORES or facts.kind is Kind.NETWORK


def can_move(name: str, facts: Facts) -> bool:
    """Whether a figure of moved data means something for it: ``ingestedGib`` for what has no machines (a log group)."""
    if name == "ingestedGib":
        return facts.kind is Kind.OTHER
    return moves(facts) and (name != "processedGib" or facts.kind is Kind.NETWORK)


def _can_use(name: str, facts: Facts) -> bool:
    if name == "storedGib":
        return facts.kind in _STORES and (facts.kind is not Kind.VOLUME or facts.size_gib is None)
    if name in ("egressGib", "processedGib", "ingestedGib"):
        return can_move(name, facts)
    if name in ("requestsPerMonth", "inputTokensPerMonth", "outputTokensPerMonth"):
        return facts.kind in _MACHINES
    if name in ("spotShare", "spotAvailability"):
        return facts.spot_share is not None or facts.purchase == "spot"
    return facts.kind in _MACHINES


def _facts(workload: Workload) -> Iterable[Facts]:
    return (workload.facts, *(part.facts for part in workload.parts))


def _near(entry: Entry, workloads: Iterable[Workload]) -> str | None:
    workloads = tuple(workloads)
    if entry.name is not None:
        names = {workload.resource.name for workload in workloads}
        if not any(_fits(entry.name, name) for name in names):
            return did_you_mean(entry.name.strip("*"), names)
    if entry.type is not None:
        types = {workload.resource.type for workload in workloads}
        if not any(_fits(entry.type, type_) for type_ in types):
            return did_you_mean(entry.type, types)
    return None


def _fits(pattern: str, text: str) -> bool:
    return _pattern(pattern).match(text) is not None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
