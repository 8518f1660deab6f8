"""Allocation by Spark, where a bill outgrows one machine: ``allocate_with`` takes a session of the caller's, classic or
Spark Connect; ``session`` makes one.

Both are read once they are asked for; nothing of Spark is imported before a session is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spendgate.allocate.spark.run import allocate_with
    from spendgate.allocate.spark.sessions import session

__all__ = ["allocate_with", "session"]


def __getattr__(name: str) -> Any:
    if name == "allocate_with":
        from spendgate.allocate.spark.run import allocate_with

        return allocate_with
    if name == "session":
        from spendgate.allocate.spark.sessions import session

        return session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
