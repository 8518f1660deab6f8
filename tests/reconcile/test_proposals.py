"""What a bill shows becomes figures of the usage file, and an estimate with these is nearer to the bill."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.cli import main
from spendgate.estimate.usage_file import read_usage
from spendgate.reconcile.compare import reconcile
from spendgate.reconcile.model import Reconciled
from spendgate.reconcile.usage_yaml import as_yaml, write_usage
from tests.allocate.bills import write_csv
from tests.reconcile.bills import charge, checked, machine, write_program

PROGRAM = """
import pulumi_aws as aws

def group(name, base, percent):
    aws.autoscaling.Group(name, max_size=10, min_size=1, desired_capacity=6, availability_zones=["us-east-1a"],
        mixed_instances_policy={
            "instances_distribution": {"on_demand_base_capacity": base,
                                       "on_demand_percentage_above_base_capacity": percent},
            "launch_template": {"launch_template_specification": {"launch_template_name": "lt"},
                                "overrides": [{"instance_type": "g5.xlarge"}]}})

group("workers", 2, 50)
group("thirds", 0, 50)
aws.eks.NodeGroup("spots", cluster_name="c", node_role_arn="arn:aws:iam::1:role/n", subnet_ids=["s"],
    instance_types=["g4dn.xlarge"], capacity_type="SPOT",
    scaling_config={"desired_size": 2, "min_size": 1, "max_size": 4})
aws.ec2.Instance("job", ami="ami-1", instance_type="g5.xlarge")
aws.ec2.Instance("chat", ami="ami-1", instance_type="g5.2xlarge")
"""
MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"
USAGE = f"""\
apiVersion: spendgate.dev/v1
kind: Usage
resources:
  - match: {{name: job}}
    runsPerMonth: 20
    hoursPerRun: 6
  - match: {{name: chat}}
    requestsPerMonth: 1000000
  - match: {{name: spots}}
    spotAvailability: 0.8
models:
  - name: support-bot
    provider: bedrock
    model: {MODEL}
    inputTokensPerMonth: 300000000   # a guess
    outputTokensPerMonth: 40000000
    cacheHitShare: 0.4
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_program(tmp_path_factory.mktemp("program") / "infra", PROGRAM)
    (folder.parent / "usage.yaml").write_text(USAGE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def estimate(program: Path) -> Path:
    return checked(program, program.parent / "estimate.json", "--usage", str(program.parent / "usage.yaml"))


def price(estimate: Path, name: str, purchase: str = "on_demand", item: str = "") -> Decimal:
    data = json.loads(estimate.read_text(encoding="utf-8"), parse_float=Decimal)
    lines = [one for one in data["estimate"]["lines"] if one["resource"].rsplit("::", 1)[-1] == name]
    (amount,) = {
        one["quote"]["amount"]
        for one in lines
        if one["quote"]["purchase"] == purchase and one["kind"] != "storage" and one["item"].endswith(item)
    }
    return Decimal(amount)


def fed_back(
    program: Path, estimate: Path, folder: Path, rows: Sequence[dict[str, str]]
) -> tuple[Reconciled, Mapping[str, Fraction], Reconciled]:
    """The comparison, the only proposal, and the comparison of an estimate that has it."""
    bill = write_csv(folder / "bill.csv", rows)
    before = reconcile(estimate, [bill], through=date(2026, 3, 31))
    (proposal,) = before.proposals
    usage = folder / "usage.yaml"
    usage.write_text((program.parent / "usage.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    write_usage(usage, before.proposals)
    read_usage(usage)
    after = reconcile(checked(program, folder / "after.json", "--usage", str(usage)), [bill], through=date(2026, 3, 31))
    return before, dict(proposal.figures), after


def nearer(before: Reconciled, after: Reconciled) -> tuple[float, float]:
    assert before.accuracy.wape is not None
    assert after.accuracy.wape is not None
    assert after.accuracy.wape < before.accuracy.wape
    return float(before.accuracy.wape), float(after.accuracy.wape)


def nodes(
    rate: Decimal, name: str, count: int, *, spot: bool, item: str = "g5.xlarge", days: int = 31
) -> list[dict[str, str]]:
    text = f"{item} Linux/UNIX Spot Instance-hour" if spot else f"On Demand Linux {item} Instance Hour"
    return [
        machine(f"{rate * 24:f}", "24", day, item, ChargeDescription=text, ResourceId=f"i-{name}-{spot}-{node}",
                PricingCategory="Dynamic" if spot else "Standard", Tags=json.dumps({"aws:autoscaling:groupName": name}))
        for node in range(count)
        for day in range(1, days + 1)
    ]  # fmt: skip


def test_a_share_of_spot_that_the_bill_shows_is_that_above_the_base(
    program: Path, estimate: Path, tmp_path: Path
) -> None:
    on_demand, spot = price(estimate, "workers"), price(estimate, "workers", "spot")
    rows = nodes(on_demand, "workers", 3, spot=False) + nodes(spot, "workers", 3, spot=True)
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {"spotShare": Fraction("0.75")}  # 3 of the 4 above a base of 2; 2 of them were estimated
    assert "50% of the machine hours were spot, 33.333% estimated" in before.proposals[0].reason
    assert nearer(before, after)[1] == pytest.approx(1.88, abs=0.01)  # what is left is the length of the month
    assert after.proposals == ()


def test_a_share_that_has_no_end_counts_no_machine_more_for_its_last_digit(
    program: Path, estimate: Path, tmp_path: Path
) -> None:
    on_demand, spot = price(estimate, "thirds"), price(estimate, "workers", "spot")
    rows = nodes(on_demand, "thirds", 4, spot=False) + nodes(spot, "thirds", 2, spot=True)
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {"spotShare": Fraction("0.333334")}
    nearer(before, after)
    assert after.proposals == ()


def test_what_ran_on_demand_of_a_pool_that_was_to_be_spot_is_no_matter_of_availability_any_more(
    program: Path, estimate: Path, tmp_path: Path
) -> None:
    at = Decimal("0.526")
    rows = nodes(at, "spots", 1, spot=False, item="g4dn.xlarge")
    rows += nodes(Decimal("0.2039"), "spots", 1, spot=True, item="g4dn.xlarge")
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {"spotShare": Fraction(1, 2), "spotAvailability": Fraction(1)}
    nearer(before, after)
    assert after.proposals == ()


def test_what_cannot_be_spot_gets_no_share(estimate: Path, tmp_path: Path) -> None:
    rows = [machine("5", "24", day, "g5.2xlarge", ChargeDescription="g5.2xlarge Linux/UNIX Spot Instance-hour",
                    PricingCategory="Dynamic", ResourceName="chat") for day in range(1, 32)]  # fmt: skip
    found = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)])
    assert all("spotShare" not in one.figures for one in found.proposals)


