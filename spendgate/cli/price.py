"""``spendgate price``: what an instance type costs."""

from __future__ import annotations

import argparse
import sys

from spendgate.cli import new_parser


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate price``."""
    parser = new_parser("price")
    parser.add_argument("name", metavar="TYPE", help="instance type, such as p5.48xlarge")
    parser.add_argument("--region", "-r", help="one region (default: all, cheapest first)")
    parser.add_argument("--provider", "-p", choices=("aws", "gcp", "azure"), help="where the name exists at several")
    parser.add_argument(
        "--purchase", choices=("on_demand", "spot", "reserved", "capacity_block"), help="purchase option"
    )
    parser.add_argument("--hours", help="price this many hours")
    parser.add_argument("--count", help="price this many instances")
    parser.add_argument("--format", "-f", choices=("terminal", "json"), default="terminal")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the quotes."""
    from spendgate.prices.command import lookup, to_json
    from spendgate.prices.text import to_text

    answer = lookup(
        options.name,
        region=options.region,
        provider=options.provider,
        purchase=options.purchase,
        hours=options.hours,
        count=options.count,
    )
    if options.format == "json":
        print(to_json(answer))
    else:
        print(to_text(answer, color=sys.stdout.isatty()))
    return 0
