"""How old a price may be before a report says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from spendgate.errors import InputError, Place
from spendgate.prices.age import age_of, days_of, old_price_note
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase

QUOTE = Catalogue.builtin().quote("aws", "p5.48xlarge", "us-east-1")
TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(("as_of", "days"), [("2026-11-20", 1), ("2026-11", 20), ("2026", 324), ("", None)])
def test_a_month_or_a_year_counts_from_its_first_day(as_of: str, days: int | None):
    assert age_of(replace(QUOTE, as_of=as_of), TODAY) == days


def test_only_prices_beyond_the_limit_are_named_each_once_with_its_date():
    old = replace(QUOTE, as_of="2026-01", purchase=Purchase.SPOT)
    unpriced = Catalogue.builtin().quote("aws", "p5e.48xlarge", "us-east-1")
    note = old_price_note([QUOTE, old, old, unpriced], 180, TODAY)
    assert note == ("prices older than 180 days, so look them up again: p5.48xlarge spot, us-east-1 (as of 2026-01)")
    assert old_price_note([QUOTE, old], 324, TODAY) is None


@pytest.mark.parametrize("text", ["180", "0d", "-3d", "half a year", "6m", ""])
def test_an_age_is_a_number_of_days(text: str):
    with pytest.raises(InputError, match="Write it as 180d") as caught:
        days_of(text, Place("spendgate.yaml", 3, 18))
    assert str(caught.value).startswith("spendgate.yaml:3:18")
    assert days_of("180d") == 180
