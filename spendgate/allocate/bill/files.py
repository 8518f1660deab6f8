"""The files of a bill: which of a folder belong to it, and what must not be read twice or left out in silence.

How the clouds lay them out: AWS Data Exports (``data/BILLING_PERIOD=2026-03/``, with a folder for each run where it is
told to keep them), the older reports of AWS (``20260301-20260401/<assemblyId>/``), exports of Azure
(``20260301-20260331/<run>/``): docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html,
learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Final

from spendgate.errors import InputError

CSV: Final = (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz")
PARQUET: Final = (".parquet", ".parq")
READ: Final = (*CSV, *PARQUET)

_UNREAD: Final = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".jsonl", ".ndjson", ".avro", ".orc", ".xlsx", ".xls")
"""Endings of what may hold lines of a bill and is not read."""

_PERIOD: Final = re.compile(r"\d{8}-\d{8}|billing_period=.*", re.IGNORECASE)
_RUN: Final = re.compile(r"\d{12,14}|\d{8}T\d{6}Z.*|.*[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PARTITION: Final = re.compile(r"([A-Za-z_][\w-]*)=.*")


def files_of_bill(paths: Sequence[Path]) -> tuple[list[Path], bool]:
    """All files of the bill, and whether they are CSV.

    Raises InputError for a path without any, for both formats at once, for a file that is given or lies there twice,
    for a period that was delivered several times, and for files beside them that may hold lines and are not read.
    """
    files = _files(paths)
    formats = {_is_csv(path) for path in files}
    if len(formats) > 1:
        raise InputError(
            "the bill is partly CSV and partly Parquet", place=paths[0], remedy="Name the files of one format."
        )
    _hold_deliveries(files)
    _hold_partitions(files)
    _hold_copies(files)
    return files, formats == {True}


def as_glob(path: Path) -> str:
    """The path as DuckDB takes it, where some letters stand for any: ``bill [1].csv`` would be ``bill 1.csv``."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def noticed(paths: Sequence[Path]) -> list[str]:
    """What one should know of these files, one sentence each: what was left out, and what may be cut off."""
    told = []
    for folder in (path for path in paths if path.is_dir()):
        others = [str(one.relative_to(folder)) for one in _inside(folder) if not _belongs(one, folder)]
        if others:
            told.append(f"Not read, as no part of the bill: {_few(others)} in {folder}.")
    open_ended = [str(path) for path in _files(paths) if _is_plain_text(path) and not _ends_with_a_line(path)]
    if open_ended:
        told.append(f"The last line has no end, as where a file is cut off: {_few(open_ended)}.")
    return told


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [one for one in _inside(path) if _belongs(one, path)]
            if not inside:
                raise InputError("no CSV or Parquet file lies in this folder", place=path)
            found += inside
        elif not path.exists():
            raise InputError("no such bill", place=path)
        elif str(path).lower().endswith(READ):
            found.append(path)
        else:
            raise InputError("not a bill that can be read", place=path, remedy=f"Bills end with {', '.join(READ)}.")
    seen: set[Path] = set()
    for file in found:
        if file.resolve() in seen:
            raise InputError("this file is named twice", place=file, remedy="Each line of it would count twice.")
        seen.add(file.resolve())
    return found


def _inside(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*"))
    for one in found:
        if one.is_symlink() and one.is_dir() and not one.name.startswith((".", "_")):
            raise InputError(
                "this is a link to a folder, which is not followed", place=one, remedy="Name that folder itself."
            )
    return [one for one in found if one.is_file()]


def _belongs(file: Path, folder: Path) -> bool:
    """Whether a file in a folder is one of the bill's. Names with ``_`` or ``.`` first are of the tools that write
    folders (``_SUCCESS``, ``_delta_log``, ``.part-0.crc``), as for Spark and Hive."""
    parts = file.relative_to(folder).parts
    if any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts):
        return False
    name = file.name.lower()
    if name.endswith(READ):
        return True
    if name.endswith(_UNREAD):
        raise InputError(
            "this may hold lines of the bill, and is not read",
            place=file,
            remedy=f"Unpack it, or move it elsewhere. Bills end with {', '.join(READ)}.",
        )
    return False


