"""The catalogue's files: plain CSV, grouped so that a person finds a price by eye and a look-up reads little.

Lines that start with ``#`` are remarks; those of the form ``# source: ID`` (also ``spot_source``, ``payment``,
``unit``, ``currency``, ``coverage``) hold for every row that does not say otherwise. A catalogue is a stack of
directories with the same layout: a later directory adds rows and replaces those with the same key, so a user's figures
win over ours.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from spendgate.errors import InputError, Place

BUILTIN = Path(__file__).parent / "data"

MAX_BYTES = 32 * 1024 * 1024
"""Many times the largest table there is; what is beyond is no table of prices, and is refused rather than read."""

Row = dict[str, str]

INHERITED = ("source", "spot_source", "payment", "unit", "currency", "coverage")


def shown(path: Path) -> str:
    """A path as a user would type it: relative where it lies below the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


class _Lines:
    """The lines of a file without its remarks; remembers what the remarks say and where the reader is."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.inherited: Row = {}

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            if self.number == 1:
                line = line.removeprefix("\ufeff")  # what spreadsheets put there
            if not line.startswith("#"):
                yield line
                continue
            name, _, value = line[1:].partition(":")
            if name.strip() in INHERITED:
                self.inherited[name.strip()] = value.strip()


def read_table(path: Path, required: Iterable[str], *, shown_as: str | None = None) -> list[Row]:
    """All rows of one file; what a row leaves open is inherited from the file's head.

    With ``shown_as`` each row also tells its ``file`` (by that name) and ``line``. Raises InputError with file and
    line for a missing column, a row of the wrong length, and a file that is no CSV in UTF-8.
    """
    name = shown_as or str(path)
    try:
        if path.is_char_device() or path.is_fifo():
            raise InputError("is no file that ends", place=name)
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InputError(f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read", place=name)
        with path.open(newline="", encoding="utf-8") as file:
            return _rows(_Lines(file), name, tuple(required), placed=shown_as is not None)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=name) from None
    except UnicodeDecodeError as error:
        # The reader works in blocks, so the line has to be counted in what stands before the byte.
        line = path.read_bytes().count(b"\n", 0, _bad_byte(path)) + 1
        raise InputError(f"is not UTF-8 text ({error.reason})", place=Place(name, line)) from None


def _bad_byte(path: Path) -> int:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _rows(lines: _Lines, name: str, required: tuple[str, ...], *, placed: bool) -> list[Row]:
    rows: list[Row] = []
    reader = csv.reader(lines, strict=True)
    try:
        columns = next(filter(None, reader), [])
        missing = [column for column in required if column not in columns and column not in lines.inherited]
        if missing:
            raise InputError(f"column {', '.join(missing)} is missing", place=Place(name, max(lines.number, 1)))
        absent = {column: value for column, value in lines.inherited.items() if column not in columns}
        present = [(column, value) for column, value in lines.inherited.items() if column in columns]
        for cells in reader:
            if len(cells) != len(columns):
                if not cells:
                    continue
                message = f"{len(cells)} values for {len(columns)} columns"
                raise InputError(message, place=Place(name, lines.number))
            row = dict(zip(columns, cells, strict=True))
            row |= absent
            for column, value in present:
                row[column] = row[column] or value
            if placed:
                row |= {"file": name, "line": str(lines.number)}
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"CSV does not parse: {error}", place=Place(name, lines.number)) from None
    return rows


@dataclass(frozen=True, slots=True)
class Layers:
    """Directories with the catalogue's layout, the one that wins last."""

    directories: tuple[Path, ...]

    def rows(self, name: str, required: Iterable[str]) -> list[Row]:
        """All rows of a file in all layers, ours first; none where no layer has the file.

        A row of a layer above the first has ``layer`` set, and tells its file and line: it is the user's own word.
        """
        required = tuple(required)
        found: list[Row] = []
        for number, directory in enumerate(self.directories):
            path = directory / name
            if path.is_file():
                if not number:
                    found += read_table(path, required)
                    continue
                found += ({**row, "layer": str(number)} for row in read_table(path, required, shown_as=shown(path)))
        return found

    def place(self, table: str, /, **cells: str) -> Place | None:
        """Where the row that has these cells stands, in the layer that wins; None where no layer has it."""
        for directory in reversed(self.directories):
            path = directory / table
            for row in reversed(read_table(path, (), shown_as=shown(path)) if path.is_file() else []):
                if all(row.get(column) == value for column, value in cells.items()):
                    return Place(row["file"], int(row["line"]))
        return None

    def has_column(self, name: str, column: str) -> bool:
        """Whether a file has a column in any layer; it is read no further than its head."""
        for directory in self.directories:
            path = directory / name
            if path.is_file():
                with path.open(newline="", encoding="utf-8", errors="replace") as file:
                    head = next((line for line in file if line.strip() and not line.startswith("#")), "")
                if column in head.strip().split(","):
                    return True
        return False

    def files(self, folder: str) -> tuple[str, ...]:
        """Stems of the ``.csv`` files of a folder in any layer, sorted."""
        return tuple(
            sorted({path.stem for directory in self.directories for path in (directory / folder).glob("*.csv")})
        )
