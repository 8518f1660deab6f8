"""The variables of a guardrail read those above them: one that reads itself, or one below it, is told as that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from spendgate.errors import InputError
from spendgate.rules.guardrail import Expression

_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_USE = re.compile(r"\bvariables\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")


def order_faults(variables: Sequence[Expression]) -> Iterator[InputError]:
    """Every variable that reads itself, a cycle that it is part of, or one that stands below it."""
    names = [item.name for item in variables]
    uses = {
        item.name: [name for name in _USE.findall(_TEXT.sub("''", item.text)) if name in names] for item in variables
    }
    for index, item in enumerate(variables):
        for name in dict.fromkeys(uses[item.name]):
            if names.index(name) < index:
                continue
            way = _way(name, item.name, uses)
            if name == item.name:
                message, remedy = f'the variable "{name}" reads itself', "Write what it is made of."
            elif way is not None:
                message = f"the variables go in a circle: {' → '.join((item.name, *way))}"
                remedy = "Write one of them without the others."
            else:
                message = f'the variable "{item.name}" reads "{name}", which stands below it'
                remedy = f'Move "{name}" above it.'
            yield InputError(message, place=item.place, remedy=remedy)


def _way(start: str, end: str, uses: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """The variables on a way from one to another, both named; None where there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way
        ways += [(*way, name) for name in uses[way[-1]] if name not in seen]
        seen.update(uses[way[-1]])
    return None
