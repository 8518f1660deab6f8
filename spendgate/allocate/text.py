"""The outcome of an allocation for a person at a terminal, and as JSON."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from spendgate.allocate.engine import Rest
from spendgate.allocate.findings import SAMPLE
from spendgate.allocate.model import OWNER
from spendgate.allocate.report.shown import per_cent
from spendgate.allocate.run import Outcome
from spendgate.money import show_money
from spendgate.report.terminal import Text
from spendgate.report.wording import plural

SHOWN: Final = 12
"""Owners and unallocated groups that the terminal lists; the file has all of them."""


def to_json(outcome: Outcome, output: str) -> dict[str, Any]:
    """The outcome as plain data; amounts are texts, so that none is rounded."""
    return {
        "output": output,
        "reconciles": outcome.reconciles,
        "currency": outcome.currency,
        "lines": outcome.lines,
        "rows": outcome.rows,
        "billed": _plain(outcome.billed),
        "allocated": _plain(outcome.allocated),
        "unallocated": {"cost": _plain(outcome.unallocated), "lines": outcome.unallocated_lines},
        "rounding": _plain(outcome.rounding),
        "rules": [_row(row) for row in outcome.by_rule],
        "owners": [_row(row) for row in outcome.by_owner],
        "owners_rest": _rest(outcome, "owners"),
        "unowned": [_row(row) for row in outcome.unowned],
        "unowned_rest": _rest(outcome, "unowned"),
        "never": list(outcome.never),
        "overlaps": [_row(row) for row in outcome.overlaps],
        "lost": [_row(row) for row in outcome.lost],
        "lost_rest": _rest(outcome, "lost"),
        "disputed": [_row(row) for row in outcome.disputed],
        "missing_columns": {name: list(columns) for name, columns in outcome.missing.items()},
        "duplicates": list(outcome.duplicates),
        "read_as": outcome.read_as,
        "bad_tags": list(outcome.bad_tags),
        "noticed": list(outcome.noticed),
    }


def _rest(outcome: Outcome, what: str) -> dict[str, Any]:
    """What the list above leaves out; with it the list adds up to the whole."""
    rest = outcome.rest.get(what, Rest())
    return {"rows": rest.rows, "cost": _plain(rest.cost)}


def to_text(outcome: Outcome, output: str, *, color: bool = False, width: int | None = None) -> str:
    """The outcome: the totals first, then who pays, then what nobody pays and why."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width or min(shutil.get_terminal_size((100, 20)).columns, 120),
        force_terminal=color,
        no_color=not color,
        highlight=False,
    )
    currency = outcome.currency
    verdict = "reconciles" if outcome.reconciles else "DOES NOT RECONCILE"
    console.print(
        Text(
            f"{show_money(outcome.billed, currency)} of {plural(outcome.lines, 'line')}: {verdict} with the bill",
            "bold",
        )
    )
    part = "" if not outcome.billed else f" ({per_cent(outcome.unallocated / outcome.billed)})"
    console.print(
        Text(
            f"allocated {show_money(outcome.allocated, currency)}, "
            f"unallocated {show_money(outcome.unallocated, currency)}{part} "
            f"on {plural(outcome.unallocated_lines, 'line')}"
        )
    )
    console.print()
    if outcome.by_owner:
        console.print(_owners(outcome))
    else:
        console.print(Text("Nobody pays: no rule gave any line an owner.\n"))
    console.print(_rules(outcome))
    if outcome.unowned:
        console.print(_unowned(outcome))
    for sentence in notes(outcome):
        console.print(Text(sentence))
    # A path that is broken over two lines could not be taken from here.
    console.print(Text(f"Every line with its owner, rule and share: {output}"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def notes(outcome: Outcome) -> list[str]:
    """What finance should know of this run, one sentence each."""
    told = []
    if outcome.read_as:
        told.append(f"The bill's columns were read as {outcome.read_as}; --columns says another format.")
    if outcome.billed != outcome.allocated + outcome.unallocated:
        gap = outcome.billed - outcome.allocated - outcome.unallocated
        told.append(f"The lines written differ from the bill by {gap:f} {outcome.currency}.")
    told += outcome.noticed
    if outcome.bad_tags:
        shown = ", ".join(outcome.bad_tags[:5]) + (", …" if len(outcome.bad_tags) > 5 else "")
        told.append(f"Tags that are no JSON count as none: lines {shown}.")
    if outcome.duplicates:
        told.append(f"Line ids stand more than once, so lines may count twice: {', '.join(outcome.duplicates)}.")
    if outcome.rounding:
        told.append(f"The bill has {outcome.rounding.normalize():f} {outcome.currency} beyond twelve decimals.")
    sampled = outcome.lines > SAMPLE
    of_all = f" of about {SAMPLE:,} that were looked at" if sampled else ""
    for row in outcome.overlaps:
        match = "matches" if row["lines"] == 1 else "match"
        told.append(
            f"{plural(row['lines'], 'line')}{of_all} {match} {row['rule']} and {row['other']}; "
            f"{row['rule']} is asked first and decides."
        )
    behind = {row["other"] for row in outcome.overlaps}
    late = [name for name in outcome.never if name in behind]
    never = [name for name in outcome.never if name not in behind]
    if late:
        told.append(f"Rules before them decide all lines that match {', '.join(late)}.")
    if never:
        told.append(f"{'No line was left for' if sampled else 'No line matched'}: {', '.join(never)}.")
    for name, columns in outcome.missing.items():
        told.append(f"{name} reads {', '.join(columns)}, which this bill does not have: it counts as absent.")
    told += _lost(outcome)
    lost = outcome.rest.get("lost", Rest())
    if lost.rows:
        told.append(
            f"{lost.rows:,} more pools and windows had no use; {show_money(lost.cost, outcome.currency)} of them stay "
            "unallocated."
        )
    owners = outcome.rest.get("owners", Rest())
    if owners.rows:
        told.append(
            f"The summary lists the {len(outcome.by_owner):,} largest owners; {owners.rows:,} more have "
            f"{show_money(owners.cost, outcome.currency)} together, and each stands in the table."
        )
    for row in outcome.disputed:
        lines = plural(row["lines"], "line")
        told.append(f"In dispute, {row['dispute']}: {lines}, {show_money(row['cost'], outcome.currency)}.")
    return told


def _lost(outcome: Outcome) -> Iterator[str]:
    """Pools that nobody used, each in one sentence, however many days it was."""
    for (rule, pool), rows in groupby(outcome.lost, key=lambda row: (row["rule"], row["pool"])):
        found = list(rows)
        first, last = found[0]["day"], found[-1]["day"]
        days = f"{first}" if len(found) == 1 else f"{len(found):,} days from {first} to {last}"
        cost = sum((row["cost"] for row in found), Decimal())
        yield f"{rule}: nobody used pool {pool} on {days}; {show_money(cost, outcome.currency)} stay unallocated."


def _owners(outcome: Outcome) -> Table:
    fields = [name for name in OWNER if any(row[name] for row in outcome.by_owner)]
    table = _table("Who pays", *(name.replace("_", " ") for name in fields), "cost")
    for row in outcome.by_owner[:SHOWN]:
        words = [row[name] or "" for name in fields]
        if row["idle"] and words:
            words[0] = f"{words[0] or 'the pool'} (idle)"
        table.add_row(*map(Text, words), show_money(row["cost"], outcome.currency))
    _more(table, outcome.by_owner, len(fields), outcome.currency, outcome.rest.get("owners", Rest()))
    return table


def _rules(outcome: Outcome) -> Table:
    table = _table("By rule", "rule", "layer", "lines", "cost")
    for row in outcome.by_rule:
        lines = f"{row['lines']:,}"
        table.add_row(Text(row["rule"] or "none"), row["layer"], lines, show_money(row["cost"], outcome.currency))
    return table


def _unowned(outcome: Outcome) -> Table:
    table = _table("Unallocated", "why", "service", "account", "tags that would tell", "cost")
    for row in outcome.unowned[:SHOWN]:
        why = f"{row['rule']}: {row['reason']}" if row["rule"] else row["reason"]
        account = (row["account"] or "").removeprefix("/subscriptions/")
        words = (why, row["service"] or "", account, row["hint"] or "")
        table.add_row(*map(Text, words), show_money(row["cost"], outcome.currency))
    _more(table, outcome.unowned, 4, outcome.currency, outcome.rest.get("unowned", Rest()))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("cost", "lines") else "left", overflow="fold")
    return table


def _more(table: Table, rows: Sequence[Mapping[str, Any]], fields: int, currency: str, beyond: Rest) -> None:
    count = len(rows[SHOWN:]) + beyond.rows
    if count:
        cost = sum((row["cost"] for row in rows[SHOWN:]), beyond.cost)
        words = [f"{count:,} more", *([""] * (fields - 1))]
        table.add_row(*words[:fields], show_money(cost, currency))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, (str, int, bool, float)) or value is None else str(value)
