"""Templates in which built-in answers are written: plain data with ``${...}`` where it depends on the question.

``${a.b[c].d ?? 'text' ?? null}`` looks up ``a.b``, indexes it with the value of ``c``, and falls back from left to
right. A text that is one such expression takes its value as it is; inside a longer text it becomes text. An
expression without a value and without a fallback means that the whole answer does not apply. A mapping with
``$each``, ``$as`` and ``$value`` makes a list: one ``$value`` for each item (of those that begin with ``$prefix``,
and without those that ``$except`` lists, where these are given); with ``$take: first`` it is the first of them alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

EXPRESSION: Final = re.compile(r"\$\{([^}]*)\}")
STEP: Final = re.compile(r"\.?([A-Za-z_][\w-]*)|\[((?:[^\[\]]|\[[^\[\]]*\])+)\]")
"""A name, or an index in brackets; within an index one more pair of brackets may stand."""


class NoAnswerError(Exception):
    """The template needs a value that the question does not give: there is no answer."""


def fill(template: Any, names: Mapping[str, Any]) -> Any:
    """``template`` with its expressions replaced; raises ``NoAnswerError`` where one has no value."""
    if isinstance(template, str):
        return _text(template, names)
    if isinstance(template, Mapping):
        if "$each" in template:
            return _each(template, names)
        filled = {str(key): fill(item, names) for key, item in template.items()}
        return {key: item for key, item in filled.items() if item is not None}
    if isinstance(template, list):
        return [fill(item, names) for item in template]
    return template


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of ``expression`` (without ``${}``); raises ``NoAnswerError`` where it has none."""
    for alternative in expression.split("??"):
        source = alternative.strip()
        if source == "null":
            return None
        if source[:1] == "'":
            return source.strip("'")
        value = _look_up(source, names)
        if value is not None:
            return value
    raise NoAnswerError(expression)


def _text(template: str, names: Mapping[str, Any]) -> Any:
    whole = EXPRESSION.fullmatch(template)
    if whole:
        return evaluate(whole.group(1), names)
    return EXPRESSION.sub(lambda found: str(evaluate(found.group(1), names)), template)


def _each(template: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    prefix = fill(template.get("$prefix", ""), names)
    left_out = fill(template.get("$except"), names) or ()
    each = fill(template["$each"], names)
    items = [item for item in each if str(item).startswith(prefix) and item not in left_out]
    name = template.get("$as", "item")
    values = [fill(template["$value"], {**names, name: item, "index": index}) for index, item in enumerate(items)]
    if template.get("$take") != "first":
        return values
    if not values:
        raise NoAnswerError(template["$each"])
    return values[0]


def _look_up(path: str, names: Mapping[str, Any]) -> Any:
    value: Any = names
    for name, index in STEP.findall(path):
        key = name or _look_up(index, names)
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and str(key).isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
