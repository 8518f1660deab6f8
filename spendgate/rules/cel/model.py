"""What both engines offer: an expression compiled in an environment, evaluated on an activation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from spendgate.rules.cel.reads import Read
from spendgate.rules.cel.types import DYN, Message, Path, Schema, Type, bring


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with an expression; line and column count from 1 within it."""

    line: int
    column: int
    message: str


class CompileError(Exception):
    """An expression that does not parse, reads what does not exist, or compares what does not compare."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("; ".join(issue.message for issue in self.issues))

    def caret(self, expression: str) -> str:
        """The line of the first issue with a mark under the place."""
        issue = self.issues[0]
        lines = expression.splitlines() or [""]
        line = lines[min(issue.line, len(lines)) - 1]
        return f"  {line}\n  {' ' * (issue.column - 1)}^"


class EvalError(Exception):
    """An evaluation that failed on known values; ``kind`` is the engine's word for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Undetermined:
    """The answer hangs on values that are not known; ``paths`` are theirs. It has no truth value."""

    paths: frozenset[Path]

    def __bool__(self) -> NoReturn:
        raise TypeError("an undetermined answer is neither true nor false")


@dataclass(frozen=True, slots=True)
class Env:
    """What expressions may read. Two of one schema are the same."""

    schema: Schema

    def type_of(self, name: str) -> Type:
        """The type of one variable."""
        return dict(self.schema.variables).get(name, DYN)

    def plain(self, name: str, value: Any) -> Any:
        """The value of one variable as plain data of its type; it holds nothing unknown."""
        return bring(value, self.type_of(name), (name,), {})

    def activation(self, values: Mapping[str, Any], unknown: Mapping[Path, str] | None = None) -> Activation:
        """Values for one round of evaluations; unknown ones are left out of them and kept by path, with a reason."""
        gaps = dict(unknown or {})
        types = dict(self.schema.variables)
        plain: dict[str, Any] = {}
        for name, type_ in types.items():
            if (name,) in gaps:
                continue
            plain[name] = bring(values.get(name, {}), type_, (name,), gaps)
        if "now" in plain and not isinstance(plain["now"], datetime):
            plain["now"] = datetime.fromtimestamp(0, UTC)
        return Activation(plain, gaps)


@dataclass(slots=True)
class Activation:
    """Plain values and unknown paths; each engine keeps its own converted form in ``forms``."""

    values: dict[str, Any]
    unknown: dict[Path, str]
    forms: dict[str, Any] = field(default_factory=dict)


class Program(Protocol):
    """A compiled expression. Calling it gives a plain value or Undetermined; it raises EvalError."""

    @property
    def expression(self) -> str: ...
    @property
    def return_type(self) -> str: ...
    @property
    def uses(self) -> frozenset[Path]: ...
    def __call__(self, activation: Activation) -> Any: ...


class Engine(Protocol):
    """One CEL implementation."""

    @property
    def name(self) -> str: ...
    def compile(self, expression: str, env: Env) -> Program: ...


def forced(reads: frozenset[Read], unknown: Mapping[Path, str]) -> frozenset[Path]:
    """Unknown paths whose mere presence the expression asks about (``has``, ``in``, ``size``, a macro, a whole map).

    With the key left out such a question would be answered as if the value were absent.
    """
    hit = set()
    for gap in unknown:
        for read in reads:
            inside = gap[: len(read.path)] == read.path
            below = read.path[: len(gap)] == gap
            # A test for presence of something that holds the unknown value is answered by what is known of it.
            held = inside and len(gap) > len(read.path)
            if read.whole and (inside or below):
                if not (read.presence and held):
                    hit.add(gap)
            elif held and not read.indexed:
                hit.add(gap)
    return frozenset(hit)


def touched(reads: frozenset[Read], unknown: Mapping[Path, str]) -> frozenset[Path]:
    """Unknown paths that the expression reads, in any way."""
    return frozenset(
        gap for gap in unknown for read in reads if gap[: len(read.path)] == read.path or read.path[: len(gap)] == gap
    )


_FIELD = re.compile(r"undefined field '(?P<field>[^']+)' not found in struct '(?:spendgate\.)?(?P<message>[^']+)'")
_UNEXPECTED = re.compile(r"Syntax error: (?:mismatched|extraneous) input '(?P<token>[^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']+)'")
_MIXED = re.compile(r"found no matching overload for '(?P<op>[^']+)' applied to '\((?P<types>[^)]*)\)'")


def reword(message: str, schema: Schema) -> str:
    """An engine's message in an author's words, with the nearest known name."""
    if match := _FIELD.search(message):
        messages = {item.name: item for _, type_ in schema.variables for item in messages_in(type_)}
        known = list(messages[match["message"]].fields) if match["message"] in messages else []
        return f'there is no "{match["field"]}" in {match["message"].lower()}{_near(match["field"], known)}'
    if match := _UNEXPECTED.search(message):
        token = match["token"]
        return "the expression ends too early" if token == "<EOF>" else f'"{token}" is not expected here'
    if match := _UNDECLARED.search(message):
        name = match["name"].split(".", 1)[0]
        return f'there is no "{name}"{_near(name, [variable for variable, _ in schema.variables])}'
    if match := _MIXED.search(message):
        types = match["types"].replace("google.protobuf.Timestamp", "timestamp")
        operator = match["op"].strip("_")
        hint = "; write whole numbers with a point here: 1.0" if {"double", "int"} == set(types.split(", ")) else ""
        return f"{operator} does not work on ({types}){hint}"
    return message


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f" (it has: {', '.join(known)})" if known else ""


def messages_in(type_: Type) -> Iterable[Message]:
    """All messages inside a type, the outer ones first."""
    if isinstance(type_, Message):
        yield type_
        for item in type_.fields.values():
            yield from messages_in(item)
    elif hasattr(type_, "element"):
        yield from messages_in(type_.element)
    elif hasattr(type_, "value"):
        yield from messages_in(type_.value)
