"""Spark sessions by ``--engine``: started quietly, and given up in bounded time where nothing answers or works."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from spendgate.allocate.spark.faults import first_line, reason_of
from spendgate.errors import InputError

LOCAL: Final = "spark"
CONNECT: Final = "sc://"
_MASTERS: Final = ("spark://", CONNECT, "yarn", "k8s://", "local")
_PORTS: Final = {"spark": 7077, "sc": 15002}

_ANSWER: Final = 10
"""Seconds in which a machine must take a connection."""

_WAIT: Final = "spark.scheduler.maxRegisteredResourcesWaitingTime"
"""Spark's own setting of how long to wait for executors."""

_WITHIN: Final = "120s"
"""How long it is where nobody set it: without executors Spark would wait for ever."""

INSTALL: Final = "pip install 'spendgate[allocate,spark]'"
CONNECT_INSTALL: Final = "pip install 'spendgate[spark]'"
"""Pulumi's libraries are of protobuf 5, and the newest grpcio-status would take a later one."""


@contextmanager
def session(engine: str) -> Iterator[Any]:
    """A Spark session by ``--engine``: ``spark`` (here, on all cores), the URL of a master (``spark://HOST:PORT``,
    ``local[4]``, ``yarn``, ``k8s://…``), or ``sc://HOST:PORT`` (Spark Connect). One that is there already is taken
    where it is the same, and stays.

    Raises InputError where pyspark or Java are missing, nothing answers, no executor comes or all of them are lost.
    """
    shown = engine.partition("/;")[0]  # what may stand behind it is a token
    if engine != LOCAL and not engine.startswith(_MASTERS):
        raise InputError(
            f'no engine "{shown}"', remedy="Known are duckdb, spark, spark://HOST:PORT and sc://HOST:PORT."
        )
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise InputError("PySpark is not installed here", remedy=INSTALL) from None
    with ExitStack() as stack:
        if engine.startswith(CONNECT):
            made = _connected(engine, shown)
            stack.callback(_stop, made)
            yield made
            return
        hosts = _answering(engine, shown) if engine.startswith("spark://") else []
        there = _there(engine)
        if there is not None:
            yield there
            return
        log = Path(stack.enter_context(TemporaryDirectory(prefix="spendgate-"))) / "spark.log"
        made = _started(engine, shown, hosts, log)
        stack.callback(_stop, made)
        watch = stack.enter_context(_watched(made))
        try:
            yield made
        except InputError:
            ended = watch() or (reason_of(log) if _has_ended(made) else None)
            if ended is None:
                raise
            raise InputError(
                f"Spark at {shown} gave up: {ended}",
                remedy="Nothing was written. The master's page has the logs of its executors.",
            ) from None


