"""Discounts and commitments: what a line costs below its list price, and how that is told."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.config import load_config
from spendgate.errors import InputError
from spendgate.estimate import estimate
from spendgate.estimate.discounts import Commitment, Discount, Term, in_force
from spendgate.estimate.model import Estimate
from spendgate.prices.catalogue import Catalogue
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()
HEAD = "apiVersion: spendgate.dev/v1\nkind: Config\n"
LIST = Decimal("1.006")


def terms(folder: Path, text: str) -> tuple[Term, ...]:
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "spendgate.yaml").write_text(HEAD + text, encoding="utf-8")
    return load_config(folder).discounts


def gpu(name: str = "a", **values):
    return workload(
        name, **{"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge"} | values
    )


def priced(folder: Path, text: str, *workloads) -> Estimate:
    return estimate(workloads or [gpu()], CATALOGUE, discounts=terms(folder, text))


def test_a_discount_is_taken_off_and_the_list_price_still_told(tmp_path: Path):
    text = "discounts:\n  - {name: EDP, match: line.provider == 'aws', percent: 12.5}\n"
    (line,) = priced(tmp_path, text).lines
    assert line.listed.monthly.expected == LIST * 730
    assert line.cost.monthly.expected == LIST * 730 * Decimal("0.875")
    assert (line.reduction.kind, line.reduction.name, line.reduction.percent) == ("discount", "EDP", Decimal("12.5"))
    assert line.reduction.origin.endswith("spendgate.yaml:4")


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ("line.item.startsWith('g5.') && line.region == 'us-east-1'", True),
        ("line.purchase == 'spot'", False),
        ("'team' in facts.tags && facts.tags.team == 'nlp'", True),
        ("facts.kind == 'notebook'", False),
        ("line.name == 'a'", True),
    ],
)
def test_what_a_discount_matches_is_said_in_cel(tmp_path: Path, match: str, applies: bool):
    text = f'discounts:\n  - {{match: "{match}", percent: 10}}\n'
    (line,) = priced(tmp_path, text, gpu(tags={"team": "nlp"})).lines
    assert (line.reduction is not None) is applies


def test_the_first_discount_that_matches_holds(tmp_path: Path):
    text = "discounts:\n  - {name: a, match: 'true', percent: 10}\n  - {name: b, match: 'true', percent: 50}\n"
    (line,) = priced(tmp_path, text).lines
    assert line.cost.hourly.expected == LIST * Decimal("0.9")


def test_equal_facts_share_their_lines_and_not_the_discounts_of_their_tags(tmp_path: Path):
    text = "discounts:\n  - {match: \"facts.tags.team == 'nlp'\", percent: 50}\n"
    found = priced(tmp_path, text, gpu("a", tags={"team": "nlp"}), gpu("b", tags={"team": "cv"}))
    assert [line.reduction is not None for line in found.lines] == [True, False]


def test_where_a_match_hangs_on_what_is_unknown_the_line_says_so(tmp_path: Path):
    text = "discounts:\n  - {name: EDP, match: \"facts.tags.team == 'nlp'\", percent: 50}\n"
    (line,) = priced(tmp_path, text, gpu(unknowns={"tags.team": "tags.team, computed"})).lines
    assert line.reduction is None
    assert "whether the discount EDP applies is known only after apply: not counted" in line.assumptions


def test_a_commitment_covers_its_count_in_order_and_the_rest_costs_the_list_price(tmp_path: Path):
    text = "commitments:\n  - {name: c, match: line.item == 'g5.xlarge', count: 3, hourly: 0.5}\n"
    found = priced(tmp_path, text, gpu("a", count=[2, 2, 2]), gpu("b", count=[2, 2, 2]))
    shown = [
        (line.resource[-1], line.quantity.expected, line.quote.purchase, line.quote.amount) for line in found.lines
    ]
    assert shown == [
        ("a", 2, "reserved", Decimal("0.5")),
        ("b", 1, "reserved", Decimal("0.5")),
        ("b", 1, "on_demand", LIST),
    ]
    assert found.total.hourly.expected == 3 * Decimal("0.5") + LIST
    assert found.lines[0].listed.hourly.expected == 2 * LIST


def test_a_commitment_gives_a_price_to_what_is_sold_by_reservation_only(tmp_path: Path):
    text = "commitments:\n  - {match: line.item == 'p5e.48xlarge', count: 1, hourly: 39.5}\n"
    found = priced(tmp_path, text, gpu(instance_type="p5e.48xlarge"))
    assert found.total.hourly.expected == Decimal("39.5")
    assert not found.unpriced


def test_spot_is_never_covered_by_a_commitment(tmp_path: Path):
    text = "commitments:\n  - {match: 'true', count: 9, percent: 40}\n"
    (line,) = priced(tmp_path, text, gpu(purchase="spot")).lines
    assert line.reduction is None


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(1, 12))
def test_no_commitment_covers_more_than_its_count(low, more, most, count):
    commitment = Commitment("c", lambda line, workload: True, Decimal(count), hourly=Decimal("0.1"))
    counts = [low, low + more, low + more + most]
    found = estimate([gpu("a", count=counts), gpu("b", count=counts)], CATALOGUE, discounts=(commitment,))
    for bound in ("low", "expected", "high"):
        covered = sum(getattr(line.quantity, bound) for line in found.lines if line.reduction)
        assert covered <= count
        assert (
            sum(getattr(line.quantity, bound) for line in found.lines)
            == 2 * counts[("low", "expected", "high").index(bound)]
        )


def test_what_has_ended_is_not_applied_and_named():
    ended = Discount("EDP", lambda line, workload: True, Decimal(10), date(2026, 3, 31), "spendgate.yaml:5")
    assert in_force([ended], date(2026, 3, 31)) == ((ended,), ())
    left, told = in_force([ended], date(2026, 4, 1))
    assert left == ()
    assert told == ("the discount EDP ended on 2026-03-31: not applied (spendgate.yaml:5)",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("discounts:\n  - {match: lin.provider == 'aws', percent: 5}", "spendgate.yaml:4:13"),
        ("discounts:\n  - {match: line.vendor == 'aws', percent: 5}", "vendor"),
        ("discounts:\n  - {match: line.item, percent: 5}", "gives string, not bool"),
        ("discounts:\n  - {match: 'true', percent: 105}", "greater than the maximum of 100"),
        ("discounts:\n  - {match: 'true', percent: -1}", "less than the minimum of 0"),
        ("discounts:\n  - {match: 'true', percnt: 5}", 'did you mean "percent"?'),
        ("discounts:\n  - {match: 'true', percent: 5, until: soon}", '"soon" is no day'),
        ("commitments:\n  - {match: 'true', count: 0, hourly: 1}", "commitments.0.count"),
        ("commitments:\n  - {match: 'true', count: 1}", "commitments.0"),
        ("discounts:\n  - {match: 'true', percent: .nan}", "no number"),
    ],
)
def test_a_wrong_entry_is_refused_at_its_place(tmp_path: Path, text: str, told: str):
    with pytest.raises(InputError) as error:
        terms(tmp_path, text + "\n")
    assert told in str(error.value)
    assert "spendgate.yaml:4" in str(error.value)


def test_a_match_that_fails_on_a_line_says_how_to_ask(tmp_path: Path):
    with pytest.raises(InputError, match=r"spendgate\.yaml:4:\d+: CEL: fails on a"):
        priced(tmp_path, "discounts:\n  - {match: \"facts.tags.team == 'nlp'\", percent: 5}\n", gpu(tags={}))


@pytest.mark.parametrize("until", ["2027-03-31", '"2027-03-31"'])
def test_a_day_may_be_quoted_or_not(tmp_path: Path, until: str):
    (term,) = terms(tmp_path, f"discounts:\n  - {{match: 'true', percent: 5, until: {until}}}\n")
    assert term.until == date(2027, 3, 31)
