"""Accelerator, vCPUs and memory: by instance type, attached to a machine, or requested as a Kubernetes resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from spendgate.facts.conversions import quantity
from spendgate.facts.outcome import Known, Outcome, Unclear, wrong_type
from spendgate.facts.path import Segments, look
from spendgate.prices.model import Accelerator, InstanceType


class InstanceCatalogue(Protocol):
    """What facts ask of the price catalogue."""

    def instance(self, provider: str, name: str) -> InstanceType | None: ...
    def attachable(self, provider: str, name: str) -> Accelerator | None: ...
    def gpu_product(self, label: str) -> Accelerator | None: ...
    def region_of_zone(self, provider: str, zone: str) -> str | None: ...
    def names(self, provider: str) -> tuple[str, ...]: ...
    def suggest(self, name: str, provider: str | None = None) -> str | None: ...


@dataclass
class Hardware:
    """What one instance carries; ``unknowns`` by fact path. A model that is not known is an empty text there.

    ``models`` are all that it may be one of; ``differing`` says of a fact how the types it may be one of differ, and
    ``bounds`` what its bound is then (``least_vcpu``).
    """

    accelerator: Accelerator | None = None
    vcpu: float | None = None
    memory_gib: float | None = None
    unknowns: dict[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    differing: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)

    def unclear(self, reason: str, *facts: str) -> None:
        """Note facts as unknown."""
        for fact in facts or ("accelerator", "vcpu", "memory_gib"):
            self.unknowns[fact] = reason
            setattr(self, fact, None)


def of_types(provider: str, names: Sequence[str], catalogue: InstanceCatalogue) -> Hardware:
    """What instances of these types carry. Where they differ, it is that of the worst: which it gets is not known."""
    hardware = Hardware()
    types: list[InstanceType] = []
    for name in names:
        found = catalogue.instance(provider, name)
        if found is None:
            near = catalogue.suggest(name, provider)
            hint = f' (did you mean "{near}"?)' if near and near != name else ""
            hardware.unclear(f'instance type "{name}" is not in the catalogue{hint}')
            return hardware
        types.append(found)
    if not types:
        return hardware
    for fact in ("vcpu", "memory_gib"):
        if len({getattr(found, fact) for found in types}) > 1:
            listed = ", ".join(f"{found.name}: {getattr(found, fact):g}" for found in types if getattr(found, fact))
            hardware.differing[fact] = f"the instance types differ ({listed})"
    hardest = max(types, key=lambda found: weight_of(found.accelerator))
    hardware.vcpu, hardware.memory_gib = hardest.vcpu, hardest.memory_gib
    hardware.bounds = _vcpu_bounds(types, hardest)
    unite(hardware, [found.accelerator for found in types if found.accelerator is not None])
    return hardware


def _vcpu_bounds(types: Sequence[InstanceType], hardest: InstanceType) -> dict[str, float]:
    """The vCPUs beside as many accelerators as the hardest type has, where the fewest come with them.

    A number of vCPUs divided by it is how many instances there can be at most: in instances of the hardest type,
    so that their accelerators are as many as the densest type has. Empty where a type's vCPUs are not known.
    """
    if any(not found.vcpu for found in types):
        return {}
    whole = hardest.accelerator.count if hardest.accelerator else 0.0
    each = [(found.vcpu or 0.0, found.accelerator.count if found.accelerator else 0.0) for found in types]
    beside = [vcpu * whole / count for vcpu, count in each if count] if whole else [vcpu for vcpu, _ in each]
    return {"least_vcpu": min(beside)}


def unite(hardware: Hardware, accelerators: Sequence[Accelerator]) -> None:
    """The worst of several accelerators stands for all of them; every model is named."""
    if accelerators:
        hardware.accelerator = max(accelerators, key=weight_of)
        hardware.models = models_of(accelerators)


def weight_of(accelerator: Accelerator | None) -> tuple[float, float]:
    """What orders accelerators from none to worst: their memory in all, then how many there are."""
    if accelerator is None:
        return (0.0, 0.0)
    return (accelerator.count * (accelerator.memory_gib or 0.0), accelerator.count)


def models_of(accelerators: Iterable[Accelerator | None]) -> tuple[str, ...]:
    """The models of accelerators, each once."""
    return tuple(dict.fromkeys(one.model for one in accelerators if one is not None and one.model))


@dataclass(frozen=True, slots=True)
class Device:
    """A resource name that stands for accelerators: one unit of it is ``each`` devices.

    ``product`` is a node label value that names the model, where the resource name tells it.
    """

    vendor: str
    each: float = 1.0
    product: str = ""
    kind: str = "gpu"


def attached(hardware: Hardware, provider: str, kinds: Outcome, counts: Outcome, catalogue: InstanceCatalogue) -> None:
    """Accelerators attached to a machine that has none of its own: names and counts, in parallel."""
    if hardware.accelerator is not None or "accelerator" in hardware.unknowns:
        return  # machine types that come with accelerators list them here again
    for outcome in (kinds, counts):
        if isinstance(outcome, Unclear):
            hardware.unclear(outcome.reason, "accelerator")
            return
    if not isinstance(kinds, Known) or not kinds.value:
        return
    many = counts.value if isinstance(counts, Known) else [1.0] * len(kinds.value)
    if len(many) != len(kinds.value):
        hardware.unclear(f"{kinds.path}: not every accelerator has a count", "accelerator")
        return
    found: list[Accelerator] = []
    for name, count in zip(kinds.value, many, strict=True):
        one = catalogue.attachable(provider, name)
        if one is None:
            near = catalogue.suggest(name, provider)
            hint = f' (did you mean "{near}"?)' if near and near != name else ""
            hardware.unclear(f'accelerator "{name}" is not in the catalogue{hint}', "accelerator")
            return
        if count > 0:
            found.append(replace(one, count=one.count * count))
    if len(found) > 1:
        hardware.unclear(f"{kinds.path}: several kinds of accelerator", "accelerator")
    elif found:
        hardware.accelerator = found[0]


SHARED: Final = ".shared"
SHARED_PRODUCT: Final = "-SHARED"
"""How NVIDIA's device plugin and feature discovery end the names of time-sliced devices (k8s-device-plugin: README,
"Shared Access to GPUs")."""


@dataclass(frozen=True, slots=True)
class Requested:
    """What a pod asks for: units by resource name, and what names the model of the node it runs on.

    ``unnamed`` is said where nothing names it; empty where nothing can, and the nodes are asked in its place.
    """

    units: Mapping[str, Outcome]
    products: Outcome
    instance_types: Outcome
    shared_by: Outcome
    unnamed: str = "no node selector or affinity says which model"


def asked_units(
    containers: Sequence[Outcome], init: Sequence[Outcome], places: Sequence[Segments], devices: Mapping[str, Device]
) -> dict[str, Outcome]:
    """Units by device name: the sum over containers, or the largest init container where that is more.

    Init containers run one after the other and before the others, so the pod needs the larger of the two.
    """
    total: dict[str, float] = {}
    most: dict[str, float] = {}
    for group, sums in ((containers, True), (init, False)):
        for container in group:
            asked = _asked(container, places, devices)
            if isinstance(asked, Unclear):
                return dict.fromkeys(devices, asked)
            for name, units in asked.items():
                if isinstance(units, Unclear):
                    return {name: units}
                if isinstance(units, Known):
                    into = total if sums else most
                    into[name] = into.get(name, 0.0) + units.value if sums else max(into.get(name, 0.0), units.value)
    return {name: Known(max(total.get(name, 0.0), most.get(name, 0.0))) for name in devices if name in total | most}


def _asked(
    container: Outcome, places: Sequence[Segments], devices: Mapping[str, Device]
) -> dict[str, Outcome] | Unclear:
    """Units by device name of one container; the first place that names a device counts (limits before requests)."""
    asked: dict[str, Outcome] = {}
    if not isinstance(container, Known):
        return container if isinstance(container, Unclear) else asked
    for place in places:
        for found in look(container.value, place, container.path):
            if isinstance(found, Unclear):
                return found
            if not isinstance(found, Known):
                continue
            if not isinstance(found.value, Mapping):
                return wrong_type(found.path, "an object", found.value)
            for name in found.value.keys() & devices.keys():
                for units in look(found.value, (name,), found.path):
                    read = quantity(units.value, units.path) if isinstance(units, Known) else units
                    asked.setdefault(name, read)
    return asked


def requested(
    hardware: Hardware, asked: Requested, devices: Mapping[str, Device], catalogue: InstanceCatalogue
) -> None:
    """The accelerator that a pod's requests come to; its model from node labels, where they say one."""
    total = 0.0
    known: list[tuple[str, Device]] = []
    for name, units in asked.units.items():
        if isinstance(units, Unclear):
            hardware.unclear(units.reason, "accelerator")
            return
        if isinstance(units, Known) and units.value > 0:
            known.append((name, devices[name]))
            total += units.value * devices[name].each
    if not known:
        return
    device = known[0][1]
    if any((other.vendor, other.product) != (device.vendor, device.product) for _, other in known):
        hardware.unclear(f"several kinds are requested: {', '.join(name for name, _ in known)}", "accelerator")
        return
    if isinstance(asked.shared_by, Unclear):
        hardware.unclear(asked.shared_by.reason, "accelerator")
        return
    if isinstance(asked.shared_by, Known) and asked.shared_by.value > 1:
        total /= asked.shared_by.value
    elif any(name.endswith(SHARED) for name, _ in known) or _asks_for_shared(asked.products):
        hardware.unclear("a share of a time-sliced GPU: no node selector says how many share one", "accelerator")
        return
    accelerator = Accelerator(device.vendor, "", None, total, device.kind)
    models = _models(device, known[0][0], asked, catalogue)
    if isinstance(models, str):
        if models:
            hardware.unknowns["accelerator.model"] = models
        hardware.accelerator = accelerator
    else:
        model = max(models, key=lambda one: one.memory_gib or 0.0)
        hardware.models = models_of(models)
        hardware.accelerator = replace(accelerator, model=model.model, memory_gib=model.memory_gib, kind=model.kind)


