"""The chargeback report as one HTML page: totals, who pays by every field, month over month, and invoices.

Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.report.cents import show_cents
from spendgate.allocate.report.figures import Ranked
from spendgate.allocate.report.files import page_name
from spendgate.allocate.report.kpis import kpi_section
from spendgate.allocate.report.markup import Column, Safe, element, join, name, page, section, table
from spendgate.allocate.report.shown import NO_TEAM, Report, amount_of, bar
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
        element("header", join(_head(report), "\n")),
        element(
            "main",
            join(
                [
                    _showback(report),
                    _by_fields(report),
                    _months(report),
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
    return page(f"Chargeback {_period(report)}", STYLE, join(parts, "\n"))


def _period(report: Report) -> str:
    names = [month for month in report.figures.months.names if len(month) == 7]
    return names[-1] if report.summary.get("months", 1) == 1 and names else " to ".join(report.summary["period"])


def _head(report: Report) -> Iterator[Safe]:
    summary = report.summary
    yield element("h1", f"Chargeback {_period(report)}")
    rules = summary.get("rules_name")
    yield element(
        "p",
        join(
            [
                f"{summary['lines']:,} lines in {report.currency}, {report.money(summary['billed'])}",
                *([join([", by the rules ", name(rules)])] if rules else []),
                ". Amounts are exact in the table and rounded where they are shown; invoices are whole cents.",
            ]
        ),
        class_="soft",
    )
    if summary["reconciles"]:
        yield element(
            "p",
            join([element("strong", "Reconciles."), " Every line of the bill is allocated once, to the last decimal."]),
            class_="verdict good",
        )
    else:
        gap = Decimal(summary["billed"]) - Decimal(summary["allocated"]) - Decimal(summary["unallocated"]["cost"])
        twice = (
            f" Line ids that stand more than once: {', '.join(summary['duplicates'])}." if summary["duplicates"] else ""
        )
        yield element(
            "p",
            join(
                [
                    element("strong", "Does not reconcile."),
                    f" The lines written differ from the bill by {gap:f}.",
                    twice,
                ]
            ),
            class_="verdict bad",
            role="alert",
        )
    sums, currency = report.sums, report.currency
    cards = [
        ("Billed", sums.billed, f"{summary['lines']:,} lines"),
        ("Invoiced to teams", sums.invoiced, f"{_teams(report):,} teams"),
        ("In dispute, held back", sums.disputed, _part(sums.disputed, sums.billed)),
        ("Owned, but by no team", sums.no_team, _part(sums.no_team, sums.billed)),
        ("Unallocated", sums.unallocated, _part(sums.unallocated, sums.billed)),
    ]
    shown = join(
        element(
            "div",
            join([element("dt", what), element("dd", join([show_cents(cents, currency), element("small", more)]))]),
        )
        for what, cents, more in cards
    )
    yield element("dl", shown, class_="cards")
    links = {
        "who": "Showback",
        "fields": "By field",
        "months": "Month over month",
        "charge": "Chargeback",
        "drill": "Invoice to line",
        "lost": "Unallocated",
        "disputes": "Disputes",
        **({"kpis": "KPIs"} if report.kpis else {}),
        "rules": "Rules",
        "notes": "Notes",
    }
    listed = join(element("li", element("a", title, href=f"#{where}")) for where, title in links.items())
    yield element("nav", element("ul", listed), aria_label="Parts of this report")


def _showback(report: Report) -> Safe:
    ranked = report.figures.by_field["team"]
    billed = Decimal(report.summary["billed"])
    titles = {"direct": "Own lines", "shared": "Shared pools", "fixed": "Fixed", "idle": "Idle"}
    if ranked.whole["disputed"]:
        titles["disputed"] = "Of it in dispute"
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
    note = f"No line of this bill has a {' or '.join(wanted)}." if wanted else ""
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
        return [who, *shown, _signed(report, two - one), _growth(one, two)]

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
    teams = _teams(report)
    told = f"The {pages:,} largest of {teams:,} teams have a page." if pages < teams else ""
    steps = [
        ("Invoiced to teams", sums.invoiced),
        ("In dispute, held back until resolved", sums.disputed),
        ("Owned, but by no team (a project, or idle capacity of a pool)", sums.no_team),
        ("Unallocated", sums.unallocated),
    ]
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
            [[what, show_cents(cents, currency)] for what, cents in steps],
            ["Bill", show_cents(sums.billed, currency)],
        ),
    )


def _teams(report: Report) -> int:
    return len(report.invoices) + (report.sums.others.teams if report.sums.others is not None else 0)


def _signed(report: Report, amount: Decimal) -> str:
    return f"+{report.money(amount)}" if amount > 0 else report.money(amount)


def _growth(one: Decimal, two: Decimal) -> str:
    return f"{(two - one) / abs(one):+.1%}" if one else "new" if two else ""


def _part(cents: int, whole: int) -> str:
    return f"{cents / whole:.1%} of the bill" if whole else ""
