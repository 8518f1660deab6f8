"""Whose pack it is: an SSH signature over the manifest, in the namespace ``spendgate-pack``.

``ssh-keygen -Y verify -n spendgate-pack -f SIGNERS -I WHO -s manifest.json.sig < manifest.json`` says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from spendgate import sshsig
from spendgate.errors import InputError
from spendgate.packs.contents import MANIFEST, SIGNATURE, Files

NAMESPACE: Final = "spendgate-pack"
ANYBODY: Final = "any allowed signer"
WORDS: Final = sshsig.Words(
    "the manifest", "spendgate pack build --key KEY", "Have the pack signed by whom you allow, or allow that signer."
)


@dataclass(frozen=True, slots=True)
class Demand:
    """Who must have signed: anybody whom the file of allowed signers names, or only one of ``principals``."""

    allowed_signers: Path
    principals: tuple[str, ...] = ()


def sign(manifest: bytes, key: Path) -> bytes:
    """The signature of a manifest, as it lies beside it. Raises InputError where ssh-keygen does not sign."""
    return sshsig.make(manifest, key, NAMESPACE).encode()


def signer(files: Files, demand: Demand | None, now: datetime, shown: str) -> str | None:
    """Who signed the files of an archive, as far as it is known: None for an unsigned one, and ``""`` where nobody
    asked who may.

    Raises InputError where a signature does not fit, and where ``demand`` is not met.
    """
    place = f"{shown}:{SIGNATURE}"
    if SIGNATURE not in files:
        if demand is None:
            return None
        raise InputError(
            "the pack is not signed, and a signature is demanded",
            place=shown,
            remedy="Use a signed one (spendgate pack build --key KEY).",
        )
    signature = files[SIGNATURE].decode("utf-8", errors="replace")
    if demand is None:
        refused = sshsig.unfit(files[MANIFEST], signature, namespace=NAMESPACE, words=WORDS)
        if refused:
            raise _refused(refused, place)
        return ""
    if not demand.allowed_signers.is_file():
        raise InputError("there is no such file of allowed signers", place=demand.allowed_signers)
    known = sshsig.principals(signature, demand.allowed_signers, now)
    # A key that has expired is nobody's: whose it was is told all the same.
    wanted = demand.principals or known or _named_in(demand.allowed_signers) or (ANYBODY,)
    refusals = []
    for principal in wanted:
        why = sshsig.refusal(
            files[MANIFEST],
            signature,
            namespace=NAMESPACE,
            signers=demand.allowed_signers,
            principal=principal,
            now=now,
            words=WORDS,
        )
        if why is None:
            return principal
        refusals.append(why)
    telling = [why for why in refusals if "holds no such key" not in why[0]]
    if not telling and not demand.principals:
        raise _refused((f"{demand.allowed_signers.name} holds no such key of {ANYBODY}", refusals[0][1]), place)
    raise _refused((telling or refusals)[0], place)


def _named_in(signers: Path) -> tuple[str, ...]:
    """The names (not the patterns) in a file of allowed signers; the first few, as each is asked for."""
    lines = (line.split() for line in signers.read_text("utf-8", errors="replace").splitlines())
    names = [name for line in lines if line and not line[0].startswith("#") for name in line[0].split(",")]
    return tuple(name for name in dict.fromkeys(names) if not set("*?!") & set(name))[:20]


def _refused(why: tuple[str, str], place: str) -> InputError:
    return InputError(f"the signature does not count: {why[0]}", place=place, remedy=why[1])
