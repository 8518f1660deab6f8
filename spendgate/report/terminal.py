"""The verdict for a person at a terminal: cost first, then what is wrong and how to fix it, then the verdict."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as RichText

from spendgate.estimate.carbon import show_figure
from spendgate.estimate.model import CostLine, Range
from spendgate.money import show_money
from spendgate.remedy.model import Remedy
from spendgate.report import owners, patches, savings
from spendgate.report.wording import (
    by_message,
    carbon_by_line,
    cautions,
    grouped_findings,
    headline,
    how_good,
    largest,
    line_item,
    monthly,
    no_price,
    notes,
    plural,
    reduced,
    remedies,
    scenario_rows,
    show_range,
    unit_costs,
)
from spendgate.verdict import Checked, Finding, Status, Verdict

_STEERING = (
    *range(9),
    *range(11, 32),
    *range(127, 160),
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x206A),
)
"""Control characters, and those that turn the direction of writing."""
_CONTROL = dict.fromkeys(_STEERING, "\ufffd")


class Text(RichText):
    """Text from anywhere: what steers a terminal is replaced, so that no program can write over the report."""

    def __init__(self, text: str = "", style: str = "") -> None:
        super().__init__(text.translate(_CONTROL), style)

    def append(self, text: str, style: str | None = None) -> Text:  # type: ignore[override]
        """As rich's, for plain strings."""
        super().append(text.translate(_CONTROL), style)
        return self


MOST_SAVINGS = 12
MOST_LINES = 60
MOST_PLACES = 25
"""What a person reads; the JSON report holds everything."""

WIDE = 100
"""Columns from which on the region of a cost line has a column of its own."""
_TOTAL = "total, expected"

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_MARKS = {Status.VIOLATION: "✗", Status.UNDETERMINED: "?", Status.ERROR: "!", Status.WAIVED: "~"}


