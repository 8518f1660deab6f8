"""What is read already: one file a region (or page), so that a reading that was cut off goes on where it stood."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spendgate.errors import InputError
from spendgate.prices.refresh.listing import Listing, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A folder of finished parts. A part counts for the version of the list that it was read from, and no other."""

    folder: Path

    def get(self, source: str, name: str, version: str) -> Listing | None:
        """A finished region, or None where it is not there, not whole, or of another version."""
        value = self.get_plain(source, name, version)
        try:
            return from_plain(value) if value is not None else None
        except (KeyError, TypeError, AttributeError):
            return None

    def put(self, source: str, name: str, listing: Listing) -> None:
        """Keep a finished region."""
        self.put_plain(source, name, listing.version, to_plain(listing))

    def get_plain(self, source: str, name: str, version: str) -> dict[str, Any] | None:
        """A finished part as plain data."""
        try:
            value = json.loads(self._file(source, name).read_bytes())
            part = value["part"] if value["version"] == version else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return part if isinstance(part, dict) else None

    def put_plain(self, source: str, name: str, version: str, part: dict[str, Any]) -> None:
        """Keep a finished part: all of it or nothing."""
        file = self._file(source, name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            aside = file.with_suffix(".new")
            aside.write_text(json.dumps({"version": version, "part": part}), encoding="utf-8")
            os.replace(aside, file)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", place=str(error.filename or file)) from None

    def drop(self, source: str) -> None:
        """Forget a source's parts: they are in the catalogue now, or out of date."""
        shutil.rmtree(self.folder / source, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _file(self, source: str, name: str) -> Path:
        return self.folder / source / f"{name}.json"
