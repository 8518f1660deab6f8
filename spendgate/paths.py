"""Paths as they are called, rather than where the links on them lead."""

from __future__ import annotations

import os
from pathlib import Path


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
