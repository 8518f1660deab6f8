"""One line of a bill with everything that was decided about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from spendgate.allocate.asking import rows_of
from spendgate.allocate.bill.files import CSV
from spendgate.allocate.bill.focus import LINE_ID, TAGS
from spendgate.allocate.bill.read import unreadable, written_files
from spendgate.allocate.model import OWNER, Amount
from spendgate.allocate.report.markup import one_line
from spendgate.errors import InputError
from spendgate.money import show_money


def explain(connection: Any, file: Path, line_id: str) -> Sequence[Mapping[str, Any]]:
    """The rows of one line in an allocation that was written. Raises InputError where there is none."""
    if not file.exists():
        raise InputError("no such allocation", place=file, remedy="`spendgate allocate … --output` writes one.")
    try:
        read = connection.read_csv if str(file).lower().endswith(CSV) else connection.read_parquet
        table = read(written_files(file))
        if LINE_ID not in table.columns:
            raise InputError(f"this is no allocation: it has no column {LINE_ID}", place=file)
        rows: list[dict[str, Any]] = rows_of(connection, table.filter(table[LINE_ID] == line_id))
    except Exception as error:
        raise unreadable(error, file) from None
    if not rows:
        remedy = f"Line ids are in the column {LINE_ID}."
        raise InputError(f'no line "{line_id}"', place=file, remedy=remedy)
    return rows


def told(rows: Sequence[Mapping[str, Any]], cost: str | None = None) -> str:
    """From the invoice to the line to the rule to each owner, as text."""
    first = rows[0]
    currency = first["BillingCurrency"]
    column = cost or next(one.column for one in Amount if one.column in first)
    lines = [
        f"line      {first[LINE_ID]}",
        f"charge    {first.get('ChargeDescription') or first.get('ServiceName') or ''}",
        f"period    {first['ChargePeriodStart']} to {first.get('ChargePeriodEnd') or ''}",
        f"resource  {first.get('ResourceId') or 'none'}",
        f"tags      {first.get(TAGS) or 'none'}",
        f"cost      {first[column]} {currency} ({column})",
        f"rule      {first['x_Rule'] or 'none matches'}, layer {first['x_Layer']}",
    ]
    if first["x_Driver"]:
        lines.append(f"driver    {first['x_Driver']}, pool {first['x_Pool'] or 'none'}")
    if first["x_Reason"]:
        lines.append(f"why       {first['x_Reason']}")
    if first["x_Dispute"]:
        lines.append(f"dispute   {first['x_Dispute']}")
    for row in sorted(rows, key=lambda row: -abs(row["x_AllocatedCost"])):
        words = [f"{name} {row[column_]}" for name, column_ in OWNER.items() if row[column_]]
        owner = ", ".join(words) or "nobody"
        idle = " (idle)" if row["x_Idle"] else ""
        share = f"{row['x_Share']:.4%}"
        lines.append(f"pays      {share:>9}  {show_money(row['x_AllocatedCost'], currency):>12}  {owner}{idle}")
    # What stands in a bill could otherwise end a line and forge the next, or steer the terminal.
    return "\n".join(map(one_line, lines))


def to_json(rows: Sequence[Mapping[str, Any]], cost: str | None = None) -> dict[str, Any]:
    """The same as plain data; amounts and shares are texts, so that none is rounded."""
    first = rows[0]
    column = cost or next(one.column for one in Amount if one.column in first)

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:f}"
        return value if isinstance(value, bool) or value is None else str(value)

    return {
        "line": first[LINE_ID],
        "charge": plain(first.get("ChargeDescription") or first.get("ServiceName")),
        "period": {"start": plain(first["ChargePeriodStart"]), "end": plain(first.get("ChargePeriodEnd"))},
        "resource": plain(first.get("ResourceId")),
        "tags": plain(first.get(TAGS)),
        "currency": first["BillingCurrency"],
        "cost_column": column,
        "cost": plain(first[column]),
        "rule": first["x_Rule"],
        "layer": first["x_Layer"],
        "driver": first["x_Driver"],
        "pool": first["x_Pool"],
        "reason": first["x_Reason"],
        "dispute": first["x_Dispute"],
        "pays": [
            {
                **{name: plain(row[owner]) for name, owner in OWNER.items()},
                "idle": row["x_Idle"],
                "share": plain(row["x_Share"]),
                "cost": plain(row["x_AllocatedCost"]),
            }
            for row in sorted(rows, key=lambda row: -abs(row["x_AllocatedCost"]))
        ],
    }
