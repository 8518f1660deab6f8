"""The allocation as one column expression: an engine reads each line once.

The first rule that matches decides a line. Lines of shared pools meet the shares of their pool and window in one join;
each share of a line is ``round(cost × up to and with me) − round(cost × up to me)`` at twelve decimals. So the shares
of a line add up to its cost exactly, in every engine, without sorting the shares of each line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.asking import Table
from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import AddTags, tags_read
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.findings import held
from spendgate.allocate.model import OWNER, POOLED, Dispute, Expression, Layer, Rule, RuleSet, Window, in_order
from spendgate.allocate.shares import ALWAYS, DECIMALS, Share
from spendgate.errors import InputError
from spendgate.rules.cel.syntax import Constant, Node

if TYPE_CHECKING:
    import ibis.expr.types as ir

SHARE_TYPE: Final = f"decimal({DECIMALS + 1}, {DECIMALS})"
COST_TYPE: Final = "decimal(38, 12)"
_PART_TYPE: Final = "decimal(37, 12)"
"""A difference of two such keeps twelve places within the 38 digits of every engine."""

UNALLOCATED: Final = "unallocated"

NO_RULE: Final = "no rule matches"
NO_POOL: Final = "the line names no pool"
NO_USE: Final = "the driver has no use of this pool in this window"
NO_USER: Final = "the driver's table names no owner"
NO_OWNER: Final = "the rule names no owner"
"""Why nobody pays a line, or a share of it."""


@dataclass(slots=True)
class Plan:
    """The allocated lines, and what was noticed on the way: columns by name that rules read and the bill lacks."""

    table: ir.Table
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)


def shares_table(shares: Sequence[Share]) -> Table:
    """The shares, with the columns that ``plan`` joins."""

    def decimals(units: int) -> Decimal:
        return Decimal(units).scaleb(-DECIMALS)

    return {
        "s_rule": ("SMALLINT", [one.rule for one in shares]),
        "s_pool": ("VARCHAR", [one.pool for one in shares]),
        "s_window": ("DATE", [one.window for one in shares]),
        "s_share": (SHARE_TYPE, [decimals(one.units) for one in shares]),
        "s_before": (SHARE_TYPE, [decimals(one.before) for one in shares]),
        "s_after": (SHARE_TYPE, [decimals(one.before + one.units) for one in shares]),
        "s_idle": ("BOOLEAN", [one.idle for one in shares]),
        "s_first": ("BOOLEAN", [one.first for one in shares]),
        **{f"s_{name}": ("VARCHAR", [one.owner[index] for one in shares]) for index, name in enumerate(OWNER)},
    }


def rules_table(rules: RuleSet) -> Table:
    """The rules, with the columns that ``plan`` joins: names, and owners that the rules themselves name."""
    ordered = in_order(rules)

    def owner(rule: Rule, name: str) -> str | None:
        text = _constant(rule.owner.get(name))
        return rules.aliases.get(name, {}).get(text, text) or None if text is not None else None

    return {
        "r_rule": ("SMALLINT", list(range(len(ordered) + 1))),
        "r_name": ("VARCHAR", [None, *(rule.name for rule in ordered)]),
        "r_layer": ("VARCHAR", [None, *(rule.layer for rule in ordered)]),
        "r_driver": ("VARCHAR", [None, *(rule.driver for rule in ordered)]),
        "r_pooled": ("BOOLEAN", [False, *(rule.layer in POOLED for rule in ordered)]),
        **{f"r_{name}": ("VARCHAR", [None, *(owner(rule, name) for rule in ordered)]) for name in OWNER},
    }


def _constant(expression: Expression | None) -> str | None:
    """The text of an expression that is nothing but one."""
    tree = None if expression is None else checked(expression, LINE, ("string",)).tree
    return tree.text if isinstance(tree, Constant) else None


def resolving(ordered: Sequence[Rule], dispute: str) -> list[int]:
    """The numbers of the rules that resolve a dispute: lines that they decide are in it no more."""
    return [number for number, rule in enumerate(ordered, start=1) if rule.dispute == dispute]


Distinct = Callable[["ir.Table", Expression, "Node", str], "ir.Table"]
"""Adds a column of the given name that holds what an expression outside the subset gives for each line."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the lines are joined with: ``rules_table`` and ``shares_table``, as tables of the engine."""

    rules: ir.Table
    shares: ir.Table


