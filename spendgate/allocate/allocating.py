"""The allocation itself, on any engine: reads, allocates, writes, and holds the result against the bill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate import shares
from spendgate.allocate.bill.files import noticed
from spendgate.allocate.bill.focus import LINE_ID, READ_AS, TAGS
from spendgate.allocate.bill.lines import faults, first_fault, inside, once, span, told_span, typed
from spendgate.allocate.bill.tags import AddTags
from spendgate.allocate.distinct import by_distinct_values
from spendgate.allocate.drivers import files_of, read_uses
from spendgate.allocate.engine import Engine, Outcome, Request, Rest
from spendgate.allocate.findings import hint, overlaps, said_of_rules, tags_asked
from spendgate.allocate.hours.uses import uses_of_bill
from spendgate.allocate.model import OWNER, Layer, Rule, Window
from spendgate.allocate.output import keep_inputs
from spendgate.allocate.plan import UNALLOCATED, Plan, Tables, in_order, plan, rules_table, shares_table
from spendgate.errors import InputError
from spendgate.money import show_money

if TYPE_CHECKING:
    import ibis.expr.types as ir


BAD_TAGS: Final = 100
"""Lines with tags that are no JSON which are named."""

OWNERS: Final = 1000
"""Owners that the outcome lists, the largest: rules may give each resource one of its own."""

UNOWNED: Final = 20
LOST: Final = 50


def allocate_by(engine: Engine, request: Request, output: Path) -> Outcome:
    """Allocate the bills and write the lines to ``output`` (``.parquet`` or ``.csv``), whole or not at all.

    Raises InputError for bills, rules and drivers that are wrong.
    """
    cost, place = request.rules.amount.column, request.bills[0]
    keep_inputs(output, (("the bill", path) for path in request.bills))
    engine.hold(request)
    raw = once(engine.open_bill(request), engine.rows, place)
    table = typed(raw, cost, place, engine.as_time)
    chosen = inside(raw, request.month, request.currency, engine.as_time)
    lines = table if chosen is None else table.filter(chosen)

    def billed(rule: Rule) -> Mapping[tuple[str, date], shares.Use]:
        try:
            return uses_of_bill(engine, request.rules, rule, lines)
        except Exception as error:
            raise engine.told(error, place) from None

    tables = Tables(
        engine.put("spendgate_rules", rules_table(request.rules)),
        engine.put("spendgate_shares", shares_table(shares_of(request, engine.reader, billed))),
    )
    partial = output.with_name(f".{output.name}.{token_hex(4)}.part")
    try:
        counted = _counted(
            engine.rows(faults(raw, cost, chosen, engine.as_time))[0],
            request,
            lambda: engine.rows(first_fault(raw, cost, engine.as_time)),
            lambda: told_span(engine.rows(span(raw, engine.as_time))[0]),
        )
        written = _written(engine, request, lines, tables, partial)
        outcome = _outcome(engine, request, lines, written, counted)
        engine.land(partial, output)
    except Exception as error:
        raise engine.told(error, place) from None
    finally:
        engine.discard(partial)
    return outcome


Billed = Callable[[Rule], Mapping[tuple[str, date], shares.Use]]
"""What the bill itself says of the use of a rule's pools."""


def shares_of(request: Request, reader: Any, billed: Billed | None = None) -> tuple[shares.Share, ...]:
    """The shares of all pools; ``billed`` is asked where the bill stands for a driver's table. Raises InputError for a
    driver table that is wrong, and where the bill would be needed and cannot be asked.

    A table that several rules share by the same window is read once.
    """

    @cache
    def uses(driver: str, window: Window) -> Mapping[tuple[str, date], shares.Use]:
        return read_uses(reader, request.rules.drivers[driver], files[driver], window)

    files = files_of(request.rules.drivers, request.drivers, request.rules_file)
    found: list[shares.Share] = []
    for number, rule in enumerate(in_order(request.rules), start=1):
        if rule.layer is Layer.FIXED:
            found += shares.fixed(rule, number)
        elif rule.layer is Layer.PROPORTIONAL and rule.driver in files:
            found += shares.proportional(rule, number, uses(rule.driver, rule.window))
        elif rule.layer is Layer.PROPORTIONAL:
            if billed is None:
                raise InputError(
                    f"the driver {rule.driver} is of the bill, which is not asked here",
                    place=rule.place,
                    remedy=f"Give a table: --drivers {rule.driver}=FILE.",
                )
            found += shares.proportional(rule, number, billed(rule))
    return tuple(found)


