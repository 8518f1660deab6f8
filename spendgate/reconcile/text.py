"""A reconciliation for a person: at a terminal, and as Markdown. Both show the same tables and sentences."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from spendgate.money import show_money
from spendgate.reconcile.compare import by_service, by_team, by_type, grouped
from spendgate.reconcile.effects import NOTHING
from spendgate.reconcile.model import TOLD, Accuracy, Cause, Charge, Compared, Effect, Pair, Reconciled
from spendgate.reconcile.usage_yaml import as_yaml

SHOWN: Final = 20
"""Rows of a table that people are shown; the JSON report has all."""

WORTH: Final = Fraction(5, 1000)
"""An effect below this share of what was billed for a line, and of a cent, is not told."""


_SAYS: Final = {
    Cause.HOURS: re.compile(r"\bruns?\b"),
    Cause.COUNT: re.compile(r"\binstances?\b|\bnodes?\b"),
    Cause.QUANTITY: re.compile(r"\busage file\b|\bGiB\b"),
    Cause.PRICE: re.compile(r"\bspot\b"),
}
"""Which of a line's assumptions are about a cause."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the heads, how many of the last columns are figures, and the rows."""

    title: str
    heads: tuple[str, ...]
    figures: int
    rows: tuple[tuple[str, ...], ...]


def headline(found: Reconciled) -> str:
    """The stated accuracy."""
    accuracy = found.accuracy
    if not found.matched:
        return f"{found.month}: no resource of the estimate is on the bill"
    of = f"{accuracy.resources} resource{'s' if accuracy.resources != 1 else ''} that match"
    return (
        f"{found.month}: {_money(accuracy.estimated, found)} estimated, {_money(accuracy.actual, found)} billed "
        f"for {of}{'es' if accuracy.resources == 1 else ''}"
    )


def stated(found: Reconciled) -> list[str]:
    """How good the estimate was, and of how much of the bill that is said."""
    accuracy, whole = found.accuracy, found.of_all
    told = []
    if accuracy.wape is not None and accuracy.bias is not None and accuracy.mape is not None:
        way = "too much" if accuracy.bias > 0 else "too little"
        told.append(
            f"accuracy: WAPE {_percent(accuracy.wape)}, MAPE {_percent(accuracy.mape)}, "
            f"bias {_signed(accuracy.bias)} ({way} was estimated)"
            if accuracy.bias
            else f"accuracy: WAPE {_percent(accuracy.wape)}, MAPE {_percent(accuracy.mape)}, no bias"
        )
    told_of = [within for one in found.matched if (within := one.within) is not None]
    if told_of:
        told.append(f"between the least and the most of the estimate: {sum(told_of)} of {len(told_of)}")
    if found.only_estimated and whole.wape is not None:
        told.append(
            f"with what is not on the bill ({_money(whole.estimated - accuracy.estimated, found)}): "
            f"WAPE {_percent(whole.wape)}, bias {_signed(whole.bias or NOTHING)}"
        )
    share = accuracy.actual / found.billed * 100 if found.billed > 0 else None
    part = f", {_percent(share)} of the bill" if share is not None else ""
    told.append(
        f"said of {_money(accuracy.actual, found)}{part}; the bill has {_money(found.billed, found)} ({found.cost})"
    )
    return told


def tables(found: Reconciled) -> list[Table]:
    """Resources, reasons, groups, and what has no counterpart."""
    made = [_resources(found), _causes(found), _lines(found)]
    everything = (*found.matched, *found.only_estimated)
    for title, group in (("By type", by_type), ("By service", by_service), ("By team", by_team)):
        made.append(_group(title, grouped(everything, group), found))
    made += [_missing(found), _strange(found)]
    return [table for table in made if table.rows]


