"""Errors that a user can act on: what happened, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file; line and column count from 1, as editors do."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class InputError(Exception):
    """Wrong usage, configuration or input (exit code 2): one or two lines, never a traceback.

    ``message`` says what, ``place`` where, ``remedy`` what to do; ``detail`` is text shown as it is
    below them (a caret line, or the traceback of the user's own program).
    """

    def __init__(
        self,
        message: str,
        *,
        place: Place | str | Path | None = None,
        remedy: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = Place(str(place)) if isinstance(place, (str, Path)) else place
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        return "\n".join(part for part in (head, self.detail, self.remedy) if part)


class InputErrors(InputError):
    """Several input errors found in one go: one broken file does not hide the next."""

    def __init__(self, errors: Iterable[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    def __str__(self) -> str:
        return self.message


def raise_together(errors: Sequence[InputError]) -> None:
    """Raise what was found: nothing, the one error, or all of them in one."""
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """``did you mean "x"?`` for the nearest known word, or None when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else None
