"""The bill: lines that are alike summed by DuckDB, and the hours of what is matched by charge period."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.bill.lines import faults, inside, span, told_span, typed
from spendgate.allocate.bill.read import open_bill, unreadable
from spendgate.errors import InputError
from spendgate.reconcile.model import Charge, Window

_TEXTS: Final = (
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceName",
    "ServiceCategory",
    "RegionId",
    "ChargeDescription",
    "SkuId",
    "SkuMeter",
    "ConsumedUnit",
    "PricingUnit",
    "PricingCategory",
    "ChargeCategory",
    "ChargeClass",
)
FIRST: Final = "x_FirstShare"
"""In the result of an allocation a line stands once for each of its shares; this marks one row of each."""

_BYTES: Final = ("bytes", "byte-seconds")
"""Units of Google Cloud's export."""

_ALIKE: Final = (*_TEXTS, "Tags")


@dataclass(frozen=True, slots=True)
class Bill:
    """The charges of one month: which month, the currency, the cost that is compared, and how much of the month the
    bill covers, in hours."""

    month: str
    currency: str
    cost: str
    covered: Fraction
    month_hours: Fraction
    charges: tuple[Charge, ...]
    notes: tuple[str, ...] = ()


def read_bill(
    connection: Any,
    paths: Sequence[Path],
    *,
    wanted: str,
    month: str | None = None,
    currency: str | None = None,
    through: date | None = None,
    mapping: str | None = None,
) -> Bill:
    """The charges of a month in the currency ``wanted``; ``currency`` keeps lines of one currency alone, ``through`` is
    the last day that the bill holds whole, ``mapping`` names how columns of another format are read.

    Raises InputError for a bill that cannot be read, of several months without ``month``, or of another currency.
    """
    raw = open_bill(connection, paths, mapping=mapping)
    if FIRST in raw.columns:
        raw = raw.filter(raw[FIRST].cast("string").lower() == "true")
    cost = "EffectiveCost" if "EffectiveCost" in raw.columns else "BilledCost"
    table = typed(raw, cost, paths[0])
    try:
        chosen = inside(raw, month, currency)
        seen: dict[str, Any] = faults(raw, cost, chosen).to_pyarrow().to_pylist()[0]
        _refuse(seen, paths[0], cost, wanted, month, currency, lambda: span(raw).to_pyarrow().to_pylist()[0])
        lines = table if chosen is None else table.filter(chosen)
        return _read(connection, lines, cost, seen["currency"], through, paths[0])
    except Exception as error:
        raise (unreadable(error, paths[0]) if type(error).__module__ == "_duckdb" else error) from None


def _refuse(
    seen: Mapping[str, Any],
    place: Path,
    cost: str,
    wanted: str,
    month: str | None,
    currency: str | None,
    there_is: Callable[[], Mapping[str, Any]],
) -> None:
    wrong = [
        f"{seen[name]:,} of {seen['all_lines']:,} lines have {what}"
        for name, what in (
            ("bad_cost", f"a {cost} that is no number"),
            ("no_cost", f"no {cost}"),
            ("bad_time", "a ChargePeriodStart that is no time"),
            ("no_time", "no ChargePeriodStart"),
        )
        if seen[name]
    ]
    if wrong:
        raise InputError("; ".join(wrong), place=place, remedy="Export the bill again.")
    if not seen["lines"]:
        of = (f" of {month}" if month else "") + (f" in {currency}" if currency else "")
        raise InputError(f"the bill has no lines{of}", place=place, remedy=told_span(there_is()))
    if seen["currencies"] > 1:
        named = f"{seen['currency']} and {seen['other_currency']}"
        text = f"the bill is in {seen['currencies']} currencies, {named} among them"
        raise InputError(text, place=place, remedy=f"Compare the lines of one: --currency {wanted}.")
    if seen["currency"] != wanted:
        text = f"the bill is in {seen['currency']}, the estimate in {wanted}, and nothing here converts them"
        remedy = f"Export it in {wanted}, or name its lines in {wanted} with --currency where it has some."
        raise InputError(text, place=place, remedy=remedy)


