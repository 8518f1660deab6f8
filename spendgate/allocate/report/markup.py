"""HTML out of data that nobody trusts: every text is escaped unless it is ``Safe``, and what hides or turns text is
shown by its code point."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Controls, marks of direction and what has no width: by these a name can look like another one."""


_BREAKS: Final = re.compile("[\n\r\t]")


class Safe(str):
    """Markup made by this package."""

    __slots__ = ()


def visible(value: object) -> str:
    """A text in which nothing is hidden: ``⟨U+202E⟩`` for a mark that turns the direction."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", "" if value is None else str(value))


def one_line(value: object) -> str:
    """As ``visible``, without ends of lines: what stands in a bill must not forge a line of a list."""
    return _BREAKS.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", visible(value))


def text(value: object) -> Safe:
    """A value between tags or inside a quoted attribute."""
    return value if isinstance(value, Safe) else Safe(escape(visible(value), quote=True))


def name(value: object) -> Safe:
    """A name that somebody gave: its direction of writing stays its own."""
    return Safe(f"<bdi>{text(value)}</bdi>") if value not in (None, "") else Safe("")


def join(parts: Iterable[object], between: str = "") -> Safe:
    """The parts one after the other."""
    return Safe(between.join(text(part) for part in parts))


def element(tag: str, content: object = "", **attributes: object) -> Safe:
    """One element; ``class_`` is the class, an attribute that is None is left out."""
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Safe(f"<{tag}{listed}>{text(content)}</{tag}>")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: ``number`` ones stand to the right."""

    title: str
    number: bool = False


def table(
    caption: str, columns: Sequence[Column], body: Iterable[Sequence[object]], foot: Sequence[object] | None = None
) -> Safe:
    """A table with a caption and headed columns and rows, in a frame that scrolls by itself and by keyboard."""

    def row(cells: Sequence[object]) -> Safe:
        first, *rest = zip(columns, cells, strict=True)
        head = element("th", first[1], scope="row", class_="n" if first[0].number else None)
        return element("tr", join([head, *(element("td", cell, class_="n" if c.number else None) for c, cell in rest)]))

    head = join(element("th", c.title, scope="col", class_="n" if c.number else None) for c in columns)
    parts = [element("caption", caption), element("thead", element("tr", head)), element("tbody", join(map(row, body)))]
    if foot is not None:
        parts.append(element("tfoot", row(foot)))
    made = element("table", join(parts))
    return element("div", made, class_="scroll", role="region", tabindex="0", aria_label=caption)


def section(identity: str, title: str, *content: object, level: int = 2) -> Safe:
    """A part of a page under a heading that links can name."""
    head = element(f"h{level}", title, id=identity)
    return element("section", join([head, *content], "\n"), aria_labelledby=identity)


def page(title: str, style: str, body: Safe) -> str:
    """A whole document. Its policy lets a browser load and run nothing, whatever stood in the data."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    head = join(
        [
            Safe('<meta charset="utf-8">'),
            Safe(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Safe('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Safe('<meta name="color-scheme" content="light dark">'),
            Safe('<meta name="referrer" content="no-referrer">'),
            element("title", title),
            Safe(f"<style>\n{style}</style>"),
        ],
        "\n",
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
