"""What one unit of use costs: a run, a thousand requests, a million tokens."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.estimate.model import EXACT, Cost, CostLine, Driver, Estimate, Range
from spendgate.estimate.usage import Given, ModelUse, Use

REQUESTS: Final = "1,000 requests"
TOKENS: Final = "million tokens"
RUN: Final = "run"

_PICO: Final = Decimal("0.000000000001")
_THOUSAND, _MILLION = Decimal(1000), Decimal(1_000_000)


def drivers_of(address: str, lines: Sequence[CostLine], use: Use) -> list[Driver]:
    """The unit costs of one resource for which a usage file gives the driver; none where nothing of it has a price."""
    if not any(line.cost for line in lines):
        return []
    cost = Estimate(tuple(lines)).total
    found = []
    runs = use.get("runsPerMonth") or use.get("hoursPerRun")
    if cost.run is not None and runs is not None:
        found.append(Driver(address, RUN, cost.run, runs.origin))
    return found + _units(address, cost, use.get("requestsPerMonth"), _tokens(use))


def drivers_of_model(model: ModelUse, lines: Sequence[CostLine]) -> list[Driver]:
    """The unit costs of a token-priced model."""
    if not lines or any(line.cost is None for line in lines):
        return []
    address, cost = lines[0].resource, Estimate(tuple(lines)).total
    tokens = Given(EXACT.add(model.input_tokens.value, model.output_tokens.value), model.origin)
    return _units(address, cost, model.requests, tokens)


def _units(address: str, cost: Cost, requests: Given | None, tokens: Given | None) -> list[Driver]:
    found = []
    for per, many, given in ((REQUESTS, _THOUSAND, requests), (TOKENS, _MILLION, tokens)):
        if given is not None and given.value:
            found.append(Driver(address, per, _over(cost.monthly, given.value, many), given.origin))
    return found


def _tokens(use: Use) -> Given | None:
    given = [item for item in (use.get("inputTokensPerMonth"), use.get("outputTokensPerMonth")) if item is not None]
    return Given(sum((item.value for item in given), Decimal(0)), given[0].origin) if given else None


def _over(month: Range, units: Decimal, many: Decimal) -> Range:
    def part(bound: Decimal) -> Decimal:
        return EXACT.divide(EXACT.multiply(bound, many), units).quantize(_PICO, ROUND_HALF_EVEN, EXACT)

    return Range(part(month.low), part(month.expected), part(month.high))
