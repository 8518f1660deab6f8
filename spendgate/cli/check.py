"""``spendgate check``: declarations in, a priced verdict out."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.checking import check_directory, check_file
from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError, InputErrors
from spendgate.verdict import Checked, Finding, Verdict

if TYPE_CHECKING:
    from spendgate.allocate.projected.project import Projection
    from spendgate.estimate.usage import Usage

STDIN = Path("-")
FORMATS = ("terminal", "json", "markdown")


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate check``."""
    parser = new_parser(
        "check",
        examples=(
            "spendgate check infra --stack prod",
            "pulumi preview --json --show-sames | spendgate check -",
            "spendgate check --trust-from origin/main --format markdown --output spendgate.md",
        ),
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        type=Path,
        metavar="DIR|FILE",
        help="Pulumi projects (default: here), or files of `pulumi preview --json --show-sames` or "
        "`pulumi stack export` (- for standard input)",
    )
    parser.add_argument("--stack", "-s", help="stack whose configuration and environment apply")
    parser.add_argument(
        "--config", "-c", action="append", default=[], metavar="KEY=VALUE", help="set a configuration value"
    )
    parser.add_argument(
        "--pack", action="append", default=[], metavar="PACK", help="in the place of the configured packs (repeatable)"
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="another file than the project's spendgate.yaml")
    parser.add_argument(
        "--engine", choices=("auto", "embedded", "pulumi"), default="auto", help="what runs the program"
    )
    parser.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS", help="end the program after this long"
    )
    parser.add_argument(
        "--trust-from",
        metavar="REVISION",
        help="read settings, policies, waivers and signers as they are in this git revision (origin/main)",
    )
    parser.add_argument(
        "--as-declared", action="store_true", help="judge without the patches that the policy pack would make"
    )
    parser.add_argument("--ignore-waivers", action="store_true", help="report as if nothing were waived")
    parser.add_argument("--usage", type=Path, metavar="FILE", help="another usage file than the project's")
    parser.add_argument(
        "--allocation",
        action="append",
        metavar="RULES",
        help="also who pays how much a month, by these allocation rules: a file, or shipped ones by name",
    )
    parser.add_argument(
        "--drivers",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="a table that shared pools of --allocation are split by; without NAME, the file is named like its driver",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="an earlier JSON report that growth is measured against"
    )
    parser.add_argument("--savings", action="store_true", help="also cheaper ways that the guardrails allow")
    parser.add_argument("--carbon", action="store_true", help="also kWh and kg CO2e a month, with their assumptions")
    parser.add_argument("--format", "-f", choices=FORMATS, default="terminal", help="of the report")
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write the report there, not here")
    return parser


def run(options: argparse.Namespace) -> int:
    """Check every input, report them all, and return the exit code."""
    # One pass over immutable values makes few cycles: looking for them costs more than they hold.
    gc.disable()
    try:
        return _run(options)
    finally:
        gc.enable()


def _run(options: argparse.Namespace) -> int:
    # A folder that is named twice is checked, and counted, once.
    inputs = list({path.resolve(): path for path in options.inputs or [Path()]}.values())
    config = config_values(options.config)
    if not 0 < options.timeout < float("inf"):
        raise InputError("--timeout is a number of seconds above 0")
    _keep(options.output, (*inputs, options.usage, options.settings))
    if options.baseline is not None:
        from spendgate.report.baseline import read_baseline

        options.baseline = read_baseline(options.baseline)
    progress = _Progress()
    verdict = Verdict(tuple(_check_one(path, options, config, progress) for path in inputs))
    progress.clear()
    verdict = _used_elsewhere(verdict)
    for checked in verdict.inputs:
        for error in (checked.error, *checked.faults):
            if error:
                print_error(error)
    nothing_read = all(checked.error and not checked.project for checked in verdict.inputs)
    if not (nothing_read and options.format == "terminal"):
        _write(_renderer(options.format, options.output)(verdict), options.output)
        if options.output is not None:
            from spendgate.report.wording import summary

            print(f"{summary(verdict)}\nthe report is in {options.output}")
        if options.output is None and sys.stdout.isatty() and (hint := first_steps(verdict, options)):
            print(hint)
    for report in dict.fromkeys(report for checked in verdict.inputs for report in checked.reports):
        _write(_renderer(report.format, report.output)(verdict), report.output, in_new_folders=True)
    return int(verdict.exit_code)


def _keep(output: Path | None, read: Iterable[Path | None]) -> None:
    """Raise InputError where the report would be written over a file that is read."""
    if output is None or not output.exists():
        return
    for path in read:
        if path is not None and path.is_file() and output.samefile(path):
            remedy = "Nothing was written. Name another file."
            raise InputError(f"--output would write over {path}, which is read", place=output, remedy=remedy)


def first_steps(verdict: Verdict, options: argparse.Namespace) -> str | None:
    """What a person is told whose program is refused where the project has chosen no settings."""
    from spendgate.config import FILE_NAME, find_config

    if verdict.passed or options.format != "terminal" or options.settings or options.pack:
        return None
    bare = [checked.path for checked in verdict.inputs if checked.path.is_dir() and find_config(checked.path) is None]
    if not bare:
        return None
    where = "" if bare[0] == Path() else f" {bare[0]}"
    return f"No {FILE_NAME} is there: `spendgate init{where}` starts one, with lists and budgets for you to choose."


