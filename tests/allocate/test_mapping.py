"""Bills of AWS, Google Cloud and Azure are read as FOCUS by mappings that are data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.asking import rows_of_sql
from spendgate.allocate.bill.heads import separator_of
from spendgate.allocate.bill.mapping import load_mapping, select_list, shipped
from spendgate.allocate.library import find_rules
from spendgate.allocate.run import Outcome, Request, allocate, engine
from spendgate.allocate.text import notes
from spendgate.cli import main
from spendgate.errors import InputError
from tests.allocate.bills import line, write_csv

CUR = {
    "bill_payer_account_id": "111122223333",
    "bill_billing_period_start_date": "2026-03-01T00:00:00.000Z",
    "line_item_usage_account_id": "444455556666",
    "line_item_usage_start_date": "2026-03-02T00:00:00.000Z",
    "line_item_usage_end_date": "2026-03-02T01:00:00.000Z",
    "line_item_line_item_type": "Usage",
    "line_item_product_code": "AmazonEC2",
    "line_item_usage_type": "BoxUsage:g5.xlarge",
    "line_item_usage_amount": "1",
    "line_item_unblended_cost": "1.006",
    "line_item_currency_code": "USD",
    "line_item_resource_id": "i-1",
    "product": '{"product_name": "Amazon Elastic Compute Cloud"}',
    "product_servicecode": "AmazonEC2",
    "resource_tags": '{"user_team": "nlp", "user_cost_center": "cc-7", "aws_eks_cluster_name": "a"}',
    "savings_plan_savings_plan_effective_cost": "",
    "savings_plan_total_commitment_to_date": "",
    "savings_plan_used_commitment": "",
    "savings_plan_savings_plan_a_r_n": "",
    "reservation_effective_cost": "",
}
AWS = [
    CUR,
    {
        **CUR,
        "line_item_line_item_type": "SavingsPlanCoveredUsage",
        "savings_plan_savings_plan_effective_cost": "0.5",
        "savings_plan_savings_plan_a_r_n": "arn:sp",
    },
    {**CUR, "line_item_line_item_type": "SavingsPlanNegation", "line_item_unblended_cost": "-1.006"},
    {
        **CUR,
        "line_item_line_item_type": "SavingsPlanRecurringFee",
        "line_item_unblended_cost": "0.7",
        "savings_plan_total_commitment_to_date": "0.7",
        "savings_plan_used_commitment": "0.5",
        "resource_tags": "",
    },
    {**CUR, "line_item_line_item_type": "Tax", "line_item_unblended_cost": "0.08", "resource_tags": "{}"},
    {**CUR, "line_item_line_item_type": "Refund", "line_item_unblended_cost": "-0.1"},
]

GCP: list[dict[str, Any]] = [
    {
        "billing_account_id": "01-02-03",
        "service": {"id": "6F81", "description": "Compute Engine"},
        "sku": {"id": "A1", "description": "Nvidia L4 GPU"},
        "usage_start_time": "2026-03-02 00:00:00 UTC",
        "usage_end_time": "2026-03-02 01:00:00 UTC",
        "project": {"id": "ml-prod", "name": "ML", "labels": [{"key": "team", "value": "platform"}]},
        "labels": [{"key": "team", "value": "vision"}, {"key": "team", "value": "twice"}],
        "location": {"region": "us-central1", "zone": "us-central1-a"},
        "resource": {"name": "vm-1", "global_name": "//compute/vm-1"},
        "cost": 2.5,
        "currency": "USD",
        "usage": {"amount": 3600.0, "unit": "seconds"},
        "credits": [{"name": "cud", "amount": -0.5}, {"name": "promo", "amount": -0.25}],
        "invoice": {"month": "202603"},
        "cost_type": "regular",
    },
    {
        "billing_account_id": "01-02-03",
        "service": {"id": "6F81", "description": "Invoice"},
        "sku": {"id": "T", "description": "Tax"},
        "usage_start_time": "2026-03-02 00:00:00 UTC",
        "usage_end_time": "2026-03-02 01:00:00 UTC",
        "project": {"id": "ml-prod", "name": "ML", "labels": [{"key": "team", "value": "platform"}]},
        "labels": [],
        "location": {"region": None, "zone": None},
        "resource": {"name": None, "global_name": None},
        "cost": 0.1,
        "currency": "USD",
        "usage": {"amount": None, "unit": None},
        "credits": [],
        "invoice": {"month": "202603"},
        "cost_type": "tax",
    },
]

EA = {
    "SubscriptionId": "sub-1",
    "SubscriptionName": "ML",
    "Date": "03/02/2026",
    "BillingPeriodStartDate": "03/01/2026",
    "BillingPeriodEndDate": "03/31/2026",
    "ProductName": "NC24ads A100 v4",
    "MeterCategory": "Virtual Machines",
    "MeterName": "NC24ads A100 v4",
    "ChargeType": "Usage",
    "PricingModel": "OnDemand",
    "CostInBillingCurrency": "3.673",
    "BillingCurrency": "USD",
    "Quantity": "1",
    "UnitOfMeasure": "1 Hour",
    "ResourceId": "/subscriptions/sub-1/vm-1",
    "BenefitId": "",
    "Tags": '"team": "speech","cost-center": "cc-9"',
}
AZURE = [
    EA,
    {**EA, "PricingModel": "Reservation", "CostInBillingCurrency": "2", "Tags": '{"team": "speech"}'},
    {**EA, "ChargeType": "UnusedReservation", "PricingModel": "Reservation", "CostInBillingCurrency": "1", "Tags": ""},
    {**EA, "ChargeType": "Purchase", "PricingModel": "Reservation", "CostInBillingCurrency": "900", "Tags": "broken"},
    {**EA, "ChargeType": "Refund", "CostInBillingCurrency": "-1"},
    {**EA, "ChargeType": "RoundingAdjustment", "CostInBillingCurrency": "0.01", "Tags": ""},
]


def allocated(
    bills: Sequence[Path], rules: str = "by-tags", **options: Any
) -> tuple[Outcome, list[dict[str, Any]], list[str]]:
    """The outcome, the rows in the order of the lines, and what the summary notes."""
    output = bills[0].parent / "out.parquet"
    found, file = find_rules([rules])
    with engine() as connection:
        outcome = allocate(Request(tuple(bills), found, file, **options), output, connection)
        rows = rows_of_sql(connection, f"SELECT * FROM '{output}' ORDER BY x_LineId")
    assert outcome.reconciles
    return outcome, rows, notes(outcome)


def parquet(path: Path, rows: Sequence[Mapping[str, Any]], columns: str = "*") -> Path:
    """The rows as Parquet, with the types that DuckDB finds in their JSON."""
    import duckdb

    source = path.with_suffix(".json")
    source.write_text(json.dumps(rows), encoding="utf-8")
    duckdb.sql(f"COPY (SELECT {columns} FROM read_json('{source}')) TO '{path}'")
    source.unlink()
    return path


def flat(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """As a query writes them that flattens records to columns; lists are JSON text."""
    made = []
    for row in rows:
        line: dict[str, str] = {}
        for name, value in row.items():
            if isinstance(value, dict):
                for key, item in value.items():
                    text = json.dumps(item) if isinstance(item, list) else ("" if item is None else str(item))
                    line[f"{name}_{key}"] = text
            else:
                line[name] = json.dumps(value) if isinstance(value, list) else str(value)
        made.append(line)
    return made


def check_aws(rows: list[dict[str, Any]]) -> None:
    shown = [(row["ChargeCategory"], row["x_Team"], row["BilledCost"], row["EffectiveCost"]) for row in rows]
    assert shown == [
        ("Usage", "nlp", Decimal("1.006"), Decimal("1.006")),
        ("Usage", "nlp", Decimal("1.006"), Decimal("0.5")),
        ("Usage", "nlp", Decimal("-1.006"), Decimal(0)),
        ("Purchase", "platform", Decimal("0.7"), Decimal("0.2")),
        ("Tax", "platform", Decimal("0.08"), Decimal("0.08")),
        ("Usage", "nlp", Decimal("-0.1"), Decimal("-0.1")),
    ]
    assert rows[0]["x_CostCenter"] == "cc-7"
    assert (rows[0]["ServiceName"], rows[0]["ProviderName"]) == ("Amazon Elastic Compute Cloud", "AWS")
    assert (rows[1]["CommitmentDiscountStatus"], rows[1]["CommitmentDiscountId"]) == ("Used", "arn:sp")
    assert rows[5]["ChargeClass"] == "Correction"
    assert json.loads(rows[0]["Tags"])["aws_eks_cluster_name"] == "a"
    assert str(rows[0]["ChargePeriodStart"]) == "2026-03-02 00:00:00"


def test_aws_cur_2_as_csv(tmp_path: Path) -> None:
    outcome, rows, noted = allocated([write_csv(tmp_path / "cur.csv", AWS)])
    check_aws(rows)
    assert outcome.read_as == "aws-cur-2"
    assert "The bill's columns were read as aws-cur-2; --columns says another format." in noted
    assert rows[0]["line_item_usage_type"] == "BoxUsage:g5.xlarge"  # what the mapping does not take stays


def test_aws_cur_2_as_parquet_with_maps(tmp_path: Path) -> None:
    costs = "line_item_unblended_cost"
    rows = [
        {name: json.loads(value or "{}") if name in ("product", "resource_tags") else value or None
         for name, value in row.items()}
        for row in AWS
    ]  # fmt: skip
    path = parquet(
        tmp_path / "cur.parquet",
        rows,
        f"* EXCLUDE (product, resource_tags, {costs}), CAST({costs} AS DOUBLE) AS {costs}, "
        "CAST(to_json(product) AS MAP(VARCHAR, VARCHAR)) AS product, "
        "CAST(to_json(resource_tags) AS MAP(VARCHAR, VARCHAR)) AS resource_tags",
    )
    check_aws(allocated([path])[1])


def check_gcp(rows: list[dict[str, Any]]) -> None:
    shown = [(row["ChargeCategory"], row["x_Team"], row["BilledCost"], row["ContractedCost"]) for row in rows]
    assert shown == [
        ("Usage", "vision", Decimal("1.75"), Decimal("2.5")),
        ("Tax", "platform", Decimal("0.1"), Decimal("0.1")),
    ]
    first = rows[0]
    assert (first["SubAccountId"], first["RegionId"], first["ResourceId"]) == (
        "ml-prod",
        "us-central1",
        "//compute/vm-1",
    )
    assert (str(first["BillingPeriodStart"]), str(first["BillingPeriodEnd"])) == (
        "2026-03-01 00:00:00",
        "2026-04-01 00:00:00",
    )


def test_gcp_export_as_parquet_with_records_and_lists(tmp_path: Path) -> None:
    outcome, rows, _ = allocated([parquet(tmp_path / "gcp.parquet", GCP)])
    check_gcp(rows)
    assert outcome.read_as == "gcp-bigquery"


def test_gcp_export_as_flattened_csv(tmp_path: Path) -> None:
    check_gcp(allocated([write_csv(tmp_path / "gcp.csv", flat(GCP))])[1])


@pytest.mark.parametrize(
    ("credits", "told"),
    [
        ('[{"amount": "x"}]', 'Could not convert string "x"'),
        ("none", "Malformed JSON"),
        ('{"amount": -1}', 'no list: {"amount": -1}'),
        ('[{"amount": -1}, {"Amount": -1}]', 'no amount in {"Amount":-1}'),
        (None, "the bill has no column credits, and without it its costs are not what is paid"),
    ],
)
def test_credits_that_would_be_lost_are_refused(tmp_path: Path, credits: str | None, told: str) -> None:
    rows = [{name: value for name, value in row.items() if name != "credits"} for row in flat(GCP)]
    given = [row if credits is None else {**row, "credits": credits} for row in rows]
    with pytest.raises(InputError) as caught:
        allocated([write_csv(tmp_path / "gcp.csv", given)])
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("credits", "billed"), [("", "2.6"), (" [] ", "2.6"), ('[{"amount": null}, {"amount": "-1e-1"}]', "2.5")]
)
def test_credits_of_no_amount_count_nothing(tmp_path: Path, credits: str, billed: str) -> None:
    one, other = flat(GCP)
    bill = write_csv(tmp_path / "gcp.csv", [{**one, "credits": credits}, other])
    assert allocated([bill])[0].billed == Decimal(billed)


def check_azure(rows: list[dict[str, Any]]) -> None:
    shown = [
        (row["ChargeCategory"], row["x_Team"], row["BilledCost"], row["EffectiveCost"], row["CommitmentDiscountStatus"])
        for row in rows
    ]
    assert shown == [
        ("Usage", "speech", Decimal("3.673"), Decimal("3.673"), None),
        ("Usage", "speech", Decimal(0), Decimal(2), "Used"),
        ("Usage", "platform", Decimal(0), Decimal(1), "Unused"),
        ("Purchase", None, Decimal(900), Decimal(0), None),
        ("Purchase", "speech", Decimal(-1), Decimal(-1), None),
        ("Adjustment", None, Decimal("0.01"), Decimal("0.01"), None),
    ]
    assert rows[0]["x_CostCenter"] == "cc-9"
    assert (str(rows[0]["ChargePeriodStart"]), str(rows[0]["ChargePeriodEnd"])) == (
        "2026-03-02 00:00:00",
        "2026-03-03 00:00:00",
    )


def test_azure_export_as_csv_with_tags_without_braces(tmp_path: Path) -> None:
    outcome, rows, _ = allocated([write_csv(tmp_path / "azure.csv", AZURE)])
    check_azure(rows)
    assert outcome.read_as == "azure"


def test_azure_export_of_a_customer_agreement_writes_its_columns_otherwise(tmp_path: Path) -> None:
    low = [{name[0].lower() + name[1:]: value for name, value in row.items()} for row in AZURE]
    check_azure(allocated([write_csv(tmp_path / "azure.csv", low)])[1])


def test_azure_export_as_parquet(tmp_path: Path) -> None:
    numbers = "* EXCLUDE (CostInBillingCurrency, Date), CAST(CostInBillingCurrency AS DOUBLE) AS CostInBillingCurrency"
    path = parquet(tmp_path / "azure.parquet", AZURE, f"{numbers}, strptime(Date::VARCHAR, '%m/%d/%Y')::DATE AS Date")
    check_azure(allocated([path])[1])


def test_focus_of_the_preview_is_read_by_its_old_names(tmp_path: Path) -> None:
    old = {name: value for name, value in line("3", tags={"team": "nlp"}).items() if name != "EffectiveCost"}
    row = {**old, "AmortizedCost": "2", "ChargeType": "Usage", "Region": "us-east-1", "UsageQuantity": "5",
           "ChargeSubcategory": "Used Commitment"}  # fmt: skip
    outcome, rows, _ = allocated([write_csv(tmp_path / "focus.csv", [row])], "commitments")
    assert outcome.read_as == "focus-1.0-preview"
    assert (rows[0]["x_AllocatedCost"], rows[0]["ConsumedQuantity"]) == (Decimal(2), Decimal(5))
    assert rows[0]["RegionId"] == "us-east-1"
    assert (rows[0]["ChargeCategory"], rows[0]["CommitmentDiscountStatus"]) == ("Usage", "Used")


def test_focus_needs_no_mapping(tmp_path: Path) -> None:
    outcome, rows, noted = allocated([write_csv(tmp_path / "focus.csv", [line("3", tags={"team": "nlp"})])])
    assert outcome.read_as is None
    assert "x_ReadAs" not in rows[0]
    assert not [text for text in noted if "read as" in text]


def hive(folder: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    for number, row in enumerate(rows):
        inside = folder / "BILLING_PERIOD=2026-03"
        inside.mkdir(parents=True, exist_ok=True)
        write_csv(inside / f"cur-{number:05}.csv", [row])
    return folder


def by_day(folder: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    for number, row in enumerate(rows):
        inside = folder / "year=2026" / "month=03" / f"day={number + 1:02}"
        inside.mkdir(parents=True)
        plain = write_csv(inside / f"part-{number}.csv", [row])
        (inside / f"part-{number}.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return folder


def nested(folder: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    for number, row in enumerate(rows):
        inside = folder / "exports" / f"run {number}"
        inside.mkdir(parents=True)
        write_csv(inside / f"a{number}.csv", [row])
        (inside / "manifest.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("laid", [hive, by_day, nested])
def test_folders_are_read_whole_however_they_are_laid_out(
    tmp_path: Path, laid: Callable[[Path, Sequence[Mapping[str, str]]], Path]
) -> None:
    check_aws(allocated([laid(tmp_path / "bill", AWS)])[1])


@pytest.mark.parametrize(
    "written", ["MAP {'team': 'nlp'}", "[{'key': 'team', 'value': 'nlp', 'x_type': 'label'}]", "{'team': 'nlp'}"]
)
def test_tags_of_a_focus_bill_may_be_a_map_a_list_or_a_record(tmp_path: Path, written: str) -> None:
    import duckdb

    when = "TIMESTAMPTZ '2026-03-01 00:00:00+00' AS ChargePeriodStart"
    columns = f"1.5 AS BilledCost, 'USD' AS BillingCurrency, {when}, {written} AS Tags"
    duckdb.execute(f"COPY (SELECT {columns}) TO '{tmp_path}/bill.parquet'")
    _, rows, _ = allocated([tmp_path / "bill.parquet"])
    assert rows[0]["x_Team"] == "nlp"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_lines_of_files_of_one_name_have_ids_of_their_own(tmp_path: Path, ending: str) -> None:
    for day in ("01", "02"):
        folder = tmp_path / "bill" / f"day={day}"
        folder.mkdir(parents=True)
        made = [line(day, tags={"team": "nlp"}), line("2")]
        if ending == "csv":
            write_csv(folder / "part.csv", made)
        else:
            parquet(folder / "part.parquet", made)
    ids = [row["x_LineId"] for row in allocated([tmp_path / "bill"])[1]]
    assert len(set(ids)) == 4
    assert ids[0] == f"day=01/part.{ending}:1"


def test_a_mapping_of_ones_own_is_a_file(tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "own.csv", [{"when": "02.03.2026", "amount": "7", "who": "nlp", "kind": "x"}])
    own = tmp_path / "own.yaml"
    own.write_text(
        """\
