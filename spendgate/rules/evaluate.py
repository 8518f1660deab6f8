"""A guardrail compiled, and its word on a resource or a stack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spendgate.errors import InputError, InputErrors, Place
from spendgate.resource import Secret
from spendgate.rules import cel
from spendgate.rules.guardrail import Enforcement, Expression, Guardrail, OnUnknown, Selected, Target, Validation
from spendgate.rules.vocabulary import schema
from spendgate.verdict import Finding, Status

Path = tuple[str, ...]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a guardrail is asked about: values by variable, unknown paths with the reason of each, and where it is."""

    values: Values
    unknown: Mapping[Path, str]
    address: str
    type: str
    name: str
    location: Place | None
    has_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A guardrail's word before it is about a place: violation messages, or the reasons why it cannot tell."""

    messages: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()
    error: str | None = None


PASS = Answer()


@dataclass(frozen=True, slots=True)
class _Check:
    program: cel.Program
    validation: Validation
    message: cel.Program | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A guardrail ready to be asked. ``reads`` are the two-step paths (``facts.region``) its expressions read."""

    selected: Selected
    env: cel.Env
    conditions: tuple[tuple[cel.Program, Expression], ...]
    variables: tuple[tuple[cel.Program, Expression], ...]
    checks: tuple[_Check, ...]
    reads: frozenset[Path]
    by_kind: tuple[cel.Program, ...]
    kinds: dict[str, bool] = field(default_factory=dict)
    memo: dict[str, Answer] = field(default_factory=dict)

    @property
    def guardrail(self) -> Guardrail:
        """The guardrail as loaded."""
        return self.selected.guardrail


def compile_all(selection: Iterable[Selected]) -> tuple[Compiled, ...]:
    """Compile what is not disabled; raises InputErrors with file, line and column of every wrong expression."""
    compiled: list[Compiled] = []
    errors: list[InputError] = []
    for selected in selection:
        if selected.enforcement is Enforcement.DISABLED:
            continue
        try:
            compiled.append(compile_guardrail(selected))
        except InputErrors as error:
            errors.extend(error.errors)
        except InputError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)
    return tuple(compiled)


def compile_guardrail(selected: Selected) -> Compiled:
    """Type-check and compile every expression of one guardrail.

    Raises InputErrors: CEL that does not parse, reads what does not exist, or has the wrong type.
    """
    guardrail = selected.guardrail
    compiler = _Compiler(guardrail)
    conditions = tuple((compiler.program(item, "bool"), item) for item in guardrail.match_conditions)
    variables = tuple((compiler.variable(item), item) for item in guardrail.variables)
    checks = tuple(
        _Check(
            compiler.program(item.expression, "bool"),
            item,
            compiler.program(item.message_expression, "string") if item.message_expression else None,
        )
        for item in guardrail.validations
    )
    if compiler.errors:
        raise compiler.errors[0] if len(compiler.errors) == 1 else InputErrors(compiler.errors)
    # A path through one of the guardrail's own variables reads what the variable's expression reads.
    uses = {path for program in compiler.programs for path in program.uses}
    reads = frozenset(path[:2] for path in uses if path[0] not in ("params", "variables"))
    by_kind = tuple(program for program, _ in conditions if set(program.uses) == {("facts", "kind")})
    return Compiled(selected, compiler.env, conditions, variables, checks, reads, by_kind)


class _Compiler:
    """Compiles the expressions of one guardrail in order; each variable widens the environment of the next."""

    def __init__(self, guardrail: Guardrail) -> None:
        self.guardrail = guardrail
        self.types: dict[str, cel.Type] = {}
        self.errors: list[InputError] = []
        self.programs: list[cel.Program] = []
        self.env = self._environment()

    def _environment(self) -> cel.Env:
        types = schema(self.guardrail.params, self.types, stack_only=self.guardrail.target is Target.STACK)
        return cel.environment(types)

    def variable(self, expression: Expression) -> Any:
        program = self.program(expression, None)
        if expression.name in self.types:
            self.errors.append(InputError(f'the variable "{expression.name}" stands twice', place=expression.place))
        self.types[expression.name] = cel.type_named(program.return_type) if program else cel.DYN
        self.env = self._environment()
        return program

    def program(self, expression: Expression, wanted: str | None) -> Any:
        """The compiled expression; None after its error is noted (then nothing of this guardrail is kept)."""
        try:
            program = cel.engine().compile(expression.text, self.env)
        except cel.CompileError as error:
            self.errors.append(_compile_error(error, expression))
            return None
        if wanted is not None and program.return_type not in (wanted, "dyn"):
            self.errors.append(
                InputError(
                    f"the expression gives {program.return_type}, not {wanted}",
                    place=expression.place,
                    detail=f"  {expression.text.strip()}",
                )
            )
        self.programs.append(program)
        return program


def _compile_error(error: cel.CompileError, expression: Expression) -> InputError:
    issue = error.issues[0]
    place = expression.place
    lines = expression.text.strip().splitlines()
    if place.line is not None and place.column is not None and len(lines) == 1 and issue.line == 1:
        # Plain scalars stand where their text starts; quoted ones start one character earlier.
        place = Place(place.file, place.line, place.column + issue.column - 1)
    messages = "; ".join(issue.message for issue in error.issues)
    return InputError(f"CEL: {messages}", place=place, detail=error.caret(expression.text))


def ask(compiled: Compiled, subject: Subject) -> tuple[Finding, ...]:
    """The findings of one guardrail on one subject; none when it is satisfied or does not apply.

    A guardrail that reads the same values as before is not evaluated again.
    """
    if not _kind_matches(compiled, subject):
        return ()
    values, unknown = _pick(compiled.reads, subject)
    key = None if subject.has_secrets else _key(values, unknown)
    answer = compiled.memo.get(key) if key is not None else None
    if answer is None:
        answer = _answer(compiled, values, unknown, masked=_mask(values) if subject.has_secrets else None)
        if key is not None:
            compiled.memo[key] = answer
    return tuple(_findings(compiled, subject, answer))


def _kind_matches(compiled: Compiled, subject: Subject) -> bool:
    """Conditions that read nothing but the kind are asked once a kind."""
    if not compiled.by_kind:
        return True
    kind = subject.values["facts"]["kind"]
    if kind not in compiled.kinds:
        activation = compiled.env.activation({"facts": {"kind": kind}}, {})
        compiled.kinds[kind] = all(_is_true(program, activation) for program in compiled.by_kind)
    return compiled.kinds[kind]


def _is_true(program: cel.Program, activation: cel.Activation) -> bool:
    try:
        return program(activation) is not False
    except cel.EvalError:
        return True  # the full evaluation reports it


def _pick(reads: frozenset[Path], subject: Subject) -> tuple[dict[str, Any], dict[Path, str]]:
    """The part of the subject's values that the expressions read, and the unknown paths in it."""
    picked: dict[str, Any] = {}
    for path in reads:
        root = subject.values.get(path[0])
        if len(path) == 1 or not isinstance(root, Mapping):
            picked[path[0]] = root
    for path in reads:
        if len(path) > 1 and (path[0],) not in reads:
            root = subject.values.get(path[0])
            if isinstance(root, Mapping):
                branch = picked.setdefault(path[0], {})
                if path[1] in root:
                    branch[path[1]] = root[path[1]]
    unknown = {
        path: reason
        for path, reason in subject.unknown.items()
        if path[:1] in reads or path[:2] in reads or any(read[: len(path)] == path for read in reads)
    }
    return picked, unknown


