"""Editing waivers.yaml: an entry more, or a signature. Every other line, comment and order stays as it is."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from spendgate import schemas
from spendgate.errors import InputError
from spendgate.waivers.file import TAGS
from spendgate.waivers.model import Kind, Waiver
from spendgate.writing import write_whole
from spendgate.yamlfile import parse_yaml, read_yaml

HEADER: Final = """\
# Findings that are let pass for a time: by whom, why, until when. `spendgate waiver add` writes an entry,
# `spendgate waiver list` tells the state of each.
apiVersion: spendgate.dev/v1
kind: Waivers
waivers: []
"""


def slug(waiver: Waiver, taken: set[str]) -> str:
    """A free id made of what a waiver is for: ``required-tags-scratch``, ``required-tags-scratch-2``."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{waiver.guardrail}-{waiver.resource}".lower()).strip("-")[:80].strip("-")
    base = words or "waiver"
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return name


def add_entry(path: Path, waiver: Waiver) -> None:
    """Write an entry at the end of the file, which is made if it is not there. All of it or nothing.

    Raises InputError where the file cannot be read or written.
    """

    def change(data: Any) -> None:
        if data.get("waivers") is None:
            data["waivers"] = []
        entries = data["waivers"]
        if not len(entries) and hasattr(entries, "fa"):
            entries.fa.set_block_style()
        entries.append(written(waiver))

    text = path.read_bytes().decode("utf-8") if path.exists() else schemas.modeline("waivers") + HEADER
    _edit(path, text, change)


def set_signature(path: Path, id_: str, signature: str) -> None:
    """Write the signature of the entry of an id; errors as of ``add_entry``."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    def change(data: Any) -> None:
        entry = next(entry for entry in data["waivers"] if entry["id"] == id_)
        entry["signature"] = LiteralScalarString(signature.strip() + "\n")

    _edit(path, path.read_bytes().decode("utf-8"), change)


def written(waiver: Waiver) -> dict[str, Any]:
    """An entry as it stands in the file, in the order in which one reads it."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    def number(amount: Decimal | None) -> int | float | None:
        return None if amount is None else int(amount) if amount == amount.to_integral_value() else float(amount)

    def text(value: str) -> str:
        # A ticket 0123 or an owner "yes" is a text, and stays one.
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else DoubleQuotedScalarString(value)

    fields: dict[str, Any] = {
        "id": text(waiver.id),
        "kind": str(waiver.kind) if waiver.kind is Kind.APPROVAL else None,
        "guardrail": text(waiver.guardrail),
        "resource": text(waiver.resource),
        "type": text(waiver.type) if waiver.type else None,
        "project": text(waiver.project) if waiver.project else None,
        "stack": text(waiver.stack) if waiver.stack else None,
        "environments": [text(name) for name in waiver.environments] or None,
        "reason": text(waiver.reason),
        "owner": text(waiver.owner),
        "ticket": text(waiver.ticket),
        "granted": waiver.granted,
        "expires": waiver.expires,
        "maxMonthlyCost": number(waiver.max_monthly_cost),
        "approver": text(waiver.approver) if waiver.approver else None,
        "amount": number(waiver.amount),
    }
    return {name: value for name, value in fields.items() if value is not None}


_PLAIN: Final = re.compile(r"[A-Za-z]([\w .,/()@+-]*[\w.,/()@+-])?")
_WORDS: Final = {"yes", "no", "true", "false", "on", "off", "null", "y", "n", "nan", "inf"}


def _edit(path: Path, text: str, change: Callable[[Any], None]) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.util import load_yaml_guess_indent

    _, indent, offset = load_yaml_guess_indent(text)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 100_000
    if offset is not None:
        yaml.indent(mapping=2, sequence=max((indent or 2), offset + 2), offset=offset)
    else:
        yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        data = yaml.load(text)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot be edited: {reason}", place=path, remedy="Put that right first.") from None
    change(data)
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    changed = buffer.getvalue()
    # What was written must say what was meant, and be read by the reader that decides.
    parse_yaml(changed, str(path))
    if "\r\n" in text:
        changed = changed.replace("\r\n", "\n").replace("\n", "\r\n")
    _write(path, changed)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=path) from None


def ids(path: Path) -> set[str]:
    """Every id that the file uses, sound entry or not."""
    if not path.exists():
        return set()
    data = read_yaml(path, tags=TAGS).data or {}
    return {str(entry.get("id")) for entry in data.get("waivers") or () if isinstance(entry, dict)}


def sound(path: Path) -> None:
    """Raise InputError where an existing file is no file of waivers: it is not edited then."""
    if path.exists():
        schemas_of = schemas.schema("waivers")
        schemas_of["properties"]["waivers"] = {"type": ["array", "null"]}
        schemas.validate_against(read_yaml(path, tags=TAGS), schemas_of)
