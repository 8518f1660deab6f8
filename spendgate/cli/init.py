"""``spendgate init``: a starter spendgate.yaml for a Pulumi project, after looking at what it declares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError

if TYPE_CHECKING:
    from spendgate.config.observed import Observed


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate init``."""
    parser = new_parser("init", examples=("spendgate init", "spendgate init infra --stack dev --print"))
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="Pulumi project")
    parser.add_argument("--stack", "-s", help="stack whose configuration applies")
    parser.add_argument(
        "--config", "-c", action="append", default=[], metavar="KEY=VALUE", help="set a configuration value"
    )
    parser.add_argument("--force", action="store_true", help="write over a spendgate.yaml that is there")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print it, and write nothing")
    parser.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS", help="end the program after this long"
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Look at the project, write the file, and say what was seen and what comes next."""
    from spendgate.config import FILE_NAME, find_config
    from spendgate.config.starter import starter
    from spendgate.rules.selection import library_of
    from spendgate.sources.project import read_project

    wrong = [pair for pair in options.config if "=" not in pair.strip("=")]
    if wrong:
        raise InputError(f'--config "{wrong[0]}" is not of the form key=value')
    if not 0 < options.timeout < float("inf"):
        raise InputError("--timeout is a number of seconds above 0")
    folder: Path = options.directory
    read_project(folder)
    target = folder / FILE_NAME
    if target.exists() and not (options.force or options.only_print):
        raise InputError(
            "is there already, and is left as it is",
            place=target,
            remedy="--force writes over it; --print shows the starter without writing it.",
        )
    above = find_config(folder)
    seen = look(folder, options)
    text = starter(seen, library_of(()))
    if options.only_print:
        sys.stdout.write(text)
        return 0
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=target) from None
    governed = above if above is not None and above != target.resolve() else None
    sys.stdout.write("\n".join(screen(seen, folder, target, governed, color=sys.stdout.isatty())) + "\n")
    return 0


def look(folder: Path, options: argparse.Namespace) -> Observed:
    """Run the program as ``check`` does. One that breaks is told on standard error, and leaves little to see."""
    from spendgate.checking import declare
    from spendgate.config.observed import Observed, observe
    from spendgate.estimate import estimate
    from spendgate.facts import facts_of
    from spendgate.prices.catalogue import Catalogue
    from spendgate.sources.positions import from_here
    from spendgate.sources.project import read_project
    from spendgate.sources.stack_config import select_stack, stacks

    project = read_project(folder)
    known = stacks(project)
    config = dict(pair.split("=", 1) for pair in options.config)
    try:
        declaration = declare(folder, (), options.stack, config, "auto", options.timeout, None)
    except InputError as error:
        print_error(from_here(error, folder))
        stack = select_stack(project, options.stack)[1]
        return Observed(project.name, stack, stacks=tuple(known), broken=error.message)
    catalogue = Catalogue.of_project(folder)
    workloads = facts_of(declaration, catalogue)
    seen = observe(declaration, workloads, estimate(workloads, catalogue), known)
    if not seen.resources and seen.broken is None:
        seen = replace(seen, broken="it declares no resources for this stack")
    return seen


def screen(seen: Observed, folder: Path, target: Path, above: Path | None, *, color: bool = False) -> Iterator[str]:
    """What a user reads after the file is written: what was seen, what is in the file, what comes next."""
    from spendgate.config.starter import many, suggested_packs

    def strong(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if color else text

    plural = "resource" if seen.resources == 1 else "resources"
    yield strong(f"{folder}  {seen.project}, stack {seen.stack}, {seen.resources} {plural}")
    yield ""
    if seen.broken is not None:
        yield from _line("not seen", f"the program could not be run to its end: {seen.broken.splitlines()[0]}")
    clouds = ", ".join(f"{name} ({number})" for name, number in seen.clouds.items())
    yield from _line("clouds", clouds)
    yield from _line("kinds", ", ".join(many(number, kind) for kind, number in seen.kinds.items()))
    # Of what may start machines (a pool of Karpenter) it is known which, and not how many.
    models = (f"{model} (up to {most:g})" if most else model for model, most in seen.accelerators.items())
    yield from _line("accelerators", ", ".join(models))
    yield from _line("regions", ", ".join(f"{name} ({number})" for name, number in seen.regions.items()))
    keys = ", ".join(f"{key} ({number})" for key, number in list(seen.tag_keys.items())[:8])
    yield from _line("tags", f"{keys or 'none'}, of {seen.taggable} taggable" if seen.taggable else "")
    if seen.monthly is not None:
        low, expected, high = (f"${amount:,.0f}" for amount in seen.monthly)
        yield from _line("a month", expected if low == high else f"{expected} expected ({low} – {high})")
    yield ""
    yield strong(f"wrote {target}")
    yield from _line("asks", "the pack gpu-baseline, with the regions and tag names in use")
    yield from _line("suggests", ", ".join(name for name, _ in suggested_packs(seen)) + " (in comments, with reasons)")
    if above is not None:
        yield from _line("instead of", f"{above}, which held here until now")
    yield ""
    where = "" if folder == Path() else f" {folder}"
    yield strong("next")
    yield f"  spendgate check{where}          what it costs, and what is refused (exit 1)"
    yield f"  spendgate config show{where}    what holds, and where it comes from"


def _line(label: str, text: str) -> Iterator[str]:
    import shutil
    import textwrap

    if text:
        shown = "".join(char if char.isprintable() else "\ufffd" for char in text)
        width = max(60, min(shutil.get_terminal_size((110, 40)).columns, 110))
        yield from textwrap.wrap(
            shown,
            width,
            initial_indent=f"  {label:<13} ",
            subsequent_indent=" " * 16,
            break_long_words=False,
            break_on_hyphens=False,
        )
