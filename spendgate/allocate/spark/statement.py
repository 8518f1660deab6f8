"""An allocation as one statement of Spark SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spendgate.allocate.spark.mapping import TIME
from spendgate.allocate.spark.patterns import java

if TYPE_CHECKING:
    import ibis.expr.types as ir


def sql(table: ir.Table) -> str:
    """The statement, with patterns as Java reads them."""
    import ibis
    import ibis.expr.operations as ops

    def replaced(node: Any, given: Mapping[str, Any] | None) -> Any:
        made = node.__recreate__(given) if given else node
        if isinstance(made, ops.RegexSearch) and isinstance(made.pattern, ops.Literal):
            pattern = made.pattern.value
            if pattern != TIME:
                return ops.RegexSearch(made.arg, ops.Literal(java(pattern), made.pattern.dtype))
        return made

    ibis.pyspark  # noqa: B018 - its options are there once it is named
    return str(ibis.to_sql(table.op().replace(replaced).to_expr(), dialect="pyspark"))
