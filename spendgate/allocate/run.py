"""Allocation by DuckDB in process: reads, allocates, writes, and holds the result against the bill."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate import bill, shares
from spendgate.allocate.asking import put, rows_of, rows_of_sql
from spendgate.allocate.distinct import by_distinct_values
from spendgate.allocate.drivers import files_of, read_uses
from spendgate.allocate.findings import hint, overlaps, tags_asked
from spendgate.allocate.focus import LINE_ID, TAGS
from spendgate.allocate.model import OWNER, Dispute, Layer, RuleSet
from spendgate.allocate.plan import UNALLOCATED, Plan, Tables, in_order, plan, rules_table, shares_table
from spendgate.allocate.tags import built_in, duckdb_tags, tags_elsewhere
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

MEMORY: Final = "1400MB"
"""What the engine may hold; what is larger goes to a folder beside the output, for the time of the run."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to allocate: bills, rules with where they stand, driver tables by name, disputes, and which month."""

    bills: tuple[Path, ...]
    rules: RuleSet
    rules_file: Path
    drivers: Mapping[str, Path] = field(default_factory=dict)
    disputes: tuple[Dispute, ...] = ()
    month: str | None = None
    currency: str | None = None
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: totals in the bill's currency, exact.

    ``rounding`` is what the bill's costs have beyond twelve decimals; ``by_rule`` and ``by_owner`` are in order of
    amount; ``never`` are rules that matched no line, ``lost`` pools and windows without use, ``missing`` columns that
    rules read and the bill lacks.
    """

    currency: str
    lines: int
    rows: int
    billed: Decimal
    allocated: Decimal
    unallocated: Decimal
    unallocated_lines: int
    rounding: Decimal
    by_rule: tuple[Mapping[str, Any], ...]
    by_owner: tuple[Mapping[str, Any], ...]
    unowned: tuple[Mapping[str, Any], ...]
    never: tuple[str, ...]
    overlaps: tuple[Mapping[str, Any], ...]
    lost: tuple[Mapping[str, Any], ...]
    disputed: tuple[Mapping[str, Any], ...]
    missing: Mapping[str, tuple[str, ...]]
    duplicates: tuple[str, ...]

    @property
    def reconciles(self) -> bool:
        """Whether every line was allocated once, to the last decimal."""
        return self.billed == self.allocated + self.unallocated and not self.duplicates


@contextmanager
def engine(folder: Path | None = None) -> Iterator[Any]:
    """A DuckDB of its own. Raises InputError where it is not installed."""
    try:
        import ibis
        import ibis.backends.duckdb
    except ImportError:
        raise InputError(
            "allocation needs DuckDB and Ibis, which are not installed here", remedy="pip install 'spendgate[allocate]'"
        ) from None
    with TemporaryDirectory(prefix="spendgate-", dir=folder) as scratch:
        connection = ibis.duckdb.connect(memory_limit=MEMORY, temp_directory=scratch)
        connection.raw_sql("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        try:
            yield connection
        finally:
            connection.disconnect()


def _valid_json() -> Any:
    return built_in("json_valid", ("string",), "bool")


def allocate(request: Request, output: Path, connection: Any) -> Outcome:
    """Allocate the bills and write the lines to ``output`` (``.parquet`` or ``.csv``), whole or not at all.

    Raises InputError for bills, rules and drivers that are wrong.
    """
    cost, place = request.rules.amount.column, request.bills[0]
    raw = bill.open_bill(connection, request.bills, request.line_id)
    table = bill.typed(raw, cost, place)
    chosen = bill.inside(raw, request.month, request.currency)
    found = _shares(request, connection)
    put(connection, "spendgate_shares", shares_table(found))
    put(connection, "spendgate_rules", rules_table(request.rules))
    partial = output.with_name(f".{output.name}.part")
    try:
        counted = _counted(connection, bill.faults(raw, cost, chosen), request)
        lines = table if chosen is None else table.filter(chosen)
        made = _written(connection, request, lines, partial)
        outcome = _outcome(connection, request, lines, made, partial, counted)
        if output.suffix.lower() == ".csv":
            connection.raw_sql(f"COPY (FROM {_parquet(partial)}) TO {_quoted(str(partial) + '.csv')} (HEADER)")
            os.replace(f"{partial}.csv", partial)
        os.replace(partial, output)
    except Exception as error:
        raise _told(error, place) from None
    finally:
        partial.unlink(missing_ok=True)
        Path(f"{partial}.csv").unlink(missing_ok=True)
    return outcome


def sql_of(request: Request, connection: Any, dialect: str) -> str:
    """The allocation as one statement of another engine; the bill is the table ``bill`` there, the rules and the shares
    of pools are ``spendgate_rules`` and ``spendgate_shares``. Nothing is run.

    Raises InputError for an expression outside the column subset.
    """
    import ibis

    cost = request.rules.amount.column
    lines = bill.typed(bill.open_bill(connection, request.bills, request.line_id), cost, request.bills[0])
    put(connection, "spendgate_shares", shares_table(_shares(request, connection)))
    put(connection, "spendgate_rules", rules_table(request.rules))
    tables = Tables(connection.table("spendgate_rules"), connection.table("spendgate_shares"))
    tags = duckdb_tags if dialect == "duckdb" else tags_elsewhere(dialect)
    return str(ibis.to_sql(plan(lines, request.rules, tables, tags, request.disputes).table, dialect=dialect))


def _told(error: Exception, place: Path) -> Exception:
    """What DuckDB says is about the bill; anything else is a fault of ours, and stays what it is."""
    return bill.unreadable(error, place) if type(error).__module__ == "_duckdb" else error


def _counted(connection: Any, faults: ir.Table, request: Request) -> Mapping[str, Any]:
    """The first look at the bill. Raises InputError for lines that cannot be placed, and for mixed currencies."""
    row: dict[str, Any] = rows_of(connection, faults)[0]
    place, cost = request.bills[0], request.rules.amount.column
    asked = f" of {request.month}" if request.month else ""
    told = [
        (row["bad_cost"], f"have a {cost} that is no number"),
        (row["no_cost"], f"have no {cost}"),
        (row["bad_time"], "have a ChargePeriodStart that is no time"),
        (row["no_time"], "have no ChargePeriodStart"),
        (row["no_currency"], "have no BillingCurrency"),
    ]
    wrong = [f"{count:,} of {row['all_lines']:,} lines {what}" for count, what in told if count]
    if wrong:
        raise InputError("; ".join(wrong), place=place, remedy="Nothing was allocated: export the bill again.")
    if not row["lines"]:
        raise InputError(f"the bill has no lines{asked}", place=place)
    if row["currencies"] > 1:
        raise InputError(
            f"the bill is in {row['currencies']} currencies, {row['currency']} and {row['other_currency']} among them",
            place=place,
            remedy=f"Amounts of two currencies do not add up: allocate one at a time, --currency {row['currency']}.",
        )
    return row


def _written(connection: Any, request: Request, lines: ir.Table, partial: Path) -> Plan:
    """Write the allocated lines. Tags that are no JSON are left out in a second try: looking first costs every bill."""
    import ibis

    def write(made: Plan) -> Plan:
        sql = ibis.to_sql(made.table, dialect="duckdb")
        connection.raw_sql(f"COPY ({sql}) TO {_quoted(str(partial))} (FORMAT parquet)")
        return made

    try:
        return write(_planned(connection, request, lines))
    except Exception as error:
        if "alformed JSON" not in str(error):
            raise
    tags = lines[TAGS]
    return write(_planned(connection, request, lines.mutate(**{TAGS: _valid_json()(tags).ifelse(tags, None)})))


def _planned(connection: Any, request: Request, lines: ir.Table) -> Plan:
    tables = Tables(connection.table("spendgate_rules"), connection.table("spendgate_shares"))
    return plan(lines, request.rules, tables, duckdb_tags, request.disputes, by_distinct_values(connection))


def _shares(request: Request, connection: Any) -> tuple[shares.Share, ...]:
    files = files_of(request.rules.drivers, request.drivers, request.rules_file)
    found: list[shares.Share] = []
    for number, rule in enumerate(in_order(request.rules), start=1):
        if rule.layer is Layer.FIXED:
            found += shares.fixed(rule, number)
        elif rule.layer is Layer.PROPORTIONAL and rule.driver is not None:
            driver = request.rules.drivers[rule.driver]
            found += shares.proportional(rule, number, read_uses(connection, driver, files[rule.driver], rule.window))
    return tuple(found)


def _outcome(
    connection: Any, request: Request, lines: ir.Table, made: Plan, partial: Path, counted: Mapping[str, Any]
) -> Outcome:
    """The result as it was written, held against the bill as it was read: two independent sums."""
    written = _parquet(partial)

    def rows(sql: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(rows_of_sql(connection, sql))

    (totals,) = rows(f"""
        SELECT count(*) AS rows, count(*) FILTER (x_FirstShare) AS lines,
               coalesce(sum(x_AllocatedCost) FILTER (x_Layer <> '{UNALLOCATED}'), 0) AS allocated,
               coalesce(sum(x_AllocatedCost) FILTER (x_Layer = '{UNALLOCATED}'), 0) AS unallocated,
               count(*) FILTER (x_Layer = '{UNALLOCATED}') AS unallocated_lines
        FROM {written}""")
    by_rule = rows(f"""
        SELECT x_Rule AS rule, x_Layer AS layer, count(*) FILTER (x_FirstShare) AS lines, sum(x_AllocatedCost) AS cost
        FROM {written} GROUP BY ALL ORDER BY abs(cost) DESC, rule""")
    owner = ", ".join(f"{column} AS {name}" for name, column in OWNER.items())
    owner_columns = ", ".join(OWNER)
    by_owner = rows(f"""
        SELECT {owner}, x_Idle AS idle, sum(x_AllocatedCost) AS cost FROM {written} WHERE x_Layer <> '{UNALLOCATED}'
        GROUP BY ALL ORDER BY abs(cost) DESC, {owner_columns}""")
    unowned = rows(f"""
        SELECT x_Reason AS reason, x_Rule AS rule, ServiceName AS service, SubAccountId AS account,
               any_value(CAST({TAGS} AS VARCHAR)) AS tags, count(*) AS lines, sum(x_AllocatedCost) AS cost
        FROM {_with(written, made, ("ServiceName", "SubAccountId", TAGS))} WHERE x_Layer = '{UNALLOCATED}'
        GROUP BY ALL ORDER BY abs(cost) DESC, reason, rule, service, account LIMIT 20""")
    lost = rows(f"""
        SELECT x_Rule AS rule, x_Pool AS pool, CAST(ChargePeriodStart AS DATE) AS day, count(*) AS lines,
               sum(x_AllocatedCost) AS cost
        FROM {written} WHERE x_Reason LIKE 'the driver %' GROUP BY ALL ORDER BY ALL LIMIT 50""")
    disputed = rows(f"""
        SELECT x_Dispute AS dispute, count(*) FILTER (x_FirstShare) AS lines, sum(x_AllocatedCost) AS cost
        FROM {written} WHERE x_Dispute IS NOT NULL GROUP BY ALL ORDER BY ALL""")
    duplicates: tuple[str, ...] = ()
    if request.line_id is not None:
        twice = rows(f"""
            SELECT {LINE_ID} AS id FROM {written} WHERE x_FirstShare
            GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 10""")
        duplicates = tuple(str(row["id"]) for row in twice)
    matched = {row["rule"] for row in by_rule}
    asked = tags_asked(in_order(request.rules))
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
        never=tuple(rule.name for rule in in_order(request.rules) if rule.name not in matched),
        overlaps=overlaps(connection, lines, counted["lines"], in_order(request.rules), duckdb_tags),
        lost=lost,
        disputed=disputed,
        missing=made.missing,
        duplicates=duplicates,
    )


def _with(source: str, made: Plan, columns: Sequence[str]) -> str:
    """The written lines with columns that the bill may lack."""
    absent = [name for name in columns if name not in made.table.columns]
    if not absent:
        return source
    nothing = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in absent)
    return f"(SELECT *, {nothing} FROM {source})"


def _parquet(path: Path) -> str:
    return f"read_parquet({_quoted(str(path))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
