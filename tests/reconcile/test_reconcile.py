"""An estimate of a real program against bills written by hand from it, each with known changes, to the cent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.cli import main
from spendgate.errors import InputError
from spendgate.reconcile.as_json import to_json
from spendgate.reconcile.compare import reconcile
from spendgate.reconcile.model import Cause, Compared, Reconciled
from spendgate.reconcile.text import to_markdown, to_text
from spendgate.reconcile.usage_yaml import as_yaml, write_usage
from spendgate.schemas import schema
from tests.allocate.bills import write_csv
from tests.reconcile.bills import EC2, S3, charge, checked, machine, stored, write_program

PROGRAM = """
import pulumi_aws as aws

def tags(team):
    return {"team": team, "project": "chat", "stage": team + "-prod"}

aws.ec2.Instance("train", ami="ami-1", instance_type="g5.xlarge", tags=tags("nlp"))
aws.ec2.Instance("serve", ami="ami-1", instance_type="g5.2xlarge", tags=tags("serving"))
aws.s3.Bucket("data", bucket="acme-data", tags=tags("nlp"))
aws.ebs.Volume("scratch", availability_zone="us-east-1a", size=100, type="gp3", tags=tags("nlp"))
group = aws.eks.NodeGroup(
    "pool", cluster_name="c", node_role_arn="arn:aws:iam::1:role/n", subnet_ids=["s"], instance_types=["g4dn.xlarge"],
    disk_size=20, scaling_config={"desired_size": 2, "min_size": 1, "max_size": 4}, tags={"team": "serving"},
)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_program(tmp_path_factory.mktemp("program") / "infra", PROGRAM)


@pytest.fixture(scope="module")
def estimate(program: Path) -> Path:
    return checked(program, program.parent / "estimate.json")


def price(estimate: Path, name: str, item: str) -> Decimal:
    data = json.loads(estimate.read_text(encoding="utf-8"), parse_float=Decimal)
    lines = [line for line in data["estimate"]["lines"] if line["resource"].endswith(f"::{name}")]
    return Decimal(next(line["quote"]["amount"] for line in lines if line["item"] == item))


def compare(estimate: Path, folder: Path, rows: Sequence[dict[str, str]], **options: Any) -> Reconciled:
    return reconcile(estimate, [write_csv(folder / "bill.csv", rows)], **options)


def of(found: Reconciled, name: str) -> Compared:
    return next(one for one in found.matched if one.resource.name == name)


def effects(one: Compared, pair: int = 0) -> dict[Cause, Fraction]:
    return {effect.cause: effect.amount for effect in one.pairs[pair].effects if effect.amount}


def text(amount: Decimal) -> str:
    return f"{amount:f}"


def days(
    estimate: Path, name: str, used: Decimal, *, item: str = "g5.xlarge", first: int = 1, last: int = 31,
    rate: Decimal | None = None, off: Decimal = Decimal(0), **columns: str,
) -> list[dict[str, str]]:  # fmt: skip
    """A line for each day: so many hours, at the quote or a rate of its own, with a discount."""
    at = price(estimate, name, item) if rate is None else rate
    cost = {"ListCost": text(at * used), "EffectiveCost": text(at * used * (1 - off))}
    return [machine("0", text(used), day, item, **cost, **columns) for day in range(first, last + 1)]


