"""How often an expression may repeat what it is given: a few doublings of a text fill any memory, and an engine bounds
its iterations, not what they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spendgate.rules.cel.syntax import Call, Loop, Name, Node, Parts, Select

MOST_COPIES: Final = 1_000_000
"""Of a literal or a value, in what one expression makes; those that come with it make up to a few hundred."""
ELEMENTS: Final = 100
"""As many a list is taken to have that is not written out: node pools, tags and cost lines are fewer."""
MOST_LOOPS: Final = 12
"""Macros inside macros; each one inside is looked at twice."""

_PRODUCTS: Final = frozenset(("join", "replace", "format"))
"""Functions that may put all of one argument at each place of another."""
_SMALL: Final = frozenset(
    ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "_in_", "@not_strictly_false", "-_", "_-_",
     "_*_", "_/_", "_%_", "size", "matches", "startsWith", "endsWith", "contains", "int", "uint", "double", "bool")
)  # fmt: skip
"""Functions and operators that make a number or a boolean, however large what they look at."""


def too_many(found: int) -> str | None:
    """Why so many copies are refused; None where they are not."""
    if found <= MOST_COPIES:
        return None
    return f"it may repeat what it is given more than {MOST_COPIES:,} times"


def copies(node: Node, known: Mapping[str, int] | None = None) -> tuple[int, int]:
    """The most copies of any value in what the expression comes to, and in what it makes on the way; or more.

    ``known`` are the first of these of each variable of the guardrail.
    """
    counting = _Counting(known or {})
    found = max(counting.of(node, {}), 1)
    return found, max(counting.most, found)


@dataclass(slots=True)
class _Counting:
    known: Mapping[str, int]
    most: int = 1
    loops: int = 0

    def of(self, node: Node, names: Mapping[str, int]) -> int:
        found = self._of(node, names)
        self.most = max(self.most, found)
        return found

    def _of(self, node: Node, names: Mapping[str, int]) -> int:
        match node:
            case Name(name=name):
                return names.get(name, 1)
            case Select(operand=Name(name="variables"), field=field, test=False):
                return self.known.get(field, 1)
            case Select(operand=operand, test=test):
                found = self.of(operand, names)
                return 0 if test else found
            case Parts(items=items):
                return sum(max(self.of(item, names), 1) for item in items)
            case Loop():
                return self._loop(node, names)
            case Call(function=function, arguments=arguments):
                return _called(function, [self.of(argument, names) for argument in arguments])
        return 0  # a literal stands as often as it is written

    def _loop(self, loop: Loop, names: Mapping[str, int]) -> int:
        """What hangs on the elements comes to no more than of all of them together; all else comes with each."""
        if self.loops == MOST_LOOPS:
            return MOST_COPIES + 1
        whole = self.of(loop.range, names)
        many = len(loop.range.items) if isinstance(loop.range, Parts) else ELEMENTS
        self.loops += 1
        made = []
        for each in (whole, 0):
            # The last of several names is what was gathered so far, which is not copied.
            inner = {**names, **dict.fromkeys(loop.names, each), **dict.fromkeys(loop.names[1:][-1:], 0)}
            made.append(max((self.of(body, inner) for body in loop.bodies), default=0))
        self.loops -= 1
        return made[0] + many * made[1]


def _called(function: str, found: list[int]) -> int:
    if function in _SMALL:
        return 0
    if function == "_+_":
        return sum(found)
    if function not in _PRODUCTS:
        return max(found, default=0)
    product = 1
    for count in found:
        product *= max(count, 1)
    return product
