"""Energy and carbon of an estimate: kWh and kg CO2e a month, from published power, cooling and grid figures.

A figure that nobody publishes is named as missing, never counted as zero. What is not counted at all (memory, disks,
network, the making of the hardware) is said in the assumptions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from spendgate.estimate.model import EXACT, ZERO, CostLine, LineKind, Range
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, NoPrice
from spendgate.prices.naming import PROVIDERS
from spendgate.prices.tables import Row, read_table

DATA: Final = Path(__file__).parent / "carbon_data"

_MICRO: Final = Decimal("0.000001")
_ONE: Final = Decimal(1)
_THOUSAND: Final = Decimal(1000)
_NOT_COUNTED: Final = "memory, disks, network and the making of the hardware are not counted"


@dataclass(frozen=True, slots=True)
class Power:
    """Watts of one accelerator at full load with their basis, or None with the ``note`` that says why not."""

    watts: Decimal | None
    basis: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Carbon:
    """kWh and kg CO2e of a month, drawn from the grid. Low is idle, high is full load, both at the line's own bounds of
    quantity and hours; ``kg`` is None where the region's grid has no published factor. ``missing`` says what is not in
    the figures, and why."""

    kwh: Range | None
    kg: Range | None
    missing: str = ""
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A line whose energy or carbon is not known: its resource, its item, and what no source says."""

    resource: str
    item: str
    reason: str
    unknown_until_apply: bool = False


@dataclass(frozen=True, slots=True)
class Footprint:
    """The carbon of an estimate's lines, line by line (None: a line that draws no power of its own, such as storage).

    ``kwh`` and ``kg`` sum what is known; ``missing`` names the lines that the sums leave out.
    """

    lines: tuple[Carbon | None, ...] = ()
    kwh: Range = ZERO
    kg: Range = ZERO
    missing: tuple[Missing, ...] = ()
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(
            (*self.lines, *other.lines),
            self.kwh + other.kwh,
            self.kg + other.kg,
            (*self.missing, *other.missing),
            _unique((*self.assumptions, *other.assumptions)),
            _unique((*self.sources, *other.sources)),
        )


