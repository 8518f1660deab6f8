"""What the report shows, asked of the allocated table: bounded in size however many lines and owners there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.allocated import rows
from spendgate.allocate.bill.focus import LINE_ID
from spendgate.allocate.model import OWNER
from spendgate.allocate.plan import UNALLOCATED

OWNERS: Final = 25
"""Owners of each kind that the page lists; the rest stands in one row."""

DRILLED: Final = 25
"""Teams whose lines the page lists."""

LINES: Final = 12
"""Lines that the page lists of a team, the largest first."""

PARTS: Final = 8
"""Rules and services that the page lists of a team."""

MONTHS: Final = 12
"""Months that stand side by side, the last ones."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The largest rows, what all rows have together, and how many there are."""

    rows: Sequence[Row]
    whole: Row
    count: int

    def rest(self, key: str) -> Decimal:
        """What the rows that are not listed have of ``key``."""
        return Decimal(self.whole[key] or 0) - sum((Decimal(row[key] or 0) for row in self.rows), Decimal())


@dataclass(frozen=True, slots=True)
class Months:
    """Amounts by team and month; ``names`` are the months in order, earlier allocations among them."""

    names: tuple[str, ...]
    teams: Mapping[str | None, Mapping[str, Decimal]]
    totals: Mapping[str, Decimal]
    unallocated: Mapping[str, Decimal]
    left_out: int
    change: Mapping[str | None, tuple[Decimal, Decimal]]
    """Of every team the last month but one, and the last; empty where there is one month."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is asked of the table, in the currency of the bill."""

    by_field: Mapping[str, Ranked]
    months: Months
    lines: Mapping[str, Sequence[Row]]
    parts: Mapping[str, Sequence[Row]]
    rules: Sequence[Row]
    disputed: Sequence[Row]


_AMOUNTS: Final = """coalesce(sum(x_AllocatedCost), 0) AS cost, CAST(sum(rows) AS BIGINT) AS rows,
    coalesce(sum(x_AllocatedCost) FILTER (NOT x_Idle AND x_Layer IN ('direct', 'override')), 0) AS direct,
    coalesce(sum(x_AllocatedCost) FILTER (NOT x_Idle AND x_Layer = 'proportional'), 0) AS shared,
    coalesce(sum(x_AllocatedCost) FILTER (NOT x_Idle AND x_Layer = 'fixed'), 0) AS fixed,
    coalesce(sum(x_AllocatedCost) FILTER (x_Idle), 0) AS idle,
    coalesce(sum(x_AllocatedCost) FILTER (status = 'disputed'), 0) AS disputed"""

_OWNED: Final = f"x_Layer <> '{UNALLOCATED}'"


def figures(connection: Any, earlier: bool) -> Figures:
    """The figures of the view ``allocated`` and its ``cube``; with ``earlier`` months also of the view ``earlier``."""
    by_field = {field: _ranked(connection, column) for field, column in OWNER.items()}
    teams = [row["name"] or "" for row in by_field["team"].rows][:DRILLED]
    return Figures(
        by_field={
            field: ranked
            for field, ranked in by_field.items()
            if field == "team" or any(row["name"] for row in ranked.rows)
        },
        months=_months(connection, earlier),
        lines=_lines(connection, teams),
        parts=_parts(connection, teams),
        rules=rows(
            connection,
            "SELECT x_Rule AS rule, x_Layer AS layer, any_value(x_Driver) AS driver, count(DISTINCT x_Pool) AS pools, "
            "CAST(sum(lines) AS BIGINT) AS lines, sum(x_AllocatedCost) AS cost FROM cube "
            "GROUP BY ALL ORDER BY abs(cost) DESC, rule",
        ),
        disputed=rows(
            connection,
            "SELECT x_Dispute AS dispute, x_Team AS team, x_Layer AS layer, CAST(sum(rows) AS BIGINT) AS rows, "
            "sum(x_AllocatedCost) AS cost FROM cube WHERE x_Dispute IS NOT NULL "
            "GROUP BY ALL ORDER BY abs(cost) DESC, dispute, team LIMIT 50",
        ),
    )