def remarks(found: Reconciled) -> list[str]:
    """What is left out of the comparison, and how it was made."""
    told = []
    apart: dict[str, Fraction] = {}
    for one in found.matched:
        for name, amount in one.apart.items():
            apart[name] = apart.get(name, NOTHING) + amount
    if apart:
        parts = ", ".join(f"{name} {_money(amount, found)}" for name, amount in apart.items())
        told.append(f"on resources that match, and in no comparison as they are no usage: {parts}")
    unpriced = sum((one.unpriced for one in found.matched), NOTHING)
    if unpriced:
        names = ", ".join(one.resource.name for one in found.matched if one.unpriced)
        told.append(f"in no comparison, as the estimate has no price: {_money(unpriced, found)} ({names})")
    return [*told, *_advice(found), *found.notes]


def _advice(found: Reconciled) -> list[str]:
    """What is no matter of usage: prices and discounts of one's own."""
    prices: dict[str, None] = {}
    discounts: dict[str, None] = {}
    for pair in (pair for one in found.matched for pair in one.pairs if pair.line):
        for effect in (effect for effect in pair.effects if _worth(effect, pair)):
            if effect.estimated is None or effect.actual is None or pair.line is None:
                continue
            if effect.cause is Cause.PRICE:
                prices[f"{pair.line.item} at {_figure(effect.actual)}, quoted {_figure(effect.estimated)}"] = None
            elif effect.cause is Cause.DISCOUNT:
                discounts[f"{pair.line.item} {_figure((1 - effect.actual) * 100)} %"] = None
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
            figure = index >= len(table.heads) - table.figures
            drawn.add_column(head, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
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


def _resources(found: Reconciled) -> Table:
    ordered = sorted(found.matched, key=lambda one: (-abs(one.difference), one.resource.address))
    rows = [
        (
            one.resource.name,
            ", ".join(one.methods),
            _money(one.estimated, found),
            _money(one.actual, found),
            _error(one.estimated, one.actual),
            _why(one),
        )
        for one in ordered[:SHOWN]
    ]
    if rest := ordered[SHOWN:]:
        estimated, actual = (sum((getattr(one, side) for one in rest), NOTHING) for side in ("estimated", "actual"))
        cells = (
            f"{len(rest)} more",
            "",
            _money(estimated, found),
            _money(actual, found),
            _error(estimated, actual),
            "",
        )
        rows.append(cells)
    turned = tuple((row[0], row[1], row[5], row[2], row[3], row[4]) for row in rows)
    return Table("Resources", ("resource", "matched by", "mostly", "estimated", "billed", "error"), 3, turned)


def _why(one: Compared) -> str:
    """The cause that explains most of the difference."""
    sums: dict[Cause, Fraction] = {}
    for pair in one.pairs:
        for effect in pair.effects:
            sums[effect.cause] = sums.get(effect.cause, NOTHING) + effect.amount
    largest = max(sums.items(), key=lambda item: abs(item[1]), default=None)
    small = max(one.actual * WORTH, Fraction(1, 100))
    return "" if largest is None or abs(largest[1]) <= small else str(largest[0]).replace("_", " ")


def _causes(found: Reconciled) -> Table:
    rows = [
        (str(cause).replace("_", " "), TOLD[cause], _change(amount, found))
        for cause, amount in sorted(found.causes.items(), key=lambda item: -abs(item[1]))
    ]
    if rows:
        difference = found.of_all.actual - found.of_all.estimated
        rows.append(("all", "what was billed beyond the estimate", _change(difference, found)))
    return Table("Which assumption was wrong", ("cause", "what", "adds to the bill"), 1, tuple(rows))


def _lines(found: Reconciled) -> Table:
    pairs = [(one, pair) for one in found.matched for pair in one.pairs if pair.actual != pair.estimated]
    pairs.sort(key=lambda item: (-abs(item[1].actual - item[1].estimated), item[0].resource.address))
    rows = []
    for one, pair in pairs[:SHOWN]:
        item = pair.line.item if pair.line else pair.charges[0].text or pair.charges[0].unit
        told = [_effect(effect, pair, found) for effect in pair.effects if _worth(effect, pair)]
        rows.append(
            (
                one.resource.name,
                item,
                "; ".join([*told, *pair.notes, *_assumed(pair)]),
                _change(pair.actual - pair.estimated, found),
            )
        )
    return Table("Lines that explain it", ("resource", "line", "why", "difference"), 1, tuple(rows))


def _assumed(pair: Pair) -> list[str]:
    """What the estimate rested on, where that is what was wrong."""
    wrong = {effect.cause for effect in pair.effects if _worth(effect, pair)}
    found = [
        text
        for text in (pair.line.assumptions if pair.line else ())
        if any(pattern.search(text) for cause, pattern in _SAYS.items() if cause in wrong)
    ]
    return [f"the estimate assumed: {text}" for text in found]


def _worth(effect: Effect, pair: Pair) -> bool:
    return abs(effect.amount) >= max(abs(pair.actual) * WORTH, Fraction(1, 100))


def _effect(effect: Effect, pair: Pair, found: Reconciled) -> str:
    name = str(effect.cause).replace("_", " ")
    if effect.estimated is None or effect.actual is None:
        return f"{name} {_change(effect.amount, found)}"
    if effect.cause is Cause.DISCOUNT:
        sides = tuple(f"{_figure((1 - side) * 100)} %" for side in (effect.estimated, effect.actual))
    else:
        sides = (_figure(effect.estimated), _figure(effect.actual))
    source = f" ({pair.line.source})" if effect.cause is Cause.PRICE and pair.line and pair.line.source else ""
    return f"{name} {sides[0]}{source} → {sides[1]}: {_change(effect.amount, found)}"


def _group(title: str, groups: Sequence[tuple[str, Accuracy]], found: Reconciled) -> Table:
    rows = [
        (
            name,
            str(one.resources),
            _money(one.estimated, found),
            _money(one.actual, found),
            _signed(one.bias) if one.bias is not None else "–",
            _percent(one.wape) if one.wape is not None else "–",
        )
        for name, one in groups[:SHOWN]
    ]
    return Table(title, (title[3:], "resources", "estimated", "billed", "bias", "WAPE"), 5, tuple(rows))


def _missing(found: Reconciled) -> Table:
    ordered = sorted(found.only_estimated, key=lambda one: (-one.estimated, one.resource.address))
    rows = [(one.resource.name, one.resource.type, _money(one.estimated, found)) for one in ordered[:SHOWN]]
    if rest := ordered[SHOWN:]:
        rows.append((f"{len(rest)} more", "", _money(sum((one.estimated for one in rest), NOTHING), found)))
    return Table("Estimated, and not on the bill", ("resource", "type", "estimated"), 1, tuple(rows))


def _strange(found: Reconciled) -> Table:
    sums: dict[tuple[str, str, str], Fraction] = {}
    for charge in found.only_billed:
        key = (_called(charge), charge.service or "", charge.category)
        sums[key] = sums.get(key, NOTHING) + charge.cost
    ordered = sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0]))
    rows = [(*key, _money(cost, found)) for key, cost in ordered[:SHOWN]]
    if rest := ordered[SHOWN:]:
        rows.append((f"{len(rest)} more", "", "", _money(sum((cost for _, cost in rest), NOTHING), found)))
    heads = ("resource", "service", "category", "billed")
    return Table("On the bill, and in no estimate", heads, 1, tuple(rows))


def _called(charge: Charge) -> str:
    return charge.resource_name or charge.resource_id or charge.text or "no resource"


def _money(amount: Fraction, found: Reconciled) -> str:
    cents = Decimal(round(amount * 100)) / 100
    return show_money(cents, found.currency)


def _change(amount: Fraction, found: Reconciled) -> str:
    return f"{'+' if amount > 0 else ''}{_money(amount, found)}"


def _error(estimated: Fraction, actual: Fraction) -> str:
    return _signed((estimated - actual) / actual * 100) if actual > 0 else "–"


def _signed(percent: Fraction) -> str:
    return f"{float(percent):+.1f} %"


def _percent(percent: Fraction) -> str:
    return f"{float(percent):.1f} %"


def _figure(value: Fraction) -> str:
    number = float(value)
    return f"{number:,.2f}".rstrip("0").rstrip(".") if abs(number) >= 10 else f"{number:.4g}"


def _plain(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in escaped).split()).replace(
        "@", "@\u200b"
    )
