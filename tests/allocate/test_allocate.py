"""Bills are allocated line by line: worked by hand here, exactly."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.run import DuckDB
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, run, write_csv

TEAM = """
rules:
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team, product: tags.product}}
"""

POOL = """
drivers:
  gpu-hours: {unit: GPU-hours, value: row.hours * row.weight}
rules:
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: columns.x_Cluster
    driver: gpu-hours
"""


def owners(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["x_Team"], row["x_Layer"], row["x_AllocatedCost"]) for row in rows]


def test_a_tagged_line_is_its_teams_and_the_rest_is_listed_with_the_tag_that_would_tell(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, [line("10.5", tags={"team": "nlp"}), line("2", tags={"Team": "vision"})], TEAM)
    assert owners(rows) == [("nlp", "direct", Decimal("10.5")), (None, "unallocated", Decimal(2))]
    assert (outcome.billed, outcome.allocated, outcome.unallocated) == (Decimal("12.5"), Decimal("10.5"), Decimal(2))
    assert outcome.reconciles
    assert outcome.unowned[0]["hint"] == '"Team" is there; team reads "team"'


def test_the_first_rule_that_matches_decides_and_the_overlap_is_told(tmp_path: Path) -> None:
    rules = TEAM + "  - {name: all, layer: direct, match: 'true', owner: {team: \"'rest'\"}}\n"
    outcome, rows = run(tmp_path, [line("1", tags={"team": "nlp"}), line("2")], rules)
    assert [(row["x_Rule"], row["x_Team"]) for row in rows] == [("team", "nlp"), ("all", "rest")]
    assert outcome.overlaps == ({"rule": "team", "other": "all", "lines": 1},)


def test_layers_come_before_the_order_in_the_file(tmp_path: Path) -> None:
    rules = """
rules:
  - {name: tax, layer: fixed, match: 'true', split: central, platform: {team: platform}}
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
  - {name: settled, layer: override, match: tags.team == 'lab', owner: {team: "'nlp'"}, effective: {until: 2026-04-01}}
"""
    _, rows = run(tmp_path, [line("1", tags={"team": "lab"}), line("1", tags={"team": "vision"}), line("1")], rules)
    assert [row["x_Rule"] for row in rows] == ["settled", "team", "tax"]


def test_a_pool_is_split_by_use_of_its_day_with_weights(tmp_path: Path) -> None:
    rows = [
        line("90", ServiceName="Kubernetes", x_Cluster="a"),
        line("10", day="2026-03-02", ServiceName="Kubernetes", x_Cluster="a"),
        line("7", ServiceName="Kubernetes", x_Cluster="b"),
    ]
    use = [
        {"date": "2026-03-01", "pool": "a", "team": "nlp", "hours": "10", "weight": "2"},
        {"date": "2026-03-01", "pool": "a", "team": "vision", "hours": "10", "weight": "1"},
        {"date": "2026-03-02", "pool": "a", "team": "vision", "hours": "1", "weight": "1"},
    ]
    outcome, found = run(tmp_path, rows, POOL, {"gpu-hours": use})
    assert owners(found) == [
        ("nlp", "proportional", Decimal("60.000000003")),  # 2/3 with ten decimals is 0.6666666667
        ("vision", "proportional", Decimal("29.999999997")),
        ("vision", "proportional", Decimal(10)),
        (None, "unallocated", Decimal(7)),
    ]
    assert [(row["pool"], row["cost"]) for row in outcome.lost] == [("b", Decimal(7))]
    assert outcome.reconciles


def test_a_pool_may_be_one_text_for_all_lines(tmp_path: Path) -> None:
    use = [{"date": "2026-03-01", "pool": "all", "team": "nlp", "hours": "1", "weight": "1"}]
    rules = POOL.replace("columns.x_Cluster", "'\"all\"'")
    _, found = run(tmp_path, [line("5", ServiceName="Kubernetes")], rules, {"gpu-hours": use})
    assert owners(found) == [("nlp", "proportional", Decimal(5))]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("split: equal, shares: [{team: a}, {team: b}]", {"a": 5, "b": 5}),
        (
            "split: heads, shares: [{team: a, heads: 3}, {team: b, heads: 1}]",
            {"a": Decimal("7.5"), "b": Decimal("2.5")},
        ),
        ("split: percent, shares: [{team: a, percent: 20}], platform: {team: p}", {"a": 2, "p": 8}),
        ("split: central, platform: {team: p}", {"p": 10}),
    ],
)
def test_fixed_rules_split_per_team_per_head_per_cent_or_centrally(
    tmp_path: Path, split: str, expected: dict[str, Any]
) -> None:
    _, rows = run(tmp_path, [line("10")], f"rules: [{{name: tax, layer: fixed, match: 'true', {split}}}]\n")
    assert {row["x_Team"]: row["x_AllocatedCost"] for row in rows} == expected


def test_credits_and_refunds_are_allocated_like_what_they_undo(tmp_path: Path) -> None:
    rows = [line("10", tags={"team": "nlp"}), line("-4", tags={"team": "nlp"}, ChargeCategory="Credit")]
    outcome, found = run(tmp_path, rows, TEAM)
    assert sum(row["x_AllocatedCost"] for row in found) == outcome.allocated == 6


def test_a_rule_holds_for_the_charge_periods_it_says(tmp_path: Path) -> None:
    rules = """
