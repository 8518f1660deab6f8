"""What reading a declaration can give: a known value, nothing (it is not declared), or a reason why it is unclear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Known:
    """A value and the property path it was read from; ``default`` marks a documented default, not a declaration."""

    value: Any
    path: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class Unclear:
    """There may be a value, but it cannot be told: the property path and why, in words."""

    reason: str


class Absent:
    """Nothing is declared. There is one: ``ABSENT``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

Outcome: TypeAlias = Known | Unclear | Absent


def not_known_yet(path: str) -> Unclear:
    """A property that is computed and not known at preview."""
    return Unclear(f"{path}: known only after apply")


def wrong_type(path: str, expected: str, value: Any) -> Unclear:
    """A property that does not hold what it should; its value is not repeated, it may be a secret."""
    return Unclear(f"{path}: expected {expected}, found {_type_in_words(value)}")


def _type_in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a value of type {type(value).__name__.lower()}"