def _ranked(connection: Any, column: str) -> Ranked:
    listed = rows(
        connection,
        f"SELECT {column} AS name, {_AMOUNTS} FROM cube WHERE {_OWNED} GROUP BY name "
        f"ORDER BY abs(cost) DESC, name LIMIT {OWNERS}",
    )
    (whole,) = rows(
        connection,
        f"SELECT {_AMOUNTS}, count(DISTINCT {column}) + coalesce(max(CASE WHEN {column} IS NULL THEN 1 END), 0) "
        f"AS names FROM cube WHERE {_OWNED}",
    )
    return Ranked(listed, whole, whole["names"])


def _months(connection: Any, earlier: bool) -> Months:
    asked = "SELECT {} AS month, x_Team AS team, x_Layer = 'unallocated' AS lost, sum(x_AllocatedCost) AS cost FROM {} "
    found = rows(connection, asked.format("month", "cube") + "GROUP BY ALL")
    if earlier:
        now = {row["month"] for row in found}
        for row in rows(connection, asked.format("month", "earlier") + "GROUP BY ALL"):
            # A month that was allocated again stands beside what it was.
            found.append({**row, "month": f"{row['month']} before"} if row["month"] in now else row)
    names = tuple(sorted({row["month"] for row in found}, key=lambda month: (month[:7], month == month[:7])))[-MONTHS:]
    teams: dict[str | None, dict[str, Decimal]] = {}
    totals = dict.fromkeys(names, Decimal())
    lost = dict.fromkeys(names, Decimal())
    for row in found:
        if row["month"] not in totals:
            continue
        totals[row["month"]] += row["cost"]
        if row["lost"]:
            lost[row["month"]] += row["cost"]
        else:
            team = teams.setdefault(row["team"], {})
            team[row["month"]] = team.get(row["month"], Decimal()) + row["cost"]
    ordered = sorted(teams, key=lambda team: (-sum(map(abs, teams[team].values()), Decimal()), team or ""))
    pair = names[-2:] if len(names) > 1 else ()
    change = {
        team: (amounts.get(pair[0], Decimal()), amounts.get(pair[1], Decimal()))
        for team, amounts in (teams.items() if pair else ())
    }
    listed = {team: teams[team] for team in ordered[:OWNERS]}
    return Months(names, listed, totals, lost, len(ordered[OWNERS:]), change)


def _lines(connection: Any, teams: Sequence[str]) -> Mapping[str, Sequence[Row]]:
    """The largest rows of each team, of no team under "", and of equal ones always the same; a bounded aggregate, not a
    sort of the whole bill."""
    packed = ", ".join(
        f"{key} := {column}"
        for key, column in {
            "line": LINE_ID,
            "service": "ServiceName",
            "charge": "ChargeDescription",
            "resource": "coalesce(ResourceName, ResourceId)",
            "day": "strftime(ChargePeriodStart, '%Y-%m-%d')",
            "rule": "x_Rule",
            "layer": "x_Layer",
            "driver": "x_Driver",
            "pool": "x_Pool",
            "share": "x_Share",
            "idle": "x_Idle",
            "dispute": "x_Dispute",
            "cost": "x_AllocatedCost",
        }.items()
    )
    size = f"struct_pack(cost := abs(x_AllocatedCost), line := {LINE_ID})"
    found = rows(
        connection,
        f"SELECT coalesce(x_Team, '') AS team, "
        f"max_by(struct_pack({packed}), {size}, {LINES}) AS lines FROM allocated "
        f"WHERE {_OWNED} AND coalesce(x_Team, '') IN (SELECT unnest(?)) GROUP BY ALL",
        [teams],
    )
    return {
        row["team"]: sorted(row["lines"], key=lambda line: (-abs(line["cost"]), str(line["line"]))) for row in found
    }


def _parts(connection: Any, teams: Sequence[str]) -> Mapping[str, Sequence[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows(
        connection,
        "SELECT coalesce(x_Team, '') AS team, x_Rule AS rule, x_Driver AS driver, x_Idle AS idle, "
        "ServiceName AS service, CAST(sum(rows) AS BIGINT) AS rows, sum(x_AllocatedCost) AS cost "
        f"FROM cube WHERE {_OWNED} "
        "AND coalesce(x_Team, '') IN (SELECT unnest(?)) GROUP BY x_Team, x_Rule, x_Driver, x_Idle, ServiceName "
        f"QUALIFY row_number() OVER (PARTITION BY team ORDER BY abs(cost) DESC, rule, service, idle) <= {PARTS} "
        "ORDER BY team, abs(cost) DESC, rule, service, idle",
        [teams],
    ):
        found.setdefault(row["team"], []).append(row)
    return found
