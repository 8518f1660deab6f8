"""``spendgate test``: tests of guardrails, run through the gate that checks programs, and of allocation rules, run
through the allocation of bills."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError

if TYPE_CHECKING:
    from spendgate.bench import Report

FORMATS = ("terminal", "json", "junit")
POLL_SECONDS = 0.3

Stamps = dict[Path, tuple[int, int]]


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate test``."""
    parser = new_parser(
        "test",
        examples=(
            "spendgate test policies --strict",
            'spendgate test own/volume-size.test.yaml -k "large"',
            "spendgate test --format junit --output tests.xml",
        ),
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="folders, or single *.test.yaml (default: the policies of spendgate.yaml)",
    )
    parser.add_argument(
        "--shipped", action="store_true", help="test the guardrails and allocation rules that come with it"
    )
    parser.add_argument(
        "-k",
        dest="filters",
        action="append",
        default=[],
        metavar="TEXT",
        help="only cases with this in their name or that of what they test (repeatable)",
    )
    parser.add_argument("--format", "-f", choices=FORMATS, default="terminal", help="of the report")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write the report there, and a summary to the terminal"
    )
    parser.add_argument(
        "--min-coverage", type=float, metavar="PERCENT", help="fail when the cases cover less, over all guardrails"
    )
    parser.add_argument(
        "--min-operands",
        type=float,
        metavar="PERCENT",
        help="fail when fewer of the conditions inside expressions were both true and false",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail when a guardrail lacks a passing, a failing or an unknown case, or one that makes a patch of it, or "
        "an allocation rule one that it decides or one that it does not match",
    )
    parser.add_argument("--watch", "-w", action="store_true", help="run again when a file changes; Ctrl-C ends")
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the tests, report them, and return the exit code."""
    for name, wanted in (("--min-coverage", options.min_coverage), ("--min-operands", options.min_operands)):
        if wanted is not None and not 0 <= wanted <= 100:
            raise InputError(f"{name} is a number from 0 to 100")
    if options.filters and (options.strict or options.min_coverage is not None or options.min_operands is not None):
        raise InputError(
            "coverage cannot be judged on a part of the cases",
            remedy="Leave out -k, or --strict, --min-coverage and --min-operands.",
        )
    return _watch(options) if options.watch else _once(options)


def _once(options: argparse.Namespace) -> int:
    from spendgate.bench import collect, demand, run_suite

    paths, policies = _places(options)
    report = run_suite(collect(paths, policies), options.filters)
    report = demand(report, min_coverage=options.min_coverage, min_operands=options.min_operands, strict=options.strict)
    for error in report.errors:
        print_error(error)
    _write(report, options)
    return report.exit_code


def _places(options: argparse.Namespace) -> tuple[list[Path], tuple[Path, ...]]:
    """What to test, and the folders of the project's guardrails, which tests may name wherever they lie."""
    from spendgate.config import FILE_NAME, find_config, load_config
    from spendgate.shipped import policies_dir

    shipped = [policies_dir()] if options.shipped else []
    if shipped and not options.paths:
        return shipped, ()
    config = load_config(Path())
    policies = (*(folder for pack in config.packs for folder in pack.policies), *config.policies)
    paths = [*options.paths, *shipped] or list(config.policies)
    if not paths:
        found = find_config(Path())
        said = "it names no folders under policies" if found else f"there is no {FILE_NAME} here"
        raise InputError(
            f"nothing to test: {said}",
            place=found,
            remedy="Give folders or files, or --shipped for the guardrails that come with spendgate.",
        )
    return paths, policies


def _write(report: Report, options: argparse.Namespace) -> None:
    from spendgate.report.bench import terminal

    render = _renderer(options.format)
    if options.output is not None:
        try:
            options.output.write_text(render(report), encoding="utf-8")
        except OSError as error:
            raise InputError(f"the report cannot be written: {error.strerror}", place=options.output) from None
    if options.output is not None or options.format == "terminal":
        sys.stdout.write(terminal.render(report, color=sys.stdout.isatty()))
    else:
        sys.stdout.write(render(report))


def _renderer(format: str) -> Callable[[Report], str]:
    if format == "json":
        from spendgate.report.bench.as_json import render

        return render
    if format == "junit":
        from spendgate.report.bench.junit import render as render_junit

        return render_junit
    from spendgate.report.bench.terminal import render as render_terminal

    return render_terminal


def _watch(options: argparse.Namespace) -> int:
    """Run again whenever a file changes, until Ctrl-C; the exit code is that of the last run."""
    code = 0
    try:
        while True:
            # Taken before the run: what changes during it is run again.
            before = _stamps(options)
            if sys.stdout.isatty():
                sys.stdout.write("\x1b[H\x1b[2J")
            try:
                code = _once(options)
            except InputError as error:
                print_error(error)
                code = 2
            print("waiting for changes; Ctrl-C ends", flush=True)
            while _stamps(options) == before:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return code


def _stamps(options: argparse.Namespace) -> Stamps:
    """Time and size of every file that a run reads, be it that they are new or gone."""
    stamps: Stamps = {}
    for path in _watched(options):
        try:
            status = path.stat()
        except OSError:
            continue
        stamps[path] = (status.st_mtime_ns, status.st_size)
    return stamps


def _watched(options: argparse.Namespace) -> Iterator[Path]:
    from spendgate.config import find_config

    if (config := find_config(Path())) is not None:
        yield config
    try:
        paths, policies = _places(options)
    except InputError:  # the run tells it; the next change of the configuration may mend it
        return
    for path in (*paths, *policies):
        if path.is_dir():
            yield from path.rglob("*.yaml")
        else:
            yield from path.parent.glob("*.yaml")
