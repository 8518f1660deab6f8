"""``spendgate schema``: the published JSON Schemas."""

from __future__ import annotations

import argparse
import json

from spendgate import schemas
from spendgate.cli import new_parser


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate schema``."""
    parser = new_parser("schema", examples=("spendgate schema guardrail > guardrail.schema.json",))
    parser.add_argument("schema", choices=schemas.NAMES, metavar="NAME", help=f"one of {', '.join(schemas.NAMES)}")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print one schema."""
    print(json.dumps(schemas.schema(options.schema), indent=2, ensure_ascii=False))
    return 0
