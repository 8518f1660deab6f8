"""What CEL sees: the variables of an expression, their types, and their values for one resource or stack."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, cached_property, lru_cache, reduce
from typing import Any, Final

from spendgate.estimate.carbon import Footprint, show_figure
from spendgate.estimate.discounts import Term
from spendgate.estimate.drivers import REQUESTS, TOKENS
from spendgate.estimate.model import ZERO, Cost, CostLine, Estimate, Range
from spendgate.facts.model import Facts, Kind, Workload
from spendgate.money import show_money
from spendgate.prices.model import Accelerator, NoPrice
from spendgate.resource import name_of
from spendgate.rules import cel
from spendgate.rules.totals import (
    COMMITMENT,
    TAG_TOTAL,
    UNKNOWN_TAG,
    accelerators_by_model,
    commitment_values,
    tag_values,
    uncounted,
)

_RANGE = cel.Message(
    "Range",
    {
        **dict.fromkeys(("low", "expected", "high"), cel.DOUBLE),
        **dict.fromkeys(("text", "low_text", "high_text"), cel.STRING),
    },
)
_UNPRICED = cel.Message(
    "Unpriced",
    dict.fromkeys(("resource", "name", "item", "kind", "unit", "reason", "note"), cel.STRING),
)
_COST = cel.Message(
    "Cost",
    {
        "currency": cel.STRING,
        "hourly": _RANGE,
        "daily": _RANGE,
        "monthly": _RANGE,
        "run": _RANGE,
        "known": cel.Message("KnownCost", dict.fromkeys(("hourly", "daily", "monthly", "run"), _RANGE)),
        "unpriced": cel.ListOf(_UNPRICED),
        "undetermined": cel.ListOf(_UNPRICED),
        "per_thousand_requests": _RANGE,
        "per_million_tokens": _RANGE,
        "exact_share": cel.DOUBLE,
        "derived_share": cel.DOUBLE,
        "assumed_share": cel.DOUBLE,
    },
)
_CARBON = cel.Message(
    "Carbon",
    {
        "kwh": _RANGE,
        "kg_co2e": _RANGE,
        "missing": cel.ListOf(
            cel.Message(
                "MissingCarbon",
                {
                    "resource": cel.STRING,
                    "name": cel.STRING,
                    "item": cel.STRING,
                    "reason": cel.STRING,
                    "unknown_until_apply": cel.BOOL,
                },
            )
        ),
    },
)
_RESOURCE_COST = cel.Message("ResourceCost", {**_COST.fields, "carbon": _CARBON})
_RESOURCE = cel.Message(
    "Resource",
    {
        "type": cel.STRING,
        "name": cel.STRING,
        "address": cel.STRING,
        "parent": cel.STRING,
        "external": cel.BOOL,
        "properties": cel.MapOf(cel.DYN),
        "options": cel.Message("Options", {"protect": cel.BOOL, "ignore_changes": cel.ListOf(cel.STRING)}),
    },
)
_FACTS = cel.Message(
    "Facts",
    {
        name: type_
        for name, type_ in cel.schema_of_dataclass(Facts).fields.items()
        if name not in ("unknowns", "defaults")
    }
    | {"tag_keys": cel.ListOf(cel.STRING)},
)
_STACK = cel.Message(
    "Stack",
    {
        "name": cel.STRING,
        "project": cel.STRING,
        "organization": cel.STRING,
        "environment": cel.STRING,
        "resources": cel.INT,
        "cost": _COST,
        "scenarios": cel.MapOf(_RANGE),
        "accelerators": cel.MapOf(cel.DOUBLE),
        "uncounted": cel.ListOf(cel.STRING),
        "by_tag": cel.MapOf(cel.MapOf(TAG_TOTAL)),
        "tag_totals": cel.ListOf(TAG_TOTAL),
        "untaggable": TAG_TOTAL,
        "unknown_tags": cel.ListOf(UNKNOWN_TAG),
        "previous": cel.Message("Previous", {"monthly": _RANGE}),
        "commitments": cel.ListOf(COMMITMENT),
        "carbon": _CARBON,
    },
)


LINE = cel.Schema.of(
    {
        "line": cel.Message(
            "Line", dict.fromkeys(("provider", "item", "region", "purchase", "unit", "type", "name"), cel.STRING)
        ),
        "facts": _FACTS,
    }
)
"""What the ``match`` of a discount or a commitment may read."""


def schema(
    params: Mapping[str, Mapping[str, Any]], variables: Mapping[str, cel.Type], *, stack_only: bool
) -> cel.Schema:
    """The types an expression of one guardrail may read. A stack guardrail has no resource, facts or cost."""
    types: dict[str, cel.Type] = {
        "stack": _STACK,
        "params": cel.Message("Params", {name: _json_type(rules) for name, rules in params.items()}),
        "variables": cel.Message("Variables", dict(variables)),
        "now": cel.TIMESTAMP,
    }
    if not stack_only:
        types |= {"resource": _RESOURCE, "facts": _FACTS, "cost": _RESOURCE_COST}
    return cel.Schema.of(types)


def _json_type(rules: Mapping[str, Any]) -> cel.Type:
    match rules.get("type"):
        case "string":
            return cel.STRING
        case "boolean":
            return cel.BOOL
        case "integer":
            return cel.INT
        case "number":
            return cel.DOUBLE
        case "array":
            return cel.ListOf(_json_type(rules.get("items", {})))
        case "object":
            values = rules.get("additionalProperties")
            return cel.MapOf(_json_type(values) if isinstance(values, Mapping) else cel.DYN)
    return cel.DYN


@dataclass(frozen=True)  # without slots: its values are kept
class StackContext:
    """What is said of the stack as a whole; the same for every resource of it.

    ``carbon`` is None where no guardrail reads it, and so is ``by_tag``, the words among which are the tag keys that
    guardrails read totals of. ``previous`` is the month of an earlier estimate; None where none was given. ``terms``
    are the discounts and commitments that the estimate was made with.
    """

    name: str
    project: str
    organization: str
    environment: str
    estimate: Estimate
    workloads: tuple[Workload, ...]
    now: datetime
    carbon: Footprint | None = None
    previous: Range | None = None
    by_tag: frozenset[str] | None = None
    terms: tuple[Term, ...] = ()

    def values(self) -> dict[str, Any]:
        """``stack`` and ``now`` as CEL sees them."""
        return self._values

    @cached_property
    def _values(self) -> dict[str, Any]:
        accelerators = accelerators_by_model(self.workloads, self.estimate)
        stack: dict[str, Any] = {
            "name": self.name,
            "project": self.project,
            "organization": self.organization,
            "environment": self.environment,
            "resources": len(self.workloads),
            "cost": cost_values(self.estimate.total, self.estimate),
            "scenarios": {
                scenario.name: _range(*scenario.total.monthly.bounds, self.estimate.currency)
                for scenario in self.estimate.scenarios
            },
            "accelerators": dict(sorted(accelerators.items())),
            "uncounted": uncounted(self.workloads, self.estimate),
        }
        stack["commitments"] = commitment_values(self.terms, self.estimate)
        if self.by_tag is not None:
            stack |= tag_values(self.workloads, self.estimate, self.by_tag)
        if self.previous is not None:
            stack["previous"] = {"monthly": _range(*self.previous.bounds, self.estimate.currency)}
        if self.carbon is not None:
            stack["carbon"] = carbon_values(self.carbon)
        return {"stack": cel.plain(stack, _STACK, ("stack",), {}), "now": self.now}


@dataclass(slots=True)
class Shared:
    """What expressions see of equal facts and equal costs, made once: for one run, in which workloads and lines are
    told apart by what they are made of."""

    facts: dict[Hashable, dict[str, Any]] = field(default_factory=dict)
    costs: dict[Hashable, dict[str, Any]] = field(default_factory=dict)


def resource_values(
    workload: Workload, estimate: Estimate, carbon: Footprint | None = None, shared: Shared | None = None
) -> tuple[dict[str, Any], Hashable]:
    """``resource`` (but its properties), ``facts`` and ``cost`` of one workload as CEL sees them; and what tells its
    facts, but for the tags, its cost, type and options from those of others (None: that is not told).

    ``estimate`` and ``carbon`` hold the lines of this workload only.
    """
    resource, facts = workload.resource, workload.facts
    alike: Hashable = None
    if shared is None or carbon is not None or estimate.drivers or any(line.cost is None for line in estimate.lines):
        declared, cost = _declared(facts), cost_values(estimate.total, estimate)
    else:
        declared, cost = _shared_facts(workload, shared), _shared_cost(estimate, shared)
        if workload.derived is not None:
            alike = (workload.derived, id(cost), resource.type, resource.external, id(resource.options))
    if carbon is not None:
        cost["carbon"] = carbon_values(carbon)
    values = {
        "resource": {
            "type": resource.type,
            "name": resource.name,
            "address": resource.address,
            "parent": resource.parent or "",
            "external": resource.external,
            "options": {
                "protect": resource.options.protect,
                "ignore_changes": list(resource.options.ignore_changes),
            },
        },
        "facts": {**declared, "tags": dict(facts.tags), "tag_keys": tag_keys(facts)},
        "cost": cost,
    }
    return values, alike


def facts_values(workload: Workload) -> dict[str, Any]:
    """``facts`` of one workload as CEL sees them."""
    facts = workload.facts
    return {**_declared(facts), "tags": dict(facts.tags), "tag_keys": tag_keys(facts)}


def _shared_facts(workload: Workload, shared: Shared) -> dict[str, Any]:
    """As ``_declared``: facts that were derived once have the same values, but for their tags."""
    if workload.derived is None:
        return _declared(workload.facts)
    found = shared.facts.get(workload.derived)
    if found is None:
        found = shared.facts[workload.derived] = _declared(workload.facts)
    return found


_OF_ONE: Final = frozenset(("tags", "unknowns", "defaults"))
"""Facts that resources which are alike in all others may differ in, or that expressions do not see."""


def _declared(facts: Facts) -> dict[str, Any]:
    """All facts but the tags. Of some fifty a resource declares ten: the others are as they are of any resource."""
    readers = _readers(Facts)
    declared = {
        name: readers[name](value)
        for name, value in vars(facts).items()
        if value is not None and name in readers and name not in _OF_ONE
    }
    return {**_undeclared(), **declared}


@cache
def _undeclared() -> dict[str, Any]:
    """Facts of a resource that declares nothing."""
    return _record(Facts(Kind.OTHER, ""))


def line_values(line: CostLine, workload: Workload) -> dict[str, Any]:
    """``line`` as CEL sees it; a region that is not known is an empty text."""
    return {
        "provider": line.quote.provider,
        "item": line.item,
        "region": line.quote.region or "",
        "purchase": str(line.quote.purchase),
        "unit": line.unit,
        "type": workload.resource.type,
        "name": workload.resource.name,
    }


_Readers = Mapping[str, Callable[[Any], Any]]


_READERS: dict[type, _Readers] = {}
"""Made once a class, for there are many resources."""


def _readers(cls: type) -> _Readers:
    """How each field of a dataclass is brought to its CEL type."""
    if cls in _READERS:
        return _READERS[cls]

    def reader(type_: cel.Type) -> Callable[[Any], Any]:
        if isinstance(type_, cel.Message):
            return _record
        if isinstance(type_, cel.ListOf):
            return list
        if isinstance(type_, cel.MapOf):
            return dict
        return {cel.DOUBLE: float, cel.STRING: str}.get(type_, lambda value: value)

    fields = cel.schema_of_dataclass(cls).fields
    _READERS[cls] = {name: reader(type_) for name, type_ in fields.items() if name not in ("unknowns", "defaults")}
    if cls is Accelerator:
        _READERS[cls] = {**_READERS[cls], "model": lambda model: model or "accelerator"}  # only its machines name it
    return _READERS[cls]


def _record(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are there, as plain data."""
    return {
        name: read(item) for name, read in _readers(type(value)).items() if (item := getattr(value, name)) is not None
    }


