"""The catalogue's files: plain CSV, grouped so that a person finds a price by eye and a look-up reads little.

Lines that start with ``#`` are remarks; those of the form ``# source: ID`` (also ``unit``, ``currency``,
``coverage``) hold for every row that does not say otherwise. A catalogue is a stack of directories with the same
layout: a later directory adds rows and replaces those with the same key, so a user's figures win over ours.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from spendgate.errors import InputError, Place

BUILTIN = Path(__file__).parent / "data"

Row = dict[str, str]

_INHERITED = ("source", "unit", "currency", "coverage")


class _Lines:
    """The lines of a file without its remarks; remembers what the remarks say and where the reader is."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.inherited: Row = {}

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            if not line.startswith("#"):
                yield line
                continue
            name, _, value = line[1:].partition(":")
            if name.strip() in _INHERITED:
                self.inherited[name.strip()] = value.strip()


def read_table(path: Path, required: Iterable[str]) -> list[Row]:
    """All rows of one file; what a row leaves open is inherited from the file's head.

    Raises InputError with file and line for a missing column or a row of the wrong length.
    """
    rows: list[Row] = []
    with path.open(newline="", encoding="utf-8") as file:
        lines = _Lines(file)
        reader = csv.reader(lines)
        columns = next(reader, [])
        missing = [name for name in required if name not in columns and name not in lines.inherited]
        if missing:
            raise InputError(f"column {', '.join(missing)} is missing", place=Place(str(path), max(lines.number, 1)))
        absent = {name: value for name, value in lines.inherited.items() if name not in columns}
        present = [(name, value) for name, value in lines.inherited.items() if name in columns]
        for cells in reader:
            if len(cells) != len(columns):
                if not cells:
                    continue
                message = f"{len(cells)} values for {len(columns)} columns"
                raise InputError(message, place=Place(str(path), lines.number))
            row = dict(zip(columns, cells, strict=True))
            row |= absent
            for name, value in present:
                row[name] = row[name] or value
            rows.append(row)
    return rows


@dataclass(frozen=True, slots=True)
class Layers:
    """Directories with the catalogue's layout, the one that wins last."""

    directories: tuple[Path, ...]

    def rows(self, name: str, required: Iterable[str]) -> list[Row]:
        """All rows of a file in all layers, ours first; none where no layer has the file.

        A row of a layer above the first has ``layer`` set: it is the user's own word.
        """
        required = tuple(required)
        found: list[Row] = []
        for number, directory in enumerate(self.directories):
            path = directory / name
            if path.is_file():
                rows = read_table(path, required)
                if number:
                    rows = [{**row, "layer": str(number)} for row in rows]
                found += rows
        return found

    def files(self, folder: str) -> tuple[str, ...]:
        """Stems of the ``.csv`` files of a folder in any layer, sorted."""
        return tuple(
            sorted({path.stem for directory in self.directories for path in (directory / folder).glob("*.csv")})
        )
