"""What a line of a bill ran on: the accelerators that its texts name, where the catalogue knows them exactly.

Worked out once for each distinct combination of texts. What looks like a machine with accelerators and is not in the
tables is told as such, and never guessed.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Final

from spendgate import prices
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator
from spendgate.prices.tables import read_table

TEXTS: Final = {
    "provider": ("ProviderName",),
    "service": ("x_ServiceCode", "ServiceName"),
    "category": ("x_SkuMeterCategory",),
    "meter": ("x_UsageType", "SkuMeter"),
    "instance": ("x_InstanceType",),
    "details": ("SkuPriceDetails", "x_SkuDetails"),
    "sku": ("SkuId",),
    "description": ("ChargeDescription",),
}
"""What is read of a line: of each the first of these columns that holds something."""

COUNTED: Final = ("gpu", "tpu", "ai")
"""Kinds of accelerators that run models; FPGAs and transcoders are none of them."""

_PROVIDERS: Final = (("aws", "aws|amazon"), ("gcp", "google|gcp"), ("azure", "microsoft|azure"))


@dataclass(frozen=True, slots=True)
class Ran:
    """An hour of it is so many hours of this accelerator."""

    accelerator: str
    count: Fraction


@dataclass(frozen=True, slots=True)
class Unlisted:
    """What looks like a machine with accelerators, and why its hours are not counted."""

    name: str
    why: str


Answer = Ran | Unlisted | None

_NOT_LISTED: Final = "not in the catalogue"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a line, none where it has none."""

    provider: str | None = None
    service: str | None = None
    category: str | None = None
    meter: str | None = None
    instance: str | None = None
    details: str | None = None
    sku: str | None = None
    description: str | None = None


@cache
def ran_on(texts: Texts) -> Answer:
    """What hours of a line with these texts are hours of; None where they are of no machine with accelerators."""
    cloud = next((cloud for cloud, words in _PROVIDERS if re.search(words, (texts.provider or "").lower())), None)
    match cloud:
        case "aws":
            return _aws(texts)
        case "gcp":
            return _gcp(texts)
        case "azure":
            return _azure(texts)
    if not texts.provider:
        answers = [_called(one, texts.instance or texts.sku or texts.description) for one, _ in _PROVIDERS]
        return next((one for one in answers if isinstance(one, Ran)), None)
    return _looks(texts)


def _of(accelerator: Accelerator | None) -> Answer:
    if accelerator is None or accelerator.kind not in COUNTED:
        return None
    memory = f" {accelerator.memory_gib:g} GiB" if accelerator.memory_gib else ""
    return Ran(f"{accelerator.model}{memory}", Fraction(accelerator.count).limit_denominator(1000))


def _called(cloud: str, name: str | None) -> Answer:
    """What a text is that names an instance type and nothing else."""
    if not name or re.search(r"\s", name):
        return None
    catalogue = Catalogue.builtin()
    known = catalogue.instance(cloud, name)
    if known is not None:
        return _of(known.accelerator)
    return Unlisted(name, _NOT_LISTED) if catalogue.is_accelerated_family(cloud, name) else None


def _looks(texts: Texts) -> Answer:
    """Of what is not understood: whether it speaks of accelerators."""
    name = texts.description or texts.meter or texts.sku
    if name and (_LIKE.search(name) or _detail(texts, "GpuCount") not in ("", "0")):
        return Unlisted(name, _NOT_LISTED)
    return None


_LIKE: Final = re.compile(r"(?i)\b(nvidia|gpus?|cloud tpu|tpu ?v\d\w*)\b")


def _detail(texts: Texts, key: str) -> str:
    """A property of the SKU: InstanceType and GpuCount are keys of FOCUS, providers' own begin with x_."""
    try:
        found = json.loads(texts.details or "{}")
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    wanted = key.lower()
    values = (value for name, value in found.items() if re.sub(r"^x_|_", "", str(name).lower()) == wanted)
    return str(next(values, "") or "")


# AWS: instance types of EC2, ml.… of SageMaker.

_AWS_SERVICES: Final = re.compile(r"(?i)elastic compute cloud|^amazon ?ec2|sagemaker")
"""Others write the same usage types beside EC2's: what EMR asks on top of a machine is a BoxUsage too."""

_USAGE: Final = re.compile(r"(?:[A-Z0-9]+-)*([A-Za-z]+):(?:\w+-)?((?:ml\.)?[a-z][a-z0-9-]*\.[a-z0-9-]+)")
_AWS_TYPE: Final = re.compile(r"(?<![\w.-])((?:ml\.)?[a-z][a-z0-9-]*\d[a-z0-9-]*\.[a-z0-9-]*(?:large|metal)[a-z0-9-]*)")
_AWS_HOURS: Final = re.compile(r"(?i)\b(on demand|spot|dedicated)\b.*instance[- ]hour|reserved instance applied")
_UNUSED: Final = re.compile(r"(?i)\bunused\b")
"""How descriptions tell a machine's hours: "$0.0116 per On Demand Linux t2.micro Instance Hour" (FOCUS sample, 1.0)."""


