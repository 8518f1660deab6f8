"""What the cases of a guardrail made its expressions answer, heard from the production evaluation itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spendgate.errors import Place
from spendgate.rules import cel
from spendgate.rules.bench.run import Outcome
from spendgate.rules.evaluate import Answer, Compiled
from spendgate.rules.guardrail import Expression, OnUnknown

PATHS = {OnUnknown.DENY: "deny", OnUnknown.WARN: "warn", OnUnknown.SKIP: "skip"}

_ALWAYS_KNOWN = {("facts", name) for name in ("kind", "provider", "taggable")}


@dataclass(frozen=True, slots=True)
class Gap:
    """A way through a guardrail that no case took."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one guardrail its cases went through.

    ``total`` counts two ways for each match condition and each validation (true and false), and one for the answer
    that hangs on an unknown value where the guardrail reads what can be unknown. ``lacks`` names the kinds of case
    that are missing: ``passing``, ``failing``, ``unknown``.
    """

    guardrail: str
    place: Place
    cases: int
    covered: int
    total: int
    gaps: tuple[Gap, ...]
    lacks: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Of all ways, those taken."""
        return 100.0 * self.covered / self.total if self.total else 100.0


def percent(coverages: Iterable[Coverage]) -> float:
    """Over several guardrails: of all ways of all of them, those taken."""
    coverages = tuple(coverages)
    total = sum(coverage.total for coverage in coverages)
    return 100.0 * sum(coverage.covered for coverage in coverages) / total if total else 100.0


@dataclass(slots=True)
class Listener:
    """Hears what the expressions of one guardrail answer, over all its cases."""

    answers: dict[Expression, set[bool]] = field(default_factory=dict)
    unknown_taken: bool = False

    def watch(self, compiled: Compiled) -> Compiled:
        """The same guardrail with this listener on its match conditions, validations and answers."""
        conditions = tuple((_Heard(program, item, self), item) for program, item in compiled.conditions)
        return replace(
            compiled,
            conditions=conditions,
            checks=tuple(
                replace(check, program=_Heard(check.program, check.validation.expression, self))
                for check in compiled.checks
            ),
            by_kind=tuple(heard for heard, _ in conditions if any(heard.program is one for one in compiled.by_kind)),
            kinds={},
            answered=self.answered,
        )

    def evaluated(self, expression: Expression, result: Any) -> None:
        """An expression answered; what is neither true nor unknown counts as false, as it does for the gate."""
        if not isinstance(result, cel.Undetermined):
            self.answers.setdefault(expression, set()).add(result is True)

    def answered(self, answer: Answer) -> None:
        """The guardrail answered anything but a pass."""
        self.unknown_taken = self.unknown_taken or bool(answer.undetermined)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A compiled expression that tells the listener what it answers."""

    program: cel.Program
    item: Expression
    listener: Listener

    @property
    def expression(self) -> str:
        return self.program.expression

    @property
    def return_type(self) -> str:
        return self.program.return_type

    @property
    def uses(self) -> frozenset[tuple[str, ...]]:
        return self.program.uses

    @property
    def reads(self) -> frozenset[Any]:
        return self.program.reads

    def __call__(self, activation: cel.Activation) -> Any:
        result = self.program(activation)
        self.listener.evaluated(self.item, result)
        return result


def coverage_of(compiled: Compiled, listener: Listener, outcomes: Sequence[Outcome]) -> Coverage:
    """What the cases of one guardrail covered; ``outcomes`` are all of them."""
    guardrail = compiled.guardrail
    gaps: list[Gap] = []
    covered = total = 0
    named = [(f'match condition "{item.name}"', item) for item in guardrail.match_conditions]
    named += [(f"validation {number}", item.expression) for number, item in enumerate(guardrail.validations, 1)]
    for name, expression in named:
        seen = listener.answers.get(expression, set())
        never = [word for answer, word in ((True, "true"), (False, "false")) if answer not in seen]
        total += 2
        covered += 2 - len(never)
        if never:
            text = f"{name} was never {' nor '.join(never)}: {' '.join(expression.text.split())}"
            gaps.append(Gap(expression.place, text))
    if listener.unknown_taken or _can_be_unknown(compiled):
        total += 1
        covered += listener.unknown_taken
        if not listener.unknown_taken:
            path = PATHS[guardrail.on_unknown]
            gaps.append(Gap(guardrail.place, f"the path onUnknown: {path} was never taken"))
    return Coverage(guardrail.name, guardrail.place, len(outcomes), covered, total, tuple(gaps), _lacks(outcomes))


def _can_be_unknown(compiled: Compiled) -> bool:
    """Whether it reads facts or properties that a program may leave unknown; totals and prices are always known, be
    it that there is none."""
    return compiled.reads_properties or any(path[0] == "facts" and path not in _ALWAYS_KNOWN for path in compiled.reads)


def _lacks(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    kinds = {
        "passing": any(outcome.statuses == {"pass"} for outcome in outcomes),
        "failing": any("violation" in outcome.statuses for outcome in outcomes),
        "unknown": any(outcome.holds_unknown for outcome in outcomes),
    }
    return tuple(kind for kind, there in kinds.items() if not there)
