"""Bills of clouds on Spark: the mappings that are data give what they give on DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.bill.mapping import ColumnMapping, load_mapping, select_list
from spendgate.allocate.bill.words import DUCKDB
from spendgate.allocate.library import find_rules
from spendgate.allocate.run import Request
from spendgate.allocate.spark.mapping import SPARK, type_name
from spendgate.errors import InputError
from tests.allocate import test_focus as focus
from tests.allocate import test_mapping as bills
from tests.allocate.bills import line, write_csv
from tests.allocate.test_spark import read_alike, same

pytestmark = pytest.mark.xdist_group("spark")

COSTS = "line_item_unblended_cost"


def aws_with_maps(folder: Path) -> Path:
    maps = ("product", "resource_tags")
    rows = [
        {name: json.loads(value or "{}") if name in maps else value or None for name, value in row.items()}
        for row in bills.AWS
    ]
    return bills.parquet(
        folder / "cur.parquet",
        rows,
        f"* EXCLUDE (product, resource_tags, {COSTS}), CAST({COSTS} AS DOUBLE) AS {COSTS}, "
        "CAST(to_json(product) AS MAP(VARCHAR, VARCHAR)) AS product, "
        "CAST(to_json(resource_tags) AS MAP(VARCHAR, VARCHAR)) AS resource_tags",
    )


def azure_with_dates(folder: Path) -> Path:
    numbers = "* EXCLUDE (CostInBillingCurrency, Date), CAST(CostInBillingCurrency AS DOUBLE) AS CostInBillingCurrency"
    columns = f"{numbers}, strptime(Date::VARCHAR, '%m/%d/%Y')::DATE AS Date"
    return bills.parquet(folder / "azure.parquet", bills.AZURE, columns)


def azure_of_a_customer_agreement(folder: Path) -> Path:
    low = [{name[0].lower() + name[1:]: value for name, value in row.items()} for row in bills.AZURE]
    return write_csv(folder / "azure.csv", low)


def preview(folder: Path) -> Path:
    old = {name: value for name, value in line("3", tags={"team": "nlp"}).items() if name != "EffectiveCost"}
    more = {"AmortizedCost": "2", "ChargeType": "Usage", "Region": "us-east-1", "UsageQuantity": "5"}
    return write_csv(folder / "focus.csv", [{**old, **more, "ChargeSubcategory": "Used Commitment"}])


def google_focus(folder: Path) -> Path:
    import duckdb

    row = {name: value for name, value in focus.GCP.items() if name not in ("Tags", "x_Credits")}
    columns = focus.columns_of(row, dict.fromkeys(row, "VARCHAR"))
    labels = "[{'Key': 'team', 'Value': 'label'}, {'Key': 'Team', 'Value': 'x'}] AS x_Labels"
    duckdb.execute(f"COPY (SELECT {columns}, {labels}, [{{'Amount': -0.5}}] AS x_Credits) TO '{folder}/gcp.parquet'")
    return folder / "gcp.parquet"


@pytest.mark.parametrize(
    ("made", "read_as"),
    [
        (google_focus, "gcp-focus"),
        (lambda folder: write_csv(folder / "view.csv", [focus.GCP]), "gcp-focus"),
        (lambda folder: bills.by_day(folder / "cur", bills.AWS), "aws-cur-2"),
        (aws_with_maps, "aws-cur-2"),
        (lambda folder: bills.parquet(folder / "gcp.parquet", bills.GCP), "gcp-bigquery"),
        (lambda folder: write_csv(folder / "gcp.csv", bills.flat(bills.GCP)), "gcp-bigquery"),
        (lambda folder: write_csv(folder / "azure.csv", bills.AZURE), "azure"),
        (azure_of_a_customer_agreement, "azure"),
        (azure_with_dates, "azure"),
        (preview, "focus-1.0-preview"),
    ],
)
def test_a_bill_of_another_format_is_read_alike(
    spark: Any, tmp_path: Path, made: Callable[[Path], Path], read_as: str
) -> None:
    rules, rules_file = find_rules(["by-tags"])
    rows = read_alike(spark, Request((made(tmp_path),), rules, rules_file))
    assert {row["x_ReadAs"] for row in rows} == {read_as}


@pytest.mark.parametrize(
    "made",
    [aws_with_maps, lambda folder: write_csv(folder / "gcp.csv", bills.flat(bills.GCP)), azure_with_dates],
)
def test_a_bill_of_another_format_is_allocated_alike(spark: Any, tmp_path: Path, made: Callable[[Path], Path]) -> None:
    rules, rules_file = find_rules(["by-tags"])
    outcome, _ = same(tmp_path, spark, Request((made(tmp_path),), rules, rules_file))
    assert outcome.read_as is not None
    assert outcome.reconciles


OWN = """\
apiVersion: spendgate.dev/v1
kind: ColumnMapping
metadata: {name: own}
columns:
  BilledCost: {sum: [amount, {total: fees, field: amount}, more]}
  BillingCurrency: {value: "it's \\\\ EUR"}
  ChargePeriodStart: {column: when, time: "%d.%m.%Y %H:%M"}
  ChargePeriodEnd: {column: when, time: "%Y%m", plus: month}
  ChargeCategory: {column: kind, values: {x: Usage, "a'b": Tax}, otherwise: Adjustment}
  ServiceName: [service.name, kind]
  x_Deep: service.a.b
