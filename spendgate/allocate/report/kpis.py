"""The KPIs as a part of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spendgate.allocate.report.markup import Column, Safe, element, join, name, section, table


def kpi_section(kpis: Sequence[Mapping[str, Any]]) -> Safe:
    """Each KPI with its formula and figures, or with what it lacks."""
    shown = [kpi for kpi in kpis if kpi["rows"]]
    lacking = [kpi for kpi in kpis if not kpi["rows"]]
    parts: list[Safe] = []
    for kpi in shown:
        keys = [key for key in kpi["rows"][0] if key != "value"]
        columns = [*(Column(key.replace("_", " ").capitalize()) for key in keys), Column(kpi["unit"], True)]
        if not keys:
            columns = [Column("Of"), Column(kpi["unit"], True)]
        body = [[*([name(row[key]) for key in keys] or [Safe("the whole bill")]), row["value"]] for row in kpi["rows"]]
        made = table(join(["Formula: ", kpi["formula"]]), columns, body)
        notes = join(element("p", note, class_="soft") for note in kpi.get("notes", ()))
        parts.append(section(f"kpi-{kpi['name']}", kpi["title"], made, notes, level=3))
    if lacking:
        columns = [Column("KPI"), Column("Formula"), Column("What is missing")]
        body = [[kpi["title"], kpi["formula"], "; ".join(kpi["missing"])] for kpi in lacking]
        parts.append(
            section("kpi-missing", "Not known", table("KPIs whose inputs are missing", columns, body), level=3)
        )
    return section("kpis", "KPIs", *parts)
