"""CEL behind one small interface: two engines, a type check when an expression is loaded, and answers that know when
they cannot be known."""

from __future__ import annotations

import os
from functools import lru_cache

from spendgate.errors import InputError
from spendgate.rules.cel.growth import copies, too_many
from spendgate.rules.cel.model import Activation, CompileError, Engine, Env, EvalError, Issue, Program, Undetermined
from spendgate.rules.cel.reads import entries_read
from spendgate.rules.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    ListOf,
    MapOf,
    Message,
    Schema,
    Type,
    schema_of_dataclass,
    type_named,
)
from spendgate.rules.cel.values import plain

__all__ = [
    "BOOL", "DOUBLE", "DURATION", "DYN", "INT", "STRING", "TIMESTAMP", "Activation", "CompileError", "Engine", "Env",
    "EvalError", "Issue", "ListOf", "MapOf", "Message", "Program", "Schema", "Type", "Undetermined", "copies", "engine",
    "entries_read", "environment", "plain", "schema_of_dataclass", "too_many", "type_named",
]  # fmt: skip

ENGINES = ("cel-expr-python", "cel-python")


def environment(schema: Schema, tested: bool = False) -> Env:
    """What expressions of this schema may read; see ``Env`` for those that are ``tested``."""
    return Env(schema, tested)


def engine(name: str | None = None) -> Engine:
    """The engine of that name; by default the one that SPENDGATE_CEL names, else the first that is installed."""
    return _engine(name or os.environ.get("SPENDGATE_CEL") or None)


@lru_cache(maxsize=4)
def _engine(name: str | None) -> Engine:
    if name not in (None, *ENGINES):
        raise InputError(f'no CEL engine "{name}"', remedy=f"SPENDGATE_CEL is one of {', '.join(ENGINES)}.")
    if name != "cel-python":
        try:
            import cel_expr_python.cel  # noqa: F401
        except ImportError:
            if name is not None:
                raise InputError(f"{name} is not installed here", remedy="pip install cel-expr-python") from None
        else:
            from spendgate.rules.cel.cel_expr import CelExprEngine

            return CelExprEngine()
    from spendgate.rules.cel.cel_python import CelPythonEngine

    return CelPythonEngine()
