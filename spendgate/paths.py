"""Paths as files and users name them."""

from __future__ import annotations

import os
from pathlib import Path

from spendgate.errors import InputError, Place


def path_in(folder: Path, written: str, place: Place | None = None) -> Path:
    """The path that is written in a file of ``folder``; ``~`` is the user's own. What is there is not said.

    Raises InputError for what no file can be called, for a link that leads to itself, and for what may not be seen.
    """
    try:
        path = folder / Path(written).expanduser()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        shown = written if len(written) < 80 else f"{written[:79]}…"
        raise InputError(f'"{shown}" cannot be found: {why}', place=place) from None
    return path


def as_named(path: Path) -> Path:
    """A path as it is called, absolute and without ``..``, with the links on it as they are; a working directory is
    called as the shell calls it."""
    here = os.environ.get("PWD", "")
    base = Path(here) if os.path.isabs(here) and _same(Path(here), Path.cwd()) else Path.cwd()
    return Path(os.path.normpath(base / path))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
