"""``spendgate guardrails``: what there is, and what one of them says."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path

from spendgate.cli import new_parser
from spendgate.errors import InputError, did_you_mean
from spendgate.rules.guardrail import Guardrail


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate guardrails``."""
    parser = new_parser("guardrails")
    parser.add_argument("name", nargs="?", help="explain this one")
    parser.add_argument(
        "--policies", action="append", default=[], type=Path, metavar="FOLDER", help="guardrails of your own"
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """List all guardrails, or explain one."""
    from spendgate.rules.library import load_library

    library = load_library(options.policies)
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
            lines.append(f"  {name} ({rules['type']}): {' '.join(rules.get('description', '').split())}")
            if "default" in rules:
                lines.append(f"    default: {json.dumps(rules['default'], ensure_ascii=False)}")
    if guardrail.patches:
        sets = dict.fromkeys(rule.fact or f"{rule.path} of {', '.join(rule.types)}" for rule in guardrail.patches)
        lines += ["", "At level remediate it sets:", *(f"  {place}" for place in sets)]
    lines += ["", f"File: {guardrail.place.file}"]
    return "\n".join(lines)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=label, subsequent_indent=" " * len(label))
