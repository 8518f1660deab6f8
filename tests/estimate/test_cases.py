"""Cost cases: facts as declared, lines as expected, each with the public price it rests on (cases.yaml)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from spendgate.estimate import estimate
from spendgate.estimate.model import Range
from spendgate.prices.catalogue import Catalogue
from tests.estimate.building import workload

CASES = YAML(typ="safe").load(Path(__file__).with_name("cases.yaml"))


def _figure(text) -> Decimal:
    """``2 * 1.006 * 730``: a product, exactly."""
    product = Decimal(1)
    for factor in str(text).split("*"):
        product *= Decimal(factor.strip())
    return product


def _range(value) -> Range:
    bounds = value if isinstance(value, list) else [value] * 3
    return Range(*map(_figure, bounds))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_lines_are_as_expected(case):
    found = estimate([workload("it", case.get("type", "test:index:Thing"), **case["facts"])], Catalogue.builtin()).lines
    assert [line.item for line in found] == [expected["item"] for expected in case["lines"]]
    for line, expected in zip(found, case["lines"], strict=True):
        assert line.resource == "urn:test::it"
        assert (line.cost is None) == (line.quote.amount is None)
        if "reason" in expected:
            assert line.quote.reason == expected["reason"]
        else:
            assert line.quote.amount is not None, line.quote.note
            assert line.quote.source
            assert line.quote.as_of
        if "price" in expected:
            assert line.quote.amount == _figure(expected["price"])
        if "note" in expected:
            assert expected["note"] in line.quote.note
        if "assumes" in expected:
            assert any(expected["assumes"] in text for text in line.assumptions), line.assumptions
        for name in ("hourly", "daily", "monthly"):
            if name in expected:
                assert getattr(line.cost, name) == _range(expected[name])
        if "run" in expected:
            assert line.cost.run == (None if expected["run"] is None else _range(expected["run"]))
        if "quantity" in expected:
            assert line.quantity == _range(expected["quantity"])
        if "hours" in expected:
            assert line.hours == _range(expected["hours"])
        if "unit" in expected:
            assert line.unit == expected["unit"]
        assert line.quote.purchase == expected.get("purchase", line.quote.purchase)
        assert line.quote.derived == expected.get("derived", line.quote.derived)