def _counted(
    row: Mapping[str, Any],
    request: Request,
    first_fault: Callable[[], list[dict[str, Any]]],
    there_is: Callable[[], str | None],
) -> Mapping[str, Any]:
    """The first look at the bill. Raises InputError for lines that cannot be placed, and for mixed currencies."""
    place, cost = request.bills[0], request.rules.amount.column
    asked = (f" of {request.month}" if request.month else "") + (f" in {request.currency}" if request.currency else "")
    told = [
        (row["bad_cost"], f"have a {cost} that is no number"),
        (row["no_cost"], f"have no {cost}"),
        (row["bad_time"], "have a ChargePeriodStart that is no time"),
        (row["no_time"], "have no ChargePeriodStart"),
        (row["no_currency"], "have no BillingCurrency"),
    ]
    wrong = [f"{count:,} of {row['all_lines']:,} lines {what}" for count, what in told if count]
    if wrong:
        named = f": line {first[0][LINE_ID]}, for one" if (first := first_fault()) else ""
        remedy = "Nothing was allocated: export the bill again."
        raise InputError(f"{'; '.join(wrong)}{named}", place=place, remedy=remedy)
    if not row["lines"]:
        raise InputError(f"the bill has no lines{asked}", place=place, remedy=there_is() if asked else None)
    if row["currencies"] > 1:
        raise InputError(
            f"the bill is in {row['currencies']} currencies, {row['currency']} and {row['other_currency']} among them",
            place=place,
            remedy=f"Amounts of two currencies do not add up: allocate one at a time, --currency {row['currency']}.",
        )
    return row


@dataclass(frozen=True, slots=True)
class _Written:
    """The plan that was run, how its tags became columns, and what stands for the result behind FROM."""

    plan: Plan
    add_tags: AddTags
    source: str
    bad_tags: tuple[str, ...] = ()


def _written(engine: Engine, request: Request, lines: ir.Table, tables: Tables, partial: Path) -> _Written:
    made: list[tuple[Plan, AddTags]] = []
    keys: set[str] = set()
    distinct = by_distinct_values(engine.rows, engine.put)

    def planned(add_tags: AddTags) -> ir.Table:
        def noted(lines: ir.Table, names: Mapping[str, str]) -> ir.Table:
            keys.update(names.values())
            return add_tags(lines, names)

        made.append((plan(lines, request.rules, tables, noted, request.disputes, distinct), add_tags))
        return made[-1][0].table

    source = engine.write(planned, partial)
    texts = bool(keys) and TAGS in lines.columns and lines[TAGS].type().is_string()
    may_be_bad = texts and (len(made) > 1 or not engine.stops_at_bad_tags)
    return _Written(*made[-1], source, _bad_tags(engine, lines) if may_be_bad else ())


def _bad_tags(engine: Engine, lines: ir.Table) -> tuple[str, ...]:
    """The first lines whose tags are no JSON."""
    wrong = lines.filter(lines[TAGS].notnull() & ~engine.valid_json(lines[TAGS]))
    return tuple(str(row[LINE_ID]) for row in engine.rows(wrong.select(LINE_ID).order_by(LINE_ID).limit(BAD_TAGS)))


def _outcome(
    engine: Engine, request: Request, lines: ir.Table, written: _Written, counted: Mapping[str, Any]
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
    unowned = largest(
        "unowned",
        UNOWNED,
        "abs(cost) DESC, reason, rule, service, account",
        "SELECT x_Reason AS reason, x_Rule AS rule, ServiceName AS service, SubAccountId AS account, "
        f"min(CAST({TAGS} AS VARCHAR)) AS tags, count(*) AS lines, sum(x_AllocatedCost) AS cost "
        f"FROM {source} WHERE x_Layer = '{UNALLOCATED}' GROUP BY ALL",
    )
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
    ordered = in_order(request.rules)
    asked = tags_asked(ordered)
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
        unowned=tuple({**row, "hint": hint(row["tags"], asked)} for row in unowned),
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
            *said_of_rules(request.rules, request.disputes, matched),
            *_commitments(rows, written, request.rules.amount.column, counted["currency"]),
        ),
        rest=rest,
    )


_OF_COMMITMENTS: Final = (
    "BilledCost", "ChargeCategory", "CommitmentDiscountId", "CommitmentDiscountStatus", "EffectiveCost",
)  # fmt: skip


def _commitments(rows: Callable[[str], Any], written: _Written, cost: str, currency: str) -> tuple[str, ...]:
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


def _narrow(written: _Written) -> str:
    """The written lines with what the outcome asks of them, be it that the bill lacks it; a column of the bill's own
    named cost or team would stand in the way of the names that answers have."""
    there = written.plan.table.columns
    columns = (name if name in there else f"CAST(NULL AS VARCHAR) AS {name}" for name in _ASKED)
    return f"(SELECT {', '.join(columns)} FROM {written.source}) AS written"