def plan(
    lines: ir.Table,
    rules: RuleSet,
    tables: Tables,
    add_tags: AddTags,
    disputes: Sequence[Dispute] = (),
    distinct: Distinct | None = None,
) -> Plan:
    """The lines with their owners, shares and amounts.

    ``add_tags`` makes columns of tags; ``distinct``, where given, works out an expression outside the subset once for
    each combination of the values that it reads. Raises InputError for an expression that can be neither.
    """
    ordered = in_order(rules)
    wanted: dict[Expression, tuple[str, str]] = {}
    for rule in ordered:
        wanted[rule.match] = ("bool", rule.name)
        for expression in (*rule.owner.values(), *((rule.pool,) if rule.pool else ())):
            wanted[expression] = ("string", rule.name)
    for dispute in disputes:
        wanted[dispute.match] = ("bool", dispute.name)
    asked = _Asked(lines, wanted, add_tags, distinct)
    return Plan(_allocated(asked, rules, ordered, tables, disputes), asked.missing)


class _Asked:
    """Every expression of the rules, checked once, and written over whichever table holds the lines."""

    def __init__(
        self,
        lines: ir.Table,
        wanted: Mapping[Expression, tuple[str, str]],
        add_tags: AddTags,
        distinct: Distinct | None,
    ) -> None:
        self.trees = {expression: checked(expression, LINE, (type_,)).tree for expression, (type_, _) in wanted.items()}
        self.tags = {key: f"_tag_{index}" for index, key in enumerate(tags_read(self.trees.values()))}
        self.lines = add_tags(lines, {name: key for key, name in self.tags.items()})
        self.distinct = distinct
        self.computed: dict[Expression, str] = {}
        self.missing: dict[str, tuple[str, ...]] = {}
        for expression, (_, who) in wanted.items():
            self._read(expression, who)

    def _read(self, expression: Expression, who: str) -> None:
        """Work out at once what has no column form, and note what the bill lacks."""
        tree = self.trees[expression]
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
        return Columns(table, tag=lambda key: table[self.tags[key]])


def _allocated(
    asked: _Asked, rules: RuleSet, ordered: Sequence[Rule], tables: Tables, disputes: Sequence[Dispute]
) -> ir.Table:
    import ibis

    lines = asked.lines
    conditions = [
        (held(rule, lines, asked.over(lines, rule.match)), ibis.literal(number))
        for number, rule in enumerate(ordered, start=1)
    ]
    ruled = lines.mutate(_rule=_first(conditions, ibis.literal(0)).cast("int16"))

    def by_rule(expression_of: Callable[[Rule], Expression | None], named: bool = True) -> Any:
        """A text by the rule that decides; rules that say the same are one case. An empty text is none, and so
        is, where ``named``, a text that stands in the rules: those are joined."""
        said: dict[str, tuple[Expression, list[int]]] = {}
        for number, rule in enumerate(ordered, start=1):
            expression = expression_of(rule)
            if expression is not None and not (named and _constant(expression) is not None):
                said.setdefault(expression.text, (expression, []))[1].append(number)
        cases = [(ruled._rule.isin(numbers), asked.over(ruled, expression)) for expression, numbers in said.values()]
        return _first(cases, nothing).nullif("") if cases else nothing

    def contested(dispute: Dispute) -> Any:
        """A line may be in several disputes: it stays in those that the rule does not resolve."""
        resolved = resolving(ordered, dispute.name)
        condition = asked.over(ruled, dispute.match)
        return condition & ruled._rule.notin(resolved) if resolved else condition

    nothing = ibis.null("string")
    day = ruled.ChargePeriodStart.date()
    windows = {Window.DAY: day, Window.MONTH: day.truncate("M")}
    fixed = [number for number, rule in enumerate(ordered, start=1) if rule.layer is Layer.FIXED]
    always = [(ruled._rule.isin(fixed), ibis.literal(ALWAYS))] if fixed else []
    spans = {
        window: [number for number, rule in enumerate(ordered, start=1) if rule.pool and rule.window is window]
        for window in Window
    }
    placed = ruled.mutate(
        **{
            f"_{name}": _renamed(by_rule(lambda rule, name=name: rule.owner.get(name)), rules.aliases.get(name, {}))  # type: ignore[misc]
            for name in OWNER
        },
        _pool=_first(
            [(ruled._rule.isin(fixed), ibis.literal(""))] if fixed else [], by_rule(lambda rule: rule.pool, False)
        ),
        _window=_first(
            [*always, *((ruled._rule.isin(numbers), windows[span]) for span, numbers in spans.items() if numbers)],
            ibis.null("date"),
        ),
        _dispute=_first([(contested(one), ibis.literal(one.name)) for one in disputes], nothing),
    )
    shares = tables.shares
    joined = placed.left_join(tables.rules, placed._rule == tables.rules.r_rule).left_join(
        shares,
        [placed._rule == shares.s_rule, placed._pool == shares.s_pool, placed._window == shares.s_window],
    )
    return _result(joined, rules.amount.column, any(rule.layer in POOLED for rule in ordered))


