"""A difference is taken apart exactly, and in the order that is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from spendgate.reconcile.as_json import effect_units
from spendgate.reconcile.effects import chain, counted, hourly
from spendgate.reconcile.model import Cause, Charge, EstimatedLine, Pair, Window
from spendgate.reconcile.pairing import count_and_hours

MARCH = datetime(2026, 3, 1, tzinfo=UTC)

positive = st.fractions(min_value=Fraction(1, 1000), max_value=10**6)
amounts = st.decimals(min_value="0.01", max_value=10**6, places=6).map(Fraction)


def charge(cost: Fraction, listed: Fraction | None, quantity: Fraction) -> Charge:
    return Charge(
        1, "i-1", None, None, None, None, None, "", "Hours", None, "Usage", False, {}, cost, listed, quantity, 1,
        MARCH, MARCH + timedelta(hours=1),
    )  # fmt: skip


def line(
    quantity: Fraction, hours: Fraction | None, cost: Fraction, listed: Fraction, all_month: bool
) -> EstimatedLine:
    return EstimatedLine("x", "machine", "hour", "on_demand", None, quantity, hours, cost, listed, all_month)


@given(st.lists(st.tuples(st.sampled_from(list(Cause)), positive, positive), max_size=6))
def test_effects_add_up_to_the_difference_of_the_products(steps: list[tuple[Cause, Fraction, Fraction]]) -> None:
    before = after = Fraction(1)
    for _, estimated, actual in steps:
        before, after = before * estimated, after * actual
    assert sum((effect.amount for effect in chain(steps)), Fraction()) == (after - before if steps else 0)


def test_one_factor_after_the_other_is_put_in_its_actual_place() -> None:
    found = chain([(Cause.COUNT, Fraction(2), Fraction(3)), (Cause.HOURS, Fraction(100), Fraction(90))])
    assert [effect.amount for effect in found] == [(3 - 2) * 100, 3 * (90 - 100)]


@given(
    positive, positive, amounts, st.none() | amounts, positive, positive, amounts, st.none() | amounts,
    st.booleans(), st.none() | st.fractions(min_value=Fraction(1, 100), max_value=1),
)  # fmt: skip
def test_the_effects_of_an_hourly_line_are_its_whole_difference(
    quantity: Fraction,
    hours: Fraction,
    cost: Fraction,
    listed: Fraction | None,
    count: Fraction,
    ran: Fraction,
    paid: Fraction,
    at_list: Fraction | None,
    all_month: bool,
    lived: Fraction | None,
) -> None:
    estimated = line(quantity, hours, cost, listed or cost, all_month)
    charges = [charge(paid, at_list, count * ran)]
    found = hourly(estimated, charges, count, ran, Fraction(744, 730), lived)
    assert found is not None
    assert sum((effect.amount for effect in found), Fraction()) == paid - cost
    units = effect_units(Pair(estimated, tuple(charges), cost, paid, found))
    assert sum(units) == round(paid * 10**12) - round(cost * 10**12)


@given(positive, amounts, amounts, positive, amounts)
def test_the_effects_of_a_quantity_are_its_whole_difference(
    quantity: Fraction, cost: Fraction, listed: Fraction, used: Fraction, paid: Fraction
) -> None:
    found = counted(line(quantity, None, cost, listed, False), [charge(paid, paid, used)], used)
    assert found is not None
    assert sum((effect.amount for effect in found), Fraction()) == paid - cost


def test_what_has_no_quantity_is_not_taken_apart() -> None:
    assert (
        hourly(line(Fraction(0), Fraction(730), Fraction(0), Fraction(0), True), [], *[Fraction(1)] * 3, None) is None
    )


def windows(*used: tuple[str, int, int, int]) -> list[Window]:
    """Resource, first hour, length of the charge period, hours used in it."""
    return [
        Window(MARCH + timedelta(hours=start), MARCH + timedelta(hours=start + length), name, Fraction(hours))
        for name, start, length, hours in used
    ]


def test_two_machines_side_by_side_are_two_for_their_hours() -> None:
    found = windows(("a", 0, 24, 24), ("b", 0, 24, 24), ("a", 24, 24, 12), ("b", 24, 24, 12))
    assert count_and_hours(found, Fraction(72)) == (2, 36)


def test_machines_that_replace_each_other_are_one() -> None:
    found = windows(*[(f"spot-{hour}", hour, 1, 1) for hour in range(10)])
    assert count_and_hours(found, Fraction(10)) == (1, 10)


def test_hours_without_a_resource_are_at_most_those_of_the_period() -> None:
    assert count_and_hours(windows(("", 0, 24, 72)), Fraction(72)) == (3, 24)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.just(1), st.integers(0, 1)), min_size=1))
def test_count_times_hours_is_what_was_billed(used: list[tuple[str, int, int, int]]) -> None:
    found = windows(*used)
    quantity = sum((window.hours for window in found), Fraction())
    count, hours = count_and_hours(found, quantity)
    assert count * hours == quantity