rules:
  - {name: old, layer: direct, match: 'true', owner: {team: "'before'"}, effective: {until: 2026-03-02}}
  - {name: new, layer: direct, match: 'true', owner: {team: "'after'"}, effective: {from: 2026-03-02}}
"""
    _, rows = run(tmp_path, [line("1"), line("1", day="2026-03-02")], rules)
    assert [row["x_Team"] for row in rows] == ["before", "after"]


def test_a_disputed_line_is_allocated_and_shown_apart(tmp_path: Path) -> None:
    disputes = """
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {name: shared-node, match: tags.team == 'nlp', reason: shared, openedBy: nlp, opened: 2026-03-05}
"""
    outcome, rows = run(
        tmp_path, [line("3", tags={"team": "nlp"}), line("1", tags={"team": "x"})], TEAM, None, disputes
    )
    assert [row["x_Dispute"] for row in rows] == ["shared-node", None]
    assert [(row["dispute"], row["cost"]) for row in outcome.disputed] == [("shared-node", Decimal(3))]


def test_a_rule_that_resolves_a_dispute_ends_it_until_the_rule_ends(tmp_path: Path) -> None:
    disputes = """
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {name: shared-node, match: tags.team == 'nlp', reason: shared, openedBy: nlp, opened: 2026-03-05}
"""
    rules = """
rules:
  - name: settled
    layer: override
    match: tags.team == 'nlp'
    owner: {team: "'vision'"}
    dispute: shared-node
    effective: {until: 2026-03-02}
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
"""
    rows = [line("3", tags={"team": "nlp"}), line("4", day="2026-03-02", tags={"team": "nlp"})]
    outcome, found = run(tmp_path, rows, rules, None, disputes)
    assert [(row["x_Team"], row["x_Dispute"]) for row in found] == [("vision", None), ("nlp", "shared-node")]
    assert [row["cost"] for row in outcome.disputed] == [Decimal(4)]


def test_other_names_of_a_team_are_replaced(tmp_path: Path) -> None:
    _, rows = run(tmp_path, [line("1", tags={"team": "NLP"})], "aliases: {team: {NLP: nlp}}\n" + TEAM)
    assert rows[0]["x_Team"] == "nlp"


def test_tags_that_are_no_json_count_as_none(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, [line("1", tags="{team: nlp"), line("2", tags={"team": "nlp"})], TEAM)
    assert owners(rows) == [(None, "unallocated", Decimal(1)), ("nlp", "direct", Decimal(2))]
    assert outcome.reconciles


def test_a_macro_is_worked_out_for_each_combination_of_what_it_reads(tmp_path: Path) -> None:
    rules = """
