"""Tests of guardrails for a person at a terminal: each guardrail with its coverage, then what failed, then the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from spendgate.bench import Coverage, Fault, Outcome, Report, operand_percent, percent, show_percent
from spendgate.bench.matching import describe_expected, describe_found
from spendgate.report.wording import plural

_CONTROL = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160)), "�")
Paint = Callable[[str, str], str]
_COLORS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def render(report: Report, *, color: bool = False) -> str:
    """The report as text, with ANSI colours when ``color`` is set."""
    paint = _painted if color else _plain
    lines = [*_guardrails(report, paint), *_failed(report, paint), *_sum(report, paint)]
    return "\n".join(lines) + "\n"


def _painted(text: str, style: str) -> str:
    return f"\x1b[{_COLORS[style]}m{_plain(text, style)}\x1b[0m"


def _plain(text: str, style: str = "") -> str:
    """Text from anywhere: what steers a terminal is replaced."""
    return text.translate(_CONTROL)


def _guardrails(report: Report, paint: Paint) -> Iterable[str]:
    coverage = {item.guardrail: item for item in report.coverage}
    cases: dict[str, list[Outcome]] = {item.guardrail: [] for item in report.coverage}
    for outcome in report.outcomes:
        cases.setdefault(outcome.guardrail, []).append(outcome)
    width = max(map(len, cases), default=0)
    for name in sorted(cases):
        failed = sum(1 for outcome in cases[name] if outcome.faults)
        mark = paint("✗", "red") if failed else paint("✓", "green") if cases[name] else paint("–", "yellow")
        line = f"{mark} {_plain(name):<{width}}  {plural(len(cases[name]), 'case'):>8}"
        if failed:
            line += paint(f", {failed} failed", "red")
        if name in coverage:
            operands = operand_percent((coverage[name],))
            more = f", operands {show_percent(operands)}" if operands < 100 else ""
            line += paint(f"   coverage {show_percent(coverage[name].percent)}{more}", "dim")
        yield line
        if name in coverage:
            yield from _gaps(coverage[name], paint)


def _gaps(coverage: Coverage, paint: Paint) -> Iterable[str]:
    if coverage.lacks:
        yield paint(f"    {coverage.place}: no {' and no '.join(coverage.lacks)} case", "yellow")
    if coverage.cases:
        for gap in (*coverage.gaps, *coverage.operand_gaps):
            yield paint(f"    {gap.place}: {gap.text}", "dim")


def _failed(report: Report, paint: Paint) -> Iterable[str]:
    for outcome in report.failed:
        yield ""
        yield paint(f"✗ {outcome.guardrail}: {outcome.case}", "bold")
        yield f"  {_plain(str(outcome.place))}"
        for fault in outcome.faults:
            yield from (f"  {_plain(line)}" for line in explain(fault))


def explain(fault: Fault) -> Iterable[str]:
    """One fault in lines: what was expected, what was found, and what a near miss differs in."""
    if fault.text:
        yield fault.text
        if fault.expected is None:
            yield from (f"  {item.what}: expected {item.expected}, found {item.found}" for item in fault.differences)
    if fault.expected is None and fault.found is not None:
        yield f"not expected: {describe_found(fault.found)}"
        yield "  nothing else may occur; add it to expect, or change the case"
    if fault.expected is not None:
        yield f"{fault.expected.place}: expected, but missing: {describe_expected(fault.expected)}"
        if fault.found is None:
            yield "  found nothing like it"
            return
        yield f"  nearest:  {describe_found(fault.found)}"
        for item in fault.differences:
            yield f"  {item.what}: expected {item.expected}, found {item.found}"


def _sum(report: Report, paint: Paint) -> Iterable[str]:
    yield ""
    for text in report.shortfalls:
        yield paint(f"✗ {text}", "red")
    for text in report.skipped:
        yield paint(f"– {text}", "yellow")
    failed = len(report.failed)
    tested = {(item.kind, item.guardrail) for item in report.outcomes}
    rules = sum(1 for kind, _ in tested if kind == "allocation")
    parts = [plural(len(tested) - rules, "guardrail")] if len(tested) > rules or not rules else []
    if rules:
        parts.append(f"{plural(rules, 'file')} of allocation rules")
    parts.append(f"{plural(len(report.outcomes), 'case')}: {len(report.outcomes) - failed} passed, {failed} failed")
    if report.errors:
        parts.append(f"{plural(len(report.errors), 'error')}")
    if report.coverage:
        operands = f", operands {show_percent(operand_percent(report.coverage))}"
        some = any(item.operands for item in report.coverage)
        parts.append(f"coverage {show_percent(percent(report.coverage))}{operands if some else ''}")
    word, style = ("FAILED", "red") if report.exit_code else ("PASSED", "green")
    yield f"{paint(word, style)}  {'; '.join(parts)} ({report.seconds:.1f} s)"