def render(verdict: Verdict, *, color: bool = False, width: int | None = None) -> str:
    """The report as text, with ANSI colours when ``color`` is set; ``width`` is in columns."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=color,
        color_system="standard" if color else None,
        width=width or max(80, min(shutil.get_terminal_size((110, 40)).columns, 140)),
        highlight=False,
        markup=False,
        emoji=False,
    )
    for checked in verdict.inputs:
        _input(console, checked)
    _verdict(console, verdict)
    return "\n".join(line.rstrip() for line in buffer.getvalue().split("\n")).rstrip("\n") + "\n"


def _input(console: Console, checked: Checked) -> None:
    title = Text(str(checked.path), style="bold")
    if checked.project:
        engine = "embedded host" if checked.engine == "embedded" else "Pulumi engine"
        title.append(
            f"  {checked.project}, stack {checked.stack} ({checked.environment}), "
            f"{plural(checked.resources, 'resource')}, {engine}",
            style="dim not bold",
        )
    console.print(title)
    if checked.error and not checked.project:
        _error(console, f"could not be checked: {checked.error}")
        return
    if checked.error:
        _error(console, f"not checked to its end: {checked.error}")
    for fault in checked.faults:
        _error(console, f"wrong, and without effect: {fault}")
    if checked.estimate.lines:
        _cost(console, checked)
    _scenarios(console, checked)
    _owners(console, checked)
    if told := how_good(checked.estimate):
        console.print(Padding(Text(told), (0, 0, 0, 2)))
    for caution in cautions(checked):
        console.print(Padding(Text(f"caution: {caution}", style="yellow"), (0, 0, 0, 2)))
    for note in notes(checked):
        console.print(Padding(Text(f"note: {note}", style="dim"), (0, 0, 0, 2)))
    if checked.savings is not None:
        _savings(console, checked)
    console.print()
    for group in grouped_findings(checked.findings):
        _findings(console, group, checked)
    _patched(console, checked)


def _savings(console: Console, checked: Checked) -> None:
    console.print()
    if not checked.savings:
        console.print(Padding(Text(savings.NONE, style="dim"), (0, 0, 0, 2)))
        return
    console.print(Padding(Text(savings.TITLE, style="bold"), (0, 0, 0, 2)))
    for one in savings.shown(checked, MOST_SAVINGS):
        head = Text(one.amount, style="green")
        head.append(f"  {one.resources}: {one.change}", style="not bold default")
        if one.spread:
            head.append(f"  ({one.spread})", style="dim")
        console.print(Padding(head, (0, 0, 0, 4)))
        console.print(Padding(Text(f"risk: {one.risk}", style="dim"), (0, 0, 0, 6)))
        console.print(Padding(Text(f"rests on: {one.price}", style="dim"), (0, 0, 0, 6)))
    if more := savings.rest(checked, MOST_SAVINGS):
        console.print(Padding(Text(more, style="dim"), (0, 0, 0, 4)))


def _error(console: Console, text: str) -> None:
    """An error as it was written: a place that is broken over two lines cannot be opened by a click."""
    for line in text.splitlines():
        console.print(Text(f"  {line}", style="red"), soft_wrap=True)
    console.print()


def _cost(console: Console, checked: Checked) -> None:
    estimate = checked.estimate
    wide = console.width >= WIDE
    # On a narrow terminal the region stands behind what is bought: words that are folded letter by letter are no words.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1) if wide else (0, 1, 0, 0), header_style="bold")
    table.add_column("resource", overflow="fold", min_width=len(_TOTAL), max_width=40 if wide else 24)
    table.add_column("what", overflow="fold")
    if wide:
        table.add_column("where", overflow="fold")
    carbon = carbon_by_line(checked)
    for name in ("per hour", "per day", "per month", *(("kg CO2e",) if checked.footprint else ())):
        table.add_column(name, justify="right", no_wrap=True)
    shown = largest(estimate.lines, MOST_LINES)
    for index in shown:
        name, what, where, figures = _cost_line(estimate.lines[index], checked, estimate.currency)
        drawn = (carbon.get(index, "–"),) if checked.footprint else ()
        table.add_row(*_cells(name, what, where, wide), *figures, *drawn)
    if len(shown) < len(estimate.lines):
        rest = plural(len(estimate.lines) - len(shown), "smaller line")
        table.add_row(Text(f"and {rest}, in the total", style="dim"))
    if all(line.cost is None for line in estimate.lines):
        console.print(Padding(table, (0, 0, 0, 1)))
        return
    total = estimate.total
    table.add_section()
    figures = [_figure(part, estimate.currency) for part in (total.hourly, total.daily, total.monthly)]
    if checked.footprint:
        figures.append(show_figure(checked.footprint.kg.expected))
    blank = ("", "") if wide else ("",)
    table.add_row(Text(_TOTAL, style="bold"), *blank, *(Text(text, style="bold") for text in figures))
    if total.monthly.low != total.monthly.high:
        lows = [show_money(part.low, estimate.currency) for part in (total.hourly, total.daily, total.monthly)]
        highs = [show_money(part.high, estimate.currency) for part in (total.hourly, total.daily, total.monthly)]
        if checked.footprint:
            lows.append(show_figure(checked.footprint.kg.low))
            highs.append(show_figure(checked.footprint.kg.high))
        table.add_row(Text("  at least", style="dim"), *blank, *(Text(text, style="dim") for text in lows))
        table.add_row(Text("  at most", style="dim"), *blank, *(Text(text, style="dim") for text in highs))
    console.print(Padding(table, (0, 0, 0, 1)))


def _cells(name: Text, what: Sequence[Text], where: str, wide: bool) -> list[Text]:
    """The words of a cost line: the item, and below it what else is said of it."""
    item, *more = what
    if where and not wide:
        item = item.append(f", {where}")
    told = Text()
    for index, line in enumerate((item, *more)):
        told.append_text(Text("\n" if index else "")).append_text(line)
    return [name, told, Text(where)] if wide else [name, told]


def _scenarios(console: Console, checked: Checked) -> None:
    """Scenarios side by side, then what one unit of use costs."""
    if checked.estimate.scenarios:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="bold")
        for name in ("scenario", "per month", "at least – at most", "against the first"):
            table.add_column(name, justify="left" if name == "scenario" else "right")
        for row in scenario_rows(checked.estimate):
            table.add_row(*(Text(cell) for cell in row))
        console.print(Padding(table, (0, 0, 0, 1)))
    for name, unit, cost in unit_costs(checked):
        console.print(Padding(Text(f"{name}: {cost} {unit}"), (0, 0, 0, 2)))


def _owners(console: Console, checked: Checked) -> None:
    """Who pays how much a month; where the terminal is too narrow the fields of an owner share a column."""
    allocation, currency = checked.allocation, checked.estimate.currency
    if allocation is None:
        return
    names, rows = owners.head(allocation), owners.rows(allocation, currency, MOST_LINES)
    fields = len(names) - owners.figures(allocation)
    needed = sum(max(map(len, column)) + 3 for column in zip(names, *rows, strict=True))
    wide = needed < console.width or fields == 1
    if not wide:
        names, rows = _joined(names, fields), [_joined(row, fields) for row in rows]
        fields = 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1) if wide else (0, 1, 0, 0), header_style="bold")
    for index, name in enumerate(names):
        figure = index >= fields
        table.add_column(name, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    for row in rows:
        table.add_row(*(Text(cell, style="bold" if row[0] == "total" else "") for cell in row))
    console.print(Padding(Text(owners.TITLE), (0, 0, 0, 2)))
    console.print(Padding(table, (0, 0, 0, 1)))
    for note in owners.notes(allocation, currency):
        console.print(Padding(Text(f"note: {note}", style="dim"), (0, 0, 0, 2)))


def _joined(row: Sequence[str], fields: int) -> tuple[str, ...]:
    """A row with its first cells in one: those of an owner, or the one word of a sum."""
    several = any(row[1:fields])
    return (" / ".join(cell or "–" for cell in row[:fields]) if several else row[0], *row[fields:])


def _cost_line(line: CostLine, checked: Checked, currency: str) -> tuple[Text, list[Text], str, list[str]]:
    """Resource, item with what else is said of it, region, and the figures."""
    name = Text(checked.names.get(line.resource, line.resource))
    what = [Text(line_item(line))]
    where = line.quote.region or ""
    if line.cost is None:
        why = Text(no_price(line), style="dim" if line.quote.reason == "paid_by_nodes" else "yellow")
        return name, [*what, why], where, ["–", "–", "–"]
    if line.cost.run is not None:
        what.append(Text(f"{show_range(line.cost.run, currency)} a run", style="dim"))
    if told := reduced(line, currency):
        what.append(Text(told, style="dim"))
    parts = (line.cost.hourly, line.cost.daily, line.cost.monthly)
    return name, what, where, [_figure(part, currency) for part in parts]


def _figure(range_: Range, currency: str) -> str:
    return show_money(range_.expected, currency)


def _patched(console: Console, checked: Checked) -> None:
    """What the pack changes, by guardrail and resource."""
    made = patches.applied(checked)
    if not made:
        return
    console.print(Padding(Text(patches.APPLIED, style="bold"), (0, 0, 0, 2)))
    for remedy in made:
        head = Text(f"{remedy.guardrail}", style="green")
        head.append(f"  {'; '.join(remedy.mends)}", style="dim not bold")
        console.print(Padding(head, (0, 0, 0, 4)))
        _patch(console, remedy)
    if more := patches.more_applied(checked):
        console.print(Padding(Text(more, style="dim"), (0, 0, 0, 4)))
    console.print()


def _patch(console: Console, remedy: Remedy) -> None:
    """One resource and the lines of its diff."""
    place = Text(remedy.name, style="bold")
    place.append(f"  {remedy.type}", style="not bold dim")
    if shown := patches.place_of(remedy):
        place.append(f"  {shown}", style="not bold cyan")
    console.print(Padding(place, (0, 0, 0, 6)))
    for line in patches.diff_lines(remedy.patches):
        console.print(Padding(Text(line, style="green" if line.startswith("+") else "red"), (0, 0, 0, 8)))


def _findings(console: Console, group: Sequence[Finding], checked: Checked) -> None:
    """The findings of one guardrail under one head, with one remedy."""
    first = group[0]
    style = _STYLES[first.severity] if first.denies else "dim"
    head = Text()
    head.append(f"{_MARKS[first.status]} {first.guardrail}", style=style)
    level = "" if first.status is Status.ERROR else f", {first.enforcement}"
    tally = f"{first.status}" if len(group) == 1 else f"{len(group)} × {first.status}"
    head.append(f"  {first.severity}{level}, {tally}", style="dim")
    console.print(Padding(head, (0, 0, 0, 2)))
    for message, findings in by_message(group, MOST_PLACES).items():
        for finding in findings:
            place = Text(finding.name, style="bold")
            place.append(f"  {finding.type}", style="not bold dim")
            if finding.location:
                place.append(f"  {finding.location.file}:{finding.location.line}", style="not bold cyan")
            console.print(Padding(place, (0, 0, 0, 4)))
        console.print(Padding(Text(message), (0, 0, 0, 6)))
    if len(group) > MOST_PLACES:
        more = f"and {plural(len(group) - MOST_PLACES, 'more place')} (--format json lists all)"
        console.print(Padding(Text(more, style="dim"), (0, 0, 0, 4)))
    for remedy in remedies(first):
        console.print(Padding(Text(remedy, style="dim"), (0, 0, 0, 4)))
    for change in patches.proposed(checked, group[:MOST_PLACES]):
        _patch(console, change)
    console.print()


def _verdict(console: Console, verdict: Verdict) -> None:
    passed = verdict.passed
    text = Text("PASSED" if passed else "REFUSED", style="bold green" if passed else "bold red")
    text.append(f"  {headline(verdict)}", style="not bold")
    if verdict.estimate.lines:
        text.append(f"; {monthly(verdict.estimate)}", style="not bold")
    console.print(text)
