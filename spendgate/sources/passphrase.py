"""Configuration secrets of Pulumi's passphrase secrets manager.

A key is derived with PBKDF2-SHA256 from the passphrase and the stack's salt; values are sealed with AES-256-GCM
(``sdk/go/common/resource/config/crypt.go`` and ``pkg/secrets/passphrase`` of pulumi/pulumi).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from spendgate.errors import InputError, Place

ITERATIONS: Final = 1_000_000
KEY_BYTES: Final = 32
CHECK: Final = "pulumi"
"""What the sealed part of a salt holds, so that a wrong passphrase is noticed."""

VARIABLES: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def passphrase() -> str | None:
    """The passphrase that the environment gives, or None. An empty one counts: Pulumi allows it."""
    direct = os.environ.get(VARIABLES[0])
    if direct is not None:
        return direct
    named = os.environ.get(VARIABLES[1])
    if not named:
        return None
    try:
        return Path(named).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the passphrase file cannot be read: {error}", place=named) from None


def opener(salt: str, phrase: str, place: Place) -> Callable[[str], str]:
    """A function that decrypts values sealed under ``salt`` (``encryptionsalt`` of a stack's file).

    Raises ``InputError`` when the passphrase is wrong or the salt is broken.
    """
    parts = salt.split(":", 2)
    try:
        if len(parts) != 3 or parts[0] != "v1":
            raise ValueError("not of the form v1:<salt>:<check>")
        raw_salt = base64.b64decode(parts[1], validate=True)
    except (ValueError, binascii.Error) as error:
        raise InputError(f"encryptionsalt is broken: {error}", place=place) from None
    key = hashlib.pbkdf2_hmac("sha256", phrase.encode(), raw_salt, ITERATIONS, KEY_BYTES)
    if _open(key, parts[2]) != CHECK:
        raise InputError(
            "the passphrase does not open this stack's secrets",
            place=place,
            remedy=f"Correct {VARIABLES[0]}, or unset it: the secrets are then unknown.",
        )

    def decrypt(sealed: str) -> str:
        text = _open(key, sealed)
        if text is None:
            raise InputError("a secure value cannot be decrypted: it is damaged or of another stack", place=place)
        return text

    return decrypt


def _open(key: bytes, sealed: str) -> str | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parts = sealed.split(":")
    if len(parts) != 3 or parts[0] != "v1":
        return None
    try:
        nonce, message = (base64.b64decode(part, validate=True) for part in parts[1:])
        return AESGCM(key).decrypt(nonce, message, None).decode("utf-8")
    except (ValueError, binascii.Error, InvalidTag):
        return None
