"""What a KPI is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from spendgate.allocate.model import OWNER


@dataclass(frozen=True, slots=True)
class Inputs:
    """What there is to ask: the columns that the bill had, the columns of each table of usage, and how a tag reads.

    A table of usage ``runs`` is the view ``usage_runs``, restricted to the months of the allocation.
    """

    columns: frozenset[str]
    tables: Mapping[str, Sequence[str]]
    tags: str

    def tag(self, key: str) -> str:
        """A tag as SQL, also where it is written with an underscore."""
        path = [f"'$.\"{spelled}\"'" for spelled in dict.fromkeys((key, key.replace("-", "_")))]
        return f"coalesce({', '.join(f'json_extract_string({self.tags}, {one})' for one in path)})"

    def owners(self, table: str) -> tuple[str, ...]:
        """The fields of an owner that a table of usage has."""
        return tuple(name for name in OWNER if name in self.tables[table])


Query = Callable[[Inputs], str]
"""SQL over ``allocated`` and the tables of usage that gives a row for each value: ``part``, perhaps ``whole``, and what
it is of in the other columns. The value is ``part / whole × scale``, or ``part`` where there is no ``whole``."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure. ``unit`` may name the ``{currency}``; ``columns`` are of the bill (``A|B``: one of them will do),
    ``tables`` of usage with their columns; ``empty`` says what no line had where the query gives nothing; ``total``
    that a value of all rows together means something. ``billed`` is of ``billed_hours``, and asked where no table of
    usage is there; ``beside`` is a sentence with a ``{cost}``, and what gives it.
    """

    name: str
    title: str
    formula: str
    unit: str
    query: Query
    empty: str
    columns: tuple[str, ...] = ()
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: Decimal = Decimal(1)
    total: bool = False
    notes: tuple[str, ...] = ()
    billed: Query | None = None
    beside: tuple[str, Query] | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A value and what it is of: fields of an owner, a service, a pool; nothing for the whole."""

    of: Mapping[str, str | None]
    value: Decimal


@dataclass(frozen=True, slots=True)
class Measured:
    """A KPI with its values, the largest first, or with what is ``missing``; ``source`` is what the values are of: the
    bill, tables of usage, or both."""

    kpi: Kpi
    unit: str
    values: tuple[Value, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""