def _check_one(path: Path, options: argparse.Namespace, config: dict[str, str], progress: _Progress) -> Checked:
    """One input; what is wrong with it becomes its error, so that the others are still reported."""
    try:
        if options.usage is not None and options.trust_from is not None:
            remedy = "Name the file as usage: in spendgate.yaml; it is then read from that revision."
            raise InputError("--usage and --trust-from: the file could be the change's own", remedy=remedy)
        usage = _named_usage(options.usage)
        allocation = _named_allocation(options)
        if path == STDIN or path.is_file():
            progress.say(f"reading {path} …")
            _refuse_for_files(path, options)
            return check_file(
                path,
                packs=tuple(options.pack),
                settings=options.settings,
                carbon=options.carbon,
                savings=options.savings,
                usage=usage,
                trust_from=options.trust_from,
                ignore_waivers=options.ignore_waivers,
                as_declared=options.as_declared,
                baseline=options.baseline,
                allocation=allocation,
            )
        progress.say(f"running {path} …")
        return check_directory(
            path,
            stack=options.stack,
            config=config,
            packs=tuple(options.pack),
            settings=options.settings,
            engine=options.engine,
            timeout=options.timeout,
            progress=progress.say,
            carbon=options.carbon,
            savings=options.savings,
            usage=usage,
            trust_from=options.trust_from,
            ignore_waivers=options.ignore_waivers,
            as_declared=options.as_declared,
            baseline=options.baseline,
            allocation=allocation,
        )
    except InputError as error:
        from spendgate.sources.positions import from_here

        return Checked(path=path, error=from_here(error, path))


def _used_elsewhere(verdict: Verdict) -> Verdict:
    """The verdict without the word that a waiver is unused where another input of the run uses it."""
    from spendgate.waivers.model import UNUSED

    if len(verdict.inputs) == 1:
        return verdict
    used = {
        (use.waiver.id, use.waiver.place.file) for checked in verdict.inputs for use in checked.waivers if use.covered
    }

    def holds(finding: Finding) -> bool:
        place = finding.location
        return finding.guardrail != UNUSED or place is None or (finding.name, place.file) not in used

    return Verdict(
        tuple(replace(one, findings=tuple(item for item in one.findings if holds(item))) for one in verdict.inputs)
    )


def _named_usage(file: Path | None) -> Usage | None:
    """The usage file that the command line names, in the place of the project's."""
    if file is None:
        return None
    from spendgate.estimate.usage_file import read_usage

    return read_usage(file)


def _named_allocation(options: argparse.Namespace) -> Projection | None:
    """The allocation rules that the command line names, in the place of the project's."""
    if options.allocation is None:
        if options.drivers:
            remedy = "Name the rules with --allocation, or the table beside them in spendgate.yaml."
            raise InputError("--drivers is for --allocation", remedy=remedy)
        return None
    if options.trust_from is not None:
        remedy = "Name the file as allocation: in spendgate.yaml; it is then read from that revision."
        raise InputError("--allocation and --trust-from: the file could be the change's own", remedy=remedy)
    from spendgate.allocate.projected.project import load_projection
    from spendgate.cli.tables import tables_of

    return load_projection(options.allocation, tables_of(options.drivers, "--drivers"))


def _refuse_for_files(path: Path, options: argparse.Namespace) -> None:
    """Options that say how a program is run would be ignored for a file, in silence."""
    given = {"--stack": options.stack, "--config": options.config, "--engine": options.engine != "auto"}
    for name, value in given.items():
        if value:
            raise InputError(f"{name} is for programs, and this is a file", place=path, remedy=f"Leave {name} out.")


def config_values(pairs: list[str]) -> dict[str, str]:
    """Settings of ``--config KEY=VALUE`` by key; raises InputErrors for what is of another form."""
    errors = [
        InputError(f'--config "{pair}" is not of the form key=value') for pair in pairs if "=" not in pair.strip("=")
    ]
    if errors:
        raise InputErrors(errors)
    return dict(pair.split("=", 1) for pair in pairs)


def _renderer(format: str, output: Path | None) -> Callable[[Verdict], str]:
    if format == "json":
        from spendgate.report.as_json import render

        return render
    if format == "markdown":
        from spendgate.report.markdown import render

        return render
    from spendgate.report.terminal import render as render_terminal

    color = output is None and sys.stdout.isatty()
    return lambda verdict: render_terminal(verdict, color=color)


def _write(text: str, output: Path | None, *, in_new_folders: bool = False) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        if in_new_folders:
            if not output.resolve().is_relative_to(Path.cwd()):  # a change that is checked could put a link there
                remedy = "Remove the link, or use --output."
                raise InputError("leads out of the folder in which the command runs", place=output, remedy=remedy)
            output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the report cannot be written: {error.strerror}", place=output) from None


class _Progress:
    """One line on a terminal that says what is going on; silent elsewhere."""

    def __init__(self) -> None:
        self.shows = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self.shows:
            sys.stderr.write(f"\r\x1b[K\x1b[2m{text}\x1b[0m")
            sys.stderr.flush()

    def clear(self) -> None:
        if self.shows:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