tags: {sources: [labels, tags], strip: user_, rename: {cost_center: cost-center}}
"""

KINDS = ("x", "a'b", "", None, "y")
AMOUNTS = ("1.5", "-0.000000000000001", "", None, "1e3", "7", "9999999999999.999999999999999")
WHENS = (
    "02.03.2026 10:30", "2.3.2026 1:5", "2026-03-02T10:30:00+02:00", "2026-03-02", "202603", "20263", "12:00", "now",
    "30.02.2026 00:00", " 02.03.2026 00:00 ", None, "", "002.3.2026 1:5",
)  # fmt: skip
SERVICES = (
    '{"name": "a", "a": {"b": "c"}}', '{"name": null}', '{"name": ""}', "no json", "[1]", None, '{"name": 1.5}',
    '{"a": {"b": {"c": [1, "x"]}}} ',
)  # fmt: skip
FEES = ('[{"amount": 1.25}, {"amount": "-0.5"}]', "[]", "", None, '[{"x": 1, "amount": 2}]', ' [{"amount": null}] ')
TAG_TEXTS = (
    '{"user_team": "nlp", "cost_center": "7"}', '"user_team": "nlp","b": "ü"', '[{"key": "user_a", "value": "1"}]',
    '[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]', "broken", '{"a": null}', "{}", "", None, " ",
    '{"user_": "x", "user_user_a": "y"}', '{"a": {"b": 1}}', '{"a": "\\\\"\\n\\t\\u0001/"}', '{"a": "1"} x',
)  # fmt: skip


def drawn(random: Random) -> dict[str, str | None]:
    return {
        "amount": random.choice(AMOUNTS),
        "more": random.choice(AMOUNTS),
        "when": random.choice(WHENS),
        "kind": random.choice(KINDS),
        "service": random.choice(SERVICES),
        "fees": random.choice(FEES),
        "labels": random.choice(TAG_TEXTS),
        "tags": random.choice(TAG_TEXTS),
    }


def on_both(
    spark: Any, mapping: ColumnMapping, rows: Sequence[Mapping[str, str | None]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the mapping makes of the rows, by DuckDB and by Spark."""
    import duckdb
    import pyarrow as pa

    table = pa.Table.from_pylist([{"n": str(number), **row} for number, row in enumerate(rows)])
    columns = dict.fromkeys(table.column_names, "VARCHAR")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("bill", table)
        made = connection.execute(f"SELECT {select_list(mapping, columns, DUCKDB)} FROM bill")
        names = [column[0] for column in made.description]
        ours = [dict(zip(names, row, strict=True)) for row in made.fetchall()]
    frame = spark.createDataFrame(table)
    frame.createOrReplaceTempView("drawn")
    types = {field.name: type_name(field.dataType) for field in frame.schema.fields}
    found = spark.sql(f"SELECT {select_list(mapping, types, SPARK)} FROM drawn").collect()
    spark.catalog.dropTempView("drawn")
    return ours, [row.asDict() for row in found]


def test_whatever_a_mapping_says_both_engines_read_it_alike(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    random = Random(7)
    mapping = load_mapping(tmp_path / "own.yaml")
    zone = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.mapKeyDedupPolicy", "LAST_WIN")
    try:
        ours, theirs = on_both(spark, mapping, [drawn(random) for _ in range(600)])
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)
        spark.conf.unset("spark.sql.mapKeyDedupPolicy")
    for one, other in zip(ours, theirs, strict=True):
        assert other == one


def test_amounts_that_are_none_fail_on_both(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    mapping = load_mapping(tmp_path / "own.yaml")
    for fees in ('[{"amount": "much"}]', "[{", '[{"amount": 1}] x', '[{"Amount": 1}]', '{"amount": 1}', "[null]"):
        row = {**drawn(Random(1)), "amount": "1", "fees": fees}
        with pytest.raises(Exception, match=r"much|alformed JSON|no amount in|no list"):
            on_both(spark, mapping, [row])
        types = dict.fromkeys(row, "VARCHAR")
        values = ", ".join(f"{SPARK.text(value or '')} AS {name}" for name, value in row.items())
        with pytest.raises(Exception, match=r"much|alformed JSON|no amount in|no list"):
            spark.sql(f"SELECT {select_list(mapping, types, SPARK)} FROM (SELECT {values})").collect()


def test_a_form_of_times_that_spark_cannot_read_is_refused_with_its_mapping(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN.replace("%Y%m", "%d %b %Y"), encoding="utf-8")
    mapping = load_mapping(tmp_path / "own.yaml")
    with pytest.raises(InputError, match=r'own\.yaml: Spark reads no times of the form "%d %b %Y"'):
        select_list(mapping, dict.fromkeys(drawn(Random(1)), "VARCHAR"), SPARK)
