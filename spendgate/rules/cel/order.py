"""Maps in an order that does not change from run to run.

cel-cpp goes through a map in the order of its hash table, which is seeded anew for each process: a list that ``filter``
or ``map`` makes of one, and a message that joins it, would say the same in another order each time. So what is
evaluated goes through the sorted keys. The check sees the expression as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from spendgate.rules.cel.types import MapOf, Schema, below

SORTED: Final = "sorted__keys"
"""What the sorted keys of a map are called in the environment of evaluation; no guardrail can name it."""

_TEXT: Final = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_GOES_THROUGH: Final = re.compile(
    rf"""{_TEXT}|(?<![\w.)\]])(?P<path>[a-z_]\w*(?:\.\w+)*)(?P<entry>\[[^\[\]]*\])?(?=\.(?:filter|map)\()"""
)


def sorted_keys(over: Any) -> list[Any]:
    """The keys of a map, sorted as texts are."""
    if not isinstance(over, Mapping):
        raise TypeError("only a map has keys")
    return sorted(over, key=str)


def in_order(expression: str, schema: Schema) -> str:
    """The expression, going through the sorted keys where it filters or maps a map of the schema."""
    if ".filter(" not in expression and ".map(" not in expression:
        return expression

    def ordered(match: re.Match[str]) -> str:
        path = match["path"]
        if path is None:
            return match[0]
        parts = tuple(path.split("."))
        type_ = below(schema, parts) if schema.type_of(parts[0]) is not None else None
        if match["entry"] is not None:
            type_ = type_.value if isinstance(type_, MapOf) else None
        return f"{SORTED}({match[0]})" if isinstance(type_, MapOf) else match[0]

    return _GOES_THROUGH.sub(ordered, expression)
