"""Why an evaluation failed, in one vocabulary for both engines and without any value: it may be a secret."""

from __future__ import annotations

import re

from spendgate.rules.cel.model import MAX_ITERATIONS, EvalError

MESSAGES = {
    "missing": "something is read that is not there; ask has(...) or 'key' in ... first",
    "type": "an operator or function does not work on the types of these values",
    "conversion": "a value cannot be converted",
    "overflow": "a whole number is too large",
    "division": "a division by zero",
    "index": "an index is outside its list",
    "regex": "the pattern of matches() is no regular expression",
    "duplicate": "a map has the same key twice",
    "iterations": f"more than {MAX_ITERATIONS:,} iterations",
    "other": "it cannot be evaluated",
}

_KEY = re.compile(
    r"""(?:Key not found in map : |No value with name |no such member in mapping: )["'](?P<key>.*?)["']"""
)
_OVERLOAD = re.compile(r"No matching overloads found : (?P<call>.+)")
# What cel-cpp says, and which kind that is; the first that fits.
_KINDS = (
    ("Key not found", "missing"),
    ("No value with name", "missing"),
    ("no such member", "missing"),
    ("No matching overloads", "type"),
    ("non-message type", "type"),
    ("Invalid container type", "type"),
    ("Invalid map key type", "type"),
    ("overflow", "overflow"),
    ("out of range", "overflow"),
    ("out of int64 range", "overflow"),
    ("divide by zero", "division"),
    ("modulus by zero", "division"),
    ("Index error", "index"),
    ("regular expression", "regex"),
    ("join takes", "type"),
    ("conver", "conversion"),
    ("duplicate key", "duplicate"),
    ("Iteration budget", "iterations"),
)


def fault(text: str, expression: str) -> EvalError:
    """The error for what cel-cpp says."""
    kind = next((kind for sign, kind in _KINDS if sign in text), "other")
    if kind == "missing" and (match := _KEY.search(text)):
        return missing(match["key"], expression)
    if match := _OVERLOAD.search(text):
        return EvalError(kind, _overload(match["call"]))
    return EvalError(kind, MESSAGES[kind])


def missing(key: str, expression: str) -> EvalError:
    """The error for a key that is not there. It is named where the expression itself names it: else it is a value."""
    if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", expression):
        return EvalError("missing", f"there is no \"{key}\"; ask has(...) or '{key}' in ... first")
    return EvalError("missing", MESSAGES["missing"])


def _overload(call: str) -> str:
    """``_>_(string, int64)`` as an author reads it; cel-cpp names types here and no values."""
    head, _, types = call.partition("(")
    if call.startswith("("):
        receiver, _, rest = call[1:].partition(").")
        head, _, arguments = rest.partition("(")
        types = ", ".join(part for part in (receiver, arguments.rstrip(")")) if part)
    operator = "? :" if "jump" in head else head.strip("_") or head
    types = types.rstrip(")").replace("int64", "int")
    return f"{operator} does not work on ({types})" if types else f"{operator} does not work on these values"
