"""``spendgate record``: a program's data sources from a real preview, kept for running it without an engine."""

from __future__ import annotations

import argparse
from pathlib import Path

from spendgate.cli import new_parser
from spendgate.errors import InputError


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate record``."""
    parser = new_parser("record", examples=("spendgate record infra --stack dev",))
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="Pulumi project")
    parser.add_argument("--stack", "-s", help="stack to preview")
    parser.add_argument(
        "--config", "-c", action="append", default=[], metavar="KEY=VALUE", help="set a configuration value"
    )
    parser.add_argument(
        "--token", "-t", action="append", default=[], metavar="FUNCTION", help="record this function only (repeatable)"
    )
    parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="end the preview after this")
    return parser


def run(options: argparse.Namespace) -> int:
    """Preview, write what its data sources answered to spendgate.yaml, and say what was written."""
    from spendgate.sources.recording import record, write

    wrong = [pair for pair in options.config if "=" not in pair.strip("=")]
    if wrong:
        raise InputError(f'--config "{wrong[0]}" is not of the form key=value')
    if not 0 < options.timeout < float("inf"):
        raise InputError("--timeout is a number of seconds above 0")
    found = record(
        options.directory,
        stack=options.stack,
        config=dict(pair.split("=", 1) for pair in options.config),
        tokens=options.token,
        timeout=options.timeout,
    )
    for token, reason in found.skipped:
        print(f"not recorded: {token}: {reason}")
    if not found.invokes:
        print("nothing to record: the program calls no data source that needs it")
        return 0
    written = write(options.directory, found.invokes)
    for word, tokens in (("recorded", written.added), ("updated", written.updated), ("unchanged", written.same)):
        for token in tokens:
            print(f"{word}: {token}")
    print(f"in {written.file}")
    return 0
