"""The conditions inside an expression, by where they stand in its text: what ``&&``, ``||``, ``!`` and ``?:`` join, and
what macros ask of each element.

Both engines expand macros and balance chains before they show a tree, and tell no ends of what stands in it. The few
levels of CEL's grammar that matter here (``Expr``, ``ConditionalOr``, ``ConditionalAnd`` of the CEL specification's
syntax) are read off the text, which both take alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>(?:[rR][bB]?|[bB][rR])(?:'''(?:.|\n)*?'''|\"\"\"(?:.|\n)*?\"\"\"|'[^'\n]*'|"[^"\n]*")
        |[bB]?(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
    |(?P<number>\.?\d(?:[eE][+-]|[\w.])*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
_ENDS: Final = frozenset(("&&", "||", "?", ":", ",", ")", "]", "}", ""))
_OPERATORS: Final = frozenset(("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "!"))
_ASKS: Final[dict[str, int]] = {"all": 1, "exists": 1, "exists_one": 1, "filter": 1, "map": 0}
"""Macros, and how many of their bodies are conditions; a ``map`` of two bodies has one more."""


@dataclass(frozen=True, slots=True)
class Plain:
    """An expression that joins no conditions; ``inner`` are those in its parentheses and arguments that hold some."""

    start: int
    end: int
    inner: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """``operator`` is ``&&``, ``||``, ``!`` or ``?:``, of which only the first of the parts is a condition."""

    operator: str
    parts: tuple[Part, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Each:
    """A macro: from ``start`` to ``end`` stands what it goes over, ``name`` is each element's in its bodies. The first
    ``asks`` of these are conditions."""

    start: int
    end: int
    name: str
    bodies: tuple[Part, ...]
    asks: int


Part: TypeAlias = Plain | Joined | Each


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def parts_of(expression: str) -> Part:
    """The conditions of an expression that compiles. Raises ValueError where its text cannot be followed."""
    reader = _Reader(list(_tokens(expression)))
    part = reader.whole()
    if reader.next.text:
        raise ValueError(f'"{reader.next.text}" is not expected')
    return part


def renamed(expression: str, name_of: Callable[[str], str]) -> str:
    """The expression with its variables under other names; fields, functions and texts stay as they are."""
    made: list[str] = []
    tokens = list(_tokens(expression))
    at = 0
    for before, token, after in zip((None, *tokens), tokens, (*tokens[1:], None), strict=False):
        is_variable = not (before and before.text == ".") and not (after and after.text == "(")
        made += (expression[at : token.start], name_of(token.text) if is_variable else token.text)
        at = token.end
    return "".join(made)


def _tokens(expression: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(expression):
        if match.lastgroup != "space":
            yield _Token(match[0], match.start(), match.end())
    yield _Token("", len(expression), len(expression))


def holds_conditions(part: Part) -> bool:
    """Whether there is anything in it that can be true or false by itself."""
    if isinstance(part, Each):
        return part.asks > 0 or any(map(holds_conditions, part.bodies))
    return isinstance(part, Joined) or bool(part.inner)


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    position: int = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.position]

    @property
    def last(self) -> _Token:
        return self.tokens[self.position - 1]

    def take(self, text: str) -> None:
        if self.next.text != text:
            raise ValueError(f'"{text}" is expected')
        self.position += 1

    def whole(self) -> Part:
        """``condition ? one : other``, or what stands without."""
        condition = self.chain("||")
        if self.next.text != "?":
            return condition
        self.take("?")
        one = self.chain("||")
        self.take(":")
        other = self.whole()
        return Joined("?:", (condition, one, other), condition.start, other.end)

    def chain(self, operator: str) -> Part:
        parts = [self.chain("&&") if operator == "||" else self.plain()]
        while self.next.text == operator:
            self.take(operator)
            parts.append(self.chain("&&") if operator == "||" else self.plain())
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts), parts[0].start, parts[-1].end)

    def plain(self) -> Part:
        """All up to the next ``&&``, ``||``, ``?`` or end: a comparison, a call, something in parentheses."""
        first = self.position
        groups: list[tuple[int, Part]] = []
        inner: list[Part] = []
        member: int | None = None  # where the value begins whose field, entry or method comes next
        while self.next.text not in _ENDS:
            token = self.next
            if token.text in _OPERATORS:
                member = None
                self.position += 1
                continue
            member = token.start if member is None else member
            if token.text not in _CLOSES:
                self.position += 1
                continue
            opened, called = self.position, self.called(first)
            held = self.group(_CLOSES[token.text])
            if token.text == "(" and not called and len(held) == 1:
                groups.append((opened, held[0]))
            inner.extend(self.macro(opened, member, held))
        if self.position == first:
            raise ValueError(f'"{self.next.text}" is not expected')
        start, end = self.tokens[first].start, self.last.end
        for opened, held_one in groups:
            if opened == first and self.last.end == self.closed(opened):
                return held_one
            if opened == first + 1 and self.tokens[first].text == "!" and self.last.end == self.closed(opened):
                return Joined("!", (held_one,), start, end)
        return Plain(start, end, tuple(part for part in inner if holds_conditions(part)))

    def called(self, first: int) -> bool:
        """Whether what opens here are arguments, or an index, of what stands before."""
        before = self.tokens[self.position - 1].text if self.position > first else ""
        return bool(before) and before not in _OPERATORS

    def group(self, closes: str) -> list[Part]:
        """What stands between brackets, each element of it."""
        self.position += 1
        held: list[Part] = []
        while self.next.text != closes:
            held.append(self.whole())
            if self.next.text in (",", ":"):
                self.position += 1
            elif self.next.text != closes:
                raise ValueError(f'"{closes}" is expected')
        self.position += 1
        return held

    def macro(self, opened: int, member: int, held: list[Part]) -> list[Part]:
        """The parts in brackets; of a macro, with the element that its bodies are asked about."""
        name = self.tokens[opened - 1].text if opened > 1 and self.tokens[opened - 2].text == "." else ""
        if name not in _ASKS or len(held) < 2 or self.tokens[opened].text != "(":
            return held
        dot = self.tokens[opened - 2]
        asks = _ASKS[name] if name != "map" else len(held) - 2
        return [Each(member, dot.start, self.tokens[opened + 1].text, tuple(held[1:]), asks)]

    def closed(self, opened: int) -> int:
        """Where the bracket that opens at a token ends."""
        depth = 0
        for token in self.tokens[opened:]:
            depth += (token.text in _CLOSES) - (token.text in _CLOSES.values())
            if depth == 0:
                return token.end
        raise ValueError("a bracket does not close")