def tokens(millions: str, way: str, cost: Decimal) -> dict[str, str]:
    return charge(
        f"{cost:f}", ServiceName="Amazon Bedrock", SkuMeter=f"USE1-Claude4.5Haiku-{way}", ConsumedUnit="1K tokens",
        ConsumedQuantity=f"{Decimal(millions) * 1000:f}",
        ResourceId=f"arn:aws:bedrock:us-east-1:1:inference-profile/us.{MODEL}",
    )  # fmt: skip


def test_tokens_that_were_billed_are_those_of_the_model(program: Path, estimate: Path, tmp_path: Path) -> None:
    name = "model support-bot"
    read, cached, written = (price(estimate, name, item=f"5-20251001-v1:0 {way}")
                             for way in ("input", "cached input", "output"))  # fmt: skip
    rows = [
        tokens("100", "input-tokens", read * 100),
        tokens("300", "cache-read-input-token-count", cached * 300),
        tokens("60", "output-tokens", written * 60),
    ]
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {
        "inputTokensPerMonth": 400_000_000,
        "outputTokensPerMonth": 60_000_000,
        "cacheHitShare": Fraction(3, 4),
    }
    assert nearer(before, after)[1] < 0.001
    assert after.proposals == ()
    text = (tmp_path / "usage.yaml").read_text(encoding="utf-8")
    assert "inputTokensPerMonth: 400000000   # a guess" in text
    assert text.count("support-bot") == 1


def test_tokens_of_a_part_of_the_month_are_proposed_for_a_whole_one(estimate: Path, tmp_path: Path) -> None:
    rows = [tokens("100", "input-tokens", Decimal(100)), tokens("10", "output-tokens", Decimal(50))]
    found = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)], through=date(2026, 3, 10))
    (proposal,) = found.proposals
    assert proposal.figures["inputTokensPerMonth"] == 310_000_000
    assert proposal.figures["cacheHitShare"] == 0


def test_what_is_put_into_a_cache_is_read_as_well(estimate: Path, tmp_path: Path) -> None:
    rows = [
        tokens("100", "input-tokens", Decimal(100)),
        tokens("50", "cache-write-input-token-count", Decimal(62)),
        tokens("50", "cache-read-input-token-count", Decimal(5)),
        tokens("40", "output-tokens", Decimal(200)),
    ]
    (proposal,) = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)], through=date(2026, 3, 31)).proposals
    assert proposal.figures["inputTokensPerMonth"] == 200_000_000
    assert proposal.figures["cacheHitShare"] == Fraction(1, 4)


def test_a_model_that_a_usage_file_lacks_is_added_whole(estimate: Path, tmp_path: Path) -> None:
    rows = [tokens("100", "input-tokens", Decimal(100)), tokens("10", "output-tokens", Decimal(50))]
    found = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)], through=date(2026, 3, 31))
    write_usage(tmp_path / "new.yaml", found.proposals)
    (tmp_path / "shown.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Usage\n" + as_yaml(found.proposals), encoding="utf-8"
    )
    for name in ("new.yaml", "shown.yaml"):
        (model,) = read_usage(tmp_path / name).models
        assert (model.name, model.provider, model.model) == ("support-bot", "bedrock", MODEL)
        assert (model.input_tokens.value, model.output_tokens.value) == (Decimal(100_000_000), Decimal(10_000_000))


