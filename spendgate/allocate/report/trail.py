"""The way from an invoice to its lines and their rules, and what is not on any invoice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from spendgate.allocate.asking import quoted
from spendgate.allocate.report.figures import LINES
from spendgate.allocate.report.files import page_name
from spendgate.allocate.report.markup import Column, Safe, element, join, name, section, table
from spendgate.allocate.report.shown import NO_TEAM, Report


def drill(report: Report) -> Safe:
    """Each of the largest teams with its rules, its largest rows, and how to ask for the others."""
    figures, ids = report.figures, _rule_ids(report)
    by_team = {invoice.team: invoice for invoice in report.invoices if invoice.page}
    shown = []
    for row in figures.by_field["team"].rows:
        team = row["name"] or ""
        if team not in figures.lines:
            continue
        lines = figures.lines[team]
        rest = row["rows"] - len(lines)
        own = sum((line["cost"] for line in lines), Decimal())
        which = f"x_Team = {quoted(team)}" if team else "x_Team IS NULL AND x_Layer <> 'unallocated'"
        query = f"SELECT * FROM '{report.table}' WHERE {which} ORDER BY abs(x_AllocatedCost) DESC"
        left = (
            f"{rest:,} smaller rows, {report.money(row['cost'] - own)} together, are not listed. All, with DuckDB:"
            if rest
            else "These are all rows. To ask further, with DuckDB:"
        )
        body = [
            element("p", element("a", join(["Invoice of ", name(team)]), href=f"invoices/{page_name(team)}"))
            if team in by_team
            else Safe(""),
            _parts_table(report, team, ids),
            _lines_table(report, team, ids),
            element("p", left, class_="soft"),
            element("pre", element("code", query)),
        ]
        head = join([element("span", report.money(row["cost"]), class_="n"), name(team) or NO_TEAM])
        shown.append(element("details", join([element("summary", head), *body], "\n")))
    count = figures.by_field["team"].count
    more = f" The {len(shown)} largest of {count:,} owners are here." if count > len(shown) else ""
    words = f"For each team its rules and services, and its {LINES} largest rows.{more} One line with all its shares:"
    return section(
        "drill",
        "From invoice to line to rule",
        element("p", words),
        element("pre", element("code", "spendgate allocate explain LINE_ID --output DIR")),
        *shown,
    )


def _parts_table(report: Report, team: str, ids: Mapping[str, str]) -> Safe:
    columns = [Column("Rule"), Column("Service"), Column("Driver"), Column("Rows", True), Column("Amount", True)]
    body = [
        [
            _rule(row["rule"], ids),
            join([name(row["service"]), _idle(row["idle"])]),
            name(row["driver"]),
            f"{row['rows']:,}",
            report.money(row["cost"]),
        ]
        for row in report.figures.parts.get(team, ())
    ]
    return table("Largest rules and services", columns, body)


def _lines_table(report: Report, team: str, ids: Mapping[str, str]) -> Safe:
    columns = [
        Column("Line"),
        Column("Day"),
        Column("What"),
        Column("Rule"),
        Column("Driver and pool"),
        Column("Share", True),
        Column("Amount", True),
    ]
    body = []
    for line in report.figures.lines[team]:
        what = [name(line["charge"] or line["service"])]
        if line["resource"]:
            what.append(join([Safe("<br>"), element("span", name(line["resource"]), class_="soft")]))
        driver = join([name(line["driver"]), " of " if line["driver"] and line["pool"] else "", name(line["pool"])])
        dispute = join([" ", element("span", join(["dispute ", name(line["dispute"])]), class_="tag")])
        body.append(
            [
                element("code", name(line["line"])),
                element("span", line["day"], class_="n"),
                join([*what, _idle(line["idle"]), dispute if line["dispute"] else ""]),
                _rule(line["rule"], ids),
                driver,
                f"{line['share']:.2%}",
                report.money(line["cost"]),
            ]
        )
    return table("Largest rows: a line, or the team's share of one", columns, body)


def unallocated(report: Report) -> Safe:
    """What no rule gave to anybody, with what would tell."""
    summary = report.summary
    if not summary["unallocated"]["lines"]:
        return section("lost", "Unallocated", element("p", "Nothing: every line has an owner."))
    body = [
        [
            join([join([name(row["rule"]), ": "]) if row["rule"] else "", row["reason"]]),
            name(row["service"]),
            name(row["account"]),
            name(row["hint"]),
            f"{row['lines']:,}",
            report.money(row["cost"]),
        ]
        for row in summary["unowned"]
    ]
    columns = [
        Column("Why"),
        Column("Service"),
        Column("Account"),
        Column("What would tell"),
        Column("Lines", True),
        Column("Amount", True),
    ]
    listed = sum((Decimal(row["cost"]) for row in summary["unowned"]), Decimal())
    rest = Decimal(summary["unallocated"]["cost"]) - listed
    left = f"Smaller groups, {report.money(rest)} together, are not listed. " if rest else ""
    note = element("p", f"{left}All their lines, with DuckDB:", class_="soft")
    query = f"SELECT * FROM '{report.table}' WHERE x_Layer = 'unallocated' ORDER BY abs(x_AllocatedCost) DESC"
    foot = [
        "Unallocated",
        "",
        "",
        "",
        f"{summary['unallocated']['lines']:,}",
        report.money(summary["unallocated"]["cost"]),
    ]
    return section(
        "lost",
        "Unallocated",
        element("p", "What no rule gave to anybody, with the tag by which a rule would have found an owner."),
        table("Largest groups without an owner", columns, body, foot),
        note,
        element("pre", element("code", query)),
    )


def disputes(report: Report) -> Safe:
    """What is contested."""
    found = report.figures.disputed
    if not found:
        return section("disputes", "Disputes", element("p", "None."))
    columns = [Column("Dispute"), Column("Allocated to"), Column("Rows", True), Column("Amount", True)]
    body = [
        [
            name(row["dispute"]),
            name(row["team"]) or ("unallocated" if row["layer"] == "unallocated" else "no team"),
            f"{row['rows']:,}",
            report.money(row["cost"]),
        ]
        for row in found
    ]
    words = "These lines are allocated as the rules say, and are on no invoice until an override resolves them."
    return section("disputes", "Disputes", element("p", words), table("Contested lines", columns, body))


def rules_part(report: Report) -> Safe:
    """The rules that decided."""
    ids = _rule_ids(report)
    texts = {rule["name"]: rule for rule in report.summary.get("rule_texts", ())}
    body: list[list[object]] = []
    named: set[str] = set()
    for row in report.figures.rules:
        rule = row["rule"]
        if rule is None:
            continue
        match = texts.get(rule, {}).get("match", "")
        shown = name(rule) if rule in named else element("span", name(rule), id=ids[rule])
        named.add(rule)
        body.append(
            [
                shown,
                row["layer"],
                element("code", name(match)) if match else "",
                name(row["driver"]),
                f"{row['lines']:,}",
                report.money(row["cost"]),
            ]
        )
    columns = [
        Column("Rule"),
        Column("Layer"),
        Column("Matches"),
        Column("Driver"),
        Column("Lines", True),
        Column("Amount", True),
    ]
    return section("rules", "Rules", table("The rules that decided, largest amounts first", columns, body))


def notes_part(report: Report) -> Safe:
    """What the run told."""
    told = report.summary.get("notes", ())
    body = element("ul", join(element("li", note) for note in told), class_="notes") if told else element("p", "None.")
    return section("notes", "Notes", body)


def _rule_ids(report: Report) -> dict[str, str]:
    names = dict.fromkeys(row["rule"] for row in report.figures.rules if row["rule"])
    return {rule: f"rule-{number}" for number, rule in enumerate(names, start=1)}


def _rule(rule: str | None, ids: Mapping[str, str]) -> Safe:
    return element("a", name(rule), href=f"#{ids[rule]}") if rule else name(rule)


def _idle(idle: bool) -> Safe:
    return Safe(' <span class="tag">idle</span>') if idle else Safe("")
