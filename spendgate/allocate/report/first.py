"""The first screen of the report: what was billed, who pays it, how it changed, and what nobody pays and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from spendgate.allocate.report.cents import show_cents
from spendgate.allocate.report.markup import Column, Safe, element, join, name, section, table
from spendgate.allocate.report.shown import NO_TEAM, Report, bar, count, growth, parts_of, per_cent, signed

TOP: Final = 6
"""Owners, and groups without one, that the first screen has."""


def head(report: Report) -> Iterator[Safe]:
    """The title, whether it all adds up, the figures that matter, and the way to the parts."""
    summary = report.summary
    yield element("h1", f"Chargeback {report.period}")
    rules = summary.get("rules_name")
    words = [f"{count(summary['lines'], 'line')} in {report.currency}"]
    yield element("p", join([*words, *([join([", rules: ", name(rules)])] if rules else [])]), class_="soft")
    yield _verdict(report)
    yield element("dl", join(_card(*card) for card in _cards(report)), class_="cards")
    yield _whole_bar(report)
    yield element("div", join([_top_owners(report), _why_unallocated(report)], "\n"), class_="pair first")
    yield _links(report)


def _verdict(report: Report) -> Safe:
    summary = report.summary
    if summary["reconciles"]:
        words: list[object] = [element("strong", "Reconciles."), " Every line is allocated once, to the last decimal."]
        return element("p", join(words), class_="verdict good")
    gap = Decimal(summary["billed"]) - Decimal(summary["allocated"]) - Decimal(summary["unallocated"]["cost"])
    twice = summary["duplicates"]
    told = f" The lines written differ from the bill by {gap:f}." if gap else ""
    if twice:
        told += f" Line ids stand more than once, so lines may count twice: {', '.join(twice)}."
    words = [element("strong", "Does not reconcile."), told]
    return element("p", join(words), class_="verdict bad", role="alert")


Card = tuple[str, object, object]


def _cards(report: Report) -> Iterator[Card]:
    sums, currency = report.sums, report.currency
    allocated, billed = Decimal(report.summary["allocated"]), Decimal(report.summary["billed"])
    lost = report.summary["unallocated"]["lines"]
    yield "Billed", show_cents(sums.billed, currency), count(report.summary["lines"], "line")
    yield _change(report)
    part = per_cent(allocated / billed) if billed else report.money(allocated)
    yield "Allocated", part, f"{report.money(allocated)} by rules" if billed else ""
    yield (
        "Unallocated",
        element("a", show_cents(sums.unallocated, currency), href="#lost"),
        f"{_part(sums.unallocated, sums.billed)}, {count(lost, 'line')}".removeprefix(", "),
    )
    teams = f"to {count(report.teams, 'team')}"
    yield "Invoiced", element("a", show_cents(sums.invoiced, currency), href="#charge"), teams
    if report.budgets is not None:
        rate = report.budgets["bill"]
        low, high = rate["low"], rate["high"]
        between = f"{report.money(low)} to {report.money(high)}" if low is not None and rate["days_left"] else ""
        if rate["days_left"]:
            yield "Expected at month's end", report.money(rate["expected"]), between
        bad = [one for one in report.budgets["budgets"] if one["state"] in ("exceeded", "projected", "at risk")]
        held = [one for one in report.budgets["budgets"] if one["state"] != "unchecked"]
        words = "over, or expected to be" if bad else "all within"
        yield "Budgets", element("a", f"{len(bad)} of {len(held)}" if bad else f"{len(held)}", href="#budgets"), words


def _change(report: Report) -> Card:
    """What the last month costs more than the one before."""
    months = report.figures.months
    if len(months.names) < 2:
        return "Change", "–", "no earlier month was given"
    before, last = months.names[-2:]
    one, two = months.totals[before], months.totals[last]
    amount = signed(report, two - one)
    told = f"{amount}, from {before}" if growth(one, two) else f"from {before}"
    return "Change", element("a", growth(one, two) or amount, href="#months"), told


def _card(what: str, value: object, more: object) -> Safe:
    small = element("small", more) if more else Safe("")
    return element("div", join([element("dt", what), element("dd", join([value, small]))]))


def _whole_bar(report: Report) -> Safe:
    """Where the bill goes, as one bar; nothing where credits make a part negative."""
    parts = [(title, kind, cents) for title, kind, cents in parts_of(report.sums) if cents]
    whole = report.sums.billed
    if len(parts) < 2 or whole <= 0 or any(cents < 0 for _, _, cents in parts):
        return Safe("")
    drawn = join(Safe(f'<span class="{kind}" style="flex-grow:{cents}"></span>') for _, kind, cents in parts)
    legend = join(
        element(
            "li",
            join(
                [
                    Safe(f'<span class="dot {kind}"></span>'),
                    f"{title}: {show_cents(cents, report.currency)}, {per_cent(Decimal(cents) / whole)}",
                ]
            ),
        )
        for title, kind, cents in parts
    )
    return element(
        "div",
        join([element("div", drawn, class_="whole", aria_hidden="true"), element("ul", legend, class_="legend")]),
        class_="goes",
    )


def _top_owners(report: Report) -> Safe:
    ranked = report.figures.by_field["team"]
    billed, months = Decimal(report.summary["billed"]), report.figures.months
    compared = len(months.names) > 1
    columns = [Column("Team"), Column("Total", True), Column("Of the bill", True)]
    columns += [Column("Change", True)] if compared else []

    def row(team: Mapping[str, Any]) -> list[object]:
        cells: list[object] = [name(team["name"]) or NO_TEAM, report.money(team["cost"]), bar(team["cost"], billed)]
        if compared:
            cells.append(growth(*months.change.get(team["name"], (Decimal(), Decimal()))))
        return cells

    body = [row(team) for team in ranked.rows[:TOP]]
    left = ranked.count - len(body)
    if left > 0:
        shown = sum((Decimal(team["cost"]) for team in ranked.rows[:TOP]), Decimal())
        rest = Decimal(ranked.whole["cost"] or 0) - shown
        more: list[object] = [element("a", f"{left:,} more", href="#who"), report.money(rest), bar(rest, billed)]
        body.append([*more, ""] if compared else more)
    made = table("Largest teams", columns, body) if body else element("p", "No line has an owner.")
    return section("top", "Who pays", made)


def _why_unallocated(report: Report) -> Safe:
    summary = report.summary
    if not summary["unallocated"]["lines"]:
        return section("why", "Unallocated", element("p", "Nothing: every line has an owner."))
    columns = [Column("Why, and what would tell"), Column("Lines", True), Column("Amount", True)]
    body = []
    for row in summary["unowned"][:TOP]:
        why = join([join([name(row["rule"]), ": "]) if row["rule"] else "", row["reason"]])
        what = join([" · ", name(row["service"])]) if row["service"] else Safe("")
        hint = element("small", join(["tags: ", name(row["hint"])])) if row["hint"] and not row["rule"] else ""
        body.append([join([why, what, hint]), f"{row['lines']:,}", report.money(row["cost"])])
    listed = sum((Decimal(row["cost"]) for row in summary["unowned"][:TOP]), Decimal())
    rest = Decimal(summary["unallocated"]["cost"]) - listed
    lines = summary["unallocated"]["lines"] - sum(row["lines"] for row in summary["unowned"][:TOP])
    if lines:
        body.append([element("a", "Smaller groups", href="#lost"), f"{lines:,}", report.money(rest)])
    return section("why", "Unallocated, and why", table("Largest groups without an owner", columns, body))


def _links(report: Report) -> Safe:
    links = {
        "who": "Showback",
        "fields": "By field",
        "months": "Month over month",
        **({"budgets": "Budgets"} if report.budgets is not None else {}),
        "charge": "Chargeback",
        "drill": "Invoice to line",
        "lost": "Unallocated",
        "disputes": "Disputes",
        **({"kpis": "KPIs"} if report.kpis else {}),
        "rules": "Rules",
        "notes": "Notes",
    }
    listed = join(element("li", element("a", title, href=f"#{where}")) for where, title in links.items())
    return element("nav", element("ul", listed), aria_label="Parts of this report")


def _part(cents: int, whole: int) -> str:
    return f"{per_cent(Decimal(cents) / whole)} of the bill" if whole else ""
