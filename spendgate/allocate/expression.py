"""CEL as column expressions: the same text decides about one line in a test and about ten million in an engine.

What CEL calls an error (a tag that is not there, a text that is no number) is SQL's NULL here. The two logics agree:
``false && error`` is false, ``true || error`` is true, and every other operator passes the error on. A condition holds
where it is true, so a line without the tag is not matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill import focus
from spendgate.allocate.model import Expression
from spendgate.errors import InputError
from spendgate.rules.cel.checker import Checked, check
from spendgate.rules.cel.model import CompileError
from spendgate.rules.cel.syntax import Call, Constant, Loop, Name, Node, Parts, Select
from spendgate.rules.cel.types import Schema

if TYPE_CHECKING:
    import ibis.expr.types as ir


class NoColumn(Exception):
    """An expression that has no column form; the message names the part."""


@dataclass(slots=True)
class Columns:
    """The columns that expressions read. ``tag`` gives the column of one tag, ``names`` which columns the bill has;
    what rules read and the bill lacks is noted in ``missing``."""

    table: Any
    tag: Callable[[str], Any]
    has_tags: bool = True
    missing: set[str] = field(default_factory=set)

    def line(self, name: str) -> Any:
        """A FOCUS column as CEL sees it: amounts as its numbers, times as text."""
        import ibis

        kind = focus.COLUMNS[name]
        if name not in self.table.columns:
            self.missing.add(name)
            return ibis.null("string" if kind in (focus.Kind.TEXT, focus.Kind.TIME) else "float64")
        column = self.table[name]
        if kind is focus.Kind.TIME:
            # Letters within a format mean something else in each engine.
            return column.strftime("%Y-%m-%d").concat("T", column.strftime("%H:%M:%S"), "Z")
        return column if kind is focus.Kind.TEXT else column.cast("float64")

    def other(self, name: str) -> Any:
        """A column that FOCUS does not know, as text."""
        import ibis

        if name not in self.table.columns:
            self.missing.add(name)
            return ibis.null("string")
        return self.table[name].cast("string")


_PLAIN: Final = re.compile(r"[^\W\d][\w -]*")


@lru_cache(maxsize=4096)
def checked(expression: Expression, schema: Schema, wanted: tuple[str, ...]) -> Checked:
    """The expression after the type check. Raises InputError with its place.

    Several steps of an allocation ask for the same one: it is checked once.
    """
    try:
        found = check(expression.text, schema)
    except CompileError as error:
        messages = "; ".join(issue.message for issue in error.issues)
        name = "string" in wanted and _PLAIN.fullmatch(expression.text.strip())
        raise InputError(
            f"CEL: {messages}",
            place=expression.place,
            detail=error.caret(expression.text),
            remedy=f"A name has quotes of its own: '\"{name[0]}\"'." if name else None,
        ) from None
    if found.return_type not in (*wanted, "dyn"):
        text = f"the expression gives {found.return_type}, not {' or '.join(wanted)}"
        raise InputError(text, place=expression.place, detail=f"  {expression.text.strip()}")
    return found


def column(tree: Node, columns: Columns) -> ir.Value:
    """The column expression of a checked tree. Raises NoColumn for what is outside the subset."""
    match tree:
        case Constant(value=value):
            return _constant(value)
        case Select(operand=Name(name=root), field=name, test=test):
            found = _read(root, name, columns)
            return found.notnull() if test else found
        case Call(function="_[_]", arguments=(Name(name=root), Constant(text=str() as key))):
            return _read(root, key, columns)
        case Call(function="_in_", arguments=(Constant(text=str() as key), Name(name=root))):
            return _read(root, key, columns).notnull()
        case Call(function="_in_", arguments=(item, Parts(items=items, message=""))):
            return _in(column(item, columns), [column(one, columns) for one in items])
        case Call(function=name, arguments=arguments):
            return _called(name, arguments, columns)
        case Loop():
            raise NoColumn("a macro (all, exists, filter, map)")
        case Name(name=name):
            raise NoColumn(f"{name} as a whole")
        case Parts():
            raise NoColumn("a list or a map as a value")
        case Select():
            raise NoColumn("a field of a computed value")
    raise NoColumn("this expression")


def _constant(value: Any) -> Any:
    import ibis

    if value is None:
        raise NoColumn("null or bytes")
    return ibis.literal(value)


def _read(root: str, name: str, columns: Columns) -> Any:
    match root:
        case "line":
            return columns.line(name)
        case "tags":
            return columns.tag(name)
        case "columns" | "row":
            return columns.table[name] if root == "row" and name in columns.table.columns else columns.other(name)
    raise NoColumn(f"{root}.{name}")


def _in(item: Any, options: list[Any]) -> Any:
    """Whether the item is in the list; an item or an element that fails has the whole fail, as in CEL."""
    import ibis

    given = [item, *options] if not options or item.type().is_floating() else [*options]
    asked = [one.notnull() for one in given if not _is_literal(one)]
    if item.type().is_floating():
        found = reduce(lambda one, other: one | other, (_equal(item, one) for one in options), ibis.literal(False))
    else:
        found = item.isin(options) if options else ibis.literal(False)
    return ibis.cases((reduce(lambda one, other: one & other, asked), found)) if asked else found


def _is_literal(value: Any) -> bool:
    import ibis.expr.operations as ops

    return isinstance(value.op(), ops.Literal)


def _called(name: str, arguments: tuple[Node, ...], columns: Columns) -> Any:
    if name not in _FUNCTIONS:
        raise NoColumn(f"the function {name}")
    if name == "matches" and not (len(arguments) == 2 and isinstance(arguments[1], Constant)):
        # One that is no pattern would end the run, where in CEL it fails for its own line.
        raise NoColumn("a pattern that is worked out")
    given = [column(one, columns) for one in arguments]
    return _FUNCTIONS[name](*given)


def _choice(condition: Any, first: Any, second: Any) -> Any:
    """Neither branch where the condition fails, as in CEL."""
    import ibis

    return ibis.cases((condition, first), (~condition, second))


def _compared(compare: Callable[[Any, Any], Any], of_nan: bool = False) -> Callable[[Any, Any], Any]:
    """The comparison, where what is no number (NaN) is neither equal, less nor more: engines order it."""

    def of(one: Any, other: Any) -> Any:
        import ibis

        found = compare(one, other)
        made = [value for value in (one, other) if value.type().is_floating() and _may_be_nan(value)]
        if not made:
            return found
        nan = reduce(lambda first, second: first | second, (value.isnan() for value in made))
        return ibis.cases((nan & one.notnull() & other.notnull(), ibis.literal(of_nan)), else_=found)

    return of


def _may_be_nan(value: Any) -> bool:
    """Amounts of a bill and numbers that are written are some; what is read out of texts or reckoned may be none."""
    import ibis.expr.operations as ops

    made = value.op()
    while isinstance(made, ops.Cast):
        made = made.arg
    return not isinstance(made, (ops.Literal, ops.Field))


def _plus(left: Any, right: Any) -> Any:
    return _within(left.cast(_WIDE) + right.cast(_WIDE)) if _whole_both(left, right) else left + right


def _minus(left: Any, right: Any) -> Any:
    return _within(left.cast(_WIDE) - right.cast(_WIDE)) if _whole_both(left, right) else left - right


def _times(left: Any, right: Any) -> Any:
    import ibis

    if not _whole_both(left, right):
        return left * right
    about = left.cast("float64") * right.cast("float64")
    return ibis.cases(((about < _MOST) & (about > -_MOST), left.cast("int64") * right.cast("int64")))


_WIDE: Final = "decimal(38, 12)"
"""Holds the sum of any two whole numbers, in every engine."""

_MOST: Final = 2.0**63 - 2.0**13
"""Whole numbers of sixty-four bits, less than what a binary number may be beside them."""


def _whole_both(left: Any, right: Any) -> bool:
    return bool(left.type().is_integer() and right.type().is_integer())


def _within(exact: Any) -> Any:
    """The number where sixty-four bits hold it: others fail, as in CEL, where an engine would end the run."""
    import ibis

    return ibis.cases((exact.between(-(2**63), 2**63 - 1), exact.cast("int64")))


def _add(left: Any, right: Any) -> Any:
    return left.concat(right) if left.type().is_string() else _plus(left, right)


def _negative(value: Any) -> Any:
    return _within(-value.cast(_WIDE)) if value.type().is_integer() else -value


def _size(value: Any) -> Any:
    if not value.type().is_string():
        raise NoColumn("size of a list or a map")
    return value.length()


_NUMBER: Final = (
    "^[+-]?(([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])$"
)


def _number(value: Any) -> Any:
    """Of a text what CEL reads in it; engines know more ways to write a number, each its own."""
    import ibis

    if not value.type().is_string():
        return value.cast("float64")
    text = value.strip()
    return ibis.cases((text.re_search(_NUMBER), text.try_cast("float64")))


def _whole(value: Any) -> Any:
    """Towards zero, as in CEL; engines round, each in its way."""
    import ibis

    if value.type().is_string():
        text = value.strip()
        return ibis.cases((text.re_search("^[+-]?[0-9]+$"), text.try_cast("int64")))
    if value.type().is_integer():
        return value
    most = 2.0**63
    return ibis.cases(
        ((value >= 0) & (value < most), value.floor()), ((value < 0) & (value > -most), value.ceil())
    ).cast("int64")


_equal = _compared(lambda one, other: one == other)

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "_&&_": lambda *parts: reduce(lambda one, other: one & other, parts),
    "_||_": lambda *parts: reduce(lambda one, other: one | other, parts),
    "!_": lambda value: ~value,
    "_==_": _equal,
    "_!=_": _compared(lambda one, other: one != other, of_nan=True),
    "_<_": _compared(lambda one, other: one < other),
    "_<=_": _compared(lambda one, other: one <= other),
    "_>_": _compared(lambda one, other: one > other),
    "_>=_": _compared(lambda one, other: one >= other),
    "_+_": _add,
    "_-_": _minus,
    "_*_": _times,
    "-_": _negative,
    "_?_:_": _choice,
    "startsWith": lambda text, start: text.startswith(start),
    "endsWith": lambda text, end: text.endswith(end),
    "contains": lambda text, part: text.contains(part),
    "matches": lambda text, pattern: text.re_search(pattern),
    "size": _size,
    "string": lambda value: value.cast("string"),
    "double": _number,
    "int": _whole,
}
"""The documented subset (docs/allocation.md); division and remainder are outside it: engines round them differently."""