def _aws(texts: Texts) -> Answer:
    if texts.service and not _AWS_SERVICES.search(texts.service):
        return None
    usage = _USAGE.fullmatch(texts.meter or "")
    if usage is not None:
        runs = _usage_types().get(usage[1])
        found = _called("aws", usage[2])
        if runs == "no" or found is None:
            return None
        return found if runs else Unlisted(str(texts.meter), "not known to be hours that a machine ran")
    told = texts.description or ""
    if _UNUSED.search(told):
        return None
    # ml.p4d.24xlarge-Training: SageMaker's instance types name what they are used for.
    instance = re.sub(
        r"^(ml\.[a-z0-9-]+\.[a-z0-9]+)-[A-Z]\w*$", r"\1", texts.instance or _detail(texts, "InstanceType")
    )
    for name in (instance, texts.sku, texts.meter, told):
        if name and (found := _called("aws", name)) is not None:
            return found
    named = _AWS_TYPE.search(told) if _AWS_HOURS.search(told) else None
    return _called("aws", named[1]) if named else _looks(texts)


@cache
def _usage_types() -> Mapping[str, str]:
    with Path(__file__).with_name("usage_types.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["usage"]: row["runs"] for row in rows}


# Google Cloud: accelerators are SKUs of their own, whose hours are those of one device.

_AROUND: Final = re.compile(
    r"^(spot )?preemptible |( attached to (vms|(spot )?preemptible vms))?( running)?( in .+)?$", re.IGNORECASE
)
_COMMITMENT: Final = re.compile(r"(?i)\bcommitment\b")


def _gcp(texts: Texts) -> Answer:
    told = texts.description or ""
    if _COMMITMENT.search(told):
        return None  # what was committed to, beside the hours that ran
    device = _devices().get(_AROUND.sub("", told).lower())
    if device is not None:
        return _of(device)
    # The parts of a machine are lines of their own: what says its type otherwise may be a line of its cores.
    for name in (texts.sku, told):
        if name and (found := _called("gcp", name)) is not None:
            return found
    return _looks(texts)


@cache
def _devices() -> Mapping[str, Accelerator]:
    """The accelerator of each SKU, by its description in lower case: the one of all machines that it is part of."""
    catalogue = Catalogue.builtin()
    folder = Path(prices.__file__).parent / "refresh"
    found: dict[str, set[Accelerator]] = {}
    for item in read_table(folder / "gcp_devices.csv", ()):
        known = catalogue.instance("gcp", item["item"])
        device = catalogue.attachable("gcp", item["item"]) or (known.accelerator if known else None)
        if device is not None:
            found.setdefault(item["sku"].lower(), set()).add(device)
    for row, name in _composed():
        known = catalogue.instance("gcp", name)
        if known is not None and known.accelerator is not None:
            one = known.accelerator
            device = Accelerator(one.vendor, one.model, one.memory_gib, 1.0, one.kind)
            for sku in row["gpu"].split("|"):
                found.setdefault(sku.lower(), set()).add(device)
    return {sku: devices.pop() for sku, devices in found.items() if len(devices) == 1}


def _composed() -> Iterator[tuple[Mapping[str, str], str]]:
    """The machine types with accelerators, each with the row that says of which SKUs it is composed."""
    catalogue = Catalogue.builtin()
    table = read_table(Path(prices.__file__).parent / "refresh" / "gcp_machines.csv", ())
    for row in (row for row in table if row["gpu"]):
        group = row["pattern"].split("-")[0]
        for name in catalogue.store.instances("gcp", group):
            if fnmatchcase(name, row["pattern"]):
                yield row, name


# Azure: the meter is the size without Standard_ and with blanks.

_AZURE_SUFFIX: Final = re.compile(r" (Spot|Low Priority)$")
_AZURE_GPU: Final = re.compile(r"(?i)(standard_)?n[cdgmpv][a-z]*\d+\S*([ _].*)?")
_AZURE_MACHINES: Final = "virtual machines"


def _azure(texts: Texts) -> Answer:
    if texts.category and texts.category.strip().lower() != _AZURE_MACHINES:
        return None
    if re.search(r"(?i)licen[cs]e", texts.service or ""):
        return None
    meter = _AZURE_SUFFIX.sub("", texts.meter or "")
    sized = texts.instance or _detail(texts, "ServiceType") or _detail(texts, "InstanceType")
    for name in (sized, meter, texts.sku, texts.description):
        if not name:
            continue
        # A meter may stand for several sizes: D2 v3/D2s v3.
        answers = {_size(part) for part in name.split("/")}
        if len(answers) == 1 and (found := answers.pop()) is not None:
            return found
        if answers - {None}:
            return Unlisted(name, "sizes that differ")
    return _looks(texts)


def _size(name: str) -> Answer:
    known = _sizes().get(re.sub(r"[ _]", "", name.lower().removeprefix("standard")))
    if known is not None:
        return _called("azure", known)
    return Unlisted(name, _NOT_LISTED) if _AZURE_GPU.fullmatch(name.strip()) else None


@cache
def _sizes() -> Mapping[str, str]:
    names = (name for name in Catalogue.builtin().names("azure") if name.startswith("Standard_"))
    return {re.sub(r"[ _]", "", name.lower().removeprefix("standard")): name for name in names}
