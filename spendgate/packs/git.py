"""Packs in git repositories: ``git+https://host/path.git@REF#subfolder``. Nothing is checked out, and no hook, filter
or submodule of the repository runs."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final
from urllib.parse import unquote, urlsplit

from spendgate.errors import InputError
from spendgate.packs.contents import MAX_FILE, MAX_FILES, MAX_TOTAL, Fetched, belongs, name_fault

SECONDS: Final = 120.0
_SCHEMES: Final = ("https", "ssh", "file")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_URL: Final = re.compile(r"git\+(?P<base>[a-z]+://[^/\s]*)(?P<path>/[^@#\s]*)(?:@(?P<ref>[^#\s]*))?(?:#(?P<sub>.*))?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reference as read. ``local`` is the repository where it lies on this machine and the reference may move."""

    url: str
    ref: str
    subfolder: str

    @property
    def pinned(self) -> bool:
        """Whether it names a commit, which never moves."""
        return _COMMIT.fullmatch(self.ref) is not None

    @property
    def local(self) -> Path | None:
        """The repository on this machine that decides what the reference stands for; None where a commit does."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" and not self.pinned else None


def parse(reference: str) -> Wanted:
    """Read a reference. Raises InputError that tells its form."""
    match = _URL.fullmatch(reference)
    if match is None or urlsplit(match["base"]).scheme not in _SCHEMES:
        raise InputError(
            "is no git reference", remedy="git+https://HOST/PATH.git@REF#SUBFOLDER; git+ssh:// and git+file:// as well."
        )
    ref, sub = match["ref"] or "", (match["sub"] or "").strip("/")
    if not ref or ref.startswith("-") or ":" in ref or "*" in ref:
        raise InputError(
            "names no revision" if not ref else f'"{ref}" is no revision',
            remedy="Add @ and the full hash of a commit (or a tag or branch, which may move) before the #.",
        )
    if sub and (fault := name_fault(sub)) is not None:
        raise InputError(f'the subfolder "{sub}" {fault}')
    return Wanted(match["base"] + match["path"], ref, sub)


def fetch(wanted: Wanted) -> Fetched:
    """The files of the pack as they are in the revision. Raises InputError where there is no such repository, revision
    or folder, and for what does not belong into a pack."""
    with tempfile.TemporaryDirectory(prefix="spendgate-git-") as temporary:
        folder = Path(temporary)
        _git(folder, "init", "--quiet", "--bare", "--template=", ".")
        commit = _commit(folder, wanted)
        files = _files(folder, commit, wanted)
    shown = re.sub(r"://[^/]*@", "://", wanted.url)
    origin = f"git+{shown}@{commit}" + (f"#{wanted.subfolder}" if wanted.subfolder else "")
    return Fetched(files, {"origin": origin, "commit": commit})


def _commit(folder: Path, wanted: Wanted) -> str:
    try:
        _git(folder, "fetch", "--quiet", "--depth=1", "--no-tags", "--", wanted.url, wanted.ref)
        found = _git(folder, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()
    except InputError:
        if not wanted.pinned:
            raise
        # Some servers do not give a commit by its hash: everything is fetched then, and it is looked for.
        everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        _git(folder, "fetch", "--quiet", "--no-tags", "--", wanted.url, *everything)
        try:
            found = _git(folder, "rev-parse", "--verify", "--quiet", f"{wanted.ref}^{{commit}}").decode().strip()
        except InputError:
            raise InputError(f"the repository has no commit {wanted.ref}") from None
    if wanted.pinned and found != wanted.ref:
        raise InputError(f"the repository gave commit {found} for {wanted.ref}")
    return found


def _files(folder: Path, commit: str, wanted: Wanted) -> dict[str, bytes]:
    prefix = f"{wanted.subfolder}/" if wanted.subfolder else ""
    blobs: dict[str, str] = {}
    total = 0
    paths = ("--", prefix) if prefix else ()
    for line in _git(folder, "ls-tree", "-r", "-z", "-l", "--full-tree", commit, *paths).split(b"\0"):
        if not line:
            continue
        head, _, raw = line.partition(b"\t")
        mode, kind, blob, size = head.decode().split()
        name = os.fsdecode(raw).removeprefix(prefix)
        if not belongs(name):
            continue
        fault = name_fault(name)
        if kind != "blob" or mode == "120000":
            fault = "is a link" if mode == "120000" else "is a submodule"
        elif int(size) > MAX_FILE:
            fault = f"has {int(size):,} bytes; at most {MAX_FILE:,} are read"
        if fault is not None:
            raise InputError(f'"{name}" cannot be part of a pack: it {fault}')
        blobs[name] = blob
        total += int(size)
        if total > MAX_TOTAL or len(blobs) > MAX_FILES:
            raise InputError(
                f"holds more than {MAX_TOTAL:,} bytes or {MAX_FILES:,} files",
                remedy="Name the pack's own folder after a #.",
            )
    if "pack.yaml" not in blobs:
        where = f'the folder "{wanted.subfolder}"' if wanted.subfolder else "the root of the repository"
        raise InputError(f"{where} holds no pack.yaml at {commit}", remedy="Name the pack's folder after a #.")
    return _contents(folder, blobs)


def _contents(folder: Path, blobs: dict[str, str]) -> dict[str, bytes]:
    answers = _git(folder, "cat-file", "--batch", text="".join(f"{blob}\n" for blob in blobs.values()).encode())
    files: dict[str, bytes] = {}
    at = 0
    for name in blobs:
        end = answers.index(b"\n", at)
        stop = end + 1 + int(answers[at:end].split()[-1])
        files[name] = answers[end + 1 : stop]
        at = stop + 1
    return files


def _git(folder: Path, *arguments: str, text: bytes | None = None) -> bytes:
    program = which("git")
    if program is None:
        raise InputError("git is not on PATH", remedy="On Debian and Ubuntu: apt-get install git.")
    # Variables of a hook that runs this would point git elsewhere.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT}
    environment = {
        **kept,
        "GIT_ALLOW_PROTOCOL": ":".join(_SCHEMES),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C",
    }
    environment.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    command = [program, "-C", str(folder), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, env=environment, check=False, timeout=SECONDS, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"git {arguments[0]} gave no answer in {SECONDS:g} s") from None
    if done.returncode:
        said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        told = next((line for line in said if line.startswith(("fatal: ", "error: "))), said[0] if said else "failed")
        why = re.sub(r"://[^/\s]*@", "://…@", told.removeprefix("fatal: ").removeprefix("error: "))
        raise InputError(f"git {arguments[0]}: {why}", remedy="Is the repository there, and may you read it?")
    return done.stdout


_KEPT: Final = frozenset({"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL"})
