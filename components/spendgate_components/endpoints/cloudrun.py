"""Services of Cloud Run with a GPU: billed by instance, gone without requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi_gcp.cloudrunv2 as cloudrunv2

from spendgate.errors import InputError
from spendgate.prices.asked import parse_asked
from spendgate.prices.catalogue import Catalogue
from spendgate_components.child import Child, Of
from spendgate_components.endpoints.model import Made, Served
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import gcp_labels


@dataclass(frozen=True)
class Device:
    """A GPU of Cloud Run: its name there, and the fewest CPUs and GiB beside it."""

    name: str
    cpu: int
    memory_gib: int


DEVICES: Final = {"L4": Device("nvidia-l4", 4, 16), "RTX PRO 6000": Device("nvidia-rtx-pro-6000", 20, 80)}
"""GPUs that Cloud Run has (Cloud Run, GPU support for services: supported GPU types, CPU and memory)."""


def made(served: Served, catalogue: Catalogue) -> Made:
    """The service."""
    model, device = _device(served, catalogue)
    cpu, memory = _size(served, device)
    redundant = served.production if served.args.zonal_redundancy is None else served.args.zonal_redundancy
    labels = gcp_labels(served.tags)
    container: dict[str, Any] = {
        "image": served.args.image,
        "ports": {"containerPort": served.port},
        "resources": {
            "limits": {"cpu": f"{cpu:g}", "memory": f"{memory:g}Gi", "nvidia.com/gpu": "1"},
            # A GPU is billed as long as its instance is up, and so is the CPU beside it.
            "cpuIdle": False,
            "startupCpuBoost": True,
        },
    }
    if served.args.command is not None:
        container["commands"] = list(served.args.command)
    if served.args.model_uri is not None:
        container["envs"] = [{"name": "MODEL_URI", "value": served.args.model_uri}]
    template: dict[str, Any] = {
        "containers": [container],
        "nodeSelector": {"accelerator": device.name},
        "gpuZonalRedundancyDisabled": not redundant,
        "scaling": {"minInstanceCount": served.least, "maxInstanceCount": served.most},
        "serviceAccount": served.args.service_account,
        "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
        "labels": labels,
    }
    inputs: dict[str, Any] = {
        "location": served.region,
        "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "deletionProtection": served.production,
        "labels": labels,
        "template": template,
    }
    keeps = (
        ("location",),
        ("scaling",),
        *(("template", word) for word in ("scaling", "nodeSelector", "gpuZonalRedundancyDisabled")),
        ("template", "containers", "0", "resources", "limits"),
    )
    tagged_at = {("labels",): labels, ("template", "labels"): labels}
    zones = "in several zones" if redundant else "in one zone"
    size = f"{cpu:g} vCPU, {memory:g} GiB, 1 × {device.name}"
    priced = catalogue.storage_quote("gcp", f"run.gpu.{device.name}{'.redundant' if redundant else ''}", served.region)
    if priced.amount is None:
        price = f"no price of its GPU ({priced.note})"
    else:
        price = f"its GPU ${priced.amount:.4f} an hour, as of {priced.as_of} ({priced.source})"
    return Made(
        (Child("service", cloudrunv2.Service, inputs, keeps, tagged_at=tagged_at),),
        model,
        size,
        f"an instance of Cloud Run with {size}, kept ready {zones}, in {served.region}; {price}",
        Of("service", "uri"),
        notes=("an instance stays up for some minutes after its last request, and is billed for them",),
    )


def _device(served: Served, catalogue: Catalogue) -> tuple[str, Device]:
    asked = served.args.accelerator
    try:
        model, _, _ = parse_asked(asked, catalogue)
    except InputError as error:
        raise ArgumentError(error.message, remedy=error.remedy) from None
    if model not in DEVICES:
        raise ArgumentError(f"Cloud Run has no {asked}", remedy=f"Write one of {', '.join(DEVICES)}.")
    if served.per_replica != 1:
        raise ArgumentError(
            f"per_replica is {served.per_replica}", remedy="Write 1: an instance of Cloud Run has one GPU."
        )
    return model, DEVICES[model]


def _size(served: Served, device: Device) -> tuple[float, float]:
    cpu = device.cpu if served.args.cpu is None else served.args.cpu
    memory = device.memory_gib if served.args.memory_gib is None else served.args.memory_gib
    for word, value, least in (("cpu", cpu, device.cpu), ("memory_gib", memory, device.memory_gib)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
            raise ArgumentError(f"{word} is {value!r}", remedy=f"Write at least {least}: {device.name} needs it.")
    return cpu, memory
