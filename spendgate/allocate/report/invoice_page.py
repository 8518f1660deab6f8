"""A team's invoice as an HTML page."""

from __future__ import annotations

from decimal import Decimal

from spendgate.allocate.asking import quoted
from spendgate.allocate.report.cents import show_cents
from spendgate.allocate.report.figures import Months
from spendgate.allocate.report.invoices import Invoice, Position
from spendgate.allocate.report.markup import Column, Safe, element, join, name, page, section, table
from spendgate.allocate.report.shown import growth
from spendgate.allocate.report.style import STYLE
from spendgate.money import show_money


def render_invoice(invoice: Invoice, period: str, currency: str, file: str, months: Months) -> str:
    """The page of one team; ``file`` is how a query names the allocated table."""
    cards: list[tuple[str, object]] = [("To pay", show_cents(invoice.cents, currency)), ("Period", period)]
    if invoice.team in months.change:
        cards.append(("Change", _change(*months.change[invoice.team], months, currency)))
    if invoice.disputed:
        cards.append(("In dispute, not on this invoice", show_money(invoice.disputed, currency)))
    columns = [
        Column("Rule and service"),
        Column("Share", True),
        Column("Rows", True),
        Column("Amount", True),
    ]
    body = [_row(position, currency) for position in invoice.positions]
    foot = ["To pay", "", "", show_cents(invoice.cents, currency)]
    query = (
        f"SELECT * FROM '{file}' WHERE x_Team = {quoted(invoice.team)} AND x_Layer <> 'unallocated' "
        "AND x_Dispute IS NULL ORDER BY abs(x_AllocatedCost) DESC"
    )
    shown = join(element("div", join([element("dt", what), element("dd", value)])) for what, value in cards)
    main = [
        element("dl", shown, class_="cards"),
        section(
            "positions",
            "Positions",
            table("By rule and service, largest first; whole cents that add up", columns, body, foot),
        ),
        section(
            "lines",
            "The lines behind it",
            element("p", "Each position is made of rows of the allocated table. With DuckDB, in the folder above:"),
            element("pre", element("code", query)),
            element("p", "One line with its rule and all who share it:"),
            element("pre", element("code", "spendgate allocate explain LINE_ID --output DIR")),
        ),
    ]
    head = [
        element("p", element("a", "Chargeback report", href="../report.html")),
        element("h1", join(["Invoice: ", name(invoice.team)])),
    ]
    body_ = join([element("header", join(head)), element("main", join(main, "\n"))], "\n")
    return page(f"Invoice {invoice.team} {period}", STYLE, body_)


def _change(one: Decimal, two: Decimal, months: Months, currency: str) -> Safe:
    """The last month against the one before, with what is in dispute."""
    before, last = months.names[-2:]
    told = f"{show_money(one, currency)} in {before}, {show_money(two, currency)} in {last}, with what is in dispute"
    return join([growth(one, two) or "none", element("small", told)])


def _row(position: Position, currency: str) -> list[object]:
    cents = show_cents(position.cents, currency)
    if position.rule is None:
        return ["Smaller positions together", "", "", cents]
    service = join([name(position.service), Safe(' <span class="tag">idle</span>') if position.idle else ""])
    more = join([part for part in (service, _how(position)) if part], " · ")
    share = "" if position.share is None else _per_cent(position.share)
    return [join([name(position.rule), element("small", more)]), share, f"{position.rows:,}", cents]


def _how(position: Position) -> Safe:
    match position.layer:
        case "proportional":
            pool = join(["pool ", name(position.pool), ", "]) if position.pool else ""
            return join([pool, "by ", name(position.driver)])
        case "fixed":
            return Safe("fixed split")
        case _:
            return Safe("own lines")


def _per_cent(share: Decimal) -> str:
    return f"{share:.2%}"
