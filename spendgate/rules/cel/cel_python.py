"""The second engine: cel-python, pure Python, for hosts without a wheel of the first, and the cross-check of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from spendgate.rules.cel.faults import MESSAGES, fault
from spendgate.rules.cel.functions import join
from spendgate.rules.cel.limits import MAX_DEPTH, refuse, refuse_too_long, too_deep
from spendgate.rules.cel.model import Activation, CompileError, Env, EvalError, Issue, answer
from spendgate.rules.cel.reads import Read, reads_of, uses
from spendgate.rules.cel.syntax import Call, Node, children, has_loop_in_loop
from spendgate.rules.cel.types import Path, Schema
from spendgate.rules.cel.wording import too_early, unexpected

_FORM = "cel-python"


@dataclass(frozen=True, slots=True)
class CelPythonProgram:
    """An expression that cel-python interprets."""

    expression: str
    return_type: str
    reads: frozenset[Read]
    uses: frozenset[Path]
    runner: Any
    tree: Node

    def __call__(self, activation: Activation) -> Any:
        """Evaluate; see ``Program``."""
        if not activation.gaps:
            return self._evaluate(activation)
        return answer(self.reads, activation, lambda: self._evaluate(activation))

    def _evaluate(self, activation: Activation) -> Any:
        from celpy.evaluation import CELEvalError

        from spendgate.rules.cel.cel_python_evaluator import StrictEvaluator

        bound = activation.forms.get(_FORM)
        if bound is None:
            bound = activation.forms[_FORM] = {name: _to_cel(value) for name, value in activation.values.items()}
        try:
            evaluator = StrictEvaluator(self.runner.ast, activation=self.runner.new_activation())
            return _from_cel(evaluator.evaluate(bound))
        except CELEvalError as error:
            raise _fault(error, self.expression) from None
        except Exception as error:  # its evaluator lets foreign exceptions escape raw
            kind = "type" if isinstance(error, (TypeError, AttributeError)) else "other"
            raise EvalError(kind, MESSAGES[kind]) from None


@dataclass(frozen=True, slots=True)
class CelPythonEngine:
    """See ``Engine``."""

    name: str = _FORM

    def compile(self, expression: str, env: Env) -> CelPythonProgram:
        """Check (by the other engine's checker where it is installed) and compile; raises CompileError."""
        return _compile(expression, env.schema)


@lru_cache(maxsize=4096)
def _compile(expression: str, schema: Schema) -> CelPythonProgram:
    refuse_too_long(expression)
    checked = _check(expression, schema)
    import celpy
    from celpy.celparser import CELParseError

    from spendgate.rules.cel.cel_python_evaluator import FUNCTIONS
    from spendgate.rules.cel.cel_python_tree import check_paths, from_lark

    # What it logs shows values, and goes to standard error where nobody configured logging.
    logging.getLogger("celpy").setLevel(logging.CRITICAL + 1)
    environment = celpy.Environment(runner_class=celpy.InterpretedRunner)
    try:
        parsed = environment.compile(expression)
        tree = from_lark(parsed)
    except CELParseError as error:
        raise CompileError([_unparsed(error, expression)]) from None
    except RecursionError:
        raise CompileError([too_deep()]) from None
    if checked is None:
        refuse(tree, expression)
        checked = (check_paths(tree, schema), reads_of(tree, schema))
    _refuse_what_it_cannot_bound(tree)
    runner = environment.program(parsed, functions={**FUNCTIONS, "join": _join})
    return_type, reads = checked
    return CelPythonProgram(expression, return_type, reads, uses(reads), runner, tree)


def _check(expression: str, schema: Schema) -> tuple[str, frozenset[Read]] | None:
    """Type and reads by the other engine's checker; None where that is not installed."""
    try:
        import cel_expr_python.cel  # noqa: F401
    except ImportError:
        return None
    from spendgate.rules.cel.checker import check

    checked = check(expression, schema)
    return checked.return_type, checked.reads


def _unparsed(error: Any, expression: str) -> Issue:
    lines = expression.splitlines() or [""]
    cause = error.__context__  # lark's own error, which knows the token
    if getattr(getattr(cause, "token", None), "type", "$END" if cause is None else "") == "$END":
        return Issue(len(lines), len(lines[-1].rstrip()) + 1, too_early(expression))
    line, column = max(error.line or 1, 1), max(error.column or 1, 1)
    return Issue(line, column, unexpected(lines[min(line, len(lines)) - 1], column))


def _refuse_what_it_cannot_bound(tree: Node) -> None:
    """It has no bound of its own: a macro goes over one list, never over a product of lists."""
    if has_loop_in_loop(tree):
        message = "a macro inside a macro is refused by the engine cel-python; name the inner one under variables"
        raise CompileError([Issue(1, 1, message)])
    if _depth(tree) > MAX_DEPTH:
        raise CompileError([too_deep()])


def _depth(tree: Node) -> int:
    """Nesting; a chain of && or || counts once, as in the other engine."""
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        chain = node.function if isinstance(node, Call) and node.function in ("_&&_", "_||_") else None
        for child in children(node):
            same = chain is not None and isinstance(child, Call) and child.function == chain
            waiting.append((child, depth if same else depth + 1))
    return deepest


_BY_EXCEPTION = ((KeyError, "missing"), (IndexError, "index"), (ZeroDivisionError, "division"), (TypeError, "type"))


def _fault(error: Any, expression: str) -> EvalError:
    """The error for what cel-python says: a text, the class of the exception behind it, its arguments."""
    text = str(error.args[0]) if error.args else ""
    cause = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], type) else Exception
    if text.startswith(("no such member", "Iteration budget", "Index error", "duplicate key")):
        return fault(text, expression)
    if text == "match error":
        return EvalError("regex", MESSAGES["regex"])
    kind = next((kind for exception, kind in _BY_EXCEPTION if issubclass(cause, exception)), None)
    if kind is None:
        # ValueError: of a conversion function, which it names by its token, or of an operator.
        kind = "conversion" if getattr(error, "token", None) is not None else "overflow"
    return EvalError(kind, MESSAGES[kind])


def _join(items: Any, separator: Any) -> Any:
    from celpy import celtypes

    if not isinstance(items, celtypes.ListType) or not isinstance(separator, celtypes.StringType):
        raise TypeError("join takes a list and a text")
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
    if isinstance(value, bytes):
        return celtypes.BytesType(value)
    if isinstance(value, datetime):
        return celtypes.TimestampType(value)
    if isinstance(value, timedelta):
        return celtypes.DurationType(value)
    if isinstance(value, Mapping):
        return celtypes.MapType({celtypes.StringType(key): _to_cel(item) for key, item in value.items()})
    if isinstance(value, list):
        return celtypes.ListType([_to_cel(item) for item in value])
    return value


def _from_cel(value: Any) -> Any:
    """As plain Python; its own types are subclasses of the plain ones, with other rules."""
    from celpy import celtypes

    match value:
        case celtypes.BoolType():
            return bool(value)
        case celtypes.IntType() | celtypes.UintType():
            return int(value)
        case celtypes.DoubleType():
            return float(value)
        case celtypes.StringType():
            return str(value)
        case celtypes.BytesType():
            return bytes(value)
        case celtypes.TimestampType():
            return datetime.fromtimestamp(value.timestamp(), value.tzinfo).astimezone(UTC)
        case celtypes.DurationType():
            return timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
        case celtypes.MapType():
            return {_from_cel(key): _from_cel(item) for key, item in value.items()}
        case list():
            return [_from_cel(item) for item in value]
        case type():
            return value.__name__.removesuffix("Type").lower()
    return value
