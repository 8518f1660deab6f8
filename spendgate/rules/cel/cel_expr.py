"""The default engine: cel-expr-python, Google's cel-cpp."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spendgate.rules.cel.checker import check
from spendgate.rules.cel.model import Activation, Env, EvalError, Undetermined, forced, touched
from spendgate.rules.cel.reads import Read
from spendgate.rules.cel.types import Path, Schema

_FORM = "cel-expr-python"


@dataclass(frozen=True, slots=True)
class CelExprProgram:
    """An expression that cel-cpp evaluates."""

    expression: str
    return_type: str
    reads: frozenset[Read]
    compiled: Any
    evaluation: Any

    @property
    def uses(self) -> frozenset[Path]:
        """The paths the expression reads."""
        return frozenset(read.path for read in self.reads)

    def __call__(self, activation: Activation) -> Any:
        """Evaluate; see ``Program``."""
        if activation.unknown and (hit := forced(self.reads, activation.unknown)):
            return Undetermined(hit)
        bound = activation.forms.get(_FORM)
        if bound is None:
            bound = activation.forms[_FORM] = self.evaluation.Activation(activation.values)
        result = self.compiled.eval(bound)
        # A failed evaluation comes back as a value whose Python form is a non-empty string: look at its type.
        if result.type().name() == "ERROR":
            if activation.unknown and (hit := touched(self.reads, activation.unknown)):
                return Undetermined(hit)
            raise EvalError("evaluation", _reason(str(result.plain_value())))
        return result.plain_value()


@dataclass(frozen=True, slots=True)
class CelExprEngine:
    """See ``Engine``."""

    name: str = "cel-expr-python"

    def compile(self, expression: str, env: Env) -> CelExprProgram:
        """Check and compile; raises CompileError."""
        return _compile(expression, env.schema)


@lru_cache(maxsize=4096)
def _compile(expression: str, schema: Schema) -> CelExprProgram:
    checked = check(expression, schema)
    evaluation = _evaluation_env(tuple(name for name, _ in schema.variables))
    # Compiled anew rather than deserialised: the checked form carries protobuf types that maps do not have.
    compiled = evaluation.compile(expression)
    return CelExprProgram(expression, checked.return_type, checked.reads, compiled, evaluation)


@lru_cache(maxsize=16)
def _evaluation_env(names: tuple[str, ...]) -> Any:
    from cel_expr_python import cel

    from spendgate.rules.cel.functions import declarations

    types = {name: cel.Type.TIMESTAMP if name == "now" else cel.Type.DYN for name in names}
    return cel.NewEnv(variables=types, functions=declarations())


def _reason(text: str) -> str:
    head, _, tail = text.partition(": ")
    return tail.strip() if head.isupper() or "_" in head else text
