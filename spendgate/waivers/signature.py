"""Approvals are signed as OpenSSH signs (``ssh-keygen -Y``): over the entry in one fixed form, for one namespace."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from shutil import which
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.waivers.model import Approvals, Kind, Waiver

HEADER: Final = "spendgate-approval-v1\n"
"""What every signed text starts with; another form of the text gets another header."""

SECONDS: Final = 30.0
"""Longer than this no verification takes."""


def canonical(waiver: Waiver) -> bytes:
    """What is signed: every field of the entry but the signature, in one form however the YAML is written.

    JSON (RFC 8259) in UTF-8 with sorted keys and no spaces; dates as YYYY-MM-DD, amounts as plain decimals without
    trailing zeros; fields that are not said are left out.
    """
    fields: dict[str, Any] = {
        "id": waiver.id,
        "kind": str(waiver.kind),
        "guardrail": waiver.guardrail,
        "resource": waiver.resource,
        "type": waiver.type,
        "project": waiver.project,
        "stack": waiver.stack,
        "environments": list(waiver.environments),
        "reason": waiver.reason,
        "owner": waiver.owner,
        "ticket": waiver.ticket,
        "granted": waiver.granted.isoformat() if waiver.granted else None,
        "expires": waiver.expires.isoformat(),
        "maxMonthlyCost": _plain(waiver.max_monthly_cost),
        "approver": waiver.approver,
        "amount": _plain(waiver.amount),
    }
    said = {name: value for name, value in fields.items() if value not in ("", None, [])}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return (HEADER + text + "\n").encode("utf-8")


def _plain(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    return f"{amount.normalize():f}" if amount else "0"


def verified(waiver: Waiver, approvals: Approvals, now: datetime) -> tuple[Waiver, InputError | None]:
    """An approval with its signature looked at, and what is wrong with it.

    One that nobody has signed yet is no error: it lets nothing pass, and says so where it would.
    """
    if waiver.kind is not Kind.APPROVAL:
        return waiver, None
    if not waiver.signature:
        return replace(waiver, invalid=f"{waiver.approver} has not signed it (spendgate waiver sign {waiver.id})"), None
    try:
        verify(waiver, approvals, now)
    except InputError as error:
        return replace(waiver, invalid=error.message.removeprefix(_head(waiver))), error
    return replace(waiver, invalid=""), None


def verify(waiver: Waiver, approvals: Approvals, now: datetime) -> None:
    """Raise InputError, which says what is wrong, unless the approval is signed by an approver whose key holds now."""
    signers = check_approver(waiver, approvals)
    if not signers.is_file():
        raise _invalid(waiver, f"there is no file of allowed signers at {signers.name}", "approvals.allowedSigners")
    with tempfile.TemporaryDirectory(prefix="spendgate-") as folder:
        signature = Path(folder) / "signature"
        signature.write_text(waiver.signature.strip() + "\n", encoding="utf-8")
        given = ("-n", approvals.namespace, "-s", str(signature))
        fits = _ssh_keygen(("-Y", "check-novalidate", *given), canonical(waiver))
        if fits.returncode:
            raise _invalid(waiver, *_unfit(fits.stderr.decode(errors="replace"), approvals))
        time = f"-Overify-time={now.astimezone(UTC):%Y%m%d%H%M%S}"
        allowed = ("-f", str(signers))
        done = _ssh_keygen(("-Y", "verify", *allowed, "-I", waiver.approver, time, *given), canonical(waiver))
        if done.returncode == 0:
            return
        said = done.stderr.decode(errors="replace")
        found = _ssh_keygen(("-Y", "find-principals", *allowed, time, "-s", str(signature)), b"")
        others = ", ".join(found.stdout.decode(errors="replace").split())
        raise _invalid(waiver, *_not_allowed(said, others if found.returncode == 0 else "", waiver, signers))


def check_approver(waiver: Waiver, approvals: Approvals) -> Path:
    """The file of allowed signers. Raises InputError where the approver may not approve, or no such file is set."""
    if waiver.approver not in approvals.approvers:
        who = ", ".join(approvals.approvers) or "nobody"
        raise _invalid(waiver, f"{waiver.approver} is no approver", f"approvals.approvers in spendgate.yaml: {who}.")
    if approvals.allowed_signers is None:
        raise _invalid(waiver, "no file of allowed signers is set", "Name it as approvals.allowedSigners.")
    return approvals.allowed_signers


def _unfit(said: str, approvals: Approvals) -> tuple[str, str]:
    if "namespace" in said:
        return f"it is signed for another purpose than {approvals.namespace}", "Sign it with spendgate waiver sign."
    if "incorrect signature" in said:
        return "the entry was altered after it was signed", "Have it signed again, or put it back as it was."
    return "its signature cannot be read", "Sign it with spendgate waiver sign."


def _not_allowed(said: str, others: str, waiver: Waiver, signers: Path) -> tuple[str, str]:
    validity = re.search(r"key (?:has expired|is not yet valid): verify time \S+ [<>] (valid-\w+) (\S+)", said)
    if validity:
        word = "expired" if validity[1] == "valid-before" else "is not valid yet"
        return f"the key that signed it {word} ({validity[1]} {validity[2]} in {signers.name})", "Sign it with another."
    if "not permitted for use in signature namespace" in said:
        return f"{signers.name} does not permit the key for this purpose", "See its namespaces option."
    if others and waiver.approver not in others.split(", "):
        return f"it is signed by {others}, not by {waiver.approver}", "Have the approver that it names sign it."
    return f"{signers.name} holds no such key of {waiver.approver}", "Sign it with a key that stands there."


def _invalid(waiver: Waiver, why: str, remedy: str) -> InputError:
    return InputError(_head(waiver) + why, place=waiver.place, remedy=remedy)


def _head(waiver: Waiver) -> str:
    return f'the approval "{waiver.id}" does not count: '


def sign(waiver: Waiver, key: Path, approvals: Approvals, now: datetime) -> str:
    """The approver's signature of an entry, in OpenSSH's armour. ``key`` is a private key, or the public one of a key
    that an agent holds; ssh-keygen asks for its passphrase.

    Raises InputError where signing fails, and where the signature would not count.
    """
    check_approver(waiver, approvals)
    if not key.is_file():
        raise InputError("no such key", place=key)
    done = _ssh_keygen(("-Y", "sign", "-f", str(key), "-n", approvals.namespace), canonical(waiver), None)
    signature = done.stdout.decode(errors="replace")
    if done.returncode or "BEGIN SSH SIGNATURE" not in signature:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"ssh-keygen did not sign: {said[-1] if said else 'no reason given'}", place=key)
    verify(replace(waiver, signature=signature), approvals, now)
    return signature


def _ssh_keygen(
    arguments: tuple[str, ...], text: bytes, seconds: float | None = SECONDS
) -> subprocess.CompletedProcess[bytes]:
    program = which("ssh-keygen")
    if program is None:
        raise InputError(
            "ssh-keygen is not on PATH, and approvals are signed and verified with it",
            remedy="On Debian and Ubuntu: apt-get install openssh-client.",
        )
    # Times in a file of allowed signers are local; here they are the same on every machine.
    environment = {**os.environ, "TZ": "UTC"}
    command = [program, *arguments]
    try:
        return subprocess.run(command, input=text, capture_output=True, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise InputError(f"ssh-keygen gave no answer in {seconds:g} s") from None
