"""Shares of a pool: exact fractions that add up to one, whatever was used."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.allocate.model import Expression, Idle, Layer, Rule
from spendgate.allocate.shares import ONE, Share, Use, apportion, at_least, owner_of, proportional
from spendgate.errors import Place

PLACE = Place("rules.yaml")
DAY = date(2026, 3, 1)

amounts = st.fractions(min_value=0, max_value=10**9, max_denominator=10**9)


def rule(**fields: object) -> Rule:
    return Rule("pool", Layer.PROPORTIONAL, Expression("true", PLACE), PLACE, **fields)  # type: ignore[arg-type]


def shares(made: Rule, used: dict[str, Fraction], capacity: Fraction | None = None) -> tuple[Share, ...]:
    use = Use({owner_of({"team": team}): amount for team, amount in used.items()}, capacity)
    return proportional(made, 1, {("pool", DAY): use})


@given(st.lists(amounts, min_size=1, max_size=9).filter(any), st.integers(1, 10**12))
def test_apportioned_numbers_add_up_and_each_is_within_one_of_its_part(parts: list[Fraction], whole: int) -> None:
    found = apportion(parts, whole)
    assert sum(found) == whole
    assert all(abs(number - part * whole / sum(parts)) < 1 for number, part in zip(found, parts, strict=True))


def test_the_largest_remainder_gets_what_is_left() -> None:
    assert apportion([Fraction(1, 6), Fraction(1, 2), Fraction(1, 3)], 10) == [2, 5, 3]  # 1.67, 5, 3.33


@given(
    st.dictionaries(st.sampled_from("abcdef"), amounts, min_size=1),
    st.none() | amounts,
    st.sampled_from(list(Idle)),
    st.sampled_from(["0", "0.05", "0.3"]),
)
def test_the_shares_of_a_pool_are_one_or_there_are_none(
    used: dict[str, Fraction], capacity: Fraction | None, idle: Idle, minimum: str
) -> None:
    found = shares(rule(idle=idle, minimum_share=minimum, platform={"team": "platform"}), used, capacity)
    assert sum(share.units for share in found) in ((ONE,) if found else (0,))
    assert [share.before for share in found] == [
        sum(share.units for share in found[:index]) for index in range(len(found))
    ]
    assert [share.first for share in found] == [index == 0 for index in range(len(found))]


def test_idle_capacity_is_shown_apart_and_paid_as_the_rule_says() -> None:
    used = {"nlp": Fraction(30), "vision": Fraction(10)}
    paid = {
        idle: {
            (share.owner[0], share.idle): Fraction(share.units, ONE)
            for share in shares(rule(idle=idle, platform={"team": "platform"}), used, Fraction(80))
        }
        for idle in Idle
    }
    own = {("nlp", False): Fraction(3, 8), ("vision", False): Fraction(1, 8)}
    assert paid[Idle.TO_POOL] == own | {(None, True): Fraction(1, 2)}
    assert paid[Idle.TO_PLATFORM] == own | {("platform", True): Fraction(1, 2)}
    assert paid[Idle.PROPORTIONAL] == own | {("nlp", True): Fraction(3, 8), ("vision", True): Fraction(1, 8)}


def test_use_beyond_the_capacity_leaves_nothing_idle() -> None:
    found = shares(rule(idle=Idle.TO_POOL), {"nlp": Fraction(3), "vision": Fraction(1)}, Fraction(2))
    assert [(share.owner[0], share.units, share.idle) for share in found] == [
        ("nlp", ONE * 3 // 4, False),
        ("vision", ONE // 4, False),
    ]


def test_a_minimum_share_is_taken_from_the_others_in_proportion() -> None:
    nlp, vision, tiny = (owner_of({"team": team}) for team in ("nlp", "vision", "tiny"))
    found = at_least({nlp: Fraction(66, 100), vision: Fraction(33, 100), tiny: Fraction(1, 100)}, "0.1")
    assert found == {nlp: Fraction(6, 10), vision: Fraction(3, 10), tiny: Fraction(1, 10)}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.fractions(min_value=1, max_value=10**6), min_size=1),
    st.sampled_from(["0.01", "0.1", "0.2", "0.6"]),
)
def test_no_share_is_below_the_minimum_and_all_are_one(used: dict[str, Fraction], minimum: str) -> None:
    whole = sum(used.values())
    found = at_least({owner_of({"team": team}): amount / whole for team, amount in used.items()}, minimum)
    assert sum(found.values()) == 1
    assert min(found.values()) >= min(Fraction(minimum), Fraction(1, len(used)))


@pytest.mark.parametrize("idle", list(Idle))
def test_a_pool_that_nobody_used_and_that_has_no_capacity_has_no_shares(idle: Idle) -> None:
    assert shares(rule(idle=idle, platform={"team": "platform"}), {"nlp": Fraction(0)}) == ()
