"""Tables that a command is given by name: ``--drivers gpu-hours=usage.csv``, ``--usage tokens.parquet``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spendgate.errors import InputError


def add_tables(parser: Any, option: str, about: str) -> None:
    """An option that takes tables, one or more at a time."""
    parser.add_argument(option, nargs="+", action="extend", default=[], metavar="[NAME=]FILE", help=about)


def tables_of(words: Iterable[str], option: str) -> dict[str, Path]:
    """The files by name; without one, a file is named as it is called. Raises InputError for a name that stands twice:
    one of the two would be left out in silence."""
    found: dict[str, Path] = {}
    for word in words:
        name, _, file = word.partition("=") if "=" in word else (Path(word).stem, "=", word)
        if name in found:
            raise InputError(
                f"{option} names {name} twice, {found[name]} and {file}", remedy="Put them into one table."
            )
        found[name] = Path(file)
    return found
