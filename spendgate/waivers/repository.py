"""The git repository that holds a project, and a revision of it, found so that the change that is judged cannot lead to
another: neither by a link or a submodule in place of a folder, nor by a tag that is named as a branch is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Final

from spendgate.errors import InputError
from spendgate.paths import as_named

_ELSEWHERE: Final = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
        "GIT_NAMESPACE",
        "GIT_GRAFT_FILE",
        "GIT_SHALLOW_FILE",
        "GIT_REPLACE_REF_BASE",
    }
)
"""Variables of a hook that runs this: they would point git at another repository, or at another root of this one."""


def root_of(directory: Path, asked_by: str) -> Path:
    """The root of the working tree that holds a folder. Raises InputError where there is none, and where the folder is
    in another repository than its name says: that one would be judged by its own word."""
    root = _root(directory.resolve())
    for path in (as_named(directory), *as_named(directory).parents):
        if path.is_symlink() and (other := _root_or_none(path.parent)) is not None and other != root:
            raise InputError(
                f"is a link out of the repository {other.name}, of which {asked_by} names a revision",
                place=path,
                remedy="Check what lies in the repository itself.",
            )
    if outer := git(root, "rev-parse", "--show-superproject-working-tree").rstrip(b"\n"):
        raise InputError(
            f"is a submodule of {Path(os.fsdecode(outer)).name}, whose revisions do not hold what is in it",
            place=directory,
            remedy=f"With {asked_by}, check it in a checkout of its own.",
        )
    return root


def _root(folder: Path) -> Path:
    return Path(os.fsdecode(git(folder, "rev-parse", "--show-toplevel")).rstrip("\n")).resolve()


def _root_or_none(folder: Path) -> Path | None:
    try:
        return _root(folder)
    except InputError:
        return None


def commit_of(root: Path, revision: str, asked_by: str) -> str:
    """The hash of the commit that a revision is. Raises InputError for one that is none, and for a name that is both
    that of a branch and that of a tag: git would take the tag, which others may set than who may merge. So it is with a
    name that is the start of a hash."""
    if not revision or revision.startswith("-") or "\n" in revision:
        raise InputError(f'{asked_by} "{revision}" is no revision', remedy="Name one, such as origin/main.")
    try:
        commit = git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except InputError:
        remedy = "Fetch it first: git fetch origin main."
        raise InputError(f'{asked_by} "{revision}": no such revision in {root.name}', remedy=remedy) from None
    named = {} if commit == revision else _named(root, revision)
    if named and re.fullmatch("[0-9a-f]{4,40}", revision) and not commit.startswith(revision):
        named |= dict.fromkeys(git(root, "rev-parse", f"--disambiguate={revision}").decode().split(), "")
    if named and {*named.values()} != {commit}:
        branch = next((name for name in named if name.startswith(("refs/heads/", "refs/remotes/"))), "")
        raise InputError(
            f'{asked_by} "{revision}" is several revisions: {", ".join(named)}',
            remedy=f"Name the one that decides in full{f', say {branch}' if branch else ', by its hash'}.",
        )
    return commit


def _named(root: Path, revision: str) -> dict[str, str]:
    """The commits that branches and tags of this name are."""
    names = [f"refs/{kind}/{revision}" for kind in ("heads", "remotes", "tags")]
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode(errors="surrogateescape")
    answers = git(root, "cat-file", "--batch-check", text=asked).decode(errors="replace").removesuffix("\n").split("\n")
    found = (
        (name, re.fullmatch(r"([0-9a-f]+) commit \d+", answer)) for name, answer in zip(names, answers, strict=True)
    )
    return {name: match[1] for name, match in found if match is not None}


def git(folder: Path, *arguments: str, text: bytes | None = None) -> bytes:
    """What git answers in a folder. Raises InputError where it is not installed, and with its own words where it
    fails."""
    program = which("git")
    if program is None:
        raise InputError("git is not on PATH, and --trust-from reads a revision with it")
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment = {
        **kept,
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",  # what a commit holds is what its hash says
        "LC_ALL": "C",
    }
    command = [program, "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, env=environment, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"git {arguments[0]}: {said[0] if said else 'failed'}", place=folder)
    return done.stdout
