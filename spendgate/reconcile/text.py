"""A reconciliation for a person: at a terminal, and as Markdown. Both show the same tables and sentences."""

from __future__ import annotations

import io
import re
import shutil
from fractions import Fraction

from spendgate.reconcile.effects import NOTHING
from spendgate.reconcile.figures import figure, money, percent, signed
from spendgate.reconcile.model import Cause, Reconciled
from spendgate.reconcile.tables import tables, worth
from spendgate.reconcile.usage_yaml import as_yaml


def headline(found: Reconciled) -> str:
    """The stated accuracy."""
    accuracy = found.accuracy
    if not found.matched:
        return f"{found.month}: no resource of the estimate is on the bill"
    of = f"{accuracy.resources} resource{'s' if accuracy.resources != 1 else ''} that match"
    return (
        f"{found.month}: {money(accuracy.estimated, found)} estimated, {money(accuracy.actual, found)} billed "
        f"for {of}{'es' if accuracy.resources == 1 else ''}"
    )


def stated(found: Reconciled) -> list[str]:
    """How good the estimate was, and of how much of the bill that is said."""
    accuracy, whole = found.accuracy, found.of_all
    told = []
    if accuracy.wape is not None and accuracy.bias is not None and accuracy.mape is not None:
        way = "too much" if accuracy.bias > 0 else "too little"
        told.append(
            f"accuracy: WAPE {percent(accuracy.wape)}, MAPE {percent(accuracy.mape)}, "
            f"bias {signed(accuracy.bias)} ({way} was estimated)"
            if accuracy.bias
            else f"accuracy: WAPE {percent(accuracy.wape)}, MAPE {percent(accuracy.mape)}, no bias"
        )
    told_of = [within for one in found.matched if (within := one.within) is not None]
    if told_of:
        told.append(f"between the least and the most of the estimate: {sum(told_of)} of {len(told_of)}")
    if found.only_estimated and whole.wape is not None:
        told.append(
            f"with what is not on the bill ({money(whole.estimated - accuracy.estimated, found)}): "
            f"WAPE {percent(whole.wape)}, bias {signed(whole.bias or NOTHING)}"
        )
    share = accuracy.actual / found.billed * 100 if found.billed > 0 else None
    part = f", {percent(share)} of the bill" if share is not None else ""
    told.append(
        f"said of {money(accuracy.actual, found)}{part}; the bill has {money(found.billed, found)} ({found.cost})"
    )
    return told


def remarks(found: Reconciled) -> list[str]:
    """What is left out of the comparison, and how it was made."""
    told = []
    apart: dict[str, Fraction] = {}
    for one in found.matched:
        for name, amount in one.apart.items():
            apart[name] = apart.get(name, NOTHING) + amount
    if apart:
        parts = ", ".join(f"{name} {money(amount, found)}" for name, amount in apart.items())
        told.append(f"on resources that match, and in no comparison as they are no usage: {parts}")
    unpriced = sum((one.unpriced for one in found.matched), NOTHING)
    if unpriced:
        names = ", ".join(one.resource.name for one in found.matched if one.unpriced)
        told.append(f"in no comparison, as the estimate has no price: {money(unpriced, found)} ({names})")
    return [*told, *_advice(found), *found.notes]


def _advice(found: Reconciled) -> list[str]:
    """What is no matter of usage: prices and discounts of one's own."""
    prices: dict[str, None] = {}
    discounts: dict[str, None] = {}
    for pair in (pair for one in found.matched for pair in one.pairs if pair.line):
        for effect in (effect for effect in pair.effects if worth(effect, pair)):
            if effect.estimated is None or effect.actual is None or pair.line is None:
                continue
            if effect.cause is Cause.PRICE:
                prices[f"{pair.line.item} at {figure(effect.actual)}, quoted {figure(effect.estimated)}"] = None
            elif effect.cause is Cause.DISCOUNT:
                discounts[f"{pair.line.item} {figure((1 - effect.actual) * 100)}%"] = None
    told = []
    if prices:
        told.append(f"prices of your own are put in with `spendgate prices add`: {'; '.join(prices)}")
    if discounts:
        told.append(f"discounts stand under discounts: in spendgate.yaml; on the bill: {'; '.join(discounts)}")
    return told


def to_text(found: Reconciled, *, color: bool = False, width: int | None = None) -> str:
    """For a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    from spendgate.report.terminal import Text

    buffer = io.StringIO()
    columns = width or min(shutil.get_terminal_size((110, 20)).columns, 130)
    console = Console(file=buffer, width=columns, force_terminal=color, no_color=not color, highlight=False)
    console.print(Text(headline(found), "bold"))
    for sentence in stated(found):
        console.print(Text(sentence))
    console.print()
    for table in tables(found):
        drawn = RichTable(
            title=Text(table.title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
        )
        for index, head in enumerate(table.heads):
            right = index >= len(table.heads) - table.figures
            drawn.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=right)
        for row in table.rows:
            drawn.add_row(*map(Text, row))
        console.print(drawn)
    if found.proposals:
        console.print(Text("What would have been right (spendgate-usage.yaml; --write-usage FILE writes it)", "bold"))
        for line in as_yaml(found.proposals).splitlines():
            console.print(Text(f"  {line}"), soft_wrap=True)
        console.print()
    for remark in remarks(found):
        console.print(Text(f"note: {remark}", "dim"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()).rstrip() + "\n"


def to_markdown(found: Reconciled) -> str:
    """For a page or a pull request; text of the bill is escaped."""
    lines = ["## spendgate reconcile", "", f"**{_plain(headline(found))}**", ""]
    lines += [f"- {_plain(sentence)}" for sentence in stated(found)]
    for table in tables(found):
        rule = ["---"] * (len(table.heads) - table.figures) + ["---:"] * table.figures
        lines += ["", f"### {table.title}", "", f"| {' | '.join(table.heads)} |", f"|{'|'.join(rule)}|"]
        lines += [f"| {' | '.join(map(_plain, row))} |" for row in table.rows]
    if found.proposals:
        yaml = as_yaml(found.proposals).replace("`", "\u02cb").rstrip()
        lines += ["", "### What would have been right", "", "```yaml", yaml, "```"]
    told = remarks(found)
    lines += ["", *(f"- {_plain(remark)}" for remark in told)] if told else []
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in escaped).split()).replace(
        "@", "@\u200b"
    )
