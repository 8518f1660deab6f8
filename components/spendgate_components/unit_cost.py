"""What a thousand inferences cost, given what one replica answers."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, TypedDict

from spendgate.prices.catalogue import Catalogue
from spendgate_components import cost
from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError

_MICRO: Final = Decimal("0.000001")


class UnitCost(TypedDict):
    """What a thousand inferences cost, in US dollars."""

    low: float | None
    """At the lowest price, with every replica fully used. Null where the throughput or a price is unknown."""
    expected: float | None
    """At the expected price, with replicas as busy as the autoscaler keeps them."""
    high: float | None
    """At the highest price, with replicas as busy as the autoscaler keeps them."""
    assumptions: list[str]
    """What the figures rest on, or why there are none."""


def unit_cost(one: Sequence[Child], rate: float | None, busy: Decimal, catalogue: Catalogue, name: str) -> UnitCost:
    """The cost of a thousand inferences: ``one`` are the children of an endpoint with a single replica, which answers
    ``rate`` requests a second when it is fully used and is kept ``busy`` to that share. Raises ArgumentError."""
    if rate is None:
        why = "the throughput is not known: measure what one replica answers, and write requests_per_second"
        return UnitCost(low=None, expected=None, high=None, assumptions=[why])
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0.0001 <= rate <= 1_000_000:
        raise ArgumentError(f"requests_per_second is {rate!r}", remedy="Write what one replica answers, such as 12.5.")
    estimate = cost.estimate_children(one, catalogue, name)
    if estimate.unpriced or not estimate.lines:
        why = f"there is no price of {'; '.join(cost.unpriced_of(estimate)) or 'a replica'}"
        return UnitCost(low=None, expected=None, high=None, assumptions=[why])
    thousands = Decimal(str(rate)) * 3600 / 1000
    hourly = estimate.total.hourly

    def rounded(amount: Decimal) -> float:
        return float(amount.quantize(_MICRO, ROUND_HALF_EVEN))

    return UnitCost(
        low=rounded(hourly.low / thousands),
        expected=rounded(hourly.expected / thousands / busy),
        high=rounded(hourly.high / thousands / busy),
        assumptions=[
            f"a replica answers {rate:g} requests a second when it is fully used, as declared",
            f"low counts replicas that are fully used; expected and high count {busy:%} of that",
            "hours without a request are left out: what is up then is in the estimated cost",
        ],
    )