def tag_keys(facts: Facts) -> list[str]:
    """Keys of the tags that have a value, be it one that is known only after apply."""
    known = [key for key, value in facts.tags.items() if value != ""]
    return known + [path.removeprefix("tags.") for path in facts.unknowns if path.startswith("tags.")]


def unknown_facts(facts: Facts) -> dict[tuple[str, ...], str]:
    """Paths of unknown facts as expressions name them, with the reason of each."""
    unknown: dict[tuple[str, ...], str] = {}
    for path, reason in facts.unknowns.items():
        # A tag's key may hold points of its own (kubernetes.io/role).
        parts = ("tags", path.removeprefix("tags.")) if path.startswith("tags.") else tuple(path.split("."))
        unknown[("facts", *parts)] = f"facts.{path} ({reason})"
    if "tags" in facts.unknowns:
        unknown[("facts", "tag_keys")] = f"facts.tags ({facts.unknowns['tags']})"
    return unknown


_DRIVERS = {REQUESTS: "per_thousand_requests", TOKENS: "per_million_tokens"}


def _shared_cost(estimate: Estimate, shared: Shared) -> dict[str, Any]:
    """As ``cost_values``, of one resource whose lines are all priced: lines of equal facts share one cost."""
    key = tuple([(id(line.cost), line.confidence) for line in estimate.lines])
    if key not in shared.costs:
        shared.costs[key] = cost_values(estimate.total, estimate)
    return shared.costs[key]


