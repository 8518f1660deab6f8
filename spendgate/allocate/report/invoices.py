"""An invoice for each team: positions by rule and service in whole cents that add up to the bill's cents.

What is in dispute is held back and shown apart; so is what has no team, and what no rule gave to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.allocated import rows
from spendgate.allocate.plan import UNALLOCATED
from spendgate.allocate.report.cents import in_cents, rounded

POSITIONS: Final = 100
"""Positions that an invoice lists; what is smaller stands in one."""

PAGES: Final = 500
"""Teams that have a page, the largest; a rule that takes a resource for a team must not write a million files."""

LISTED: Final = 10_000
"""Teams that the list of invoices names, the largest; the others stand in it as one sum."""


@dataclass(frozen=True, slots=True)
class Position:
    """One rule's part of a service: ``share`` is the team's part of all that was split of the pool for that service, 1
    where the lines are the team's own. ``rule`` is None for the smaller positions together."""

    rule: str | None
    layer: str
    service: str | None
    pool: str | None
    driver: str | None
    idle: bool
    rows: int
    share: Decimal | None
    cost: Decimal
    cents: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a team pays: ``cents`` in minor units of the currency; ``disputed`` is held back. One that has no ``page``
    has no positions."""

    team: str
    cost: Decimal
    cents: int
    disputed: Decimal
    positions: tuple[Position, ...]
    page: bool = True


@dataclass(frozen=True, slots=True)
class Others:
    """The teams that are not listed one by one, together."""

    teams: int
    cost: Decimal
    cents: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the bill's cents go. The four parts add up to ``billed``; the invoices and ``others`` to ``invoiced``."""

    billed: int
    invoiced: int
    disputed: int
    no_team: int
    unallocated: int
    others: Others | None = None


def invoices(connection: Any, currency: str) -> tuple[tuple[Invoice, ...], Sums]:
    """The invoices of the largest teams in order of team, and how they and the others add up to the bill."""
    found = rows(
        connection,
        f"""
        WITH teams AS (
            SELECT x_Team AS team, coalesce(sum(x_AllocatedCost) FILTER (status = 'invoiced'), 0) AS cost,
                   coalesce(sum(x_AllocatedCost) FILTER (status = 'disputed'), 0) AS disputed
            FROM cube WHERE x_Layer <> '{UNALLOCATED}' AND x_Team IS NOT NULL GROUP BY x_Team)
        SELECT *, count(*) OVER () AS all_teams, sum(cost) OVER () AS all_cost,
               row_number() OVER (ORDER BY abs(cost) DESC, abs(disputed) DESC, team) AS place
        FROM teams QUALIFY place <= {LISTED} ORDER BY team""",
    )
    apart = {
        row["status"]: row["cost"]
        for row in rows(connection, "SELECT status, sum(x_AllocatedCost) AS cost FROM cube GROUP BY status")
    }
    kinds = ("disputed", "no-team", "unallocated")
    listed = [row["cost"] for row in found]
    more = found[0]["all_teams"] - len(found) if found else 0
    rest = found[0]["all_cost"] - sum(listed, Decimal()) if found else Decimal()
    parts = [*listed, *([rest] if more else []), *(apart.get(kind, Decimal()) for kind in kinds)]
    billed = rounded(sum(parts, Decimal()), currency)
    cents = in_cents(parts, billed, currency)
    paged = [row["team"] for row in found if row["place"] <= PAGES]
    positions = dict(_positions(connection, paged))
    made = tuple(
        Invoice(
            row["team"],
            row["cost"],
            own,
            row["disputed"],
            _in_cents(positions.get(row["team"], ()), row, own, currency) if row["place"] <= PAGES else (),
            row["place"] <= PAGES,
        )
        for row, own in zip(found, cents, strict=False)
    )
    others = Others(more, rest, cents[len(found)]) if more else None
    disputed, no_team, unallocated = cents[-3:]
    return made, Sums(billed, sum(cents[:-3]), disputed, no_team, unallocated, others)


def _positions(connection: Any, teams: Sequence[str]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The largest positions by team. The share of a pool is of what was split of it for the service."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows(
        connection,
        f"""
        WITH split AS (
            SELECT x_Rule AS rule, x_Layer AS layer, ServiceName AS service, x_Pool AS pool, x_Driver AS driver,
                   sum(x_AllocatedCost) AS whole
            FROM cube WHERE x_Layer <> '{UNALLOCATED}' GROUP BY ALL),
        own AS (
            SELECT x_Team AS team, x_Rule AS rule, x_Layer AS layer, ServiceName AS service, x_Pool AS pool,
                   x_Driver AS driver, x_Idle AS idle, CAST(sum(rows) AS BIGINT) AS rows, sum(x_AllocatedCost) AS cost
            FROM cube WHERE status = 'invoiced' AND x_Team IN (SELECT unnest(?)) GROUP BY ALL)
        SELECT own.*, split.whole FROM own JOIN split ON own.rule = split.rule AND own.layer = split.layer
            AND own.service IS NOT DISTINCT FROM split.service AND own.pool IS NOT DISTINCT FROM split.pool
            AND own.driver IS NOT DISTINCT FROM split.driver
        QUALIFY row_number() OVER (
            PARTITION BY team ORDER BY abs(cost) DESC, own.rule, own.service, own.pool, idle) <= {POSITIONS}
        ORDER BY team, abs(cost) DESC, own.rule, own.service, own.pool, idle""",
        [teams],
    ):
        found.setdefault(row["team"], []).append(row)
    yield from found.items()


def _in_cents(
    listed: Sequence[Mapping[str, Any]], team: Mapping[str, Any], cents: int, currency: str
) -> tuple[Position, ...]:
    rest = team["cost"] - sum((row["cost"] for row in listed), Decimal())
    own = [row["cost"] for row in listed]
    smaller = len(listed) == POSITIONS and rest != 0
    amounts = in_cents([*own, rest] if smaller else own, cents, currency)
    made = [
        Position(
            row["rule"],
            row["layer"],
            row["service"],
            row["pool"],
            row["driver"],
            row["idle"],
            row["rows"],
            _share(row),
            row["cost"],
            amount,
        )
        for row, amount in zip(listed, amounts, strict=False)
    ]
    if smaller:
        made.append(Position(None, "", None, None, None, False, 0, None, rest, amounts[-1]))
    return tuple(made)


def _share(row: Mapping[str, Any]) -> Decimal | None:
    if row["layer"] in ("direct", "override"):
        return Decimal(1)
    return row["cost"] / row["whole"] if row["whole"] else None
