"""A difference taken apart, exactly.

What is billed by the hour costs count × hours × list price × (1 − discount); all else costs quantity × list price ×
(1 − discount). From the estimate to the bill one factor after the other is put in its actual place, in this order: the
length of the month, the part of it that a thing lived, count, hours (or quantity), price, discount. The effect of a
factor is what its own step changes. So the effects add up to the difference to the last digit; with another order,
what two changes do together would stand with the other one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from spendgate.reconcile.model import Cause, Charge, Effect, EstimatedLine

NOTHING = Fraction()

Step = tuple[Cause, Fraction, Fraction]
"""A factor: its cause, as estimated, and as it was."""


def counts(charge: Charge) -> bool:
    """Whether a charge tells a quantity of its own. One that takes something back (a discount as a line below zero, the
    negation of what a savings plan covers) repeats the quantity of what it takes it from."""
    return charge.cost >= 0 and "negation" not in charge.text.lower()


def chain(steps: Sequence[Step]) -> tuple[Effect, ...]:
    """The effect of each factor on their product.

    >>> [(effect.cause.value, int(effect.amount)) for effect in chain(
    ...     [(Cause.COUNT, Fraction(2), Fraction(3)), (Cause.PRICE, Fraction(10), Fraction(9))])]
    [('count', 10), ('price', -3)]
    """
    effects = []
    for index, (cause, estimated, actual) in enumerate(steps):
        rest = Fraction(1)
        for _, _, done in steps[:index]:
            rest *= done
        for _, before, _ in steps[index + 1 :]:
            rest *= before
        effects.append(Effect(cause, rest * (actual - estimated), estimated, actual))
    return tuple(effects)


def hourly(
    line: EstimatedLine,
    charges: Sequence[Charge],
    count: Fraction,
    hours: Fraction,
    month: Fraction,
    lived: Fraction | None,
) -> tuple[Effect, ...] | None:
    """The effects of a line billed by the hour; None where the factors of either side are not known.

    ``count`` and ``hours`` are what was billed; ``month`` is the hours of the month over those of an estimated one, and
    ``lived`` the share of the covered time that the thing lived, None where it is not known to have begun or ended.
    """
    if line.cost is None or line.hours is None or line.quantity == 0 or line.hours == 0:
        return None
    rates = _rates(line, charges, line.quantity * line.hours, count * hours)
    if rates is None:
        return None
    at_first = line.hours
    steps: list[Step] = [(Cause.COUNT, line.quantity, count)]
    before: list[Effect] = []
    price = line.cost / line.hours  # of an hour of all instances, after discounts
    if line.all_month:
        in_month = at_first * month
        before.append(Effect(Cause.MONTH, (in_month - at_first) * price, at_first, in_month))
        at_first = in_month
        if lived is not None:
            alive = at_first * lived
            before.append(Effect(Cause.LIVED, (alive - at_first) * price, at_first, alive))
            at_first = alive
    steps += [(Cause.HOURS, at_first, hours), *rates]
    return (*before, *chain(steps))


def counted(line: EstimatedLine, charges: Sequence[Charge], quantity: Fraction) -> tuple[Effect, ...] | None:
    """The effects of a line that is not billed by the hour; None where the factors of either side are not known."""
    if line.cost is None or line.quantity == 0:
        return None
    rates = _rates(line, charges, line.quantity, quantity)
    return None if rates is None else chain([(Cause.QUANTITY, line.quantity, quantity), *rates])


def _rates(line: EstimatedLine, charges: Sequence[Charge], estimated: Fraction, actual: Fraction) -> list[Step] | None:
    """List price and what is left of it after discounts; one rate for both where a side does not say its list cost."""
    if line.cost is None or not estimated or not actual:
        return None
    paid = sum((charge.cost for charge in charges), NOTHING)
    listed = [charge.listed for charge in charges if counts(charge)]
    known = [one for one in listed if one is not None]
    at_list = sum(known, NOTHING)
    if len(known) < len(listed) or not at_list or not line.listed:
        return [(Cause.PRICE, line.cost / estimated, paid / actual)]
    return [
        (Cause.PRICE, line.listed / estimated, at_list / actual),
        (Cause.DISCOUNT, line.cost / line.listed, paid / at_list),
    ]
