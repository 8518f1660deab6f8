"""Packs that were fetched, by the hash of their content. What is in the cache is hashed again before it is used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.packs.contents import GENERATED, Files, content_hash, name_fault, read_folder

FOLDER: Final = "SPENDGATE_CACHE"
"""Names another folder for the cache than the user's own."""

OFFLINE: Final = "SPENDGATE_OFFLINE"
"""Set to 1: nothing is fetched, and a name that may move (a tag, a branch) is what it was when last fetched."""


def root() -> Path:
    """Where fetched packs are kept."""
    if named := os.environ.get(FOLDER):
        return Path(named) / "packs"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and os.path.isabs(base) else Path.home() / ".cache") / "spendgate" / "packs"


def offline() -> bool:
    """Whether the user asked that nothing be fetched."""
    return os.environ.get(OFFLINE, "").lower() in ("1", "true", "yes")


def store(files: Files) -> Path:
    """Put the files of a pack into the cache, whole or not at all, and tell their folder."""
    content = content_hash(files)
    target = _folder(content)
    try:
        if target.is_dir():
            return checked(content)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        try:
            for name, data in files.items():
                if name in GENERATED:
                    continue
                if (fault := name_fault(name)) is not None:
                    raise InputError(f'"{name}" {fault}')
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).write_bytes(data)
            made.chmod(0o755)
            try:
                made.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster, with the same content
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"the cache cannot be written: {error.strerror}", place=target.parent, remedy=f"{FOLDER} names another one."
        ) from None
    return checked(content)


def checked(content: str) -> Path:
    """The folder of what has this hash. Raises InputError where the cache has it no more, or where it was altered."""
    folder = _folder(content)
    if not folder.is_dir():
        raise InputError(f"{content} is not in the cache", place=root(), remedy=f"Fetch it without {OFFLINE}.")
    try:
        same = content_hash(read_folder(folder)) == content
    except InputError:
        same = False
    if not same:
        raise InputError(
            "the cached pack was altered after it was fetched",
            place=folder,
            remedy="Delete that folder; the pack is fetched again.",
        )
    return folder


def _folder(content: str) -> Path:
    return root() / content.replace(":", "-")


def remember(reference: str, record: Mapping[str, Any]) -> None:
    """Note what a reference stood for when it was fetched; not the reference itself, which may hold a password. A cache
    that cannot be written forgets, and says nothing: the pack itself is there."""
    path = _note(reference)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(record), file, indent=2, sort_keys=True)
        os.replace(temporary, path)
    except OSError:
        return


def recall(reference: str) -> dict[str, Any] | None:
    """What ``remember`` noted; None where nothing is known of the reference."""
    try:
        noted = json.loads(_note(reference).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) and {"content", "origin"} <= noted.keys() else None


def _note(reference: str) -> Path:
    return root() / "references" / f"{hashlib.sha256(reference.encode()).hexdigest()}.json"
