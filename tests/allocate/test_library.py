"""Rules that come with spendgate: by name, one behind another, and all tested."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.library import find_rules, shipped_rules
from spendgate.allocate.run import Request, allocate, engine
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, write_csv


def test_every_shipped_rule_has_a_case_that_it_catches_and_one_that_it_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["test", "policies/allocation", "--strict"]) == 0
    assert f"{len(shipped_rules())} files of allocation rules" in capsys.readouterr().out


def test_every_shipped_file_of_rules_is_documented_and_named_like_its_file() -> None:
    documented = Path("docs/allocation.md").read_text(encoding="utf-8")
    for name, path in shipped_rules().items():
        assert find_rules([name])[0].name == name
        assert f"`{name}`" in documented, path


def test_rules_are_named_by_what_ships_and_a_near_name_is_told() -> None:
    assert find_rules(["by-tags"])[0].name == "by-tags"
    with pytest.raises(InputError, match=r'did you mean "by-tags"'):
        find_rules(["by-tag"])
    with pytest.raises(InputError, match=r"Shipped are by-tags"):
        find_rules(["zzzz"])


def test_rules_stand_behind_others_and_keep_their_own_tables(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    own = tmp_path / "one" / "own.yaml"
    own.write_text(
        HEAD
        + """
drivers: {desks: {unit: desks, value: row.desks, file: desks.csv}}
rules:
  - name: office
    layer: proportional
    match: line.ServiceName == "Office"
    pool: '"office"'
    driver: desks
""",
        encoding="utf-8",
    )
    write_csv(tmp_path / "one" / "desks.csv", [{"date": "2026-03-01", "pool": "office", "team": "lab", "desks": "2"}])
    bill = write_csv(tmp_path / "bill.csv", [line("1", tags={"team": "nlp"}), line("2", ServiceName="Office")])
    rules, file = find_rules(["by-tags", own])
    assert rules.name == "by-tags+test"
    with engine() as connection:
        outcome = allocate(Request((bill,), rules, file), tmp_path / "out.parquet", connection)
    assert {row["team"]: row["cost"] for row in outcome.by_owner} == {"lab": Decimal(2), "nlp": Decimal(1)}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["by-tags", "by-tags"], 'two rules are named "team-tag"'),
        (["by-tags", "commitments"], "commitments allocates amortized cost, by-tags billed"),
        (["inference-use", "inference-use"], 'the driver "tokens" is described twice'),
    ],
)
def test_rules_that_do_not_go_together_are_refused(names: list[str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        find_rules(names)
    assert told in str(caught.value)


def test_the_command_takes_a_name_and_says_what_tables_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = str(write_csv(tmp_path / "bill.csv", [line("1", tags={"team": "nlp"})]))
    assert main(["allocate", bill, "--rules", "by-tags", "--output", str(tmp_path / "out.csv")]) == 0
    assert "reconciles" in capsys.readouterr().out
    assert main(["allocate", bill, "--rules", "inference-use", "--output", str(tmp_path / "out.csv")]) == 2
    assert "no table for the driver tokens" in capsys.readouterr().err
