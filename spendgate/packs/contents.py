"""What belongs to a pack: the files of its folder by path, and the one hash over all of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError, raise_together

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"
GENERATED: Final = frozenset({MANIFEST, SIGNATURE})
"""Made when a pack is built; they tell of the content and are no part of it."""

MAX_FILE: Final = 4 * 1024 * 1024
MAX_TOTAL: Final = 32 * 1024 * 1024
MAX_FILES: Final = 2000
"""A pack is text that people read: what is larger is a mistake or an attack."""

_IGNORED_FOLDERS: Final = frozenset({"__pycache__", "node_modules", "venv"})
_IGNORED_ENDS: Final = (".pyc", ".tar.gz", ".tgz", ".whl")
_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")

Files = Mapping[str, bytes]
"""Content by path, relative to the pack, with slashes."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of a pack as they came, and what was noted of where they came from."""

    files: Files
    record: dict[str, Any]


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a pack's folder, in order of their paths.

    Hidden files, environments, compiled Python and built packs are left out. Raises InputErrors for links, for what is
    no file, for names that do not work everywhere, and for what is too large.
    """
    files: dict[str, bytes] = {}
    errors: list[InputError] = []
    total = 0
    for path in _below(folder):
        name = path.relative_to(folder).as_posix()
        fault = _fault(path, name)
        if fault is None and (twin := twin_of(name, files)) is not None:
            fault = f"differs from {twin} only by capitals, which some systems do not tell apart"
        if fault is not None:
            errors.append(InputError(f"cannot be part of a pack: it {fault}", place=path))
            continue
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            errors.append(InputError(f"cannot be read: {error.strerror}", place=path))
            continue
        total += len(files[name])
        if total > MAX_TOTAL or len(files) > MAX_FILES:
            errors.append(
                InputError(
                    f"the pack has more than {MAX_TOTAL:,} bytes or {MAX_FILES:,} files",
                    place=folder,
                    remedy="Keep what is no part of the pack out of its folder.",
                )
            )
            break
    raise_together(errors)
    return dict(sorted(files.items()))


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        base = Path(parent)
        kept = sorted(name for name in folders if not (name.startswith(".") or name in _IGNORED_FOLDERS))
        # A folder that is a link is told, not followed.
        folders[:] = [name for name in kept if not (base / name).is_symlink()]
        yield from (base / name for name in kept if (base / name).is_symlink())
        found = [(base / name) for name in sorted(names)]
        yield from (path for path in found if belongs(path.relative_to(folder).as_posix()))


def belongs(name: str) -> bool:
    """Whether a file of this path, relative to the pack, is part of it."""
    *folders, last = name.split("/")
    hidden = any(part.startswith(".") for part in (*folders, last))
    return not (hidden or name in GENERATED or _IGNORED_FOLDERS.intersection(folders) or last.endswith(_IGNORED_ENDS))


def _fault(path: Path, name: str) -> str | None:
    if path.is_symlink():
        return "is a link"
    if not path.is_file():
        return "is no regular file"
    if path.stat().st_size > MAX_FILE:
        return f"has {path.stat().st_size:,} bytes; at most {MAX_FILE:,} are read"
    return name_fault(name)


def name_fault(name: str) -> str | None:
    """What keeps a path from being that of a file in a pack; None where it is one on every system."""
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "is named from the root of a file system"
    if ".." in re.split(r"[/\\]", name):
        return "leads out of the pack"
    if len(name) > 100:
        return "has a path of more than 100 letters"
    if not all(_PART.fullmatch(part) and not part.endswith(".") for part in name.split("/")):
        return "has a name with signs other than A-Z, a-z, 0-9 and . _ - @ +, or one that starts or ends with a dot"
    return None


def twin_of(name: str, names: Mapping[str, object]) -> str | None:
    """A path among ``names`` that some file systems take for the same."""
    return next((other for other in names if other.casefold() == name.casefold()), None)


def digest(content: bytes) -> str:
    """SHA-256 as it is written everywhere here: 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def content_hash(files: Files) -> str:
    """``sha256:…`` over all files but those that are generated: the hash of the lines ``<sha256>  <path>``, in order
    of the paths, as ``sha256sum`` writes them."""
    lines = [f"{digest(files[name])}  {name}\n" for name in sorted(files) if name not in GENERATED]
    return "sha256:" + digest("".join(lines).encode())
