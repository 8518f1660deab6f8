"""``spendgate reconcile``: how far an estimate was off, why, and which usage would have been right."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from spendgate.cli import month, new_parser
from spendgate.errors import InputError
from spendgate.writing import write_whole


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate reconcile``."""
    parser = new_parser(
        "reconcile",
        mixed=True,
        examples=(
            "spendgate reconcile estimate.json bill/ --month 2026-03",
            "spendgate reconcile estimate.json bill/ --month 2026-03 --write-usage spendgate-usage.yaml --max-error 20",
            "spendgate check infra --stack prod --format json --output estimate.json    writes the estimate",
        ),
    )
    parser.add_argument(
        "estimate", type=Path, metavar="ESTIMATE", help="a JSON report of `spendgate check --format json`"
    )
    parser.add_argument(
        "bills", nargs="+", type=Path, metavar="BILL", help="files or folders of a bill (CSV, gzip, Parquet)"
    )
    parser.add_argument(
        "--month",
        metavar="YYYY-MM",
        help="charge periods that start in this month (default: the one that the bill has)",
    )
    parser.add_argument(
        "--through", metavar="YYYY-MM-DD", help="the last day that the bill holds whole (default: its last)"
    )
    parser.add_argument("--currency", metavar="CODE", help="lines of this currency alone")
    parser.add_argument("--columns", metavar="NAME|FILE", help="format of the bill, as for `spendgate allocate`")
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE",
        help="which resource is which: CSV with the columns estimate (name or URN) and bill (id or name, * and ?)",
    )
    parser.add_argument(
        "--write-usage",
        type=Path,
        metavar="FILE",
        help="put the usage that would have been right into this usage file, for `spendgate check --usage FILE`",
    )
    parser.add_argument(
        "--max-error",
        type=percentage,
        metavar="PCT",
        help="exit 1 where the WAPE (all absolute errors over the billed sum) is above, or nothing matches",
    )
    parser.add_argument("--format", "-f", choices=("terminal", "json", "markdown"), default="terminal")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write the report there (default: standard output)"
    )
    return parser


def percentage(text: str) -> float:
    """``20`` or ``20%``; the name stands in the error of argparse."""
    return float(text.removesuffix("%"))


def run(options: argparse.Namespace) -> int:
    """Compare; exit 1 where the estimate is off by more than ``--max-error``, or nothing of it is on the bill."""
    from spendgate.reconcile.compare import reconcile

    if options.max_error is not None and not 0 <= options.max_error < float("inf"):
        raise InputError("--max-error is a number of per cent, 0 or more")
    _keep_inputs(options)
    found = reconcile(
        options.estimate,
        tuple(options.bills),
        month=month(options.month),
        currency=options.currency,
        through=_day(options.through),
        map_file=options.map,
        mapping=options.columns,
    )
    if options.format == "json":
        from spendgate.reconcile.as_json import to_json

        text = json.dumps(to_json(found), indent=2, ensure_ascii=False) + "\n"
    else:
        from spendgate.reconcile.text import to_markdown, to_text

        color = options.output is None and sys.stdout.isatty()
        text = to_markdown(found) if options.format == "markdown" else to_text(found, color=color)
    if options.output is None:
        sys.stdout.write(text)
    else:
        try:
            write_whole(options.output, text)
        except OSError as error:
            raise InputError(f"the report cannot be written: {error.strerror}", place=options.output) from None
    if options.write_usage is not None and found.proposals:
        from spendgate.reconcile.usage_yaml import write_usage

        write_usage(options.write_usage, found.proposals)
        print(f"{options.write_usage}: has the usage that would have been right", file=sys.stderr)
    elif options.write_usage is not None:
        print(f"{options.write_usage}: nothing to write, no usage is known to have been wrong", file=sys.stderr)
    if options.max_error is None:
        return 0
    # What was estimated and is not on the bill counts: else a bill that matches little would pass.
    wape = found.of_all.wape
    return 0 if wape is not None and wape <= options.max_error else 1


def _keep_inputs(options: argparse.Namespace) -> None:
    """Raise InputError where what is written would take the place of what is read, or of the other."""
    from spendgate.allocate.output import keep_apart

    read = [("the estimate", options.estimate), *(("the bill", path) for path in options.bills)]
    read += [("the map", options.map)] if options.map is not None else []
    read += [("the mapping", Path(options.columns))] if options.columns is not None else []
    if options.output is not None:
        keep_apart(options.output, "--output", read)
    if options.write_usage is not None:
        if options.output is not None and options.output.resolve() == options.write_usage.resolve():
            raise InputError("--output and --write-usage name one file", place=options.output)
        keep_apart(options.write_usage, "--write-usage", read)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InputError(f'"{text}" is no day', remedy="Write it like 2026-03-20.") from None