def _read(connection: Any, lines: Any, cost: str, currency: str, through: date | None, place: Path) -> Bill:
    import ibis

    def text(name: str) -> Any:
        return lines[name].cast("string") if name in lines.columns else ibis.null("string")

    def amount(name: str) -> Any:
        return lines[name].cast("decimal(38, 15)") if name in lines.columns else ibis.null("decimal(38, 15)")

    start = lines.ChargePeriodStart
    end = lines.ChargePeriodEnd if "ChargePeriodEnd" in lines.columns else ibis.null("timestamp")
    if through is not None:
        lines = lines.filter(start < ibis.timestamp((through + timedelta(days=1)).isoformat()))
        start = lines.ChargePeriodStart
        end = lines.ChargePeriodEnd if "ChargePeriodEnd" in lines.columns else end
    # Bytes, and bytes times seconds, are priced by the GiB, and by its hours and months.
    consumed, priced = amount("ConsumedQuantity"), amount("PricingQuantity")
    raw = text("ConsumedUnit").isin(_BYTES).fill_null(False) & priced.notnull() & text("PricingUnit").notnull()
    units = {"ConsumedUnit": ibis.cases((raw, text("PricingUnit")), else_=text("ConsumedUnit"))}
    usual = lines.select(
        **{name: _tags(lines) if name == "Tags" else units.get(name, text(name)) for name in _ALIKE},
        _cost=lines[cost].cast("decimal(38, 12)"),
        _list=amount("ListCost"),
        _consumed=ibis.cases((raw, priced), else_=consumed),
        _priced=priced,
        _start=start,
        # Some exports end a period a second before the next one begins.
        _end=(ibis.coalesce(end, start + ibis.interval(days=1)) + ibis.interval(seconds=59)).truncate("minute"),
    )
    connection.raw_sql(f"CREATE OR REPLACE TEMP VIEW spendgate_usual AS {ibis.to_sql(usual, dialect='duckdb')}")

    def rows(sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = connection.con.sql(sql).to_arrow_table().to_pylist()
        return found

    # What is charged by the month ends with it, however far the bill has come: days and hours tell that.
    (span,) = rows(
        "SELECT min(_start) AS first, max(_start) AS last, "
        "coalesce(max(_end) FILTER (_end - _start <= INTERVAL 25 HOUR), max(_end)) AS ends FROM spendgate_usual"
    )
    if span["first"] is None:
        raise InputError(f"the bill has no lines up to {through}", place=place)
    first, last = span["first"], span["last"]
    if (first.year, first.month) != (last.year, last.month):
        raise InputError(
            f"the bill has lines of {first:%Y-%m} to {last:%Y-%m}",
            place=place,
            remedy=f"An estimate is of one month: --month {last:%Y-%m}.",
        )
    begins = datetime(first.year, first.month, 1)
    whole = timedelta(days=monthrange(first.year, first.month)[1])
    until = datetime(through.year, through.month, through.day) + timedelta(days=1) if through else span["ends"]
    covered = min(max(until - begins, timedelta(hours=1)), whole)
    names = ", ".join(f'"{name}"' for name in _ALIKE)
    connection.raw_sql(f"""
        CREATE OR REPLACE TEMP TABLE spendgate_charges AS SELECT row_number() OVER () AS number, * FROM (
            SELECT {names}, sum(_cost) AS cost, sum(_list) AS listed, count(_list) AS with_list,
                   sum(coalesce(_consumed, _priced)) AS quantity, count(coalesce(_consumed, _priced)) AS with_quantity,
                   count(*) AS lines, min(_start) AS starts, max(_end) AS ends
            FROM spendgate_usual GROUP BY ALL ORDER BY ALL)""")
    found = rows("SELECT * FROM spendgate_charges ORDER BY number")
    notes = []
    if covered < whole:
        notes.append(
            f"the bill covers {covered.total_seconds() / 3600:g} of the {whole.total_seconds() / 3600:g} hours of "
            f"{first:%Y-%m}: the estimate is taken for that part"
        )
    if not any(row["with_quantity"] for row in found):
        notes.append("the bill has no ConsumedQuantity: differences are not told apart")
    return Bill(
        month=f"{first:%Y-%m}",
        currency=currency,
        cost=cost,
        covered=_hours(covered),
        month_hours=_hours(whole),
        charges=tuple(map(_charge, found)),
        notes=tuple(notes),
    )


def _tags(lines: Any) -> Any:
    import ibis

    if "Tags" not in lines.columns:
        return ibis.null("string")
    column = lines.Tags
    return column if column.type().is_string() else column.cast("json").cast("string")


def _charge(row: Mapping[str, Any]) -> Charge:
    whole = row["lines"]
    return Charge(
        number=row["number"],
        resource_id=row["ResourceId"],
        resource_name=row["ResourceName"],
        resource_type=row["ResourceType"],
        service=row["ServiceName"],
        service_category=row["ServiceCategory"],
        region=row["RegionId"],
        text=" ".join(filter(None, (row["ChargeDescription"], row["SkuId"], row["SkuMeter"]))),
        unit=row["ConsumedUnit"] or row["PricingUnit"] or "",
        pricing=row["PricingCategory"],
        category=row["ChargeCategory"] or "Usage",
        correction=row["ChargeClass"] == "Correction",
        tags=_parsed(row["Tags"]),
        cost=Fraction(row["cost"]),
        listed=Fraction(row["listed"]) if row["with_list"] == whole else None,
        quantity=Fraction(row["quantity"]) if row["with_quantity"] == whole else None,
        lines=whole,
        starts=_utc(row["starts"]),
        ends=_utc(row["ends"]),
    )


def _parsed(text: str | None) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in found.items() if value is not None}


def windows_of(connection: Any, charges: Sequence[Charge]) -> dict[int, tuple[Window, ...]]:
    """The hours of each charge by charge period and resource, by the number of the charge."""
    import pyarrow as pa

    if not charges:
        return {}
    numbers = sorted(charge.number for charge in charges)
    connection.con.register("spendgate_wanted", pa.table({"wanted": pa.array(numbers, pa.int64())}))
    same = " AND ".join(f'line."{name}" IS NOT DISTINCT FROM charge."{name}"' for name in _ALIKE)
    found = (
        connection.con.sql(f"""
        SELECT charge.number AS number, line._start AS starts, line._end AS ends,
               coalesce(line.ResourceId, line.ResourceName, '') AS resource,
               sum(coalesce(line._consumed, line._priced)) AS hours
        FROM spendgate_usual line
        JOIN spendgate_charges charge ON {same}
        JOIN spendgate_wanted ON charge.number = wanted
        GROUP BY ALL ORDER BY ALL""")
        .to_arrow_table()
        .to_pylist()
    )
    windows: dict[int, list[Window]] = {}
    for row in found:
        if row["hours"] is not None:
            one = Window(_utc(row["starts"]), _utc(row["ends"]), row["resource"], Fraction(row["hours"]))
            windows.setdefault(row["number"], []).append(one)
    return {number: tuple(own) for number, own in windows.items()}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _hours(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 3_600_000_000)
