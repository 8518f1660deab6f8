"""What is said of a line that nobody pays: the tag that would have told, beside those that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.findings import hint
from tests.allocate.bills import HEAD, line, write_csv
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
