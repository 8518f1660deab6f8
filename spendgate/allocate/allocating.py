"""The allocation itself, on any engine: reads, allocates and writes; ``outcome`` holds the result against the bill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate import shares
from spendgate.allocate.bill.focus import LINE_ID, TAGS
from spendgate.allocate.bill.lines import faults, first_fault, inside, once, span, told_span, typed
from spendgate.allocate.bill.tags import AddTags
from spendgate.allocate.distinct import by_distinct_values
from spendgate.allocate.drivers import files_of, read_uses
from spendgate.allocate.engine import Engine, Outcome, Request
from spendgate.allocate.hours.uses import uses_of_bill
from spendgate.allocate.model import Layer, Rule, Window, in_order
from spendgate.allocate.outcome import Written, outcome_of
from spendgate.allocate.output import keep_inputs
from spendgate.allocate.plan import Plan, Tables, plan, rules_table, shares_table
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir


BAD_TAGS: Final = 100
"""Lines with tags that are no JSON which are named."""


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
        _hold_line_ids(engine, raw, request)
        written = _written(engine, request, lines, tables, partial)
        outcome = outcome_of(engine, request, lines, written, counted)
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


def _hold_line_ids(engine: Engine, raw: ir.Table, request: Request) -> None:
    """Raise InputError where lines have no id of their own: they could not be asked for, nor told from each other."""
    if request.line_id is None:
        return
    (row,) = engine.rows(raw.aggregate(without=raw[LINE_ID].nullif("").isnull().sum().fill_null(0)))
    if row["without"]:
        text = f"{row['without']:,} {'line has' if row['without'] == 1 else 'lines have'} no {request.line_id}"
        remedy = "Without --line-id lines are named by file and row."
        raise InputError(text, place=request.bills[0], remedy=remedy)


def _written(engine: Engine, request: Request, lines: ir.Table, tables: Tables, partial: Path) -> Written:
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
    return Written(*made[-1], source, _bad_tags(engine, lines) if may_be_bad else ())


def _bad_tags(engine: Engine, lines: ir.Table) -> tuple[str, ...]:
    """The first lines whose tags are no JSON."""
    wrong = lines.filter(lines[TAGS].notnull() & ~engine.valid_json(lines[TAGS]))
    return tuple(str(row[LINE_ID]) for row in engine.rows(wrong.select(LINE_ID).order_by(LINE_ID).limit(BAD_TAGS)))