apiVersion: spendgate.dev/v1
kind: ColumnMapping
metadata: {name: own}
columns:
  BilledCost: amount
  BillingCurrency: {value: EUR}
  ChargePeriodStart: {column: when, time: "%d.%m.%Y"}
  ChargeCategory: {column: kind, values: {x: Usage}}
  x_Who: who
""",
        encoding="utf-8",
    )
    outcome, rows, _ = allocated([bill], columns=str(own))
    assert (outcome.currency, outcome.billed, rows[0]["x_Who"]) == ("EUR", Decimal(7), "nlp")
    assert str(rows[0]["ChargePeriodStart"]) == "2026-03-02 00:00:00"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("aws-cur", 'did you mean "aws-cur-2"?'),
        ("zz", "Known are focus, aws-cur-2, azure"),
        ("gcp-bigquery", "the bill lacks"),
        ("focus", "the bill lacks BillingCurrency, ChargePeriodStart, BilledCost"),
        ("nowhere.yaml", "cannot be read"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(tmp_path: Path, asked: str, told: str) -> None:
    bill = write_csv(tmp_path / "cur.csv", AWS)
    with pytest.raises(InputError) as caught:
        allocated([bill], columns=asked)
    if asked != "gcp-bigquery":
        assert told in str(caught.value)


def test_a_cost_of_the_provider_that_is_no_number_is_told(tmp_path: Path) -> None:
    rows = flat(GCP)
    rows[0]["credits"] = json.dumps([{"amount": "much"}])
    with pytest.raises(InputError, match="much"):
        allocated([write_csv(tmp_path / "gcp.csv", rows)])
    rows[0]["credits"] = "[{"
    with pytest.raises(InputError, match="alformed JSON"):
        allocated([write_csv(tmp_path / "gcp.csv", rows)])
    rows[0]["credits"], rows[0]["cost"] = "[]", "dear"
    with pytest.raises(InputError, match="1 of 2 lines have no BilledCost"):
        allocated([write_csv(tmp_path / "gcp.csv", rows)])


def test_a_column_that_focus_has_not_is_refused_with_its_place(tmp_path: Path) -> None:
    text = shipped()["aws-cur-2"].read_text(encoding="utf-8").replace("  ListCost:", "  ListCosts:")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r'own\.yaml:\d+:3: ListCosts is no column of FOCUS\ndid you mean "ListCost"'):
        load_mapping(tmp_path / "own.yaml")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("{value: 5}", ":7:23: columns.BilledCost.value is an integer, not of type string"),
        ("{column: a, values: {b: c}, othrwise: d}", 'unknown key "othrwise"\ndid you mean "otherwise"'),
        ("{columns: a}", "has the keys columns, which no form of it has\nIt has value; or column and values; or"),
        ("5", "columns.BilledCost: 5 is not valid .*\nA column .a.b for a field of a record., the first of several"),
    ],
)
def test_a_form_that_is_written_wrong_is_told_by_what_was_meant(tmp_path: Path, form: str, told: str) -> None:
    (tmp_path / "own.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: ColumnMapping\nmetadata: {name: own}\n"
        f"columns:\n  BillingCurrency: cur\n  ChargePeriodStart: when\n  BilledCost: {form}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=told):
        load_mapping(tmp_path / "own.yaml")


def test_every_shipped_mapping_names_its_sources() -> None:
    assert sorted(shipped()) == ["aws-cur-2", "azure", "focus-1.0-preview", "gcp-bigquery", "gcp-focus"]
    for path in shipped().values():
        assert "https://" in path.read_text(encoding="utf-8")
        assert load_mapping(path).every


def test_the_command_takes_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bill = write_csv(tmp_path / "cur.csv", AWS)
    words = ["allocate", str(bill), "--rules", "by-tags", "--output", str(tmp_path / "out.csv")]
    assert main([*words, "--columns", "aws-cur-2"]) == 0
    assert "read as aws-cur-2" in capsys.readouterr().out
    assert main([*words, "--columns", "azzure"]) == 2
    assert 'did you mean "azure"?' in capsys.readouterr().err


def test_columns_of_the_bill_that_are_named_like_answers_stand_in_nobodys_way(tmp_path: Path) -> None:
    row = {**line("3", tags={"team": "nlp"}), "cost": "dear", "team": "x", "rule": "y", "status": "z", "month": "m"}
    bill = str(write_csv(tmp_path / "focus.csv", [row]))
    assert main(["allocate", bill, "--rules", "by-tags", "--output", str(tmp_path / "out")]) == 0
    gcp = str(write_csv(tmp_path / "gcp.csv", flat(GCP)))
    assert main(["allocate", gcp, "--rules", "by-tags", "--output", str(tmp_path / "out-gcp")]) == 0


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
tags = st.dictionaries(words.filter(str.strip), words, max_size=4)


@settings(deadline=None, max_examples=60)
@given(tags)
def test_tags_are_the_same_however_the_bill_writes_them(written: dict[str, str]) -> None:
    import duckdb

    pairs = json.dumps([{"key": key, "value": value} for key, value in written.items()])
    whole = json.dumps(written)
    listed = select_list(load_mapping(shipped()["azure"]), {"Tags": "VARCHAR", "BillingAccountId": "VARCHAR"})
    bill = "SELECT column0 AS Tags, 'x' AS BillingAccountId FROM (VALUES (?), (?), (?)) AS t(column0)"
    rows = duckdb.execute(f"SELECT Tags FROM (SELECT {listed} FROM ({bill}))", [whole, whole[1:-1], pairs]).fetchall()
    found = [json.loads(text or "{}") for (text,) in rows]
    assert found == [written] * 3


@settings(deadline=None, max_examples=60)
@given(
    st.lists(words.filter(str.strip), min_size=2, max_size=6, unique_by=lambda word: word.strip().lower()),
    st.sampled_from(",;\t|"),
)
def test_the_separator_is_found_whatever_the_columns_are_called(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], separator: str
) -> None:
    import csv

    path = tmp_path_factory.mktemp("head") / "bill.csv"
    plain = [
        "".join(letter for letter in name if letter not in ",;\t|") + str(index) for index, name in enumerate(names)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerow(plain)
    assert separator_of([path]) == separator
