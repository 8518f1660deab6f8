"""What the cases of a guardrail made its expressions answer, heard from the production evaluation itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spendgate.bench.probe import Operand, Probes
from spendgate.bench.run import Outcome
from spendgate.errors import Place
from spendgate.rules import cel
from spendgate.rules.compiled import Answer, Compiled
from spendgate.rules.guardrail import Expression, Guardrail, OnUnknown, PatchRule
from spendgate.rules.patch_rules import CompiledPatch

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

    ``total`` counts two ways for each match condition, each validation and each ``when`` of a patch (true and false),
    one for each patch (made), and one for the answer that hangs on an unknown value where the guardrail reads what can
    be unknown. ``lacks`` names the kinds of case that are missing: ``passing``, ``failing``, ``unknown``; ``unmade``
    are the patches that no case makes.

    ``operands`` are the conditions inside its expressions, two ways each. They count apart: a guardrail whose
    expressions were all true and false once may still hold one that never decided anything.

    Of a file of allocation rules (``kind`` is ``allocation``) a rule has two ways: it decides a line, and it is asked
    about one that it does not match.
    """

    guardrail: str
    place: Place
    cases: int
    covered: int
    total: int
    gaps: tuple[Gap, ...]
    lacks: tuple[str, ...]
    unmade: tuple[Gap, ...] = ()
    operands: tuple[Operand, ...] = ()
    kind: str = "guardrail"

    @property
    def operand_ways(self) -> tuple[int, int]:
        """Of the ways of all operands, those taken, and all."""
        total = 2 * len(self.operands)
        return total - sum(len(operand.never) for operand in self.operands), total

    @property
    def operand_gaps(self) -> tuple[Gap, ...]:
        """The operands that were never true or never false."""
        return tuple(Gap(operand.expression.place, operand.lack) for operand in self.operands if operand.never)

    @property
    def percent(self) -> float:
        """Of all ways, those taken."""
        return 100.0 * self.covered / self.total if self.total else 100.0


def percent(coverages: Iterable[Coverage]) -> float:
    """Over several guardrails: of all ways of all of them, those taken."""
    coverages = tuple(coverages)
    total = sum(coverage.total for coverage in coverages)
    return 100.0 * sum(coverage.covered for coverage in coverages) / total if total else 100.0


def operand_percent(coverages: Iterable[Coverage]) -> float:
    """Over several guardrails: of the ways of all operands, those taken; 100 where there are none."""
    ways = [coverage.operand_ways for coverage in coverages]
    total = sum(of for _, of in ways)
    return 100.0 * sum(taken for taken, _ in ways) / total if total else 100.0


@dataclass(slots=True)
class Listener:
    """Hears what the expressions of one guardrail answer, over all its cases."""

    answers: dict[Expression, set[bool]] = field(default_factory=dict)
    unknown_taken: bool = False
    made: set[Place] = field(default_factory=set)
    probes: Probes | None = None

    def watch(self, compiled: Compiled) -> Compiled:
        """The same guardrail with this listener on its match conditions, variables, validations and answers."""
        if self.probes is None:
            self.probes = Probes.of(compiled)
        conditions = tuple((_Heard(program, item, self), item) for program, item in compiled.conditions)
        return replace(
            compiled,
            conditions=conditions,
            patches=self.watch_patches(compiled).patches,
            variables=tuple((_Heard(program, item, self), item) for program, item in compiled.variables),
            checks=tuple(
                replace(
                    check,
                    program=_Heard(check.program, check.validation.expression, self),
                    message=self._heard(check.message, check.validation.message_expression),
                )
                for check in compiled.checks
            ),
            by_kind=tuple(heard for heard, _ in conditions if any(heard.program is one for one in compiled.by_kind)),
            kinds={},
            answered=self.answered,
        )

    def watch_patches(self, compiled: Compiled) -> Compiled:
        """The same guardrail with this listener on its patches alone: what its other expressions answer about a
        resource that is patched is no case of theirs."""
        return replace(
            compiled,
            patches=tuple(
                replace(patch, program=_Heard(patch.program, patch.rule.expression, self), when=self._when(patch))
                for patch in compiled.patches
            ),
        )

    def _when(self, patch: CompiledPatch) -> cel.Program | None:
        return self._heard(patch.when, patch.rule.when)

    def _heard(self, program: cel.Program | None, item: Expression | None) -> cel.Program | None:
        return None if program is None or item is None else _Heard(program, item, self)

    def evaluated(self, expression: Expression, activation: cel.Activation) -> None:
        """An expression is evaluated: the conditions in it are asked as well."""
        if self.probes is not None:
            self.probes.evaluated(expression, activation)

    def heard(self, expression: Expression, result: Any) -> None:
        """An expression answered; what is neither true nor unknown counts as false, as it does for the gate."""
        if not isinstance(result, cel.Undetermined):
            self.answers.setdefault(expression, set()).add(result is True)

    def patched(self, places: Iterable[Place]) -> None:
        """Patches were made, those that stand at ``places``."""
        self.made.update(places)

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

    @property
    def tree(self) -> Any:
        return self.program.tree

    def __call__(self, activation: cel.Activation) -> Any:
        self.listener.evaluated(self.item, activation)
        result = self.program(activation)
        self.listener.heard(self.item, result)
        return result


def coverage_of(compiled: Compiled, listener: Listener, outcomes: Sequence[Outcome]) -> Coverage:
    """What the cases of one guardrail covered; ``outcomes`` are all of them."""
    guardrail = compiled.guardrail
    gaps: list[Gap] = []
    covered = total = 0
    named = [(f'match condition "{item.name}"', item) for item in guardrail.match_conditions]
    named += [(f"validation {number}", item.expression) for number, item in enumerate(guardrail.validations, 1)]
    named += [(f"when of patch {number}", item.when) for number, item in enumerate(guardrail.patches, 1) if item.when]
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
    unmade = tuple(_unmade(guardrail, listener))
    gaps.extend(unmade)
    total += len(guardrail.patches)
    covered += len(guardrail.patches) - len(unmade)
    probes = listener.probes or Probes.of(compiled)
    return Coverage(
        guardrail.name,
        guardrail.place,
        len(outcomes),
        covered,
        total,
        tuple(gaps),
        _lacks(outcomes),
        unmade,
        tuple(probes.operands),
    )


def _unmade(guardrail: Guardrail, listener: Listener) -> Iterable[Gap]:
    for number, patch in enumerate(guardrail.patches, 1):
        if patch.place not in listener.made:
            yield Gap(patch.place, f"patch {number} was never made: {_sets(patch)}")


def _sets(patch: PatchRule) -> str:
    return f"{patch.fact or patch.path} = {' '.join(patch.expression.text.split())}"


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
