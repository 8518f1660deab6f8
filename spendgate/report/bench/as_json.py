"""Tests of guardrails as one JSON object; its shape is published (``spendgate schema test``) and only ever extended."""

from __future__ import annotations

import json
from typing import Any

from spendgate import __version__
from spendgate.bench import Coverage, Expected, Fault, Operand, Outcome, Report, operand_percent, percent
from spendgate.bench.matching import place_of
from spendgate.errors import InputError, Place
from spendgate.verdict import Finding


def render(report: Report) -> str:
    """The JSON text, with a final newline."""
    return json.dumps(to_json(report), indent=2, ensure_ascii=False) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    failed = len(report.failed)
    return {
        "spendgate": __version__,
        "result": "fail" if report.exit_code else "pass",
        "exit_code": report.exit_code,
        "cases": {"total": len(report.outcomes), "passed": len(report.outcomes) - failed, "failed": failed},
        "coverage_percent": percent(report.coverage) if report.coverage else None,
        "operands_percent": operand_percent(report.coverage) if report.coverage else None,
        "seconds": round(report.seconds, 3),
        "outcomes": [_outcome(outcome) for outcome in report.outcomes],
        "coverage": [_coverage(coverage) for coverage in report.coverage],
        "shortfalls": list(report.shortfalls),
        "skipped": list(report.skipped),
        "errors": [_error(error) for error in report.errors],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "guardrail": outcome.guardrail,
        "case": outcome.case,
        "location": _place(outcome.place),
        "result": "fail" if outcome.faults else "pass",
        "seconds": round(outcome.seconds, 4),
        "faults": [_fault(fault) for fault in outcome.faults],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "text": str(fault),
        "expected": _expected(fault.expected) if fault.expected else None,
        "found": _found(fault.found) if fault.found else None,
        "differences": [
            {"what": item.what, "expected": item.expected, "found": item.found} for item in fault.differences
        ],
    }


def _expected(expected: Expected) -> dict[str, Any]:
    return {
        "resource": expected.resource,
        "status": str(expected.status),
        "enforcement": str(expected.enforcement) if expected.enforcement else None,
        "message": expected.message,
        "contains": expected.contains,
        "location": _place(expected.place),
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "resource": place_of(finding),
        "status": str(finding.status),
        "enforcement": str(finding.enforcement),
        "message": finding.message,
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "kind": coverage.kind,
        "guardrail": coverage.guardrail,
        "location": _place(coverage.place),
        "cases": coverage.cases,
        "covered": coverage.covered,
        "total": coverage.total,
        "percent": coverage.percent,
        "lacks": list(coverage.lacks),
        "gaps": [{"location": _place(gap.place), "text": gap.text} for gap in coverage.gaps],
        "operands": [_operand(operand) for operand in coverage.operands],
    }


def _operand(operand: Operand) -> dict[str, Any]:
    return {
        "inside": operand.inside,
        "text": operand.text,
        "location": _place(operand.expression.place),
        "true": operand.true,
        "false": operand.false,
        "unknown": operand.unknown,
    }


def _error(error: InputError) -> dict[str, Any]:
    return {"text": str(error), "location": _place(error.place) if error.place else None}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}
