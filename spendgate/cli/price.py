"""``spendgate price``: what an instance type costs, and where one gets an accelerator."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import new_parser
from spendgate.errors import InputError

if TYPE_CHECKING:
    from spendgate.prices.catalogue import Catalogue
    from spendgate.prices.model import Quote


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate price``."""
    parser = new_parser(
        "price",
        examples=("spendgate price p5.48xlarge --region us-east-1 --hours 12", "spendgate price --compare H100x8"),
    )
    parser.add_argument("name", metavar="TYPE", nargs="?", help="instance type, such as p5.48xlarge")
    parser.add_argument(
        "--compare", metavar="MODELxCOUNT", help="where one gets so many: H100x8, A100-80GBx8, L4 (one of them)"
    )
    parser.add_argument("--region", "-r", help="one region (default: all, cheapest first)")
    parser.add_argument("--provider", "-p", choices=("aws", "gcp", "azure"), help="where several have the name")
    parser.add_argument(
        "--purchase", choices=("on_demand", "spot", "reserved", "capacity_block"), help="only this way to buy it"
    )
    parser.add_argument("--hours", metavar="HOURS", help="and for so many hours")
    parser.add_argument("--count", metavar="COUNT", help="and for so many instances")
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="prices of your own there, not the project's")
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal", help="of the answer")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the quotes."""
    from spendgate.prices.catalogue import Catalogue

    if options.catalogue is not None and not options.catalogue.is_dir():
        raise InputError("no such folder", place=options.catalogue)
    if options.catalogue is not None:
        catalogue = Catalogue.with_user(options.catalogue)
    else:
        catalogue = Catalogue.of_project(Path())
    print(_answer(options, catalogue) if options.compare is None else _comparison(options, catalogue))
    return 0


def _answer(options: argparse.Namespace, catalogue: Catalogue) -> str:
    if options.name is None:
        raise InputError("a TYPE or --compare is missing", remedy="Such as: spendgate price p5.48xlarge")
    from spendgate.prices.command import lookup, to_json
    from spendgate.prices.text import to_text

    answer = lookup(
        options.name,
        region=options.region,
        provider=options.provider,
        purchase=options.purchase,
        hours=options.hours,
        count=options.count,
        catalogue=catalogue,
    )
    _warn_of_age(answer.quotes)
    return to_json(answer) if options.format == "json" else to_text(answer, color=sys.stdout.isatty())


def _comparison(options: argparse.Namespace, catalogue: Catalogue) -> str:
    if options.name is not None or options.hours is not None or options.count is not None:
        raise InputError("--compare goes without TYPE, --hours and --count", remedy="The count is in it: H100x8.")
    from spendgate.prices.compare import compare, to_json
    from spendgate.prices.compare_text import to_text

    comparison = compare(
        options.compare,
        region=options.region,
        provider=options.provider,
        purchase=options.purchase,
        catalogue=catalogue,
    )
    _warn_of_age(offer.quote for offer in comparison.offers)
    return to_json(comparison) if options.format == "json" else to_text(comparison, color=sys.stdout.isatty())


def _warn_of_age(quotes: Iterable[Quote]) -> None:
    """Name the prices that the project calls too old, beside the answer: its shape is the same with and without."""
    from spendgate.prices.age import max_age_of_project, old_price_note

    max_age = max_age_of_project(Path())
    if max_age is None:
        return
    note = old_price_note(quotes, max_age, datetime.now(UTC).date())
    if note is not None:
        print(f"caution: {note}", file=sys.stderr)
