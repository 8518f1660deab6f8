"""``spendgate allocate``: who pays which line of a bill, by published rules."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import month, new_parser
from spendgate.errors import InputError
from spendgate.writing import write_whole

if TYPE_CHECKING:
    from spendgate.allocate.model import RuleSet

DIALECTS = ("duckdb", "pyspark", "bigquery", "snowflake", "trino")


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate allocate``."""
    parser = new_parser("allocate", mixed=True)
    parser.add_argument(
        "words",
        nargs="+",
        metavar="BILL",
        help="files or folders of a bill (CSV, gzip, Parquet); or: explain LINE_ID; or: kpis",
    )
    parser.add_argument(
        "--rules",
        action="append",
        metavar="FILE|NAME",
        help="allocation rules (YAML), or the name of shipped ones; repeat it for rules behind others",
    )
    parser.add_argument(
        "--drivers",
        nargs="+",
        action="extend",
        default=[],
        metavar="[NAME=]FILE",
        help="tables that shared pools are split by; without NAME, the file is named like its driver",
    )
    parser.add_argument("--disputes", type=Path, metavar="FILE", help="lines whose owner is contested")
    parser.add_argument("--month", metavar="YYYY-MM", help="charge periods that start in this month")
    parser.add_argument("--currency", metavar="CODE", help="lines of this currency alone")
    parser.add_argument(
        "--columns", metavar="NAME|FILE", help="format of the bill: focus, aws-cur-2, azure, gcp-bigquery, or a mapping"
    )
    parser.add_argument("--line-id", metavar="COLUMN", help="the bill's own line id (default: file and row)")
    parser.add_argument("--output", "-o", type=Path, metavar="FILE|DIR", help="a .parquet or .csv file, or a folder")
    parser.add_argument(
        "--usage",
        nargs="+",
        action="extend",
        default=[],
        metavar="[NAME=]FILE",
        help="tables for KPIs (gpu-hours, training-runs, inferences, tokens, …): docs/chargeback.md",
    )
    parser.add_argument("--previous", type=Path, metavar="DIR", help="an earlier allocation, for month over month")
    parser.add_argument(
        "--engine",
        default="duckdb",
        metavar="ENGINE",
        help="duckdb (default), spark (here), or spark://HOST:PORT and sc://HOST:PORT",
    )
    parser.add_argument("--explain", choices=DIALECTS, metavar="DIALECT", help="print the SQL, and run nothing")
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal", help="of the summary")
    return parser


def run(options: argparse.Namespace) -> int:
    """Allocate; exit 1 where the result does not reconcile with the bill."""
    if options.words[0] == "explain":
        return _explain(options)
    if options.words[0] == "kpis":
        return _kpis(options)
    from spendgate.allocate.library import find_rules
    from spendgate.allocate.load import load_disputes
    from spendgate.allocate.run import Request, allocate, engine, sql_of

    if options.rules is None:
        raise InputError(
            "--rules is missing", remedy="Name a file, or shipped rules such as by-tags: docs/allocation.md."
        )
    rules, rules_file = find_rules(options.rules)
    request = Request(
        bills=tuple(map(Path, options.words)),
        rules=rules,
        rules_file=rules_file,
        drivers=_drivers(options.drivers),
        disputes=load_disputes(options.disputes) if options.disputes else (),
        month=month(options.month),
        currency=options.currency,
        line_id=options.line_id,
        columns=options.columns,
    )
    if options.explain is not None:
        with engine() as connection:
            print(sql_of(request, connection, options.explain))
        return 0
    if options.output is None:
        raise InputError("--output is missing", remedy="Name a .parquet or .csv file, or a folder.")
    folder = options.output.suffix.lower() not in (".parquet", ".csv")
    if folder:
        options.output.mkdir(parents=True, exist_ok=True)
    elif not options.output.parent.is_dir():
        raise InputError("no such folder", place=options.output.parent)
    lines = options.output / "allocated.parquet" if folder else options.output
    if (options.previous is not None or options.usage) and not folder:
        raise InputError("--previous and --usage are for the report of a folder", remedy="Give --output a folder.")
    from spendgate.allocate.allocated import open_allocated
    from spendgate.allocate.drivers import files_of
    from spendgate.allocate.kpi.write import check_usage, tables_for, write_kpis
    from spendgate.allocate.text import notes, to_json, to_text

    usage = _drivers(options.usage)
    check_usage(usage)

    with engine(lines.parent) as connection:
        if options.previous is not None:
            open_allocated(connection, options.previous, "earlier")
        if options.engine == "duckdb":
            outcome = allocate(request, lines, connection)
        else:
            from spendgate.allocate.spark import allocate_with, session

            with session(options.engine) as spark:
                outcome = allocate_with(spark, request, lines)
        data = to_json(outcome, str(lines))
        if folder:
            data |= {"notes": notes(outcome), "rules_name": request.rules.name, "rule_texts": _texts(request.rules)}
            data["previous"] = str(options.previous.resolve()) if options.previous else None
        summary = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        if folder:
            write_whole(options.output / "summary.json", summary)
            from spendgate.allocate.report.write import write_report

            drivers = files_of(request.rules.drivers, request.drivers, request.rules_file)
            kpis = write_kpis(connection, options.output, tables_for(usage, drivers))
            write_report(connection, options.output, data, options.previous, kpis)
    told = summary if options.format == "json" else to_text(outcome, str(lines), color=sys.stdout.isatty())
    print(told, end="")
    return 0 if outcome.reconciles else 1


def _texts(rules: RuleSet) -> list[dict[str, str]]:
    """The published rules, as the report shows them."""
    return [{"name": rule.name, "match": rule.match.text.strip()} for rule in rules.rules]


def _explain(options: argparse.Namespace) -> int:
    from spendgate.allocate.explain import explain, told
    from spendgate.allocate.run import engine

    if len(options.words) != 2 or options.output is None:
        raise InputError(
            "explain takes one line id and where the allocation lies",
            remedy="spendgate allocate explain LINE_ID --output FILE|DIR",
        )
    inside = options.output / "allocated.parquet"
    file = inside if inside.exists() else options.output
    with engine() as connection:
        print(told(explain(connection, file, options.words[1])))
    return 0


def _kpis(options: argparse.Namespace) -> int:
    """The KPIs of an allocation that was written, and its report with them."""
    from spendgate.allocate.kpi.write import check_usage, to_text, write_kpis
    from spendgate.allocate.report.write import read_summary, write_report
    from spendgate.allocate.run import engine

    if len(options.words) != 1 or options.output is None or not options.output.is_dir():
        raise InputError(
            "kpis takes the folder of an allocation",
            remedy="spendgate allocate kpis --output DIR [--usage NAME=FILE …]",
        )
    usage = _drivers(options.usage)
    check_usage(usage)
    summary = read_summary(options.output)
    kept = summary.get("previous")
    earlier = options.previous or (Path(kept) if kept and Path(kept).exists() else None)
    with engine() as connection:
        kpis = write_kpis(connection, options.output, usage)
        write_report(connection, options.output, summary, earlier, kpis)
    print(json.dumps({"kpis": kpis}, indent=2, ensure_ascii=False) if options.format == "json" else to_text(kpis))
    return 0


def _drivers(words: list[str]) -> dict[str, Path]:
    named = [word.partition("=") if "=" in word else (Path(word).stem, "=", word) for word in words]
    return {name: Path(file) for name, _, file in named}
