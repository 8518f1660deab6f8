"""Where refreshed prices live: ``.spendgate/refreshed``, one folder a refresh, and ``CURRENT``, which names the one
that holds.

A refresh writes a new folder and then replaces that one small file, so a program that reads while it happens sees the
old catalogue or the new one, whole. Nothing here is heavy: it is on the way to every price.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spendgate.errors import InputError

FOLDER: Final = Path(".spendgate") / "refreshed"
POINTER: Final = "CURRENT"

_NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


def current(folder: Path) -> Path | None:
    """The catalogue that holds in a folder of refreshed prices; None where it is no such folder.

    Raises InputError where the folder names a catalogue that is not there: prices would quietly be others.
    """
    pointer = folder / POINTER
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot be read", place=pointer) from None
    if not _NAME.fullmatch(name) or not (folder / name).is_dir():
        raise InputError(
            f'it names "{name[:80]}", which is not there',
            place=pointer,
            remedy="`spendgate prices refresh` reads the prices anew; without the file the built-in ones hold.",
        )
    return folder / name


def find_refreshed(start: Path) -> Path | None:
    """The catalogue of the nearest ``.spendgate/refreshed`` at or above ``start``, not beyond the root of its git
    repository: the rule by which prices of one's own are found, too."""
    for folder in upwards(start):
        if (folder / FOLDER).is_dir():
            return current(folder / FOLDER)
    return None


def refreshed_folder_for(start: Path) -> Path:
    """Where refreshed prices are written: where they are, else at the root of the git repository, else in ``start``."""
    known = next((folder for folder in upwards(start) if (folder / FOLDER).is_dir()), None)
    root = next((folder for folder in upwards(start) if (folder / ".git").exists()), start.resolve())
    return (known or root) / FOLDER


def upwards(start: Path) -> Iterator[Path]:
    """``start`` and the folders above it, to the root of its git repository at most."""
    start = start.resolve()
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return
