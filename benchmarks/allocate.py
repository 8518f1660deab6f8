"""``spendgate allocate`` of FOCUS lines by forty rules, beside the same allocation written by hand as one statement of
DuckDB, and beside interpreted CEL, one line at a time.

The statement finds the same owners, shares and amounts, and writes the same columns; each runs in a process of its own
with the same memory limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import Figure, in_turn

LINES = int(os.environ.get("SPENDGATE_BENCH_LINES", "10000000"))

TEAMS = 25
SERVICES = ("Amazon EC2", "Amazon S3", "Amazon SageMaker", "Kubernetes", "AWS Support", "Amazon VPC", "Amazon EBS")

LINES_SQL = """
COPY (
    SELECT CAST(((i * 7919) % 1000003) / 10000.0 AS DECIMAL(26, 12)) AS BilledCost,
           CAST(((i * 7919) % 1000003) / 11000.0 AS DECIMAL(26, 12)) AS EffectiveCost,
           'USD' AS BillingCurrency,
           TIMESTAMP '2026-03-01' + INTERVAL (i % 744) HOUR AS ChargePeriodStart,
           TIMESTAMP '2026-03-01' + INTERVAL (i % 744 + 1) HOUR AS ChargePeriodEnd,
           'Usage' AS ChargeCategory,
           ['{services}'][i % 7 + 1] AS ServiceName,
           ['us-east-1', 'eu-west-1', 'eu-central-1'][i % 3 + 1] AS RegionId,
           '1234567890' || (i % 40) AS SubAccountId,
           'arn:aws:ec2:us-east-1:123456789012:instance/i-' || (i % 20000) AS ResourceId,
           CASE WHEN i % 10 < 7
                THEN '{{"team": "team-' || (i % {teams}) || '", "product": "p' || (i % 60)
                     || '", "environment": "prod"}}'
                WHEN i % 10 = 7 THEN '{{"owner": "ada"}}' END AS Tags,
           'cluster-' || (i % 4) AS x_Cluster
    FROM range({lines}) AS t(i)
) TO '{file}' (FORMAT parquet)
"""

RUN = """
import sys
from spendgate.cli import main
sys.exit(main(sys.argv[1:]))
"""

BY_HAND = """
import sys
import duckdb
folder = sys.argv[1]
connection = duckdb.connect(config={"memory_limit": "1400MB", "temp_directory": folder})
connection.execute("SET preserve_insertion_order = false")
connection.execute(open(folder + "/by_hand.sql").read())
"""

INTERPRETED = """
import json, sys, time
import duckdb
from pathlib import Path
from spendgate.allocate.bill.focus import LINE
from spendgate.allocate.load import load_rules
from spendgate.rules import cel

folder, count = sys.argv[1], int(sys.argv[2])
rules = load_rules(Path(folder) / "rules.yaml").rules
environment = cel.environment(LINE)
programs = [cel.engine().compile(rule.match.text, environment) for rule in rules]
bill = f"SELECT ServiceName, RegionId, SubAccountId, Tags FROM '{folder}/bill.parquet' LIMIT {count}"
rows = duckdb.sql(bill).fetchall()
start = time.process_time()
for service, region, account, tags in rows:
    line = {"ServiceName": service, "RegionId": region, "SubAccountId": account}
    activation = environment.activation({"line": line, "tags": json.loads(tags or "{}"), "columns": {}})
    for program in programs:
        try:
            if program(activation) is True:
                break
        except cel.EvalError:
            pass
