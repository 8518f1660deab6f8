"""SSH signatures (``ssh-keygen -Y``): made, and held against a file of allowed signers, with plain words for what is
wrong. Approvals and packs are signed so, each in a namespace of its own."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Final

from spendgate.errors import InputError

SECONDS: Final = 30.0
"""Longer than this no verification takes."""


@dataclass(frozen=True, slots=True)
class Words:
    """How what is signed is spoken of: ``what`` it is, the ``command`` that signs it, and ``other``, what to do where
    somebody else signed it."""

    what: str
    command: str
    other: str


def refusal(
    text: bytes, signature: str, *, namespace: str, signers: Path, principal: str, now: datetime, words: Words
) -> tuple[str, str] | None:
    """Why the signature of ``text`` is not one of ``principal``'s that ``signers`` allows ``now``, and what to do about
    it; None where it is. Raises InputError where ssh-keygen is not installed."""
    with _written(signature) as file:
        given = ("-n", namespace, "-s", str(file))
        fits = ssh_keygen(("-Y", "check-novalidate", *given), text)
        if fits.returncode:
            return _unfit(fits.stderr.decode(errors="replace"), namespace, words)
        allowed = ("-f", str(signers), _at(now))
        done = ssh_keygen(("-Y", "verify", *allowed, "-I", principal, *given), text)
        if done.returncode == 0:
            return None
    others = ", ".join(principals(signature, signers, now))
    return _not_allowed(done.stderr.decode(errors="replace"), others, principal, signers, words)


def unfit(text: bytes, signature: str, *, namespace: str, words: Words) -> tuple[str, str] | None:
    """Why the signature is not one of ``text`` at all, whoever made it, and what to do about it; None where it is."""
    with _written(signature) as file:
        fits = ssh_keygen(("-Y", "check-novalidate", "-n", namespace, "-s", str(file)), text)
    return _unfit(fits.stderr.decode(errors="replace"), namespace, words) if fits.returncode else None


def principals(signature: str, signers: Path, now: datetime) -> tuple[str, ...]:
    """Whose key, by the file of allowed signers, made the signature; nobody where it has no such key."""
    with _written(signature) as file:
        found = ssh_keygen(("-Y", "find-principals", "-f", str(signers), _at(now), "-s", str(file)), b"")
    return tuple(found.stdout.decode(errors="replace").split()) if found.returncode == 0 else ()


def make(text: bytes, key: Path, namespace: str) -> str:
    """A signature in OpenSSH's armour. ``key`` is a private key, or the public one of a key that an agent holds;
    ssh-keygen asks for its passphrase. Raises InputError where it does not sign."""
    if not key.is_file():
        raise InputError("no such key", place=key)
    done = ssh_keygen(("-Y", "sign", "-f", str(key), "-n", namespace), text, None)
    signature = done.stdout.decode(errors="replace")
    if done.returncode or "BEGIN SSH SIGNATURE" not in signature:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"ssh-keygen did not sign: {said[-1] if said else 'no reason given'}", place=key)
    return signature


@contextmanager
def _written(signature: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="spendgate-") as folder:
        file = Path(folder) / "signature"
        file.write_text(signature.strip() + "\n", encoding="utf-8")
        yield file


def _at(now: datetime) -> str:
    return f"-Overify-time={now.astimezone(UTC):%Y%m%d%H%M%S}"


def _unfit(said: str, namespace: str, words: Words) -> tuple[str, str]:
    if "namespace" in said:
        return f"it is signed for another purpose than {namespace}", f"Sign it with {words.command}."
    if "incorrect signature" in said:
        return f"{words.what} was altered after it was signed", "Have it signed again, or put it back as it was."
    return "its signature cannot be read", f"Sign it with {words.command}."


def _not_allowed(said: str, others: str, principal: str, signers: Path, words: Words) -> tuple[str, str]:
    validity = re.search(r"key (?:has expired|is not yet valid): verify time \S+ [<>] (valid-\w+) (\S+)", said)
    if validity:
        word = "expired" if validity[1] == "valid-before" else "is not valid yet"
        return f"the key that signed it {word} ({validity[1]} {validity[2]} in {signers.name})", "Sign it with another."
    if "not permitted for use in signature namespace" in said:
        return f"{signers.name} does not permit the key for this purpose", "See its namespaces option."
    if others and principal not in others.split(", "):
        return f"it is signed by {others}, not by {principal}", words.other
    missing = f"{signers.name} holds no such key of {principal}"
    if unread := re.search(r":(\d+): (invalid key|.*\boptions?\b[^\r\n]*)\s*$", said, re.MULTILINE):
        # One line that cannot be read may well be the one: options parted by a space are taken for the key.
        remedy = "A line is: who, options parted by commas alone, the kind of key, the key."
        return f"{missing}, and its line {unread[1]} cannot be read ({unread[2]})", remedy
    return missing, "Sign it with a key that stands there."


def ssh_keygen(
    arguments: tuple[str, ...], text: bytes, seconds: float | None = SECONDS
) -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen over ``text``. Raises InputError where it is not installed, or gives no answer."""
    program = which("ssh-keygen")
    if program is None:
        raise InputError(
            "ssh-keygen is not on PATH, and signatures are made and verified with it",
            remedy="On Debian and Ubuntu: apt-get install openssh-client.",
        )
    # Times in a file of allowed signers are local; here they are the same on every machine.
    environment = {**os.environ, "TZ": "UTC"}
    command = [program, *arguments]
    try:
        return subprocess.run(command, input=text, capture_output=True, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise InputError(f"ssh-keygen gave no answer in {seconds:g} s") from None
