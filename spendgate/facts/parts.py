"""The facts of a resource that consists of several machines, or of pods of several templates, taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spendgate.facts.hardware import models_of, weight_of
from spendgate.facts.model import Count, Facts
from spendgate.prices.model import Accelerator, Purchase

OF_PARTS: Final = (
    "accelerator",
    "accelerator_models",
    "vcpu",
    "memory_gib",
    "count",
    "purchase",
    "spot_share",
    "on_demand_base",
)
"""The facts that parts give to the whole, whatever it says itself."""

TYPES: Final = ("instance_type", "instance_types")
"""Those that they give where it says nothing."""

ASKED: Final = ("cpu_request", "cpu_limit", "memory_request_gib", "memory_limit_gib")
"""What one pod asks for: given as well where the whole says nothing of it."""

_ONE: Final = Count(1, 1, 1)


@dataclass
class United:
    """Facts by name, reasons by path for those that are unknown, and names of those that rest on a default."""

    values: dict[str, Any] = field(default_factory=dict)
    unknowns: dict[str, str] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)

    def unclear(self, reason: str, *facts: str) -> None:
        """Note facts as unknown."""
        for fact in facts:
            self.values.pop(fact, None)
            self.unknowns.setdefault(fact, reason)


def united(machines: Sequence[Facts], *, asked: bool) -> United:
    """The worst part speaks for all: that with the most accelerator memory, or, where pods ask for devices (``asked``)
    and the model may be unknown, that with the most devices. The count is such that the accelerators of all add up;
    without accelerators, that of all machines.

    Where it cannot be told whether a part has accelerators, nothing can be told.
    """
    result = United()
    for facts in machines:
        for fact in ("accelerator", "accelerator.model", "accelerator_models", "vcpu", "memory_gib", "purchase"):
            if fact in facts.unknowns:
                result.unknowns.setdefault(fact, facts.unknowns[fact])
    if "accelerator" in result.unknowns:
        told = [fact for fact in (*OF_PARTS, *ASKED) if any(_says(facts, fact) for facts in machines)]
        if any(_says(facts, fact) for facts in machines for fact in TYPES):
            told += TYPES
        alike = "purchase" not in result.unknowns and len({facts.purchase for facts in machines}) == 1
        mixed = () if alike else ("spot_share",)
        result.unclear(result.unknowns["accelerator"], "accelerator", "accelerator_models", "count", *told, *mixed)
        return result
    worst = max(machines, key=lambda facts: (_asked_weight if asked else weight_of)(facts.accelerator))
    values = {
        "accelerator": worst.accelerator,
        "accelerator_models": models_of(facts.accelerator for facts in machines) or None,
        "vcpu": worst.vcpu,
        "memory_gib": worst.memory_gib,
    }
    result.values = {name: value for name, value in values.items() if value is not None and name not in result.unknowns}
    _types(machines, worst, result)
    counted = machines if worst.accelerator is None else [one for one in machines if one.accelerator is not None]
    _count(counted, worst.accelerator, result)
    _purchase(counted, worst.accelerator, result)
    _asks(counted, result)
    return result


def _says(facts: Facts, fact: str) -> bool:
    return fact in facts.unknowns or getattr(facts, fact) not in (None, ())


def _types(machines: Sequence[Facts], worst: Facts, result: United) -> None:
    for facts in machines:
        for fact in TYPES:
            if fact in facts.unknowns:
                result.unclear(facts.unknowns[fact], *TYPES)
                return
    named = [name for facts in machines for name in facts.instance_types or (facts.instance_type,) if name]
    if named:
        result.values["instance_types"] = tuple(dict.fromkeys(named))
        result.values["instance_type"] = worst.instance_type or named[0]


def _asks(counted: Sequence[Facts], result: United) -> None:
    """What one pod requests and may use: of the part that may go furthest beyond its request. Nothing where a part does
    not say it."""
    for request, limit in (("cpu_request", "cpu_limit"), ("memory_request_gib", "memory_limit_gib")):
        doubt = next(
            (facts.unknowns[one] for facts in counted for one in (request, limit) if one in facts.unknowns), None
        )
        if doubt is not None:
            result.unclear(doubt, request, limit)
            continue
        said = [(getattr(facts, request), getattr(facts, limit)) for facts in counted]
        if said and all(asked and most is not None for asked, most in said):
            result.values[request], result.values[limit] = max(said, key=lambda one: one[1] / one[0])


def _count(counted: Sequence[Facts], worst: Accelerator | None, result: United) -> None:
    for facts in counted:
        if "count" in facts.unknowns:
            result.unclear(facts.unknowns["count"], "count")
            return
    shares = [_share(facts, worst) for facts in counted]

    def total(figure: Callable[[Count], float]) -> float:
        return sum(share * figure(facts.count or _ONE) for share, facts in zip(shares, counted, strict=True))

    bounded = all((facts.count or _ONE).max is not None for facts in counted)
    most = total(lambda count: count.max or 0.0) if bounded else None
    result.values["count"] = Count(total(lambda count: count.min), total(lambda count: count.expected), most)
    if any("count" in facts.defaults for facts in counted):
        result.defaults.add("count")


def _purchase(counted: Sequence[Facts], worst: Accelerator | None, result: United) -> None:
    """One way to buy, where all are bought so; else on demand, with the share of spot among the expected instances."""
    if "purchase" in result.unknowns:
        result.unclear(result.unknowns["purchase"], "spot_share")
        return
    bought = {facts.purchase for facts in counted}
    shared = [facts for facts in counted if facts.spot_share is not None or "spot_share" in facts.unknowns]
    if len(bought) == 1 and not shared:
        if (purchase := counted[0].purchase) is not None:
            result.values["purchase"] = purchase
        return
    if None in bought:
        return  # what other parts do not say cannot be told
    result.values["purchase"] = Purchase.ON_DEMAND
    doubt = next((facts.unknowns["spot_share"] for facts in shared if "spot_share" in facts.unknowns), None)
    doubt = doubt or result.unknowns.get("count")
    if doubt is not None:
        result.unclear(doubt, "spot_share")
        return
    weights = [_share(facts, worst) * (facts.count or _ONE).expected for facts in counted]
    spot = sum(
        weight * (1.0 if facts.purchase is Purchase.SPOT else facts.spot_share or 0.0)
        for weight, facts in zip(weights, counted, strict=True)
    )
    if spot > 0:
        result.values["spot_share"] = spot / sum(weights)


def _share(facts: Facts, worst: Accelerator | None) -> float:
    """What an instance of a part counts, in instances of the worst."""
    return 1.0 if worst is None or facts.accelerator is None else facts.accelerator.count / worst.count


def _asked_weight(accelerator: Accelerator | None) -> tuple[float, str, float]:
    """How much a pod asks for orders them, not the model: that may be unknown."""
    return (
        (0.0, "", 0.0)
        if accelerator is None
        else (accelerator.count, accelerator.vendor, accelerator.memory_gib or 0.0)
    )
