"""Tests of guardrails: cases in YAML, run through the production gate with a checking reader."""

from __future__ import annotations

from spendgate.bench.cases import Case, Expected, case_files, declare, read_cases
from spendgate.bench.coverage import Coverage, Gap, operand_percent, percent
from spendgate.bench.matching import Difference, Fault
from spendgate.bench.probe import Operand
from spendgate.bench.run import Outcome, run_case, run_file
from spendgate.bench.suite import Report, Suite, collect, demand, run_suite, show_percent

__all__ = [
    "Case", "Coverage", "Difference", "Expected", "Fault", "Gap", "Operand", "Outcome", "Report", "Suite",
    "case_files", "collect", "declare", "demand", "operand_percent", "percent", "read_cases", "run_case", "run_file",
    "run_suite", "show_percent",
]  # fmt: skip
