"""The word of compiled guardrails on a resource or a stack."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate.resource import Secret
from spendgate.rules import cel
from spendgate.rules.compiled import PASS, Answer, Check, Compiled, opens_properties
from spendgate.rules.guardrail import Enforcement, Guardrail, OnUnknown
from spendgate.rules.patch_rules import without_secrets
from spendgate.rules.subject import SAME_FOR_ALL, Part, Path, Subject, Values, merged, of_one, within
from spendgate.verdict import Finding, Status

Memo = dict[tuple[Hashable, ...], Any]
"""Answers by guardrail and the values it read, and the guardrails that do not pass by the values that all of them read;
good as long as the stack and the time are the same."""


@dataclass(frozen=True, slots=True)
class _OfKind:
    """The guardrails that may apply to resources of one kind, and all that the verdicts of them hang on; ``settled``
    are those whose messages hang on no more. ``of_one`` are the parts that differ between subjects which are alike."""

    matching: tuple[Compiled, ...]
    parts: tuple[Part, ...]
    of_one: tuple[Part, ...]
    settled: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """The guardrails of one run that are asked about every resource."""

    guardrails: tuple[Compiled, ...]
    of_kinds: dict[tuple[str, str], _OfKind] = field(default_factory=dict)

    def of_kind(self, subject: Subject) -> _OfKind:
        """Those for the kind and type of the subject."""
        alike = subject.values["facts"]["kind"], subject.type
        if alike not in self.of_kinds:
            matching = tuple(one for one in self.guardrails if _kind_matches(one, subject))
            parts = merged(part for one in matching if not one.reads_properties for part in one.decides)
            settled = (one for one in matching if not one.reads_properties and within(one.tells, parts))
            names = frozenset(one.guardrail.name for one in settled)
            self.of_kinds[alike] = _OfKind(matching, parts, tuple(part for part in parts if of_one(part[0])), names)
        return self.of_kinds[alike]


def ask_all(asked: Asked, subject: Subject, memo: Memo) -> Iterator[Finding]:
    """The findings of all guardrails on one resource. What was asked for the same values before is not asked again."""
    here = asked.of_kind(subject)
    if not all(path[0] in SAME_FOR_ALL for path in subject.unknown):
        for compiled in here.matching:
            yield from ask(compiled, subject, memo)
        return
    parts = here.parts if subject.alike is None else here.of_one
    kind = subject.values["facts"]["kind"]
    key = ("*", kind, subject.type, subject.alike, *subject.unknown.items(), *subject.keys_of(parts))
    answers = memo.get(key)
    if answers is None:
        answers = memo[key] = _answers(here, subject, memo)
    for compiled, answer in answers:
        yield from ask(compiled, subject, memo) if answer is None else _tell(compiled, subject, answer)


def _answers(here: _OfKind, subject: Subject, memo: Memo) -> list[tuple[Compiled, Answer | None]]:
    """The guardrails that do not pass, each with its answer; None where that hangs on more than the verdict does."""
    answers: list[tuple[Compiled, Answer | None]] = []
    for one in here.matching:
        unknown = _relevant(one.reads, one.met, subject.unknown)
        answer = None if one.reads_properties else _remembered(one, subject, unknown, memo)
        if answer is not PASS:
            answers.append((one, answer if one.guardrail.name in here.settled else None))
    return answers


def ask(compiled: Compiled, subject: Subject, memo: Memo | None = None) -> tuple[Finding, ...]:
    """The findings of one guardrail on one subject; none when it is satisfied or does not apply.

    With a ``memo``, a guardrail that reads the same values as before is not evaluated again.
    """
    if not _kind_matches(compiled, subject):
        return ()
    unknown = _relevant(compiled.reads, compiled.met, subject.unknown) if subject.unknown else {}
    if memo is None or compiled.reads_properties:
        answer = _answer(compiled, subject, unknown)
    else:
        answer = _remembered(compiled, subject, unknown, memo)
    return () if answer is PASS else _tell(compiled, subject, answer)


def _remembered(compiled: Compiled, subject: Subject, unknown: Mapping[Path, str], memo: Memo) -> Answer:
    """The answer to a question of the same values, or a new one that is then remembered."""
    name = compiled.guardrail.name
    decided = (name, *unknown.items(), *map(subject.key, compiled.decides))
    if decided in memo:
        return PASS
    told = (name, "told", *unknown.items(), *map(subject.key, compiled.tells))
    answer: Answer | None = memo.get(told)
    if answer is None:
        answer = memo[told] = _answer(compiled, subject, unknown)
        if answer is PASS:
            memo[decided] = PASS
    return answer


def _kind_matches(compiled: Compiled, subject: Subject) -> bool:
    """Conditions that read nothing but the kind and the type are asked once for each of these."""
    if not compiled.by_kind:
        return True
    alike = kind, type_ = subject.values["facts"]["kind"], subject.type
    if alike not in compiled.kinds:
        values = {"facts": {"kind": kind}, "resource": {"type": type_}, "params": compiled.params}
        activation = cel.Activation(values, {})
        compiled.kinds[alike] = all(_is_true(program, activation) for program in compiled.by_kind)
    return compiled.kinds[alike]


def _is_true(program: cel.Program, activation: cel.Activation) -> bool:
    try:
        return program(activation) is not False
    except cel.EvalError:
        return True  # the full evaluation reports it


def _relevant(reads: Iterable[Path], met: dict[Path, bool], unknown: Mapping[Path, str]) -> dict[Path, str]:
    """The unknown paths that ``reads`` can come across. The same few paths come again and again: each is compared
    once with what is read, and ``met`` keeps the answer."""
    relevant: dict[Path, str] = {}
    for path, reason in unknown.items():
        found = met.get(path)
        if found is None:
            found = any(read[: len(path)] == path or path[: len(read)] == read for read in reads)
            met[path] = found
        if found:
            relevant[path] = reason
    return relevant


def _pick(compiled: Compiled, values: Values) -> dict[str, Any]:
    """The part of the values that the expressions read."""
    picked: dict[str, Any] = {}
    for path in compiled.reads:
        root = values.get(path[0])
        if root is None:
            continue
        if len(path) == 1:
            picked[path[0]] = root
        else:
            branch = picked.setdefault(path[0], {})
            if path[1] in root:
                branch[path[1]] = root[path[1]]
    return picked


def _mask(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Mapping):
        return {key: _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return value


def _answer(compiled: Compiled, subject: Subject, unknown: Mapping[Path, str]) -> Answer:
    """Conditions, variables, validations. An answer that holds whatever the unknown values are is a known answer."""
    ground, masked = _grounds(compiled, subject, unknown)
    unknown = ground.unknown
    doubts: list[str] = []
    try:
        for program, _ in compiled.conditions:
            result = program(ground())
            if isinstance(result, cel.Undetermined):
                doubts.extend(reasons_of(result, unknown))
            elif result is not True:
                return PASS
        full = _with_variables(compiled, ground)
        shown = full if masked is None else _with_variables(compiled, masked)
        messages: list[str] = []
        reasons: list[str] = []
        for check in compiled.checks:
            result = check.program(full())
            if isinstance(result, cel.Undetermined):
                reasons.extend(reasons_of(result, full.unknown))
            elif result is not True:
                messages.append(_message(compiled.guardrail, check, shown()))
    except cel.EvalError as error:
        # Where it is not known whether the guardrail applies, an error says no more than that.
        return Answer(undetermined=tuple(dict.fromkeys(doubts))) if doubts else Answer(error=error.message)
    if doubts:
        return Answer(undetermined=tuple(dict.fromkeys([*doubts, *reasons]))) if messages or reasons else PASS
    if not messages and not reasons:
        return PASS
    return Answer(tuple(messages), () if messages else tuple(dict.fromkeys(reasons)))


class PatchValues:
    """What the patches of a guardrail come to on one subject.

    They see all of the subject, and the guardrail's variables. A secret counts as unknown: it must not be written
    elsewhere. With a ``memo``, what reads the same values as before is not evaluated again.
    """

    def __init__(self, compiled: Compiled, subject: Subject, memo: Memo | None = None) -> None:
        self.compiled = compiled
        self.subject = subject
        self.memo = None if opens_properties(compiled.patch_reads) else memo
        self._full: _Ground | None = None
        self._key: Hashable = None

    def of(self, program: cel.Program) -> Any:
        """The value of one of their programs. Raises EvalError."""
        if self.memo is None:
            return program(self._ground()())
        if self._key is None:
            unknown = _relevant(self.compiled.patch_reads, self.compiled.patch_met, self.subject.unknown)
            parts = map(self.subject.key, self.compiled.patch_parts)
            self._key = (self.compiled.guardrail.name, "patch", *unknown.items(), *parts)
        key = (id(program), self._key)
        if key not in self.memo:
            self.memo[key] = program(self._ground()())
        return self.memo[key]

    def reasons(self, result: cel.Undetermined) -> list[str]:
        """Why a value cannot be known."""
        return reasons_of(result, self._ground().unknown)

    def _ground(self) -> _Ground:
        if self._full is None:
            hidden: dict[Path, str] = {}
            gaps: dict[Path, str] = dict(self.subject.unknown)
            resource = self.subject.values.get("resource", {})
            if opens_properties(self.compiled.patch_reads):
                opened = without_secrets(self.subject.properties, hidden)
                opened = cel.plain(opened, cel.DYN, ("resource", "properties"), gaps)
                gaps.update({path: reason for path, reason in hidden.items() if path in gaps})
                resource = {**resource, "properties": opened}
            ground = _Ground({**self.subject.values, "resource": resource, "params": self.compiled.params}, gaps)
            self._full = _with_variables(self.compiled, ground)
        return self._full


def _grounds(compiled: Compiled, subject: Subject, unknown: Mapping[Path, str]) -> tuple[_Ground, _Ground | None]:
    """What the expressions are evaluated on; where secrets are among it, also what messages are made from.

    A rule may read a secret, a message is shown: it is made from values in which secrets are masked.
    """
    values = {**_pick(compiled, subject.values), "params": compiled.params}
    gaps = dict(unknown)
    if not compiled.reads_properties:
        return _Ground(values, gaps), None
    opened = cel.plain(subject.properties, cel.DYN, ("resource", "properties"), gaps)
    masked = cel.plain(_mask(subject.properties), cel.DYN, ("resource", "properties"), dict(unknown))
    resource = values.get("resource", {})
    return (
        _Ground({**values, "resource": {**resource, "properties": opened}}, gaps),
        _Ground({**values, "resource": {**resource, "properties": masked}}, gaps),
    )


@dataclass(slots=True)
class _Ground:
    """One set of plain values and unknown paths, and the activation made from it when it is first needed."""

    values: dict[str, Any]
    unknown: dict[Path, str]
    made: cel.Activation | None = None

    def __call__(self) -> cel.Activation:
        if self.made is None:
            self.made = cel.Activation(self.values, self.unknown)
        return self.made


def _with_variables(compiled: Compiled, ground: _Ground) -> _Ground:
    """The same ground with the guardrail's variables in it; one that cannot be known is unknown with its reasons."""
    if not compiled.variables:
        return ground
    variables: dict[str, Any] = {}
    unknown = dict(ground.unknown)
    current = ground
    for program, expression in compiled.variables:
        result = program(current())
        if isinstance(result, cel.Undetermined):
            unknown[("variables", expression.name)] = "; ".join(reasons_of(result, unknown))
        else:
            variables[expression.name] = result
        current = _Ground({**ground.values, "variables": dict(variables)}, dict(unknown))
    return current


