"""cel-python's evaluator, held to what the CEL specification and the other engine say.

As it comes it compares no whole number with a decimal one, takes true for 1, answers ``has(a.b.c)`` where ``a.b`` is
missing, counts from the end of a list, loses errors inside map literals and lets them escape from macros. Functions
and operators can be replaced by name; the rest are methods of the evaluator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import lark
from celpy.celtypes import (
    BoolType,
    BytesType,
    DoubleType,
    DurationType,
    IntType,
    ListType,
    MapType,
    StringType,
    TimestampType,
    UintType,
)
from celpy.evaluation import CELEvalError, Evaluator, base_functions

from spendgate.rules.cel.cel_python_tree import MACROS
from spendgate.rules.cel.model import MAX_ITERATIONS
from spendgate.rules.cel.order import sorted_keys

_NUMBERS = (IntType, UintType, DoubleType)
_ORDERED = (StringType, BytesType, TimestampType, DurationType, BoolType)


class StrictEvaluator(Evaluator):
    """Evaluates one tree; macros evaluate their body in an evaluator of their own."""

    def sub_evaluator(self, ast: lark.Tree[Any]) -> Evaluator:
        return type(self)(ast, activation=self.activation)

    def macro_has_eval(self, exprlist: lark.Tree[Any]) -> Any:
        tree: Any = exprlist
        while tree.data != "member_dot":
            tree = tree.children[0]
        operand = self.visit(tree.children[0])
        if isinstance(operand, CELEvalError):
            return operand
        if not isinstance(operand, MapType):
            return _no_overload("has")
        return BoolType(str(tree.children[1]) in operand)

    def expr(self, tree: Any) -> Any:
        if len(tree.children) == 1:
            return self.visit(tree.children[0])
        condition: Any = self.visit(tree.children[0])
        if not isinstance(condition, BoolType):
            return condition if isinstance(condition, CELEvalError) else _no_overload("_?_:_")
        return self.visit(tree.children[1 if condition else 2])

    def member_dot_arg(self, tree: lark.Tree[Any]) -> Any:
        name = str(tree.children[1])
        if name not in MACROS:
            return super().member_dot_arg(tree)
        items: Any = self.visit(tree.children[0])
        if isinstance(items, CELEvalError):
            return items
        if not isinstance(items, (ListType, MapType)):
            return _no_overload(name)
        if len(items) > MAX_ITERATIONS:
            return CELEvalError("Iteration budget exceeded", OverflowError, ())
        if isinstance(items, MapType):
            items = sorted_keys(items)  # in the order of the other engine
        arguments = tree.children[2].children
        variable = str(next(arguments[0].find_data("ident")).children[0])
        bodies = [self.sub_evaluator(body) for body in arguments[1:]]
        return _MACROS[name](items, [_body(body, variable) for body in bodies])

    def mapinits(self, tree: lark.Tree[Any]) -> Any:
        values: list[Any] = self.visit_children(tree)
        result = MapType()
        for key, value in zip(values[0::2], values[1::2], strict=True):
            for part in (key, value):
                if isinstance(part, CELEvalError):
                    return part
            if not isinstance(key, (StringType, IntType, UintType, BoolType)):
                return _no_overload("{}")
            if key in result:
                return CELEvalError("duplicate key in map", ValueError, ())
            result[key] = value
        return result


def _no_overload(name: str) -> CELEvalError:
    return CELEvalError(f"No matching overloads found : {name}", TypeError, ())


def _body(evaluator: Evaluator, variable: str) -> Callable[[Any], Any]:
    def at(item: Any) -> Any:
        try:
            return evaluator.evaluate({variable: item})
        except CELEvalError as error:
            return error

    return at


def _booleans(items: Any, body: Callable[[Any], Any]) -> Iterator[Any]:
    for item in items:
        value = body(item)
        yield value if isinstance(value, (BoolType, CELEvalError)) else _no_overload("macro")


def _exists(items: Any, bodies: list[Callable[[Any], Any]]) -> Any:
    result: Any = BoolType(False)
    for value in _booleans(items, bodies[0]):
        result = _or(result, value)
        if result == 1:
            break
    return result


def _all(items: Any, bodies: list[Callable[[Any], Any]]) -> Any:
    result: Any = BoolType(True)
    for value in _booleans(items, bodies[0]):
        result = _and(result, value)
        if isinstance(result, BoolType) and not result:
            break
    return result


def _exists_one(items: Any, bodies: list[Callable[[Any], Any]]) -> Any:
    values = list(_booleans(items, bodies[0]))
    return _first_error(values) or BoolType(sum(values) == 1)


def _filter(items: Any, bodies: list[Callable[[Any], Any]]) -> Any:
    values = list(_booleans(items, bodies[0]))
    return _first_error(values) or ListType([item for item, keep in zip(items, values, strict=True) if keep])


def _map(items: Any, bodies: list[Callable[[Any], Any]]) -> Any:
    if len(bodies) == 2:
        items = _filter(items, bodies[:1])
        if isinstance(items, CELEvalError):
            return items
    values = [bodies[-1](item) for item in items]
    return _first_error(values) or ListType(values)


def _first_error(values: list[Any]) -> CELEvalError | None:
    return next((value for value in values if isinstance(value, CELEvalError)), None)


_MACROS: dict[str, Callable[[Any, list[Callable[[Any], Any]]], Any]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, given no errors: the first one among the arguments is the result."""

    def call(*arguments: Any) -> Any:
        return _first_error(list(arguments)) or function(*arguments)

    return call


