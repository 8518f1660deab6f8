"""The estimate of a check is allocated by the rules of the bill: the same decision, the same amounts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from spendgate.allocate.load import load_rules
from spendgate.allocate.model import OWNER, Layer, Window, in_order
from spendgate.allocate.projected.decide import Decider, Line
from spendgate.allocate.projected.model import Allocation
from spendgate.allocate.projected.project import load_projection, project
from spendgate.allocate.projected.tables import latest_uses
from spendgate.allocate.shares import fixed, proportional
from spendgate.cli import main
from spendgate.errors import InputError
from spendgate.estimate import estimate
from spendgate.estimate.model import Estimate
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.schemas import schema
from tests.allocate.bills import HEAD, line, write_csv
from tests.conftest import ROOT, git
from tests.estimate.building import workload

DAY = date(2026, 3, 5)

RULES = """
aliases: {team: {NLP: nlp}}
drivers:
  gpu-hours: {unit: GPU-hours, value: "row.hours * (row.weight > 1.0 ? row.weight : 1)", file: gpu-hours.csv}
rules:
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team, product: tags.product}}
  - {name: macro, layer: direct, match: "tags.exists(key, key.startsWith('squad'))", owner: {team: "'squad'"}}
  - {name: nobody, layer: direct, match: "tags.stage == 'trial'", owner: {team: tags.owner}}
  - {name: old, layer: direct, match: 'true', owner: {team: "'old'"}, effective: {until: 2026-03-01}}
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Amazon Elastic Compute Cloud" && line.ListCost > 100.0
    pool: tags.cluster
    driver: gpu-hours
    idle: to_pool
    minimumShare: 0.1
  - {name: tax, layer: fixed, match: "line.RegionId == 'us-east-1'", split: heads, shares: [{team: a, heads: 3}, {team: b, heads: 4}]}
