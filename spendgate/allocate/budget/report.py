"""What a budget check found, for a person at a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.budget.anomaly import METHOD as UNUSUAL
from spendgate.allocate.budget.anomaly import Anomaly
from spendgate.allocate.budget.check import Checked, State
from spendgate.allocate.budget.runrate import METHOD, RunRate
from spendgate.allocate.budget.scenarios import Forecast, Month
from spendgate.allocate.report.markup import one_line
from spendgate.money import show_money
from spendgate.report.wording import plural

FAIL_ON: Final = {
    "exceeded": (State.EXCEEDED,),
    "projected": (State.EXCEEDED, State.PROJECTED),
    "at-risk": (State.EXCEEDED, State.PROJECTED, State.AT_RISK),
}
"""Which budgets make the command exit 1."""

_SAID: Final = {
    "exceeded": "exceeded",
    "projected": "exceeded, or expected to be,",
    "at-risk": "exceeded, expected to be, or at risk",
}

FILE: Final = "budgets.json"
"""What was held against budgets, in the folder of an allocation."""

SHOWN: Final = 8
"""Unusual days that the terminal lists."""

LINES: Final = 3
"""Lines behind each of them that the terminal lists."""


@dataclass(frozen=True, slots=True)
class Result:
    """All that was found, in the bill's currency."""

    currency: str
    as_of: date
    whole: RunRate
    checked: tuple[Checked, ...]
    anomalies: tuple[Anomaly, ...] | None
    forecasts: tuple[Forecast, ...]
    notes: tuple[str, ...]

    def failed(self, fail_on: str) -> tuple[Checked, ...]:
        """The budgets for which the command exits 1."""
        return tuple(one for one in self.checked if one.state in FAIL_ON[fail_on])


def to_text(result: Result, fail_on: str) -> str:
    """The verdict first, then each budget, the month as a whole, what is unusual, and the months ahead."""
    failed = result.failed(fail_on)
    lines = [
        f"{len(failed)} of {len(result.checked)} budgets {'are' if len(failed) != 1 else 'is'} "
        f"{_SAID[fail_on]} on {result.as_of}"
        if failed
        else f"no budget is {_SAID[fail_on]} on {result.as_of}"
    ]
    lines += [line for checked in result.checked for line in _budget(checked, result.currency)]
    lines += ["", f"The whole bill: {_rate(result.whole, result.currency)}", f"  Method: {METHOD}."]
    lines += ["", *_anomalies(result)]
    for forecast in result.forecasts:
        lines += ["", *_forecast(forecast, result.currency)]
    lines += [f"Note: {note}" for note in result.notes]
    return "\n".join(map(one_line, lines))


def _budget(checked: Checked, currency: str) -> list[str]:
    budget = checked.budget
    of = f"{budget.tag[0]} {budget.tag[1]}" if budget.tag else ", ".join(budget.environments) or "the whole bill"
    if checked.rate is None:
        return [f"{'UNCHECKED':<10} {budget.name}: {budget.unchecked}"]
    lines = [f"{checked.state.upper():<10} {budget.name} ({of})"]
    rate = checked.rate
    if budget.monthly is not None:
        used = f", {round(rate.spent / budget.monthly, 2) + 0:,.0%}" if budget.monthly else ""
        lines.append(f"           month {_money(budget.monthly, currency)}{used}: {_rate(rate, currency)}")
    if budget.daily is not None:
        over = (
            f"; {plural(len(checked.over), 'day')} of the month {'was' if len(checked.over) == 1 else 'were'} over it"
            if checked.over
            else ""
        )
        shown = f"{_money(rate.day, currency)} on the day{over}"
        lines.append(f"           day {_money(budget.daily, currency)}: {shown}")
    return [*lines, *(f"           {note}" for note in checked.notes)]


def _rate(rate: RunRate, currency: str) -> str:
    bounds = (
        f" ({_money(rate.low, currency)} to {_money(rate.high, currency)})"
        if rate.low is not None and rate.high is not None
        else f" (no range from {plural(rate.days, 'day')})"
    )
    return (
        f"{_money(rate.spent, currency)} spent, {_money(rate.daily, currency)} a day, "
        f"{_money(rate.expected, currency)} expected{bounds if rate.days_left else ''}"
    )


def _anomalies(result: Result) -> list[str]:
    if result.anomalies is None:
        return ["Unusual days: too few days to tell."]
    if not result.anomalies:
        return ["Unusual days: none.", f"  Method: {UNUSUAL}."]
    lines = ["Unusual days:"]
    for one in result.anomalies[:SHOWN]:
        what = one.sku if one.service in (None, one.sku) else f"{one.service} {one.sku}"
        lines.append(
            f"  {one.day}  {one.team or 'no team'}, {what}: {_money(one.cost, result.currency)}, usually "
            f"{_money(one.usual, result.currency)} (score {one.score:g})"
        )
        for line in one.lines[:LINES]:
            which = line["resource"] or line["charge"] or ""
            lines.append(f"      {_money(line['cost'], result.currency):>12}  {line['line']}  {which}")
        if one.rows > LINES:
            lines.append(f"      {one.rows - LINES:,} smaller lines")
    if len(result.anomalies) > SHOWN:
        lines.append(f"  {len(result.anomalies) - SHOWN} more, with smaller differences (--format json)")
    return [*lines, f"  Method: {UNUSUAL}."]