def test_hours_and_a_discount_are_told_apart_to_the_cent(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = days(estimate, "train", Decimal(10), off=Decimal("0.12"), ResourceName="train-0a1b2c3")
    train = of(compare(estimate, tmp_path, rows), "train")
    assert train.methods == ("name with a suffix",)
    assert train.estimated == Fraction(730 * at)
    assert train.actual == Fraction(310 * at * Decimal("0.88"))
    assert effects(train) == {
        Cause.MONTH: Fraction((744 - 730) * at),
        Cause.HOURS: Fraction((310 - 744) * at),
        Cause.DISCOUNT: Fraction(-310 * at * Decimal("0.12")),
    }


def test_another_price_is_the_hours_that_ran_times_the_difference(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = days(estimate, "train", Decimal(24), rate=at + Decimal("0.1"), ResourceId="train")
    assert effects(of(compare(estimate, tmp_path, rows), "train")) == {
        Cause.MONTH: Fraction(14 * at),
        Cause.PRICE: Fraction(744 * Decimal("0.1")),
    }


def test_what_began_within_the_month_lived_a_part_of_it_and_nothing_is_proposed(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "serve", "g5.2xlarge")
    rows = days(estimate, "serve", Decimal(24), item="g5.2xlarge", first=11, ResourceId="i-1", Tags='{"Name": "serve"}')
    found = compare(estimate, tmp_path, rows)
    serve = of(found, "serve")
    assert serve.methods == ("tag Name",)
    assert effects(serve) == {Cause.MONTH: Fraction(14 * at), Cause.LIVED: Fraction((504 - 744) * at)}
    assert serve.pairs[0].notes == ("ran without a break from 2026-03-11 00:00 to 2026-04-01 00:00 UTC",)
    assert found.proposals == ()


def test_a_pool_of_another_size_is_a_matter_of_count(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "pool", "g4dn.xlarge")
    rows = [
        row
        for node in range(3)
        for row in days(
            estimate,
            "pool",
            Decimal(24),
            item="g4dn.xlarge",
            ResourceId=f"i-{node}",
            Tags='{"eks:nodegroup-name": "pool"}',
        )
    ]
    found = compare(estimate, tmp_path, rows)
    pool = of(found, "pool")
    machines = next(pair for pair in pool.pairs if pair.line is not None and pair.line.kind == "machine")
    assert {effect.cause: effect.amount for effect in machines.effects if effect.amount} == {
        Cause.MONTH: Fraction(2 * 14 * at),
        Cause.COUNT: Fraction((3 - 2) * 744 * at),
    }
    assert [(one.name, dict(one.figures)) for one in found.proposals] == [("pool", {"instances": 3})]


def test_spot_machines_that_replace_each_other_by_the_hour_are_as_many_as_ran_at_once(
    estimate: Path, tmp_path: Path
) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = [
        {**machine(text(at), "1", 1 + hour // 24, ResourceId=f"i-{hour}", ResourceName="train"),
         "ChargePeriodStart": f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00:00Z",
         "ChargePeriodEnd": f"2026-03-{1 + (hour + 1) // 24:02}T{(hour + 1) % 24:02}:00:00Z"}
        for hour in range(720)
    ]  # fmt: skip
    train = of(compare(estimate, tmp_path, rows, through=date(2026, 3, 31)), "train")
    assert (train.pairs[0].count, train.pairs[0].hours) == (1, 720)
    assert Cause.COUNT not in effects(train)


def test_a_bucket_that_nobody_declared_a_use_of_is_not_estimated_and_its_size_is_proposed(
    estimate: Path, tmp_path: Path
) -> None:
    rows = [
        stored("11.5", "500", ResourceId="acme-data", ServiceName=S3),
        stored("8.8", "110", ResourceId="vol-1", ChargeDescription="gp3 storage", Tags='{"Name": "scratch"}'),
    ]
    found = compare(estimate, tmp_path, rows)
    assert effects(of(found, "data")) == {Cause.NOT_ESTIMATED: Fraction("11.5")}
    assert effects(of(found, "scratch")) == {Cause.QUANTITY: Fraction("0.8")}
    # A volume declares its size in the program: the usage file has no say.
    assert [(one.name, dict(one.figures)) for one in found.proposals] == [("data", {"storedGib": 500})]


def test_part_of_a_month_is_held_against_that_part_of_the_estimate(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = days(estimate, "train", Decimal(12), last=12, ResourceId="train")
    found = compare(estimate, tmp_path, rows, through=date(2026, 3, 10))
    train = of(found, "train")
    assert (found.covered, found.month_hours) == (240, 744)
    assert train.estimated == Fraction(730 * at) * Fraction(240, 744)
    assert sum(effects(train).values()) == train.difference
    assert effects(train)[Cause.HOURS] == Fraction((120 - 240) * at)
    assert dict(found.proposals[0].figures) == {"hoursPerMonth": 372}  # 120 h of 240 are 372 h of 744
    assert "the bill covers 240 of the 744 hours of 2026-03" in found.notes[-1]


def test_credits_taxes_and_corrections_are_shown_apart(estimate: Path, tmp_path: Path) -> None:
    rows = [
        *days(estimate, "train", Decimal(24), ResourceId="train"),
        charge("-5", ResourceId="train", ChargeCategory="Credit"),
        charge("-2", ResourceId="train", ChargeClass="Correction"),
        charge("90", ChargeCategory="Tax"),
    ]
    found = compare(estimate, tmp_path, rows)
    assert of(found, "train").apart == {"Credit": -5, "Correction": -2}
    assert [(one.category, one.cost) for one in found.only_billed] == [("Tax", 90)]
    assert "Credit -$5.00, Correction -$2.00" in to_text(found, width=200)


def test_what_varies_is_held_to_its_bounds(estimate: Path, tmp_path: Path) -> None:
    """The pool has 1 to 4 nodes and 2 expected; three of them are within the bounds, six are not."""
    for nodes, within in ((3, True), (6, False)):
        rows = [
            *(row for node in range(nodes) for row in days(
                estimate, "pool", Decimal(24), item="g4dn.xlarge", ResourceId=f"pool/{node}", Tags='{"Name": "pool"}')),
            *days(estimate, "train", Decimal(24), ResourceId="train"),
        ]  # fmt: skip
        found = compare(estimate, tmp_path, rows)
        assert (of(found, "pool").within, of(found, "train").within) == (within, True)
        assert f"between the least and the most of the estimate: {1 + within} of 2" in to_text(found)


def test_an_allocated_bill_is_read_as_the_bill_that_it_was(estimate: Path, tmp_path: Path) -> None:
    rows = days(estimate, "train", Decimal(24), ResourceId="train")
    shared = [{**row, "x_FirstShare": "true", "x_Share": "0.5"} for row in rows]
    shared += [{**row, "x_FirstShare": "false", "x_Share": "0.5"} for row in rows]
    whole, once = (of(compare(estimate, tmp_path, bill), "train") for bill in (shared, rows))
    assert (whole.actual, whole.pairs[0].hours) == (once.actual, 744)


def test_what_matched_none_is_listed_on_each_side_and_counts_in_the_wider_accuracy(
    estimate: Path, tmp_path: Path
) -> None:
    rows = [*days(estimate, "train", Decimal(24), ResourceId="train"), charge("77", ResourceId="i-9")]
    found = compare(estimate, tmp_path, rows)
    assert {one.resource.name for one in found.only_estimated} == {"serve", "scratch", "pool"}
    assert [one.resource_id for one in found.only_billed] == ["i-9"]
    train = of(found, "train")
    assert found.accuracy.wape == abs(train.difference) / train.actual * 100
    missing = sum(one.estimated for one in found.only_estimated)
    assert found.of_all.wape == (abs(train.difference) + missing) / train.actual * 100
    assert found.of_all.bias is not None
    assert found.of_all.bias > 0
    assert sum(found.causes.values()) == found.of_all.actual - found.of_all.estimated


def test_tags_tell_a_resource_only_where_they_are_all_there_and_its_alone(estimate: Path, tmp_path: Path) -> None:
    own = {"team": "serving", "project": "chat", "stage": "serving-prod", "more": "x"}
    some = {"team": "serving"}
    at = price(estimate, "serve", "g5.2xlarge")
    rows = [
        machine(text(at), "1", item="g5.2xlarge", ResourceId="i-1", Tags=json.dumps(own)),
        machine(text(at), "1", item="g5.2xlarge", ResourceId="i-2", Tags=json.dumps(some)),
        machine(text(at), "1", item="g5.2xlarge", ResourceId="i-3", Tags=json.dumps({**own, "stage": "nlp-prod"})),
    ]
    found = compare(estimate, tmp_path, rows)
    assert of(found, "serve").methods == ("tags",)
    assert {one.resource_id for one in found.only_billed} == {"i-2", "i-3"}


def test_a_map_and_a_urn_win_over_names(estimate: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("estimate,bill\nserve,legacy-*\n", encoding="utf-8")
    urn = "urn:pulumi:dev::infra::aws:ec2/instance:Instance::train"
    rows = [
        machine("3", "2", item="g5.2xlarge", ResourceId="legacy-7", ResourceName="train"),
        machine("1", "1", ResourceId="i-1", Tags=json.dumps({"urn": urn})),
    ]
    found = compare(estimate, tmp_path, rows, map_file=tmp_path / "map.csv")
    assert of(found, "serve").methods == ("map",)
    assert of(found, "train").methods == ("URN",)


def test_what_stands_in_a_map_is_itself_but_for_stars_and_what_fits_nothing_is_told(
    estimate: Path, tmp_path: Path
) -> None:
    lines = "estimate,bill\nserve, pool[0]-?* \ndata,old-*\n"
    (tmp_path / "map.csv").write_text(lines, encoding="utf-8")
    rows = [machine("3", "2", item="g5.2xlarge", ResourceId="pool[0]-7", ResourceName="x")]
    found = compare(estimate, tmp_path, rows, map_file=tmp_path / "map.csv")
    assert of(found, "serve").methods == ("map",)
    assert [note for note in found.notes if "map" in note] == [
        'no charge of the bill is called "old-*", as the map says'
    ]


def test_nothing_is_written_over_what_is_read(
    estimate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "estimate.json"
    report.write_bytes(estimate.read_bytes())
    (tmp_path / "bill").mkdir()
    bill = write_csv(tmp_path / "bill" / "march.csv", [machine("1", "1", ResourceId="train")])
    (tmp_path / "map.csv").write_text("estimate,bill\ntrain,train\n", encoding="utf-8")
    before = {file: file.read_bytes() for file in (report, bill, tmp_path / "map.csv")}
    words = ["reconcile", str(report), str(bill.parent), "--map", str(tmp_path / "map.csv")]
    for option, name, told in (
        ("--output", "estimate.json", "would write over the estimate"),
        ("--output", "map.csv", "would write over the map"),
        ("--output", "bill/march.csv", "lies in the bill itself"),
        ("--output", "bill/report.md", "lies in the bill itself"),
        ("--write-usage", "estimate.json", "would write over the estimate"),
    ):
        assert main([*words, option, str(tmp_path / name)]) == 2
        assert f"{option} {told}" in capsys.readouterr().err
    one = str(tmp_path / "one.yaml")
    assert main([*words, "--output", one, "--write-usage", one]) == 2
    assert {file: file.read_bytes() for file in before} == before


def test_a_charge_by_the_hour_beside_the_machine_is_not_taken_for_it(estimate: Path, tmp_path: Path) -> None:
    rows = [
        *days(estimate, "train", Decimal(24), ResourceId="train"),
        *[machine("0.12", "24", day, "x", ResourceId="train", ChargeDescription="public IPv4 address")
          for day in range(1, 32)],
    ]  # fmt: skip
    train = of(compare(estimate, tmp_path, rows), "train")
    assert [pair.line is None for pair in train.pairs] == [False, True]
    assert effects(train, 1) == {Cause.NOT_ESTIMATED: Fraction("3.72")}


def test_a_discount_that_is_a_line_of_its_own_is_a_discount_and_no_more_hours(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = days(estimate, "train", Decimal(24), ResourceId="train")
    less = [{**row, "EffectiveCost": text(-at * 6), "ListCost": "", "ChargeDescription": "EDP discount g5.xlarge"}
            for row in rows]  # fmt: skip
    train = of(compare(estimate, tmp_path, [*rows, *less]), "train")
    assert effects(train) == {Cause.MONTH: Fraction(14 * at), Cause.DISCOUNT: Fraction(-744 * at / 4)}


def test_a_bill_of_aws_is_read_by_its_mapping(estimate: Path, tmp_path: Path) -> None:
    at = price(estimate, "train", "g5.xlarge")
    rows = [
        {
            "line_item_usage_start_date": f"2026-03-{day:02}T00:00:00.000Z",
            "line_item_usage_end_date": f"2026-03-{day:02}T23:59:59.000Z",
            "line_item_line_item_type": "Usage",
            "line_item_product_code": "AmazonEC2",
            "line_item_line_item_description": "$1.006 per On Demand Linux g5.xlarge Instance Hour",
            "line_item_usage_type": "BoxUsage:g5.xlarge",
            "line_item_usage_amount": "10",
            "line_item_unblended_cost": text(at * 10),
            "pricing_public_on_demand_cost": text(at * 10),
            "pricing_unit": "Hrs",
            "line_item_currency_code": "USD",
            "line_item_resource_id": "i-0aaa",
            "resource_tags": '{"user_name": "train"}',
        }
        for day in range(1, 32)
    ]
    train = of(compare(estimate, tmp_path, rows, mapping="aws-cur-2"), "train")
    assert effects(train) == {Cause.MONTH: Fraction(14 * at), Cause.HOURS: Fraction((310 - 744) * at)}


def test_a_charge_in_a_unit_that_estimates_do_not_know_is_still_of_the_line_that_it_names(
    estimate: Path, tmp_path: Path
) -> None:
    rows = [
        charge(
            "9",
            hours=744,
            ResourceId="scratch",
            ConsumedUnit="Bytes-Seconds",
            ConsumedQuantity="5",
            ChargeDescription="gp3",
        )
    ]
    (pair,) = of(compare(estimate, tmp_path, rows), "scratch").pairs
    assert [(effect.cause, effect.amount) for effect in pair.effects] == [(Cause.UNSPLIT, 1)]
    assert pair.notes == ("billed by Bytes-Seconds, estimated by GiB-month",)


def test_without_list_costs_or_quantities_less_is_told_apart_and_that_is_said(estimate: Path, tmp_path: Path) -> None:
    rows = [
        {**row, "ListCost": ""} for row in days(estimate, "train", Decimal(10), off=Decimal("0.1"), ResourceId="train")
    ]
    train = of(compare(estimate, tmp_path, rows), "train")
    assert Cause.DISCOUNT not in effects(train)
    assert Cause.PRICE in effects(train)
    assert "the bill has no ListCost" in train.pairs[0].notes[0]
    bare = [{key: value for key, value in row.items() if not key.startswith("Consumed")} for row in rows]
    found = compare(estimate, tmp_path, bare)
    assert list(effects(of(found, "train"))) == [Cause.UNSPLIT]
    assert "the bill has no ConsumedQuantity: differences are not told apart" in found.notes


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        ({"BillingCurrency": "EUR"}, {}, "the bill is in EUR, the estimate in USD"),
        (
            {"BillingCurrency": "EUR"},
            {"currency": "USD"},
            "the bill has no lines in USD\nIt has lines of 2026-03, in EUR",
        ),
        ({"EffectiveCost": "much"}, {}, "an EffectiveCost that is no number|a EffectiveCost that is no number"),
        ({"ChargePeriodStart": "2026-02-01T00:00:00Z"}, {}, "lines of 2026-02 to 2026-03"),
        ({}, {"month": "2026-04"}, "the bill has no lines of 2026-04\nIt has lines of 2026-03, in USD"),
    ],
)
def test_a_bill_that_cannot_be_compared_says_why(
    estimate: Path, tmp_path: Path, change: dict[str, str], options: dict[str, Any], told: str
) -> None:
    rows = [machine("1", "1", ResourceId="train"), {**machine("1", "1", ResourceId="train"), **change}]
    if change.get("BillingCurrency"):
        rows = rows[1:]
    with pytest.raises(InputError, match=told):
        compare(estimate, tmp_path, rows, **options)


@pytest.mark.parametrize(("data", "told"), [("{}", "is no report"), ("no", "is no report"), ("[1]", "is no report")])
def test_an_estimate_that_is_none_says_how_to_write_one(tmp_path: Path, data: str, told: str) -> None:
    (tmp_path / "e.json").write_text(data, encoding="utf-8")
    with pytest.raises(InputError, match=told) as caught:
        compare(tmp_path / "e.json", tmp_path, [machine("1", "1")])
    assert "spendgate check --format json" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("estimate,bill\nnobody,x\n", 'row 2: the estimate has no resource "nobody"'),
        ("estimate,bill\ntrian,x\n", 'did you mean "train"'),
        ("a,b\nx,y\n", "the map has not the columns estimate and bill"),
        ("", "the map has not the columns estimate and bill"),
        ("estimate,bill\ntrain, \n", "row 2: it says nothing of the bill"),
        ("estimate,bill\ntrain,a,b\n", "row 2 has more cells than the first row"),
        ("estimate,bill\ntrain,x\nserve,x\n", 'row 3: "x" is train by an earlier row'),
    ],
)
def test_a_map_that_is_wrong_says_where(estimate: Path, tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "map.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        compare(estimate, tmp_path, [machine("1", "1")], map_file=tmp_path / "map.csv")


USAGE = """\
# How much is used.
apiVersion: spendgate.dev/v1
kind: Usage
resources:
  - match: {name: "train", type: "aws:ec2/instance:Instance"}  # the old guess
    hoursPerMonth: 700   # counted in May
    utilisation: 0.5
  - match: {type: "aws:s3/*"}
    storedGib: 10
"""


def test_the_proposals_are_written_into_the_usage_file_and_the_next_estimate_has_those_hours(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = tmp_path / "usage.yaml"
    usage.write_text(USAGE, encoding="utf-8")
    before = checked(program, tmp_path / "before.json", "--usage", str(usage))
    rows = [
        *days(before, "train", Decimal(10), ResourceId="train"),
        *[row for node in range(3) for row in days(
            before, "pool", Decimal(24), item="g4dn.xlarge", ResourceId=f"i-{node}", Tags='{"eks:nodegroup-name": "pool"}')],
        stored("11.5", "500", ResourceId="acme-data", ServiceName=S3, ChargeDescription="s3 standard"),
    ]  # fmt: skip
    bill = write_csv(tmp_path / "bill.csv", rows)
    assert main(["reconcile", str(before), str(bill), "--write-usage", str(usage)]) == 0
    assert "hoursPerMonth: 310" in capsys.readouterr().out
    written = usage.read_text(encoding="utf-8")
    assert "# How much is used." in written
    assert "hoursPerMonth: 310   # counted in May" in written
    assert "utilisation: 0.5" in written
    assert "storedGib: 10\n" in written  # of all buckets; the new entry is for one of them, and stands behind it

    after = checked(program, tmp_path / "after.json", "--usage", str(usage))
    found = reconcile(after, [bill])
    train, pool, data = (of(found, name) for name in ("train", "pool", "data"))
    assert train.difference == 0
    assert Cause.COUNT not in effects(pool)
    assert abs(data.difference) < Fraction(1, 100)
    assert found.proposals == ()
    again = usage.read_text(encoding="utf-8")
    assert main(["reconcile", str(before), str(bill), "--write-usage", str(usage)]) == 0
    assert usage.read_text(encoding="utf-8") == again


def test_runs_stay_and_their_length_is_proposed(program: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.yaml"
    usage.write_text(
        "apiVersion: spendgate.dev/v1\nkind: Usage\nresources:\n"
        "  - match: {name: train}\n    runsPerMonth: 20\n    hoursPerRun: 6\n",
        encoding="utf-8",
    )
    before = checked(program, tmp_path / "before.json", "--usage", str(usage))
    at = price(before, "train", "g5.xlarge")
    rows = [machine(text(at * 5), "5", day, ResourceId=f"i-{day}", ResourceName="train") for day in range(1, 11)]
    found = compare(before, tmp_path, rows, through=date(2026, 3, 31))
    assert effects(of(found, "train")) == {Cause.HOURS: Fraction((50 - 120) * at)}
    assert dict(found.proposals[0].figures) == {"runsPerMonth": 20, "hoursPerRun": Fraction(5, 2)}
    assert "the bill does not count runs" in found.proposals[0].reason
    write_usage(usage, found.proposals)
    after = checked(program, tmp_path / "after.json", "--usage", str(usage))
    assert of(compare(after, tmp_path, rows, through=date(2026, 3, 31)), "train").difference == 0


def test_a_usage_file_is_made_where_there_is_none_and_a_broken_one_stays(estimate: Path, tmp_path: Path) -> None:
    found = compare(estimate, tmp_path, days(estimate, "train", Decimal(10), ResourceId="train"))
    write_usage(tmp_path / "new.yaml", found.proposals)
    made = (tmp_path / "new.yaml").read_text(encoding="utf-8")
    assert made.startswith("apiVersion: spendgate.dev/v1\nkind: Usage\n")
    assert "# bill of 2026-03: ran 310 h, 744 h estimated" in made
    (tmp_path / "broken.yaml").write_text("kind: Config\n", encoding="utf-8")
    with pytest.raises(InputError):
        write_usage(tmp_path / "broken.yaml", found.proposals)
    assert (tmp_path / "broken.yaml").read_text(encoding="utf-8") == "kind: Config\n"


def test_a_usage_file_keeps_the_ends_of_its_lines(estimate: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.yaml"
    usage.write_bytes(USAGE.replace("\n", "\r\n").encode())
    write_usage(usage, compare(estimate, tmp_path, days(estimate, "train", Decimal(10), ResourceId="train")).proposals)
    lines = usage.read_bytes().split(b"\n")
    assert b"    hoursPerMonth: 310   # counted in May\r" in lines
    assert all(one.endswith(b"\r") for one in lines[:-1])


def test_a_later_entry_that_says_the_same_figure_is_not_left_to_win(estimate: Path, tmp_path: Path) -> None:
    from spendgate.estimate.usage_file import read_usage
    from tests.estimate.building import workload

    usage = tmp_path / "usage.yaml"
    usage.write_text(USAGE + '  - match: {type: "aws:ec2/*"}\n    hoursPerMonth: 500\n', encoding="utf-8")
    found = compare(estimate, tmp_path, days(estimate, "train", Decimal(10), ResourceId="train"))
    write_usage(usage, found.proposals)
    train = workload("train", "aws:ec2/instance:Instance", kind="compute", provider="aws")
    given = read_usage(usage).of(train).get("hoursPerMonth")
    assert given is not None
    assert given.value == 310


def test_the_yaml_that_is_shown_is_a_usage_file(estimate: Path, tmp_path: Path) -> None:
    from spendgate.estimate.usage_file import read_usage

    found = compare(estimate, tmp_path, days(estimate, "train", Decimal(10), ResourceId="train"))
    (tmp_path / "u.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Usage\n" + as_yaml(found.proposals), encoding="utf-8"
    )
    (entry,) = read_usage(tmp_path / "u.yaml").entries
    assert (entry.name, entry.figures[0][0], entry.figures[0][1].value) == ("train", "hoursPerMonth", 310)


def test_every_format_says_the_accuracy_and_json_keeps_its_schema(estimate: Path, tmp_path: Path) -> None:
    rows = [
        *days(estimate, "train", Decimal(10), off=Decimal("0.12"), ResourceName="train-0a1b2c3"),
        *days(estimate, "serve", Decimal(24), item="g5.2xlarge", rate=Decimal("1.4"), ResourceId="serve"),
        charge("3", ResourceId="<b>|x"),
    ]
    found = compare(estimate, tmp_path, rows)
    data = to_json(found)
    Draft202012Validator(schema("reconcile")).validate(data)
    for one in data["resources"]:
        assert sum(Decimal(pair["actual"]) - Decimal(pair["estimated"]) for pair in one["lines"]) == Decimal(
            one["actual"]
        ) - Decimal(one["estimated"])
        for pair in one["lines"]:
            assert sum(Decimal(effect["amount"]) for effect in pair["effects"]) == Decimal(pair["actual"]) - Decimal(
                pair["estimated"]
            )
    told = " ".join(to_text(found, width=180).split())
    assert "accuracy: WAPE" in told
    assert "prices of your own are put in with `spendgate prices add`: g5.2xlarge at 1.4" in told
    assert "discounts stand under discounts: in spendgate.yaml; on the bill: g5.xlarge 12%" in told
    page = to_markdown(found)
    assert "### Which assumption was wrong" in page
    assert "the estimate assumed: runs all month (730 h): no schedule is declared" in page
    assert "\\<b\\>\\|x" in page
    assert "```yaml\nresources:" in page


@pytest.mark.parametrize(("most", "code"), [("1000", 0), ("1", 1), ("1000%", 0), ("1%", 1)])
def test_the_command_exits_1_above_the_error_that_is_allowed(
    estimate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], most: str, code: int
) -> None:
    rows = [*days(estimate, "train", Decimal(24), ResourceId="train"), *days(
        estimate, "serve", Decimal(24), item="g5.2xlarge", ResourceId="serve")]  # fmt: skip
    bill = write_csv(tmp_path / "bill.csv", rows)
    assert main(["reconcile", str(estimate), str(bill), "--max-error", most]) == code
    assert "accuracy: WAPE" in capsys.readouterr().out


def test_a_bill_on_which_nothing_of_the_estimate_is_passes_no_limit(
    estimate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = write_csv(tmp_path / "bill.csv", [charge("3", ResourceId="other")])
    assert main(["reconcile", str(estimate), str(bill)]) == 0
    assert main(["reconcile", str(estimate), str(bill), "--max-error", "1000"]) == 1
    assert "no resource of the estimate is on the bill" in capsys.readouterr().out


def test_ids_of_an_exported_stack_are_matched(tmp_path: Path) -> None:
    urn = "urn:pulumi:dev::infra::aws:ec2/instance:Instance::web"
    stack = "urn:pulumi:dev::infra::pulumi:pulumi:Stack::infra-dev"
    provider = "urn:pulumi:dev::infra::pulumi:providers:aws::default"
    inputs = {"instanceType": "g5.xlarge", "ami": "ami-1"}
    resources = [
        {"urn": stack, "custom": False, "type": "pulumi:pulumi:Stack"},
        {"urn": provider, "custom": True, "id": "p", "type": "pulumi:providers:aws", "inputs": {"region": "us-east-1"}},
        {"urn": urn, "custom": True, "id": "i-0abc", "type": "aws:ec2/instance:Instance", "parent": stack,
         "provider": f"{provider}::p", "inputs": inputs,
         "outputs": {**inputs, "arn": "arn:aws:ec2:us-east-1:1:instance/i-0abc"}},
    ]  # fmt: skip
    export = tmp_path / "stack.json"
    export.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}), encoding="utf-8")
    main(["check", str(export), "--format", "json", "--output", str(tmp_path / "e.json")])
    found = compare(tmp_path / "e.json", tmp_path, [machine("24.144", "24", ResourceId="i-0abc", ServiceName=EC2)])
    assert of(found, "web").methods == ("resource id",)
