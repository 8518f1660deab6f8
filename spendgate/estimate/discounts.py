"""Discounts and commitments: what a line costs below its list price. Pure; who they match is asked of ``match``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from spendgate.estimate.lines import hourly_line
from spendgate.estimate.model import EXACT, Confidence, CostLine, Range, Reduction
from spendgate.facts.model import Workload
from spendgate.money import show_money
from spendgate.prices.model import Purchase, Quote

Match: TypeAlias = Callable[[CostLine, Workload], "bool | None"]
"""Whether a line is meant; None where that is known only after apply."""

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Discount:
    """So many percent off the list price of the lines that match, up to and including the day ``until``."""

    name: str
    match: Match
    percent: Decimal
    until: date | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Capacity that is bought in advance: ``count`` units of the lines that match, at ``hourly`` (in the estimate's
    currency) a unit or ``percent`` off the list price."""

    name: str
    match: Match
    count: Decimal
    hourly: Decimal | None = None
    percent: Decimal | None = None
    until: date | None = None
    origin: str = ""


Term: TypeAlias = Discount | Commitment


def in_force(terms: Iterable[Term], today: date) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """The terms that hold today, and one sentence for each that has ended."""
    terms = tuple(terms)
    ended = [term for term in terms if term.until is not None and term.until < today]
    told = tuple(f"the {_kind(term)} {term.name} ended on {term.until}: not applied ({term.origin})" for term in ended)
    return tuple(term for term in terms if term not in ended), told


class Terms:
    """The terms of one estimate. It remembers how much of each commitment is taken, in order of declaration."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.discounts = tuple(term for term in terms if isinstance(term, Discount))
        self.commitments = tuple(term for term in terms if isinstance(term, Commitment))
        self.left = [term.count for term in self.commitments]

    def __bool__(self) -> bool:
        return bool(self.discounts or self.commitments)

    def apply(self, workload: Workload, lines: Iterable[CostLine]) -> list[CostLine]:
        """The lines at what they come to. Of several discounts the first that matches holds, and none on top of a
        commitment or of a price of one's own: those are what is paid."""
        found: list[CostLine] = []
        for line in lines:
            for part in self._committed(workload, line):
                found.append(part if part.reduction else self._discounted(workload, part))
        return found

    def _discounted(self, workload: Workload, line: CostLine) -> CostLine:
        if line.cost is None or line.quote.private:
            return line
        cost = line.cost
        for discount in self.discounts:
            match = discount.match(line, workload)
            if match is None:
                line = replace(line, assumptions=(*line.assumptions, _open(discount)))
            elif match:
                return replace(
                    line,
                    cost=cost.times(_rest(discount.percent)),
                    listed=cost,
                    reduction=Reduction("discount", discount.name, discount.percent, discount.origin),
                )
        return line

    def _committed(self, workload: Workload, line: CostLine) -> list[CostLine]:
        """A line, with the part of it that commitments cover as lines of their own before it."""
        found: list[CostLine] = []
        for index, commitment in enumerate(self.commitments):
            left = self.left[index]
            if line.running is None or line.unit != "hour" or line.quote.purchase is Purchase.SPOT or not left:
                continue
            quote = _at_its_price(line.quote, commitment)
            match = commitment.match(line, workload) if quote is not None else False
            if match is None:
                line = replace(line, assumptions=(*line.assumptions, _open(commitment)))
            if not match or quote is None:
                continue
            covered = Range(*(min(part, left) for part in _parts(line.quantity)))
            if not covered.high:
                continue
            self.left[index] = EXACT.subtract(left, covered.high)
            found.append(_covered(line, quote, covered, commitment))
            rest = Range(*(max(EXACT.subtract(part, left), _ZERO) for part in _parts(line.quantity)))
            if not rest.high:
                return found
            line = _of_quantity(line, line.quote, rest)
        return [*found, line]


def _covered(line: CostLine, quote: Quote, covered: Range, commitment: Commitment) -> CostLine:
    at_list = _of_quantity(line, line.quote, covered)
    part = _of_quantity(line, quote, covered)
    many = f"{covered.high.normalize():f} of its {commitment.count.normalize():f}"
    note = f"commitment {commitment.name} covers {many}; what is left unused is paid all the same, and not counted here"
    reduction = Reduction("commitment", commitment.name, commitment.percent, commitment.origin)
    return replace(part, assumptions=(*part.assumptions, note), listed=at_list.cost, reduction=reduction)


def _of_quantity(line: CostLine, quote: Quote, quantity: Range) -> CostLine:
    """The same line for another quantity or price."""
    if line.running is None:
        raise ValueError(f"{line.item} is not billed by the hour")
    confidence = Confidence.EXACT if line.confidence is Confidence.UNPRICED else line.confidence
    notes = tuple(note for note in line.assumptions if note not in line.running.assumptions)
    return replace(hourly_line(quote, quantity, line.running, notes, confidence), resource=line.resource)


def _at_its_price(quote: Quote, commitment: Commitment) -> Quote | None:
    """The quote of what a commitment covers; None where it takes a percentage off no price."""
    amount = commitment.hourly
    if amount is None:
        if quote.amount is None:
            return None
        amount = EXACT.multiply(quote.amount, _rest(commitment.percent or _ZERO))
    if quote.amount is not None:
        note = f"list price {show_money(quote.amount, quote.currency)} ({quote.source}, {quote.as_of})"
    else:
        note = "no list price"
    return replace(
        quote,
        purchase=Purchase.RESERVED,
        amount=amount,
        low=None,
        high=None,
        derived=False,
        reason=None,
        source=f"commitment {commitment.name} ({commitment.origin})",
        as_of="",
        note=note,
        private=True,
    )


def _parts(quantity: Range) -> tuple[Decimal, Decimal, Decimal]:
    return quantity.low, quantity.expected, quantity.high


def _rest(percent: Decimal) -> Decimal:
    """What is left of a price: exact, for a division by 100 has an end."""
    return (Decimal(100) - percent) / 100


def _kind(term: Term) -> str:
    return "discount" if isinstance(term, Discount) else "commitment"


def _open(term: Term) -> str:
    return f"whether the {_kind(term)} {term.name} applies is known only after apply: not counted"
