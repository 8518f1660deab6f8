"""The second engine: cel-python, pure Python, for hosts without a wheel of the first, and the cross-check of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from spendgate.rules.cel.functions import join
from spendgate.rules.cel.model import Activation, CompileError, Env, EvalError, Issue, Undetermined, forced, touched
from spendgate.rules.cel.reads import Read, reads_by_text
from spendgate.rules.cel.types import Path, Schema

_FORM = "cel-python"
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(")


@dataclass(frozen=True, slots=True)
class CelPythonProgram:
    """An expression that cel-python interprets."""

    expression: str
    return_type: str
    reads: frozenset[Read]
    runner: Any

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
            bound = activation.forms[_FORM] = {name: _to_cel(value) for name, value in activation.values.items()}
        try:
            return _from_cel(self.runner.evaluate(bound))
        except Exception as error:  # its evaluator lets foreign exceptions escape raw
            if activation.unknown and (hit := touched(self.reads, activation.unknown)):
                return Undetermined(hit)
            raise EvalError(type(error).__name__, _first_line(error)) from None


@dataclass(frozen=True, slots=True)
class CelPythonEngine:
    """See ``Engine``."""

    name: str = "cel-python"

    def compile(self, expression: str, env: Env) -> CelPythonProgram:
        """Check (by the other engine's checker where it is installed) and compile; raises CompileError."""
        return _compile(expression, env.schema)


@lru_cache(maxsize=4096)
def _compile(expression: str, schema: Schema) -> CelPythonProgram:
    import celpy
    from celpy.celparser import CELParseError

    return_type, reads = _check(expression, schema)
    environment = celpy.Environment(runner_class=celpy.InterpretedRunner)
    try:
        tree = environment.compile(expression)
        runner = environment.program(tree, functions={"join": _join})
    except CELParseError as error:
        issue = Issue(error.line or 1, error.column or 1, "the expression does not parse")
        raise CompileError([issue]) from None
    except Exception as error:
        raise CompileError([Issue(1, 1, _first_line(error))]) from None
    return CelPythonProgram(expression, return_type, reads, runner)


def _check(expression: str, schema: Schema) -> tuple[str, frozenset[Read]]:
    try:
        from spendgate.rules.cel.checker import check

        checked = check(expression, schema)
        return checked.return_type, checked.reads
    except ImportError:
        _refuse_nested_loops(expression)
        return "dyn", reads_by_text(expression, dict(schema.variables))


def _refuse_nested_loops(expression: str) -> None:
    """cel-python bounds nothing: a macro in a macro in a macro over user data could run for hours."""
    if len(_LOOP.findall(expression)) > 4:
        raise CompileError([Issue(1, 1, "more than four macros in one expression; split it into variables")])


def _join(items: Any, separator: Any) -> Any:
    from celpy import celtypes

    return celtypes.StringType(join(_from_cel(items), str(separator)))


def _to_cel(value: Any) -> Any:
    from celpy import celtypes

    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, int):
        return celtypes.IntType(value)
    if isinstance(value, float):
        return celtypes.DoubleType(value)
    if isinstance(value, str):
        return celtypes.StringType(value)
    if isinstance(value, datetime):
        return celtypes.TimestampType(value)
    if isinstance(value, Mapping):
        return celtypes.MapType({celtypes.StringType(key): _to_cel(item) for key, item in value.items()})
    if isinstance(value, list):
        return celtypes.ListType([_to_cel(item) for item in value])
    return value


def _from_cel(value: Any) -> Any:
    from celpy import celtypes

    if isinstance(value, celtypes.BoolType):
        return bool(value)
    if isinstance(value, (celtypes.IntType, celtypes.UintType)):
        return int(value)
    if isinstance(value, celtypes.DoubleType):
        return float(value)
    if isinstance(value, celtypes.StringType):
        return str(value)
    if isinstance(value, celtypes.MapType):
        return {_from_cel(key): _from_cel(item) for key, item in value.items()}
    if isinstance(value, (celtypes.ListType, list)):
        return [_from_cel(item) for item in value]
    if isinstance(value, Exception):
        raise value
    return value


def _first_line(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]
