"""Who pays the estimate, in words and figures that the terminal and a pull request both show."""

from __future__ import annotations

from decimal import Decimal

from spendgate.allocate.model import OWNER
from spendgate.allocate.projected.model import Allocation, Paid
from spendgate.money import show_money
from spendgate.report.wording import plural, show_range, some

TITLE = "who pays, a month"
UNALLOCATED = "unallocated"


def head(allocation: Allocation) -> tuple[str, ...]:
    """The columns: the fields of an owner that somebody has, and the figures."""
    change = ("change",) if _compared(allocation) else ()
    return (*(name.replace("_", " ") for name, _ in _fields(allocation)), "per month", "at least – at most", *change)


def figures(allocation: Allocation) -> int:
    """How many of the columns are figures: the last ones."""
    return 3 if _compared(allocation) else 2


def rows(allocation: Allocation, currency: str, most: int) -> list[tuple[str, ...]]:
    """Who pays most first, then what nobody pays, then the total."""
    fields = _fields(allocation)
    shown = [_row(paid, fields, allocation, currency) for paid in allocation.owners[:most]]
    width = len(fields)
    if rest := allocation.owners[most:]:
        cost = sum((paid.cost.expected for paid in rest), Decimal(0))
        cells = (f"{len(rest)} more", *[""] * (width - 1), show_money(cost, currency), "")
        shown.append((*cells, "") if _compared(allocation) else cells)
    before = allocation.unallocated_before
    if allocation.unowned or allocation.unallocated.high or (before is not None and before.high):
        change = None if before is None else allocation.unallocated.expected - before.expected
        unpriced = sum(item.unpriced for item in allocation.unowned)
        name = UNALLOCATED + (f"; {plural(unpriced, 'line')} without a price" if unpriced else "")
        cells = (name, *[""] * (width - 1), show_money(allocation.unallocated.expected, currency))
        cells = (*cells, show_range(allocation.unallocated, currency))
        shown.append((*cells, _change(change, currency)) if _compared(allocation) else cells)
    total = allocation.total
    cells = ("total", *[""] * (width - 1), show_money(total.expected, currency), show_range(total, currency))
    if _compared(allocation):
        changes = [paid.change or Decimal(0) for paid in allocation.owners]
        changes.append(Decimal(0) if before is None else allocation.unallocated.expected - before.expected)
        cells = (*cells, _change(sum(changes, Decimal(0)), currency))
    return [*shown, cells]


def notes(allocation: Allocation, currency: str) -> list[str]:
    """What nobody pays and why, and what the figures rest on."""
    told = []
    for item in allocation.unowned:
        why = f"{item.rule}: {item.reason}" if item.rule else item.reason
        hint = f"; would tell: {item.hint}" if item.hint else ""
        cost = show_money(item.cost.expected, currency) if item.cost.high or not item.unpriced else "no price"
        told.append(f"unallocated: {some(list(item.resources))} ({cost} a month): {why}{hint}")
    told += [*allocation.assumptions, *((allocation.missing,) if allocation.missing else ())]
    return told


def _compared(allocation: Allocation) -> bool:
    return allocation.unallocated_before is not None


def _fields(allocation: Allocation) -> list[tuple[str, int]]:
    named = [(name, index) for index, name in enumerate(OWNER) if any(paid.owner[index] for paid in allocation.owners)]
    return named or [("team", 0)]


def _row(paid: Paid, fields: list[tuple[str, int]], allocation: Allocation, currency: str) -> tuple[str, ...]:
    words = [paid.owner[index] or "" for _, index in fields]
    if paid.idle:
        words[0] = f"{words[0] or 'the pool'} (idle)"
    if paid.unpriced:
        words[0] = f"{words[0]}; {plural(paid.unpriced, 'line')} without a price".removeprefix("; ")
    cells = (*words, show_money(paid.cost.expected, currency), show_range(paid.cost, currency))
    return (*cells, _change(paid.change, currency)) if _compared(allocation) else cells


def _change(change: Decimal | None, currency: str) -> str:
    if change is None:
        return ""
    return "none" if not change else f"{'+' if change > 0 else ''}{show_money(change, currency)}"
