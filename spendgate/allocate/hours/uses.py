"""A driver out of the bill: shared pools are split by the GPU-hours of the lines that owners have of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import AddTags, spark_tags, tags_read, valid_duckdb_tags
from spendgate.allocate.distinct import by_distinct_values
from spendgate.allocate.engine import Engine
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.hours.accelerated import MOST, hours_of, sums
from spendgate.allocate.model import OWNER, Expression, Layer, Rule, RuleSet, Window
from spendgate.allocate.plan import Tables, plan, rules_table, shares_table
from spendgate.allocate.shares import Use
from spendgate.errors import InputError

if TYPE_CHECKING:
    import ibis.expr.types as ir

OWN: Final = (Layer.OVERRIDE, Layer.DIRECT)


def uses_of_bill(engine: Engine, rules: RuleSet, rule: Rule, lines: ir.Table) -> Mapping[tuple[str, date], Use]:
    """GPU-hours by pool and window of the lines that overrides and direct rules decide, by their owners.

    A line is of the pool that the rule's expression gives for it; a pool that is a text alone is that of all lines.
    Raises InputError for a pool that has no column form, and a bill whose lines have too many texts.
    """
    if rule.pool is None:
        return {}
    add_tags = valid_duckdb_tags if engine.stops_at_bad_tags else spark_tags
    own = replace(rules, rules=tuple(one for one in rules.rules if one.layer in OWN))
    tables = Tables(
        engine.put("spendgate_own_rules", rules_table(own)), engine.put("spendgate_no_shares", shares_table(()))
    )
    decided = plan(lines, own, tables, add_tags, (), by_distinct_values(engine.rows, engine.put)).table
    owned = decided.filter(decided.x_Layer.isin([str(layer) for layer in OWN]))
    owned, pool = _pool(owned, rule.pool, add_tags)
    day = owned.ChargePeriodStart.date()
    window = day.truncate("M") if rule.window is Window.MONTH else day
    by = {"pool": pool, "window": window.strftime("%Y-%m-%d"), **{name: owned[own_] for name, own_ in OWNER.items()}}
    rows = engine.rows(sums(owned, by))
    if len(rows) > MOST:
        raise InputError(f"the bill's lines have more than {MOST:,} different texts", place=rule.place)
    uses: dict[tuple[str, date], Use] = {}
    for (of, start, *rest), hours in hours_of(rows, by).of.items():
        if of and start:
            use = uses.setdefault((of, date.fromisoformat(start)), Use())
            use.by_owner[tuple(rest[:-1])] += hours
    for use in uses.values():
        # Corrections may take off more than there was.
        for owner in [owner for owner, hours in use.by_owner.items() if hours <= 0]:
            use.by_owner[owner] = Fraction()
    return uses


def _pool(lines: ir.Table, expression: Expression, add_tags: AddTags) -> tuple[ir.Table, ir.Value]:
    """The pool of each line, and the lines with the tags that it reads."""
    tree = checked(expression, LINE, ("string",)).tree
    names = {key: f"_pool_{number}" for number, key in enumerate(tags_read((tree,)))}
    tagged = add_tags(lines, {name: key for key, name in names.items()})
    try:
        return tagged, column(tree, Columns(tagged, tag=lambda key: tagged[names[key]]))
    except NoColumn as error:
        raise InputError(
            f"{error} cannot stand in the pool of a rule whose driver is the bill",
            place=expression.place,
            detail=f"  {expression.text.strip()}",
        ) from None
