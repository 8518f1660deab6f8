"""One line of a bill with everything that was decided about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from spendgate.allocate.allocated import open_allocated, owner_words
from spendgate.allocate.asking import quoted, rows_of_sql
from spendgate.allocate.bill.focus import LINE_ID, TAGS
from spendgate.allocate.model import OWNER, Amount
from spendgate.allocate.plan import UNALLOCATED
from spendgate.allocate.report.markup import one_line
from spendgate.errors import InputError
from spendgate.money import show_money


def explain(connection: Any, file: Path, line_id: str) -> Sequence[Mapping[str, Any]]:
    """The rows of one line in an allocation that was written: a folder, or a file of the lines. Raises InputError where
    there is none."""
    open_allocated(connection, file)
    found = rows_of_sql(connection, f"SELECT * FROM allocated WHERE {LINE_ID} = {quoted(line_id)}")
    if not found:
        known = rows_of_sql(connection, f"SELECT {LINE_ID} AS id FROM allocated LIMIT 1")
        like = f', such as "{known[0]["id"]}"' if known else ""
        raise InputError(f'no line "{line_id}"', place=file, remedy=f"Line ids are in the column {LINE_ID}{like}.")
    # A part of a pool's line may be unallocated: how the line was split is told by the others.
    return sorted(found, key=lambda row: row["x_Layer"] == UNALLOCATED)


def _reason(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Why the line, or a part of it, is unallocated."""
    return next((row["x_Reason"] for row in rows if row["x_Reason"]), None)


def _cost(rows: Sequence[Mapping[str, Any]]) -> tuple[Decimal, str]:
    """What was allocated of the line, and the column of the bill that it is: that of the rules, amortised or billed."""
    total = sum((row["x_AllocatedCost"] for row in rows), Decimal())
    return total, next((one.column for one in Amount if rows[0].get(one.column) == total), "x_AllocatedCost")


def _largest_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The owners of a line, in the same order in every run."""
    return sorted(
        rows,
        key=lambda row: (-abs(row["x_AllocatedCost"]), *(row[name] or "" for name in OWNER.values()), row["x_Idle"]),
    )


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """From the invoice to the line to the rule to each owner, as text."""
    first = rows[0]
    currency = first["BillingCurrency"]
    cost, column = _cost(rows)
    end = f" to {first['ChargePeriodEnd']}" if first.get("ChargePeriodEnd") else ""
    lines = [
        f"line      {first[LINE_ID]}",
        f"charge    {first.get('ChargeDescription') or first.get('ServiceName') or ''}",
        f"period    {first['ChargePeriodStart']}{end}",
        f"resource  {first.get('ResourceId') or 'none'}",
        f"tags      {first.get(TAGS) or 'none'}",
        f"cost      {cost:f} {currency} ({column})",
        f"rule      {first['x_Rule'] or 'none matches'}, layer {first['x_Layer']}",
    ]
    if first["x_Driver"]:
        lines.append(f"driver    {first['x_Driver']}, pool {first['x_Pool'] or 'none'}")
    if reason := _reason(rows):
        lines.append(f"why       {reason}")
    twice = sum(row["x_FirstShare"] for row in rows)
    if twice > 1:
        lines.append(f"note      {twice} lines have this id; cost and shares are of all of them")
    if first["x_Dispute"]:
        lines.append(f"dispute   {first['x_Dispute']}")
    for row in _largest_first(rows):
        owner = owner_words(row) or ("the pool" if row["x_Idle"] else "nobody")
        idle = " (idle)" if row["x_Idle"] else ""
        share = f"{row['x_Share']:.4%}"
        lines.append(f"pays      {share:>9}  {show_money(row['x_AllocatedCost'], currency):>12}  {owner}{idle}")
    # What stands in a bill could otherwise end a line and forge the next, or steer the terminal.
    return "\n".join(map(one_line, lines))


def to_json(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same as plain data; amounts and shares are texts, so that none is rounded."""
    first = rows[0]
    cost, column = _cost(rows)

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
        "cost": plain(cost),
        "rule": first["x_Rule"],
        "layer": first["x_Layer"],
        "driver": first["x_Driver"],
        "pool": first["x_Pool"],
        "reason": _reason(rows),
        "dispute": first["x_Dispute"],
        "pays": [
            {
                **{name: plain(row[owner]) for name, owner in OWNER.items()},
                "idle": row["x_Idle"],
                "share": plain(row["x_Share"]),
                "cost": plain(row["x_AllocatedCost"]),
            }
            for row in _largest_first(rows)
        ],
    }