def test_tokens_whose_way_is_not_told_are_no_figure(estimate: Path, tmp_path: Path) -> None:
    rows = [tokens("100", "tokens", Decimal(100))]
    found = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)], through=date(2026, 3, 31))
    assert found.proposals == ()


def test_requests_that_were_billed_bring_the_cost_of_a_thousand_nearer(
    program: Path, estimate: Path, tmp_path: Path
) -> None:
    at = price(estimate, "chat")
    rows = [machine(f"{at * 24:f}", "24", day, "g5.2xlarge", ResourceName="chat") for day in range(1, 32)]
    rows.append(charge("0.4", ChargeDescription="Requests served", ConsumedQuantity="4000000",
                       ConsumedUnit="Requests", ResourceName="chat"))  # fmt: skip
    _, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {"requestsPerMonth": 4_000_000}
    assert after.proposals == ()
    unit = [
        Decimal(next(one["cost"]["expected"] for one in json.loads(path.read_text(), parse_float=Decimal)["estimate"]["drivers"]
                     if one["per"] == "1,000 requests"))
        for path in (estimate, tmp_path / "after.json")
    ]  # fmt: skip
    billed = (at * 744 + Decimal("0.4")) / 4000
    assert abs(unit[1] - billed) < abs(unit[0] - billed) / 20


def spell(at: Decimal, day: int, first: int, hours: int, resource: str) -> list[dict[str, str]]:
    """An hour of a machine for each hour."""
    rows = []
    for hour in range(first, first + hours):
        starts = datetime(2026, 3, day, hour, tzinfo=UTC)
        rows.append({**machine(f"{at:f}", "1", day, ResourceId=resource, ResourceName="job"),
                     "ChargePeriodStart": f"{starts:%Y-%m-%dT%H:%M:%SZ}",
                     "ChargePeriodEnd": f"{starts + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip
    return rows


def driver(report: Path) -> Decimal:
    data = json.loads(report.read_text(encoding="utf-8"), parse_float=Decimal)
    return Decimal(next(one["cost"]["expected"] for one in data["estimate"]["drivers"] if one["per"] == "run"))


def test_runs_are_spells_of_hours_where_the_bill_has_hours(program: Path, estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "job")
    rows = [row for day in range(1, 13) for start in (2, 12) for row in spell(at, day, start, 5, f"i-{day}")]
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures == {"runsPerMonth": 24, "hoursPerRun": 5}
    assert "24 spells of hours without a break, 20 runs estimated" in before.proposals[0].reason
    # As many hours as were estimated, in other runs: the month was right, and what a run costs was not.
    assert after.proposals == ()
    assert (driver(estimate), driver(tmp_path / "after.json")) == (at * 6, at * 5)


def test_runs_are_jobs_where_the_bill_names_them(program: Path, estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "job")
    rows = [machine(f"{at * 3:f}", "3", day, ResourceName="job",
                    ResourceId=f"arn:aws:sagemaker:us-east-1:1:training-job/job-{day}-{number}")
            for day in range(1, 9) for number in range(2)]  # fmt: skip
    before, figures, after = fed_back(program, estimate, tmp_path, rows)
    assert figures["runsPerMonth"] == 16
    assert "16 jobs, 20 runs estimated" in before.proposals[0].reason
    assert nearer(before, after)[1] < 0.001


def test_a_spell_that_is_longer_than_two_runs_may_be_many_and_is_no_count(estimate: Path, tmp_path: Path) -> None:
    rows = [row for day in (1, 2) for row in spell(Decimal(1), day, 0, 23, "i-1")]
    found = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)], through=date(2026, 3, 31))
    assert found.proposals[0].figures["runsPerMonth"] == 20
    assert "the bill does not count runs" in found.proposals[0].reason


def test_a_machine_that_was_not_bought_in_one_of_two_ways_is_no_other_number(estimate: Path, tmp_path: Path) -> None:
    rows = nodes(price(estimate, "workers"), "workers", 6, spot=False)
    (proposal,) = reconcile(estimate, [write_csv(tmp_path / "bill.csv", rows)]).proposals
    assert dict(proposal.figures) == {"spotShare": 0}


def test_json_and_every_format_have_models_too(
    estimate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jsonschema import Draft202012Validator

    from spendgate.schemas import schema

    rows: list[dict[str, Any]] = [tokens("100", "input-tokens", Decimal(100))]
    bill = write_csv(tmp_path / "bill.csv", rows)
    assert main(["reconcile", str(estimate), str(bill), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema("reconcile")).validate(data)
    assert "models:" in data["usage_yaml"]
    assert main(["reconcile", str(estimate), str(bill)]) == 0
    assert '- name: "support-bot"' in capsys.readouterr().out
