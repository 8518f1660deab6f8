"""Keeps secrets out of everything that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spendgate.resource import Resource, Secret, Value

MASK = "[secret]"
SHORTEST = 4
"""Shorter secrets of resources are not looked for: they would blank out ordinary words and numbers."""


def mask(texts: Iterable[str], config: Iterable[Value], resources: Iterable[Resource] = ()) -> list[str]:
    """``texts`` with every secret text of ``config`` and of ``resources`` replaced."""
    hidden = {text for value in config for text in _secret_texts(value, 1)}
    hidden |= {text for resource in resources for text in _secret_texts(resource.properties, SHORTEST)}
    return [masked(text, hidden) for text in texts]


def masked(text: str, hidden: Iterable[str]) -> str:
    """``text`` without any of ``hidden``; longer ones first, as one may hold another."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secret_texts(value: Value, shortest: int, inside: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, shortest, True)
    elif isinstance(value, str):
        if inside and len(value.strip()) >= shortest:
            yield value
            yield from (line for line in value.splitlines() if len(line.strip()) >= max(shortest, SHORTEST))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secret_texts(item, shortest, inside)
    elif isinstance(value, list):
        for item in value:
            yield from _secret_texts(item, shortest, inside)
