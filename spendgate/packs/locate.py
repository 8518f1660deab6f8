"""Where a pack is that is not named by its folder: in an archive, a git repository, an installed package or an OCI
registry. What is fetched is kept by the hash of its content.

A reference that is pinned (a commit, a digest, a hash) is fetched once. One that may move is asked for every time;
where its source does not answer that is an error, and never what the cache happens to hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError, InputErrors, Place
from spendgate.packs import cache
from spendgate.packs.archive import ENDS, read_archive
from spendgate.packs.contents import MANIFEST, SIGNATURE, Fetched, Files, read_folder
from spendgate.packs.signing import Demand
from spendgate.packs.verify import Verified, verify_files
from spendgate.paths import path_in

_PIN: Final = re.compile(r"(.+)@(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Located:
    """A pack on this machine. ``origin`` is its reference, pinned; ``source`` the file or repository of this machine
    that it came from."""

    folder: Path
    origin: str
    source: Path | None = None
    verified: Verified | None = None


def locate(reference: str, base: Path, place: Place | None = None, demand: Demand | None = None) -> Located:
    """The pack of a reference; relative paths are relative to ``base``, ``place`` is where the reference is written.

    Raises InputErrors with the reference for whatever keeps it from being fetched or used.
    """
    try:
        if reference.startswith("oci://"):
            return _oci(reference, demand)
        if reference.startswith("git+"):
            return _git(reference, demand)
        if reference.startswith("python:"):
            return _installed(reference, demand)
        return _archive(reference, base, demand)
    except InputError as error:
        raise InputErrors(_of(reference, one, place) for one in getattr(error, "errors", (error,))) from None


def _of(reference: str, error: InputError, place: Place | None) -> InputError:
    where = f" ({error.place})" if error.place and str(error.place) not in error.message else ""
    if error.place is None and place is None:
        return InputError(f"{masked(reference)}: {error.message}", remedy=error.remedy, detail=error.detail)
    if place is None:
        return InputError(error.message, place=error.place, remedy=error.remedy, detail=error.detail)
    message = f'the pack "{masked(reference)}": {error.message}{where}'
    return InputError(message, place=place, remedy=error.remedy, detail=error.detail)


def masked(reference: str) -> str:
    """Without the password that a URL may hold, be there an @ in it."""
    return re.sub(r"://[^/\s]*@", "://…@", reference)


def _archive(reference: str, base: Path, demand: Demand | None) -> Located:
    match = _PIN.fullmatch(reference)
    path, pin = (match[1], match[2]) if match else (reference, None)
    file = path_in(base, path).resolve()
    if "://" in path:
        raise InputError("an archive is named by its path", remedy="Fetch the file first, or push it to a registry.")
    if not file.is_file():
        raise InputError("no such archive", place=path, remedy="`spendgate pack build` writes one.")
    verified = verify_files(read_archive(file, path), path, demand)
    if pin is not None and verified.manifest.content != pin:
        raise InputError(
            f"holds {verified.manifest.content}, and {pin} is asked for", place=path, remedy="It is another pack."
        )
    origin = f"{path}@{verified.manifest.content}"
    return Located(cache.store(verified.files), origin, file, verified)


def _git(reference: str, demand: Demand | None) -> Located:
    from spendgate.packs import git

    _refuse_unsigned(demand)
    wanted = git.parse(reference)
    return _kept(reference, wanted.pinned, lambda: git.fetch(wanted), wanted.local)


def _oci(reference: str, demand: Demand | None) -> Located:
    from spendgate.packs import oci

    wanted = oci.parse(reference)
    return _kept(reference, wanted.digest is not None, lambda: oci.fetch(wanted), None, demand)


def _kept(
    reference: str, pinned: bool, fetch: Callable[[], Fetched], source: Path | None, demand: Demand | None = None
) -> Located:
    """From the cache, where a pinned reference is in it or the user is offline; else fetched and put into it."""
    noted = cache.recall(reference) if pinned or cache.offline() else None
    if noted is not None:
        folder = cache.checked(str(noted["content"]))
        if demand is not None or "manifest" in noted:
            _check_noted(noted, folder, demand)
        return Located(folder, str(noted["origin"]), source)
    if cache.offline():
        raise InputError(
            f"is not in the cache, and {cache.OFFLINE} is set", remedy=f"Fetch it once without {cache.OFFLINE}."
        )
    fetched = fetch()
    bare = demand is None and MANIFEST not in fetched.files
    verified = None if bare else verify_files(fetched.files, masked(reference), demand)
    folder = cache.store(fetched.files)
    kept = {"manifest": MANIFEST, "sig": SIGNATURE}
    generated = {key: fetched.files[name].decode("utf-8") for key, name in kept.items() if name in fetched.files}
    record = {
        **fetched.record,
        **generated,
        "content": folder.name.replace("-", ":", 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    cache.remember(reference, record)
    return Located(folder, str(record["origin"]), source, verified)


def _check_noted(noted: dict[str, Any], folder: Path, demand: Demand | None) -> None:
    """Hold what the cache has against the manifest and the signature that it came with: a key may have expired since,
    or another signer be demanded."""
    manifest = str(noted.get("manifest", "")).encode()
    files = {**read_folder(folder), MANIFEST: manifest}
    if noted.get("sig"):
        files[SIGNATURE] = str(noted["sig"]).encode()
    verify_files(files, str(folder), demand)


def _installed(reference: str, demand: Demand | None) -> Located:
    from spendgate.packs.installed import find

    _refuse_unsigned(demand)
    folder, origin = find(reference.removeprefix("python:"))
    return Located(folder, origin)


def _refuse_unsigned(demand: Demand | None) -> None:
    if demand is not None:
        raise InputError(
            "holds no signature of a pack, and one is demanded",
            remedy="Archives and registries hold signed packs; a commit or a wheel is trusted by where it comes from.",
        )


def pull(
    reference: str, output: Path | None, demand: Demand | None, *, now: datetime
) -> tuple[Path, str, Verified | None]:
    """Fetch a pack and write its folder, by which ``pulumi preview --policy-pack`` runs it: the folder, the pinned
    reference, and what is known of its signature. ``output`` must not hold anything yet.

    Raises InputErrors as ``locate`` does.
    """
    if not (reference.startswith(("oci://", "git+", "python:")) or reference.partition("@")[0].endswith(ENDS)):
        raise InputError(
            f'"{reference}" is no reference to fetch', remedy="oci://…, git+https://…@REF, python:… or an archive."
        )
    located = locate(reference, Path.cwd(), None, demand)
    files = read_folder(located.folder)
    target = output or Path(_name(files))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("is there already, and not an empty folder", place=target, remedy="Name another with -o.")
    try:
        for name, content in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=target) from None
    return target, located.origin, located.verified


def _name(files: Files) -> str:
    """The pack's own name, which its schema keeps from being anything but a plain word."""
    from spendgate import schemas
    from spendgate.yamlfile import parse_yaml

    if "pack.yaml" not in files:
        raise InputError("holds no pack.yaml", remedy="It is no pack.")
    file = parse_yaml(files["pack.yaml"].decode("utf-8", errors="replace"), "pack.yaml")
    schemas.validate(file, "pack")
    return str(file.data["metadata"]["name"])
