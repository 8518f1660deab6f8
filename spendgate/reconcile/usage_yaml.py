"""Proposals as the usage file has them: shown, and put into a file whose comments stay."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError
from spendgate.reconcile.model import Proposal
from spendgate.writing import write_whole

_HEAD: Final = "apiVersion: spendgate.dev/v1\nkind: Usage\n"


def figure_text(value: Fraction) -> str:
    """A figure as YAML writes it."""
    number = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{number.normalize():f}"


def as_yaml(proposals: Sequence[Proposal]) -> str:
    """The proposals as entries of a usage file."""
    lines = []
    for section, own in (
        ("resources", [one for one in proposals if not one.model]),
        ("models", [one for one in proposals if one.model]),
    ):
        lines += [f"{section}:"] if own else []
        for one in own:
            lines.append(f"  # {one.reason}")
            if one.model:
                lines.append(f"  - name: {_quoted(one.name)}")
                lines += [f"    {key}: {_quoted(value)}" for key, value in one.model.items()]
            else:
                lines.append(f"  - match: {{name: {_quoted(_pattern(one.name))}, type: {_quoted(_pattern(one.type))}}}")
            lines += [f"    {name}: {figure_text(value)}" for name, value in one.figures.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _pattern(name: str) -> str:
    """A name that is matched as it is: [, * and ? are wildcards in a usage file."""
    return "".join(f"[{letter}]" if letter in "[*?" else letter for letter in name)


def write_usage(file: Path, proposals: Sequence[Proposal]) -> None:
    """Put the proposals into a usage file, which is made where there is none; comments and all else stay.

    An entry for exactly the same resource gets the figures, unless a later entry says one of them: then, and where
    there is none, an entry is added at the end, which counts. Raises InputError for a file that is no usage file, and
    leaves it as it was.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    from spendgate.estimate.usage_file import read_usage

    if file.exists():
        read_usage(file)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(file.read_text(encoding="utf-8") if file.exists() else _HEAD)
    for one in proposals:
        section = "models" if one.model else "resources"
        if data.get(section) is None:
            data[section] = CommentedSeq()
        entries = data[section]
        match = {"name": _pattern(one.name), "type": _pattern(one.type)}
        entry = _named(entries, one) if one.model else _same(entries, match, one.figures)
        if entry is None:
            entry = CommentedMap({"name": one.name, **one.model} if one.model else {"match": CommentedMap(match)})
            if not one.model:
                entry["match"].fa.set_flow_style()
            entries.append(entry)
            entries.yaml_set_comment_before_after_key(len(entries) - 1, before=one.reason, indent=2)
        for name, value in one.figures.items():
            entry[name] = int(value) if value.denominator == 1 else float(value)
    stream = io.StringIO()
    yaml.dump(data, stream)
    ends = "\r\n" if file.exists() and b"\r\n" in file.read_bytes() else "\n"
    try:
        write_whole(file, stream.getvalue().replace("\n", ends))
    except OSError as error:
        raise InputError(f"the usage file cannot be written: {error.strerror}", place=file) from None


def _named(entries: Any, one: Proposal) -> Any:
    """The entry of a model: by its name, which is the model's where it has none."""
    return next((entry for entry in entries if entry.get("name", entry.get("model")) == one.name), None)


def _same(entries: Any, match: Mapping[str, str], figures: Mapping[str, Fraction]) -> Any:
    found = None
    for entry in entries:
        if dict(entry["match"]) == match:
            found = entry
        elif found is not None and any(name in entry for name in figures):
            found = None
    return found
