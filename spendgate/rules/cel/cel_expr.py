"""The default engine: cel-expr-python, Google's cel-cpp."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spendgate.rules.cel.checker import check, checked_form
from spendgate.rules.cel.faults import fault
from spendgate.rules.cel.model import Activation, CompileError, Env, Issue, answer
from spendgate.rules.cel.order import in_order
from spendgate.rules.cel.reads import Read, uses
from spendgate.rules.cel.syntax import Node
from spendgate.rules.cel.types import DURATION, TIMESTAMP, MapOf, Path, Scalar, Schema, Type

_FORM = "cel-expr-python"


@dataclass(frozen=True, slots=True)
class CelExprProgram:
    """An expression that cel-cpp evaluates."""

    expression: str
    return_type: str
    reads: frozenset[Read]
    uses: frozenset[Path]
    compiled: Any
    evaluation: Any
    tree: Node

    def __call__(self, activation: Activation) -> Any:
        """Evaluate; see ``Program``."""
        if not activation.gaps:
            return self._evaluate(activation)
        return answer(self.reads, activation, lambda: self._evaluate(activation))

    def _evaluate(self, activation: Activation) -> Any:
        bound = activation.forms.get(_FORM)
        try:
            if bound is None:
                bound = activation.forms[_FORM] = self.evaluation.Activation(activation.values)
            result = self.compiled.eval(bound)
        except RuntimeError as error:  # the bound on iterations, a duplicate key
            raise fault(str(error), self.expression) from None
        # A failed evaluation comes back as a value whose Python form is a non-empty string: look at its type.
        kind = result.type().name()
        if kind in ("ERROR", "UNKNOWN"):
            raise fault(str(result.value()), self.expression)
        value = result.plain_value()
        if kind == "TYPE":
            return str(value.name()).lower()
        return bytes(value) if isinstance(value, bytearray) else value


@dataclass(frozen=True, slots=True)
class CelExprEngine:
    """See ``Engine``."""

    name: str = _FORM

    def compile(self, expression: str, env: Env) -> CelExprProgram:
        """Check and compile; raises CompileError."""
        return _compile(expression, env.schema, env.tested)


@lru_cache(maxsize=4096)
def _compile(expression: str, schema: Schema, tested: bool) -> CelExprProgram:
    evaluation = _evaluation_env(tuple((name, _kind(type_)) for name, type_ in schema.variables))
    checked = None if tested else check(expression, schema)
    try:
        # Compiled anew rather than deserialised: the checked form carries protobuf types that maps do not have.
        compiled = evaluation.compile(in_order(expression, schema))
        checked = checked or checked_form(compiled, expression, schema)
    except RuntimeError as error:
        check(expression, schema)  # tells what is wrong, and where
        raise CompileError([Issue(1, 1, str(error).splitlines()[0])]) from None
    return CelExprProgram(
        expression, checked.return_type, checked.reads, uses(checked.reads), compiled, evaluation, checked.tree
    )


def _kind(type_: Type) -> str:
    """As what a variable is bound. Of dyn, ``a["x"] + a["y"]`` would be a sum of whole numbers to cel-cpp's checker,
    and no text could be added to it: a map says that its values may be anything."""
    if isinstance(type_, MapOf):
        return "map"
    return type_.name if isinstance(type_, Scalar) and type_ in (TIMESTAMP, DURATION) else "dyn"


@lru_cache(maxsize=16)
def _evaluation_env(variables: tuple[tuple[str, str], ...]) -> Any:
    """The environment in which maps are read: records are ``dyn``."""
    from cel_expr_python import cel

    from spendgate.rules.cel.functions import declarations, sorted_keys_declaration

    a_map = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    types = {name: a_map if kind == "map" else getattr(cel.Type, kind.upper()) for name, kind in variables}
    return cel.NewEnv(variables=types, functions=[*declarations(), sorted_keys_declaration()])
