"""Patterns of ``matches``: RE2's syntax, of which Java's engine reads some otherwise.

What both read alike is rewritten where Java has other defaults; what they do not is refused.
Sources: github.com/google/re2/wiki/Syntax and the API documentation of java.util.regex.Pattern (Java 17).
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(r"\\(?:[dDwWsSbBAzntrf]|[pP]\{[A-Z][a-z]?\}|x[0-9A-Fa-f]{2}|[^\w\s])")
_REPEAT: Final = re.compile(r"(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??")
_GROUP: Final = re.compile(r"\((?:\?(?::|[is]{1,2}[:)])|(?!\?))")
_CLASS: Final = re.compile(rf"\[\^?(?:{_ESCAPES.pattern}|[^\]\[\\&])+\]")
_SPACE: Final = {"\\s": r"[\t\n\f\r ]", "\\S": r"[^\t\n\f\r ]"}


def java(pattern: str) -> str:
    """The pattern as java.util.regex reads it, with the meaning that RE2 gives it.

    Raises ValueError, which names the part, for what the two read otherwise or one of them does not know.
    """
    made = ["(?d)"]
    at, repeats = 0, False
    while at < len(pattern):
        char = pattern[at]
        found = {"\\": _ESCAPES, "[": _CLASS, "(": _GROUP, "*": _REPEAT, "+": _REPEAT, "?": _REPEAT, "{": _REPEAT}.get(
            char
        )
        part = found.match(pattern, at) if found else None
        if (found and part is None) or (found is _REPEAT and repeats):
            raise ValueError(pattern[at : at + 8])
        text = part.group() if part else char
        made.append(_written(text))
        repeats = found is _REPEAT
        at += len(text)
    return "".join(made)


def _written(text: str) -> str:
    if text == "$":
        return r"\z"
    if text.startswith("(?") and "i" in text:
        return text.replace("i", "iu", 1)
    if text.startswith("["):
        return text.replace(r"\s", r"\t\n\f\r ")
    return _SPACE.get(text, text)