def cost_values(total: Cost, estimate: Estimate) -> dict[str, Any]:
    """A cost as CEL sees it: doubles for comparing, ``text`` for messages (rounded to cents). ``known`` are the same
    amounts where other figures hang on prices that are known only after apply: at least so much."""
    missing = [
        {
            "resource": line.resource,
            "name": name_of(line.resource),
            "item": line.item,
            "kind": str(line.kind),
            "unit": line.unit,
            "reason": str(line.quote.reason),
            "note": line.quote.note,
        }
        for line in estimate.unpriced
    ]
    missing.sort(key=_by_name)
    values: dict[str, Any] = {
        "currency": estimate.currency,
        "hourly": _range(total.hourly.low, total.hourly.expected, total.hourly.high, estimate.currency),
        "daily": _range(total.daily.low, total.daily.expected, total.daily.high, estimate.currency),
        "monthly": _range(total.monthly.low, total.monthly.expected, total.monthly.high, estimate.currency),
        "unpriced": missing,
        "undetermined": [line for line in missing if line["reason"] == NoPrice.UNKNOWN_UNTIL_APPLY],
        **{f"{word}_share": float(share) for word, share in estimate.shares.items()},
    }
    resources = {line.resource for line in estimate.lines}
    for driver in estimate.drivers if len(resources) == 1 else ():
        if driver.per in _DRIVERS:
            values[_DRIVERS[driver.per]] = _range(*driver.cost.bounds, estimate.currency)
    run = _run_of(total, estimate) if len(resources) == 1 else total.run
    if run is not None:
        values["run"] = _range(*run.bounds, estimate.currency)
    values["known"] = {name: values[name] for name in _AMOUNTS if name in values}
    return values


