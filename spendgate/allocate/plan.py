"""The allocation as one column expression: an engine reads each line once.

The first rule that matches decides a line. Lines of shared pools meet the shares of their pool and window in one join;
each share of a line is ``round(cost × up to and with me) − round(cost × up to me)`` at twelve decimals. So the shares
of a line add up to its cost exactly, in every engine, without sorting the shares of each line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.findings import held
from spendgate.allocate.focus import LINE
from spendgate.allocate.model import OWNER, Dispute, Expression, Layer, Rule, RuleSet, Window
from spendgate.allocate.shares import ALWAYS, DECIMALS, Share
from spendgate.errors import InputError
from spendgate.rules.cel.syntax import Node

if TYPE_CHECKING:
    import ibis.expr.types as ir

SHARE_TYPE: Final = f"decimal({DECIMALS + 1}, {DECIMALS})"
COST_TYPE: Final = "decimal(38, 12)"

UNALLOCATED: Final = "unallocated"

ORDER: Final = (Layer.OVERRIDE, Layer.DIRECT, Layer.PROPORTIONAL, Layer.FIXED)


@dataclass(slots=True)
class Plan:
    """The allocated lines, and what was noticed on the way: columns by name that rules read and the bill lacks."""

    table: ir.Table
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)


def in_order(rules: RuleSet) -> tuple[Rule, ...]:
    """The rules in the order in which they are asked: overrides, then the three layers, each as written."""
    return tuple(rule for layer in ORDER for rule in rules.rules if rule.layer is layer)


def shares_table(shares: Sequence[Share]) -> Any:
    """The shares as an Arrow table, with the columns that ``plan`` joins."""
    from decimal import Decimal

    import pyarrow as pa

    share = pa.decimal128(DECIMALS + 1, DECIMALS)

    def decimals(units: int) -> Decimal:
        return Decimal(units).scaleb(-DECIMALS)

    data: dict[str, Any] = {
        "s_rule": pa.array([one.rule for one in shares], pa.int16()),
        "s_pool": pa.array([one.pool for one in shares], pa.string()),
        "s_window": pa.array([one.window for one in shares], pa.date32()),
        "s_share": pa.array([decimals(one.units) for one in shares], share),
        "s_before": pa.array([decimals(one.before) for one in shares], share),
        "s_after": pa.array([decimals(one.before + one.units) for one in shares], share),
        "s_idle": pa.array([one.idle for one in shares], pa.bool_()),
        "s_first": pa.array([one.first for one in shares], pa.bool_()),
    }
    for index, name in enumerate(OWNER):
        data[f"s_{name}"] = pa.array([one.owner[index] for one in shares], pa.string())
    return pa.table(data)


Distinct = Callable[["ir.Table", Expression, "Node", str], "ir.Table"]
"""Adds a column of the given name that holds what an expression outside the subset gives for each line."""


def plan(
    lines: ir.Table,
    rules: RuleSet,
    shares: ir.Table,
    tag: Callable[[ir.Table, str], Any],
    disputes: Sequence[Dispute] = (),
    distinct: Distinct | None = None,
) -> Plan:
    """The lines with their owners, shares and amounts.

    ``tag`` gives a tag's column; ``distinct``, where given, works out an expression outside the subset once for each
    combination of the values that it reads. Raises InputError for an expression that can be neither.
    """
    ordered = in_order(rules)
    asked = _Asked(lines, tag, distinct)
    for rule in ordered:
        asked.read(rule.match, "bool", rule.name)
        for expression in (*rule.owner.values(), *((rule.pool,) if rule.pool else ())):
            asked.read(expression, "string", rule.name)
    for dispute in disputes:
        asked.read(dispute.match, "bool", dispute.name)
    return Plan(_allocated(asked, rules, ordered, shares, disputes), asked.missing)


class _Asked:
    """Every expression of the rules, checked once, and written over whichever table holds the lines."""

    def __init__(self, lines: ir.Table, tag: Callable[[ir.Table, str], Any], distinct: Distinct | None) -> None:
        self.lines = lines
        self.tag = tag
        self.distinct = distinct
        self.trees: dict[Expression, Node] = {}
        self.computed: dict[Expression, str] = {}
        self.missing: dict[str, tuple[str, ...]] = {}

    def read(self, expression: Expression, wanted: str, who: str) -> None:
        """Check the expression, and work out at once what has no column form."""
        tree = self.trees[expression] = checked(expression, LINE, (wanted,)).tree
        columns = self._columns(self.lines)
        try:
            column(tree, columns)
        except NoColumn as error:
            if self.distinct is None:
                raise InputError(
                    f"{error} has no column form on this engine",
                    place=expression.place,
                    detail=f"  {expression.text.strip()}",
                    remedy="docs/allocation.md lists what has one.",
                ) from None
            name = self.computed[expression] = f"_computed_{len(self.computed)}"
            self.lines = self.distinct(self.lines, expression, tree, name)
        if columns.missing:
            self.missing[who] = tuple(sorted({*self.missing.get(who, ()), *columns.missing}))

    def over(self, table: ir.Table, expression: Expression) -> Any:
        """The expression as a column of ``table``."""
        if expression in self.computed:
            return table[self.computed[expression]]
        return column(self.trees[expression], self._columns(table))

    def _columns(self, table: ir.Table) -> Columns:
        return Columns(table, tag=lambda key: self.tag(table, key))


def _allocated(
    asked: _Asked, rules: RuleSet, ordered: Sequence[Rule], shares: ir.Table, disputes: Sequence[Dispute]
) -> ir.Table:
    import ibis

    lines = asked.lines
    numbered = list(enumerate(ordered, start=1))
    conditions = [(held(rule, lines, asked.over(lines, rule.match)), ibis.literal(number)) for number, rule in numbered]
    ruled = lines.mutate(_rule=_first(conditions, ibis.literal(0)).cast("int16"))

    def by_rule(expression_of: Callable[[Rule], Any], null: Any) -> Any:
        made = [(number, found) for number, rule in numbered if (found := expression_of(rule)) is not None]
        return _first([(ruled._rule == number, found) for number, found in made], null)

    nothing = ibis.null("string")

    def owner(name: str) -> Any:
        made = by_rule(lambda rule: _text(asked, ruled, rule.owner.get(name)), nothing)
        return _renamed(made, rules.aliases.get(name, {}))

    day = ruled.ChargePeriodStart.date()
    windows = {Window.DAY: day, Window.MONTH: day.truncate("M")}
    placed = ruled.mutate(
        **{f"_{name}": owner(name) for name in OWNER},
        _pool=by_rule(
            lambda rule: ibis.literal("") if rule.layer is Layer.FIXED else _text(asked, ruled, rule.pool), nothing
        ),
        _window=by_rule(
            lambda rule: (
                ibis.literal(ALWAYS)
                if rule.layer is Layer.FIXED
                else windows[rule.window]
                if rule.layer is Layer.PROPORTIONAL
                else None
            ),
            ibis.null("date"),
        ),
        _dispute=_first([(asked.over(ruled, one.match), ibis.literal(one.name)) for one in disputes], nothing),
    )
    joined = placed.left_join(
        shares,
        [placed._rule == shares.s_rule, placed._pool == shares.s_pool, placed._window == shares.s_window],
    )
    return _result(joined, rules, numbered)


def _result(joined: Any, rules: RuleSet, numbered: Sequence[tuple[int, Rule]]) -> ir.Table:
    import ibis

    nothing = ibis.null("string")
    pooled = [number for number, rule in numbered if rule.layer in (Layer.PROPORTIONAL, Layer.FIXED)]
    shared = joined.s_rule.notnull()
    one = ibis.literal(1).cast(SHARE_TYPE)
    cost = joined[rules.amount.column]
    amount = shared.ifelse(
        (cost * joined.s_after).cast(COST_TYPE) - (cost * joined.s_before).cast(COST_TYPE), cost.cast(COST_TYPE)
    )
    owners = {name: ibis.coalesce(joined[f"s_{name}"], joined[f"_{name}"]) for name in OWNER}
    owned = _any([column.notnull() for column in owners.values()])
    idle = joined.s_idle.fill_null(False)
    names = [(joined._rule == number, ibis.literal(rule.name)) for number, rule in numbered]
    drivers = [(joined._rule == number, ibis.literal(rule.driver)) for number, rule in numbered if rule.driver]
    layers = [(joined._rule == number, ibis.literal(str(rule.layer))) for number, rule in numbered]
    lost = joined._rule.isin(pooled) & ~shared if pooled else ibis.literal(False)
    settled = ~lost & (owned | (shared & idle))
    reason = ibis.cases(
        (joined._rule == 0, "no rule matches"),
        (lost, "the driver has no use of this pool in this window"),
        (~settled, "the rule names no owner"),
        else_=nothing,
    )
    own = {column: owners[name] for name, column in OWNER.items()}
    kept = [joined[name] for name in joined.columns if not name.startswith(("_", "s_"))]
    return joined.select(
        *kept,
        **own,
        x_Rule=_first(names, nothing),
        x_Layer=settled.ifelse(_first(layers, nothing), UNALLOCATED),
        x_Driver=_first(drivers, nothing),
        x_Pool=joined._pool.nullif(""),
        x_Share=ibis.coalesce(joined.s_share, one),
        x_Idle=idle,
        x_FirstShare=joined.s_first.fill_null(True),
        x_AllocatedCost=amount,
        x_Reason=reason,
        x_Dispute=joined._dispute,
    )


def _first(pairs: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
    import ibis

    return ibis.cases(*pairs, else_=otherwise) if pairs else otherwise


def _any(conditions: Sequence[Any]) -> Any:
    return reduce(lambda one, other: one | other, conditions)


def _text(asked: _Asked, table: Any, expression: Expression | None) -> Any:
    """An owner's field; an empty text is none."""
    return None if expression is None else asked.over(table, expression).nullif("")


def _renamed(column_: Any, aliases: Mapping[str, str]) -> Any:
    import ibis

    if not aliases:
        return column_
    return ibis.cases(*((column_ == other, ibis.literal(name)) for other, name in aliases.items()), else_=column_)
