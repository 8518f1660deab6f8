"""Days that cost much more or less than usual, by owner and SKU, with the lines behind them.

Robust: a day's modified z-score is 0.6745 × (cost - median) / MAD over the days of the window, and a score beyond 3.5
is unusual (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993). Where most days are the same and the MAD is
zero, the mean absolute deviation stands in for it: (cost - median) / (1.253314 × mean deviation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.allocated import rows
from spendgate.allocate.budget.spend import Spend

WINDOW: Final = 35
"""Days that a day is held against, the last ones."""

FEWEST: Final = 8
"""Days without which nothing is called unusual."""

SCORE: Final = 3.5
SHOWN: Final = 20
LINES: Final = 5

METHOD: Final = (
    f"modified z-score by median and MAD over the last {WINDOW} days for each owner and SKU, beyond {SCORE}; days "
    "without a charge count as zero"
)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A day of an owner's SKU: its cost, what is usual (the median), the score, and the largest lines of that day."""

    day: date
    team: str | None
    sku: str
    service: str | None
    cost: Decimal
    usual: Decimal
    score: float
    lines: tuple[Mapping[str, Any], ...]
    rows: int


def anomalies(connection: Any, spend: Spend, as_of: date, least: Decimal) -> tuple[Anomaly, ...] | None:
    """Unusual days of the month of ``as_of`` until that day that are off by at least ``least``, the largest difference
    first; None where there are too few days to tell."""
    first = max(spend.first, as_of - timedelta(days=WINDOW - 1))
    if (as_of - first).days + 1 < FEWEST:
        return None
    found = rows(
        connection,
        f"""
        WITH daily AS (
            SELECT team, sku, day, sum(cost) AS cost FROM spend WHERE day BETWEEN ? AND ? AND NOT once GROUP BY ALL),
        series AS (SELECT DISTINCT team, sku FROM daily),
        days AS (SELECT CAST(unnest(generate_series(CAST(? AS DATE), CAST(? AS DATE), INTERVAL 1 DAY)) AS DATE) AS day),
        filled AS (
            SELECT s.team, s.sku, d.day, coalesce(x.cost, 0) AS cost
            FROM series s CROSS JOIN days d LEFT JOIN daily x
                ON x.team IS NOT DISTINCT FROM s.team AND x.sku = s.sku AND x.day = d.day),
        middle AS (SELECT team, sku, median(CAST(cost AS DOUBLE)) AS usual FROM filled GROUP BY ALL),
        spread AS (
            SELECT f.team, f.sku, any_value(m.usual) AS usual, median(abs(f.cost - m.usual)) AS mad,
                   avg(abs(f.cost - m.usual)) AS mean_deviation
            FROM filled f JOIN middle m ON m.team IS NOT DISTINCT FROM f.team AND m.sku = f.sku GROUP BY f.team, f.sku),
        scored AS (
            SELECT f.*, s.usual,
                   CASE WHEN s.mad > 1e-9 THEN 0.6745 * (f.cost - s.usual) / s.mad
                        WHEN s.mean_deviation > 1e-9 THEN (f.cost - s.usual) / (1.253314 * s.mean_deviation)
                        ELSE 0 END AS score
            FROM filled f JOIN spread s ON s.team IS NOT DISTINCT FROM f.team AND s.sku = f.sku)
        SELECT day, team, sku, cost, usual, score FROM scored
        WHERE day >= ? AND abs(score) > {SCORE} AND abs(cost - usual) >= ?
        ORDER BY abs(cost - usual) DESC, day, team, sku LIMIT {SHOWN}""",
        [first, as_of, first, as_of, max(first, as_of.replace(day=1)), least],
    )
    return tuple(_with_lines(connection, row) for row in found)


def _with_lines(connection: Any, row: Mapping[str, Any]) -> Anomaly:
    values: Sequence[Any] = [row["day"], row["team"], row["sku"]]
    where = "day = ? AND team IS NOT DISTINCT FROM ? AND sku = ? AND NOT once"
    lines = rows(
        connection,
        f"SELECT line, resource, service, charge, cost FROM spend WHERE {where} "
        f"ORDER BY abs(cost) DESC, line LIMIT {LINES}",
        values,
    )
    (count,) = rows(
        connection,
        f"SELECT count(*) AS n FROM spend WHERE {where}",
        values,
    )
    usual = Decimal(str(row["usual"])).quantize(Decimal("0.000001"))
    return Anomaly(
        row["day"],
        row["team"],
        row["sku"],
        lines[0]["service"] if lines else None,
        row["cost"],
        usual,
        round(row["score"], 1),
        tuple(lines),
        count["n"],
    )
