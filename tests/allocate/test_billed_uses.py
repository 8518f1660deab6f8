"""Shared pools are split by the GPU-hours that the bill itself has of each owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.load import load_rules
from spendgate.allocate.run import Request, allocate, engine, sql_of
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, run, write_csv
from tests.allocate.test_machines import focus

RULES = """
drivers:
  gpu-hours: {unit: GPU-hours, bill: gpu_hours}
aliases: {team: {NLP: nlp}}
rules:
  - name: team-tag
    layer: direct
    match: has(tags.team)
    owner: {team: tags.team}
  - name: platform
    layer: proportional
    match: line.ServiceName == "Support"
    pool: '"everything"'
    driver: gpu-hours
    window: WINDOW
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: tags.cluster
    driver: gpu-hours
    window: month
"""

Rows = Sequence[Mapping[str, str]]


def tagged(hours: str, team: str, day: str = "2026-03-01", cluster: str = "", **columns: str) -> dict[str, str]:
    own = f', "cluster": "{cluster}"' if cluster else ""
    return {**focus(hours, Tags=f'{{"team": "{team}"{own}}}', **columns), "ChargePeriodStart": f"{day}T00:00:00Z"}


def paid(rows: Sequence[Mapping[str, Any]], rule: str) -> dict[tuple[str, str | None], Decimal]:
    found: dict[tuple[str, str | None], Decimal] = {}
    for row in rows:
        if row["x_Rule"] == rule:
            key = (str(row["ChargePeriodStart"])[:10], row["x_Team"])
            found[key] = found.get(key, Decimal()) + row["x_AllocatedCost"]
    return found


BILL: Rows = [
    tagged("6", "NLP"),
    tagged("3", "vision", meter="SpotUsage:g5.12xlarge"),
    tagged("100", "web", meter="BoxUsage:m5.large"),  # no accelerator, so no weight
    tagged("-1", "vision", cost="-1"),
    tagged("10", "vision", "2026-03-02"),
    tagged("-3", "ops", "2026-03-02", cost="-1"),
    tagged("1", "nlp", "2026-03-03", cluster="a"),
    tagged("3", "ops", "2026-03-03", cluster="a"),
    tagged("9", "ops", "2026-03-03", cluster="b"),
    line("70", ServiceName="Support"),
    line("5", "2026-03-02", ServiceName="Support"),
    line("8", "2026-03-04", tags={"cluster": "a"}, ServiceName="Kubernetes"),
    line("3", "2026-03-04", ServiceName="Support"),
]


def test_weights_are_the_hours_of_what_owners_have_of_their_own(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, BILL, RULES.replace("WINDOW", "day"))
    assert outcome.reconciles
    assert paid(rows, "platform") == {
        ("2026-03-01", "nlp"): Decimal("52.5"),
        ("2026-03-01", "vision"): Decimal("17.5"),
        ("2026-03-02", "vision"): 5,
        ("2026-03-04", None): 3,  # nobody ran anything on that day: unallocated, with the reason
    }
    assert paid(rows, "cluster") == {("2026-03-04", "nlp"): 2, ("2026-03-04", "ops"): 6}
    assert outcome.unallocated == 3


def test_by_the_month_the_hours_of_all_days_count(tmp_path: Path) -> None:
    _, rows = run(tmp_path, BILL, RULES.replace("WINDOW", "month"))
    found = paid(rows, "platform")
    # 7 h of nlp, 12 of vision, 9 of ops, all of four devices
    assert found["2026-03-01", "nlp"] == pytest.approx(Decimal(70) * 7 / 28, abs=Decimal("1e-8"))
    assert found["2026-03-01", "ops"] == pytest.approx(Decimal(70) * 9 / 28, abs=Decimal("1e-8"))
    assert sum(amount for (day, _), amount in found.items() if day == "2026-03-01") == 70


def test_a_table_that_is_given_goes_before_the_bill(tmp_path: Path) -> None:
    table = [{"date": "2026-03-01", "pool": "everything", "team": "ops", "gpu_hours": "1"}]
    _, rows = run(tmp_path, BILL, RULES.replace("WINDOW", "day"), {"gpu-hours": table})
    assert paid(rows, "platform")["2026-03-01", "ops"] == 70


def test_tags_that_are_no_json_are_no_owners_and_stop_nothing(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, [*BILL, line("1", tags="{broken")], RULES.replace("WINDOW", "day"))
    assert outcome.reconciles
    assert paid(rows, "platform")["2026-03-01", "nlp"] == Decimal("52.5")


def test_the_month_that_is_asked_for_is_the_one_that_weighs(tmp_path: Path) -> None:
    rows = [*BILL, tagged("1000", "old", "2026-02-27")]
    outcome, written = run(tmp_path, rows, RULES.replace("WINDOW", "month"), month="2026-03")
    assert outcome.reconciles
    assert "old" not in {row["x_Team"] for row in written}


def test_explain_asks_for_a_table(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD + RULES.replace("WINDOW", "day"), encoding="utf-8")
    rules = load_rules(tmp_path / "rules.yaml")
    request = Request((write_csv(tmp_path / "bill.csv", BILL),), rules, tmp_path / "rules.yaml")
    with engine() as connection, pytest.raises(InputError, match="is of the bill"):
        sql_of(request, connection, "duckdb")


@pytest.mark.parametrize(
    ("driver", "told"), [("{unit: h}", "value"), ("{unit: h, bill: tokens}", "tokens"), ("{unit: h, bill: 1}", "1")]
)
def test_a_driver_needs_a_value_or_the_bill(tmp_path: Path, driver: str, told: str) -> None:
    text = HEAD + RULES.replace("{unit: GPU-hours, bill: gpu_hours}", driver).replace("WINDOW", "day")
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    with pytest.raises((InputError, ExceptionGroup), match=told):
        load_rules(tmp_path / "rules.yaml")


@pytest.mark.xdist_group("spark")
def test_spark_weighs_the_same(tmp_path: Path, spark: Any) -> None:
    from spendgate.allocate.spark import allocate_with

    (tmp_path / "rules.yaml").write_text(HEAD + RULES.replace("WINDOW", "day"), encoding="utf-8")
    bill = write_csv(tmp_path / "bill.csv", BILL)
    request = Request((bill,), load_rules(tmp_path / "rules.yaml"), tmp_path / "rules.yaml")
    allocate_with(spark, request, tmp_path / "spark.parquet")
    with engine() as connection:
        allocate(request, tmp_path / "duck.parquet", connection)
        there = connection.read_parquet(str(tmp_path / "spark.parquet" / "*.parquet")).to_pyarrow().to_pylist()
        here = connection.read_parquet(str(tmp_path / "duck.parquet")).to_pyarrow().to_pylist()
    for rule in ("platform", "cluster"):
        assert paid(there, rule) == paid(here, rule) != {}
