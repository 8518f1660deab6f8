"""A pack's folder becomes an archive: everything that it needs, what it is, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spendgate.errors import InputError, raise_together
from spendgate.packs.archive import MAX_ARCHIVE, write_archive
from spendgate.packs.contents import MANIFEST, SIGNATURE, Files, digest, read_folder
from spendgate.packs.manifest import Listed, Manifest, manifest_of, render
from spendgate.packs.pages import FOLDER, MARK, pages
from spendgate.packs.signing import sign
from spendgate.packs.validate import Validated, validate


@dataclass(frozen=True, slots=True)
class Built:
    """A built pack: its manifest and the bytes of its archive."""

    manifest: Manifest
    archive: bytes
    signed: bool


def build(folder: Path, key: Path | None = None) -> Built:
    """Build the pack in ``folder``, signed with ``key`` where one is given. The same content gives the same bytes.

    Raises InputErrors for whatever ``validate`` finds, and where signing fails.
    """
    found = validate(folder)
    own, made_pages = read_folder(folder), pages(found)
    raise_together(_written_by_hand(own, made_pages, folder))
    # Pages are made anew: those that a folder keeps may be of an older state.
    files = {**own, **made_pages}
    metadata, spec = found.file.data["metadata"], found.file.data["spec"]
    manifest = manifest_of(metadata, spec["requires"]["spendgate"], _listed(found), files)
    text = render(manifest)
    made = {**files, MANIFEST: text}
    if key is not None:
        made[SIGNATURE] = sign(text, key)
    archive = write_archive(made)
    if len(archive) > MAX_ARCHIVE:
        raise InputError(f"the archive has {len(archive):,} bytes; at most {MAX_ARCHIVE:,} are read", place=folder)
    return Built(manifest, archive, key is not None)


def _written_by_hand(own: Files, made: Files, folder: Path) -> list[InputError]:
    """Files that a page would replace, and that are no page."""
    return [
        InputError(
            "a reference page of this name is made when the pack is built",
            place=folder / name,
            remedy=f"Name it otherwise, or keep it outside of {FOLDER}/.",
        )
        for name in made
        if name in own and not own[name].startswith(MARK.encode())
    ]


def _listed(found: Validated) -> tuple[Listed, ...]:
    return tuple(
        Listed(
            item.guardrail.name,
            "pack" if found.own(item.guardrail) else "spendgate",
            str(item.enforcement),
            dict(item.params),
            digest(Path(item.guardrail.place.file).read_bytes()),
        )
        for item in found.selection
    )
