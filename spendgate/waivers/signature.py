"""Approvals are signed as OpenSSH signs (``ssh-keygen -Y``): over the entry in one fixed form, for one namespace."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate import sshsig
from spendgate.errors import InputError
from spendgate.waivers.model import Approvals, Kind, Waiver

HEADER: Final = "spendgate-approval-v1\n"
"""What every signed text starts with; another form of the text gets another header."""

WORDS: Final = sshsig.Words("the entry", "spendgate waiver sign", "Have the approver that it names sign it.")


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
    refused = sshsig.refusal(
        canonical(waiver),
        waiver.signature,
        namespace=approvals.namespace,
        signers=signers,
        principal=waiver.approver,
        now=now,
        words=WORDS,
    )
    if refused:
        raise _invalid(waiver, *refused)


def check_approver(waiver: Waiver, approvals: Approvals) -> Path:
    """The file of allowed signers. Raises InputError where the approver may not approve, or no such file is set."""
    if waiver.approver not in approvals.approvers:
        who = ", ".join(approvals.approvers) or "nobody"
        raise _invalid(waiver, f"{waiver.approver} is no approver", f"approvals.approvers in spendgate.yaml: {who}.")
    if approvals.allowed_signers is None:
        raise _invalid(waiver, "no file of allowed signers is set", "Name it as approvals.allowedSigners.")
    return approvals.allowed_signers


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
    signature = sshsig.make(canonical(waiver), key, approvals.namespace)
    verify(replace(waiver, signature=signature), approvals, now)
    return signature
