"""The options of ``spendgate allocate``, and of the words behind it that have their own."""

from __future__ import annotations

import argparse
from pathlib import Path

from spendgate.cli import new_parser
from spendgate.cli.budget import add_terms
from spendgate.cli.tables import add_tables

DIALECTS = ("duckdb", "pyspark", "bigquery", "snowflake", "trino")

_EXAMPLES = (
    "spendgate allocate bill/ --rules rules.yaml --month 2026-03 --output march",
    "spendgate allocate bill/ --rules rules.yaml --drivers gpu-hours=usage.csv --output march --previous february",
    "spendgate allocate explain LINE_ID --output march    who pays one line, and by which rule",
    "spendgate allocate kpis --output march               KPIs, and the report with them",
)


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate allocate``."""
    parser = new_parser("allocate", mixed=True, examples=_EXAMPLES)
    parser.add_argument(
        "words",
        nargs="+",
        metavar="BILL",
        help="files or folders of a bill (CSV, gzip, Parquet), before the options; or explain, or kpis: "
        "`spendgate allocate explain --help` tells more",
    )
    parser.add_argument(
        "--rules",
        action="append",
        metavar="FILE|NAME",
        help="allocation rules (YAML), or the name of shipped ones; repeat it for rules behind others",
    )
    about = "tables that shared pools are split by; without NAME, the file is named like its driver"
    add_tables(parser, "--drivers", about)
    parser.add_argument("--disputes", type=Path, metavar="FILE", help="lines whose owner is contested (YAML)")
    parser.add_argument("--month", metavar="YYYY-MM", help="charge periods that start in this month")
    parser.add_argument("--currency", metavar="CODE", help="lines of this currency alone")
    parser.add_argument(
        "--columns",
        metavar="NAME|FILE",
        help="format of the bill: focus, focus-1.0-preview, aws-cur-2, azure, gcp-bigquery, gcp-focus, or a mapping "
        "(default: found by its columns)",
    )
    parser.add_argument("--line-id", metavar="COLUMN", help="the bill's own line id (default: file and row)")
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE|DIR",
        help="a .parquet or .csv file of the lines, or a folder for lines, report, invoices, KPIs",
    )
    _add_report(parser)
    parser.add_argument(
        "--engine",
        default="duckdb",
        metavar="ENGINE",
        help="duckdb (default), spark (here), or spark://HOST:PORT and sc://HOST:PORT",
    )
    parser.add_argument(
        "--explain", choices=DIALECTS, metavar="DIALECT", help=f"print the SQL, and run nothing: {', '.join(DIALECTS)}"
    )
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal", help="of the summary")
    return parser


def _add_report(parser: argparse.ArgumentParser) -> None:
    """What a folder's report takes, with the allocation or later."""
    add_tables(
        parser, "--usage", "tables for KPIs (gpu-hours, training-runs, inferences, tokens, …): docs/chargeback.md"
    )
    parser.add_argument(
        "--budgets",
        type=Path,
        metavar="FILE",
        help="budgets for the report: where the month will end, what is unusual, forecasts by driver",
    )
    add_terms(parser)
    parser.add_argument("--previous", type=Path, metavar="DIR", help="an earlier allocation, for month over month")


def explain_parser() -> argparse.ArgumentParser:
    """The options of ``spendgate allocate explain``."""
    parser = new_parser(
        "allocate explain",
        mixed=True,
        about="one line of an allocation: the rule that decided, and who pays which part",
        examples=(
            "spendgate allocate explain focus.csv:136 --output march",
            "spendgate allocate explain L-4711 --output march.parquet --format json",
        ),
    )
    parser.add_argument("line", metavar="LINE_ID", help="as in the column x_LineId, the report and `budget check`")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE|DIR", required=True, help="what `spendgate allocate` wrote"
    )
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal")
    parser.set_defaults(does="explain")
    return parser


def kpis_parser() -> argparse.ArgumentParser:
    """The options of ``spendgate allocate kpis``."""
    parser = new_parser(
        "allocate kpis",
        mixed=True,
        about="KPIs of an allocation, of more tables than the run had; writes its report again with them",
        examples=("spendgate allocate kpis --output march --usage training-runs=runs.csv tokens=tokens.parquet",),
    )
    parser.add_argument(
        "--output", "-o", type=Path, metavar="DIR", required=True, help="the folder that `spendgate allocate` wrote"
    )
    _add_report(parser)
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal")
    parser.set_defaults(does="kpis")
    return parser


PARSERS = {"explain": explain_parser, "kpis": kpis_parser}
"""Words behind the command that have options of their own."""