class CarbonOf:
    """Energy and carbon of cost lines by one catalogue. Equal lines are worked out once.

    ``utilisation`` is the share of full load that the hardware runs at, 0 to 1; that of a line (a usage file's) comes
    before it. Without either the mean of
    ``coefficients.csv`` is expected, idle is the low and full load the high figure. Raises ValueError for a share
    outside of 0 to 1.
    """

    def __init__(self, catalogue: Catalogue, utilisation: Decimal | float | None = None) -> None:
        share = None if utilisation is None else _decimal(utilisation)
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"a utilisation is a share of 0 to 1, not {utilisation}")
        self._catalogue = catalogue
        self._share = share
        self._known: dict[Hashable, Carbon | None] = {}

    def footprint(self, lines: Sequence[CostLine]) -> Footprint:
        """The carbon of these lines, its sums, and what is missing from them."""
        found = self._each(lines)
        kwh = kg = ZERO
        assumptions: dict[str, None] = {}
        sources: dict[str, None] = {}
        times = Counter(map(id, found))
        for carbon in {id(carbon): carbon for carbon in found}.values():
            if carbon is None:
                continue
            count = _exactly(Decimal(times[id(carbon)]))
            kwh = kwh if carbon.kwh is None else kwh + carbon.kwh * count
            kg = kg if carbon.kg is None else kg + carbon.kg * count
            assumptions |= dict.fromkeys(carbon.assumptions)
            sources |= dict.fromkeys(carbon.sources)
        missing = [
            Missing(line.resource, line.item, carbon.missing, line.quote.reason is NoPrice.UNKNOWN_UNTIL_APPLY)
            for line, carbon in zip(lines, found, strict=True)
            if carbon is not None and carbon.missing
        ]
        told = (*assumptions, _NOT_COUNTED) if any(item and item.kwh for item in found) else ()
        return Footprint(found, kwh, kg, tuple(missing), told, tuple(sources))

    def _each(self, lines: Sequence[CostLine]) -> tuple[Carbon | None, ...]:
        """The carbon of each line. Lines of equal facts share what they are made of, and are told apart by that."""
        known: dict[Hashable, Carbon | None] = {}
        found = []
        for line in lines:
            key = (line.item, line.unit, line.kind, line.utilisation, *map(id, (line.quote, line.quantity, line.hours)))
            if key not in known:
                known[key] = self.line(line)
            found.append(known[key])
        return tuple(found)

    def line(self, line: CostLine) -> Carbon | None:
        """The carbon of one line; None where the line draws no power of its own, or another resource's line has it."""
        quote = line.quote
        key = (
            quote.provider, line.item, quote.region, line.unit, line.quantity, line.hours, quote.reason, quote.note,
            line.kind, line.utilisation,
        )  # fmt: skip
        if key not in self._known:
            self._known[key] = self._line(line)
        return self._known[key]

    def _line(self, line: CostLine) -> Carbon | None:
        quote = line.quote
        if line.unit != "hour" or line.kind is not LineKind.MACHINE or quote.reason is NoPrice.PAID_BY_NODES:
            return None
        if line.hours is None:
            return Carbon(None, None, quote.note or f"the hours of {line.item} are not known")
        attached = self._catalogue.attachable(quote.provider, line.item)
        machine = None if attached else self._catalogue.instance(quote.provider, line.item)
        if attached is None and machine is None:
            if quote.provider in PROVIDERS and line.item in self._catalogue.store.storage(quote.provider):
                return None  # a fee by the hour, such as that of a gateway
            return Carbon(None, None, f"what {line.item} consists of is not in the catalogue")
        accelerator = attached or (machine.accelerator if machine else None)
        return self._of_parts(line, accelerator, machine.vcpu if machine else None, hosted=machine is not None)

    def _of_parts(self, line: CostLine, accelerator: Accelerator | None, vcpu: float | None, *, hosted: bool) -> Carbon:
        """Watts of the accelerators and the host × hours × cooling × grid."""
        provider, region = line.quote.provider, line.quote.region
        share = self._share if line.utilisation is None else line.utilisation
        watts, sources = ZERO, []
        mean = False
        if accelerator is not None:
            power = power_of(accelerator)
            if power is None or power.watts is None:
                why = power.note if power else "its model is not in the table"
                return Carbon(None, None, f"the power of {accelerator.model} is not known: {why}")
            mean = power.basis == "mean"
            watts = watts + self._drawn(power, provider, share) * _exactly(_decimal(accelerator.count))
            sources.append(power.source)
        notes = []
        if vcpu is not None:
            idle, full = coefficient("vcpu_idle", provider), coefficient("vcpu_full", provider)
            watts = watts + self._between(idle.value, full.value, share) * _exactly(_decimal(vcpu))
            sources.append(idle.source)
        elif hosted and accelerator is not None:
            notes.append(f"the host of {line.item} is not counted: its vCPUs are not in the catalogue")
        elif hosted:
            return Carbon(None, None, f"the vCPUs of {line.item} are not in the catalogue")
        pue = coefficient("pue", provider)
        sources.append(pue.source)
        hours = line.hours or ZERO
        kwh = _rounded(line.quantity * hours * watts * _exactly(pue.value), _THOUSAND)
        notes += self._assumed(provider, pue.value, share, mean=mean)
        factor = grid_factor(provider, region and (self._catalogue.region_of_zone(provider, region) or region))
        if factor is None:
            where = f"the grid of {region}" if region else "a grid without a declared region"
            why = f"no carbon factor of {where} is published"
            return Carbon(kwh, None, why, tuple(notes), _unique(sources))
        kg = _rounded(kwh * _exactly(factor.value), _ONE)
        return Carbon(kwh, kg, "", tuple(notes), _unique([*sources, factor.source]))

    def _drawn(self, power: Power, provider: str, share: Decimal | None) -> Range:
        full = power.watts or Decimal(0)
        if power.basis == "mean":  # measured under load: a share of it would count the use twice
            return _exactly(full)
        return self._between(EXACT.multiply(full, coefficient("idle_share", provider).value), full, share)

    def _between(self, idle: Decimal, full: Decimal, stated: Decimal | None) -> Range:
        """Watts at idle, at the expected use and at full load; at the stated use where one is stated."""
        share = coefficient("utilisation", "*").value if stated is None else stated
        used = EXACT.add(idle, EXACT.multiply(share, EXACT.subtract(full, idle)))
        return Range(idle, used, full) if stated is None else _exactly(used)

    def _assumed(self, provider: str, pue: Decimal, stated: Decimal | None, *, mean: bool) -> list[str]:
        notes = []
        if stated is None:
            assumed = coefficient("utilisation", "*").value
            notes.append(f"hardware is taken to run at {assumed:.0%} of its full load; low is idle, high is full load")
        else:
            notes.append(f"hardware runs at {stated.normalize():%} of its full load, as stated")
        if mean:
            notes.append("TPUs draw the mean that was measured under load, whatever their use")
        notes.append(f"{provider}: {pue} kWh are drawn for each that is used (cooling)")
        return notes


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A published figure with the source it is from (``where``, as of)."""

    value: Decimal
    source: str


def power_of(accelerator: Accelerator) -> Power | None:
    """The power of an accelerator's model and memory; None for a model that the table does not have."""
    memory = "" if accelerator.memory_gib is None else f"{accelerator.memory_gib:g}"
    return _powers().get((accelerator.model, memory))