"""

USE = [
    {"date": "2026-03-01", "pool": "blue", "team": "old", "hours": "5", "weight": "1", "capacity": ""},
    {"date": "2026-03-02", "pool": "blue", "team": "nlp", "hours": "10", "weight": "2.5", "capacity": ""},
    {"date": "2026-03-02", "pool": "blue", "team": "vision", "hours": "7", "weight": "1", "capacity": ""},
    {"date": "2026-03-02", "pool": "blue", "team": "tiny", "hours": "0.1", "weight": "0.5", "capacity": ""},
    {"date": "2026-03-02", "pool": "blue", "team": "", "hours": "", "weight": "", "capacity": "50"},
]

MACHINE = {"kind": "compute", "provider": "aws", "region": "us-east-1", "count": [1, 2, 7], "taggable": True}


def machine(name: str, instance: str = "g5.xlarge", **values: Any) -> Workload:
    return workload(name, "aws:ec2/instance:Instance", **{**MACHINE, "instance_type": instance, **values})


def projected(folder: Path, workloads: list[Workload], rules: str = RULES) -> tuple[Estimate, Allocation]:
    (folder / "rules.yaml").write_text(HEAD + rules, encoding="utf-8")
    write_csv(folder / "gpu-hours.csv", USE)
    found = estimate(workloads, Catalogue.builtin())
    ready = load_projection([folder / "rules.yaml"], {})
    return found, project(ready, found, workloads, day=DAY, name="ml", stack="dev", environment="development")


def paid(allocation: Allocation) -> dict[tuple[str | None, bool], Decimal]:
    return {(one.owner[0], one.idle): one.cost.expected for one in allocation.owners}


def test_a_cost_line_is_its_teams_by_the_tags_of_the_resource(tmp_path: Path) -> None:
    found, allocation = projected(tmp_path, [machine("train", tags={"team": "NLP", "product": "chat"})])
    (owner,) = allocation.owners
    assert owner.owner[:2] == ("nlp", "chat")
    assert owner.cost == found.total.monthly
    assert allocation.total == found.total.monthly


def test_a_pool_is_split_as_in_the_latest_window_of_its_table_and_says_so(tmp_path: Path) -> None:
    found, allocation = projected(tmp_path, [machine("node", tags={"cluster": "blue"})])
    assert {team for team, _ in paid(allocation)} == {"nlp", "vision", "tiny", None}  # None: idle, the pool's own
    assert allocation.total == found.total.monthly
    assert allocation.assumptions == (
        "cluster: pool blue is split as it was used on 2026-03-02, the latest in the table of gpu-hours",
    )


def test_what_no_rule_catches_is_unallocated_with_the_tag_that_would_tell(tmp_path: Path) -> None:
    other = {"region": "eu-west-1", "provider": "aws"}
    _, allocation = projected(
        tmp_path,
        [
            machine("lost", "t3.micro", **other, tags={"Team": "x"}),
            machine("later", "t3.micro", **other, unknowns={"tags.team": "tags.team: known only after apply"}),
            machine("trial", "t3.micro", **other, tags={"stage": "trial"}),
            machine("pool", "g5.xlarge", tags={"cluster": "green"}, region="eu-west-1"),
        ],
    )
    told = {item.resources: (item.reason, item.hint) for item in allocation.unowned}
    assert told == {
        ("lost",): ("no rule matches", '"Team" is there; team reads "team"'),
        ("later",): ("no rule matches", "team (known only after apply)"),
        ("trial",): ("the rule names no owner", "team (there: stage)"),
        ("pool",): ("the driver has no use of this pool in this window", "team, stage (there: cluster)"),
    }
    assert allocation.owners == ()


def test_a_tag_that_is_known_later_and_may_let_another_rule_decide_is_told(tmp_path: Path) -> None:
    _, allocation = projected(
        tmp_path,
        [
            machine("later", "t3.micro", unknowns={"tags.team": "tags.team: known only after apply"}),
            machine("known", "t3.micro", tags={"team": "nlp"}, unknowns={"tags.color": "known only after apply"}),
        ],
    )
    assert paid(allocation).keys() == {("a", False), ("b", False), ("nlp", False)}
    assert allocation.assumptions == (
        "tax decides later as if there were no tag team, which is known only after apply",
    )


def test_a_line_without_a_price_is_told_beside_its_owner_and_costs_nothing(tmp_path: Path) -> None:
    found, allocation = projected(tmp_path, [machine("odd", "zz9.huge", tags={"team": "nlp"})])
    (owner,) = allocation.owners
    assert (owner.lines, owner.unpriced, owner.cost.high) == (0, 1, 0)
    assert len(found.unpriced) == 1


tags = st.dictionaries(
    st.sampled_from(("team", "product", "cluster", "squad-a", "stage", "owner")),
    st.sampled_from(("nlp", "NLP", "blue", "green", "trial", "")),
    max_size=3,
)
machines = st.tuples(
    tags,
    st.sampled_from(("g5.xlarge", "t3.micro", "p4d.24xlarge")),
    st.sampled_from(("us-east-1", "eu-west-1")),
    st.sampled_from(("on_demand", "spot")),
)


@settings(deadline=None, max_examples=12)
@given(st.lists(machines, min_size=1, max_size=8))
def test_every_line_is_decided_as_by_the_columns_of_an_engine(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[dict[str, str], str, str, str]]
) -> None:
    """The lines of an estimate, written as a bill of the same day, go through DuckDB by the same rules."""
    pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")
    from spendgate.allocate.projected.cost_lines import as_line
    from spendgate.allocate.run import Request, allocate, engine

    folder = tmp_path_factory.mktemp("both")
    workloads = [
        machine(f"m{index}", instance, tags=own, region=region, purchase=purchase)
        for index, (own, instance, region, purchase) in enumerate(drawn)
    ]
    found, _ = projected(folder, workloads)
    priced = [line for line in found.lines if line.cost is not None]
    by_address = {one.resource.address: one for one in workloads}
    day = date(2026, 3, 2)  # the day of the latest use: a bill of it meets the window that the estimate takes
    ready = load_projection([folder / "rules.yaml"], {})
    same = project(
        ready, Estimate(tuple(priced)), workloads, day=day, name="ml", stack="dev", environment="development"
    )
    rows = []
    for index, cost_line in enumerate(priced):
        asked = as_line(cost_line, by_address[cost_line.resource], day, "ml", "dev", "development")
        exact = f"{cost_line.cost.monthly.expected:.12f}" if cost_line.cost else "0"
        columns = {name: str(value) for name, value in {**asked.columns, **asked.others}.items()}
        costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), exact)
        rows.append({**columns, **costs, "Tags": json.dumps(dict(asked.tags)), "Id": str(index)})
    if not rows:
        return
    request = Request(
        (write_csv(folder / "bill.csv", rows),), load_rules(folder / "rules.yaml"), folder / "rules.yaml", line_id="Id"
    )
    with engine() as connection:
        outcome = allocate(request, folder / "out.parquet", connection)
        written = connection.read_parquet(str(folder / "out.parquet")).to_pyarrow().to_pylist()
    by_engine = {
        (int(row["x_LineId"]), tuple(row[column] for column in OWNER.values()), row["x_Idle"]): (
            row["x_Rule"],
            row["x_Layer"],
            row["x_Driver"],
            row["x_Pool"],
            row["x_Share"],
            row["x_AllocatedCost"],
            row["x_Reason"],
        )
        for row in written
    }
    by_cel = {
        (part.line, part.owner, part.idle): (
            part.rule,
            part.layer,
            part.driver,
            part.pool,
            part.share,
            part.cost.expected,
            part.reason,
        )
        for part in same.parts
    }
    assert by_cel == by_engine
    assert outcome.reconciles
    assert same.total.expected == outcome.billed


costs = st.decimals(min_value=0, max_value=10**7, places=18)


@settings(deadline=None, max_examples=60)
@given(costs, st.lists(st.integers(1, 10**6), min_size=1, max_size=9))
def test_the_parts_of_a_line_add_up_to_it_whatever_digits_it_has(
    tmp_path_factory: pytest.TempPathFactory, cost: Decimal, weights: list[int]
) -> None:
    shares = ", ".join(f"{{team: t{index}, heads: {weight}}}" for index, weight in enumerate(weights))
    file = tmp_path_factory.mktemp("exact") / "rules.yaml"
    file.write_text(
        HEAD + f"rules: [{{name: tax, layer: fixed, match: 'true', split: heads, shares: [{shares}]}}]\n",
        encoding="utf-8",
    )
    rules = load_rules(file)
    found = Decider(rules, fixed(rules.rules[0], 1)).pieces(Line({}, {}, {}, DAY))
    assert sum((piece.of(cost) for piece in found), Decimal(0)) == cost
    assert all(abs(piece.of(cost) - cost * piece.share) <= Decimal("1e-12") for piece in found)


@pytest.mark.parametrize(
    "value",
    ["row.hours * row.weight", "row.hours * 2", "-row.hours + 3.5 * row.weight", "row['hours']",
     "has(row.weight) ? row.weight : 1.0", "row.kind == 'big' ? row.hours * 8 : row.hours",
     "row.hours >= 3 && row.kind != 'x' || row.weight < 0.2 ? 1 : 2", "double(row.hours)"],
)  # fmt: skip
def test_a_driver_table_says_the_same_with_and_without_the_engine(tmp_path: Path, value: str) -> None:
    pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")
    from spendgate.allocate.drivers import read_uses
    from spendgate.allocate.run import engine

    table = write_csv(
        tmp_path / "use.csv",
        [
            {"date": "2026-03-01", "pool": "a", "team": "x", "hours": "5", "weight": "0.1", "kind": "big"},
            {"date": "2026-03-01", "pool": "a", "team": "y", "hours": "3", "weight": "", "kind": "x"},
            {"date": "2026-03-02", "pool": "a", "team": "y", "hours": "2", "weight": "0.7", "kind": "x"},
            {"date": "2026-02-28", "pool": "b", "team": "z", "hours": "1", "weight": "3", "kind": ""},
        ],
    )
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        HEAD + f'drivers: {{use: {{unit: h, value: "{value}"}}}}\n'
        "rules: [{name: p, layer: proportional, match: 'true', pool: tags.pool, driver: use}]\n",
        encoding="utf-8",
    )
    driver = load_rules(rules).drivers["use"]
    try:
        with engine() as connection:
            of_all = read_uses(connection, driver, table, Window.DAY)
    except InputError as error:  # a use below zero, said by both
        with pytest.raises(InputError, match=str(error).split(":")[-1]):
            latest_uses(driver, table, Window.DAY)
        return
    latest = {pool: max(start for name, start in of_all if name == pool) for pool, _ in of_all}
    expected = {key: use for key, use in of_all.items() if latest[key[0]] == key[1]}
    assert latest_uses(driver, table, Window.DAY) == expected


def test_a_pool_of_months_takes_its_own_latest_month(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        HEAD + "drivers: {use: {unit: h, value: row.h, file: use.csv}}\n"
        "rules: [{name: p, layer: proportional, match: 'true', pool: \"'a'\", driver: use, window: month}]\n",
        encoding="utf-8",
    )
    write_csv(
        tmp_path / "use.csv",
        [
            {"date": "2026-01", "pool": "a", "team": "x", "h": "9"},
            {"date": "2026-02-03", "pool": "a", "team": "x", "h": "1"},
            {"date": "2026-02-27", "pool": "a", "team": "y", "h": "3"},
            {"date": "2026-03", "pool": "other", "team": "z", "h": "1"},
        ],
    )
    loaded = load_rules(rules)
    (rule,) = in_order(loaded)
    assert rule.layer is Layer.PROPORTIONAL
    uses = latest_uses(loaded.drivers["use"], tmp_path / "use.csv", Window.MONTH)
    found = proportional(rule, 1, uses)
    of_a = {share.owner[0]: Fraction(share.units, 10**10) for share in found if share.pool == "a"}
    assert of_a == {"x": Fraction(1, 4), "y": Fraction(3, 4)}


PROGRAM = """
import pulumi_aws as aws

