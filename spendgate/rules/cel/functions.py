"""The functions that both engines have beyond the CEL standard: ``list.join(separator)``, for messages."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from spendgate.rules.cel.order import SORTED, sorted_keys


def join(items: list[Any], separator: str) -> str:
    """The items as text, with the separator between them."""
    return separator.join(_text(item) for item in items)


def _text(item: Any) -> str:
    if item is None or isinstance(item, (list, dict)):
        raise TypeError("join takes texts, numbers and booleans")
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float) and item.is_integer() and abs(item) < 1e15:
        return str(int(item))
    return str(item)


@lru_cache(maxsize=1)
def declarations() -> list[Any]:
    """The declarations for cel-expr-python."""
    from cel_expr_python import cel

    overload = cel.Overload(
        "list_join_string",
        return_type=cel.Type.STRING,
        parameters=[cel.Type.List(cel.Type.DYN), cel.Type.STRING],
        is_member=True,
        impl=join,
    )
    return [cel.FunctionDecl("join", [overload])]


@lru_cache(maxsize=1)
def sorted_keys_declaration() -> Any:
    """The declaration of what goes through a map in order, for the environment of evaluation."""
    from cel_expr_python import cel

    overload = cel.Overload(
        "sorted_keys_map",
        return_type=cel.Type.List(cel.Type.DYN),
        parameters=[cel.Type.Map(cel.Type.DYN, cel.Type.DYN)],
        is_member=False,
        impl=sorted_keys,
    )
    return cel.FunctionDecl(SORTED, [overload])