def grid_factor(provider: str, region: str | None) -> Coefficient | None:
    """kg CO2e per kWh of the grid of a region, or None where no factor is published."""
    return _grid().get((provider, region)) if region else None


def coefficient(name: str, provider: str) -> Coefficient:
    """A coefficient of a provider, else the one that holds for all."""
    found = _coefficients()
    return found[name, provider] if (name, provider) in found else found[name, "*"]


def show_figure(amount: Decimal) -> str:
    """``1,234`` of kWh or kg; below ten two decimals, for a small figure is not nothing."""
    if abs(amount) >= 10:
        return f"{amount.quantize(_ONE, ROUND_HALF_EVEN, EXACT):,f}"
    return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_EVEN, EXACT):f}"


def models() -> tuple[tuple[str, str], ...]:
    """Model and memory of every row of the power table, also of those without a figure."""
    return tuple(_powers())


@lru_cache(maxsize=1)
def _sources() -> dict[str, str]:
    rows = read_table(DATA / "sources.csv", ("id", "as_of", "strength", "where", "what"))
    return {row["id"]: f"{row['where']} ({row['as_of']})" for row in rows}


@lru_cache(maxsize=1)
def _powers() -> dict[tuple[str, str], Power]:
    rows = read_table(DATA / "power.csv", ("accelerator", "accelerator_memory_gib", "watts", "basis", "source", "note"))
    return {
        (row["accelerator"], row["accelerator_memory_gib"]): Power(
            Decimal(row["watts"]) if row["watts"] else None, row["basis"], _where(row), row["note"]
        )
        for row in rows
    }


@lru_cache(maxsize=1)
def _grid() -> dict[tuple[str, str], Coefficient]:
    rows = read_table(DATA / "grid.csv", ("provider", "region", "kg_per_kwh", "source"))
    return {(row["provider"], row["region"]): Coefficient(Decimal(row["kg_per_kwh"]), _where(row)) for row in rows}


@lru_cache(maxsize=1)
def _coefficients() -> dict[tuple[str, str], Coefficient]:
    rows = read_table(DATA / "coefficients.csv", ("name", "provider", "value", "source"))
    return {(row["name"], row["provider"]): Coefficient(Decimal(row["value"]), _where(row)) for row in rows}


def _where(row: Row) -> str:
    return _sources()[row["source"]] if row["source"] else ""


def _exactly(value: Decimal) -> Range:
    return Range(value, value, value)


def _rounded(product: Range, divisor: Decimal) -> Range:
    """To a millionth: products of published figures are not more exact, and sums stay short."""

    def part(bound: Decimal) -> Decimal:
        return EXACT.divide(bound, divisor).quantize(_MICRO, ROUND_HALF_EVEN, EXACT)

    return Range(part(product.low), part(product.expected), part(product.high))


def _unique(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _decimal(value: Decimal | float) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))
