"""What is wrong with an expression, in an author's words: the engine's own word for it, brought to one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from spendgate.rules.cel.model import Issue
from spendgate.rules.cel.types import ListOf, MapOf, Message, Schema, Type

FUNCTIONS = (
    "all", "bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "exists", "exists_one", "filter",
    "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds",
    "getMinutes", "getMonth", "getSeconds", "has", "int", "join", "map", "matches", "size", "startsWith", "string",
    "timestamp", "type", "uint",
)  # fmt: skip
"""What an expression may call: the standard functions and macros of CEL, and ``join``."""

_FIELD = re.compile(r"undefined field '(?P<field>[^']+)' not found in struct '(?:spendgate\.)?(?P<message>[^']+)'")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']+)'")
_OVERLOAD = re.compile(r"found no matching overload for '(?P<op>[^']+)' applied to '\((?P<types>.*)\)'")
_OPERAND = re.compile(r"expression of type '(?P<type>[^']+)' cannot be the operand of a select operation")
_RANGE = re.compile(r"expression of type '(?P<type>[^']+)' cannot be the range of a comprehension")
_UNEXPECTED = re.compile(
    r"Syntax error: (?:mismatched|extraneous|no viable alternative at) input '(?P<token>.*?)'(?: |$)"
)
_TOKEN = re.compile(r"Syntax error: token recognition error at: '(?P<token>.*)'$")
_NUMBER = re.compile(r"\s*(?P<text>-?\d+(?:\.\d+)?)(?![\w.])")
_MEANT = {"and": "&&", "or": "||", "not": "!", "=": "==", "&": "&&", "|": "||"}


def issue(line: int, column: int, message: str, expression: str, schema: Schema) -> Issue:
    """An issue of cel-cpp in an author's words, with the nearest known name and the mark under the name itself."""
    text = (expression.splitlines() or [""])[min(line, len(expression.splitlines()) or 1) - 1]
    for pattern, reword in _REWORDINGS:
        if match := pattern.search(message):
            column, message = reword(match, text, column, schema)
            break
    return Issue(line, column, message.replace("spendgate.", ""))


def no_field(field: str, message: Message) -> str:
    """A field that a message does not have."""
    return f'there is no "{field}" in {message.name.lower()}{near(field, list(message.fields))}'


def no_variable(name: str, schema: Schema) -> str:
    """A variable that is not declared."""
    return f'there is no "{name}"{near(name, [variable for variable, _ in schema.variables])}'


def no_function(name: str) -> str:
    """A function that does not exist here, or not with these arguments."""
    if name in FUNCTIONS:
        return f'"{name}" is not called like this'
    return f'there is no function "{name}"{near(name, FUNCTIONS, show_all=False)}'


def too_early(text: str) -> str:
    """An expression that stops where more must follow."""
    return "the expression ends too early" if text.strip() else "the expression is empty"


def unexpected(text: str, column: int, token: str = "") -> str:
    """What stands at ``column`` of the line cannot stand there."""
    rest = text[column - 1 :].lstrip()
    if rest[:1] in ("'", '"'):
        closed = rest.find(rest[0], 1)
        if closed < 0:
            return "this text has no closing quote"
        token = rest[: closed + 1]
    token = token or (re.match(r"\w+|\S?", rest) or rest)[0]
    meant = _MEANT.get(token.lower()) or _MEANT.get(token[:1])
    return f'"{token}" is not expected here' + (f"; write {meant}" if meant else "")


def near(word: str, known: Iterable[str], *, show_all: bool = True) -> str:
    """The nearest known word, or else all of them."""
    known = list(known)
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if found:
        return f'; did you mean "{found[0]}"?'
    return f" (it has: {', '.join(known)})" if known and show_all else ""


def type_words(types: str) -> str:
    """Types as an author knows them."""
    words = types.replace("google.protobuf.Timestamp", "timestamp").replace("google.protobuf.Duration", "duration")
    words = words.replace("null_type", "null")
    return re.sub(r"\bspendgate\.(\w+)", lambda match: match[1].lower(), words)


_Reworded = tuple[int, str]


def _field(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    messages = {item.name: item for _, type_ in schema.variables for item in messages_in(type_)}
    message = messages.get(match["message"]) or Message(match["message"].rsplit(".", 1)[-1], {})
    return column, no_field(match["field"], message)


def _undeclared(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    name = match["name"]
    before = text[: column - 1].rstrip()
    if text[column - 1 : column] == "(" and before.endswith(name):  # a call: the engine marks its parenthesis
        return len(before) - len(name) + 1, no_function(name)
    first = name.split(".", 1)[0]
    if "." in name and (start := text.rfind(first, 0, column)) >= 0:
        column = start + 1
    return column, no_variable(first, schema)


def _overload(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    types = type_words(match["types"])
    operator = {"_[_]": "[ ]", "_?_:_": "? :", "@in": "in"}.get(match["op"], match["op"].strip("_"))
    return column, f"{operator} does not work on ({types}){_hint(match, types, text, column, schema)}"


def _hint(match: re.Match[str], types: str, text: str, column: int, schema: Schema) -> str:
    operator, sides = match["op"], types.split(", ")
    if {"double", "int"} == set(sides):
        right = _NUMBER.match(text, column - 1 + len(operator.strip("_")))
        left = re.search(r"(?<![\w.])\d+(?:\.\d+)?\s*$", text[: column - 1])
        written = (right["text"] if right else None) or (left[0].strip() if left else None)
        if written is None:
            return "; write double(...) around the whole number"
        other = f"{written}.0" if "." not in written else str(int(float(written)))
        return f"; write {other} instead of {written}"
    if operator == "_+_" and "string" in sides:
        return "; write string(...) around what is no text"
    if "null" in sides and operator in ("_==_", "_!=_"):
        return "; a fact is there or not, and never null: ask has(...)"
    if operator == "@in" and sides[0] == "double" and "int" in types:
        return "; write whole numbers with a point here: 1.0"
    if operator == "_[_]" and sides[0] in {item.name.lower() for _, t in schema.variables for item in messages_in(t)}:
        return f"; write {sides[0]}.name instead"
    return ""


def _operand(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    name = re.match(r"[.\s]*(\w+)", text[column - 1 :])
    field = f'"{name[1]}"' if name else "this"
    return column, f"{field} cannot be read: what is before it is a {type_words(match['type'])}"


def _range(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    return column, f"a macro goes over a list or a map, and this is a {type_words(match['type'])}"


def _unexpected(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    token = match["token"]
    if token == "<EOF>":
        return column, too_early(text)
    return column, unexpected(text, column, token)


def _token(match: re.Match[str], text: str, column: int, schema: Schema) -> _Reworded:
    return column, unexpected(text, column, match["token"].strip())


_REWORDINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, int, Schema], _Reworded]], ...] = (
    (_FIELD, _field),
    (_UNDECLARED, _undeclared),
    (_OVERLOAD, _overload),
    (_OPERAND, _operand),
    (_RANGE, _range),
    (_UNEXPECTED, _unexpected),
    (_TOKEN, _token),
)


@lru_cache(maxsize=1024)
def messages_in(type_: Type) -> tuple[Message, ...]:
    """All messages inside a type, the outer ones first."""
    if isinstance(type_, Message):
        return (type_, *(message for item in type_.fields.values() for message in messages_in(item)))
    if isinstance(type_, ListOf):
        return messages_in(type_.element)
    return messages_in(type_.value) if isinstance(type_, MapOf) else ()
