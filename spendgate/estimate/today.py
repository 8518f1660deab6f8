"""The estimate as of a day: by the terms that hold then, with a word on prices that are old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from spendgate.estimate import estimate as estimate_of
from spendgate.estimate.discounts import Term, in_force
from spendgate.estimate.model import Estimate
from spendgate.estimate.usage import Usage
from spendgate.facts.model import Workload
from spendgate.prices.age import old_price_note
from spendgate.prices.catalogue import Catalogue


def estimate_today(
    workloads: Sequence[Workload], catalogue: Catalogue, usage: Usage, discounts: Sequence[Term], now: datetime
) -> Estimate:
    """The estimate by the discounts and commitments that have not ended; a caution names those that have."""
    terms, ended = in_force(discounts, now.date())
    estimate = estimate_of(workloads, catalogue, usage=usage, discounts=terms)
    return replace(estimate, cautions=(*estimate.cautions, *ended))


def with_old_prices(estimate: Estimate, max_age: int | None, today: date) -> Estimate:
    """The estimate with a caution that names the prices in it older than ``max_age`` days."""
    note = None if max_age is None else old_price_note((line.quote for line in estimate.lines), max_age, today)
    return estimate if note is None else replace(estimate, cautions=(*estimate.cautions, note))