def _asks_for_shared(products: Outcome) -> bool:
    return isinstance(products, Known) and any(str(label).endswith(SHARED_PRODUCT) for label in products.value)


def _models(device: Device, name: str, asked: Requested, catalogue: InstanceCatalogue) -> list[Accelerator] | str:
    """The models that it may be, or why they are not known; an empty text where that is no matter of the pod."""
    if device.product:
        product = catalogue.gpu_product(device.product)
        return [product] if product is not None else f'"{device.product}" is not in the catalogue'
    candidates: list[Accelerator | str] = []
    for outcome, look_up in ((asked.products, catalogue.gpu_product), (asked.instance_types, None)):
        if isinstance(outcome, Unclear):
            return outcome.reason
        if not isinstance(outcome, Known):
            continue
        for label in outcome.value:
            if not isinstance(label, str):
                return wrong_type(outcome.path, "a text", label).reason
            found = look_up(label.removesuffix(SHARED_PRODUCT)) if look_up else _of_any_cloud(label, catalogue)
            candidates.append(found or f'{outcome.path}: "{label}" is not in the catalogue')
        if candidates:
            break
    models = [one for one in candidates if isinstance(one, Accelerator)]
    if len(models) < len(candidates):
        return next(one for one in candidates if isinstance(one, str))
    if not models:
        return f"{name} is requested, but {asked.unnamed}" if asked.unnamed else ""
    return models


CLOUDS = ("aws", "gcp", "azure")


def _of_any_cloud(name: str, catalogue: InstanceCatalogue) -> Accelerator | None:
    types: Iterable[InstanceType | None] = (catalogue.instance(cloud, name) for cloud in CLOUDS)
    return next((found.accelerator for found in types if found is not None and found.accelerator), None)