def _result(joined: Any, cost_column: str, pools: bool) -> ir.Table:
    import ibis

    nothing = ibis.null("string")
    shared = joined.s_rule.notnull()
    cost = joined[cost_column]
    amount = shared.ifelse(
        ((cost * joined.s_after).cast(_PART_TYPE) - (cost * joined.s_before).cast(_PART_TYPE)).cast(COST_TYPE),
        cost.cast(COST_TYPE),
    )
    owners = {name: ibis.coalesce(joined[f"s_{name}"], joined[f"_{name}"], joined[f"r_{name}"]) for name in OWNER}
    idle = joined.s_idle.fill_null(False)
    lost = joined.r_pooled & ~shared if pools else ibis.literal(False)
    settled = ~lost & (ibis.coalesce(*owners.values()).notnull() | (shared & idle))
    reason = ibis.cases(
        (settled, nothing),
        (joined._rule == 0, NO_RULE),
        (lost & joined._pool.isnull(), NO_POOL),
        (lost, NO_USE),
        (shared, NO_USER),
        else_=NO_OWNER,
    )
    made = {
        **{column_: owners[name] for name, column_ in OWNER.items()},
        "x_Rule": joined.r_name,
        "x_Layer": settled.ifelse(joined.r_layer, UNALLOCATED),
        "x_Driver": joined.r_driver,
        "x_Pool": joined._pool.nullif(""),
        "x_Share": ibis.coalesce(joined.s_share, ibis.literal(1).cast(SHARE_TYPE)),
        "x_Idle": idle,
        "x_FirstShare": joined.s_first.fill_null(True),
        "x_AllocatedCost": amount,
        "x_Reason": reason,
        "x_Dispute": joined._dispute,
    }
    # A bill that was allocated before has these columns of its own: they are read by rules, and written anew.
    kept = [joined[name] for name in joined.columns if not name.startswith(("_", "s_", "r_")) and name not in made]
    return joined.select(*kept, **made)


def _first(pairs: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
    import ibis

    return ibis.cases(*pairs, else_=otherwise) if pairs else otherwise


def _renamed(column_: Any, aliases: Mapping[str, str]) -> Any:
    import ibis
    import ibis.expr.operations as ops

    if not aliases or isinstance(column_.op(), ops.Literal):
        return column_  # no rule works this field out: what rules name is renamed where it is joined
    return ibis.cases(*((column_ == other, ibis.literal(name)) for other, name in aliases.items()), else_=column_)
