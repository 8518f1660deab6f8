"""``spendgate config show``: every setting that holds for a stack, and where it comes from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate import __version__
from spendgate.cli import new_parser
from spendgate.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from spendgate.config import Config
    from spendgate.config.effective import Effective


def parser() -> argparse.ArgumentParser:
    """The options of ``spendgate config``."""
    parser = new_parser(
        "config",
        mixed=True,
        examples=("spendgate config show", "spendgate config show infra budgets --stack prod"),
    )
    parser.add_argument("command", choices=("show",), metavar="show", help="show the settings")
    parser.add_argument(
        "words",
        nargs="*",
        default=[],
        metavar="DIR|KEY",
        help="a project (default: here), then a key to show alone (budgets, guardrails.run-budget)",
    )
    parser.add_argument("--stack", "-s", help="stack whose environment applies")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="another file than the project's spendgate.yaml")
    parser.add_argument(
        "--pack", action="append", default=[], metavar="PACK", help="in the place of the configured packs (repeatable)"
    )
    parser.add_argument("--json", action="store_true", help="as `spendgate schema config-show` describes it")
    return parser


def run(options: argparse.Namespace) -> int:
    """Show the values, or those below a key."""
    from spendgate.config import load_config
    from spendgate.config.effective import effective

    folder, key = _folder_and_key(options.words)
    config = load_config(folder, file=options.settings, packs=tuple(options.pack))
    stack = _stack(folder, options.stack)
    values = effective(config, stack)
    if key is not None:
        values = _below(key, values)
    if options.json:
        print(json.dumps(to_json(values, config, folder, stack), indent=2, ensure_ascii=False))
        return 0
    from spendgate.report.settings import render

    where = f"{folder}, stack {stack} (environment {config.environment(stack).name})"
    sys.stdout.write(render(values, where, whole=key is not None, color=sys.stdout.isatty()))
    return 0


def _folder_and_key(words: Sequence[str]) -> tuple[Path, str | None]:
    if len(words) > 2:
        raise InputError("config show takes a folder and a key", remedy="`spendgate config --help` tells the options.")
    if len(words) == 1 and _is_key(words[0]):
        return Path(), words[0]
    folder = Path(words[0]) if words else Path()
    if not folder.is_dir():
        raise InputError("is a file, not a folder" if folder.exists() else "no such folder", place=folder)
    return folder, words[1] if len(words) == 2 else None


def _is_key(word: str) -> bool:
    """Whether a single word is a key rather than a folder: where it is both, unless the folder is a project."""
    from spendgate import schemas
    from spendgate.config import FILE_NAME

    if "/" in word or not Path(word).exists():
        return "/" not in word
    holds_project = any((Path(word) / name).is_file() for name in (FILE_NAME, "Pulumi.yaml"))
    return word in schemas.schema("config")["properties"] and not holds_project


def _stack(folder: Path, named: str | None) -> str:
    """The stack asked for, else the one that ``check`` would take."""
    from spendgate.sources.project import PROJECT_FILES, read_project
    from spendgate.sources.stack_config import DEFAULT_STACK, select_stack

    if not any((folder / name).is_file() for name in PROJECT_FILES):
        return named or DEFAULT_STACK
    return select_stack(read_project(folder), named)[1]


def _below(key: str, values: Sequence[Effective]) -> tuple[Effective, ...]:
    found = tuple(value for value in values if value.key == key or value.key.startswith(f"{key}."))
    if not found:
        parts = [value.key.split(".") for value in values]
        known = {".".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}
        remedy = did_you_mean(key, known) or f"It starts with one of {', '.join(sorted({part[0] for part in parts}))}."
        raise InputError(f'no setting "{key}" holds here', remedy=remedy)
    return found


def to_json(values: Sequence[Effective], config: Config, folder: Path, stack: str) -> dict[str, Any]:
    """The values as plain data; their shape is published and only ever extended."""
    return {
        "spendgate": __version__,
        "directory": str(folder),
        "stack": stack,
        "environment": config.environment(stack).name,
        "file": config.yaml.path if config.yaml else None,
        "organization": config.organization.yaml.path if config.organization else None,
        "values": [_value(value) for value in values],
    }


def _value(value: Effective) -> dict[str, Any]:
    origin = value.origin
    return {
        "key": value.key,
        "value": value.value,
        "source": {
            "layer": str(origin.layer),
            "name": origin.name or None,
            "file": origin.place.file or None,
            "line": origin.place.line,
            "column": origin.place.column,
        },
        "locked_at": str(origin.locked_at) if origin.locked_at else None,
    }
