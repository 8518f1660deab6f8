"""The conditions inside an expression asked one by one, on the very values that the expression was evaluated on.

Each is compiled by the engine that evaluates the guardrail (either one). It counts where it is reached, read from left
to right: what stands right of a true operand of ``||``, or of a false one of ``&&``, and the branch of ``?:`` that was
not taken, decided nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from spendgate.bench.operands import Each, Joined, Part, Plain, holds_conditions, parts_of, renamed
from spendgate.rules import cel
from spendgate.rules.compiled import Compiled
from spendgate.rules.guardrail import Expression, Target
from spendgate.rules.vocabulary import schema

Said: TypeAlias = bool | None
"""What a condition answers; None where it cannot be known, or failed (``&&`` and ``||`` absorb that)."""

_EACH: Final = "each_"
_BOUND: Final = 1_000
"""Elements of one list that a macro's conditions are asked about."""


@dataclass(slots=True)
class Operand:
    """One condition inside an expression, and how often it was true, false and not known where it was reached.

    ``inside`` says which expression of the guardrail, ``text`` is the condition as written, in one line.
    """

    expression: Expression
    inside: str
    text: str
    true: int = 0
    false: int = 0
    unknown: int = 0

    @property
    def never(self) -> tuple[str, ...]:
        """Of ``true`` and ``false``, what it never was."""
        return tuple(word for word, times in (("true", self.true), ("false", self.false)) if not times)

    @property
    def lack(self) -> str:
        """What it never was, in words; that it was not known now and then is no answer, and told apart."""
        unknown = f" ({self.unknown} × unknown)" if self.unknown else ""
        return f"{self.inside}: never {' nor '.join(self.never)}{unknown}: {self.text}"

    def said(self, answer: Said, known: bool) -> None:
        """Count one answer; what failed counts as nothing."""
        self.true += answer is True
        self.false += answer is False
        self.unknown += answer is None and not known


_Types: TypeAlias = Mapping[str, cel.Type]


@dataclass(frozen=True, slots=True)
class _Value:
    """A piece of the expression that the engine evaluates, after the conditions inside it."""

    program: cel.Program
    inner: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class _Join:
    operator: str
    parts: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class _Loop:
    range: cel.Program
    name: str
    bodies: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """What is asked, and the operand that its answer counts for; None where it is no condition of its own."""

    ask: _Value | _Join | _Loop | None
    operand: Operand | None


