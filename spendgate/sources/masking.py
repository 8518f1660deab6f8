"""Keeps secrets out of everything that is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spendgate.resource import UNKNOWN, Resource, Secret, Value

MASK = "[secret]"
SHORTEST = 4
"""Shorter secrets of resources are not looked for: they would blank out ordinary words and numbers."""


def mask(texts: Iterable[str], config: Iterable[Value], resources: Iterable[Resource] = ()) -> list[str]:
    """``texts`` with every secret text of ``config`` and of ``resources`` replaced."""
    hidden = secret_texts(config, (resource.properties for resource in resources))
    return [masked(text, hidden) for text in texts]


def secret_texts(config: Iterable[Value], others: Iterable[Value] = ()) -> frozenset[str]:
    """Every text that is not to be shown: the secrets of ``config``, whatever their length, and the longer ones of
    ``others``, as they are and as JSON, Python and the names of packages write them."""
    found = {text for value in config for text in _secret_texts(value, 1)}
    found |= {text for value in others for text in _secret_texts(value, SHORTEST)}
    return frozenset(spelling for text in found for spelling in _spellings(text) if spelling.strip())


def masked(text: str, hidden: Iterable[str]) -> str:
    """``text`` without any of ``hidden`` in any case; longer ones first, as one may hold another."""
    folded = text.casefold()
    for secret in sorted(hidden, key=len, reverse=True):
        if secret.casefold() in folded:
            text = re.sub(re.escape(secret), MASK, text, flags=re.IGNORECASE)
    return text


def masked_value(value: Any, hidden: Iterable[str]) -> Any:
    """``value`` with its texts masked; a text that is all secret becomes a ``Secret`` without its content."""
    if isinstance(value, str):
        text = masked(value, hidden)
        return Secret(UNKNOWN) if text == MASK else text
    if isinstance(value, Mapping):
        return {masked(str(key), hidden): masked_value(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item, hidden) for item in value]
    return value


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    if re.fullmatch(r"[\w.-]+", text):
        yield re.sub(r"[-_.]+", "-", text)


def _secret_texts(value: Value, shortest: int, inside: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, shortest, True)
    elif isinstance(value, str):
        if inside and len(value.strip()) >= shortest:
            yield value
            yield from (line for line in value.splitlines() if len(line.strip()) >= max(shortest, SHORTEST))
            yield from _inside_json(value, max(shortest, SHORTEST))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secret_texts(item, shortest, inside)
    elif isinstance(value, list):
        for item in value:
            yield from _secret_texts(item, shortest, inside)


def _inside_json(text: str, shortest: int) -> Iterator[str]:
    """The texts of a secret that is written as JSON: a program that reads it as an object has each by itself."""
    if text.lstrip()[:1] not in ("{", "["):
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _secret_texts(document, shortest, True)
