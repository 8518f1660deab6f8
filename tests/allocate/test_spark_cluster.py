"""``--engine spark://…`` on a real standalone cluster: all that comes out is what DuckDB writes; what goes wrong is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ibis", reason="DuckDB and Ibis are not installed: pip install 'spendgate[allocate]'")

from spendgate.allocate.run import engine
from spendgate.cli import main
from tests.allocate.bills import HEAD, line, write_csv
from tests.allocate.conftest import Cluster, free_port
from tests.conftest import ROOT, Run

pytestmark = pytest.mark.xdist_group("spark")

EXAMPLE = ROOT / "examples" / "chargeback"
WORDS = (
    "allocate", EXAMPLE / "bill", "--rules", EXAMPLE / "rules.yaml", "--disputes", EXAMPLE / "disputes.yaml",
    "--month", "2026-03",
)  # fmt: skip


def written(folder: Path) -> list[dict[str, Any]]:
    """The lines of an allocation, in order."""
    file = folder / "allocated.parquet"
    with engine() as connection:
        rows = connection.read_parquet(str(file / "*.parquet" if file.is_dir() else file)).to_pyarrow().to_pylist()
    return sorted(rows, key=lambda row: (row["x_LineId"], row["x_Idle"], str(row["x_Team"]), str(row["x_Share"])))


def others(folder: Path) -> dict[str, str]:
    """All other files of an allocation, without the folder's own name, and with queries of one file."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        .replace(str(folder), "OUTPUT")
        .replace("allocated.parquet/*.parquet", "allocated.parquet")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "allocated.parquet" not in path.relative_to(folder).parts
    }