print(time.process_time() - start)
"""


def rules() -> str:
    """Forty rules: accounts and services first, then tags, a shared cluster and what is left."""
    direct = [
        f"""  - {{name: account-{index}, layer: direct, match: 'line.SubAccountId == "none-{index}"',"""
        f""" owner: {{team: "'a{index}'"}}}}"""
        for index in range(15)
    ]
    direct += [
        f"""  - {{name: prefix-{index}, layer: direct, owner: {{team: tags.owner}},"""
        f""" match: 'line.ResourceId.startsWith("arn:gcp:{index}") && has(tags.owner)'}}"""
        for index in range(15)
    ]
    direct += [
        f"""  - {{name: product-{index}, layer: direct, match: 'tags.product == "p{index}"',"""
        """ owner: {team: tags.team, product: tags.product, environment: tags.environment}}"""
        for index in range(7)
    ]
    return "\n".join(
        [
            "apiVersion: spendgate.dev/v1",
            "kind: AllocationRules",
            "metadata: {name: bench}",
            "drivers:",
            "  gpu-hours: {unit: GPU-hours, value: row.hours, file: gpu-hours.csv}",
            "rules:",
            *direct,
            """  - {name: team, layer: direct, match: has(tags.team),"""
            """ owner: {team: tags.team, product: tags.product}}""",
            """  - {name: cluster, layer: proportional, match: 'line.ServiceName == "Kubernetes"',"""
            """ pool: columns.x_Cluster, driver: gpu-hours, window: day}""",
            """  - {name: tax, layer: fixed, match: 'line.ServiceName.contains("Support")',"""
            """ split: central, platform: {team: platform}}""",
            "",
        ]
    )


def by_hand(folder: Path) -> str:
    """The same as one statement, as an engineer of finance would write it."""
    team, product, owner = (f"json_extract_string(Tags, '$.{key}')" for key in ("team", "product", "owner"))
    accounts = "\n".join(f"WHEN SubAccountId = 'none-{index}' THEN {index + 1}" for index in range(15))
    prefixes = "\n".join(
        f"WHEN starts_with(ResourceId, 'arn:gcp:{index}') AND {owner} IS NOT NULL THEN {index + 16}"
        for index in range(15)
    )
    products = "\n".join(f"WHEN {product} = 'p{index}' THEN {index + 31}" for index in range(7))
    return f"""
    COPY (
        WITH used AS (
            SELECT pool, CAST(date AS DATE) AS day, team, CAST(sum(hours) AS DECIMAL(18, 6)) AS hours
            FROM read_csv('{folder}/gpu-hours.csv') GROUP BY ALL
        ), shares AS (
            SELECT pool, day, team,
                   CAST(hours / sum(hours) OVER (PARTITION BY pool, day) AS DECIMAL(11, 10)) AS share,
                   CAST(sum(hours) OVER up_to / sum(hours) OVER (PARTITION BY pool, day) AS DECIMAL(11, 10)) AS after,
                   CAST((sum(hours) OVER up_to - hours) / sum(hours) OVER (PARTITION BY pool, day)
                        AS DECIMAL(11, 10)) AS before
            FROM used
            WINDOW up_to AS (PARTITION BY pool, day ORDER BY team ROWS UNBOUNDED PRECEDING)
        ), ruled AS (
            SELECT *, regexp_extract(filename, '[^/]*$') || ':' || (file_row_number + 1) AS x_LineId,
                   CAST(CASE {accounts} {prefixes} {products}
                   WHEN {team} IS NOT NULL THEN 38
                   WHEN ServiceName = 'Kubernetes' THEN 39
                   WHEN contains(ServiceName, 'Support') THEN 40 ELSE 0 END AS SMALLINT) AS rule
            FROM read_parquet('{folder}/bill.parquet', filename = true, file_row_number = true)
        ), placed AS (
            SELECT *,
                   CASE WHEN rule BETWEEN 1 AND 15 THEN 'a' || (rule - 1) WHEN rule BETWEEN 16 AND 30 THEN {owner}
                        WHEN rule BETWEEN 31 AND 38 THEN {team} WHEN rule = 40 THEN 'platform' END AS own_team,
                   CASE WHEN rule = 39 THEN x_Cluster END AS pool,
                   CASE WHEN rule = 39 THEN CAST(ChargePeriodStart AS DATE) END AS day
            FROM ruled
        )
        SELECT placed.* EXCLUDE (filename, file_row_number, own_team, pool, day, rule),
               coalesce(shares.team, own_team) AS x_Team,
               CASE WHEN rule BETWEEN 31 AND 38 THEN {product} END AS x_Product,
               CAST(NULL AS VARCHAR) AS x_CostCenter, CAST(NULL AS VARCHAR) AS x_Project,
               CASE WHEN rule BETWEEN 31 AND 37 THEN json_extract_string(Tags, '$.environment') END AS x_Environment,
               CAST(NULL AS VARCHAR) AS x_Model, CAST(NULL AS VARCHAR) AS x_RunType,
               CASE WHEN rule = 0 THEN NULL WHEN rule <= 15 THEN 'account-' || (rule - 1)
                    WHEN rule <= 30 THEN 'prefix-' || (rule - 16) WHEN rule <= 37 THEN 'product-' || (rule - 31)
                    WHEN rule = 38 THEN 'team' WHEN rule = 39 THEN 'cluster' ELSE 'tax' END AS x_Rule,
               CASE WHEN rule = 0 OR (rule = 39 AND share IS NULL) THEN 'unallocated' WHEN rule <= 38 THEN 'direct'
                    WHEN rule = 39 THEN 'proportional' ELSE 'fixed' END AS x_Layer,
               CASE WHEN rule = 39 THEN 'gpu-hours' END AS x_Driver, placed.pool AS x_Pool,
               coalesce(share, 1) AS x_Share, false AS x_Idle, coalesce(before = 0, true) AS x_FirstShare,
               CASE WHEN share IS NOT NULL
                    THEN CAST(BilledCost * after AS DECIMAL(38, 12)) - CAST(BilledCost * before AS DECIMAL(38, 12))
                    ELSE CAST(BilledCost AS DECIMAL(38, 12)) END AS x_AllocatedCost,
               CASE WHEN rule = 0 THEN 'no rule matches' WHEN rule = 39 AND share IS NULL THEN 'no use' END AS x_Reason,
               CAST(NULL AS VARCHAR) AS x_Dispute
        FROM placed LEFT JOIN shares ON placed.pool = shares.pool AND placed.day = shares.day
    ) TO '{folder}/by_hand.parquet' (FORMAT parquet)
    """


def drivers() -> str:
    """GPU-hours of eight teams on four clusters, each day of the month."""
    rows = [
        f"2026-03-{day:02},cluster-{cluster},team-{team},{(day * 7 + cluster * 3 + team) % 23 + 1}"
        for day in range(1, 32)
        for cluster in range(4)
        for team in range(8)
    ]
    return "\n".join(["date,pool,team,hours", *rows, ""])


def prepare(folder: Path, lines: int) -> None:
    """The bill, the rules, the driver table and the statement, in ``folder``."""
    import duckdb

    services = "', '".join(SERVICES)
    file = folder / "bill.parquet"
    duckdb.sql(LINES_SQL.format(services=services, teams=TEAMS, lines=lines, file=file))
    (folder / "rules.yaml").write_text(rules(), encoding="utf-8")
    (folder / "gpu-hours.csv").write_text(drivers(), encoding="utf-8")
    (folder / "by_hand.sql").write_text(by_hand(folder), encoding="utf-8")


def pair(folder: Path, runs: int) -> tuple[Figure, Figure]:
    """Ours and the statement, in turn."""
    words = ["allocate", f"{folder}/bill.parquet", "--rules", f"{folder}/rules.yaml", "--format", "json"]
    figures = in_turn(
        {
            "ours": [sys.executable, "-c", RUN, *words, "--output", f"{folder}/ours.parquet"],
            "by hand": [sys.executable, "-c", BY_HAND, str(folder)],
        },
        runs,
    )
    return figures["ours"], figures["by hand"]


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds, ratios and peak MiB; interpreted CEL is measured on 20,000 lines."""
    found: dict[str, float] = {}
    seconds: dict[int, float] = {}
    for lines in sorted({100_000, LINES // 10, LINES}):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder, lines)
            ours, hand = pair(folder, runs if lines < LINES else min(runs, 2))
            seconds[lines] = ours.seconds
            if lines == 100_000:
                found["allocate, 100,000 lines, s"] = ours.seconds
                found["interpreted CEL, microseconds a line"] = _interpreted(folder, 20_000)
            if lines == LINES:
                found |= {
                    f"allocate, {lines:,} lines, s": ours.seconds,
                    f"by hand, {lines:,} lines, s": hand.seconds,
                    "allocate / by hand": ours.seconds / hand.seconds,
                    "allocate, CPU / by hand": ours.cpu / hand.cpu,
                    "allocate, peak MiB": ours.peak,
                    "by hand, peak MiB": hand.peak,
                    "allocate, microseconds a line": ours.seconds / lines * 1e6,
                }
    found["allocate, ten times the lines, times the time"] = seconds[LINES] / seconds[LINES // 10]
    return found


def _interpreted(folder: Path, lines: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, str(folder), str(lines)], capture_output=True, text=True, check=True
    )
    return float(done.stdout) / lines * 1e6


if __name__ == "__main__":
    start = time.perf_counter()
    for figure, value in measure(1).items():
        print(f"{figure:<50} {value:.2f}")
    print(f"{time.perf_counter() - start:.0f} s")
