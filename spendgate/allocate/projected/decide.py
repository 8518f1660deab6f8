"""One line at a time: the same rules that ``plan`` makes a column of, asked of CEL itself.

For an estimate of some hundred lines no engine is started. What decides is the same (first rule in the order of the
layers; what CEL calls an error does not match) and so are the amounts (``round(cost × up to and with me) −
round(cost × up to me)`` at twelve decimals); a test holds both to each other on the same lines.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.expression import checked
from spendgate.allocate.model import OWNER, Expression, Layer, Rule, RuleSet, in_order
from spendgate.allocate.plan import NO_OWNER, NO_POOL, NO_RULE, NO_USE, NO_USER, UNALLOCATED
from spendgate.allocate.shares import ONE, Owner, Share
from spendgate.estimate.model import EXACT
from spendgate.rules import cel
from spendgate.rules.cel.syntax import Call, Constant, Name, Node, Select, children

PLACES: Final = Decimal("0.000000000001")
NOBODY: Final[Owner] = (None,) * len(OWNER)


@dataclass(frozen=True, slots=True)
class Line:
    """What rules may read of a line: FOCUS columns (costs and quantities as floats), tags, and all other columns."""

    columns: Mapping[str, Any]
    tags: Mapping[str, str]
    others: Mapping[str, str]
    day: date


@dataclass(frozen=True, slots=True)
class Piece:
    """Who pays which part of a line; ``before`` and ``after`` bound it between 0 and 1, in units of 1e-10."""

    owner: Owner
    rule: Rule | None
    layer: str
    pool: str | None
    before: int
    after: int
    idle: bool
    reason: str | None
    window: date | None = None

    @property
    def share(self) -> Decimal:
        """From 0 to 1."""
        return Decimal(self.after - self.before) / ONE

    def of(self, cost: Decimal) -> Decimal:
        """This part of an amount. The parts of all pieces add up to it exactly, whatever digits it has."""
        return EXACT.subtract(_up_to(cost, self.after), _up_to(cost, self.before))


def _up_to(cost: Decimal, units: int) -> Decimal:
    if units == ONE:
        return cost
    share = Decimal(units).scaleb(-10)
    return EXACT.multiply(cost, share).quantize(PLACES, ROUND_HALF_UP, EXACT)


@dataclass(slots=True)
class _Question:
    """An expression, compiled, with what it reads: it is asked once for each combination of these values."""

    program: cel.Program
    reads: tuple[tuple[str, str], ...]
    answers: dict[Hashable, Any] = field(default_factory=dict)

    def ask(self, line: Line, activation: cel.Activation) -> Any:
        key = tuple(_value(line, root, name) for root, name in self.reads)
        if key not in self.answers:
            try:
                found = self.program(activation)
            except cel.EvalError:
                found = None
            self.answers[key] = None if isinstance(found, cel.Undetermined) else found
        return self.answers[key]


class Decider:
    """The rules of a file with the shares of their pools, of each pool in one window."""

    def __init__(self, rules: RuleSet, shares: Sequence[Share]) -> None:
        self.rules = in_order(rules)
        self.aliases = rules.aliases
        self.environment = cel.environment(LINE)
        self.questions = {
            expression: _question(expression, wanted, self.environment)
            for rule in self.rules
            for expression, wanted in (
                (rule.match, "bool"),
                *((one, "string") for one in (*rule.owner.values(), *((rule.pool,) if rule.pool else ()))),
            )
        }
        self.shares: dict[tuple[int, str], list[Share]] = {}
        for share in shares:
            self.shares.setdefault((share.rule, share.pool), []).append(share)

    def pieces(self, line: Line) -> tuple[Piece, ...]:
        """Who pays the line: one piece, or one for each share of a pool."""
        activation = self.environment.activation({"line": line.columns, "tags": line.tags, "columns": line.others})
        for number, rule in enumerate(self.rules, start=1):
            in_time = (rule.starts is None or line.day >= rule.starts) and (rule.ends is None or line.day < rule.ends)
            if in_time and self.questions[rule.match].ask(line, activation) is True:
                return self._by(rule, number, line, activation)
        return (Piece(NOBODY, None, UNALLOCATED, None, 0, ONE, False, NO_RULE),)

    def _by(self, rule: Rule, number: int, line: Line, activation: cel.Activation) -> tuple[Piece, ...]:
        own = tuple(self._owner(rule, name, line, activation) for name in OWNER)
        if rule.layer not in (Layer.PROPORTIONAL, Layer.FIXED):
            return (_piece(rule, own, None, None),)
        pool = "" if rule.layer is Layer.FIXED else self._text(rule.pool, line, activation)
        shares = [] if pool is None else self.shares.get((number, pool), [])
        if not shares:
            return (Piece(own, rule, UNALLOCATED, pool or None, 0, ONE, False, NO_POOL if pool is None else NO_USE),)
        return tuple(_piece(rule, own, pool or None, share) for share in shares)

    def _owner(self, rule: Rule, name: str, line: Line, activation: cel.Activation) -> str | None:
        found = self._text(rule.owner.get(name), line, activation)
        return None if found is None else self.aliases.get(name, {}).get(found, found)

    def _text(self, expression: Expression | None, line: Line, activation: cel.Activation) -> str | None:
        """An owner's field; an empty text is none."""
        found = None if expression is None else self.questions[expression].ask(line, activation)
        return None if found is None else str(found) or None


def _piece(rule: Rule, own: Owner, pool: str | None, share: Share | None) -> Piece:
    if share is None:
        owner, before, after, idle, window = own, 0, ONE, False, None
    else:
        owner = tuple(theirs or ours for theirs, ours in zip(share.owner, own, strict=True))
        before, after, idle, window = share.before, share.before + share.units, share.idle, share.window
    settled = any(owner) or idle
    layer = str(rule.layer) if settled else UNALLOCATED
    reason = None if settled else NO_OWNER if share is None else NO_USER
    return Piece(owner, rule, layer, pool, before, after, idle, reason, window)


def _question(expression: Expression, wanted: str, environment: cel.Env) -> _Question:
    tree = checked(expression, LINE, (wanted,)).tree
    return _Question(cel.engine().compile(expression.text, environment), tuple(sorted(_reads(tree))))


def _reads(tree: Node) -> set[tuple[str, str]]:
    match tree:
        case Select(operand=Name(name="line" | "columns" | "tags" as root), field=name):
            return {(root, name)}
        case Call(
            function="_[_]", arguments=(Name(name="line" | "columns" | "tags" as root), Constant(text=str() as name))
        ):
            return {(root, name)}
        case Call(function="_in_", arguments=(Constant(text=str() as name), Name(name="columns" | "tags" as root))):
            return {(root, name)}
        case Name(name="line" | "columns" | "tags" as root):
            return {(root, "")}
    return {found for child in children(tree) for found in _reads(child)}


def _value(line: Line, root: str, name: str) -> Hashable:
    values = {"line": line.columns, "tags": line.tags, "columns": line.others}[root]
    return values.get(name) if name else tuple(sorted(values.items()))