def test_a_cluster_writes_what_duckdb_writes_to_the_last_file(cluster: Cluster, spendgate: Run, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "duckdb", tmp_path / "spark"
    one = spendgate(*WORDS, "--output", ours)
    other = spendgate(*WORDS, "--output", theirs, "--engine", cluster.url, env=cluster.env())
    assert (other.returncode, other.stderr) == (0, "")
    assert other.stdout.replace(str(theirs), "OUTPUT") == one.stdout.replace(str(ours), "OUTPUT")
    assert (theirs / "allocated.parquet").is_dir()
    for line_, same in zip(written(theirs), written(ours), strict=True):
        assert line_ == same
    assert others(theirs) == others(ours)
    assert {"summary.json", "report.html", "invoices/nlp.html"} <= set(others(theirs))
    explained = [
        spendgate("allocate", "explain", "focus.csv:39", "--output", folder).stdout for folder in (ours, theirs)
    ]
    assert explained[0] == explained[1]
    assert "pays" in explained[0]
    billed = json.loads((theirs / "summary.json").read_text(encoding="utf-8"))["billed"]
    assert sum(row["x_AllocatedCost"] for row in written(theirs)) == Decimal(billed)


def test_a_master_that_nobody_is_at_is_told_at_once(
    spark_here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill, rules = small(tmp_path)
    before = sorted(tmp_path.iterdir())
    for url in (f"spark://127.0.0.1:{free_port()}", f"spark://127.0.0.1:{free_port()},[::1]:{free_port()}"):
        assert main(["allocate", str(bill), "--rules", str(rules), "--engine", url, "-o", str(tmp_path / "a.csv")]) == 2
        told = capsys.readouterr()
        assert (
            told.err
            == f"error: nothing answers at {url}: Connection refused\nIs it running, and may this machine reach it?\n"
        )
        assert told.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_cluster_without_room_is_given_up(cluster: Cluster, spendgate: Run, tmp_path: Path) -> None:
    bill, rules = small(tmp_path)
    before = sorted(tmp_path.iterdir())
    env = cluster.env(executor_memory="64g", scheduler_maxRegisteredResourcesWaitingTime="1s")
    done = spendgate("allocate", bill, "--rules", rules, "--engine", cluster.url, "-o", tmp_path / "a.parquet", env=env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: Spark at {cluster.url} gave no executor within 1 seconds\nHas it workers")
    assert sorted(tmp_path.iterdir()) == before


KILLER = """
import sys
from pathlib import Path
from spendgate.allocate.library import find_rules
from spendgate.allocate.run import Request
from spendgate.allocate.spark import allocate_with, session
from spendgate.errors import InputError

rules, file = find_rules(["by-tags"])
request = Request((Path("bill"),), rules, file, line_id="id")
try:
    with session(sys.argv[1]) as spark:
        lines = spark.sql(
            "SELECT 'a' AS id, 1.5 AS BilledCost, 'USD' AS BillingCurrency, TIMESTAMP '2026-03-01' AS ChargePeriodStart,"
            " reflect('java.lang.Runtime', 'version') AS x_Version,"
            " CAST(NULL AS STRING) AS Tags FROM range(1) WHERE id < length(reflect('java.lang.System', 'exit', 7))"
        )
        allocate_with(spark, request, Path(sys.argv[2]), lines)
except InputError as error:
    print(error)
try:
    allocate_with(spark, request, Path(sys.argv[2]), lines)
except InputError as error:
    print(error)
"""


def test_executors_that_are_lost_end_it_with_a_reason_and_without_output(cluster: Cluster, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    done = subprocess.run(
        [sys.executable, "-c", KILLER, cluster.url, str(output)],
        env={**os.environ, **cluster.env(task_maxFailures="1")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Spark could not allocate the bill: ExecutorLostFailure (executor 0 exited" in done.stdout
    assert "the Spark session was stopped" in done.stdout  # the second time
    assert list(tmp_path.iterdir()) == []


def test_java_that_does_not_start_says_why(spark_here: None, spendgate: Run, tmp_path: Path) -> None:
    bill, rules = small(tmp_path)
    words = ("allocate", bill, "--rules", rules, "--engine", "spark", "--output", tmp_path / "a.parquet")
    done = spendgate(*words, env={"JAVA_HOME": "/nonexistent"})
    assert done.returncode == 2
    assert done.stderr.startswith("error: Spark needs Java, which is not here\nDebian: apt-get install")
    java = tmp_path / "home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'Error: it was made for a newer Java' >&2\nexit 1\n", encoding="utf-8")
    java.chmod(0o755)
    done = spendgate(*words, env={"JAVA_HOME": str(tmp_path / "home")})
    assert done.returncode == 2
    assert done.stderr.startswith("error: no Spark at spark: it was made for a newer Java\n")


def test_a_session_of_another_master_is_not_taken_for_this_one(spark: Any, tmp_path: Path) -> None:
    from spendgate.allocate.spark import session
    from spendgate.errors import InputError

    with (
        pytest.raises(InputError, match=r"a Spark session of local\[2\] runs in this process already"),
        session("local[1]"),
    ):
        pass
    with session("spark") as taken:
        assert taken.sparkContext is spark.sparkContext
    assert spark.range(1).count() == 1


@pytest.mark.skipif(
    find_spec("grpc_status") is None, reason="Spark Connect is not installed: pip install 'spendgate[spark]'"
)
def test_spark_connect_writes_what_duckdb_writes(spark_connect: str, spendgate: Run, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "duckdb", tmp_path / "spark"
    one = spendgate(*WORDS, "--output", ours)
    other = spendgate(*WORDS, "--output", theirs, "--engine", spark_connect)
    assert (other.returncode, other.stderr) == (0, "")
    assert other.stdout.replace(str(theirs), "OUTPUT") == one.stdout.replace(str(ours), "OUTPUT")
    assert written(theirs) == written(ours)
    assert others(theirs) == others(ours)


def small(folder: Path) -> tuple[Path, Path]:
    rules = folder / "rules.yaml"
    rules.write_text(HEAD + "rules: [{name: t, layer: direct, match: has(tags.t), owner: {team: tags.t}}]\n")
    return write_csv(folder / "bill.csv", [line("1", tags={"t": "nlp"})]), rules
