"""The settings of a project for a person at a terminal: each value, and where it comes from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate.rules.guardrail import Layer

if TYPE_CHECKING:
    from spendgate.config.effective import Effective
    from spendgate.rules.guardrail import Origin

LONGEST = 36
"""Characters that a name and a value have at most; on a narrow terminal a value has fewer, and at least SHORTEST."""
SHORTEST = 12
_TITLES = {
    "packs": "packs",
    "environments": "environments (the first that holds a stack counts)",
    "budgets": "budgets, in US dollars (the first that holds a stack counts, for each amount)",
    "guardrails": "guardrails",
}

Row = tuple[str, Any, str]
"""Name, value, and where it is from."""


def render(
    values: Sequence[Effective], where: str, *, whole: bool = False, color: bool = False, width: int | None = None
) -> str:
    """The values as text, as wide as the terminal where they can be; ``whole`` shows long ones in full."""
    columns = width or shutil.get_terminal_size((110, 40)).columns
    selected_by = {value.key.rpartition(".")[0]: value.origin for value in values if value.key.endswith(".selected")}
    lines: list[str | Row] = [_style(where, "1", color)]
    title: str | None = None
    for value in values:
        section, _, name = value.key.partition(".")
        if value.key.endswith(".selected"):
            continue
        heading = _TITLES.get(section, section) if name else ""
        if heading != title:
            lines += ["", *([_style(heading, "1", color)] if heading else [])]
            title = heading
        lines.append(_row(section, name or section, value, selected_by))
    rows = [line for line in lines if not isinstance(line, str)]
    names = min(LONGEST, max((len(name) for name, _, _ in rows), default=0))
    room = columns - names - 6

    def fits(source: str) -> int:
        # Where the source alone fills the line, nothing is won by a shorter value.
        return min(LONGEST, room - len(source)) if room - len(source) >= SHORTEST else LONGEST

    aligned = min((fits(source) for _, _, source in rows), default=0)
    texts = []
    for line in lines:
        if not isinstance(line, str):
            name, value, source = line
            # One long source does not shorten the values of all: only the column begins where all have room.
            shown = _shown(value, None if whole else fits(source))
            line = f"  {name:<{names}}  {shown:<{aligned}}  {_style(source, '2', color)}"
        texts.append(line)
    return "\n".join(text.translate(_CONTROL).rstrip() for text in texts) + "\n"


# All but what ends a line and what begins a colour.
_CONTROL = dict.fromkeys((*range(9), *range(11, 27), *range(28, 32), *range(127, 160)), "\ufffd")


def _row(section: str, name: str, value: Effective, selected_by: Mapping[str, Origin]) -> Row:
    source = _source(value.origin)
    if section == "guardrails":
        guardrail, _, part = name.partition(".")
        chosen = selected_by.get(f"guardrails.{guardrail}")
        if part != "enforcement":
            return f"  {part.removeprefix('params.')}", value.value, source
        if chosen is not None and chosen.layer is not value.origin.layer:
            source = f"{source}; by {_source(chosen)}"
        return guardrail, value.value, source
    if section == "budgets" and isinstance(value.value, dict):
        scope = [*value.value.get("environments", ()), *value.value.get("stacks", ())]
        return name, f"{value.value['amount']:,}" + (f"  of {', '.join(scope)}" if scope else ""), source
    if section == "environments":
        name = name.removesuffix(".stacks")
    return name, value.value, source


def _shown(value: Any, fits: int | None) -> str:
    """A value in at most so many characters, or in full."""
    if value is None:
        return "none"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _shortened(value, fits) if value else "[]"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if fits is None or len(text) <= fits else text[: fits - 1] + "…"


def _shortened(items: Sequence[str], fits: int | None) -> str:
    """As many of a list as there is room for, and how many more there are."""
    for many in range(len(items), 0, -1):
        more = len(items) - many
        text = ", ".join(items[:many]) + (f", … {more} more" if more else "")
        if fits is None or len(text) <= fits:
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


def _style(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
