"""A guardrail compiled: its expressions as programs, with all that they read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate.errors import InputError, Place, raise_together
from spendgate.rules import cel
from spendgate.rules.guardrail import Enforcement, Expression, Guardrail, Selected, Target, Validation
from spendgate.rules.library import Faults
from spendgate.rules.patch_rules import CompiledPatch, compile_patches
from spendgate.rules.subject import Part, Path, parts_read
from spendgate.rules.vocabulary import schema


@dataclass(frozen=True, slots=True)
class Answer:
    """A guardrail's word before it is about a place: violation messages, or the reasons why it cannot tell."""

    messages: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()
    error: str | None = None


PASS = Answer()


@dataclass(frozen=True, slots=True)
class Check:
    """One validation: what must hold, and the message where it does not."""

    program: cel.Program
    validation: Validation
    message: cel.Program | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A guardrail ready to be asked. ``reads`` are the one- or two-step paths (``facts.region``) it reads; ``decides``
    and ``tells`` what of them its verdict hangs on, and its messages as well.

    ``answered``, where it is set, is told every answer that is no pass (tests of guardrails listen).
    """

    selected: Selected
    params: Mapping[str, Any]
    conditions: tuple[tuple[cel.Program, Expression], ...]
    variables: tuple[tuple[cel.Program, Expression], ...]
    checks: tuple[Check, ...]
    reads: tuple[Path, ...]
    decides: tuple[Part, ...]
    tells: tuple[Part, ...]
    by_kind: tuple[cel.Program, ...]
    kinds: dict[tuple[str, str], bool] = field(default_factory=dict)
    met: dict[Path, bool] = field(default_factory=dict)
    answered: Callable[[Answer], None] | None = None
    patches: tuple[CompiledPatch, ...] = ()
    patch_reads: tuple[Path, ...] = ()
    patch_parts: tuple[Part, ...] = ()
    patch_met: dict[Path, bool] = field(default_factory=dict)

    @property
    def remediates(self) -> bool:
        """Whether it changes what it finds wrong: it carries a patch, and its level is that."""
        return bool(self.patches) and self.selected.enforcement is Enforcement.REMEDIATE

    @property
    def reads_properties(self) -> bool:
        """Whether it reads the resource's own properties, rather than facts alone."""
        return opens_properties(self.reads)

    @property
    def guardrail(self) -> Guardrail:
        """The guardrail as loaded."""
        return self.selected.guardrail


def compile_all(selection: Iterable[Selected], faults: Faults | None = None) -> tuple[Compiled, ...]:
    """Compile what is not disabled; raises InputErrors with file, line and column of every wrong expression, or, where
    ``faults`` are given, puts them there and leaves those guardrails out."""
    compiled: list[Compiled] = []
    found = Faults() if faults is None else faults
    for selected in selection:
        if selected.enforcement is Enforcement.DISABLED:
            continue
        try:
            compiled.append(compile_guardrail(selected))
        except InputError as error:
            found.add(error, selected.guardrail.name)
    if faults is None:
        raise_together(found.errors)
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
        Check(
            compiler.program(item.expression, "bool"),
            item,
            compiler.program(item.message_expression, "string") if item.message_expression else None,
        )
        for item in guardrail.validations
    )
    asked = tuple(compiler.programs)
    # Patches are evaluated apart, and only after a violation: what they read decides no answer.
    patches = compile_patches(guardrail, compiler.program, compiler.errors)
    raise_together(compiler.errors)
    # A path through one of the guardrail's own variables reads what the variable's expression reads.
    reads = _paths_read(asked)
    by_kind = tuple(program for program, _ in conditions if all(_of_kind(path) for path in program.uses))
    params = compiler.env.plain("params", selected.params)
    deciding = [*(program for program, _ in (*conditions, *variables)), *(check.program for check in checks)]
    decides, tells = (parts_read(programs, reads, params) for programs in (deciding, asked))
    # The values of patches may hang on more: on all that their own expressions read.
    setting = [program for patch in patches for program in (patch.program, patch.when) if program is not None]
    setting += [program for program, _ in variables] if setting else []
    patch_reads = _paths_read(setting)
    return Compiled(
        selected,
        params,
        conditions,
        variables,
        checks,
        reads,
        decides,
        tells,
        by_kind,
        patches=patches,
        patch_reads=patch_reads,
        patch_parts=parts_read(setting, patch_reads, params),
    )


def _of_kind(path: Path) -> bool:
    """Whether it is the same for all resources of a kind and type."""
    return path in (("facts", "kind"), ("resource", "type")) or path[0] == "params"


def opens_properties(reads: Iterable[Path]) -> bool:
    """Whether a resource's own properties are among what is read."""
    return any(path in (("resource",), ("resource", "properties")) for path in reads)


def _paths_read(programs: Iterable[cel.Program]) -> tuple[Path, ...]:
    """What programs read of a subject, as paths of one or two steps. A whole variable holds its fields."""
    uses = {path for program in programs for path in program.uses}
    reads = sorted({path[:2] for path in uses if path[0] not in ("params", "variables")})
    return tuple(path for path in reads if len(path) == 1 or path[:1] not in reads)


class _Compiler:
    """Compiles the expressions of one guardrail in order; each variable widens the environment of the next."""

    def __init__(self, guardrail: Guardrail) -> None:
        self.guardrail = guardrail
        self.types: dict[str, cel.Type] = {}
        self.errors: list[InputError] = []
        self.programs: list[cel.Program] = []
        self.copies: dict[str, int] = {}
        self.env = self._environment()

    def _environment(self) -> cel.Env:
        types = schema(self.guardrail.params, self.types, stack_only=self.guardrail.target is Target.STACK)
        return cel.environment(types, self.guardrail.tested)

    def variable(self, expression: Expression) -> Any:
        program = self.program(expression, None)
        if expression.name in self.types:
            self.errors.append(InputError(f'the variable "{expression.name}" stands twice', place=expression.place))
        self.types[expression.name] = cel.type_named(program.return_type) if program else cel.DYN
        grows = self.types[expression.name] not in (cel.BOOL, cel.INT, cel.DOUBLE) and not self.guardrail.tested
        if program and grows:
            self.copies[expression.name] = cel.copies(program.tree, self.copies)[0]
        try:
            self.env = self._environment()
        except ValueError:
            text = f'the variable "{expression.name}" holds a time; make it a text, a number or a boolean'
            remedy = "Read the time where it is compared: timestamp(variables.text) < now."
            self.errors.append(InputError(text, place=expression.place, remedy=remedy))
            self.types[expression.name] = cel.DYN
            self.env = self._environment()
        return program

    def program(self, expression: Expression, wanted: str | None) -> Any:
        """The compiled expression; None after its error is noted (then nothing of this guardrail is kept)."""
        try:
            program = cel.engine().compile(expression.text, self.env)
        except cel.CompileError as error:
            self.errors.append(_compile_error(error, expression))
            return None
        if self.copies and (fault := cel.too_many(cel.copies(program.tree, self.copies)[1])):
            text = f"the expression: with what its variables hold, {fault}"
            self.errors.append(InputError(text, place=expression.place, detail=f"  {expression.text.strip()}"))
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
    messages = "; ".join(dict.fromkeys(issue.message for issue in error.issues))
    return InputError(f"CEL: {messages}", place=place, detail=error.caret(expression.text))
