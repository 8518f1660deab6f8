"""The archive of a pack: a tar in gzip that is the same, byte by byte, for the same content; read with bounds."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Final

from spendgate.errors import InputError
from spendgate.packs.contents import (
    GENERATED,
    MANIFEST,
    MAX_FILE,
    MAX_FILES,
    MAX_TOTAL,
    SIGNATURE,
    Files,
    belongs,
    name_fault,
)

ENDS: Final = (".tar.gz", ".tgz")
MAX_ARCHIVE: Final = 16 * 1024 * 1024
_MAX_TAR: Final = MAX_TOTAL + MAX_FILES * 2 * tarfile.BLOCKSIZE
_MODE: Final = 0o644
_HEADER: Final = b"\x1f\x8b\x08\x00" + b"\x00" * 4 + b"\x02\xff"
"""Deflate, no name, no time, slowest compression, unknown operating system."""


def write_archive(files: Files) -> bytes:
    """The archive of ``files``: the manifest and its signature first, then by path; every file of one time (1970), one
    owner (0) and one mode (0644), and no name or time in the header of gzip."""
    first = [name for name in (MANIFEST, SIGNATURE) if name in files]
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name in (*first, *sorted(name for name in files if name not in GENERATED)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), _MODE
            out.addfile(member, io.BytesIO(files[name]))
    return _gzip(tar.getvalue())


def _gzip(content: bytes) -> bytes:
    """RFC 1952 by hand: what Python writes as operating system differs between its versions."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(content) + deflate.flush()
    return _HEADER + packed + struct.pack("<II", zlib.crc32(content), len(content))


def read_archive(path: Path, shown_as: str | None = None) -> dict[str, bytes]:
    """The files of an archive by path. Nothing is written.

    Raises InputError for what is no archive, is larger than it may be (packed or unpacked), or holds anything but
    regular files inside the pack, each once.
    """
    shown = shown_as or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ARCHIVE + 1)  # a link can lead to what has no end
            size = max(os.fstat(file.fileno()).st_size, len(content))
        if size > MAX_ARCHIVE:
            raise InputError(f"has {size:,} bytes or more; at most {MAX_ARCHIVE:,} are read", place=shown)
        return unpack(content, shown)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=shown) from None


def unpack(content: bytes, shown: str) -> dict[str, bytes]:
    """As ``read_archive``, of an archive in memory; ``shown`` is its name in errors."""
    tar = _expanded(content, shown)
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            files = _members(archive, shown)
            rest = tar[archive.offset :]
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError) as error:
        raise _no_archive(shown, str(error)) from None
    if rest.strip(b"\0"):
        raise _no_archive(shown, "something follows the end of the tar")
    return files


def _expanded(content: bytes, shown: str) -> bytes:
    """What gzip holds, up to a bound: an archive that expands without end is refused when it passes that."""
    try:
        stream = zlib.decompressobj(wbits=31)
        tar = stream.decompress(content, _MAX_TAR + 1)
    except zlib.error as error:
        raise _no_archive(shown, str(error)) from None
    if len(tar) > _MAX_TAR:
        raise InputError(f"expands to more than {_MAX_TAR:,} bytes", place=shown, remedy="No pack is as large as that.")
    if not stream.eof:
        raise _no_archive(shown, "it is cut off")
    if stream.unused_data:
        raise _no_archive(shown, "something follows the end of the gzip stream")
    return tar


def _members(archive: tarfile.TarFile, shown: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    for member in archive:
        fault = _fault(member, seen)
        if fault:
            raise InputError(
                f'refused: "{_printable(member.name)}" {fault}',
                place=shown,
                remedy="Use an archive that `spendgate pack build` wrote.",
            )
        content = archive.extractfile(member)
        files[member.name] = content.read() if content else b""
        seen.add(member.name.casefold())
        if len(files) > MAX_FILES:
            raise InputError(f"holds more than {MAX_FILES:,} files", place=shown)
    return files


def _fault(member: tarfile.TarInfo, seen: set[str]) -> str | None:
    if (fault := name_fault(member.name)) is not None:
        return fault
    if member.issym() or member.islnk():
        return "is a link"
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        return "is no regular file"
    if member.name not in GENERATED and not belongs(member.name):
        return "is no part of a pack"
    if member.size > MAX_FILE:
        return f"has {member.size:,} bytes; at most {MAX_FILE:,} are read"
    if member.name.casefold() in seen:
        return "stands in it twice"
    return None


def _printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in name[:200])


def _no_archive(shown: str, why: str) -> InputError:
    return InputError(
        f"is no archive of a pack: {why}", place=shown, remedy="`spendgate pack build` writes one (.tar.gz)."
    )
