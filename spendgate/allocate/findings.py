"""What an allocation shows about its own rules: which of them match the same lines, and which tag an unallocated line
lacks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.bill.tags import AddTags, tags_read
from spendgate.allocate.engine import Engine
from spendgate.allocate.expression import Columns, NoColumn, checked, column
from spendgate.allocate.model import Amount, Dispute, Layer, Rule, RuleSet
from spendgate.errors import did_you_mean

if TYPE_CHECKING:
    import ibis.expr.types as ir

SAMPLE: Final = 200_000
"""Lines that are asked all rules; of larger bills a sample is, and the counts are of the sample."""

_BITS: Final = 60

_THERE: Final = 4
"""Keys of a line that are named, of those that no rule reads."""


def overlaps(
    engine: Engine,
    lines: ir.Table,
    count: int,
    rules: Sequence[Rule],
    add_tags: AddTags,
) -> tuple[Mapping[str, Any], ...]:
    """Pairs of rules that match the same lines, with how many; the first of a pair decides. A rule outside the column
    subset is not compared."""
    import ibis

    if count > SAMPLE:
        lines = engine.sample(lines, SAMPLE / count)
    trees = [checked(rule.match, LINE, ("bool",)).tree for rule in rules]
    names = {f"_tag_{index}": key for index, key in enumerate(tags_read(trees))}
    lines = add_tags(lines, names)
    of_key = {key: name for name, key in names.items()}
    columns = Columns(lines, tag=lambda key: lines[of_key[key]])
    matches: dict[str, Any] = {}
    for rule, tree in zip(rules, trees, strict=True):
        try:
            condition = column(tree, columns)
        except NoColumn:
            continue
        matches[rule.name] = held(rule, lines, condition)
    compared = list(matches)
    if len(compared) < 2:
        return ()
    masks = {}
    for start in range(0, len(compared), _BITS):
        bits = [
            ibis.cases((matches[name], ibis.literal(1 << place, "int64")), else_=ibis.literal(0, "int64"))
            for place, name in enumerate(compared[start : start + _BITS])
        ]
        masks[f"mask_{start // _BITS}"] = sum(bits[1:], bits[0])
    grouped = lines.select(**masks).group_by(list(masks)).aggregate(lines=lambda table: table.count())
    pairs: Counter[tuple[str, str]] = Counter()
    for row in engine.rows(grouped):
        found = [name for index, name in enumerate(compared) if row[f"mask_{index // _BITS}"] >> (index % _BITS) & 1]
        for other in found[1:]:
            pairs[found[0], other] += row["lines"]
    order = {name: index for index, name in enumerate(compared)}
    return tuple(
        {"rule": rule, "other": other, "lines": number}
        for (rule, other), number in sorted(pairs.items(), key=lambda item: (order[item[0][0]], order[item[0][1]]))
    )


def held(rule: Rule, lines: Any, condition: Any) -> Any:
    """The condition, within the charge periods that the rule holds for."""
    import ibis

    start = lines.ChargePeriodStart
    if rule.starts is not None:
        condition = (start >= ibis.timestamp(rule.starts.isoformat())) & condition
    if rule.ends is not None:
        condition = (start < ibis.timestamp(rule.ends.isoformat())) & condition
    return condition


def tags_asked(rules: Iterable[Rule]) -> dict[str, str]:
    """The tags by which direct rules find an owner, each with the first rule that does."""
    asked: dict[str, str] = {}
    for rule in rules:
        if rule.layer is Layer.DIRECT:
            for key in tags_read([checked(rule.match, LINE, ("bool",)).tree]):
                asked.setdefault(key, rule.name)
    return asked


def said_of_rules(
    rules: RuleSet, disputes: Iterable[Dispute], decided: Container[str], disputed: Container[str]
) -> Iterator[str]:
    """What a reader would not expect of the rules: another cost than the billed one, rules that decide lines to
    resolve a dispute that nobody has, and disputes of no line."""
    if rules.amount is not Amount.BILLED:
        yield f"Allocated is {rules.amount.column}, as the rules say (cost: {rules.amount}), not what was billed."
    known = [dispute.name for dispute in disputes]
    for rule in rules.rules if known else ():
        if rule.dispute is not None and rule.dispute not in known and rule.name in decided:
            near = did_you_mean(rule.dispute, known)
            end = f": {near}" if near else "."
            yield f'{rule.name} resolves the dispute "{rule.dispute}", which is not among them{end}'
    resolved = {rule.dispute for rule in rules.rules if rule.name in decided}
    for name in known:
        if name not in disputed and name not in resolved:
            yield f"The dispute {name} has no line: none matches, or a dispute before it has them."


def hint(tags: str | None, asked: Mapping[str, str]) -> str:
    """What tag would have told who pays: one that is there under another spelling, else those that rules look for,
    beside those that are there."""
    told, there = _hint(tags, asked)
    return f"{told} (there: {there})" if there else told


def by_hint(rows: Iterable[Mapping[str, Any]], asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """Lines without an owner, the largest first, as one row for each reason, service, account and hint: lines of one
    service may lack different tags. What is there is told of the first."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (*(row[name] for name in ("reason", "rule", "service", "account")), _hint(row["tags"], asked)[0])
        group = found.setdefault(key, {**row, "lines": 0, "cost": Decimal(), "hint": hint(row["tags"], asked)})
        group["lines"] += row["lines"]
        group["cost"] += row["cost"]
    return sorted(found.values(), key=lambda row: -abs(row["cost"]))


def _hint(tags: str | None, asked: Mapping[str, str]) -> tuple[str, str]:
    """What would tell, and other tags that are there."""
    own = _tags(tags)
    plain = {_plain(key): key for key in own}
    for key, rule in asked.items():
        other = plain.get(_plain(key))
        if other is not None and other != key:
            return f'"{other}" is there; {rule} reads "{key}"', ""
    missing = [key for key in asked if own.get(key) in (None, "")]
    if asked and not missing:
        key, rule = next(iter(asked.items()))
        return f'"{key}" is there; {rule} asks for more', ""
    others = [key if key == key.strip() else f'"{key}"' for key in own if key not in missing]
    if not missing:
        return "", ""
    return ", ".join(missing), ", ".join([*others[:_THERE], *(["…"] if len(others) > _THERE else [])])


def _tags(tags: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(tags or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())
