"""The pack's process: it prints its port, serves the engine that started it, and ends with it."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from spendgate.errors import InputError
from spendgate.sources.wire import UNLIMITED

if TYPE_CHECKING:
    from spendgate.crossguard.host import PackHost

WATCH_SECONDS: Final = 2.0


def serve(pack_folder: Path) -> NoReturn:
    """Serve the pack in ``pack_folder``; exits 0 when the engine ends it, 2 when the pack cannot be loaded.

    The engine's address is the first argument of the process, and what it says of the stack stands in
    ``PULUMI_PROJECT``, ``PULUMI_STACK`` and ``PULUMI_ORGANIZATION``: so Pulumi's Python host starts a pack.
    """
    engine = next((word for word in sys.argv[1:] if ":" in word), None)
    try:
        host = load(pack_folder)
    except InputError as error:
        refuse(f"policy pack {pack_folder.name} cannot be loaded:\n{error}", engine)
    from spendgate.crossguard.servicer import AnalyzerServicer

    stopped = threading.Event()
    serve_until(AnalyzerServicer(host, stopped.set), stopped)


def load(pack_folder: Path) -> PackHost:
    """The host of the pack in ``pack_folder``. Raises InputError with file, line and column."""
    from spendgate.crossguard.host import PackHost
    from spendgate.rules.selection import load_pack

    pack = load_pack(str(pack_folder.resolve()))
    return PackHost(
        pack,
        project=os.environ.get("PULUMI_PROJECT", ""),
        stack=os.environ.get("PULUMI_STACK", ""),
        organization=os.environ.get("PULUMI_ORGANIZATION", "organization"),
    )


def serve_until(servicer: Any, stopped: threading.Event) -> NoReturn:
    """Serve an ``Analyzer`` on a free port, print the port, and exit when ``stopped`` is set or the parent is gone."""
    import grpc
    from pulumi.runtime.proto import analyzer_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=UNLIMITED)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    try:
        _wait(stopped)
        server.stop(grace=1).wait()
    except KeyboardInterrupt:  # how the engine interrupts what it started
        pass
    sys.exit(0)


def _wait(stopped: threading.Event) -> None:
    parent = os.getppid()
    while not stopped.wait(WATCH_SECONDS):
        if os.getppid() != parent:
            return


def refuse(message: str, engine: str | None) -> NoReturn:
    """Tell the engine and standard error why there will be no pack, and exit with 2."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    if engine is not None:
        with suppress(Exception):  # standard error has it; an engine that does not listen changes nothing
            _log_error(message, engine)
    sys.exit(2)


def _log_error(message: str, address: str) -> None:
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        engine = engine_pb2_grpc.EngineStub(channel)
        engine.Log(engine_pb2.LogRequest(severity=engine_pb2.ERROR, message=message), timeout=5)