def _there(engine: str) -> Any:
    """The session that runs in this process. Raises InputError where it is another."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    context = SparkContext._active_spark_context
    if context is None:
        return None
    if engine not in (LOCAL, context.master):
        raise InputError(
            f"a Spark session of {context.master} runs in this process already",
            remedy="Stop it first, or give it to allocate_with.",
        )
    return SparkSession.builder.getOrCreate()


def _started(engine: str, shown: str, hosts: list[str], log: Path) -> Any:
    from pyspark.sql import SparkSession

    if not _java():
        raise InputError(
            "Spark needs Java, which is not here",
            remedy="Debian: apt-get install openjdk-17-jre-headless. JAVA_HOME must name a folder with bin/java.",
        )
    builder = SparkSession.builder.appName("spendgate allocate").config("spark.ui.showConsoleProgress", "false")
    if hosts:
        here = all(host in ("127.0.0.1", "localhost", "::1") for host in hosts)
    else:
        here = engine == LOCAL or engine.startswith("local")
        builder = builder.config("spark.ui.enabled", "false") if here else builder
    if here:
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    try:
        with _apart(log):
            made = builder.master("local[*]" if engine == LOCAL else engine).getOrCreate()
            if hosts or not here:
                _await_executors(made, shown)
            return made
    except InputError:
        raise
    except Exception as error:
        reason = reason_of(log) or first_line(error)
        raise InputError(f"no Spark at {shown}: {reason}", remedy="Is it running, and of the same version?") from None


def _connected(engine: str, shown: str) -> Any:
    from pyspark.sql import SparkSession

    try:
        import pyspark.sql.connect.session  # noqa: F401 - looks for its libraries
    except ImportError as error:
        raise InputError(f"Spark Connect lacks a library: {error}", remedy=CONNECT_INSTALL) from None
    import grpc

    (host,) = _answering(engine, shown)
    target = f"{host}:{_port(engine)}"
    safe = "use_ssl=true" in engine or "token=" in engine
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials()) if safe else grpc.insecure_channel(target)
    try:
        # Spark itself would try for ten minutes.
        grpc.channel_ready_future(channel).result(timeout=2 * _ANSWER)
    except grpc.FutureTimeoutError:
        raise InputError(f"no Spark Connect at {shown}", remedy="Is it a server of Spark Connect?") from None
    finally:
        channel.close()
    try:
        return SparkSession.builder.remote(engine).getOrCreate()
    except Exception as error:
        raise InputError(
            f"no Spark at {shown}: {first_line(error)}", remedy="Is it running, and of the same version?"
        ) from None


def _java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return Path(home, "bin", "java").exists() if home else shutil.which("java") is not None


def _answering(engine: str, shown: str) -> list[str]:
    """The hosts of a URL, one of which takes connections. Raises InputError where none does."""
    scheme, _, rest = engine.partition("://")
    hosts = []
    errors = []
    for part in rest.partition("/")[0].split(","):
        found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?", part)
        if found is None:
            raise InputError(f'no address of Spark: "{shown}"', remedy=f"It is written {scheme}://HOST:PORT.")
        host, port = found[1].strip("[]"), int(found[2] or _PORTS[scheme])
        hosts.append(host)
        try:
            socket.create_connection((host, port), _ANSWER).close()
        except (OSError, OverflowError) as error:
            errors.append(getattr(error, "strerror", None) or str(error))
    if len(errors) == len(hosts):
        raise InputError(
            f"nothing answers at {shown}: {errors[0]}", remedy="Is it running, and may this machine reach it?"
        )
    return hosts


def _port(engine: str) -> int:
    found = re.search(r":(\d+)(/|$)", engine.partition("://")[2])
    return int(found[1]) if found else _PORTS["sc"]


@contextmanager
def _apart(log: Path) -> Iterator[None]:
    """What Java writes to stderr from its start until its end goes to a file: notes about itself, and, where it fails,
    why. Python's own goes there for as long as the start takes."""
    from pyspark import SparkContext

    if SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    made = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(made, 2)
    os.close(made)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _executors(made: Any) -> int:
    return int(made.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


def _patience(made: Any) -> int:
    return int(made.sparkContext._jsc.sc().conf().getTimeAsSeconds(_WAIT, _WITHIN))


def _come_and_go(made: Any) -> bool:
    """Whether executors are asked for as there is work: then none is a state like others."""
    return str(made.sparkContext.getConf().get("spark.dynamicAllocation.enabled", "false")) == "true"


def _await_executors(made: Any, shown: str) -> None:
    """Raise InputError where none comes: the master answers, and has nobody for the work."""
    seconds = _patience(made)
    until = time.monotonic() + seconds
    while not _come_and_go(made) and _executors(made) < 1:
        if time.monotonic() > until:
            _stop(made)
            raise InputError(
                f"Spark at {shown} gave no executor within {seconds} seconds",
                remedy=f"Has it workers with cores and memory to spare? {_WAIT} says how long to wait.",
            )
        time.sleep(0.1)


@contextmanager
def _watched(made: Any) -> Iterator[Callable[[], str | None]]:
    """Looks whether executors are left: with none, jobs would wait for ever. What was found is told afterwards."""
    told: list[str] = []
    done = threading.Event()

    def watch() -> None:
        seconds, seen = _patience(made), time.monotonic()
        while not done.wait(1):
            with suppress(Exception):  # of a session that has ended: its jobs fail by themselves
                if _executors(made) > 0:
                    seen = time.monotonic()
                    told.clear()
                elif time.monotonic() - seen > seconds:
                    told[:] = [f"all executors were lost, and none came within {seconds} seconds"]
                    made.sparkContext.cancelAllJobs()  # again and again: there may be none yet

    thread = threading.Thread(target=watch, daemon=True)
    if not made.sparkContext.master.startswith("local") and not _come_and_go(made):
        thread.start()
    try:
        yield lambda: told[0] if told else None
    finally:
        done.set()
        if thread.is_alive():
            thread.join(5)


def _has_ended(made: Any) -> bool:
    try:
        return bool(made.sparkContext._jsc.sc().isStopped())
    except Exception:
        return True


def _stop(made: Any) -> None:
    with suppress(Exception):  # of one that has ended by itself
        made.stop()
