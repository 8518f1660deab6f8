"""cel-python's parse tree as an expression tree, and the check that stands in where no checker is installed."""

from __future__ import annotations

from typing import Any

from lark import Token, Tree

from spendgate.rules.cel.model import CompileError, Issue
from spendgate.rules.cel.syntax import Call, Constant, Loop, Name, Node, Parts, Position, Select, children
from spendgate.rules.cel.types import BOOL, DYN, STRING, ListOf, MapOf, Message, Scalar, Schema, Type
from spendgate.rules.cel.wording import FUNCTIONS, no_field, no_function, no_variable

MACROS = {"all", "exists", "exists_one", "filter", "map"}

_OPERATORS = {
    "relation_lt": "_<_",
    "relation_le": "_<=_",
    "relation_gt": "_>_",
    "relation_ge": "_>=_",
    "relation_eq": "_==_",
    "relation_ne": "_!=_",
    "relation_in": "_in_",
    "addition_add": "_+_",
    "addition_sub": "_-_",
    "multiplication_mul": "_*_",
    "multiplication_div": "_/_",
    "multiplication_mod": "_%_",
    "unary_not": "!_",
    "unary_neg": "-_",
}
_BOOLEAN = {"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "_in_", "!_", "_&&_", "_||_"}
_TYPES = {
    "bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint",
}  # fmt: skip
_BOOLEAN_FUNCTIONS = {"startsWith", "endsWith", "contains", "matches", "bool"}


def from_lark(tree: Any) -> Node:
    """The expression tree of a parse tree."""
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree) and tree.data in _PASSING:
        tree = tree.children[0]
    parts = tree.children
    match str(tree.data):
        case "expr":
            return Call("_?_:_", _nodes(parts), _at(tree))
        case "conditionalor" | "conditionaland":
            return Call("_||_" if tree.data == "conditionalor" else "_&&_", _nodes(parts), _at(tree))
        case "relation" | "addition" | "multiplication":
            left, right = parts
            return Call(_OPERATORS[str(left.data)], (from_lark(left.children[0]), from_lark(right)), _at(tree))
        case "unary":
            return Call(_OPERATORS[str(parts[0].data)], (from_lark(parts[1]),), _at(tree))
        case "member_dot":
            return Select(from_lark(parts[0]), str(parts[1]), at=_at(parts[1]))
        case "member_dot_arg":
            return _method(tree)
        case "member_index":
            return Call("_[_]", _nodes(parts), _at(tree))
        case "member_object":
            return Parts(_below(parts[1:]), "message")
        case "ident_arg" | "dot_ident_arg":
            return _function(tree)
        case "ident" | "dot_ident":
            return Name(str(parts[0]), _at(parts[0]))
        case "literal":
            return Constant(_text(parts[0]))
    return Parts(_below(parts))


_PASSING = {
    "expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member", "primary",
    "paren_expr",
}  # fmt: skip


def _nodes(trees: Any) -> tuple[Node, ...]:
    return tuple(from_lark(tree) for tree in trees)


def _below(parts: Any) -> tuple[Node, ...]:
    """The expressions inside a list, a map or an argument list."""
    return tuple(from_lark(item) for part in parts for item in part.children if isinstance(item, Tree))


def _method(tree: Tree[Any]) -> Node:
    target, name = tree.children[0], str(tree.children[1])
    arguments = _below(tree.children[2:])
    if name in MACROS:
        if len(arguments) not in ((2, 3) if name == "map" else (2,)) or not isinstance(arguments[0], Name):
            line, column = _at(tree.children[1])
            raise CompileError([Issue(line, column, f"{name} takes the name of a variable and an expression")])
        return Loop(from_lark(target), (arguments[0].name,), arguments[1:])
    return Call(name, (from_lark(target), *arguments), _at(tree.children[1]))


def _function(tree: Tree[Any]) -> Node:
    name = str(tree.children[0])
    arguments = _below(tree.children[1:])
    if name == "has":
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            line, column = _at(tree.children[0])
            raise CompileError([Issue(line, column, "has() takes a field: has(a.b)")])
        inner = arguments[0]
        return Select(inner.operand, inner.field, test=True, at=inner.at)
    return Call(name, arguments, _at(tree.children[0]))


def _text(token: Token) -> str | None:
    if token.type not in ("STRING_LIT", "MLSTRING_LIT"):
        return None
    from celpy.evaluation import celstr

    return str(celstr(token))


def _at(item: Any) -> Position:
    where = item if isinstance(item, Token) else item.meta
    return (where.line or 1, where.column or 1)


def check_paths(tree: Node, schema: Schema) -> str:
    """Hold names, fields and functions against the schema; the return type, ``dyn`` where it takes a checker to tell.

    Types of operators are not checked. Raises CompileError.
    """
    issues: list[Issue] = []
    type_ = _type_of(tree, schema, {}, issues)
    if issues:
        raise CompileError(issues)
    return type_.name if isinstance(type_, Scalar) else "dyn"


def _type_of(node: Node, schema: Schema, bound: dict[str, Type], issues: list[Issue]) -> Type:
    match node:
        case Name(name=name, at=at):
            type_ = bound.get(name) or schema.type_of(name)
            if type_ is None and name not in _TYPES:
                issues.append(Issue(*at, no_variable(name, schema)))
            return type_ or DYN
        case Select(operand=operand, field=name, at=at, test=test):
            type_ = _select(_type_of(operand, schema, bound, issues), name, at, issues)
            return BOOL if test else type_
        case Loop(range=range_, names=names, bodies=bodies):
            over = _type_of(range_, schema, bound, issues)
            element = over.element if isinstance(over, ListOf) else STRING if isinstance(over, MapOf) else DYN
            for body in bodies:
                _type_of(body, schema, {**bound, **dict.fromkeys(names, element)}, issues)
            return DYN
    types = [_type_of(child, schema, bound, issues) for child in children(node)]
    if not isinstance(node, Call):
        return STRING if isinstance(node, Constant) and node.text is not None else DYN
    if node.function == "_[_]":
        return types[0].value if isinstance(types[0], MapOf) else _element(types[0])
    if node.function not in _BOOLEAN and node.function.isidentifier() and node.function not in FUNCTIONS:
        issues.append(Issue(*node.at, no_function(node.function)))
    return BOOL if node.function in _BOOLEAN or node.function in _BOOLEAN_FUNCTIONS else DYN


def _element(type_: Type) -> Type:
    return type_.element if isinstance(type_, ListOf) else DYN


def _select(type_: Type, name: str, at: Position, issues: list[Issue]) -> Type:
    if isinstance(type_, MapOf):
        return type_.value
    if isinstance(type_, Message):
        if name not in type_.fields:
            issues.append(Issue(*at, no_field(name, type_)))
        return type_.fields.get(name, DYN)
    if type_ != DYN:
        kind = type_.name if isinstance(type_, Scalar) else "list"
        issues.append(Issue(*at, f'"{name}" cannot be read: what is before it is a {kind}'))
    return DYN