rules:
  - {name: any, layer: direct, match: "tags.exists(key, key.startsWith('team'))", owner: {team: "'found'"}}
"""
    _, rows = run(tmp_path, [line("1", tags={"team-a": "x"}), line("1", tags={"b": "y"}), line("1")], rules)
    assert [row["x_Team"] for row in rows] == ["found", None, None]


costs = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@settings(deadline=None, max_examples=25)
@given(st.lists(costs, min_size=1, max_size=6), st.lists(st.integers(1, 10**6), min_size=1, max_size=7))
def test_the_shares_of_every_line_add_up_to_it_exactly(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal], used: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    use = [
        {"date": "2026-03-01", "pool": "a", "team": f"t{index}", "hours": str(hours), "weight": "1"}
        for index, hours in enumerate(used)
    ]
    rows = [line(f"{amount:f}", ServiceName="Kubernetes", x_Cluster="a") for amount in amounts]
    outcome, found = run(folder, rows, POOL, {"gpu-hours": use})
    whole: dict[str, Decimal] = {}
    for row in found:
        whole[row["x_LineId"]] = whole.get(row["x_LineId"], Decimal()) + row["x_AllocatedCost"]
        assert abs(row["x_AllocatedCost"] - row["BilledCost"] * row["x_Share"]) <= Decimal("1e-12")
    assert sorted(whole.values()) == sorted(amounts)
    assert outcome.reconciles
    assert outcome.billed == sum(amounts)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([line("1"), {**line("1"), "BillingCurrency": "EUR"}], "2 currencies, EUR and USD"),
        ([line("one")], "1 of 1 lines have a BilledCost that is no number"),
        ([{**line("1"), "ChargePeriodStart": "yesterday"}], "a ChargePeriodStart that is no time"),
        ([{"Cost": "1", "BillingCurrency": "USD", "ChargePeriodStart": "2026-03-01"}], "the bill lacks BilledCost"),
    ],
)
def test_a_bill_that_cannot_be_allocated_says_why(tmp_path: Path, rows: list[dict[str, str]], told: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, rows, TEAM)
    assert told in str(caught.value)
    assert caught.value.remedy
    assert not (tmp_path / "out.parquet").exists()


def test_a_bill_that_has_columns_of_an_earlier_allocation_gets_them_anew(tmp_path: Path) -> None:
    rules = "rules: [{name: again, layer: direct, match: has(columns.x_Team), owner: {team: columns.x_Team + '-2'}}]\n"
    outcome, rows = run(tmp_path, [line("1", x_Team="nlp", x_Rule="old", x_Environment="dev")], rules)
    assert [(row["x_Team"], row["x_Rule"], row["x_Environment"]) for row in rows] == [("nlp-2", "again", None)]
    assert outcome.reconciles


def test_a_line_id_that_stands_twice_does_not_reconcile(tmp_path: Path) -> None:
    rows = [{**line("1"), "Id": "a"}, {**line("2"), "Id": "a"}, {**line("3"), "Id": "b"}]
    outcome, _ = run(tmp_path, rows, TEAM, line_id="Id")
    assert outcome.duplicates == ("a",)
    assert not outcome.reconciles


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ([{"date": "2026-03-01", "pool": "a", "team": "x", "hours": "-1", "weight": "1"}], "nobody can use less"),
        ([{"date": "soon", "pool": "a", "team": "x", "hours": "1", "weight": "1"}], '"soon" is no day'),
        ([{"date": "2026-03-01", "pool": "a", "team": "x", "hours": "1"}], "no column weight"),
        ([{"date": "2026-03-01", "pool": "a", "hours": "1", "weight": "1"}], "names no owner"),
        ([{"day": "2026-03-01", "team": "x", "hours": "1", "weight": "1"}], "no column date"),
    ],
)
def test_a_driver_table_that_is_wrong_says_where(tmp_path: Path, use: list[dict[str, str]], told: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, [line("1", ServiceName="Kubernetes", x_Cluster="a")], POOL, {"gpu-hours": use})
    assert told in str(caught.value)


def test_the_command_writes_a_folder_and_explains_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line("10", tags={"team": "nlp"}), line("5")])
    (tmp_path / "bill.csv.gz").write_bytes(gzip.compress(bill.read_bytes()))
    rules = tmp_path / "rules.yaml"
    rules.write_text(HEAD + TEAM, encoding="utf-8")
    words = ["allocate", str(tmp_path / "bill.csv.gz"), "--rules", str(rules), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert "$15.00 of 2 lines: reconciles with the bill" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["billed"], summary["allocated"]) == ("15.000000000000", "10.000000000000")
    assert main(["allocate", "explain", "bill.csv.gz:1", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "rule      team, layer direct" in told
    assert "100.0000%        $10.00  team nlp" in told


@pytest.mark.parametrize("output", ["lines.csv", "lines.parquet"])
def test_a_line_of_a_file_is_explained_by_the_cost_that_the_rules_allocate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    bill = write_csv(tmp_path / "bill.csv", [{**line("10", tags={"team": "nlp"}), "EffectiveCost": "0.30"}])
    rules = tmp_path / "rules.yaml"
    rules.write_text(HEAD + "cost: amortized\n" + TEAM, encoding="utf-8")
    out = str(tmp_path / output)
    assert main(["allocate", str(bill), "--rules", str(rules), "--output", out]) == 0
    capsys.readouterr()
    assert main(["allocate", "explain", "bill.csv:1", "--output", out]) == 0
    told = capsys.readouterr().out
    assert "cost      0.300000000000 USD (EffectiveCost)" in told
    assert "100.0000%         $0.30  team nlp" in told
    assert main(["allocate", "explain", "bill.csv:1", "--output", out, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cost"], found["cost_column"]) == ("0.300000000000", "EffectiveCost")


def test_a_part_that_nobody_pays_is_explained_beside_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line("10", ServiceName="Kubernetes", x_Cluster="a")])
    uses = [
        {"date": "2026-03-01", "pool": "a", "team": "", "hours": "1", "weight": "1", "capacity": ""},
        {"date": "2026-03-01", "pool": "a", "team": "nlp", "hours": "1", "weight": "1", "capacity": ""},
        {"date": "2026-03-01", "pool": "a", "team": "", "hours": "", "weight": "", "capacity": "4"},
    ]
    table = write_csv(tmp_path / "gpu-hours.csv", uses)
    rules = tmp_path / "rules.yaml"
    rules.write_text(HEAD + POOL + "    idle: to_pool\n", encoding="utf-8")
    words = ["allocate", str(bill), "--rules", str(rules), "--drivers", str(table), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["allocate", "explain", "bill.csv:1", "--output", str(tmp_path / "out")]) == 0
    told = [row.split("  ") for row in capsys.readouterr().out.splitlines()]
    assert [row[-1].rpartition(", ")[2] for row in told if row[0] == "rule"] == ["layer proportional"]
    assert [row[-1].strip() for row in told if row[0] in ("why", "pays")] == [
        "the driver's table names no owner",
        "the pool (idle)",
        "nobody",
        "team nlp",
    ]


def test_lines_that_share_an_id_are_explained_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**line(cost, tags={"team": team}), "Line": "a"} for cost, team in (("10", "nlp"), ("4", "cv"))]
    rules = tmp_path / "rules.yaml"
    rules.write_text(HEAD + TEAM, encoding="utf-8")
    words = [str(write_csv(tmp_path / "bill.csv", rows)), "--rules", str(rules), "--line-id", "Line"]
    assert main(["allocate", *words, "--output", str(tmp_path / "out")]) == 1
    assert main(["allocate", "explain", "a", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "2 lines have this id; cost and shares are of all of them" in told
    assert "cost      14.000000000000 USD" in told


@pytest.mark.parametrize("dialect", ["duckdb", "pyspark", "bigquery", "snowflake", "trino"])
def test_the_same_rules_are_sql_of_other_engines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dialect: str
) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line("10", tags={"team": "nlp"})])
    rules = tmp_path / "rules.yaml"
    rules.write_text(HEAD + TEAM, encoding="utf-8")
    assert main(["allocate", str(bill), "--rules", str(rules), "--explain", dialect]) == 0
    sql = capsys.readouterr().out
    assert "x_AllocatedCost" in sql
    assert "spendgate_shares" in sql


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Could not write file \\"/out/.a.part\\": No space left on device', "/out: the disk is full"),
        ('Cannot open file "/out/.a.part": Read-only file system', "/out: nothing can be written here"),
        ("Out of Memory Error: failed to pin block", "the allocation needs more than the 1400MB of memory"),
    ],
)
def test_a_full_disk_and_too_little_memory_are_told_as_such(said: str, told: str) -> None:
    import duckdb

    assert str(DuckDB(None).told(duckdb.IOException(said), Path("bill.csv"))).startswith(told)


def test_what_duckdb_makes_of_ctrl_c_ends_the_command_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, table: Any, partial: Path) -> None:
        partial.write_text("half")
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr(DuckDB, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [line("1", tags={"team": "nlp"})], TEAM)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bill.csv", "rules.yaml"]


USE = """
drivers: {use: {unit: hours, value: row.h}}
rules: [{name: p, layer: proportional, match: 'true', pool: tags.pool, driver: use}]
"""


def used(team: str, hours: str, **columns: str) -> dict[str, str]:
    return {"date": "2026-03-01", "pool": "a", "team": team, "h": hours, **columns}


POOLED = [line("10", tags={"pool": "a"})]


def test_fractions_far_down_a_driver_table_count_as_written(tmp_path: Path) -> None:
    use = [used("x", "1")] * 21_000 + [used("y", "0.4")] * 52_500
    _, rows = run(tmp_path, POOLED, USE, {"use": use})
    assert owners(rows) == [("x", "proportional", 5), ("y", "proportional", 5)]


def test_use_that_names_no_owner_is_not_paid_by_the_others(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, POOLED, USE, {"use": [used("x", "1"), used("", "3")]})
    assert owners(rows) == [(None, "unallocated", Decimal("7.5")), ("x", "proportional", Decimal("2.5"))]
    assert rows[0]["x_Reason"] == "the driver's table names no owner"
    assert outcome.reconciles


def test_a_capacity_stands_in_a_row_without_an_owner(tmp_path: Path) -> None:
    use = [used("x", "1", capacity="8"), used("y", "3", capacity="8")]  # 8 in all, or 16?
    with pytest.raises(InputError, match="row 1 has an owner and a capacity"):
        run(tmp_path, POOLED, USE, {"use": use})


def test_spaces_and_other_names_in_a_driver_table_make_no_other_team(tmp_path: Path) -> None:
    use = [used(" x ", "1"), used("X", "1"), used("x", "1"), used("y", "1")]
    _, rows = run(tmp_path, POOLED, "aliases: {team: {X: x}}" + USE, {"use": use})
    assert owners(rows) == [("x", "proportional", Decimal("7.5")), ("y", "proportional", Decimal("2.5"))]


def test_a_time_of_a_driver_table_is_of_its_day_in_utc(tmp_path: Path) -> None:
    use = [used("x", "1") | {"date": "2026-02-28T23:30:00-05:00"}, used("y", "1") | {"date": "2026-03-02 00:30:00+01"}]
    _, rows = run(tmp_path, POOLED, USE, {"use": use})
    assert [row["x_Team"] for row in rows] == ["x", "y"]


def test_a_line_that_names_no_pool_says_so(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, [line("1")], USE, {"use": [used("x", "1")]})
    assert (rows[0]["x_Layer"], rows[0]["x_Reason"]) == ("unallocated", "the line names no pool")
    assert outcome.lost == ()


def test_a_rule_that_resolves_no_dispute_there_is_told(tmp_path: Path) -> None:
    disputes = """
