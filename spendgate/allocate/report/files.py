"""File names for teams, whatever they are called."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Names that Windows keeps for devices."""

OURS: Final = re.compile(r"[a-z0-9_-]{1,60}(?:\.[0-9a-f]{12})?\.html")
"""Every name that ``page_name`` gives."""


def page_name(team: str) -> str:
    """A name of lower-case letters, digits, ``-`` and ``_``, another one for each team on every file system.

    A team whose name is not already such a name gets a mark of its whole name, after a dot, which no plain name has.

    >>> page_name("nlp")
    'nlp.html'
    >>> page_name("../NLP")
    'nlp.af93d3907fae.html'
    """
    if _PLAIN.fullmatch(team) and team not in _RESERVED:
        return f"{team}.html"
    stem = re.sub(r"[^a-z0-9_-]+", "-", team.lower()).strip("-")[:40] or "team"
    mark = sha256(team.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{stem}.{mark}.html"
