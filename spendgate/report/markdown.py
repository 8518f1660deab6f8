"""The verdict as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spendgate.allocate.projected.model import Allocation
from spendgate.estimate.carbon import show_figure
from spendgate.estimate.model import CostLine
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
    unit_costs,
)
from spendgate.verdict import Checked, Finding, Verdict

MOST_LINES = 50
MOST_SAVINGS = 12
MOST_OWNERS = 30
MOST_PLACES = 15
"""A comment on a pull request holds 65,536 characters; the JSON report holds everything."""


def render(verdict: Verdict) -> str:
    """GitHub-flavoured Markdown. Text from the program is escaped: it can neither break a table nor link away."""
    estimate = verdict.estimate
    mark = "✅ passed" if verdict.passed else "❌ refused"
    lines = [f"## spendgate: {mark}", "", f"{headline(verdict)}."]
    if estimate.lines:
        lines += ["", f"**{monthly(estimate)}**"]
    for checked in verdict.inputs:
        lines += ["", *_input(checked)]
    return "\n".join(lines).rstrip() + "\n"


def _input(checked: Checked) -> list[str]:
    lines = [f"### {_text(str(checked.path))}"]
    if checked.project:
        lines.append(f"{_text(checked.project)}, stack {_text(checked.stack)} ({_text(checked.environment)})")
    if checked.error:
        lines += ["", f"> **could not be checked to its end:** {_text(str(checked.error))}"]
    lines += [
        line for fault in checked.faults for line in ("", f"> **wrong, and without effect:** {_text(str(fault))}")
    ]
    if checked.findings:
        lines += ["", "| | guardrail | where | what | how to fix it |", "|---|---|---|---|---|"]
        for group in grouped_findings(checked.findings):
            rows = by_message(group, MOST_PLACES).values()
            lines += [_finding(findings, again=index > 0) for index, findings in enumerate(rows)]
            if len(group) > MOST_PLACES:
                lines.append(f"| | {group[0].guardrail} | and {plural(len(group) - MOST_PLACES, 'more place')} | | |")
    lines += _patches(checked)
    if checked.estimate.lines:
        with_carbon = checked.footprint is not None
        lines += [
            "",
            "| resource | what | per hour | per day | per month |" + (" kg CO2e a month |" if with_carbon else ""),
            "|---|---|---:|---:|---:|" + ("---:|" if with_carbon else ""),
        ]
        shown = largest(checked.estimate.lines, MOST_LINES)
        carbon = carbon_by_line(checked)
        for index in shown:
            drawn = f" {carbon.get(index, '–')} |" if with_carbon else ""
            lines.append(_line(checked.estimate.lines[index], checked) + drawn)
        if len(shown) < len(checked.estimate.lines):
            rest = plural(len(checked.estimate.lines) - len(shown), "smaller line")
            lines.append(f"| and {rest}, in the total | | | | |{' |' if with_carbon else ''}")
        total = checked.estimate.total
        priced = any(line.cost for line in checked.estimate.lines)
        figures = [
            show_money(part.expected, checked.estimate.currency) for part in (total.hourly, total.daily, total.monthly)
        ]
        if checked.footprint:
            figures.append(show_figure(checked.footprint.kg.expected))
        if priced:
            lines.append(f"| **total** | | {' | '.join(f'**{figure}**' for figure in figures)} |")
    if checked.estimate.scenarios:
        lines += ["", "| scenario | per month | at least – at most | against the first |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(map(_text, row))} |" for row in scenario_rows(checked.estimate)]
    if checked.allocation is not None:
        lines += ["", *_owners(checked.allocation, checked.estimate.currency)]
    if units := unit_costs(checked):
        lines += ["", *(f"- {_text(f'{name}: {cost} {unit}')}" for name, unit, cost in units)]
    if told := how_good(checked.estimate):
        lines += ["", _text(f"{told[0].upper()}{told[1:]}.")]
    remarks = [*(f"caution: {caution}" for caution in cautions(checked)), *notes(checked)]
    if remarks:
        lines += ["", *(f"- {_text(remark)}" for remark in remarks)]
    if checked.savings is not None:
        lines += ["", *_savings(checked)]
    return lines


def _owners(allocation: Allocation, currency: str) -> list[str]:
    """Who pays how much a month, as a table, and what nobody pays."""
    names, figures = owners.head(allocation), owners.figures(allocation)
    rule = ["---"] * (len(names) - figures) + ["---:"] * figures
    lines = [f"**{owners.TITLE[0].upper()}{owners.TITLE[1:]}**", "", f"| {' | '.join(names)} |", f"|{'|'.join(rule)}|"]
    lines += [f"| {' | '.join(map(_text, row))} |" for row in owners.rows(allocation, currency, MOST_OWNERS)]
    told = owners.notes(allocation, currency)[:MOST_LINES]
    return [*lines, *([""] if told else ()), *(f"- {_text(note)}" for note in told)]


def _patches(checked: Checked) -> list[str]:
    """What the pack changes, and what would mend findings, each as a diff."""
    lines: list[str] = []
    if made := patches.applied(checked):
        more = patches.more_applied(checked)
        lines += ["", f"**{_text(patches.APPLIED[0].upper() + patches.APPLIED[1:])}.**", "", *_diff(made)]
        lines += ["", _text(more)] if more else []
    if proposed := patches.proposed(checked, checked.findings)[:MOST_PLACES]:
        lines += ["", "**Changes that would mend findings:**", "", *_diff(proposed)]
    return lines


def _diff(remedies: Sequence[Remedy]) -> list[str]:
    lines = ["```diff"]
    for remedy in remedies:
        place = patches.place_of(remedy)
        told = f"@@ {remedy.name} ({remedy.type}){f', {place}' if place else ''}: {remedy.guardrail} @@"
        lines += [_in_fence(line) for line in (told, *patches.diff_lines(remedy.patches))]
    return [*lines, "```"]


def _in_fence(text: str) -> str:
    """A line that cannot end the block it stands in, nor be read as another line."""
    return "".join(character if character.isprintable() else " " for character in text).replace("`", "\u02cb")


def _savings(checked: Checked) -> list[str]:
    if not checked.savings:
        return [_text(f"{savings.NONE[0].upper()}{savings.NONE[1:]}.")]
    lines = [f"**{_text(savings.TITLE[0].upper() + savings.TITLE[1:])}**", ""]
    lines += ["| saves | resource | change | risk | rests on |", "|---:|---|---|---|---|"]
    for one in savings.shown(checked, MOST_SAVINGS):
        amount = f"{one.amount} ({one.spread})" if one.spread else one.amount
        cells = (amount, one.resources, one.change, one.risk, one.price)
        lines.append(f"| {' | '.join(_text(cell) for cell in cells)} |")
    if more := savings.rest(checked, MOST_SAVINGS):
        lines += ["", _text(more)]
    return lines


def _finding(findings: list[Finding], *, again: bool = False) -> str:
    """One row for findings of one guardrail that say the same; ``again`` where the row above has the same remedy."""
    first = findings[0]
    fix = _prose(first.remediation) if len(remedies(first)) == 1 and first.waiver is None else _remedies(first)
    cells = (
        "❌" if first.denies else "➖" if first.waiver else "⚠️",
        f"{_text(first.guardrail)} ({first.severity}, {first.status})",
        "<br>".join(_place(finding) for finding in findings),
        _text(first.message),
        "as above" if again else fix,
    )
    return f"| {' | '.join(cells)} |"


def _remedies(finding: Finding) -> str:
    return "<br>".join(_prose(remedy.removeprefix("fix: ")) for remedy in remedies(finding))


def _place(finding: Finding) -> str:
    place = f"{finding.location.file}:{finding.location.line}" if finding.location else ""
    return f"{_text(finding.name)} {_text(place)}".strip()


def _line(line: CostLine, checked: Checked) -> str:
    name = _text(checked.names.get(line.resource, line.resource))
    if line.cost is None:
        return f"| {name} | {_text(line_item(line))}: {_text(no_price(line))} | – | – | – |"
    parts = (line.cost.hourly, line.cost.daily, line.cost.monthly)
    figures = " | ".join(show_money(part.expected, checked.estimate.currency) for part in parts)
    where = f" ({line.quote.region})" if line.quote.region else ""
    told = reduced(line, checked.estimate.currency)
    less = f"<br>{_text(told)}" if told else ""
    return f"| {name} | {_text(line_item(line) + where)}{less} | {figures} |"


def _prose(text: str) -> str:
    """A sentence whose words between backticks are shown as code: nothing in such a span is read as Markdown."""
    parts = re.split(r"(?<!`)`([^`\\|\s](?:[^`\\|]*[^`\\|\s])?)`(?!`)", text)
    return "".join(f"`{' '.join(part.split())}`" if index % 2 else _spaced(part) for index, part in enumerate(parts))


def _spaced(text: str) -> str:
    """As ``_text``, with the spaces at both ends that part it from what stands beside it."""
    inner = _text(text)
    if not inner:
        return " " if text else ""
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if text[-1:].isspace() else ''}"


def _text(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", text)
    printable = "".join(character if character.isprintable() else " " for character in escaped)
    return " ".join(printable.split()).replace("@", "@\u200b")