def _key(values: Mapping[str, Any], unknown: Mapping[Path, str]) -> str:
    return json.dumps([values, [[*path, reason] for path, reason in unknown.items()]], default=repr, sort_keys=True)


def _mask(value: Any) -> Any:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Mapping):
        return {key: _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return value


def _answer(
    compiled: Compiled, values: Mapping[str, Any], unknown: Mapping[Path, str], masked: Mapping[str, Any] | None
) -> Answer:
    """Conditions, variables, validations. An answer that holds whatever the unknown values are is a known answer."""
    ground = _ground(compiled, values, unknown)
    doubts: list[str] = []
    try:
        for program, _ in compiled.conditions:
            result = program(ground())
            if isinstance(result, cel.Undetermined):
                doubts.extend(_reasons(result, unknown))
            elif result is not True:
                return PASS
        full = _with_variables(compiled, ground)
        # Messages are shown, so they are made from values in which secrets are masked.
        shown = full if masked is None else _with_variables(compiled, _ground(compiled, masked, unknown))
        messages: list[str] = []
        reasons: list[str] = []
        for check in compiled.checks:
            result = check.program(full())
            if isinstance(result, cel.Undetermined):
                reasons.extend(_reasons(result, {**unknown, **full.unknown}))
            elif result is not True:
                messages.append(_message(compiled.guardrail, check, shown()))
    except cel.EvalError as error:
        # Where it is not known whether the guardrail applies, an error says no more than that.
        return Answer(undetermined=tuple(dict.fromkeys(doubts))) if doubts else Answer(error=error.message)
    if doubts:
        return Answer(undetermined=tuple(dict.fromkeys([*doubts, *reasons]))) if messages or reasons else PASS
    return Answer(tuple(messages), () if messages else tuple(dict.fromkeys(reasons)))


@dataclass(slots=True)
class _Ground:
    """Makes activations of one environment over one set of values."""

    env: cel.Env
    values: dict[str, Any]
    unknown: dict[Path, str]
    made: cel.Activation | None = None

    def __call__(self) -> cel.Activation:
        if self.made is None:
            self.made = self.env.activation(self.values, self.unknown)
        return self.made


def _ground(compiled: Compiled, values: Mapping[str, Any], unknown: Mapping[Path, str]) -> _Ground:
    return _Ground(compiled.env, {**values, "params": dict(compiled.selected.params)}, dict(unknown))


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
            unknown[("variables", expression.name)] = "; ".join(_reasons(result, unknown))
        else:
            variables[expression.name] = result
        current = _Ground(ground.env, {**ground.values, "variables": dict(variables)}, dict(unknown))
    return current


def _reasons(result: cel.Undetermined, unknown: Mapping[Path, str]) -> list[str]:
    reasons = [unknown.get(path) or ".".join(path) for path in sorted(result.paths)]
    return reasons or ["a value that is known only after apply"]


def _message(guardrail: Guardrail, check: _Check, activation: cel.Activation) -> str:
    if check.message is not None:
        try:
            text = check.message(activation)
        except cel.EvalError:
            text = None
        if isinstance(text, str):
            return text
    return check.validation.message or f"not satisfied: {guardrail.title}"


def _findings(compiled: Compiled, subject: Subject, answer: Answer) -> Iterable[Finding]:
    guardrail, enforcement = compiled.guardrail, compiled.selected.enforcement

    def finding(status: Status, message: str, level: Enforcement, unknown: Sequence[str] = ()) -> Finding:
        return Finding(
            guardrail=guardrail.name,
            status=status,
            enforcement=level,
            severity=guardrail.severity,
            address=subject.address,
            type=subject.type,
            name=subject.name,
            message=message,
            remediation=guardrail.remediation,
            location=subject.location,
            unknown=tuple(unknown),
        )

    for message in answer.messages:
        yield finding(Status.VIOLATION, message, enforcement)
    if answer.undetermined and guardrail.on_unknown is not OnUnknown.SKIP:
        level = enforcement if guardrail.on_unknown is OnUnknown.DENY else Enforcement.ADVISORY
        text = f"cannot be decided at preview: {'; '.join(answer.undetermined)}"
        yield finding(Status.UNDETERMINED, text, level, answer.undetermined)
    if answer.error is not None:
        yield finding(Status.ERROR, f"the guardrail itself failed: {answer.error} ({guardrail.place})", enforcement)
