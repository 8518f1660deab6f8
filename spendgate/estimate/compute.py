"""Cost lines of what is billed by the hour: instances, node pools, jobs, endpoints, notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from spendgate.estimate.lines import cheapest_to_dearest, hourly_line, without_price
from spendgate.estimate.model import Confidence, CostLine, Range, Running
from spendgate.estimate.running import decimal, exactly, running_of
from spendgate.estimate.usage import UNTOLD, Use
from spendgate.facts.model import Facts, Kind
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, NoPrice, Purchase, Quote

_WRONG = (
    ": expected ", "no instance type is declared", "no possible number", "refuses it", "is below the minimum",
    "is in no region",
)  # fmt: skip
"""How the reasons of facts sound that no apply will make known."""

_UNNAMED = {"gpu": "GPU", "tpu": "TPU", "fpga": "FPGA"}
"""What stands for accelerators whose model nobody says."""

_MOST_SAVED = Decimal("0.9")
"""What managed spot training saves at most: Amazon SageMaker AI Developer Guide, "Managed Spot Training" (2026-11)."""

_SETTLED = "SageMaker publishes no spot rates: counted on demand, which is the most; low is 90% less, the most it names"

_NO_TYPE = "no instance type is declared: it is set elsewhere, or billed by use"


def compute_lines(facts: Facts, catalogue: Catalogue, use: Use = UNTOLD) -> tuple[CostLine, ...]:
    """Lines of one workload: the instances (spot and on-demand apart), then accelerators that are billed apart."""
    types = tuple(dict.fromkeys(facts.instance_types or filter(None, (facts.instance_type,))))
    quantity, notes = count_of(facts, use)
    purchase = facts.purchase or Purchase.ON_DEMAND
    item = types[0] if types else stand_in(facts)

    def line(reason: NoPrice, note: str) -> tuple[CostLine, ...]:
        return (without_price(facts.provider, item, facts.region, purchase, reason, note, quantity),)

    for fact in ("instance_type", "instance_types", "region", "zones", "count"):
        reason = unknown(facts, fact)
        if reason is not None and not (fact in ("zones", "instance_types") and (facts.region and types)):
            return line(unknown_as(reason), f"{fact} is unknown: {reason}")
    if facts.kind is Kind.DATABASE:
        return line(NoPrice.UNPRICED, "no price of this kind of database is in the catalogue")
    if not types:
        return line(NoPrice.UNPRICED, _NO_TYPE)
    region = region_of(facts, catalogue)
    notes = (*notes, *_defaults(facts, item), *_unsure(facts))
    confidence = Confidence.ASSUMED if notes else Confidence.EXACT
    running = running_of(facts, use)
    share, told = _spot_share(facts, purchase, use)
    lines: list[CostLine] = []
    for option, part, mixed in _purchases(facts, purchase, quantity, share):
        quote, choice = cheapest_to_dearest([_quote(catalogue, facts.provider, name, region, option) for name in types])
        if option is Purchase.SPOT and quote.purchase is not option:
            choice = (*choice, _SETTLED)
        lines.append(
            hourly_line(quote, part, running, (*notes, *told, *mixed, *choice), confidence, use.get("spotAvailability"))
        )
        lines += attached_lines(facts, catalogue, types, region, option, part, running, confidence)
    return tuple(lines)


def _quote(catalogue: Catalogue, provider: str, name: str, region: str | None, option: Purchase) -> Quote:
    """The price of an instance; of managed spot training, which has none, its bounds: no more than on demand."""
    quote = catalogue.quote(provider, name, region, option)
    if quote.amount is not None or option is not Purchase.SPOT or (provider, name[:3]) != ("aws", "ml."):
        return quote
    listed = catalogue.quote(provider, name, region, Purchase.ON_DEMAND)
    return quote if listed.amount is None else replace(listed, low=listed.amount * (1 - _MOST_SAVED))


def impossible(facts: Facts) -> str | None:
    """The first figure that no workload can have: below zero, not finite, or absurd. None where all are possible."""
    count = facts.count
    figures = {
        "count": (1e9, (count.min, count.expected, count.max) if count else ()),
        "size": (1e12, (facts.size_gib,)),
        "max runtime": (1e6, (facts.max_runtime_hours,)),
        "number of runs": (1e6, (facts.runs_per_month,)),
        "schedule": (1e6, (facts.schedule.hours_per_week,) if facts.schedule else ()),
        "number of accelerators": (1e6, (facts.accelerator.count,) if facts.accelerator else ()),
    }
    for name, (most, values) in figures.items():
        for value in values:
            if value is not None and not 0 <= value <= most:
                return f"a {name} of {value:g} is declared"
    return None


def impossible_line(facts: Facts, item: str, note: str) -> CostLine:
    """The line of a workload that declares an impossible figure: no amount, and the figure named."""
    purchase = facts.purchase or Purchase.ON_DEMAND
    return without_price(facts.provider, item, facts.region, purchase, NoPrice.UNPRICED, note, exactly(0))


def count_of(facts: Facts, use: Use = UNTOLD) -> tuple[Range, tuple[str, ...]]:
    """How many instances: low is the minimum, high the maximum; one where no count is declared. The average that a
    usage file gives is what is expected."""
    quantity, notes = _declared_count(facts)
    given = use.get("instances")
    if given is not None:
        low, high = min(quantity.low, given.value), max(quantity.high, given.value)
        beyond = (
            f", beyond the declared {quantity.low:f} to {quantity.high:f}"
            if (low, high) != (quantity.low, quantity.high)
            else ""
        )
        quantity, notes = Range(low, given.value, high), (*notes, given.told("instances on average") + beyond)
    if use.instances != 1:
        quantity = quantity * exactly(use.instances)
        notes = (*notes, f"instances × {use.instances.normalize():f} in this scenario")
    return quantity, notes


def _declared_count(facts: Facts) -> tuple[Range, tuple[str, ...]]:
    count = facts.count
    if count is None:
        return exactly(1), ()
    expected = decimal(count.expected)
    low = min(decimal(count.min), expected)
    if count.max is None:
        return Range(low, expected, expected), (f"nothing bounds the count: high counts {expected.normalize():f}",)
    return Range(low, expected, max(decimal(count.max), expected)), ()


def region_of(facts: Facts, catalogue: Catalogue) -> str | None:
    """The declared region, or that of the first zone."""
    if facts.region is not None:
        return facts.region
    return next((catalogue.region_of_zone(facts.provider, zone) for zone in facts.zones), None)


def unknown(facts: Facts, fact: str) -> str | None:
    """Why a fact, or a part of it (``count.max``), is unknown; None where it is not."""
    for path, reason in facts.unknowns.items():
        if path == fact or path.startswith((f"{fact}.", f"{fact}[")):
            return reason
    return None


def unknown_as(reason: str) -> NoPrice:
    """What an unknown fact is for a price: known after apply, or not at all (a wrong type, an impossible value)."""
    wrong = any(words in reason for words in _WRONG)
    return NoPrice.UNPRICED if wrong else NoPrice.UNKNOWN_UNTIL_APPLY


def show_accelerator(accelerator: Accelerator) -> str:
    """``8 × H100``: what stands for a machine of which only the accelerator is known."""
    return f"{accelerator.count:g} × {accelerator.model or _UNNAMED.get(accelerator.kind, 'accelerator')}"


def stand_in(facts: Facts) -> str:
    """What names a line where no instance type is known: its accelerators, else its kind."""
    return show_accelerator(facts.accelerator) if facts.accelerator else str(facts.kind).replace("_", " ")


def _spot_share(facts: Facts, purchase: Purchase, use: Use) -> tuple[float | None, tuple[str, ...]]:
    """The share of spot above the base: what a usage file says of something that may be spot, else what is declared."""
    given = use.get("spotShare")
    if given is None or (facts.spot_share is None and purchase is not Purchase.SPOT):
        return facts.spot_share, ()
    return float(given.value), (given.told("of the instances are spot"),)


def _purchases(
    facts: Facts, purchase: Purchase, quantity: Range, share: float | None
) -> Sequence[tuple[Purchase, Range, tuple[str, ...]]]:
    """Purchase options, with how many instances each and why (a mixed-instances policy has two).

    The base is on demand; of what is above it, the on-demand part is rounded up to whole instances.
    """
    if share is None or unknown(facts, "on_demand_base") is not None:
        return ((purchase, quantity, ()),)
    spot_share = min(max(decimal(round(share, 6)), Decimal(0)), Decimal(1))
    base = decimal(facts.on_demand_base or 0)

    def on_demand(count: Decimal) -> Decimal:
        above = max(count - base, Decimal(0)) * (1 - spot_share)
        return min(count, base + above.to_integral_value(ROUND_CEILING))

    counts = (quantity.low, quantity.expected, quantity.high)
    bought = [on_demand(count) for count in counts]
    told = f"{(1 - spot_share).normalize():%} of the instances{' above it' if base else ''} are on-demand, rounded up"
    mixed = (f"a base of {base.normalize():f} is on-demand; {told}" if base else told,)
    parts = (
        (Purchase.ON_DEMAND, bought),
        (Purchase.SPOT, [count - part for count, part in zip(counts, bought, strict=True)]),
    )
    found = tuple((option, Range(*sorted(part)), mixed) for option, part in parts if any(part))
    return found or ((purchase, quantity, ()),)


def attached_lines(
    facts: Facts,
    catalogue: Catalogue,
    types: Sequence[str],
    region: str | None,
    purchase: Purchase,
    quantity: Range,
    running: Running,
    confidence: Confidence,
) -> tuple[CostLine, ...]:
    """Lines of accelerators that are attached to a machine and billed beside it (GCP: N1); others come with it."""
    if facts.provider != "gcp":
        return ()
    host = catalogue.instance(facts.provider, types[0])
    if host is None or host.accelerator is not None:
        return ()
    reason = unknown(facts, "accelerator")
    if reason is not None:
        note = f"accelerator is unknown: {reason}"
        asked = (facts.provider, "accelerator", region, purchase, unknown_as(reason), note)
        return (without_price(*asked, quantity),)
    if facts.accelerator is None:
        return ()
    devices = quantity * exactly(facts.accelerator.count)
    item = catalogue.attachable_item(facts.provider, facts.accelerator)
    if item is None:
        note = "this accelerator is not one that the catalogue can attach"
        shown = show_accelerator(facts.accelerator)
        return (without_price(facts.provider, shown, region, purchase, NoPrice.UNPRICED, note, quantity),)
    quote = catalogue.quote(facts.provider, item, region, purchase)
    return (hourly_line(quote, devices, running, (f"attached to {types[0]}, billed beside it",), confidence),)


def _defaults(facts: Facts, item: str) -> tuple[str, ...]:
    notes = []
    if "instance_type" in facts.defaults or "instance_types" in facts.defaults:
        notes.append(f"{item} is the provider's default")
    if "count" in facts.defaults:
        notes.append("the count is the provider's default")
    return tuple(notes)


def _unsure(facts: Facts) -> tuple[str, ...]:
    notes = []
    for fact, effect in (
        ("purchase", "priced on demand"),
        ("on_demand_base", "priced on demand"),
        ("schedule", "counted as always on"),
    ):
        reason = unknown(facts, fact)
        if reason is not None:
            notes.append(f"{fact} is unknown ({reason}): {effect}")
    return tuple(notes)
