"""Semantic versions (semver.org, 2.0.0, without build metadata), and the step from one to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from spendgate import __version__
from spendgate.errors import InputError, Place

_NUMBER: Final = r"(0|[1-9]\d{0,8})"
_IDENTIFIER: Final = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?")
_NEEDS: Final = re.compile(r">=\s*(\S+)")


class Step(IntEnum):
    """How far two versions are apart by their meaning, the smallest first."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version. ``before`` are the identifiers of a version that comes before the release itself."""

    major: int
    minor: int
    patch: int
    before: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[object, ...]:
        """What versions are sorted by: a number before a word, and either before the release itself."""
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.before)
        return (self.major, self.minor, self.patch, not self.before, parts)

    def after(self, step: Step) -> Version:
        """The version that is one step further. Below 1.0.0 nothing is promised yet: what would be a new major version
        is a new minor one there, as semver.org has it."""
        if step is Step.NONE:
            return self
        if step is Step.MAJOR and self.major:
            return Version(self.major + 1, 0, 0)
        if step is Step.MAJOR or (step is Step.MINOR and self.major):
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return f"{text}-{'.'.join(self.before)}" if self.before else text


def parse(text: str) -> Version | None:
    """The version that a text is; None where it is none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    return Version(int(match[1]), int(match[2]), int(match[3]), tuple(match[4].split(".")) if match[4] else ())


def step(old: Version, new: Version) -> Step:
    """How far ``new`` is from ``old`` by its numbers."""
    if new.major != old.major:
        return Step.MAJOR
    if new.minor != old.minor:
        return Step.MINOR
    return Step.NONE if new == old else Step.PATCH


def check_needs(needs: str, pack: str, place: Place | None = None) -> None:
    """Raise InputError where a pack needs a newer spendgate than this one. ``needs`` reads ``>=0.1.0``."""
    match = _NEEDS.fullmatch(needs.strip())
    wanted = parse(match[1]) if match else None
    if wanted is None:
        raise InputError(f'requires.spendgate is "{needs}"', place=place, remedy='It is written as ">=0.1.0".')
    here = parse(__version__)
    if here is not None and here.order < wanted.order:
        raise InputError(
            f"the pack {pack} needs spendgate {needs}, and this is {__version__}",
            place=place,
            remedy="Update it (pip install --upgrade spendgate), or use an older version of the pack.",
        )