def _hold_deliveries(files: Sequence[Path]) -> None:
    """A period that was delivered several times holds the same lines several times."""
    runs: dict[Path, dict[str, Path]] = {}
    for file in files:
        for folder in file.parents:
            if _PERIOD.fullmatch(folder.name):
                below = file.relative_to(folder).parts
                run = below[0] if len(below) > 1 else ""
                if not run or _RUN.fullmatch(run):
                    runs.setdefault(folder, {})[run] = folder / run
                break
    for period, found in runs.items():
        if len(found) > 1:
            raise InputError(
                f"this period was delivered {len(found)} times, each with all of its lines: "
                f"{_few(sorted(run or 'files beside these' for run in found))}",
                place=period,
                remedy=f"Name the folder of the latest delivery, such as {found[max(found)]}.",
            )


def _hold_partitions(files: Sequence[Path]) -> None:
    first: tuple[Path, set[str]] | None = None
    for file in files:
        keys = {found[1] for part in file.parts[:-1] if (found := _PARTITION.fullmatch(part))}
        if first is None:
            first = file, keys
        elif keys != first[1]:
            named = ", ".join(sorted(keys ^ first[1]))
            raise InputError(
                f"it and {first[0]} do not lie in folders of the same parts ({named}=…)",
                place=file,
                remedy="Name the folders of one export.",
            )


def _hold_copies(files: Sequence[Path]) -> None:
    """Files that hold the same to the byte are one that was delivered twice, such as hold no line may be many; so are a
    file and what it was packed into, side by side."""
    packed: dict[Path, Path] = {}
    for file in files:
        other = packed.setdefault(_unpacked_name(file), file)
        if other is not file:
            raise InputError(
                f"it is there as {other.name} as well",
                place=file,
                remedy="Each line would count twice: leave one of them out.",
            )
    sizes: dict[int, list[Path]] = {}
    for file in files:
        sizes.setdefault(file.stat().st_size, []).append(file)
    for alike in sizes.values():
        seen: dict[bytes, Path] = {}
        for file in alike if len(alike) > 1 else ():
            other = seen.setdefault(_digest(file), file)
            if other is not file and _has_lines(file):
                raise InputError(
                    f"it holds the same as {other}, to the byte",
                    place=file,
                    remedy="Each line would count twice: leave one of them out.",
                )


def _unpacked_name(file: Path) -> Path:
    return file.with_suffix("") if file.suffix.lower() in (".gz", ".zst") else file


def _digest(file: Path) -> bytes:
    with file.open("rb") as opened_:
        return hashlib.file_digest(opened_, "sha256").digest()


def _has_lines(file: Path) -> bool:
    """Whether there is more than the names of columns. What cannot be read is left to the engine to tell."""
    try:
        if not _is_csv(file):
            from pyarrow import parquet

            return bool(parquet.read_metadata(file).num_rows)
        with unpacked(file) as data:
            return len(list(islice((line for line in data if line.strip()), 2))) > 1
    except Exception:
        return False


def unpacked(file: Path) -> IO[bytes]:
    """The bytes of a CSV file, without its compression."""
    name = file.name.lower()
    if name.endswith(".gz"):
        return io.BufferedReader(gzip.open(file, "rb"))
    if name.endswith(".zst"):
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(str(file), compression="zstd"))
    return file.open("rb")


def _is_csv(file: Path) -> bool:
    return str(file).lower().endswith(CSV)


def _is_plain_text(file: Path) -> bool:
    return file.name.lower().endswith((".csv", ".tsv"))


def _ends_with_a_line(file: Path) -> bool:
    with file.open("rb") as data:
        data.seek(0, os.SEEK_END)
        if not data.tell():
            return True
        data.seek(-1, os.SEEK_END)
        return data.read(1) in b"\r\n"


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4:,} more" if len(listed) > 4 else "")