aws.ec2.Instance("train", ami="ami-1", instance_type="g5.xlarge", tags={"team": "nlp", "product": "chat"})
aws.ec2.Instance("other", ami="ami-1", instance_type="t3.micro", tags={"Team": "vision"})
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "infra"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: infra\nruntime: python\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config: {aws:region: us-east-1}\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "rules.yaml").write_text(
        HEAD + "rules:\n  - {name: team, layer: direct, match: has(tags.team), "
        "owner: {team: tags.team, product: tags.product}}\n",
        encoding="utf-8",
    )
    (folder / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nallocation: rules.yaml\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_check_says_who_will_pay_and_how_that_changes_in_every_format(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", "infra", "--stack", "dev", "--format", "json", "--output", "before.json"])
    before = json.loads(Path("before.json").read_text(encoding="utf-8"), parse_float=Decimal)
    Draft202012Validator(schema("check")).validate(json.loads(Path("before.json").read_text(encoding="utf-8")))
    (owner,) = before["allocation"]["owners"]
    assert owner["owner"] == {"team": "nlp", "product": "chat"}
    assert owner["change"] is None
    assert [part["resource"].rsplit("::", 1)[-1] for part in before["inputs"][0]["allocation"]["parts"]] == [
        line["resource"].rsplit("::", 1)[-1] for line in before["estimate"]["lines"] if line["cost"]
    ]
    resources = {item["name"]: (item["kind"], item["tags"]) for item in before["resources"]}
    assert resources["train"] == ("compute", {"team": "nlp", "product": "chat"})

    text = PROGRAM.replace("g5.xlarge", "g5.2xlarge").replace('"Team"', '"team"')
    (program / "__main__.py").write_text(text, encoding="utf-8")
    capsys.readouterr()
    main(["check", "infra", "--stack", "dev", "--baseline", "before.json", "--format", "json"])
    after = json.loads(capsys.readouterr().out, parse_float=Decimal)
    changes = {row["owner"]["team"]: row["change"] for row in after["allocation"]["owners"]}
    moved = before["allocation"]["unallocated"]["monthly"]["expected"]
    assert changes["vision"] == moved
    assert after["allocation"]["unallocated"]["monthly"]["expected"] == 0
    assert after["allocation"]["monthly"] == after["estimate"]["totals"]["monthly"]

    main(["check", "infra", "--stack", "dev", "--baseline", "before.json"])
    told = " ".join(capsys.readouterr().out.split())
    assert "who pays, a month" in told
    assert "unallocated $0.00 $0.00 -$" in told
    main(["check", "infra", "--stack", "dev", "--baseline", "before.json", "--format", "markdown"])
    page = capsys.readouterr().out
    assert "| team | product | per month | at least – at most | change |" in page
    assert "| vision |  | $" in page


def test_rules_that_come_with_spendgate_are_named(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\n"
        "allocation: {rules: [rules.yaml, platform-per-head], drivers: {heads: heads.csv}}\n",
        encoding="utf-8",
    )
    write_csv(program / "heads.csv", [{"date": "2026-03", "pool": "platform", "team": "nlp", "heads": "3"}])
    assert main(["check", "infra", "--stack", "dev", "--format", "json", "--allocation", "by-tags"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["allocation"]["rules"] == "by-tags"
    main(["check", "infra", "--stack", "dev", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["allocation"]["rules"] == "test+platform-per-head"


def test_a_baseline_that_does_not_say_who_paid_is_named(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program / "spendgate.yaml").unlink()
    main(["check", "infra", "--stack", "dev", "--format", "json", "--output", "before.json"])
    capsys.readouterr()
    main(["check", "infra", "--stack", "dev", "--baseline", "before.json", "--allocation", "infra/rules.yaml"])
    assert "the baseline does not say who paid" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--drivers", "x=use.csv"], "--drivers is for --allocation"),
        (["--allocation", "rules.yaml", "--trust-from", "main"], "the file could be the change's own"),
        (["--allocation", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_wrong_options_are_told(program: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["check", "infra", "--stack", "dev", *words]) == 2
    assert told in capsys.readouterr().err


def test_rules_that_spendgate_yaml_names_and_that_are_not_there_are_told_with_the_line(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nallocation: {rules: gone.yaml, drivers: {a: b.csv}}\n",
        encoding="utf-8",
    )
    assert main(["check", "infra", "--stack", "dev"]) == 2
    assert 'spendgate.yaml:3:13: no such file: "gone.yaml"' in capsys.readouterr().err


def test_services_are_named_as_a_bill_names_them() -> None:
    from spendgate.allocate.projected.cost_lines import service_of

    assert service_of("aws:ec2/instance:Instance", "machine") == ("Amazon Elastic Compute Cloud", "Compute")
    assert service_of("aws:ec2/instance:Instance", "storage") == ("Amazon Elastic Compute Cloud", "Storage")
    assert service_of("gcp:storage/bucket:Bucket", "storage") == ("Cloud Storage", "Storage")
    assert service_of("acme:thing:Thing", "machine") == (None, None)


def test_what_a_cluster_runs_is_billed_as_machines_of_its_provider(tmp_path: Path) -> None:
    pod = workload(
        "serve", "kubernetes:apps/v1:Deployment", kind="workload", provider="kubernetes", accelerator=["L4", 24, 1],
        instance_type="g6.xlarge", region="us-east-1", count=[1, 1, 1],
    )  # fmt: skip
    rules = """
rules:
  - name: machines
    layer: direct
    match: line.ServiceName == 'Amazon Elastic Compute Cloud' && line.ServiceCategory == 'Compute'
    owner: {team: "'platform'"}
"""
    found, allocation = projected(tmp_path, [pod], rules)
    assert found.total.monthly.expected > 0
    assert paid(allocation) == {("platform", False): found.total.monthly.expected}


def test_stacks_of_one_run_are_added_up(tmp_path: Path) -> None:
    from spendgate.allocate.projected.model import Before, against, together

    _, one = projected(tmp_path, [machine("a", tags={"team": "nlp"}), machine("b", "t3.micro", region="eu-west-1")])
    _, other = projected(tmp_path, [machine("c", tags={"team": "nlp"}), machine("d", tags={"team": "vision"})])
    both = together([one, other])
    assert both is not None
    assert both.total == one.total + other.total
    assert paid(both)["nlp", False] == paid(one)["nlp", False] + paid(other)["nlp", False]
    assert together([one]) is one
    before = Before({(owner.owner, owner.idle): owner.cost for owner in one.owners}, one.unallocated)
    compared = together([against(one, before), against(other, before)])
    assert compared is not None
    assert [owner.change for owner in compared.owners if owner.owner[0] == "nlp"] == [0]
    half = together([against(one, before), other])
    assert half is not None
    assert {owner.change for owner in half.owners} == {None}


def test_the_table_of_services_has_four_columns_and_no_row_twice() -> None:
    text = (Path(__file__).parents[2] / "spendgate/allocate/projected/services.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(row for row in text.splitlines() if not row.startswith("#")))
    assert all(len(row) == 4 and all(row) for row in rows)
    assert len({tuple(row[:2]) for row in rows}) == len(rows)
    assert line("1")["BillingCurrency"] == "USD"


def test_rules_and_tables_are_those_of_the_revision_that_is_trusted(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program / "rules.yaml").write_text(
        HEAD + "drivers: {use: {unit: h, value: row.h, file: use.csv}}\n"
        "rules: [{name: p, layer: proportional, match: 'true', pool: \"'a'\", driver: use}]\n",
        encoding="utf-8",
    )
    write_csv(program / "use.csv", [{"date": "2026-03-01", "pool": "a", "team": "main", "h": "1"}])
    git(program, "init", "-b", "main")
    git(program, "add", ".")
    git(program, "commit", "-m", "start")
    write_csv(program / "use.csv", [{"date": "2026-03-01", "pool": "a", "team": "other", "h": "1"}])
    main(["check", "infra", "--stack", "dev", "--trust-from", "main", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["owner"] for row in found["allocation"]["owners"]] == [{"team": "main"}]
    (program / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nallocation: gone.yaml\n", encoding="utf-8"
    )
    git(program, "commit", "-am", "no rules")
    assert main(["check", "infra", "--stack", "dev", "--trust-from", "main"]) == 2
    assert 'main:spendgate.yaml:3:13: no such file: "gone.yaml"' in capsys.readouterr().err


@pytest.mark.parametrize("where", ["use.csv", "tables/../use.csv", "link.csv"])
def test_a_change_of_a_table_by_which_cost_is_split_is_told_where_a_revision_is_trusted(
    program: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    def checked() -> dict[str, Any]:
        main(["check", "infra", "--stack", "dev", "--trust-from", "main", "--format", "json"])
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    (program / "tables").mkdir()
    (program / "tables" / "README").write_text("tables")
    (program / "rules.yaml").write_text(
        HEAD + f"drivers: {{use: {{unit: h, value: row.h, file: {where}}}}}\n"
        "rules: [{name: p, layer: proportional, match: 'true', pool: \"'a'\", driver: use}]\n",
        encoding="utf-8",
    )
    use = [{"date": "2026-03-01", "pool": "a", "team": "main", "h": "1"}]
    write_csv(program / "use.csv", use)
    (program / "link.csv").symlink_to("use.csv")
    git(program, "init", "-b", "main")
    git(program, "add", ".")
    git(program, "commit", "-m", "start")
    found = checked()
    assert [row["owner"] for row in found["allocation"]["owners"]] == [{"team": "main"}]
    assert "trust-files-changed" not in [one["guardrail"] for one in found["findings"]]
    if where == "link.csv":
        (program / "link.csv").unlink()
        (program / "link.csv").symlink_to("other.csv")
        write_csv(program / "other.csv", [{**use[0], "team": "other"}])
    else:
        write_csv(program / "use.csv", [{**use[0], "team": "other"}])
    found = checked()
    assert [row["owner"] for row in found["allocation"]["owners"]] == [{"team": "main"}]
    (told,) = [one for one in found["findings"] if one["guardrail"] == "trust-files-changed"]
    assert Path(where).name in told["message"]


def test_what_a_link_to_a_table_leads_to_counts_too(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program / "rules.yaml").write_text(
        HEAD + "drivers: {use: {unit: h, value: row.h, file: link.csv}}\n"
        "rules: [{name: p, layer: proportional, match: 'true', pool: \"'a'\", driver: use}]\n",
        encoding="utf-8",
    )
    use = [{"date": "2026-03-01", "pool": "a", "team": "main", "h": "1"}]
    write_csv(program / "use.csv", use)
    (program / "link.csv").symlink_to("use.csv")
    git(program, "init", "-b", "main")
    git(program, "add", ".")
    git(program, "commit", "-m", "start")
    write_csv(program / "use.csv", [{**use[0], "team": "other"}])
    main(["check", "infra", "--stack", "dev", "--trust-from", "main", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["owner"] for row in found["allocation"]["owners"]] == [{"team": "main"}]
    (told,) = [one for one in found["findings"] if one["guardrail"] == "trust-files-changed"]
    assert "use.csv" in told["message"]


def test_owners_of_many_fields_are_whole_words_on_a_narrow_terminal(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for columns in ("80", "140"):
        monkeypatch.setenv("COLUMNS", columns)
        main(["check", str(ROOT / "examples" / "fine-tuning-run"), "--allocation", "by-tags"])
        table = capsys.readouterr().out.partition("who pays, a month")[2]
        tables.append(" ".join(table.partition("of the expected")[0].split()))
    narrow, wide = tables
    assert "team / cost center / project / environment / model / run type per month" in narrow
    assert "nlp / cc-4711 / fine-tuning / dev / ranker / $10.54 $10.54 – $19.32 fine-tuning" in narrow
    assert "team cost center project environment model run type per month" in wide
    assert "nlp cc-4711 fine-tuning dev ranker fine-tuning $10.54" in wide


def test_no_engine_is_needed_for_csv(program: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('ibis', 'duckdb', 'pyarrow'): sys.modules[name] = None\n"
        "from spendgate.cli import main\n"
        "sys.exit(main(['check', 'infra', '--stack', 'dev', '--allocation', 'platform-per-head', "
        "'--drivers', 'infra/heads.csv']))"
    )
    write_csv(program / "heads.csv", [{"date": "2026-03", "pool": "platform", "team": "nlp", "heads": "3"}])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=program.parent, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "who pays, a month" in done.stdout


TABLE = "drivers: {use: {unit: h, value: row.h, file: use.csv}}\nrules: [{name: p, layer: proportional, match: 'true', pool: tags.pool, driver: use}]\n"


def latest(folder: Path, text: str) -> dict[str | None, Fraction]:
    """By team, what the estimate takes of the table, which must be what a bill takes of it."""
    pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")
    from spendgate.allocate.drivers import read_uses
    from spendgate.allocate.run import engine

    (folder / "rules.yaml").write_text(HEAD + TABLE, encoding="utf-8")
    (folder / "use.csv").write_text(text, encoding="utf-8")
    driver = load_rules(folder / "rules.yaml").drivers["use"]
    found = latest_uses(driver, folder / "use.csv", Window.DAY)
    with engine() as connection:
        of_all = read_uses(connection, driver, folder / "use.csv", Window.DAY)
    assert all(of_all[key] == use for key, use in found.items())
    return {owner[0]: amount for use in found.values() for owner, amount in use.by_owner.items()}


def test_a_table_of_other_separators_and_with_spaces_is_read_as_for_a_bill(tmp_path: Path) -> None:
    text = "date;pool;team;h\n2026-03-01;a; x ;1\n2026-03-01;a;;0.5\n2026-03-01; a;y;2\n"
    assert latest(tmp_path, text) == {"x": 1, None: Fraction(1, 2), "y": 2}


def test_a_day_that_is_there_without_use_is_not_the_latest(tmp_path: Path) -> None:
    text = "date,pool,team,h\n2026-03-01,a,x,1\n2026-03-02,a,x,0\n"
    assert latest(tmp_path, text) == {"x": 1}


def test_a_table_that_is_cut_off_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3 has 2 columns, not 4"):
        latest(tmp_path, "date,pool,team,h\n2026-03-01,a,x,1\n2026-03-01,a\n")
