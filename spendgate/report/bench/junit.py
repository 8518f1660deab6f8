"""Tests of guardrails as JUnit XML, which CI systems read: a suite a guardrail, and one for what falls short."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from spendgate.bench import Outcome, Report, operand_percent, show_percent
from spendgate.report.bench.terminal import explain

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 (section 2.2) cannot hold, be they escaped."""


def render(report: Report) -> str:
    """The XML text, with a final newline."""
    failures = len(report.failed) + len(report.shortfalls)
    root = Xml.Element(
        "testsuites",
        name="spendgate",
        tests=str(len(report.outcomes) + len(report.shortfalls) + len(report.errors) + len(report.skipped)),
        failures=str(failures),
        errors=str(len(report.errors)),
        time=f"{report.seconds:.3f}",
    )
    coverage = {item.guardrail: item for item in report.coverage}
    groups: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        groups.setdefault(outcome.guardrail, []).append(outcome)
    for name, outcomes in groups.items():
        suite = _suite(root, name, len(outcomes), sum(1 for outcome in outcomes if outcome.faults))
        suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")
        if name in coverage:
            properties = Xml.SubElement(suite, "properties")
            Xml.SubElement(properties, "property", name="coverage", value=show_percent(coverage[name].percent))
            if coverage[name].operands:
                value = show_percent(operand_percent((coverage[name],)))
                Xml.SubElement(properties, "property", name="operands", value=value)
        for outcome in outcomes:
            _case(suite, outcome)
    if report.skipped:
        skipped = _suite(root, "skipped", len(report.skipped), 0)
        skipped.set("skipped", str(len(report.skipped)))
        for text in report.skipped:
            case = Xml.SubElement(skipped, "testcase", classname="spendgate.skipped", name=_clean(text), time="0")
            Xml.SubElement(case, "skipped", message=_clean(text))
    if report.shortfalls:
        _plain(root, "coverage", "failure", report.shortfalls)
    if report.errors:
        _plain(root, "errors", "error", [str(error) for error in report.errors])
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(root: Xml.Element, name: str, tests: int, failures: int, errors: int = 0) -> Xml.Element:
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors)}
    return Xml.SubElement(root, "testsuite", {"name": _clean(name), **counts})


def _case(suite: Xml.Element, outcome: Outcome) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        classname=_clean(outcome.guardrail),
        name=_clean(outcome.case),
        file=_clean(outcome.place.file),
        line=str(outcome.place.line or 1),
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.faults:
        first = _clean(str(outcome.faults[0]))
        lines = [str(outcome.place), *(line for fault in outcome.faults for line in explain(fault))]
        Xml.SubElement(case, "failure", message=first).text = _clean("\n".join(lines))


def _plain(root: Xml.Element, name: str, kind: str, texts: Sequence[str]) -> None:
    """What is no case of its own, as a suite in which every text is one that went wrong."""
    failing = kind == "failure"
    suite = _suite(root, name, len(texts), len(texts) if failing else 0, 0 if failing else len(texts))
    for text in texts:
        first = _clean(text.splitlines()[0])
        case = Xml.SubElement(suite, "testcase", classname=f"spendgate.{name}", name=first, time="0")
        Xml.SubElement(case, kind, message=first).text = _clean(text)


def _clean(text: str) -> str:
    return _ILLEGAL.sub("�", text)