def _or(left: Any, right: Any) -> Any:
    return _logic(left, right, decisive=True)


def _and(left: Any, right: Any) -> Any:
    return _logic(left, right, decisive=False)


def _logic(left: Any, right: Any, *, decisive: bool) -> Any:
    for value in (left, right):
        if isinstance(value, BoolType) and bool(value) is decisive:
            return value
    for value in (left, right):
        if not isinstance(value, BoolType):
            return value if isinstance(value, CELEvalError) else _no_overload("_||_" if decisive else "_&&_")
    return BoolType(not decisive)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return _plain(left) == _plain(right)
    if isinstance(left, ListType) and isinstance(right, ListType):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, MapType) and isinstance(right, MapType):
        return len(left) == len(right) and all(key in right and _equal(left[key], right[key]) for key in left)
    for kind in (BoolType, StringType, BytesType, TimestampType, DurationType, ListType, MapType):
        if isinstance(left, kind) or isinstance(right, kind):
            return isinstance(left, kind) and isinstance(right, kind) and bool(left == right)
    # A type: the name of a type is the function that converts to it, which may be one of these.
    return (StringType if left is FUNCTIONS["string"] else left) == (
        StringType if right is FUNCTIONS["string"] else right
    )


def _plain(number: Any) -> int | float:
    return float(number) if isinstance(number, DoubleType) else int(number)


def _compare(operator: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def compare(left: Any, right: Any) -> Any:
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
            return BoolType(operator(_plain(left), _plain(right)))
        if any(isinstance(left, kind) and isinstance(right, kind) for kind in _ORDERED):
            return BoolType(operator(left, right))
        return _no_overload("comparison")

    return _strict(compare)


def _in(item: Any, container: Any) -> Any:
    if isinstance(container, MapType):
        return BoolType(any(_equal(item, key) for key in container))
    if isinstance(container, ListType):
        return BoolType(any(_equal(item, element) for element in container))
    return _no_overload("in")


def _index(container: Any, key: Any) -> Any:
    if isinstance(container, MapType):
        for name in container:
            if _equal(name, key):
                return container[name]
        return CELEvalError(f"no such member in mapping: '{key}'", KeyError, ())
    whole = isinstance(key, (IntType, UintType)) or (isinstance(key, DoubleType) and float(key).is_integer())
    if not isinstance(container, ListType) or not whole:
        return _no_overload("[ ]")
    if not 0 <= int(key) < len(container):
        return CELEvalError("Index error", IndexError, ())
    return container[int(key)]


def _arithmetic(name: str) -> Callable[..., Any]:
    inner = base_functions[name]

    def call(left: Any, right: Any) -> Any:
        if isinstance(left, BoolType) or isinstance(right, BoolType) or left is None or right is None:
            return _no_overload(name)
        return _wrapped(inner(left, right))

    return _strict(call)


def _wrapped(value: Any) -> Any:
    """Operators that its types inherit from Python's give plain Python values."""
    kinds: dict[type, Any] = {float: DoubleType, int: IntType, str: StringType, bytes: BytesType, list: ListType}
    wrapper = kinds.get(type(value))
    return wrapper(value) if wrapper else value


def _negate(value: Any) -> Any:
    return _no_overload("-_") if isinstance(value, BoolType) else _wrapped(base_functions["-_"](value))


def _not(value: Any) -> Any:
    return BoolType(not value) if isinstance(value, BoolType) else _no_overload("!_")


def _size(container: Any) -> Any:
    if isinstance(container, (StringType, BytesType, ListType, MapType)):
        return IntType(len(container))
    return _no_overload("size")


def _string(value: Any) -> Any:
    if isinstance(value, BoolType):
        return StringType("true" if value else "false")
    if isinstance(value, DoubleType):
        return StringType(_double(float(value)))
    if isinstance(value, (StringType, BytesType, IntType, UintType, TimestampType, DurationType)):
        return base_functions["string"](value)
    return _no_overload("string")


def _double(number: float) -> str:
    """As cel-cpp writes it: the shortest digits that read back, with an exponent from a million on."""
    if math.isnan(number) or math.isinf(number):
        return str(number)
    exponent = math.floor(math.log10(abs(number))) if number else 0
    if -4 <= exponent < 6:
        return repr(number).removesuffix(".0")
    return next(text for places in range(18) if float(text := f"{number:.{places}e}") == number)


def _text_function(name: str) -> Callable[..., Any]:
    inner = base_functions[name]

    def call(text: Any, part: Any) -> Any:
        if isinstance(text, StringType) and isinstance(part, StringType):
            return inner(text, part)
        return _no_overload(name)

    return _strict(call)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_||_": _or,
    "_&&_": _and,
    "!_": _strict(_not),
    "-_": _strict(_negate),
    "_==_": _strict(lambda left, right: BoolType(_equal(left, right))),
    "_!=_": _strict(lambda left, right: BoolType(not _equal(left, right))),
    "_<_": _compare(lambda left, right: left < right),
    "_<=_": _compare(lambda left, right: left <= right),
    "_>_": _compare(lambda left, right: left > right),
    "_>=_": _compare(lambda left, right: left >= right),
    "_in_": _strict(_in),
    "_[_]": _strict(_index),
    "size": _strict(_size),
    "string": _strict(_string),
    **{name: _arithmetic(name) for name in ("_+_", "_-_", "_*_", "_/_", "_%_")},
    **{name: _text_function(name) for name in ("contains", "startsWith", "endsWith", "matches")},
}
"""Operators and functions by the names that the evaluator looks them up by."""
