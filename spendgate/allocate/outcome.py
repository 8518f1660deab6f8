"""What came of an allocation: the lines as they were written, held against the bill as it was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.files import noticed
from spendgate.allocate.bill.focus import LINE_ID, READ_AS, TAGS
from spendgate.allocate.bill.tags import AddTags
from spendgate.allocate.engine import Engine, Outcome, Request, Rest
from spendgate.allocate.findings import by_hint, overlaps, said_of_rules, tags_asked
from spendgate.allocate.model import OWNER, in_order
from spendgate.allocate.plan import UNALLOCATED, Plan
from spendgate.money import show_money

if TYPE_CHECKING:
    import ibis.expr.types as ir

OWNERS: Final = 1000
"""Owners that the outcome lists, the largest: rules may give each resource one of its own."""

UNOWNED: Final = 20
SHAPES: Final = 1000
"""Groups of lines without an owner that are looked at for what they lack, the largest."""

_SHAPE: Final = f"""CASE WHEN x_Rule IS NULL THEN regexp_replace({TAGS}, ':\\s*"(?:[^"\\\\]|\\\\.)+"', ':', 'g') END"""
"""Which tags a line has, whatever they say; an empty one is none. Where a rule decided, the tags tell nothing more."""

LOST: Final = 50


@dataclass(frozen=True, slots=True)
class Written:
    """The plan that was run, how its tags became columns, and what stands for the result behind FROM."""

    plan: Plan
    add_tags: AddTags
    source: str
    bad_tags: tuple[str, ...] = ()


def outcome_of(
    engine: Engine, request: Request, lines: ir.Table, written: Written, counted: Mapping[str, Any]
) -> Outcome:
    """The result as it was written, held against the bill as it was read: two independent sums."""
    source = _narrow(written)

    def rows(sql: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(engine.rows_of_sql(sql))

    (totals,) = rows(f"""
        SELECT count(*) AS rows, count(*) FILTER (WHERE x_FirstShare) AS lines,
               coalesce(sum(x_AllocatedCost) FILTER (WHERE x_Layer <> '{UNALLOCATED}'), 0) AS allocated,
               coalesce(sum(x_AllocatedCost) FILTER (WHERE x_Layer = '{UNALLOCATED}'), 0) AS unallocated,
               count(*) FILTER (WHERE x_Layer = '{UNALLOCATED}') AS unallocated_lines, min({READ_AS}) AS read_as
        FROM {source}""")
    by_rule = rows(f"""
        SELECT x_Rule AS rule, x_Layer AS layer, count(*) FILTER (WHERE x_FirstShare) AS lines,
               sum(x_AllocatedCost) AS cost
        FROM {source} GROUP BY ALL ORDER BY abs(cost) DESC, rule, layer""")
    rest: dict[str, Rest] = {}

    def largest(what: str, most: int, order: str, sql: str) -> tuple[Mapping[str, Any], ...]:
        """The first rows in this order, and in ``rest`` how many more there are, with their cost."""
        found = rows(f"""
            SELECT *, count(*) OVER () AS all_rows, sum(cost) OVER () AS all_cost FROM ({sql}) AS asked
            ORDER BY {order} LIMIT {most}""")
        listed = tuple({key: row[key] for key in row if key not in ("all_rows", "all_cost")} for row in found)
        if found:
            cost = Decimal(found[0]["all_cost"]) - sum((row["cost"] for row in found), Decimal())
            rest[what] = Rest(found[0]["all_rows"] - len(found), cost)
        return listed

    owner = ", ".join(f"{column} AS {name}" for name, column in OWNER.items())
    owner_columns = ", ".join(OWNER)
    by_owner = largest(
        "owners",
        OWNERS,
        f"abs(cost) DESC, {owner_columns}, idle",
        f"SELECT {owner}, x_Idle AS idle, sum(x_AllocatedCost) AS cost FROM {source} "
        f"WHERE x_Layer <> '{UNALLOCATED}' GROUP BY ALL",
    )
    ordered = in_order(request.rules)
    shapes = largest(
        "unowned",
        SHAPES,
        "abs(cost) DESC, reason, rule, service, account, tags",
        "SELECT x_Reason AS reason, x_Rule AS rule, ServiceName AS service, SubAccountId AS account, "
        f"{_SHAPE} AS shape, min({TAGS}) AS tags, count(*) AS lines, sum(x_AllocatedCost) AS cost "
        f"FROM {source} WHERE x_Layer = '{UNALLOCATED}' GROUP BY ALL",
    )
    groups = by_hint(shapes, tags_asked(ordered))
    unowned = tuple({name: row[name] for name in row if name != "shape"} for row in groups[:UNOWNED])
    if shapes:
        beyond = sum((row["cost"] for row in groups[UNOWNED:]), rest["unowned"].cost)
        rest["unowned"] = Rest(rest["unowned"].rows + len(groups[UNOWNED:]), beyond)
    lost = largest(
        "lost",
        LOST,
        "rule, pool, day",
        "SELECT x_Rule AS rule, x_Pool AS pool, CAST(ChargePeriodStart AS DATE) AS day, count(*) AS lines, "
        f"sum(x_AllocatedCost) AS cost FROM {source} WHERE x_Reason LIKE 'the driver %' GROUP BY ALL",
    )
    disputed = rows(f"""
        SELECT x_Dispute AS dispute, count(*) FILTER (WHERE x_FirstShare) AS lines, sum(x_AllocatedCost) AS cost
        FROM {source} WHERE x_Dispute IS NOT NULL GROUP BY ALL ORDER BY dispute""")
    duplicates: tuple[str, ...] = ()
    if request.line_id is not None:
        twice = rows(f"""
            SELECT {LINE_ID} AS id FROM {source} WHERE x_FirstShare
            GROUP BY {LINE_ID} HAVING count(*) > 1 ORDER BY id LIMIT 10""")
        duplicates = tuple(str(row["id"]) for row in twice)
    matched = {row["rule"] for row in by_rule}
    return Outcome(
        currency=counted["currency"],
        lines=counted["lines"],
        rows=totals["rows"],
        billed=Decimal(counted["total"]),
        allocated=Decimal(totals["allocated"]),
        unallocated=Decimal(totals["unallocated"]),
        unallocated_lines=totals["unallocated_lines"],
        rounding=Decimal(counted["exact"]) - Decimal(counted["total"]),
        by_rule=by_rule,
        by_owner=by_owner,
        unowned=unowned,
        never=tuple(rule.name for rule in ordered if rule.name not in matched),
        overlaps=overlaps(engine, lines, counted["lines"], ordered, written.add_tags),
        lost=lost,
        disputed=disputed,
        missing=written.plan.missing,
        duplicates=duplicates,
        read_as=totals["read_as"],
        bad_tags=written.bad_tags,
        noticed=(
            *noticed([path for path in request.bills if path.exists()]),
            *said_of_rules(request.rules, request.disputes, matched, {row["dispute"] for row in disputed}),
            *_commitments(rows, written, request.rules.amount.column, counted["currency"]),
        ),
        rest=rest,
    )


_OF_COMMITMENTS: Final = (
    "BilledCost", "ChargeCategory", "CommitmentDiscountId", "CommitmentDiscountStatus", "EffectiveCost",
)  # fmt: skip


def _commitments(rows: Callable[[str], Any], written: Written, cost: str, currency: str) -> tuple[str, ...]:
    """Whether the bill holds but one side of its commitments, as exports of actual or amortised cost alone do: the
    other cost then leaves out what they cost."""
    if not set(_OF_COMMITMENTS) <= set(written.plan.table.columns):
        return ()
    bought = "ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL AND BilledCost <> 0"
    used = "CommitmentDiscountStatus IN ('Used', 'Unused') AND EffectiveCost <> 0"
    free = f"{used} AND BilledCost = 0"
    (row,) = rows(f"""
        SELECT count(*) FILTER (WHERE {bought}) AS bought, sum(BilledCost) FILTER (WHERE {bought}) AS billed,
               count(*) FILTER (WHERE {used}) AS used, count(*) FILTER (WHERE {free}) AS free,
               sum(EffectiveCost) FILTER (WHERE {free}) AS amortized
        FROM {written.source} WHERE x_FirstShare""")
    if cost == "BilledCost" and row["free"] and not row["bought"]:
        return (
            f"{row['free']:,} lines are covered by commitments, and the bill has no purchase of one: by BilledCost "
            f"they cost nothing, by EffectiveCost {show_money(row['amortized'], currency)} (cost: amortized).",
        )
    if cost == "EffectiveCost" and row["bought"] and not row["used"]:
        return (
            f"{row['bought']:,} lines buy commitments, and the bill has no use of one at its amortised cost: by "
            f"EffectiveCost they cost nothing, by BilledCost {show_money(row['billed'], currency)} (cost: billed).",
        )
    return ()


_ASKED: Final = (
    *OWNER.values(), "x_Rule", "x_Layer", "x_Pool", "x_Idle", "x_FirstShare", "x_AllocatedCost", "x_Reason",
    "x_Dispute", LINE_ID, READ_AS, "ChargePeriodStart", "ServiceName", "SubAccountId", TAGS,
)  # fmt: skip


def _narrow(written: Written) -> str:
    """The written lines with what the outcome asks of them, be it that the bill lacks it; a column of the bill's own
    named cost or team would stand in the way of the names that answers have."""
    there = written.plan.table.schema()
    columns = [name if name in there else f"CAST(NULL AS VARCHAR) AS {name}" for name in _ASKED]
    if TAGS in there and not there[TAGS].is_string():
        columns[columns.index(TAGS)] = f"CAST(to_json({TAGS}) AS VARCHAR) AS {TAGS}"
    return f"(SELECT {', '.join(columns)} FROM {written.source}) AS written"