def _by_name(item: Mapping[str, str]) -> tuple[str, str]:
    """Messages list by name: a program declares, and an engine tells, in an order that changes from run to run."""
    return item["name"], item["resource"]


def _run_of(total: Cost, estimate: Estimate) -> Range | None:
    """What a run of one resource costs: with what it takes of nodes that other resources pay for."""
    taken = [line.of_run for line in estimate.lines if line.of_run is not None]
    return reduce(Range.__add__, taken, total.run or ZERO) if taken else total.run


def unknown_run(lines: Sequence[CostLine]) -> dict[tuple[str, ...], str]:
    """The path of a run's cost, with the reason, where a run costs something and it cannot be told how much."""
    why = next((line.run_unknown for line in lines if line.run_unknown), "")
    return {("cost", "run"): f"cost.run ({why})"} if why else {}


def unknown_costs(
    undetermined: Sequence[Mapping[str, Any]], *root: str, runs: bool = True
) -> dict[tuple[str, ...], str]:
    """Paths of the figures that hang on prices known only after apply (``undetermined``, as expressions see them), each
    with the reason; none where all are known. ``runs``: whether a run costs something at all."""
    if not undetermined:
        return {}
    names = list(dict.fromkeys(line["name"] for line in undetermined))
    shown = ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    )
    notes = list(dict.fromkeys(line["note"].removesuffix(": known only after apply") for line in undetermined))
    why = f": {notes[0]}" if len(notes) == 1 and notes[0] else ""
    figures = [name for name in _HANGING if runs or name != "run"]
    return {
        (*root, name): f"{'.'.join((*root, name))} (the price of {shown} is known only after apply{why})"
        for name in figures
    }


def unknown_stack(stack: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """The same of the figures of a stack, as expressions see it; of those of its scenarios too."""
    undetermined = stack["cost"]["undetermined"] if "cost" in stack else ()
    found = unknown_costs(undetermined, "stack", "cost")
    if found and stack.get("scenarios"):
        found[("stack", "scenarios")] = found[("stack", "cost", "monthly")].replace("cost.monthly", "scenarios", 1)
    return found


_AMOUNTS = ("hourly", "daily", "monthly", "run")
_HANGING = (*_AMOUNTS, *_DRIVERS.values(), *(f"{word}_share" for word in ("exact", "derived", "assumed")))
_MOST_NAMES = 5


@lru_cache(maxsize=4096)
def _range(low: Decimal, expected: Decimal, high: Decimal, currency: str) -> dict[str, Any]:
    """Shared by all that cost the same: nothing changes it."""
    return {
        "low": float(low),
        "expected": float(expected),
        "high": float(high),
        "text": show_money(expected, currency),
        "low_text": show_money(low, currency),
        "high_text": show_money(high, currency),
    }


def carbon_values(carbon: Footprint) -> dict[str, Any]:
    """A footprint as CEL sees it: kWh and kg CO2e of a month, and the lines that have no figure."""
    return {
        "kwh": _amount(carbon.kwh, "kWh"),
        "kg_co2e": _amount(carbon.kg, "kg CO2e"),
        "missing": sorted(
            (
                {
                    "resource": item.resource,
                    "name": name_of(item.resource),
                    "item": item.item,
                    "reason": item.reason,
                    "unknown_until_apply": item.unknown_until_apply,
                }
                for item in carbon.missing
            ),
            key=_by_name,
        ),
    }


def _amount(figure: Range, unit: str) -> dict[str, Any]:
    return {
        "low": float(figure.low),
        "expected": float(figure.expected),
        "high": float(figure.high),
        "text": f"{show_figure(figure.expected)} {unit}",
        "low_text": f"{show_figure(figure.low)} {unit}",
        "high_text": f"{show_figure(figure.high)} {unit}",
    }
