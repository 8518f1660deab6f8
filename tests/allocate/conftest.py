"""Spark for the tests of allocation, where Java and pyspark are there: one session, and a cluster of one machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def java_home() -> str | None:
    """Where ``make setup-test`` unpacked Java beside the environment, if there is none on PATH."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return None
    found = sorted(Path(sys.prefix, "java", "usr", "lib", "jvm").glob("java-*-openjdk-*/bin/java"))
    return str(found[-1].parent.parent) if found else None


@pytest.fixture(scope="session")
def spark_here() -> None:
    """Skip where Spark cannot run; use the Java that lies beside the environment."""
    pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'spendgate[allocate,spark]'")
    home = java_home()
    if home is not None:
        os.environ["JAVA_HOME"] = home
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        pytest.skip("Java is not installed (make setup-test; Debian: apt-get install openjdk-17-jre-headless)")


@pytest.fixture(scope="session")
def spark(spark_here: None) -> Iterator[Any]:
    """A local session with little of everything: its start takes longer than what these tests ask."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("spendgate tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.warehouse.dir": "/nonexistent",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster: the URL of its master, and the folder of settings that a driver takes."""

    url: str
    settings: Path

    def env(self, **settings: str) -> dict[str, str]:
        """The environment of a driver, with more settings of Spark's."""
        folder = self.settings
        if settings:
            folder = folder.with_name("-".join(("settings", *settings)))
            folder.mkdir(exist_ok=True)
            more = "".join(f"spark.{name.replace('_', '.')} {value}\n" for name, value in settings.items())
            text = (self.settings / "spark-defaults.conf").read_text(encoding="utf-8")
            (folder / "spark-defaults.conf").write_text(text + more, encoding="utf-8")
        # Executors have no Python: what is asked of them needs none.
        return {"SPARK_CONF_DIR": str(folder), "PYSPARK_PYTHON": "/nonexistent/python"}


SMALL = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SETTINGS = f"""\
spark.driver.extraJavaOptions {SMALL}
spark.executor.extraJavaOptions {SMALL}
spark.executor.memory 512m
spark.sql.shuffle.partitions 1
spark.sql.adaptive.enabled false
spark.ui.enabled false
"""


@pytest.fixture(scope="session")
def cluster(spark_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Spark's own master and worker on loopback, with the jars that PySpark brings; they end with the tests."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "settings").mkdir()
    (folder / "settings" / "spark-defaults.conf").write_text(SETTINGS, encoding="utf-8")
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    work = ("--webui-port", "0", "--cores", "2", "--memory", "1g", "--work-dir", str(folder / "work"), url)
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.append(daemon(folder, "master.Master", "--port", str(port), "--webui-port", "0"))
        started.append(daemon(folder, "worker.Worker", *work))
        wait_for(folder / "master.Master.log", "Registering worker", started)
        yield Cluster(url, folder / "settings")
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)  # executors as well, which are the worker's
            process.wait(30)


@pytest.fixture(scope="session")
def spark_connect(spark_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of Spark Connect on loopback."""
    folder = tmp_path_factory.mktemp("connect")
    port = free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
    }
    words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    server = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
    started = started_java(folder / "log", "SparkSubmit", "--master", "local[2]", *words, *server)
    try:
        wait_for(folder / "log", "Spark Connect server started", [started])
        yield f"sc://127.0.0.1:{port}"
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(30)


def daemon(folder: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """A daemon of the cluster's."""
    return started_java(folder / f"{name}.log", name, "--host", "127.0.0.1", *words)


def started_java(log: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """A process of Spark's, that leads a group of its own."""
    import pyspark

    home = Path(pyspark.__file__).parent
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else Path("java")
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    command = [str(java), "-Xmx512m", *SMALL.split(), *opened, "-cp", str(home / "jars" / "*")]
    # The package has no launcher's folders by which a worker would find the version of Scala.
    (scala,) = {path.stem.rpartition("_")[2].partition("-")[0] for path in home.glob("jars/spark-core_*.jar")}
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SCALA_VERSION": scala}
    with log.open("wb") as out:
        return subprocess.Popen(
            [*command, f"org.apache.spark.deploy.{name}", *words],
            env=env,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action",
    "sun.util.calendar",
)  # fmt: skip


def wait_for(log: Path, text: str, started: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + 60
    while text not in log.read_text(encoding="utf-8", errors="replace"):
        ended = any(process.poll() is not None for process in started)
        if ended or time.monotonic() > until:
            raise RuntimeError(f"no cluster: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
