"""What components told of their cost, held to what ``spendgate check`` finds of their children."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal

from spendgate.estimate.model import Estimate
from spendgate.verdict import Checked


def same_to_the_cent(checked: Checked) -> None:
    """That ``costs.json``, written by the program, has the cost of each component by name as the check has it."""
    told = json.loads((checked.path / "costs.json").read_text(encoding="utf-8"))
    assert told
    for name, cost in told.items():
        total = Estimate(tuple(line for line in checked.estimate.lines if f"::{name}-" in line.resource)).total
        for period in ("hourly", "daily", "monthly"):
            found = [_cents(bound) for bound in getattr(total, period).bounds]
            assert [cost[period][bound] for bound in ("low", "expected", "high")] == found, (name, period)


def _cents(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN))
