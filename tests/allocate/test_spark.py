"""The same rules on Spark: what it writes is what DuckDB writes, to the last decimal."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

import pyarrow as pa
import pyarrow.parquet as pq

from spendgate.allocate.asking import rows_of
from spendgate.allocate.bill.focus import COLUMNS, LINE_ID, READ_AS
from spendgate.allocate.bill.focus import TAGS as TAGS_COLUMN
from spendgate.allocate.bill.lines import typed
from spendgate.allocate.bill.read import open_bill
from spendgate.allocate.explain import explain
from spendgate.allocate.load import load_disputes, load_rules
from spendgate.allocate.run import Outcome, Request, allocate, engine
from spendgate.allocate.spark import allocate_with, session
from spendgate.allocate.spark.patterns import java
from spendgate.allocate.spark.run import Spark, _settings
from spendgate.errors import InputError
from tests.allocate.bills import HEAD, line, write_csv

pytestmark = pytest.mark.xdist_group("spark")

RULES = """
aliases: {team: {NLP: nlp}}
drivers:
  gpu-hours: {unit: GPU-hours, value: row.hours * row.weight}
rules:
  - name: settled
    layer: override
    match: line.ServiceName == "Support" && line.BilledCost < 0.0
    owner: {team: '"finance"'}
    dispute: d-1
    effective: {from: 2026-01-01, until: 2026-03-02}
  - name: regular
    layer: direct
    match: line.ResourceId.matches("^(?i)i-[0-9a-f]{2,}$") && has(tags.team)
    owner: {team: tags.team, product: 'tags["te.am/ x"]', cost_center: 'line.SubAccountId + ":" + tags["a b"]'}
  - name: macro
    layer: direct
    match: tags.exists(key, key.startsWith("x-")) && line.BilledCost > 1.5
    owner: {team: '"macro"', project: columns.x_Cluster, product: 'string(int(line.BilledCost) + int(line.SubAccountId))'}
  - name: late
    layer: direct
    match: line.ChargePeriodStart >= "2026-03-31T23:00:00Z" && tags.team in ["nlp", "vision", "ünïcode"]
    owner: {team: tags.team, environment: "tags.team == 'nlp' ? 'prod' : 'dev'"}
  - name: cluster
    layer: proportional
    match: line.ServiceName == "Kubernetes"
    pool: columns.x_Cluster
    driver: gpu-hours
    window: day
    idle: to_platform
    platform: {team: platform}
  - name: monthly
    layer: proportional
    match: line.ServiceName.startsWith("Stor")
    pool: columns.x_Cluster
    driver: gpu-hours
    window: month
  - name: tax
    layer: fixed
    match: line.ServiceName.contains("Tax") || line.ServiceName.endsWith("port")
    split: heads
    shares: [{team: a, heads: 1}, {team: b, heads: 2}, {team: c, heads: 4}, {team: d, heads: 3}, {team: e, heads: 11},
             {team: f, heads: 13}, {team: g, heads: 7}]
"""

DISPUTES = """\
apiVersion: spendgate.dev/v1
kind: Disputes
disputes:
  - {name: d-1, match: 'line.ServiceName == "Support"', reason: too much, openedBy: ada, opened: 2026-03-01}
"""

DAYS = ("2026-02-28", "2026-03-01", "2026-03-02", "2026-03-31", "2026-04-01")

USES = [
    {"date": day, "pool": pool, "team": team, "hours": hours, "weight": weight}
    for day in DAYS[:4]
    for pool in ("c1", "ü2")
    for team, hours, weight in (("nlp", "3", "1"), ("vision", "7.5", "0.3"), ("ops", "1", "1"), ("r", "0.1", "1"))
]


def asked(
    folder: Path,
    bill: Path,
    rules: str,
    drivers: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    disputes: str | None = None,
    **options: Any,
) -> Request:
    """Write rules, tables and disputes, and ask for the allocation of the bill."""
    rules_file = folder / "rules.yaml"
    rules_file.write_text(HEAD + rules, encoding="utf-8")
    given = {name: write_csv(folder / f"{name}.csv", table) for name, table in (drivers or {}).items()}
    contested = ()
    if disputes is not None:
        (folder / "disputes.yaml").write_text(disputes, encoding="utf-8")
        contested = load_disputes(folder / "disputes.yaml")
    return Request((bill,), load_rules(rules_file), rules_file, given, contested, **options)


def on_spark(
    folder: Path,
    session: Any,
    bill: Path,
    rules: str,
    drivers: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    output: str = "spark.parquet",
    lines: Any = None,
    **options: Any,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Allocate by Spark alone."""
    outcome = allocate_with(session, asked(folder, bill, rules, drivers, **options), folder / output, lines)
    with engine() as connection:
        if output.endswith(".csv"):
            return outcome, []
        return outcome, connection.read_parquet(str(folder / output / "*.parquet")).to_pyarrow().to_pylist()