apiVersion: spendgate.dev/v1
kind: Disputes
disputes: [{name: shared-node, match: 'true', reason: why, openedBy: nlp, opened: 2026-03-02}]
"""
    rules = """
rules:
  - {name: r, layer: override, match: 'true', owner: {team: "'x'"}, dispute: sharednode, effective: {until: 2027-01-01}}
"""
    outcome, _ = run(tmp_path, [line("1")], rules, None, disputes)
    assert outcome.noticed == (
        'r resolves the dispute "sharednode", which is not among them: did you mean "shared-node"?',
    )
    outcome, _ = run(tmp_path, [line("1")], rules.replace("sharednode", "shared-node"), None, disputes)
    assert outcome.noticed == ()


def test_it_is_told_where_another_cost_than_the_billed_one_is_allocated(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, [{**line("1"), "EffectiveCost": "2"}], "cost: amortized\n" + TEAM)
    assert outcome.noticed == ("Allocated is EffectiveCost, as the rules say (cost: amortized), not what was billed.",)


def test_a_line_stays_in_the_disputes_that_its_rule_does_not_resolve(tmp_path: Path) -> None:
    disputes = """
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {name: one, match: 'true', reason: r, openedBy: a, opened: 2026-03-05}
  - {name: two, match: tags.pool == 'a', reason: r, openedBy: b, opened: 2026-03-05}
