"""``spendgate guardrails``: what there is, and what one of them says."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

from spendgate.cli import new_parser, print_error
from spendgate.errors import InputError, did_you_mean
from spendgate.prices.tables import shown
from spendgate.rules.guardrail import Guardrail


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate guardrails``."""
    parser = new_parser("guardrails", examples=("spendgate guardrails", "spendgate guardrails required-tags"))
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this one")
    parser.add_argument(
        "--policies",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="also those in this folder (repeatable); the packs and policies of spendgate.yaml are read anyway",
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """List all guardrails, or explain one; 2 where one of them, or the settings that name them, are wrong."""
    library, wrong = _library(options.policies)
    for error in wrong:
        print_error(error)
    code = _show(options, library)
    return 2 if wrong else code


def _library(folders: Sequence[Path]) -> tuple[dict[str, Guardrail], Sequence[InputError]]:
    """The shipped guardrails with those of the project here and of ``folders``, and what is wrong with any of them."""
    from spendgate.config import read_config
    from spendgate.rules.library import Faults, load_folders
    from spendgate.shipped import policies_dir

    faults = Faults()
    named: tuple[Path, ...] = ()
    try:
        config = read_config(Path())
        for error in config.faults:
            faults.add(error)
        named = (*(folder for pack in config.packs for folder in pack.policies), *config.policies)
    except InputError as error:
        faults.add(error)
    # By where they lie: a folder may be named by the settings and here.
    own = {folder.resolve(): folder for folder in (*named, *folders)}
    return load_folders((policies_dir(), *own.values()), faults), faults.errors


def _show(options: argparse.Namespace, library: dict[str, Guardrail]) -> int:
    if options.name is None:
        width = max(map(len, library), default=0)
        for guardrail in sorted(library.values(), key=lambda item: (item.category, item.name)):
            print(f"{guardrail.category:<10} {guardrail.name:<{width}}  {guardrail.severity:<8}  {guardrail.title}")
        return 0
    if options.name not in library:
        remedy = did_you_mean(options.name, library) or "`spendgate guardrails` lists them."
        raise InputError(f'no guardrail "{options.name}"', remedy=remedy)
    print(explain(library[options.name]))
    return 0


def explain(guardrail: Guardrail) -> str:
    """One guardrail for a reader: what it demands, why, its parameters, and how to satisfy it."""
    lines = [
        f"{guardrail.name}  ({guardrail.category}, {guardrail.severity}, {guardrail.enforcement} by default)",
        guardrail.title,
        "",
        *_wrapped("Why:  ", guardrail.description),
        *_wrapped("Fix:  ", guardrail.remediation),
        f"When a value is known only after apply: {guardrail.on_unknown}",
    ]
    if guardrail.params:
        lines += ["", "Parameters:"]
        for name, rules in guardrail.params.items():
            what = " ".join(rules.get("description", "").split())
            lines += _wrapped(f"  {name} ({rules['type']})" + (": " if what else ""), what, "    ")
            if "default" in rules:
                lines += _wrapped("    default: ", json.dumps(rules["default"], ensure_ascii=False))
    if guardrail.patches:
        sets = dict.fromkeys(rule.fact or f"{rule.path} of {', '.join(rule.types)}" for rule in guardrail.patches)
        lines += ["", "At level remediate it sets:", *(f"  {place}" for place in sets)]
    if guardrail.reference:
        lines += ["", f"Read: {guardrail.reference}"]
    lines += ["", f"File: {shown(Path(guardrail.place.file))}"]
    return "\n".join(lines)


def _wrapped(label: str, text: str, indent: str | None = None) -> list[str]:
    """Text behind a label, as wide as the terminal and at most 100 columns."""
    width = min(100, max(60, shutil.get_terminal_size((100, 40)).columns))
    indent = " " * len(label) if indent is None else indent
    lines = textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines or [label.rstrip()]
