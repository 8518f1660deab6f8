"""Facts and workloads as tests write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spendgate.facts.model import Count, Facts, Kind, Schedule, Workload
from spendgate.prices.model import Accelerator, Purchase
from spendgate.resource import Resource


def facts_of(values: Mapping[str, Any]) -> Facts:
    """Facts from plain values: ``count: [min, expected, max]``, ``accelerator: [model, memory, count]``."""
    plain = dict(values)
    make: dict[str, Any] = {
        "kind": Kind,
        "purchase": Purchase,
        "count": lambda value: Count(*value),
        "accelerator": lambda value: value and Accelerator("nvidia", value[0], value[1], value[2]),
        "schedule": lambda value: Schedule(**value),
        "zones": tuple,
        "instance_types": tuple,
        "unknowns": dict,
        "defaults": frozenset,
    }
    return Facts(**{name: make[name](value) if name in make else value for name, value in plain.items()})


def workload(name: str, type: str = "test:index:Thing", **values: Any) -> Workload:
    """One workload of a stack."""
    options = {key: values.pop(key) for key in ("external", "custom") if key in values}
    mapped = values.pop("mapped", True)
    return Workload(Resource(type=type, name=name, address=f"urn:test::{name}", **options), facts_of(values), mapped)
