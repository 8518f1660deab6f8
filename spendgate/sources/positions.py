"""Where in the user's program a resource was declared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from spendgate.errors import InputError, InputErrors, Place

INSTALLED = re.compile(r"(^|/)(site-packages|dist-packages|lib(64)?/python3[^/]*)/")
"""Folders of installed packages and of Python itself: no place in them is one that the user wrote."""


def position(request: Any, root: Path) -> Place | None:
    """The line that declared the resource of ``request``: the innermost frame of the project itself.

    Code of installed packages and of virtual environments inside the project is not the project's. Where no frame
    is the project's, the position the SDK names is taken, unless that is in a library: ``None`` then, and where it
    names none (old SDKs).
    """
    named = getattr(request, "sourcePosition", None)
    for place in (*_frames(request), named):
        if place is None or not place.uri:
            continue
        shown, own = located(place.uri, root)
        if own:
            return Place(shown, int(place.line) or None)
    return outside(named.uri, int(named.line) or None, root) if named is not None and named.uri else None


def outside(uri: str, line: int | None, root: Path) -> Place | None:
    """A place outside the project (code that several share); ``None`` in a library."""
    shown = located(uri, root)[0]
    return None if INSTALLED.search(shown) else Place(shown, line)


def place_in(root: Path, file: str | None, line: int | None) -> Place | None:
    """The place of a file named by path, as ``position`` shows it."""
    return Place(_shown(Path(file), root)[0], line) if file else None


@lru_cache(maxsize=4096)
def located(uri: str, root: Path) -> tuple[str, bool]:
    """The file of a ``file://`` URI as it is shown, and whether it is the project's own."""
    return _shown(Path(unquote(urlsplit(uri).path)), root)


def from_here(error: InputError, root: Path) -> InputError:
    """``error`` with its places as a user can open them: relative to the working directory where they lie below it.

    Places in the program of ``root`` come relative to that; others are left relative to where they were named.
    """
    if isinstance(error, InputErrors):
        return InputErrors(from_here(one, root) for one in error.errors)
    place = error.place
    if place is None:
        return error
    file = Path(place.file)
    if not file.is_absolute():
        file = root / file
        if not file.is_file():
            return error
    file, here = file.parent.resolve() / file.name, Path.cwd()  # a link is shown as the user named it
    if file.is_relative_to(here):
        file = file.relative_to(here)
    error.place = Place(str(file), place.line, place.column)
    return error


def _frames(request: Any) -> Iterable[Any]:
    trace = getattr(request, "stackTrace", None)
    return (frame.pc for frame in trace.frames) if trace is not None else ()


def _shown(path: Path, root: Path) -> tuple[str, bool]:
    try:
        relative = path.relative_to(root)
    except ValueError:
        return str(path), False
    if INSTALLED.search(relative.as_posix()):
        return relative.as_posix(), False
    folders = (root / parent for parent in relative.parents)
    return relative.as_posix(), not any((folder / "pyvenv.cfg").is_file() for folder in folders)
