"""Tokens on a bill: how many a unit is, and whether they were read, read from a cache, written into one, or written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from spendgate.reconcile.model import Charge, EstimatedLine

MILLION_TOKENS: Final = "million tokens"

CACHED: Final = "cached input"
CACHE_WRITE: Final = "cache write"
INPUT: Final = "input"
OUTPUT: Final = "output"

_UNIT: Final = re.compile(r"(?:per )?([\d,]*) ?(k|m|thousands?|millions?)?(?: of)? ?(tokens?)?")
_TIMES: Final = {"": 1, "k": 1000, "m": 1_000_000, "thousand": 1000, "million": 1_000_000}

_DIRECTIONS: Final = (
    (CACHE_WRITE, re.compile(r"cache[- ]?write")),
    (CACHED, re.compile(r"cache[- ]?(read|hit)|cached|\bcchd\b")),
    (OUTPUT, re.compile(r"output|\bouts?t?\b|\boutp\b")),
    (INPUT, re.compile(r"input|\binp?t?\b")),
)
"""Usage types of Bedrock end with -input-tokens, -output-tokens, -cache-read-input-token-count and so on
(docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html, 2026-11-21); others use words."""

ROUTES: Final = ("us", "eu", "apac", "global")
"""What stands before a model's id where Bedrock chooses among regions (its inference profiles)."""


def million_tokens(charge: Charge) -> Fraction | None:
    """How many million tokens one unit of a charge is; None where it does not count tokens. A bare "1K" does, where the
    text speaks of tokens."""
    found = _UNIT.fullmatch(charge.unit.strip().lower())
    if found is None or not (found[3] or (found[2] and "token" in charge.text.lower())):
        return None
    digits = found[1].replace(",", "")
    return Fraction(int(digits or 1) * _TIMES[(found[2] or "").removesuffix("s")], 1_000_000)


def direction_of(text: str) -> str | None:
    """Which way the tokens of a charge or an item went; None where its text does not say."""
    low = text.lower()
    return next((name for name, pattern in _DIRECTIONS if pattern.search(low)), None)


def fits(line: EstimatedLine, charge: Charge) -> bool:
    """Whether a charge may be of a line that is priced by the token: they went the same way."""
    return way_of(line) == direction_of(charge.text)


def way_of(line: EstimatedLine) -> str | None:
    """Which way the tokens of an estimated line go: its item ends with it, after the model's id."""
    return next((way for way in (CACHED, OUTPUT, INPUT) if line.item.endswith(f" {way}")), None)


def model_of(lines: Iterable[EstimatedLine]) -> str | None:
    """The provider's id of the model that lines are of: the item without the way that the tokens go."""
    found = ((line.item, way_of(line)) for line in lines if line.unit == MILLION_TOKENS)
    return next((item.removesuffix(f" {way}") for item, way in found if way is not None), None)


def names_of(model: str | None) -> tuple[str, ...]:
    """How a bill may name a model."""
    return (model, *(f"{route}.{model}" for route in ROUTES)) if model else ()
