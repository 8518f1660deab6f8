"""``spendgate allocate``: who pays which line of a bill, by published rules."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.cli import month
from spendgate.cli.allocate_options import PARSERS as PARSERS
from spendgate.cli.allocate_options import parser as parser
from spendgate.cli.budget import terms_of
from spendgate.cli.tables import tables_of
from spendgate.errors import InputError, did_you_mean
from spendgate.writing import write_whole

if TYPE_CHECKING:
    from spendgate.allocate.budget.hold import Terms
    from spendgate.allocate.budget.load import BillBudget
    from spendgate.allocate.engine import Outcome, Request
    from spendgate.allocate.model import RuleSet

    Held = tuple[tuple[BillBudget, ...], Terms]


def run(options: argparse.Namespace) -> int:
    """Allocate; exit 1 where the result does not reconcile with the bill."""
    if hasattr(options, "does"):
        return _explain(options) if options.does == "explain" else _kpis(options)
    _hold_words(options.words)
    from spendgate.allocate.allocated import FILE, open_allocated
    from spendgate.allocate.library import find_rules
    from spendgate.allocate.load import load_disputes
    from spendgate.allocate.run import Request, engine, sql_of

    if options.rules is None:
        raise InputError(
            "--rules is missing", remedy="Name a file, or shipped rules such as by-tags: docs/allocation.md."
        )
    rules, rules_file = find_rules(options.rules)
    request = Request(
        bills=tuple(map(Path, options.words)),
        rules=rules,
        rules_file=rules_file,
        drivers=tables_of(options.drivers, "--drivers"),
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
    from spendgate.allocate.drivers import files_of
    from spendgate.allocate.kpi.write import check_usage
    from spendgate.allocate.output import is_allocation, is_folder, keep_inputs, keep_others, staged
    from spendgate.allocate.report.write import files_gone
    from spendgate.allocate.text import to_json

    folder = is_folder(options.output)
    if not folder and (options.previous is not None or options.usage or options.budgets is not None):
        raise InputError(
            "--previous, --usage and --budgets are for the report of a folder", remedy="Give --output a folder."
        )
    held = _held(options)
    usage = tables_of(options.usage, "--usage")
    check_usage(usage)
    drivers = files_of(request.rules.drivers, request.drivers, request.rules_file)
    keep_inputs(options.output, _inputs(options, drivers | usage))
    if options.output.exists() or options.previous is not None:
        with engine() as connection:
            keep_others(options.output, is_allocation(connection))
            if options.previous is not None:
                open_allocated(connection, options.previous, "earlier")
    if not folder:
        with engine(options.output.parent) as connection:
            outcome = _allocate(options, request, options.output, connection)
        return _told(options, outcome, to_json(outcome, str(options.output)))
    # The engine is closed, and its own files are gone, before the folder takes its place.
    with staged(options.output, files_gone) as new, engine(new) as connection:
        outcome = _allocate(options, request, new / FILE, connection)
        data = _write_folder(options, request, outcome, new, connection, usage, drivers, held)
    return _told(options, outcome, data)


def _hold_words(words: list[str]) -> None:
    """Raise InputError where the first word means ``explain`` or ``kpis``: those stand right behind the command."""
    if not Path(words[0]).exists() and (near := did_you_mean(words[0], PARSERS)):
        stands = f'"{words[0]}" stands first: `spendgate allocate {words[0]} …`' if words[0] in PARSERS else near
        raise InputError(f'no bill "{words[0]}"', remedy=stands)


def _inputs(options: argparse.Namespace, tables: dict[str, Path]) -> list[tuple[str, Path]]:
    """Everything that this run reads, with what it is called."""
    named = {
        "the disputes": options.disputes,
        "the budgets": options.budgets,
        "the earlier allocation": options.previous,
        "the mapping": options.columns and Path(options.columns),
    }
    return [
        *(("the bill", Path(word)) for word in options.words),
        *(("the rules", Path(word)) for word in options.rules),
        *((f"the table {name}", file) for name, file in tables.items()),
        *((what, path) for what, path in named.items() if path is not None),
    ]


def _allocate(options: argparse.Namespace, request: Request, lines: Path, connection: Any) -> Outcome:
    from spendgate.allocate.run import allocate

    if options.engine == "duckdb":
        return allocate(request, lines, connection)
    from spendgate.allocate.spark import allocate_with, session

    with session(options.engine) as spark:
        return allocate_with(spark, request, lines)


def _write_folder(
    options: argparse.Namespace,
    request: Request,
    outcome: Outcome,
    folder: Path,
    connection: Any,
    usage: dict[str, Path],
    drivers: dict[str, Path],
    held: Held | None,
) -> dict[str, Any]:
    """Everything that stands beside the lines; the summary as data."""
    from spendgate.allocate.allocated import FILE
    from spendgate.allocate.kpi.write import tables_for, write_kpis
    from spendgate.allocate.report.write import write_report
    from spendgate.allocate.text import notes, to_json

    data = to_json(outcome, str(options.output / FILE))
    data |= {"notes": notes(outcome), "rules_name": request.rules.name, "rule_texts": _texts(request.rules)}
    data["previous"] = str(options.previous.resolve()) if options.previous else None
    write_whole(folder / "summary.json", _as_text(data))
    tables = tables_for(usage, drivers)
    kpis = write_kpis(connection, folder, tables)
    budgets = _write_budgets(held, folder, folder, connection, tables)
    write_report(connection, folder, data, options.previous, kpis, budgets)
    return data


def _held(options: argparse.Namespace) -> Held | None:
    """The budgets and how they are held, read before anything runs."""
    if options.budgets is None:
        given = [name for name in ("as_of", "growth", "saving") if getattr(options, name) is not None]
        if given:
            raise InputError(
                f"--{given[0].replace('_', '-')} is for --budgets", remedy="Name the budgets: --budgets FILE."
            )
        return None
    from spendgate.allocate.budget.load import load_budgets

    return load_budgets(options.budgets, Path()), terms_of(options)


def _write_budgets(
    held: Held | None, folder: Path, into: Path, connection: Any, tables: dict[str, Path]
) -> dict[str, Any] | None:
    """``budgets.json`` where budgets are given, else what an earlier run wrote of the same lines."""
    from spendgate.allocate.budget.report import read_result, to_json

    if held is None:
        return read_result(folder)
    from spendgate.allocate.budget.hold import hold
    from spendgate.allocate.budget.scenarios import DRIVERS

    budgets, terms = held
    driven = {name: file for name, file in tables.items() if name in DRIVERS}
    data = to_json(hold(connection, [folder], budgets, driven, terms), "exceeded")
    write_whole(into / "budgets.json", _as_text(data))
    return data


def _told(options: argparse.Namespace, outcome: Outcome, data: dict[str, Any]) -> int:
    from spendgate.allocate.text import to_text

    lines = data["output"]
    told = _as_text(data) if options.format == "json" else to_text(outcome, lines, color=sys.stdout.isatty())
    print(told, end="")
    return 0 if outcome.reconciles else 1


def _as_text(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _texts(rules: RuleSet) -> list[dict[str, str]]:
    """The published rules, as the report shows them."""
    return [{"name": rule.name, "match": rule.match.text.strip()} for rule in rules.rules]


def _explain(options: argparse.Namespace) -> int:
    from spendgate.allocate.explain import explain, to_json, told
    from spendgate.allocate.run import engine

    with engine() as connection:
        found = explain(connection, options.output, options.line)
    print(_as_text(to_json(found)) if options.format == "json" else told(found), end="\n" * (options.format != "json"))
    return 0


def _kpis(options: argparse.Namespace) -> int:
    """The KPIs of an allocation that was written, and its report with them."""
    from spendgate.allocate.kpi.write import check_usage, to_text, write_kpis
    from spendgate.allocate.output import staged
    from spendgate.allocate.report.write import pages_gone, read_summary, write_report
    from spendgate.allocate.run import engine

    if not options.output.is_dir():
        raise InputError(
            "KPIs are of a folder that an allocation wrote",
            place=options.output,
            remedy="spendgate allocate kpis --output DIR",
        )
    usage = tables_of(options.usage, "--usage")
    check_usage(usage)
    held = _held(options)
    summary = read_summary(options.output)
    kept = summary.get("previous")
    earlier = options.previous or (Path(kept) if kept and Path(kept).exists() else None)
    with staged(options.output, pages_gone) as new, engine() as connection:
        kpis = write_kpis(connection, options.output, usage, new)
        budgets = _write_budgets(held, options.output, new, connection, usage)
        write_report(connection, options.output, summary, earlier, kpis, budgets, new)
    print(json.dumps({"kpis": kpis}, indent=2, ensure_ascii=False) if options.format == "json" else to_text(kpis))
    return 0
