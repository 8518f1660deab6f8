"""How good a cost line is, and how much of the total is which."""

from __future__ import annotations

from decimal import Decimal

import pytest

from spendgate.estimate import estimate
from spendgate.estimate.model import Confidence
from spendgate.prices.catalogue import Catalogue
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()
GPU = {"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge", "count": [1, 1, 1]}
OFFICE = {"hours_per_week": 42, "declared_by": "cron"}
JOB = {**GPU, "kind": "training_job", "max_runtime_hours": 6}


@pytest.mark.parametrize(
    ("word", "type_", "facts"),
    [
        ("assumed", "test:index:Thing", GPU),  # always on, because nothing else is declared
        ("derived", "test:index:Thing", {**GPU, "schedule": OFFICE}),
        ("assumed", "test:index:Thing", {**GPU, "schedule": OFFICE, "purchase": "spot"}),
        ("assumed", "test:index:Thing", {**GPU, "schedule": OFFICE, "defaults": ["count"]}),
        ("assumed", "test:index:Thing", {**GPU, "schedule": OFFICE, "count": [1, 1, None]}),
        ("assumed", "test:index:Thing", JOB),  # one run a month
        ("derived", "test:index:Thing", {**JOB, "runs_per_month": 20}),
        ("unpriced", "test:index:Thing", {**GPU, "instance_type": "p5e.48xlarge"}),
        ("exact", "aws:ebs/volume:Volume", {**GPU, "kind": "volume", "size_gib": 100, "storage_class": "gp3"}),
        ("assumed", "aws:ebs/volume:Volume", {**GPU, "kind": "volume", "size_gib": 100}),
        ("exact", "aws:ec2/natGateway:NatGateway", {**GPU, "kind": "network"}),
    ],
)
def test_a_line_is_as_good_as_the_weakest_of_price_quantity_and_hours(word, type_, facts):
    (line,) = estimate([workload("it", type_, **facts)], CATALOGUE).lines
    assert line.confidence == word
    assert (line.cost is None) == (word == "unpriced")


def test_the_parts_of_the_total_are_exactly_the_total():
    volume = {**GPU, "kind": "volume", "size_gib": 7, "storage_class": "gp3"}
    found = estimate(
        [
            workload("a", **GPU),
            workload("b", **{**GPU, "schedule": OFFICE}),
            workload("c", "aws:ebs/volume:Volume", **volume),
        ],
        CATALOGUE,
    )
    assert sum(found.by_confidence.values()) == found.total.monthly.expected
    assert found.by_confidence[Confidence.EXACT] == Decimal("0.08") * 7
    assert abs(sum(found.shares.values()) - 1) < Decimal("0.00001")


def test_nothing_priced_has_no_shares():
    assert set(estimate([], CATALOGUE).shares.values()) == {Decimal(0)}
