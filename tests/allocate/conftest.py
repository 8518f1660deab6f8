"""Spark for the tests of allocation: a session for each module that asks, where Java and pyspark are there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
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
