"""Google Cloud bills a machine in parts: its cores, its memory and its accelerators are SKUs of their own."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from spendgate.prices.catalogue import Catalogue
from spendgate.reconcile.model import Charge, EstimatedLine

CORES_LABEL: Final = "compute.googleapis.com/cores"
"""A system label of the billing export: how many vCPUs the machine has."""

_CORES: Final = re.compile(r"(?i)\binstance core\b")
_SLICES: Final = re.compile(r"(?i)\bgpu slice\b")
_SILENT: Final = re.compile(r"(?i)\binstance ram\b|\blocal (ssd|storage)\b")
_GPU: Final = re.compile(r"(?i)\bgpu\b")
"""Wording of SKUs: spendgate/prices/refresh/gcp_machines.csv has where it is from."""


def part_of(line: EstimatedLine, charge: Charge) -> Fraction | None:
    """How many units of a charge are one machine of an estimated line, where it is a part of one: the number of cores,
    0 for a part that costs and tells no hours of its own. None where it is no such part."""
    if line.provider != "gcp" or line.kind != "machine" or line.unit != "hour":
        return None
    machine = Catalogue.builtin().instance("gcp", line.item)
    if machine is None or (machine.vcpu is None and machine.accelerator is None):
        return None
    count = machine.accelerator.count if machine.accelerator else 0.0
    if _CORES.search(charge.text):
        return _cores(charge) or (Fraction(machine.vcpu).limit_denominator(1000) if machine.vcpu else None)
    if _SLICES.search(charge.text) and count:
        return Fraction(count).limit_denominator(1000)
    if _SILENT.search(charge.text) or (count and _GPU.search(charge.text)):
        return Fraction()
    return None


def _cores(charge: Charge) -> Fraction | None:
    text = charge.tags.get(CORES_LABEL, "")
    return Fraction(int(text)) if text.isdigit() and int(text) else None
