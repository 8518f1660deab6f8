"""Is an archive what its publisher built: its files by their hashes, its manifest by its signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spendgate.errors import InputError, Place, raise_together
from spendgate.packs import manifest as manifests
from spendgate.packs.archive import read_archive
from spendgate.packs.contents import MANIFEST, Files, digest
from spendgate.packs.manifest import Manifest
from spendgate.packs.signing import Demand, signer
from spendgate.packs.version import check_needs, parse
from spendgate.rules.library import guardrail_files
from spendgate.shipped import policies_dir
from spendgate.yamlfile import YamlFile, parse_yaml


@dataclass(frozen=True, slots=True)
class Verified:
    """An archive whose hashes and signature hold. ``signer`` is None where it is unsigned, empty where it is signed and
    nobody asked by whom. ``remarks`` are what a reader has to know beside that."""

    manifest: Manifest
    files: Files
    signer: str | None
    remarks: tuple[str, ...] = ()


def verify(path: Path, demand: Demand | None = None, *, now: datetime | None = None) -> Verified:
    """Look at everything in an archive. Raises InputErrors for whatever does not hold, with its place."""
    return verify_files(read_archive(path), str(path), demand, now=now)


def verify_files(files: Files, shown: str, demand: Demand | None = None, *, now: datetime | None = None) -> Verified:
    """As ``verify``, of the files of an archive; ``shown`` is its name in errors."""
    if MANIFEST not in files:
        raise InputError(
            f"holds no {MANIFEST}", place=shown, remedy="Use an archive that `spendgate pack build` wrote."
        )
    manifest = manifests.read(files[MANIFEST], f"{shown}:{MANIFEST}")
    raise_together(manifests.faults(manifest, files, shown))
    # Who signed is asked before what is inside is read any further.
    who = signer(files, demand, now or datetime.now(UTC), shown)
    raise_together(_contradictions(manifest, files, shown))
    check_needs(manifest.needs, manifest.name, Place(f"{shown}:{MANIFEST}"))
    return Verified(manifest, files, who, tuple(_remarks(manifest)))


def _contradictions(manifest: Manifest, files: Files, shown: str) -> list[InputError]:
    """Where the manifest and the pack.yaml that it lists say different things."""
    if "pack.yaml" not in files:
        return [InputError("holds no pack.yaml", place=shown, remedy="It is no pack.")]
    name = f"{shown}:pack.yaml"
    try:
        file = parse_yaml(files["pack.yaml"].decode("utf-8"), name)
    except UnicodeDecodeError:
        return [InputError("is not UTF-8 text", place=name)]
    metadata = file.data.get("metadata", {}) if isinstance(file.data, dict) else {}
    metadata = metadata if isinstance(metadata, dict) else {}
    said = {"name": manifest.name, "version": manifest.version}
    errors = [
        InputError(f'{key} is "{metadata.get(key)}", and "{value}" in {MANIFEST}', place=file.place("metadata", key))
        for key, value in said.items()
        if metadata.get(key) != value
    ]
    errors += _levels_told(manifest, file, shown)
    if parse(manifest.version) is None:
        errors.append(InputError(f'version "{manifest.version}" is not semantic', place=f"{shown}:{MANIFEST}"))
    return errors


def _levels_told(manifest: Manifest, file: YamlFile, shown: str) -> list[InputError]:
    """Where the manifest promises more than the pack asks: who reads what a pack refuses reads it there."""
    spec = file.data.get("spec") if isinstance(file.data, dict) else None
    entries = spec.get("guardrails") if isinstance(spec, dict) else None
    asked = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    told = {item.name: item.enforcement for item in manifest.guardrails}
    names = [str(one.get("name")) for one in asked]
    if set(names) != set(told):
        others = ", ".join(sorted(set(names) ^ set(told)))
        text = f"it and pack.yaml do not list the same guardrails: {others}"
        return [InputError(text, place=f"{shown}:{MANIFEST}", remedy="Build the pack again.")]
    return [
        InputError(
            f'"{name}" is {one["enforcement"]}, and {told[name]} in {MANIFEST}',
            place=file.place("spec", "guardrails", index, "enforcement"),
            remedy="Build the pack again.",
        )
        for index, (name, one) in enumerate(zip(names, asked, strict=True))
        if one.get("enforcement") in ("advisory", "disabled") and told[name] in ("mandatory", "remediate")
    ]


def _remarks(manifest: Manifest) -> list[str]:
    """Shipped guardrails that are other here than where the pack was built: they are not part of it."""
    here = {path.stem: path for path in guardrail_files(policies_dir())}
    shipped = [item for item in manifest.guardrails if item.origin == "spendgate" and item.name in here]
    other = [item.name for item in shipped if digest(here[item.name].read_bytes()) != item.sha256]
    return [f"the guardrail {name} of this spendgate is another than where the pack was built" for name in other]
