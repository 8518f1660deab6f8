"""The manifest of a built pack: what it is, what it needs, and the hash of everything in it. What is signed is this
file, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from spendgate import schemas
from spendgate.errors import InputError, Place, raise_together
from spendgate.packs.contents import GENERATED, MANIFEST, Files, content_hash, digest
from spendgate.yamlfile import YamlFile

KIND: Final = "PackManifest"
MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listed:
    """One guardrail of a pack with its level and the values of its parameters. ``origin`` is ``pack`` where it comes
    with the pack, ``spendgate`` where it ships with spendgate; ``sha256`` is of its file."""

    name: str
    origin: str
    enforcement: str
    params: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read. ``needs`` is the release of spendgate that the pack needs (``>=0.1.0``), ``content`` the hash
    over all files, ``files`` their sizes and hashes by path."""

    name: str
    version: str
    title: str
    description: str
    needs: str
    content: str
    guardrails: tuple[Listed, ...]
    files: Mapping[str, tuple[int, str]]


def manifest_of(metadata: Mapping[str, str], needs: str, guardrails: tuple[Listed, ...], files: Files) -> Manifest:
    """The manifest of the ``files`` of a pack; ``metadata`` is that of its pack.yaml."""
    kept = {name: content for name, content in sorted(files.items()) if name not in GENERATED}
    return Manifest(
        metadata["name"],
        metadata["version"],
        metadata["title"],
        " ".join(metadata["description"].split()),
        needs,
        content_hash(kept),
        guardrails,
        {name: (len(content), digest(content)) for name, content in kept.items()},
    )


def render(manifest: Manifest) -> bytes:
    """The manifest as it is written and signed: JSON in UTF-8, in one form for one content."""
    data = {
        "apiVersion": "spendgate.dev/v1",
        "kind": KIND,
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "description": manifest.description,
        "requires": {"spendgate": manifest.needs},
        "content": manifest.content,
        "guardrails": [
            {
                "name": item.name,
                "origin": item.origin,
                "enforcement": item.enforcement,
                "params": dict(item.params),
                "sha256": item.sha256,
            }
            for item in manifest.guardrails
        ],
        "files": [
            {"path": name, "size": size, "sha256": sha256} for name, (size, sha256) in sorted(manifest.files.items())
        ],
    }
    return (json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def read(content: bytes, shown: str) -> Manifest:
    """The manifest that ``content`` is. Raises InputErrors for what is broken in it; ``shown`` is its name there."""
    place = Place(shown)
    if len(content) > MAX_BYTES:
        raise InputError(f"has {len(content):,} bytes; at most {MAX_BYTES:,} are read", place=place)
    try:
        data = json.loads(content.decode("utf-8"))
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # half of a character is none
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON: {error}", place=place, remedy="Build the pack again.") from None
    schemas.validate(YamlFile(shown, data, {}, {}), "pack-manifest")
    paths = [item["path"] for item in data["files"]]
    twice = sorted({path for path in paths if paths.count(path) > 1}) if len(set(paths)) < len(paths) else []
    raise_together([InputError(f'lists "{path}" twice', place=place) for path in twice])
    return Manifest(
        data["name"],
        data["version"],
        data["title"],
        data["description"],
        data["requires"]["spendgate"],
        data["content"],
        tuple(
            Listed(item["name"], item["origin"], item["enforcement"], item["params"], item["sha256"])
            for item in data["guardrails"]
        ),
        {item["path"]: (item["size"], item["sha256"]) for item in data["files"]},
    )


def faults(manifest: Manifest, files: Files, shown: str) -> list[InputError]:
    """What of the files is not as the manifest says, each with its path."""
    errors = []
    have = {name: content for name, content in files.items() if name not in GENERATED}
    for name in sorted(have.keys() | manifest.files.keys()):
        place = f"{shown}:{name}"
        if name not in manifest.files:
            errors.append(InputError(f"is not in {MANIFEST}", place=place, remedy=_AGAIN))
        elif name not in have:
            errors.append(InputError(f"is missing, and stands in {MANIFEST}", place=place, remedy=_AGAIN))
        elif digest(have[name]) != manifest.files[name][1]:
            errors.append(InputError("was altered after the pack was built", place=place, remedy=_AGAIN))
    if not errors and content_hash(have) != manifest.content:
        errors.append(InputError("the hash over the content is another", place=f"{shown}:{MANIFEST}", remedy=_AGAIN))
    return errors


_AGAIN: Final = "Fetch the archive again from whoever publishes it, or build it anew."
