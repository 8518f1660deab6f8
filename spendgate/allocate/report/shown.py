"""What the pages show, and small pieces that several parts of them use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.report.figures import Figures
from spendgate.allocate.report.invoices import Invoice, Sums
from spendgate.allocate.report.markup import Safe, text
from spendgate.money import show_money

NO_TEAM: Final = Safe('<span class="soft">no team</span>')


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: the summary of the run as it is written, the figures, invoices, KPIs where there are, and
    what was held against budgets, as ``budgets.json`` has it."""

    summary: Mapping[str, Any]
    figures: Figures
    invoices: Sequence[Invoice]
    sums: Sums
    kpis: Sequence[Mapping[str, Any]] = field(default=())
    budgets: Mapping[str, Any] | None = None
    columns: frozenset[str] = frozenset()

    @property
    def period(self) -> str:
        """The month, or from the first to the last one."""
        names = [month for month in self.figures.months.names if len(month) == 7]
        return names[-1] if self.summary.get("months", 1) == 1 and names else " to ".join(self.summary["period"])

    @property
    def teams(self) -> int:
        """All teams, also those that are not listed one by one."""
        return len(self.invoices) + (self.sums.others.teams if self.sums.others is not None else 0)

    @property
    def table(self) -> str:
        return str(self.summary["table"])

    @property
    def currency(self) -> str:
        return str(self.summary["currency"])

    def money(self, amount: Any) -> str:
        return show_money(Decimal(amount or 0), self.currency)


def amount_of(report: Report, amount: Any) -> str:
    """Money, or nothing where it is none."""
    return report.money(amount) if amount else ""


def bar(amount: Any, whole: Decimal) -> Safe:
    """A part of the whole in per cent, with a bar beside it that wide."""
    if not whole:
        return Safe("")
    part = Decimal(amount or 0) / whole
    width = min(max(float(part), 0.0), 1.0) * 100
    drawn = f'<span class="bar" aria-hidden="true"><span style="width:{width:.1f}%"></span></span>'
    return Safe(f'<span class="part">{drawn}<span>{text(per_cent(part))}</span></span>')


def per_cent(part: Decimal) -> str:
    """A part of a whole; what is not nothing, or not all, is not shown as if it were.

    >>> per_cent(Decimal("0.99999"))
    '>99.9%'
    """
    shown = f"{abs(part):,.1%}"
    if shown == "0.0%" and part:
        shown = "<0.1%"
    elif shown == "100.0%" and abs(part) != 1:
        shown = ">99.9%" if abs(part) < 1 else ">100.0%"
    return f"-{shown}" if part < 0 else shown


def parts_of(sums: Sums) -> tuple[tuple[str, str, int], ...]:
    """Where the bill goes: what it is called, how it is drawn, and how much; together the bill."""
    return (
        ("Invoiced to teams", "invoiced", sums.invoiced),
        ("In dispute, held back until resolved", "disputed", sums.disputed),
        ("Owned, but by no team (a project, or idle capacity of a pool)", "ownerless", sums.no_team),
        ("Unallocated", "lost", sums.unallocated),
    )


def signed(report: Report, amount: Decimal) -> str:
    """Money with its sign, also a plus."""
    return f"+{report.money(amount)}" if amount > 0 else report.money(amount)


def growth(one: Decimal, two: Decimal) -> str:
    """From one to two in per cent; what was nothing is new.

    >>> growth(Decimal(50), Decimal(50)), growth(Decimal(50), Decimal(60))
    ('0.0%', '+20.0%')
    """
    if not one:
        return "new" if two else ""
    return f"{(two - one) / abs(one):+,.1%}" if two != one else "0.0%"


def count(number: int, what: str) -> str:
    """``1 line``, ``1,200 lines``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
