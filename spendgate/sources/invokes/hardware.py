"""Data sources about hardware, answered from spendgate's own catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

MIB_PER_GIB: Final = 1024


def described(token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer of the catalogue to ``token``; None where it is not about hardware or the catalogue lacks it."""
    describe = DESCRIBED.get(token)
    return describe(arguments) if describe else None


def aws_instance_type(arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """``aws:ec2/getInstanceType``: cores, memory and GPUs; memory is in MiB, as EC2 has it."""
    from spendgate.prices.catalogue import Catalogue

    name = str(arguments.get("instanceType", ""))
    instance = Catalogue.builtin().instance("aws", name)
    if instance is None or instance.vcpu is None or instance.memory_gib is None:
        return None
    answer: dict[str, Any] = {
        "id": name,
        "instanceType": name,
        "region": arguments.get("region"),
        "defaultVcpus": math.ceil(instance.vcpu),
        "memorySize": round(instance.memory_gib * MIB_PER_GIB),
        "supportedArchitectures": [instance.architecture] if instance.architecture else None,
        "gpuses": [],
        "totalGpuMemory": 0,
    }
    one = instance.accelerator
    if one is not None and one.kind == "gpu" and one.memory_gib is not None:
        # A share of a GPU is told as one GPU with that share of the memory.
        count = math.ceil(one.count)
        memory = round(one.memory_gib * MIB_PER_GIB * one.count / count)
        answer["gpuses"] = [
            {"count": count, "manufacturer": one.vendor.upper(), "memorySize": memory, "name": one.model}
        ]
        answer["totalGpuMemory"] = count * memory
    return {key: value for key, value in answer.items() if value is not None}


DESCRIBED: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any] | None]]] = {
    "aws:ec2/getInstanceType:getInstanceType": aws_instance_type,
}
