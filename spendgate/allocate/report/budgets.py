"""Budgets in the report: the month's end with its range, each budget, unusual days with their lines, months ahead.

What is shown is what ``budgets.json`` has; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.asking import quoted
from spendgate.allocate.budget.spend import ONCE
from spendgate.allocate.report.markup import Column, Safe, element, join, name, section, table
from spendgate.allocate.report.shown import NO_TEAM, Report, bar
from spendgate.report.wording import plural

Data = Mapping[str, Any]

STATES: Final = {
    "exceeded": "bad",
    "projected": "bad",
    "at risk": "warn",
    "within": "good",
    "unchecked": "",
}
"""How each state looks; its word stands there as well."""


def budget_section(report: Report) -> Safe:
    """All of it, or nothing where no budgets were given."""
    data = report.budgets
    if data is None:
        return Safe("")
    notes = [element("p", f"{_capital(note)}.", class_="soft") for note in data["notes"]]
    return section(
        "budgets",
        "Budgets, and where the month will end",
        element("p", f"As of {data['as_of']}. {_capital(data['method'])}.", class_="soft"),
        *notes,
        _budgets(report, data),
        _anomalies(report, data),
        *(_forecast(report, one) for one in data["forecasts"]),
    )


def _budgets(report: Report, data: Data) -> Safe:
    columns = [
        Column("Budget"),
        Column("State"),
        Column("Spent", True),
        Column("Budget of the month", True),
        Column("Used", True),
        Column("Expected at its end", True),
        Column("80% range", True),
    ]
    body = [_budget(report, one) for one in data["budgets"]]
    whole = data["bill"]
    foot: list[object] = [
        "The whole bill", "", report.money(whole["spent"]), "", "", _expected(report, whole), _range(report, whole)
    ]  # fmt: skip
    return table("Budgets against what was spent", columns, body, foot)


def _budget(report: Report, one: Data) -> list[object]:
    of = _of(one)
    head = join([name(one["name"]), element("small", of) if of else ""])
    state = element("span", one["state"], class_=f"tag {STATES.get(one['state'], '')}".strip())
    rate = one["actual"]
    if rate is None:
        return [head, join([state, element("small", one["unchecked"])]), "", "", "", "", ""]
    monthly = None if one["monthly"] is None else Decimal(one["monthly"])
    told = [*one["notes"]]
    if one["daily"] is not None:
        over = (
            f", {plural(len(one['days_over']), 'day')} {'was' if len(one['days_over']) == 1 else 'were'} over it"
            if one["days_over"]
            else ""
        )
        told.append(f"{report.money(rate['day'])} on the day, of {report.money(one['daily'])} a day{over}")
    return [
        join([head, *(element("small", word) for word in told)]),
        state,
        report.money(rate["spent"]),
        "" if monthly is None else report.money(monthly),
        bar(rate["spent"], monthly) if monthly else "",
        _expected(report, rate),
        _range(report, rate),
    ]


def _of(one: Data) -> str:
    tags = [f"{key.replace('_', ' ')} {value}" for key, value in (one["tag"] or {}).items()]
    return ", ".join([*tags, *one["environments"]])


def _expected(report: Report, rate: Data) -> str:
    return report.money(rate["expected"]) if rate["days_left"] else "month is over"


def _range(report: Report, rate: Data) -> str:
    if not rate["days_left"]:
        return ""
    if rate["low"] is None:
        return f"none from {rate['days_of_history']} days"
    return f"{report.money(rate['low'])} to {report.money(rate['high'])}"


def _anomalies(report: Report, data: Data) -> Safe:
    found = data["anomalies"]
    if found is None:
        content = [element("p", "Too few days to tell.")]
    elif not found:
        content = [element("p", "None.")]
    else:
        content = [_anomaly(report, one) for one in found]
    method = element("p", f"{_capital(data['anomaly_method'])}.", class_="soft")
    return section("unusual", "Unusual days", *content, method, level=3)


def _anomaly(report: Report, one: Data) -> Safe:
    service = [one["service"]] if one["service"] not in (None, one["sku"]) else []
    what = join([name(word) for word in (*service, one["sku"])], " ")
    difference = Decimal(one["cost"]) - Decimal(one["usual"])
    sign = "+" if difference > 0 else ""
    head = join(
        [
            element("span", f"{sign}{report.money(difference)}", class_="n"),
            f"{one['day']}: ",
            name(one["team"]) or NO_TEAM,
            ", ",
            what,
            element("small", f"{report.money(one['cost'])}, usually {report.money(one['usual'])}"),
        ]
    )
    columns = [Column("Line"), Column("Resource"), Column("Charge"), Column("Amount", True)]
    body = [
        [element("code", name(line["line"])), name(line["resource"]), name(line["charge"]), report.money(line["cost"])]
        for line in one["lines"]
    ]
    rest = one["rows"] - len(one["lines"])
    left = f"{rest:,} smaller lines are not listed. " if rest > 0 else ""
    content: list[object] = [
        table("The largest lines of that day", columns, body) if body else element("p", "There is no line that day."),
        element("p", f"{left}All lines of that day, with DuckDB; one with its rule, by its id:", class_="soft"),
        element("pre", element("code", lines_query(report, one))),
        element("pre", element("code", "spendgate allocate explain LINE_ID --output DIR")),
    ]
    return element("details", join([element("summary", head), *content], "\n"))


def lines_query(report: Report, one: Data) -> str:
    """The rows behind an unusual day, as a query over the allocated table: it names no column that the table lacks."""
    sku = [column for column in ("SkuId", "ServiceName", "ChargeDescription") if column in report.columns]
    where = [f"CAST(ChargePeriodStart AS DATE) = DATE '{one['day']}'"]
    where.append(f"x_Team = {quoted(one['team'])}" if one["team"] is not None else "x_Team IS NULL")
    where.append(f"coalesce({', '.join([*sku, quoted('')])}) = {quoted(one['sku'])}")
    where += [f"NOT ({once})" for column, once in ONCE.items() if column in report.columns]
    return f"SELECT * FROM '{report.table}' WHERE {' AND '.join(where)} ORDER BY abs(x_AllocatedCost) DESC"


def _forecast(report: Report, one: Data) -> Safe:
    title = f"Months ahead, by {one['driver'].replace('-', ' ')}"
    identity = f"ahead-{one['driver']}"
    if one["missing"]:
        return section(identity, title, element("p", f"Not known; missing: {one['missing']}."), level=3)
    columns = [Column("Month"), Column("Volume", True)]
    columns += [Column(word, True) for word in ("Base", "Growth", "Optimised")]
    body = [
        [month["month"], f"{Decimal(month['volume']):,.0f}", *(_cell(report, month[kind]) for kind in _SCENARIOS)]
        for month in one["months"]
    ]
    grown = (
        f"{Decimal(one['growth']):+.1%} a month, {one['growth_from']}"
        if one["growth"] is not None
        else "not known (--growth, or three whole months of the driver)"
    )
    saved = (
        f"{Decimal(one['saving']):.1%} less for one, {one['saving_from']}"
        if one["saving"] is not None
        else "not known (--saving, or idle capacity in the allocation)"
    )
    daily = f"{Decimal(one['daily_volume']):,.1f}"
    caption = f"{report.money(one['unit_cost'])} for one, {daily} a day; growth: {grown}; optimised: {saved}"
    return section(identity, title, table(caption, columns, body), level=3)


_SCENARIOS: Final = ("base", "growth", "optimized")


def _cell(report: Report, amount: str | None) -> object:
    return Safe('<span class="soft">not known</span>') if amount is None else report.money(amount)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
