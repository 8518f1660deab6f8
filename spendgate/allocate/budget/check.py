"""Each budget against what was spent and where the month will end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from spendgate.allocate.allocated import rows
from spendgate.allocate.asking import quoted
from spendgate.allocate.budget.load import BillBudget
from spendgate.allocate.budget.runrate import RunRate, run_rate
from spendgate.allocate.budget.spend import Spend, tag_sql
from spendgate.allocate.model import OWNER
from spendgate.errors import InputError


class State(StrEnum):
    """From bad to good: over the budget; over it at the month's end as expected; over it at the upper end of the range;
    within it. Or not held against the bill."""

    EXCEEDED = "exceeded"
    PROJECTED = "projected"
    AT_RISK = "at risk"
    WITHIN = "within"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Checked:
    """A budget with its month and day. ``over`` are days of the month that were over a daily budget."""

    budget: BillBudget
    state: State
    rate: RunRate | None = None
    over: tuple[date, ...] = ()
    notes: tuple[str, ...] = ()


def check_budgets(connection: Any, spend: Spend, budgets: Sequence[BillBudget], as_of: date) -> tuple[Checked, ...]:
    """The budgets in their order. Raises InputError where a budget is in another currency than the bill."""
    return tuple(_checked(connection, spend, budget, as_of) for budget in budgets)


def _checked(connection: Any, spend: Spend, budget: BillBudget, as_of: date) -> Checked:
    if budget.unchecked:
        return Checked(budget, State.UNCHECKED)
    if budget.currency != spend.currency:
        raise InputError(
            f'the budget "{budget.name}" is in {budget.currency}, the bill in {spend.currency}',
            place=budget.place,
            remedy=f"Write it in a file of kind Budgets with currency: {spend.currency}.",
        )
    use, once = _by_day(connection, budget, as_of)
    rate = run_rate(use, once, spend.first, as_of)
    notes = [] if use or once else ["no line of the bill is under it: is it named as in the bill?"]
    over: tuple[date, ...] = ()
    if budget.daily is not None:
        days = {day: use.get(day, Decimal()) + once.get(day, Decimal()) for day in {*use, *once}}
        start = as_of.replace(day=1)
        over = tuple(sorted(day for day, cost in days.items() if day >= start and cost > budget.daily))
    return Checked(budget, _state(budget, rate), rate, over, tuple(notes))


def rate_of(connection: Any, spend: Spend, budget: BillBudget, as_of: date) -> RunRate:
    """The month of what is under a budget, whether or not it has an amount."""
    return run_rate(*_by_day(connection, budget, as_of), spend.first, as_of)


def _by_day(connection: Any, budget: BillBudget, as_of: date) -> tuple[dict[date, Decimal], dict[date, Decimal]]:
    """The cost of use and of one-time charges by day."""
    found = rows(
        connection,
        f"SELECT day, once, sum(cost) AS cost FROM spend WHERE day <= ? AND {condition(budget)} GROUP BY ALL",
        [as_of],
    )
    return (
        {row["day"]: row["cost"] for row in found if not row["once"]},
        {row["day"]: row["cost"] for row in found if row["once"]},
    )


def _state(budget: BillBudget, rate: RunRate) -> State:
    if budget.daily is not None and rate.day > budget.daily:
        return State.EXCEEDED
    if budget.monthly is None:
        return State.WITHIN
    if rate.spent > budget.monthly:
        return State.EXCEEDED
    if rate.expected > budget.monthly:
        return State.PROJECTED
    if rate.high is not None and rate.high > budget.monthly:
        return State.AT_RISK
    return State.WITHIN


def condition(budget: BillBudget) -> str:
    """Which rows of ``spend`` are under a budget, as SQL: by the owner of an allocation, else by the line's tags."""
    parts = ["true"]
    if budget.tag is not None:
        key, value = budget.tag
        field = key.replace("-", "_")
        column = field if field in OWNER else tag_sql("tags", key)
        parts.append(f"{column} = {quoted(value)}")
    if budget.environments:
        parts.append(f"environment IN ({', '.join(map(quoted, budget.environments))})")
    return " AND ".join(parts)
