"""The KPIs as a part of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from spendgate.allocate.report.markup import Column, Safe, element, join, name, section, table


def kpi_section(kpis: Sequence[Mapping[str, Any]]) -> Safe:
    """Each KPI with its formula and values, and those that are not known with what they lack."""
    known = [kpi for kpi in kpis if kpi["values"]]
    lacking = [kpi for kpi in kpis if not kpi["values"]]
    parts = [element("div", join(map(_known, known)), class_="pair")]
    if lacking:
        columns = [Column("KPI"), Column("Formula"), Column("What is missing")]
        body = [[kpi["title"], kpi["formula"], _missing(kpi)] for kpi in lacking]
        words = element("p", "Give tables of usage with --usage NAME=FILE; docs/chargeback.md tells their columns.")
        made = table("KPIs whose inputs are missing", columns, body)
        parts.append(section("kpi-missing", "Not known", made, words, level=3))
    return section("kpis", "KPIs", *parts)


def _known(kpi: Mapping[str, Any]) -> Safe:
    keys = list(kpi["values"][0]["of"])
    heads = [Column(key.replace("_", " ").capitalize()) for key in keys] or [Column("Of")]
    body = [
        [*([name(one["of"][key]) or _none() for key in keys] or [Safe("the whole")]), shown(one["value"], kpi["unit"])]
        for one in kpi["values"]
    ]
    source = f", from {kpi['source']}" if kpi.get("source") else ""
    made = table(join(["Formula: ", kpi["formula"], source]), [*heads, Column(kpi["unit"], True)], body)
    notes = join(element("p", note, class_="soft") for note in kpi["notes"])
    return section(f"kpi-{kpi['name']}", kpi["title"], made, notes, level=3)


def _missing(kpi: Mapping[str, Any]) -> Safe:
    return join(["; ".join(kpi["missing"]), *(element("small", note) for note in kpi["notes"])])


def _none() -> Safe:
    return Safe('<span class="soft">none</span>')


def shown(value: str, unit: str) -> str:
    """A figure for a reader: two decimals, of amounts below one four."""
    amount = Decimal(value)
    return f"{amount:,.2f}" if unit == "%" or abs(amount) >= 1 or not amount else f"{amount:,.4f}"