"""
    rules = """
rules:
  - {name: r, layer: override, match: 'true', owner: {team: "'x'"}, dispute: one, effective: {until: 2027-01-01}}
"""
    _, rows = run(tmp_path, [*POOLED, line("1")], rules, None, disputes)
    assert [row["x_Dispute"] for row in rows] == ["two", None]


def test_other_names_where_no_rule_reads_the_field_change_nothing(tmp_path: Path) -> None:
    rules = "aliases: {team: {X: x}, model: {m: n}}\nrules: [{name: a, layer: direct, match: 'true', owner: {team: \"'X'\"}}]\n"
    _, rows = run(tmp_path, [line("1")], rules)
    assert (rows[0]["x_Team"], rows[0]["x_Model"]) == ("x", None)


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ("[1, 2].exists(number, number > 1)", True),  # reads nothing
        ("columns.exists(key, key == 'x_A')", True),
        ("'x_A' in columns && tags.exists(key, key == 'team')", True),
        ("size(columns) == 1 && tags.all(key, key in columns)", False),
        ("tags.all(key, tags[key + 'x'] == 'b')", False),  # fails on every line
        ("tags.team.matches(tags.pattern)", False),  # of which one is no pattern
        ("int(tags.most) + 1 > 0", False),
        ("int(double(tags.team)) > 0", False),
        ("double(tags.nan) > 1.0 || double(tags.nan) == double(tags.nan)", False),
        ("tags.team in ['nlp', tags.gone]", False),
        ("!(tags.gone in [])", False),
    ],
)
def test_what_cel_can_do_beyond_columns_and_where_it_fails(tmp_path: Path, match: str, matches: bool) -> None:
    tags = {"team": "nlp", "pattern": "[", "most": "9223372036854775807", "nan": "nan"}
    rules = f"rules: [{{name: a, layer: direct, match: {json.dumps(match)}, owner: {{team: tags.team}}}}]\n"
    _, rows = run(tmp_path, [line("1", tags=tags, x_A="1")], rules)
    assert rows[0]["x_Team"] == ("nlp" if matches else None)


def test_a_rule_that_others_forestall_is_not_told_to_match_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spendgate.allocate import text

    rules = TEAM + "  - {name: late, layer: direct, match: \"tags.team == 'nlp'\", owner: {team: \"'rest'\"}}\n"
    rules += "  - {name: never, layer: direct, match: 'false', owner: {team: \"'rest'\"}}\n"
    outcome, _ = run(tmp_path, [line("1", tags={"team": "nlp"})], rules)
    assert outcome.never == ("late", "never")
    told = text.notes(outcome)
    assert "Rules before them decide all lines that match late." in told
    assert "No line matched: never." in told
    monkeypatch.setattr(text, "SAMPLE", 0)
    told = text.notes(outcome)
    assert "1 line of about 0 that were looked at matches team and late; team is asked first and decides." in told
    assert "No line was left for: never." in told
