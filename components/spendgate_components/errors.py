"""What a component says when its arguments make no sense: before any child is registered."""

from __future__ import annotations

import pulumi

from spendgate.errors import InputError, did_you_mean


class ArgumentError(InputError, pulumi.RunError):
    """Arguments that a component refuses: which one, why, and what to write instead.

    It is a ``RunError`` as well, so that Pulumi shows these lines and no traceback.
    """


def one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    """``value`` if it is known. Raises ArgumentError that lists the known words."""
    if value in known:
        return value
    listed = f"Write one of {', '.join(known)}."
    near = did_you_mean(str(value), known)
    raise ArgumentError(f'{name} is "{value}"', remedy=f"{near} {listed}" if near else listed)


def positive(name: str, value: float | None, unit: str) -> float | None:
    """``value``, where there is one, if it is above 0 and no more than a million. Raises ArgumentError."""
    if value is not None and not 0 < value <= 1_000_000:
        raise ArgumentError(f"{name} is {value:g}", remedy=f"Write a number of {unit} above 0.")
    return value


def whole_number(name: str, value: object, least: int, most: int, unit: str = "") -> int:
    """``value`` as a whole number within bounds, both included. Raises ArgumentError."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
        return number
    shown = f"{value:g}" if isinstance(value, float) else repr(value)
    of = f" of {unit}" if unit else ""
    raise ArgumentError(f"{name} is {shown}", remedy=f"Write a whole number{of} from {least} to {most}.")