def both(
    folder: Path,
    session: Any,
    rows: Sequence[Mapping[str, str]] | Path,
    rules: str = RULES,
    drivers: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    disputes: str | None = None,
    **options: Any,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Allocate by DuckDB and by Spark; the two must be the same. What they are comes back."""
    bill = rows if isinstance(rows, Path) else write_csv(folder / "bill.csv", rows)
    return same(folder, session, asked(folder, bill, rules, drivers, disputes, **options))


def same(folder: Path, session: Any, request: Request) -> tuple[Outcome, list[dict[str, Any]]]:
    """Ask both engines the same. What they answer must be the same, and comes back."""
    with engine() as connection:
        ours = allocate(request, folder / "duckdb.parquet", connection)
        theirs = allocate_with(session, request, folder / "spark.parquet")
        one = connection.read_parquet(str(folder / "duckdb.parquet")).to_pyarrow().to_pylist()
        other = connection.read_parquet(str(folder / "spark.parquet" / "*.parquet")).to_pyarrow().to_pylist()
    names = [name for name in one[0] if name.startswith("x_")]
    assert sorted(one[0]) == sorted(other[0])
    assert in_order(other, names) == in_order(one, names)
    for field in dataclasses.fields(Outcome):
        assert getattr(theirs, field.name) == getattr(ours, field.name), field.name
    return theirs, other


def read_alike(session: Any, request: Request) -> list[dict[str, Any]]:
    """What both engines read of the bill, in FOCUS columns; it must be the same, and comes back in order."""
    cost, place = request.rules.amount.column, request.bills[0]

    def asked_of(lines: Any) -> Any:
        names = [name for name in lines.columns if name in (*COLUMNS, TAGS_COLUMN, LINE_ID, READ_AS, "x_InstanceType")]
        return lines.select(
            **{name: lines[name].cast("string") if lines[name].type().is_timestamp() else lines[name] for name in names}
        )

    with engine() as connection, _settings(session):
        ours = asked_of(typed(open_bill(connection, request.bills, request.line_id, request.columns), cost, place))
        one = rows_of(connection, ours)
        spark = Spark(session, connection)
        other = spark.rows(asked_of(typed(spark.open_bill(request), cost, place, spark.as_time)))
        spark.close()
    for rows in (one, other):
        rows.sort(key=lambda row: row["x_LineId"])
    assert other == one
    return other


def in_order(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[name] for name in names) for row in rows), key=repr)


MAP = pa.map_(pa.string(), pa.string())
TAGS = (None, '{"team": "nlp"', "no json", "[1]", "null", '"x"', "{}", '{"team":"a"} x', '{"team": null}')
TEAMS = ("nlp", "NLP", "vision", "ünïcode", "日本 語", "", "o'brien\\n", '"', "`t`", "a\nb")
COSTS = (
    "0",
    "-0",
    "0.0000000000005",
    "-0.0000000000005",
    "0.0000000000015",
    "1e-3",
    " 7.5 ",
    "1e3",
    "-99999999.000000000001",
)
TIMES = ("{}T{}Z", "{} {}", "{}T{}+02:00", "{}T{}-05:30", "{}T{}.999999Z", "{}")


def drawn(random: Random) -> dict[str, str]:
    """A line of whatever a bill may hold."""
    tags: Any = random.choice(TAGS)
    if random.random() < 0.7:
        keys = random.sample(("team", "te.am/ x", "a b", "x-y", "Team"), random.randrange(4))
        tags = json.dumps({key: random.choice(TEAMS) for key in keys}, ensure_ascii=random.random() < 0.5)
    amount = Decimal(random.randrange(-(10**20), 10**20)).scaleb(-random.choice((8, 12, 13, 14)))
    return {
        **line(random.choice(COSTS) if random.random() < 0.3 else f"{amount:f}", tags=tags),
        "ChargePeriodStart": random.choice(TIMES).format(
            random.choice(DAYS), random.choice(("00:00:00", "22:30:00", "23:59:59", "12:00:00"))
        ),
        "ServiceName": random.choice(("Kubernetes", "Storage", "Support", "Tax", "Compute", "")),
        "ResourceId": random.choice(("i-0F", "i-0f\n", "I-12", "j-12", "i-zz", "")),
        "SubAccountId": random.choice(("1", "ü", "", "NULL")),
        "x_Cluster": random.choice(("c1", "ü2", "unused", "")),
    }


@given(st.integers(0, 2**32))
@settings(max_examples=1, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_whatever_the_bill_spark_writes_what_duckdb_writes(
    spark: Any, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    random = Random(seed)
    rows = [drawn(random) for _ in range(800)]
    outcome, _ = both(tmp_path_factory.mktemp("bill"), spark, rows, drivers={"gpu-hours": USES}, disputes=DISPUTES)
    assert outcome.reconciles


POOL = """
drivers:
  gpu-hours: {unit: GPU-hours, value: row.hours}
rules:
  - {name: cluster, layer: proportional, match: line.ServiceName == "Kubernetes", pool: tags.cluster, driver: gpu-hours}
  - {name: team, layer: direct, match: has(tags.team), owner: {team: tags.team}}
"""


def test_parquet_in_partitioned_folders_is_read_alike(spark: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill"
    for number, month in enumerate(("2026-02", "2026-03")):
        folder = bill / f"billing_period={month}" / "source=a%20b"
        folder.mkdir(parents=True)
        start = datetime(2026, 2 + number, 28, 23, 30, tzinfo=UTC)
        columns = {
            "BilledCost": pa.array(
                [Decimal("1.25"), Decimal("-0.0000005"), Decimal("7")][: 3 - number], pa.decimal128(20, 7)
            ),
            "BillingCurrency": ["USD"] * (3 - number),
            "ChargePeriodStart": pa.array([start] * (3 - number), pa.timestamp("us", "UTC")),
            "ServiceName": ["Kubernetes", "Compute", "Tax"][: 3 - number],
            "Tags": pa.array([[("t", "ü"), ("cluster", "c1")], None, [("team", None)]][: 3 - number], MAP),
        }
        table = pa.table(columns | ({"x_New": pa.array([1, 2])} if number else {}))
        pq.write_table(table, folder / "part 0.parquet")
    uses = [
        {"date": day, "pool": "c1", "team": team, "hours": "1"}
        for day in ("2026-02-28", "2026-03-28")
        for team in "abc"
    ]
    rules = (
        POOL
        + """  - {name: source, layer: direct, match: 'columns.source == "a b" && line.ServiceName == "Compute"', owner: {project: columns.billing_period}}
"""
    )
    _, rows = both(tmp_path, spark, bill, rules, {"gpu-hours": uses}, month="2026-03")
    assert {row["x_LineId"] for row in rows} == {
        f"billing_period=2026-03/source=a%20b/part 0.parquet:{row}" for row in (1, 2)
    }
    assert sorted(str(row["x_Team"]) for row in rows) == ["None", "a", "b", "c"]


def hive(folder: Path, name: str, number: int, bill: str) -> None:
    inside = folder / f"BILLING_PERIOD=2026-0{number + 1}"
    inside.mkdir(parents=True)
    (inside / "part 0.csv").write_text(bill, encoding="utf-8")


def packed(folder: Path, name: str, number: int, bill: str) -> None:
    inside = folder / f"exports/run {number}"
    inside.mkdir(parents=True)
    (inside / "a+b%20.csv.gz").write_bytes(gzip.compress(bill.encode()))


def plain(folder: Path, name: str, number: int, bill: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(bill, encoding="utf-8")


@pytest.mark.parametrize(
    ("laid", "ids"),
    [
        (hive, {f"BILLING_PERIOD=2026-0{number}/part 0.csv:{row}" for number in (1, 2, 3) for row in (1, 2)}),
        (packed, {f"run {number}/a+b%20.csv.gz:{row}" for number in (0, 1, 2) for row in (1, 2)}),
        (plain, {f"{name}.csv:{row}" for name in "cab" for row in (1, 2)}),
    ],
)
def test_lines_of_many_files_have_the_same_ids(
    spark: Any, tmp_path: Path, laid: Callable[[Path, str, int, str], None], ids: set[str]
) -> None:
    heads = ("\ufeffBilledCost", "Tags,BilledCost", "x_More,BilledCost")
    for number, head in enumerate(heads):
        before = "," * head.count(",")
        rows = [f"{before}{number}{row},USD,2026-03-01,{name}" for row, name in ((1, '"a\nb"'), (2, "c"))]
        text = "\n".join((f"{head},BillingCurrency,ChargePeriodStart,ChargeDescription", *rows, ""))
        laid(tmp_path / "bill", f"{'cab'[number]}.csv", number, text)
    found = read_alike(spark, asked(tmp_path, tmp_path / "bill", POOL, {"gpu-hours": USES}))
    assert sorted(row["BilledCost"] for row in found) == [1, 2, 11, 12, 21, 22]
    assert {row["x_LineId"] for row in found} == ids


def test_files_that_share_no_folder_are_named_alike(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, folder in enumerate(("here", "there")):
        (tmp_path / folder).mkdir()
        table = pa.table(
            {
                "BilledCost": [1.5 + number, 98765432.123],
                "BillingCurrency": ["USD", "USD"],
                "ChargePeriodStart": pa.array([datetime(2026, 3, 1)] * 2, pa.timestamp("us")),
            }
        )
        pq.write_table(table, tmp_path / folder / "part.parquet")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    request = asked(
        tmp_path, tmp_path / "link", "rules: [{name: t, layer: direct, match: has(tags.t), owner: {team: tags.t}}]"
    )
    request = dataclasses.replace(request, bills=(tmp_path / "link", Path("here")))
    outcome, rows = same(tmp_path, spark, request)
    assert {row["x_LineId"] for row in rows} == {
        f"{folder}/part.parquet:{row}" for folder in ("here", f"{tmp_path}/link") for row in (1, 2)
    }
    # What is binary counts with the digits that it was written with.
    assert outcome.billed == Decimal("197530864.246") + 4


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [line("1"), line("2") | {"BillingCurrency": "EUR"}],
            {},
            "the bill is in 2 currencies, EUR and USD among them",
        ),
        (
            [line("abc"), line("")],
            {},
            "1 of 2 lines have a BilledCost that is no number; 1 of 2 lines have no BilledCost",
        ),
        ([line("1") | {"ChargePeriodStart": "12:00"}], {}, "1 of 1 lines have a ChargePeriodStart that is no time"),
        ([line("1")], {"month": "2026-04"}, "the bill has no lines of 2026-04"),
        ([line("1")], {"line_id": "Id"}, "no column Id"),
    ],
)
def test_a_bill_that_is_wrong_is_refused_in_the_same_words_and_leaves_nothing(
    spark: Any, tmp_path: Path, rows: list[dict[str, str]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        on_spark(tmp_path, spark, write_csv(tmp_path / "bill.csv", rows), POOL, {"gpu-hours": USES}, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bill.csv", "gpu-hours.csv", "rules.yaml"]


def test_a_file_that_is_cut_off_is_refused(spark: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text("BilledCost,BillingCurrency,ChargePeriodStart\n1,USD,2026-03-01\n2,USD", encoding="utf-8")
    with pytest.raises(InputError, match=r"bill\.csv: Spark could not allocate the bill"):
        on_spark(tmp_path, spark, bill, POOL, {"gpu-hours": USES})
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_line_ids_that_stand_twice_are_told(spark: Any, tmp_path: Path) -> None:
    rows = [line("1", x_Id="a"), line("2", x_Id="a"), line("3", x_Id="b")]
    outcome, _ = both(tmp_path, spark, rows, POOL, {"gpu-hours": USES}, line_id="x_Id")
    assert outcome.duplicates == ("a",)
    assert not outcome.reconciles


def test_a_table_of_the_session_is_allocated_and_the_session_stays_as_it_was(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(
        [("a", Decimal("10.000000000001"), "USD", datetime(2026, 3, 1, tzinfo=UTC), '{"team": "nlp"}')],
        "id string, BilledCost decimal(30, 12), BillingCurrency string, ChargePeriodStart timestamp, Tags string",
    )
    zone, level = spark.conf.get("spark.sql.session.timeZone"), log_level(spark)
    outcome, rows = on_spark(tmp_path, spark, Path("bill"), POOL, {"gpu-hours": USES}, lines=frame, line_id="id")
    assert (outcome.allocated, rows[0]["x_Team"], rows[0]["x_LineId"]) == (Decimal("10.000000000001"), "nlp", "a")
    assert spark.conf.get("spark.sql.session.timeZone") == zone == "America/New_York"
    assert log_level(spark) == level
    assert spark.catalog.listTables() == []
    assert spark.range(1).count() == 1  # it was not stopped


def test_columns_that_differ_in_case_alone_are_refused_and_other_cases_are_read(spark: Any, tmp_path: Path) -> None:
    columns = "CAST(2 AS DECIMAL(30, 12)) AS billedcost, 'USD' AS BILLINGCURRENCY, TIMESTAMP '2026-03-01' AS chargePeriodStart"
    frame = spark.sql(f'SELECT \'a\' AS id, {columns}, \'[{{"key": "team", "value": "nlp"}}]\' AS TAGS')
    options = {"drivers": {"gpu-hours": USES}, "line_id": "id"}
    outcome, rows = on_spark(tmp_path, spark, Path("bill"), POOL, lines=frame, **options)
    assert (outcome.billed, rows[0]["x_Team"]) == (2, "nlp")
    twice = frame.selectExpr("*", "1 AS BilledCost")
    with pytest.raises(InputError, match='two columns are named "billedcost"'):
        on_spark(tmp_path, spark, Path("bill"), POOL, lines=twice, **options)


def log_level(session: Any) -> str:
    return str(session.sparkContext._jvm.org.apache.logging.log4j.LogManager.getRootLogger().getLevel().toString())


@pytest.mark.parametrize("pattern", ["[[:alpha:]]", "(?P<a>b)", "(?U)a", "[a&&b]", "a{,3}", "\\\\v", "\\\\pN", "[[]"])
def test_a_pattern_that_java_reads_otherwise_is_refused_with_its_place(tmp_path: Path, pattern: str) -> None:
    rules = f"""
rules:
  - name: pattern
    layer: direct
    match: 'line.ServiceName.matches("{pattern}")'
    owner: {{team: '"a"'}}
"""
    with pytest.raises(InputError, match=r"rules\.yaml:8:12: .*Spark and DuckDB read alike"):
        Spark(None, None).hold(asked(tmp_path, Path("bill.csv"), rules))


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^(?i)a.$", r"(?d)^(?iu)a.\z"),
        (r"[\s,]+?(?:a|b{2,3})\s", r"(?d)[\t\n\f\r ,]+?(?:a|b{2,3})[\t\n\f\r ]"),
        (r"\p{Lu}\.\$", r"(?d)\p{Lu}\.\$"),
    ],
)
def test_a_pattern_means_in_java_what_it_means_in_re2(pattern: str, written: str) -> None:
    assert java(pattern) == written


def test_csv_is_a_folder_of_part_files_that_replaces_an_earlier_one_whole(spark: Any, tmp_path: Path) -> None:
    bill = write_csv(tmp_path / "bill.csv", [line("1", tags={"team": "nlp"})])
    (tmp_path / "out.csv").mkdir()
    (tmp_path / "out.csv" / "part-0.csv").write_text("earlier", encoding="utf-8")
    on_spark(tmp_path, spark, bill, POOL, {"gpu-hours": USES}, output="out.csv")
    assert (tmp_path / "out.csv").is_dir()
    with engine() as connection:
        (row,) = explain(connection, tmp_path / "out.csv", "bill.csv:1")
    assert (row["x_Team"], row["x_AllocatedCost"]) == ("nlp", 1)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["bill.csv", "gpu-hours.csv", "out.csv", "rules.yaml"]


def test_rules_that_overlap_are_counted_on_a_sample_of_a_large_bill(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spendgate.allocate.findings.SAMPLE", 100)
    rows = [line("1", tags={"team": "nlp", "cluster": "c"}, ServiceName="Kubernetes") for _ in range(400)]
    bill = write_csv(tmp_path / "bill.csv", rows)
    outcome, _ = on_spark(tmp_path, spark, bill, POOL, {"gpu-hours": USES})
    assert [(row["rule"], row["other"]) for row in outcome.overlaps] == [("team", "cluster")]


def test_an_engine_that_nobody_has_is_refused() -> None:
    with pytest.raises(InputError, match='no engine "presto"'), session("presto"):
        pass


def test_spark_connect_without_its_libraries_says_what_to_install() -> None:
    pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'spendgate[allocate,spark]'")
    if find_spec("grpc_status") is not None:
        pytest.skip("the libraries of Spark Connect are installed")
    with pytest.raises(InputError, match="pip install 'pyspark\\[connect\\]'"), session("sc://127.0.0.1:1"):
        pass