@dataclass(slots=True)
class Probes:
    """The operands of one guardrail's expressions; filled as its cases run."""

    steps: dict[Expression, _Step] = field(default_factory=dict)
    operands: list[Operand] = field(default_factory=list)

    @classmethod
    def of(cls, compiled: Compiled) -> Probes:
        """The operands of the guardrail's conditions, variables, validations, messages and patches."""
        probes, guardrail = cls(), compiled.guardrail
        types: dict[str, cel.Type] = {}

        def all_types() -> _Types:
            stack_only = guardrail.target is Target.STACK
            return dict(schema(guardrail.params, types, stack_only=stack_only).variables)

        for _, item in compiled.conditions:
            probes.add(f'match condition "{item.name}"', item, all_types())
        for program, item in compiled.variables:
            probes.add(f'variable "{item.name}"', item, all_types())
            types[item.name] = cel.type_named(program.return_type)
        known = all_types()
        for number, check in enumerate(guardrail.validations, 1):
            probes.add(f"validation {number}", check.expression, known)
            probes.add(f"message {number}", check.message_expression, known)
        for number, patch in enumerate(guardrail.patches, 1):
            probes.add(f"when of patch {number}", patch.when, known)
            probes.add(f"patch {number}", patch.expression, known)
        return probes

    def add(self, inside: str, expression: Expression | None, types: _Types) -> None:
        """Watch the conditions inside an expression that may read variables of these types."""
        if expression is None:
            return
        found: list[Operand] = []
        try:
            part = parts_of(expression.text)
            if holds_conditions(part):
                self.steps[expression] = _Maker(expression, inside, found).step(part, types, asked=False, wanted=False)
        except (ValueError, cel.CompileError):
            # One that does not stand alone (a bound of an engine that the whole kept to) is told as never reached.
            found = [Operand(expression, f"{inside}, of which the parts cannot be told apart", _line(expression.text))]
        self.operands.extend(found)

    def evaluated(self, expression: Expression, activation: cel.Activation) -> None:
        """An expression was evaluated on these values: ask the conditions in it."""
        step = self.steps.get(expression)
        if step is not None:
            _ask(step, activation)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the steps of one expression; the operands that it comes across are added to ``operands``."""

    of: Expression
    inside: str
    operands: list[Operand]

    def step(self, part: Part, types: _Types, *, asked: bool, wanted: bool) -> _Step:
        """``asked``: it is a condition of its own. ``wanted``: what it answers is part of the answer of another."""
        operand = None
        if asked:
            operand = Operand(self.of, self.inside, _line(self.of.text[part.start : part.end]))
            self.operands.append(operand)
        ask: _Value | _Join | _Loop | None
        match part:
            case Joined(operator="?:", parts=(condition, *branches)):
                first = self.step(condition, types, asked=True, wanted=True)
                others = [self.step(one, types, asked=False, wanted=wanted) for one in branches]
                ask = _Join("?:", (first, *others))
            case Joined(operator=operator, parts=parts):
                joins = operator != "!"
                ask = _Join(operator, tuple(self.step(one, types, asked=joins, wanted=True) for one in parts))
            case Each():
                inside = {**types, _EACH + part.name: cel.DYN}
                bodies = tuple(
                    self.step(body, inside, asked=number < part.asks, wanted=number < part.asks)
                    for number, body in enumerate(part.bodies)
                    if number < part.asks or holds_conditions(body)
                )
                ask = _Loop(_program(self.of, part, types), _EACH + part.name, bodies)
            case Plain():
                inner = tuple(
                    self.step(one, types, asked=False, wanted=False) for one in part.inner if holds_conditions(one)
                )
                ask = _Value(_program(self.of, part, types), inner) if wanted or inner else None
        return _Step(ask, operand)


def _line(text: str) -> str:
    return " ".join(text.split())


def _program(of: Expression, part: Plain | Each, types: _Types) -> cel.Program:
    """A piece of the expression compiled by itself. A macro's variable may have the name of a type (``type``), which a
    variable of the environment may not: it goes by another."""
    text = renamed(of.text[part.start : part.end], lambda name: _EACH + name if _EACH + name in types else name)
    return cel.engine().compile(text, cel.environment(cel.Schema.of(types)))


def _ask(step: _Step, activation: cel.Activation) -> Said:
    said, known = _answer(step.ask, activation)
    if step.operand is not None:
        step.operand.said(said, known)
    return said


def _answer(ask: _Value | _Join | _Loop | None, activation: cel.Activation) -> tuple[Said, bool]:
    """The answer, and whether it is known (be it that it is an error)."""
    match ask:
        case _Value(program=program, inner=inner):
            for step in inner:
                _ask(step, activation)
            try:
                result = program(activation)
            except cel.EvalError:
                return None, True
            return (result if isinstance(result, bool) else None), not isinstance(result, cel.Undetermined)
        case _Join():
            said = _joined(ask, activation)
            return said, said is not None
        case _Loop():
            for inside in _elements(ask, activation):
                for body in ask.bodies:
                    _ask(body, inside)
    return None, True


def _joined(ask: _Join, activation: cel.Activation) -> Said:
    if ask.operator == "?:":
        condition, one, other = ask.parts
        said = _ask(condition, activation)
        return None if said is None else _ask(one if said else other, activation)
    if ask.operator == "!":
        said = _ask(ask.parts[0], activation)
        return None if said is None else not said
    decisive = ask.operator == "||"
    answer: Said = not decisive
    for part in ask.parts:
        said = _ask(part, activation)
        if said is decisive:
            return said
        answer = None if said is None else answer
    return answer


def _elements(ask: _Loop, activation: cel.Activation) -> Iterator[cel.Activation]:
    """The values with each element of the list, or key of the map, in them."""
    try:
        over = ask.range(activation)
    except cel.EvalError:
        return
    if not isinstance(over, (list, dict)):
        return
    for element in list(over)[:_BOUND]:
        inside = cel.Activation({**activation.values, ask.name: element}, {})
        inside.unknown, inside.gaps = activation.unknown, activation.gaps
        yield inside
