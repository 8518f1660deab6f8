"""The heads of CSV files, looked at before an engine guesses: a file that is cut off must not be read in another way
than its neighbours."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

from spendgate.allocate.bill.files import unpacked
from spendgate.errors import InputError

SEPARATORS: Final = (",", ";", "\t", "|")
_SNIFFED: Final = 30_000
"""Rows; the engine looks at no more before it reads."""

_MOST: Final = 4_000_000
_ENDINGS: Final = (b"\r\n", b"\n", b"\r")


def separator_of(files: Sequence[Path]) -> str:
    """What separates the columns of these files, by their first lines.

    Raises InputError for a file that is empty, that is not UTF-8 text, that names a column twice, or that is separated
    otherwise than the first.
    """
    found: dict[str, Path] = {}
    for file in files:
        head = _head(file)
        separator = max(SEPARATORS, key=lambda one: len(next(csv.reader([head], delimiter=one))))
        names = [name.strip().lower() for name in next(csv.reader([head], delimiter=separator))]
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f'two columns are named "{twice}"', place=file, remedy="Which one counts cannot be told.")
        if len(names) > 1 or not found:
            found.setdefault(separator, file)
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise InputError(
            f"its columns are separated by {_named(other)}, those of {first} by {_named(one)}",
            place=second,
            remedy="Allocate one export at a time.",
        )
    return next(iter(found), ",")


def _head(file: Path) -> str:
    """The first line."""
    packed = file.name.lower().endswith((".gz", ".zst"))
    try:
        with unpacked(file) as raw:
            data = _start(raw)
            # The engine takes what is there of a file for all of it where zstd is cut off; of gzip it tells.
            while file.name.lower().endswith(".zst") and raw.read(_MOST):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _no_whole(file, "gzip") from None
    except OSError as error:
        if packed and error.strerror is None:
            raise _no_whole(file, "zstd") from None
        raise InputError(f"cannot be read: {error.strerror}", place=file) from None
    if not data.strip():
        raise InputError("the file is empty", place=file, remedy="Export it again, or leave it out.")
    if data.startswith(b"\x1f\x8b"):
        raise InputError("the file is gzip", place=file, remedy="Name it .csv.gz.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4096]:
        raise InputError("the file is UTF-16 or no text", place=file, remedy="Save it as CSV in UTF-8.")
    line = min((data.partition(ending)[0] for ending in _ENDINGS), key=len)
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", place=file, remedy="Save it as CSV in UTF-8.") from None


def _no_whole(file: Path, packing: str) -> InputError:
    return InputError(
        f"the file is cut off, or it is no {packing}", place=file, remedy="Download it again, or name it .csv."
    )


def _start(file: Any) -> bytes:
    """The file as far as the end of its first line that holds anything."""
    data = b""
    while len(data) < _MOST and (part := file.read(65536)):
        data = (data + part).lstrip(b"\r\n")
        if any(ending in data for ending in (b"\n", b"\r")):
            break
    return data


def fault_of(files: Sequence[Path], separator: str) -> InputError | None:
    """The first line that keeps the start of a file from being read; the engine names no line of that part."""
    for file in files:
        with opened(file) as text:
            rows = csv.reader(text, delimiter=separator, strict=True)
            try:
                wanted = len(next(rows))
                for row in itertools.islice(rows, _SNIFFED):
                    if row and len(row) != wanted:
                        return _cut(file, f"line {rows.line_num} has {len(row)} columns, not {wanted}")
            except UnicodeDecodeError:
                return _cut(file, f"line {rows.line_num + 1} is not UTF-8 text")
            except (csv.Error, OSError, EOFError):
                return _cut(file, f"line {rows.line_num}: a quote is not closed, or not doubled")
    return None


def opened(file: Path) -> IO[str]:
    """A CSV file as text, unpacked where it is gzip or zstd."""
    return io.TextIOWrapper(unpacked(file), encoding="utf-8-sig", newline="")


def _cut(file: Path, what: str) -> InputError:
    return InputError(what, place=file, remedy="Is the file whole? Export it again.")


def _named(separator: str) -> str:
    return "tabs" if separator == "\t" else f'"{separator}"'
