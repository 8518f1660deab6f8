"""From what a program passes to a component's typed arguments: from keywords, or from Pulumi's provider protocol."""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final, TypeVar

import pulumi
from pulumi.output import Unknown

from spendgate.errors import did_you_mean
from spendgate_components.errors import ArgumentError

T = TypeVar("T")


def read(kind: type[T], args: T | Mapping[str, Any] | None, given: Mapping[str, Any], path: str = "") -> T:
    """Arguments of ``kind`` from one object, or a mapping, or keywords.

    Raises ArgumentError for a word that is none of its arguments, for one that misses or is of another type, and for a
    value that is known only after apply where it has to be known before: what a component chooses and what it costs
    depend on it.
    """
    if isinstance(args, kind):
        if given:
            raise ArgumentError("arguments are given twice", remedy="Write args or keywords, not both.")
        args = {field.name: getattr(args, field.name) for field in fields(kind)}  # type: ignore[arg-type]
    if args is not None and not isinstance(args, Mapping):
        expected = f"{kind.__name__} or a mapping with its fields"
        raise ArgumentError(f"{path.rstrip('.') or 'args'} is {_article(args)}", remedy=f"Write {expected}.")
    values = {**(args or {}), **given}
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for word in values:
        if word not in known:
            near = did_you_mean(str(word), known) or f"Arguments are {', '.join(known)}."
            raise ArgumentError(f'no argument "{path}{word}"', remedy=near)
    missing = [
        name
        for name, field in known.items()
        if values.get(name) is None and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        names = ", ".join(path + name for name in missing)
        raise ArgumentError(f"{names} {'is' if len(missing) == 1 else 'are'} missing", remedy=_hint(kind, missing))
    # As they stand: resolving them would have to resolve Pulumi's own forward reference to Output as well.
    hints = {name: field.type for name, field in known.items()}
    return kind(**{name: _value(value, hints[name], path + name) for name, value in values.items()})


def need(args: Any, words: Sequence[str], platform: str) -> None:
    """That what a platform cannot do without is there. Raises ArgumentError."""
    missing = [word for word in words if not getattr(args, word)]
    if missing:
        raise ArgumentError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing for {platform}",
            remedy=f"Write {', '.join(f'{word}=…' for word in missing)}.",
        )


def belong(args: Any, of_platform: Mapping[str, Sequence[str]], platform: str) -> None:
    """That nothing is said which is for other platforms only. Raises ArgumentError."""
    for word in dict.fromkeys(word for words in of_platform.values() for word in words):
        if getattr(args, word) is not None and word not in of_platform[platform]:
            takes = ", ".join(name for name, words in of_platform.items() if word in words)
            raise ArgumentError(f"{word} is for {takes}, not for {platform}", remedy="Leave it out.")


def _hint(kind: type[Any], missing: list[str]) -> str:
    return f"Write {', '.join(f'{name}=…' for name in missing)} ({kind.__name__})."


def _value(value: Any, hint: Any, path: str) -> Any:
    """``value`` as the annotation has it. Raises ArgumentError where it is of another type."""
    if value is None:
        return None
    options = _options(hint)
    if isinstance(value, (pulumi.Output, Unknown, Awaitable)):
        if any(
            isinstance(option, typing.ForwardRef) or typing.get_origin(option) is pulumi.Output for option in options
        ):
            return value
        remedy = (
            "Take it from the stack's configuration, as no secret: what is chosen, and what it costs, depends on it."
        )
        raise ArgumentError(f"{path} is known only after apply, or secret", remedy=remedy)
    for option in options:
        origin, inner = typing.get_origin(option), typing.get_args(option)
        if is_dataclass(option):
            sequence = getattr(option, "from_sequence", None)
            if sequence is not None and isinstance(value, (tuple, list)):
                value = sequence(value)
            return read(option, value, {}, f"{path}.")  # type: ignore[arg-type]
        if origin is dict:
            return _mapping(value, inner[1], path)
        if origin is list:
            return _listed(value, inner[0], path)
    return _plain(value, options, path)


def _options(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows."""
    nested = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return tuple(one for option in typing.get_args(hint) for one in _options(option)) if nested else (hint,)


def _mapping(value: Any, held: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{path} is {_article(value)}", remedy=f'Write {path.rsplit(".", 1)[-1]}={{"name": …}}.')
    found = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ArgumentError(f"{path} has the key {key!r}", remedy="Write texts as keys.")
        if item is None and held is not Any:
            raise ArgumentError(
                f"{path}.{key} says nothing", remedy=f"Write {getattr(held, '__name__', 'it')}(…), or leave it out."
            )
        found[key] = item if held is Any else _value(item, held, f"{path}.{key}")
    return found


def _listed(value: Any, held: Any, path: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(f"{path} is {_article(value)}", remedy=f"Write a list: {path.rsplit('.', 1)[-1]}=[…].")
    for at, item in enumerate(value):
        if item is None:
            raise ArgumentError(f"{path}[{at}] says nothing", remedy="Write it, or leave it out.")
    return [_value(item, held, f"{path}[{at}]") for at, item in enumerate(value)]


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WRITTEN: Final[Mapping[type[Any], str]] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def _plain(value: Any, options: Sequence[Any], path: str) -> Any:
    """A text, number, or truth value. A whole number may come as 3.0, as Pulumi's protocol has it."""
    if bool in options or str in options:
        kind: type[Any] = bool if bool in options else str
        if isinstance(value, kind):
            if isinstance(value, str) and not value.strip():
                raise ArgumentError(f"{path} is empty", remedy="Write it, or leave it out.")
            if isinstance(value, str) and _CONTROL.search(value):
                raise ArgumentError(f"{path} has a character that cannot be seen", remedy="Leave it out.")
            return value
    elif int in options:
        kind = int
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif float in options:
        kind = float
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return value
    else:
        return value
    raise ArgumentError(f"{path} is {_article(value)}", remedy=f"Write {_WRITTEN[kind]}.")


def _article(value: Any) -> str:
    """What a value is, in words; itself only where it is short and cannot hold what nobody should read."""
    if isinstance(value, (bool, int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)[:40]
    names: dict[type[Any], str] = {str: "a text", dict: "a mapping", list: "a list", tuple: "a list"}
    return names.get(type(value), f"of the type {type(value).__name__}")
