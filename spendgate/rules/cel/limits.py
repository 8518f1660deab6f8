"""What an expression may not be, whichever engine evaluates it."""

from __future__ import annotations

import re

from spendgate.rules.cel.growth import copies, too_many
from spendgate.rules.cel.model import CompileError, Issue
from spendgate.rules.cel.syntax import Call, Constant, Node, Parts, everything

MAX_LENGTH = 8_000
"""Characters of one expression."""
MAX_DEPTH = 64
"""Nesting of one expression for cel-python. cel-cpp's parser has its own bound of 32, counted in another way."""


def refuse_too_long(expression: str) -> None:
    """Raises CompileError for an expression over ``MAX_LENGTH``."""
    if len(expression) > MAX_LENGTH:
        message = f"the expression has {len(expression):,} characters; at most {MAX_LENGTH:,} are read"
        raise CompileError([Issue(1, 1, message)])


def too_deep() -> Issue:
    """The issue of an expression that nests deeper than an engine parses or evaluates."""
    return Issue(1, 1, "nested too deeply; give parts of it a name under variables")


def refuse(tree: Node, expression: str) -> None:
    """Raises CompileError for message literals, for patterns that are no regular expressions, and for what has no end.

    The engine would find a wrong pattern only when it runs.
    """
    for node in everything(tree):
        if isinstance(node, Parts) and node.message:
            raise CompileError([_at(node.message, expression, f"{node.message}{{...}} cannot be made here")])
        if isinstance(node, Call) and node.function == "matches" and len(node.arguments) == 2:
            pattern = node.arguments[1]
            if isinstance(pattern, Constant) and pattern.text is not None and (fault := pattern_fault(pattern.text)):
                raise CompileError([_at(pattern.text, expression, f"not a regular expression: {fault}")])
    if fault := too_many(copies(tree)[1]):
        raise CompileError([Issue(1, 1, fault)])


def _at(text: str, expression: str, message: str) -> Issue:
    start = next((at for form in (f"'{text}'", f'"{text}"', text) if (at := expression.find(form)) >= 0), 0)
    line_start = expression.rfind("\n", 0, start) + 1
    return Issue(expression.count("\n", 0, start) + 1, start - line_start + 1, message)


def pattern_fault(pattern: str) -> str | None:
    """Why RE2 refuses the pattern; None where it does not, or is not installed to ask."""
    try:
        import re2  # type: ignore[import-untyped]
    except ImportError:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        return re.sub(r"^b?['\"]|['\"]$", "", str(error))
    return None
