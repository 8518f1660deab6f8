"""What an allocation asks of an engine, and what goes in and comes out: the same for DuckDB and Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spendgate.allocate.asking import Table
from spendgate.allocate.bill.lines import AsTime
from spendgate.allocate.bill.tags import AddTags
from spendgate.allocate.model import Dispute, RuleSet

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Request:
    """What to allocate: bills, rules with where they stand, driver tables by name, disputes, a month, a currency.

    ``line_id`` names the column of the bill's own line ids, ``columns`` how a bill of another format is read.
    """

    bills: tuple[Path, ...]
    rules: RuleSet
    rules_file: Path
    drivers: Mapping[str, Path] = field(default_factory=dict)
    disputes: tuple[Dispute, ...] = ()
    month: str | None = None
    currency: str | None = None
    line_id: str | None = None
    columns: str | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What a list leaves out: how many rows, and their cost together."""

    rows: int = 0
    cost: Decimal = Decimal()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: totals in the bill's currency, exact.

    ``rounding`` is what the bill's costs have beyond twelve decimals; ``by_rule`` and ``by_owner`` are in order of
    amount; ``never`` are rules that matched no line, ``lost`` pools and windows without use, ``missing`` columns that
    rules read and the bill lacks; ``read_as`` is the mapping by which a bill of another format was read.
    ``noticed`` says of the bill's files what was left out, or may be cut off.
    ``bad_tags`` are ids of lines whose tags are no JSON, a hundred at most. ``rest`` says what the bounded lists
    ``owners`` (``by_owner``), ``unowned`` and ``lost`` leave out.
    """

    currency: str
    lines: int
    rows: int
    billed: Decimal
    allocated: Decimal
    unallocated: Decimal
    unallocated_lines: int
    rounding: Decimal
    by_rule: tuple[Mapping[str, Any], ...]
    by_owner: tuple[Mapping[str, Any], ...]
    unowned: tuple[Mapping[str, Any], ...]
    never: tuple[str, ...]
    overlaps: tuple[Mapping[str, Any], ...]
    lost: tuple[Mapping[str, Any], ...]
    disputed: tuple[Mapping[str, Any], ...]
    missing: Mapping[str, tuple[str, ...]]
    duplicates: tuple[str, ...]
    read_as: str | None = None
    bad_tags: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()
    rest: Mapping[str, Rest] = field(default_factory=dict)

    @property
    def reconciles(self) -> bool:
        """Whether every line was allocated once, to the last decimal."""
        return self.billed == self.allocated + self.unallocated and not self.duplicates


Rows = Callable[["ir.Table"], list[dict[str, Any]]]
"""Answers a question with its rows as Python values."""

Put = Callable[[str, Table], "ir.Table"]
"""Keeps a small table in the engine, and gives it back as a table of ibis."""


class Engine(Protocol):
    """What runs an allocation. Tables are of ibis; what differs between engines is here."""

    @property
    def as_time(self) -> AsTime:
        """How texts become times, in UTC."""

    @property
    def reader(self) -> Any:
        """A DuckDB connection that driver tables are read with: shares are worked out the same for every engine."""

    @property
    def stops_at_bad_tags(self) -> bool:
        """Whether tags that are no JSON have writing tried again, so that a bill without a second try has none."""

    def hold(self, request: Request) -> None:
        """Raise InputError for rules that this engine would read in another way than DuckDB."""

    def open_bill(self, request: Request) -> ir.Table:
        """The lines as they are written, with ``x_LineId``."""

    def put(self, name: str, table: Table) -> ir.Table:
        """Keep a small table under a name, until the allocation has ended."""

    def rows(self, asked: ir.Table) -> list[dict[str, Any]]:
        """The rows of a question."""

    def rows_of_sql(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a statement, which is written as DuckDB reads it."""

    def sample(self, lines: ir.Table, part: float) -> ir.Table:
        """About this part of the lines, the same in each run where the engine can."""

    def write(self, lines: Callable[[AddTags], ir.Table], partial: Path) -> str:
        """Write the lines as Parquet, and give what stands for them behind FROM. ``lines`` takes how tags become
        columns: an engine may try one way first, and another for tags that are no JSON."""

    def valid_json(self, text: Any) -> Any:
        """Whether a text is JSON."""

    def land(self, partial: Path, output: Path) -> None:
        """Put what was written in the place of ``output``, as CSV where it is named so; whole or not at all."""

    def discard(self, partial: Path) -> None:
        """Remove what is left of a run."""

    def told(self, error: Exception, place: Path) -> BaseException:
        """What the engine says of the bill as InputError, Ctrl-C as such; a fault of ours stays what it is."""
