"""From what a program passes to a component's typed arguments: from keywords, or from Pulumi's provider protocol."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

import pulumi

from spendgate.errors import did_you_mean
from spendgate_components.errors import ArgumentError

T = TypeVar("T")


def read(kind: type[T], args: T | Mapping[str, Any] | None, given: Mapping[str, Any], path: str = "") -> T:
    """Arguments of ``kind`` from one object, or a mapping, or keywords.

    Raises ArgumentError for a word that is none of its arguments, for one that misses, and for a value that is known
    only after apply where it has to be known before: what a component chooses and what it costs depend on it.
    """
    if isinstance(args, kind):
        if given:
            raise ArgumentError("arguments are given twice", remedy="Write args or keywords, not both.")
        return args
    if args is not None and not isinstance(args, Mapping):
        expected = f"{kind.__name__} or a mapping with its fields"
        raise ArgumentError(f"{path or 'args'} is a {type(args).__name__}", remedy=f"Write {expected}.")
    values = {**(args or {}), **given}
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for word in values:
        if word not in known:
            near = did_you_mean(word, known) or f"Arguments are {', '.join(known)}."
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


def _hint(kind: type[Any], missing: list[str]) -> str:
    return f"Write {', '.join(f'{name}=…' for name in missing)} ({kind.__name__})."


def _value(value: Any, hint: Any, path: str) -> Any:
    if value is None:
        return None
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    takes_outputs = any(
        isinstance(option, typing.ForwardRef) or typing.get_origin(option) is pulumi.Output for option in options
    )
    if isinstance(value, pulumi.Output) and not takes_outputs:
        remedy = (
            "Take it from the stack's configuration, as no secret: what is chosen, and what it costs, depends on it."
        )
        raise ArgumentError(f"{path} is known only after apply, or secret", remedy=remedy)
    held = next((typing.get_args(option)[1] for option in options if typing.get_origin(option) is dict), None)
    if held is not None and is_dataclass(held) and isinstance(value, Mapping):
        for key, item in value.items():
            if item is None:
                raise ArgumentError(
                    f"{path}.{key} says nothing", remedy=f"Write {getattr(held, '__name__', 'it')}(…), or leave it out."
                )
        return {key: _value(item, held, f"{path}.{key}") for key, item in value.items()}
    nested = next((option for option in options if is_dataclass(option)), None)
    if nested is None or isinstance(value, nested):  # type: ignore[arg-type]
        return value
    sequence = getattr(nested, "from_sequence", None)
    if sequence is not None and isinstance(value, (tuple, list)):
        return sequence(value)
    return read(nested, value, {}, f"{path}.")  # type: ignore[arg-type]