def _forecast(forecast: Forecast, currency: str) -> list[str]:
    if forecast.missing or forecast.unit_cost is None or forecast.daily_volume is None:
        return [f"Forecast by {forecast.driver}: not known; missing: {forecast.missing}"]
    lines = [
        f"Forecast by {forecast.driver}: {show_money(forecast.unit_cost, currency)} for one, "
        f"{forecast.daily_volume:,.1f} a day",
        f"  {'month':<9}{'base':>15}{'growth':>15}{'optimised':>15}",
    ]
    for month in forecast.months:
        cells = (month.base, month.growth, month.optimized)
        lines.append(f"  {month.month:<9}" + "".join(f"{_cell(cell, currency):>15}" for cell in cells))
    grown = (
        f"{forecast.growth:+.1%} a month, {forecast.growth_from}"
        if forecast.growth is not None
        else "not known (--growth, or three whole months of the driver)"
    )
    saved = (
        f"{forecast.saving:.1%} less for one, {forecast.saving_from}"
        if forecast.saving is not None
        else "not known (--saving, or idle capacity in the allocation)"
    )
    return [*lines, f"  growth: {grown}; optimised: {saved}"]


def _cell(amount: Decimal | None, currency: str) -> str:
    return "not known" if amount is None else _money(amount, currency)


def _money(amount: Decimal, currency: str) -> str:
    return show_money(amount.quantize(Decimal("0.01")), currency)


def to_json(result: Result, fail_on: str) -> dict[str, Any]:
    """The result as plain data; amounts are texts."""
    failed = result.failed(fail_on)
    return {
        "passed": not failed,
        "fail_on": fail_on,
        "currency": result.currency,
        "as_of": result.as_of.isoformat(),
        "method": METHOD,
        "bill": _rate_json(result.whole),
        "budgets": [_budget_json(one) for one in result.checked],
        "anomalies": None if result.anomalies is None else [_anomaly_json(one) for one in result.anomalies],
        "anomaly_method": UNUSUAL,
        "forecasts": [_forecast_json(one) for one in result.forecasts],
        "notes": list(result.notes),
    }


def read_result(folder: Path) -> dict[str, Any] | None:
    """What ``to_json`` gave for the allocation in ``folder``; None where nothing was held against budgets."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"as_of", "budgets", "bill", "anomalies"} <= set(found) else None


def _rate_json(rate: RunRate) -> dict[str, Any]:
    return {
        "spent": _plain(rate.spent),
        "day": _plain(rate.day),
        "daily_mean": _plain(rate.daily),
        "expected": _plain(rate.expected),
        "low": _plain(rate.low),
        "high": _plain(rate.high),
        "days_of_history": rate.days,
        "days_left": rate.days_left,
    }


def _budget_json(one: Checked) -> dict[str, Any]:
    budget = one.budget
    return {
        "name": budget.name,
        "place": str(budget.place),
        "state": one.state.value,
        "tag": {budget.tag[0]: budget.tag[1]} if budget.tag else None,
        "environments": list(budget.environments),
        "monthly": _plain(budget.monthly),
        "daily": _plain(budget.daily),
        "unchecked": budget.unchecked,
        "actual": None if one.rate is None else _rate_json(one.rate),
        "days_over": [day.isoformat() for day in one.over],
        "notes": list(one.notes),
    }


def _anomaly_json(one: Anomaly) -> dict[str, Any]:
    return {
        "day": one.day.isoformat(),
        "team": one.team,
        "service": one.service,
        "sku": one.sku,
        "cost": _plain(one.cost),
        "usual": _plain(one.usual),
        "score": one.score,
        "rows": one.rows,
        "lines": [{**line, "cost": _plain(line["cost"])} for line in one.lines],
    }


def _forecast_json(one: Forecast) -> dict[str, Any]:
    def month(ahead: Month) -> Mapping[str, Any]:
        return {
            "month": ahead.month,
            "volume": _plain(ahead.base_volume),
            "base": _plain(ahead.base),
            "growth": _plain(ahead.growth),
            "optimized": _plain(ahead.optimized),
        }

    months: Sequence[Mapping[str, Any]] = [month(ahead) for ahead in one.months]
    return {
        "driver": one.driver,
        "unit_cost": _plain(one.unit_cost),
        "daily_volume": _plain(one.daily_volume),
        "growth": _plain(one.growth),
        "growth_from": one.growth_from,
        "saving": _plain(one.saving),
        "saving_from": one.saving_from,
        "months": months,
        "missing": one.missing,
    }


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
