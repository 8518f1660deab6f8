"""What is said of a line that nobody pays: the tag that would have told, beside those that are there."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.engine import Rest
from spendgate.allocate.findings import hint
from spendgate.allocate.load import load_disputes, load_rules
from spendgate.allocate.run import Request, allocate, engine
from spendgate.allocate.text import notes, to_text
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, run, write_csv
from tests.conftest import Run

ASKED = {"team": "team-tag", "cost-center": "cost-centres"}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({}, "team, cost-center"),
        ({"Team": "nlp"}, '"Team" is there; team-tag reads "team"'),
        ({"CostCenter": "1"}, '"CostCenter" is there; cost-centres reads "cost-center"'),
        ({"env": "prod", " org": "x"}, 'team, cost-center (there: env, " org")'),
        (dict.fromkeys("abcdef", "1"), "team, cost-center (there: a, b, c, d, …)"),
        ({"team": "nlp", "env": "prod"}, "cost-center (there: team, env)"),
        ({"team": "nlp", "cost-center": "1"}, '"team" is there; team-tag asks for more'),
    ],
)
def test_the_tag_that_would_tell_stands_beside_those_that_are_there(tags: dict[str, str], told: str) -> None:
    assert hint(json.dumps(tags), ASKED) == told
    assert hint(json.dumps(tags), {}) == ""


def test_a_tag_that_a_rule_reads_is_not_told_as_another() -> None:
    assert hint(json.dumps({"team": "", "env": "prod"}), ASKED) == "team, cost-center (there: env)"


def test_where_no_rule_finds_an_owner_there_is_no_empty_table(spendgate: Run, tmp_path: Path) -> None:
    bill, rules = tmp_path / "bill.csv", tmp_path / "rules.yaml"
    write_csv(bill, [line("10", tags={"env": "prod"})])
    rules.write_text(
        HEAD + "rules: [{name: t, layer: direct, match: has(tags.team), owner: {team: tags.team}}]\n", encoding="utf-8"
    )
    done = spendgate("allocate", str(bill), "--rules", str(rules), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "Nobody pays: no rule gave any line an owner." in done.stdout
    assert "Who pays" not in done.stdout
    assert "team (there: env)" in done.stdout


BY_TEAM = "rules: [{name: t, layer: direct, match: 'tags.team != \"\"', owner: {team: tags.team}}]\n"
LACKING: list[tuple[str, dict[str, str]]] = [
    ("10", {"Team": "nlp"}),
    *[("3", {"env": "prod", "run": f'job "{number}"'}) for number in range(30)],
    ("2", {"env": "dev", "team": ""}),
    ("-1", {}),
    ("4", {"Team": "vision", "run": "x"}),
]


def test_lines_of_one_service_that_lack_different_tags_are_told_apart_with_their_amounts(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, [line(cost, tags=tags) for cost, tags in LACKING], BY_TEAM)
    told = [(row["hint"], row["lines"], row["cost"]) for row in outcome.unowned]
    assert told == [("team (there: env, run)", 32, 91), ('"Team" is there; t reads "team"', 2, 14)]


def test_lines_that_a_rule_decided_are_told_by_it_and_not_by_their_tags(tmp_path: Path) -> None:
    rules = "rules: [{name: t, layer: direct, match: 'true', owner: {team: tags.team}}]\n"
    outcome, _ = run(tmp_path, [line("1", tags={"a": "x"}), line("2", tags={"b": "x"})], rules)
    (row,) = outcome.unowned
    assert (row["reason"], row["lines"], row["cost"]) == ("the rule names no owner", 2, 3)


def test_groups_beyond_the_bound_are_counted_with_their_amount(tmp_path: Path) -> None:
    rows = [line(str(cost), tags={"Team": "nlp"}, ServiceName=f"service {cost}") for cost in range(1, 26)]
    outcome, _ = run(tmp_path, rows, BY_TEAM)
    assert (len(outcome.unowned), outcome.rest["unowned"]) == (20, Rest(5, Decimal(15)))


def test_tags_of_a_map_are_told_like_those_of_a_text(tmp_path: Path) -> None:
    import duckdb

    bill, rules = tmp_path / "bill.parquet", tmp_path / "rules.yaml"
    rules.write_text(HEAD + BY_TEAM, encoding="utf-8")
    duckdb.sql(
        f"""COPY (SELECT 1.0 AS BilledCost, 'USD' AS BillingCurrency, TIMESTAMP '2026-03-01' AS ChargePeriodStart,
        MAP {{'Team': 'nlp'}} AS Tags) TO '{bill}'"""
    )
    with engine() as connection:
        outcome = allocate(Request((bill,), load_rules(rules), rules), tmp_path / "out.parquet", connection)
    assert [row["hint"] for row in outcome.unowned] == ['"Team" is there; t reads "team"']


def test_a_pool_that_nobody_used_for_days_is_told_in_one_sentence(tmp_path: Path) -> None:
    rules = """
drivers: {use: {unit: hours, value: row.hours}}
rules: [{name: p, layer: proportional, match: 'true', pool: tags.pool, driver: use}]
"""
    rows = [line("2", f"2026-03-0{day}", tags={"pool": pool}) for day in (1, 2, 4) for pool in "ab"]
    used = [{"date": f"2026-03-0{day}", "pool": "b", "team": "nlp", "hours": "1"} for day in (1, 2)]
    outcome, _ = run(tmp_path, rows, rules, {"use": used})
    assert notes(outcome) == [
        "p: nobody used pool a on 3 days from 2026-03-01 to 2026-03-04; $6.00 stay unallocated.",
        "p: nobody used pool b on 2026-03-04; $2.00 stay unallocated.",
    ]


def test_what_lies_beyond_twelve_decimals_is_written_out_and_little_is_not_nothing(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, [line("100000"), line("0.0000000000049", tags={"team": "nlp"}), line("-1")], BY_TEAM)
    assert "The bill has -0.0000000000001 USD beyond twelve decimals." in notes(outcome)
    outcome, _ = run(tmp_path, [line("100000", tags={"team": "nlp"}), line("1")], BY_TEAM)
    assert "unallocated $1.00 (<0.1%) on 1 line" in to_text(outcome, "out")


def test_a_dispute_of_no_line_is_told_and_a_resolved_one_is_not(tmp_path: Path) -> None:
    opened = "reason: why, openedBy: nlp, opened: 2026-03-02"
    disputes = f"""
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {{name: typo, match: 'tags.team == "npl"', {opened}}}
  - {{name: done, match: 'tags.team == "vision"', {opened}}}
"""
    rules = """
rules:
  - {name: r, layer: override, match: 'tags.team == "vision"', owner: {team: "'x'"}, dispute: done,
     effective: {until: 2027-01-01}}
"""
    outcome, _ = run(tmp_path, [line("1", tags={"team": "vision"})], rules, None, disputes)
    assert outcome.noticed == ("The dispute typo has no line: none matches, or a dispute before it has them.",)


def test_two_disputes_of_one_name_are_refused(tmp_path: Path) -> None:
    one = "{name: a, match: 'true', reason: why, openedBy: nlp, opened: 2026-03-02}"
    (tmp_path / "d.yaml").write_text(f"apiVersion: spendgate.dev/v1\nkind: Disputes\ndisputes: [{one}, {one}]\n")
    with pytest.raises(InputError, match='two disputes are named "a"'):
        load_disputes(tmp_path / "d.yaml")
