"""The chargeback report as one HTML page: totals, who pays by every field, month over month, and invoices.

Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.report.budgets import budget_section
from spendgate.allocate.report.cents import show_cents
from spendgate.allocate.report.figures import Ranked
from spendgate.allocate.report.files import page_name
from spendgate.allocate.report.first import head
from spendgate.allocate.report.kpis import kpi_section
from spendgate.allocate.report.markup import Column, Safe, element, join, name, page, section, table
from spendgate.allocate.report.shown import NO_TEAM, Report, amount_of, bar, growth, parts_of, signed
from spendgate.allocate.report.style import STYLE
from spendgate.allocate.report.trail import disputes, drill, notes_part, rules_part, unallocated

TITLES: Final = {
    "team": "team",
    "product": "product",
    "model": "model",
    "run_type": "run type",
    "environment": "environment",
    "project": "project",
    "cost_center": "cost centre",
}

SHOWN_INVOICES: Final = 100
"""Invoices that the page lists; invoices/invoices.json has all."""


def render(report: Report) -> str:
    """The page. All that stood in the data is escaped."""
    parts = [
        Safe('<a class="skip" href="#who">Skip to who pays</a>'),
        element("header", join(head(report), "\n")),
        element(
            "main",
            join(
                [
                    _showback(report),
                    _by_fields(report),
                    _months(report),
                    budget_section(report),
                    _chargeback(report),
                    drill(report),
                    unallocated(report),
                    disputes(report),
                    *([kpi_section(report.kpis)] if report.kpis else []),
                    rules_part(report),
                    notes_part(report),
                ],
                "\n",
            ),
        ),
        element("footer", element("p", "Written by spendgate allocate. The page is whole: it loads nothing.")),
    ]
    return page(f"Chargeback {report.period}", STYLE, join(parts, "\n"))


def _showback(report: Report) -> Safe:
    ranked = report.figures.by_field["team"]
    billed = Decimal(report.summary["billed"])
    titles = {
        "direct": "Own lines",
        "shared": "Shared pools",
        "fixed": "Fixed",
        "idle": "Idle",
        "disputed": "Of it in dispute",
    }
    # A kind that this bill has none of has no column.
    titles = {kind: title for kind, title in titles.items() if any(row[kind] for row in (ranked.whole, *ranked.rows))}
    columns = [Column("Team"), Column("Total", True), Column("Of the bill", True)]
    columns += [Column(title, True) for title in titles.values()]

    def row(who: object, amounts: Mapping[str, Any]) -> list[object]:
        kinds = [amount_of(report, amounts.get(kind)) for kind in titles]
        return [who, report.money(amounts["cost"]), bar(amounts["cost"], billed), *kinds]

    body = [row(name(team["name"]) or NO_TEAM, team) for team in ranked.rows]
    if ranked.count > len(ranked.rows):
        rest = {kind: ranked.rest(kind) for kind in ("cost", *titles)}
        body.append(row(f"{ranked.count - len(ranked.rows):,} more teams", rest))
    if report.summary["unallocated"]["lines"]:
        body.append(row("Unallocated", {"cost": Decimal(report.summary["unallocated"]["cost"])}))
    return section(
        "who",
        "Showback: who used what",
        element("p", "All of the bill, with what is unallocated, in dispute or without a team.", class_="soft"),
        table(
            "The whole bill by team, largest first",
            columns,
            body,
            row("Total", {**ranked.whole, "cost": billed}),
        ),
    )


def _by_fields(report: Report) -> Safe:
    known = report.figures.by_field
    found = [_by_field(report, field_, known[field_]) for field_ in TITLES if field_ in known and field_ != "team"]
    wanted = [TITLES[field_] for field_ in TITLES if field_ not in known]
    listed = " or ".join(filter(None, (", ".join(wanted[:-1]), *wanted[-1:])))
    note = f"No line of this bill has a {listed}." if wanted else ""
    return section(
        "fields",
        "By product, model, run type and environment",
        element("div", join(found), class_="pair"),
        element("p", note, class_="soft"),
    )


def _by_field(report: Report, field_: str, ranked: Ranked) -> Safe:
    billed = Decimal(report.summary["billed"])
    title = TITLES[field_]
    body: list[list[object]] = [
        [
            name(row["name"]) or Safe(f'<span class="soft">no {title}</span>'),
            report.money(row["cost"]),
            bar(row["cost"], billed),
        ]
        for row in ranked.rows
    ]
    if ranked.count > len(ranked.rows):
        rest = ranked.rest("cost")
        body.append([f"{ranked.count - len(ranked.rows):,} more", report.money(rest), bar(rest, billed)])
    columns = [Column(title.capitalize()), Column("Total", True), Column("Of the bill", True)]
    whole = ranked.whole["cost"]
    foot = ["Allocated", report.money(whole), bar(whole, billed)]
    return section(
        f"by-{field_}", f"By {title}", table(f"What was allocated, by {title}", columns, body, foot), level=3
    )


def _months(report: Report) -> Safe:
    months = report.figures.months
    if len(months.names) < 2:
        words = "The bill is of one month. Give an earlier allocation with --previous DIR to see what changed."
        return section("months", "Month over month", element("p", words))
    last, before = months.names[-1], months.names[-2]

    def row(who: object, amounts: Mapping[str, Decimal]) -> list[object]:
        one, two = amounts.get(before, Decimal()), amounts.get(last, Decimal())
        shown = [report.money(amounts[month]) if month in amounts else Safe("&ndash;") for month in months.names]
        return [who, *shown, signed(report, two - one), growth(one, two)]

    body = [row(name(team) or NO_TEAM, amounts) for team, amounts in months.teams.items()]
    if any(months.unallocated.values()):
        body.append(row("Unallocated", months.unallocated))
    columns = [
        Column("Team"),
        *(Column(month, True) for month in months.names),
        Column("Change", True),
        Column("%", True),
    ]
    more = f" {months.left_out:,} smaller teams are in the totals alone." if months.left_out else ""
    return section(
        "months",
        "Month over month",
        table(
            f"By team and month; the change is from {before} to {last}.{more}",
            columns,
            body,
            row("Total", months.totals),
        ),
    )


def _chargeback(report: Report) -> Safe:
    currency = report.currency
    ordered = sorted(report.invoices, key=lambda invoice: (-abs(invoice.cents), invoice.team))
    body: list[list[object]] = [
        [
            element("a", name(invoice.team), href=f"invoices/{page_name(invoice.team)}")
            if invoice.page
            else name(invoice.team),
            report.money(invoice.disputed) if invoice.disputed else "",
            show_cents(invoice.cents, currency),
        ]
        for invoice in ordered[:SHOWN_INVOICES]
    ]
    rest, sums = ordered[SHOWN_INVOICES:], report.sums
    if rest:
        cents = sum(invoice.cents for invoice in rest)
        body.append([f"{len(rest):,} more, in invoices/invoices.json", "", show_cents(cents, currency)])
    if sums.others is not None:
        cents = sums.others.cents
        body.append([f"{sums.others.teams:,} smaller teams together", "", show_cents(cents, currency)])
    pages = sum(invoice.page for invoice in report.invoices)
    teams = report.teams
    told = f"The {pages:,} largest of {teams:,} teams have a page." if pages < teams else ""
    return section(
        "charge",
        "Chargeback: what teams pay",
        table(
            "Invoices, largest first",
            [Column("Team"), Column("Held back in dispute", True), Column("Invoice", True)],
            body,
            ["Invoiced", "", show_cents(sums.invoiced, currency)],
        ),
        element("p", told, class_="soft") if told else "",
        table(
            "From invoices to the bill, in whole cents",
            [Column("Part"), Column("Amount", True)],
            [[what, show_cents(cents, currency)] for what, _, cents in parts_of(sums)],
            ["Bill", show_cents(sums.billed, currency)],
        ),
    )