def reasons_of(result: cel.Undetermined, unknown: Mapping[Path, str]) -> list[str]:
    """Why an answer cannot be known: each unknown value that it hangs on, with its own reason."""
    reasons = [unknown.get(path) or ".".join(path) for path in sorted(result.paths)]
    return reasons or ["a value that is known only after apply"]


def _message(guardrail: Guardrail, check: Check, activation: cel.Activation) -> str:
    if check.message is not None:
        try:
            text = check.message(activation)
        except cel.EvalError:
            text = None
        if isinstance(text, str):
            return text
    return check.validation.message or f"not satisfied: {guardrail.title}"


def _tell(compiled: Compiled, subject: Subject, answer: Answer) -> tuple[Finding, ...]:
    """The answer as findings on the subject."""
    if compiled.answered is not None:
        compiled.answered(answer)
    guardrail = compiled.selected.guardrail
    return tuple(
        [
            Finding(
                guardrail.name,
                status,
                level,
                guardrail.severity,
                subject.address,
                subject.type,
                subject.name,
                message,
                guardrail.remediation,
                subject.location,
                unknown,
            )
            for status, message, level, unknown in _words(compiled, answer)
        ]
    )


def _words(compiled: Compiled, answer: Answer) -> Iterator[tuple[Status, str, Enforcement, tuple[str, ...]]]:
    """What an answer says, whatever it is about: status, message, level, and what is unknown."""
    guardrail, enforcement = compiled.selected.guardrail, compiled.selected.enforcement
    for message in answer.messages:
        yield Status.VIOLATION, message, enforcement, ()
    if answer.undetermined and guardrail.on_unknown is not OnUnknown.SKIP:
        level = enforcement if guardrail.on_unknown is OnUnknown.DENY else Enforcement.ADVISORY
        text = f"cannot be decided at preview: {'; '.join(answer.undetermined)}"
        yield Status.UNDETERMINED, text, level, answer.undetermined
    if answer.error is not None:
        yield Status.ERROR, f"the guardrail itself failed: {answer.error}", enforcement, ()
