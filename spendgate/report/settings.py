"""The settings of a project for a person at a terminal: each value, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.rules.guardrail import Layer

if TYPE_CHECKING:
    from spendgate.config.effective import Effective
    from spendgate.rules.guardrail import Origin

NAME_WIDTH = 32
VALUE_WIDTH = 36
_TITLES = {
    "packs": "packs",
    "environments": "environments (the first that holds a stack counts)",
    "budgets": "budgets, in US dollars (the first that holds a stack counts, for each amount)",
    "guardrails": "guardrails",
}

Row = tuple[str, str, str]


def render(values: Sequence[Effective], where: str, *, whole: bool = False, color: bool = False) -> str:
    """The values as text; ``whole`` shows long ones in full."""
    selected_by = {value.key.rpartition(".")[0]: value.origin for value in values if value.key.endswith(".selected")}
    lines = [_style(where, "1", color)]
    title: str | None = None
    for value in values:
        section, _, name = value.key.partition(".")
        if value.key.endswith(".selected"):
            continue
        heading = _TITLES.get(section, section) if name else ""
        if heading != title:
            lines += ["", *([_style(heading, "1", color)] if heading else [])]
            title = heading
        lines.append(_line(_row(section, name or section, value, selected_by, whole), color))
    return "\n".join(line.translate(_CONTROL).rstrip() for line in lines) + "\n"


# All but what ends a line and what begins a colour.
_CONTROL = dict.fromkeys((*range(9), *range(11, 27), *range(28, 32), *range(127, 160)), "\ufffd")


def _row(section: str, name: str, value: Effective, selected_by: Mapping[str, Origin], whole: bool) -> Row:
    source = _source(value.origin)
    if section == "guardrails":
        guardrail, _, part = name.partition(".")
        chosen = selected_by.get(f"guardrails.{guardrail}")
        if part != "enforcement":
            return f"  {part.removeprefix('params.')}", _shown(value.value, whole), source
        if chosen is not None and chosen.layer is not value.origin.layer:
            source = f"{source}; selected by {_source(chosen)}"
        return guardrail, _shown(value.value, whole), source
    if section == "budgets" and isinstance(value.value, dict):
        scope = [*value.value.get("environments", ()), *value.value.get("stacks", ())]
        return name, f"{value.value['amount']:,}" + (f"  of {', '.join(scope)}" if scope else ""), source
    if section == "environments":
        name = name.removesuffix(".stacks")
    return name, _shown(value.value, whole), source


def _shown(value: Any, whole: bool) -> str:
    if value is None:
        return "none"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _shortened(value, whole) if value else "[]"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if whole or len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"


def _shortened(items: Sequence[str], whole: bool) -> str:
    """As many of a list as there is room for, and how many more there are."""
    for many in range(len(items), 0, -1):
        more = len(items) - many
        text = ", ".join(items[:many]) + (f", … {more} more" if more else "")
        if whole or len(text) <= VALUE_WIDTH:
            return text
    return f"{len(items)} values"


def _source(origin: Origin) -> str:
    """Where a value comes from: who says it, and the place."""
    place = str(_nearer(origin.place.file)) + (f":{origin.place.line}" if origin.place.line else "")
    if origin.layer is Layer.BUILT_IN:
        return "built-in"
    if origin.layer is Layer.PACK:
        said = f"pack {origin.name}"
    else:
        said = place if origin.place.file else origin.name
        if origin.place.file and origin.layer is not Layer.PROJECT:
            said += f" ({origin.layer}{f' {origin.name}' if origin.name else ''})"
        elif origin.place.file and origin.name and origin.name != str(origin.place):
            said += f" ({origin.name})"
    if origin.locked_at is None:
        return said
    return f"{said}, locked" if origin.locked_at == origin.place else f"{said}, locked at {origin.locked_at}"


def _nearer(file: str) -> Path:
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


def _line(row: Row, color: bool) -> str:
    name, value, source = row
    return f"  {name:<{NAME_WIDTH}}  {value:<{VALUE_WIDTH}}  {_style(source, '2', color)}"


def _style(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
