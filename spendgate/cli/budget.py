"""``spendgate budget check``: bills against budgets, for people and for cron."""

from __future__ import annotations

import argparse
import json
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.cli import new_parser
from spendgate.cli.tables import add_tables, tables_of
from spendgate.errors import InputError

if TYPE_CHECKING:
    from spendgate.allocate.budget.hold import Terms


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate budget``."""
    parser = new_parser(
        "budget",
        mixed=True,
        examples=(
            "spendgate budget check march --budgets budgets.yaml --fail-on projected",
            "spendgate budget check bill.parquet --as-of 2026-03-15    budgets of spendgate.yaml",
            "spendgate budget check february march --usage tokens=tokens.csv --growth 5    with forecasts",
        ),
    )
    parser.add_argument("action", choices=("check",), help="hold bills against budgets")
    parser.add_argument(
        "bills",
        nargs="+",
        type=Path,
        metavar="BILL|DIR",
        help="files or folders of a bill, held against budgets by its tags, or folders that `spendgate allocate` "
        "wrote, by owners",
    )
    parser.add_argument(
        "--budgets",
        type=Path,
        metavar="FILE",
        help="a file of kind Budgets, a spendgate.yaml or an organisation file (default: those of this folder)",
    )
    parser.add_argument(
        "--columns", metavar="NAME|FILE", help="format of a bill that is not FOCUS (default: found by its columns)"
    )
    parser.add_argument(
        "--fail-on",
        choices=("exceeded", "projected", "at-risk"),
        default="exceeded",
        help="exit 1 for budgets that are exceeded (default), expected to be, or may be at the upper end of the range",
    )
    about = "forecast by tokens, inferences, training-runs or gpu-hours: tables with a date and a count"
    add_tables(parser, "--usage", about)
    add_terms(parser)
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal")
    return parser


def add_terms(parser: Any) -> None:
    """The options that say how budgets are held, for every command that does."""
    parser.add_argument(
        "--as-of", metavar="DATE", help="the last whole day of the bill (default: the last with charges)"
    )
    parser.add_argument(
        "--min-anomaly", metavar="AMOUNT", default="10", help="least difference of an unusual day (default: 10)"
    )
    parser.add_argument("--growth", metavar="PERCENT", help="expected growth a month of what drives the cost")
    parser.add_argument("--saving", metavar="PERCENT", help="expected saving of the optimised scenario")


def terms_of(options: argparse.Namespace) -> Terms:
    """What these options say. Raises InputError for what is no day or no number."""
    from spendgate.allocate.budget.hold import Terms

    growth, saving = (_part(text) for text in (options.growth, options.saving))
    for name, part in (("--growth", -(growth or 0)), ("--saving", saving or 0)):
        if part > 1:
            raise InputError(f"{name} takes more than there is", remedy="A part of the cost is 100 per cent at most.")
    return Terms(_day(options.as_of), _number(options.min_anomaly, "an amount"), growth, saving)


def run(options: argparse.Namespace) -> int:
    """Check; exit 1 where a budget fails."""
    from spendgate.allocate.budget.hold import hold
    from spendgate.allocate.budget.load import load_budgets
    from spendgate.allocate.budget.report import to_json, to_text
    from spendgate.allocate.run import engine

    terms = terms_of(options)
    budgets = load_budgets(options.budgets, Path())
    with engine() as connection:
        result = hold(connection, options.bills, budgets, tables_of(options.usage, "--usage"), terms, options.columns)
    if options.format == "json":
        print(json.dumps(to_json(result, options.fail_on), indent=2, ensure_ascii=False))
    else:
        print(to_text(result, options.fail_on))
    return 1 if result.failed(options.fail_on) else 0


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(f'"{text}" is no day', remedy="Write it like 2026-03-15.") from None


def _number(text: str, what: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        raise InputError(f'"{text}" is not {what}', remedy="Write a number like 10.")
    return found


def _part(text: str | None) -> Decimal | None:
    """Per cent as a part of one; growth may be below zero."""
    if text is None:
        return None
    plain = text.removesuffix("%")
    sign = -1 if plain.startswith("-") else 1
    return sign * _number(plain.lstrip("+-"), "a number of per cent") / 100
