"""Which machine a need means: the cheapest type of the catalogue that carries what is asked for, and why it is that."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from spendgate.errors import InputError
from spendgate.prices.asked import parse_asked
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.compare import Offer, compare
from spendgate.prices.model import Accelerator, InstanceType, Purchase, Quote
from spendgate_components.errors import ArgumentError

DRIVEN: Final = ("nvidia", "aws")
"""Vendors whose drivers the node images of EKS and GKE bring: NVIDIA GPUs, and AWS Trainium and Inferentia."""

_VCPUS_BESIDE_ONE: Final = 4
"""vCPUs of the N1 machine for each attached GPU: within the limits of every model (at most 12 for one V100; Compute
Engine, GPU machine types, N1 with attached GPUs)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A machine type, with what it carries. ``attached`` is the accelerator type that is attached to it, where it
    brings none of its own; ``quote`` is what an hour of the whole costs."""

    machine: InstanceType
    accelerator: Accelerator
    quote: Quote
    why: str
    attached: str | None = None

    @property
    def resource(self) -> str:
        """The Kubernetes resource that pods ask for."""
        return "nvidia.com/gpu" if self.accelerator.vendor == "nvidia" else "aws.amazon.com/neuron"

    @property
    def label(self) -> str:
        """The accelerator as a label's value: ``A100-80GB``."""
        memory = self.accelerator.memory_gib
        return self.accelerator.model.replace(" ", "-") + (f"-{memory:g}GB" if memory else "")


def choose(
    catalogue: Catalogue,
    provider: str,
    region: str,
    asked: str,
    per_node: int,
    purchase: Purchase,
    *,
    instance_type: str | None = None,
    min_vcpu: float | None = None,
    min_memory_gib: float | None = None,
    prefix: str = "",
) -> Choice:
    """The cheapest machine with exactly ``per_node`` of the accelerator, bought so, in the region; one without a price
    only where none has any. ``prefix`` stands before the names of a service that sells the same machines (``ml.``).
    Raises ArgumentError where nothing fits, with what there is."""
    try:
        _, _, count = parse_asked(asked, catalogue)
        if count != 1:
            model = asked[: asked.lower().rindex("x")]
            raise ArgumentError(f'accelerator is "{asked}"', remedy=f'Write accelerator="{model}", per_node={count:g}.')
        found = compare(
            f"{asked}x{per_node}", region=region, provider=provider, purchase=str(purchase), catalogue=catalogue
        )
    except ArgumentError:
        raise
    except InputError as error:
        raise ArgumentError(error.message, remedy=error.remedy) from None
    every = [
        choice
        for offer in (*found.offers, *found.without_price)
        if (choice := _choice(offer, catalogue, per_node, prefix))
    ]
    fitting = [one for one in every if _fits(one, instance_type, min_vcpu, min_memory_gib)]
    if not fitting:
        raise _nothing(every, f"{per_node} × {asked}", region, instance_type)
    best = min(fitting, key=_dearness)
    return Choice(best.machine, best.accelerator, best.quote, _why(best, fitting, instance_type), best.attached)


def _choice(offer: Offer, catalogue: Catalogue, per_node: int, prefix: str) -> Choice | None:
    quote = offer.quote
    if prefix:
        quote = catalogue.quote(quote.provider, prefix + quote.item, quote.region, quote.purchase)
    name = f"n1-standard-{_VCPUS_BESIDE_ONE * per_node}" if offer.attached else quote.item
    machine = catalogue.instance(quote.provider, name)
    if machine is None or offer.accelerator.vendor not in DRIVEN:
        return None
    if not offer.attached:
        return Choice(machine, offer.accelerator, quote, "")
    host = catalogue.quote(quote.provider, name, quote.region, quote.purchase)
    return Choice(machine, offer.accelerator, _sum(quote, host), "", quote.item)


def _sum(devices: Quote, host: Quote) -> Quote:
    from dataclasses import replace

    if devices.amount is None or host.amount is None:
        return devices if devices.amount is None else host
    low = (devices.low or devices.amount) + (host.low or host.amount)
    high = (devices.high or devices.amount) + (host.high or host.amount)
    return replace(devices, amount=devices.amount + host.amount, low=low, high=high)


def _fits(one: Choice, instance_type: str | None, min_vcpu: float | None, min_memory_gib: float | None) -> bool:
    machine = one.machine
    if instance_type is not None:
        return machine.name == instance_type
    return (
        # Images of most workloads are for x86; and a whole server takes long to start.
        machine.architecture in (None, "amd64")
        and ".metal" not in machine.name
        and (min_vcpu is None or (machine.vcpu or 0) >= min_vcpu)
        and (min_memory_gib is None or (machine.memory_gib or 0) >= min_memory_gib)
    )


def _dearness(one: Choice) -> tuple[bool, Decimal, float, str]:
    return one.quote.amount is None, one.quote.amount or Decimal(0), one.machine.vcpu or 0, one.machine.name


def _nothing(every: list[Choice], what: str, region: str, instance_type: str | None) -> ArgumentError:
    names = list(dict.fromkeys(one.machine.name for one in every))
    if instance_type is not None:
        message = f'instance_type is "{instance_type}", which is no machine with {what}'
    else:
        message = f"no machine with {what} is large enough" if names else f"no node can be made with {what} in {region}"
    remedy = f"There is {', '.join(names)}." if names else "Write another accelerator, such as L4 or A10G."
    return ArgumentError(message, remedy=remedy)


def _why(best: Choice, fitting: list[Choice], instance_type: str | None) -> str:
    device = best.accelerator
    memory = f" {device.memory_gib:g} GiB" if device.memory_gib else ""
    carries = f"{device.count:g} × {device.model}{memory}"
    quote = best.quote
    bought = str(quote.purchase).replace("_", " ")
    if quote.amount is None:
        price = f"no price ({quote.reason})"
    else:
        price = f"${quote.amount:.4f} an hour, {bought}, as of {quote.as_of} ({quote.source})"
    names = len({one.machine.name for one in fitting})
    if instance_type is not None:
        how = "named by instance_type"
    else:
        how = f"the cheapest of {names} types" if names > 1 else "the only type"
    return f"{best.machine.name} with {carries} in {quote.region}: {how}; {price}"
