"""How long a preview waits for a pack: from starting its process, as the engine does, to its first answer."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc

from benchmarks.pack import request
from benchmarks.timing import as_installed

PACK = Path(__file__).parents[1] / "packs" / "gpu-baseline"
STACK = {"PULUMI_PROJECT": "bench", "PULUMI_STACK": "dev", "PULUMI_ORGANIZATION": "organization"}


def measure(runs: int = 5) -> dict[str, float]:
    """Seconds by the clock and of the process's CPU until ``gpu-baseline`` has told what it holds and has analysed one
    resource (medians)."""
    with tempfile.TemporaryDirectory() as folder:
        environment = as_installed({**os.environ, **STACK}, folder)
        first_answer(environment)
        clock, cpu = zip(*(first_answer(environment) for _ in range(runs)), strict=True)
    return {
        "pack process to its first answer, s": statistics.median(clock),
        "pack process to its first answer, CPU s": statistics.median(cpu),
    }


def first_answer(environment: Mapping[str, str]) -> tuple[float, float]:
    """One start: seconds by the clock, and CPU seconds of the process until its end."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", str(PACK), "127.0.0.1:1"],
        cwd=PACK,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            analyzer = analyzer_pb2_grpc.AnalyzerStub(channel)
            analyzer.GetAnalyzerInfo(empty_pb2.Empty())
            analyzer.Analyze(request(0))
        taken = time.perf_counter() - start
    finally:
        process.terminate()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return taken, used.ru_utime + used.ru_stime
