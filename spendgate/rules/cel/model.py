"""What both engines offer: an expression compiled in an environment, evaluated on an activation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from spendgate.rules.cel.reads import Reach, Read, reach
from spendgate.rules.cel.syntax import Node
from spendgate.rules.cel.types import DYN, Path, Schema, Type
from spendgate.rules.cel.values import plain, take_out

MAX_ITERATIONS = 10_000
"""Iterations of one evaluation: cel-cpp's own bound, which cannot be set; the other engine is held to it."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with an expression; line and column count from 1 within it."""

    line: int
    column: int
    message: str

    def caret(self, expression: str) -> str:
        """The line of the issue with a mark under the place."""
        lines = expression.splitlines() or [""]
        line = lines[min(self.line, len(lines)) - 1]
        start = 0 if self.column <= _WIDTH else self.column - _WIDTH // 2
        shown = line[start : start + _WIDTH]
        return f"  {'…' if start else ''}{shown}\n  {' ' * (self.column - 1 - start + bool(start))}^"


_WIDTH = 160


class CompileError(Exception):
    """An expression that does not parse, reads what does not exist, or compares what does not compare."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("; ".join(issue.message for issue in self.issues))

    def caret(self, expression: str) -> str:
        """The line of the first issue with a mark under the place."""
        return self.issues[0].caret(expression)


class EvalError(Exception):
    """An evaluation that failed on known values.

    ``kind`` is one of ``missing``, ``type``, ``conversion``, ``overflow``, ``division``, ``index``, ``regex``,
    ``duplicate``, ``iterations`` and ``other``. The message shows no value: it may be a secret.
    """

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
    """What expressions may read. Two of one schema are the same.

    ``tested`` expressions are known to pass the type check, which takes longer than to compile them.
    """

    schema: Schema
    tested: bool = False

    def type_of(self, name: str) -> Type:
        """The type of one variable."""
        return self.schema.type_of(name) or DYN

    def activation(self, values: Mapping[str, Any], unknown: Mapping[Path, str] | None = None) -> Activation:
        """Values for one round of evaluations: one a resource, shared by all programs, then dropped.

        ``unknown`` says which paths are not known and why; values may also hold UNKNOWN. Both are left out of what
        the expressions see. A variable without a value is an error where it is read. Raises ValueError for a
        timestamp without a time zone.
        """
        gaps = dict(unknown or {})
        known = {
            name: plain(values[name], type_, (name,), gaps) for name, type_ in self.schema.variables if name in values
        }
        return Activation(known, gaps)

    def plain(self, name: str, value: Any) -> Any:
        """The value of one variable as plain data of its type; it holds nothing unknown."""
        return plain(value, self.type_of(name), (name,), {})


@dataclass(slots=True)
class Activation:
    """Plain values, and the unknown paths with the reason of each. What is unknown is left out of the values.

    ``gaps`` are the paths left out, each with the unknown paths it stands for. Each engine keeps its own converted
    form in ``forms``. The values given are not changed: several activations may share them.
    """

    values: dict[str, Any]
    unknown: dict[Path, str]
    gaps: dict[Path, frozenset[Path]] = field(init=False, default_factory=dict)
    forms: dict[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.unknown:
            self.values, self.gaps = take_out(self.values, self.unknown)


class Program(Protocol):
    """A compiled expression. Calling it gives a plain value or Undetermined; it raises EvalError."""

    @property
    def expression(self) -> str: ...
    @property
    def return_type(self) -> str: ...
    @property
    def uses(self) -> frozenset[Path]: ...
    @property
    def reads(self) -> frozenset[Read]: ...
    @property
    def tree(self) -> Node: ...
    def __call__(self, activation: Activation) -> Any: ...


class Engine(Protocol):
    """One CEL implementation."""

    @property
    def name(self) -> str: ...
    def compile(self, expression: str, env: Env) -> Program: ...


def answer(reads: frozenset[Read], activation: Activation, evaluate: Callable[[], Any]) -> Any:
    """The value of an expression, or Undetermined where it hangs on what is not known.

    An expression that asks about the presence of an unknown value, or for a whole of which it is part, is not
    evaluated. For any other, a value that is no error holds whatever the unknown values are, and an error says
    nothing as long as the expression reads one of them.
    """
    if forced := _reached(reads, activation, {Reach.FORCED}):
        return Undetermined(forced)
    try:
        return evaluate()
    except EvalError:
        if touched := _reached(reads, activation, {Reach.TOUCHED}):
            return Undetermined(touched)
        raise


def _reached(reads: frozenset[Read], activation: Activation, wanted: set[Reach]) -> frozenset[Path]:
    return frozenset(
        path
        for gap, paths in activation.gaps.items()
        if any(read.path[0] == gap[0] and reach(read, gap, activation.values) in wanted for read in reads)
        for path in paths
    )
