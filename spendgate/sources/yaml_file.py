"""A YAML file as it was written: values with their line and column, and errors that point at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spendgate.errors import InputError, Place


def read_yaml(path: Path, *, shown: str | None = None) -> Any:
    """The document in ``path``; mappings and lists know their positions (``ruamel.yaml``'s round-trip types).

    ``shown`` is the file's name in errors. Raises ``InputError`` for a file that cannot be read or parsed.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    name = shown or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", place=name) from None
    try:
        return YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        reason = (error.problem or error.context or "broken").strip().splitlines()[0]
        raise InputError(f"not valid YAML: {reason}", place=place, detail=_caret(text, place)) from None
    except YAMLError as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", place=name) from None


def place_of(name: str, mapping: Any, key: Any = None) -> Place:
    """Where ``key`` of ``mapping`` stands (or the mapping itself), as far as the parser knows."""
    position = getattr(mapping, "lc", None)
    if position is None or position.line is None:
        return Place(name)
    if key is not None and position.data and key in position.data:
        line, column = position.data[key][:2]
        return Place(name, line + 1, column + 1)
    return Place(name, position.line + 1, position.col + 1)


def _caret(text: str, place: Place) -> str | None:
    lines = text.splitlines()
    if place.line is None or place.column is None or not 0 < place.line <= len(lines):
        return None
    return f"  {lines[place.line - 1]}\n  {' ' * (place.column - 1)}^"
