"""``pulumi preview`` of 1,000 resources with the pack ``gpu-baseline``, beside the same preview without a pack, and
with a pack that holds one policy and answers every call with nothing.

The second comparison says what a pack costs whatever it holds: the engine starts a Python process, and asks it twice
a resource through its language host. The first one says what the guardrails and the estimate add.

Every guardrail is on and told as advice: an engine whose preview fails waits five seconds for the program to end.

The engine is the installed CLI; the provider plugins are the stubs of the tests, which ask no cloud. Without a CLI on
PATH there is nothing to measure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.check import PROGRAM
from benchmarks.timing import in_turn
from tests.stub_provider.install import environment

PACK = Path(__file__).parents[1] / "packs" / "gpu-baseline"

SILENT = """
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

ended = threading.Event()


class Silent(analyzer_pb2_grpc.AnalyzerServicer):
    def Handshake(self, request, context):
        return analyzer_pb2.AnalyzerHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetAnalyzerInfo(self, request, context):
        policy = analyzer_pb2.PolicyInfo(name="none", enforcementLevel=analyzer_pb2.ADVISORY)
        return analyzer_pb2.AnalyzerInfo(name="silent", version="1.0.0", supportsConfig=True, policies=[policy])

    def ConfigureStack(self, request, context):
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Configure(self, request, context):
        return empty_pb2.Empty()

    def Analyze(self, request, context):
        return analyzer_pb2.AnalyzeResponse()

    def AnalyzeStack(self, request, context):
        return analyzer_pb2.AnalyzeResponse()

    def Remediate(self, request, context):
        return analyzer_pb2.RemediateResponse()

    def Cancel(self, request, context):
        ended.set()
        return empty_pb2.Empty()


server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.max_receive_message_length", -1)])
analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Silent(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
ended.wait()
"""
"""A pack without spendgate, as small as one can be."""


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds of all three, and their ratios (medians of ``runs``, in turn); nothing where there is no CLI."""
    if shutil.which("pulumi") is None:
        print("  not measured: the Pulumi CLI is not on PATH")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "program"
        project.mkdir()
        (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n", encoding="utf-8")
        (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
        (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        variables = environment(Path(folder), os.environ)
        select = ["pulumi", "stack", "init", "dev", "--cwd", str(project), "--non-interactive"]
        subprocess.run(select, env=variables, check=True, capture_output=True)
        silent = Path(folder) / "silent"
        silent.mkdir()
        (silent / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 1.0.0\n", encoding="utf-8")
        (silent / "__main__.py").write_text(SILENT, encoding="utf-8")
        levels = Path(folder) / "levels.json"
        levels.write_text('{"all": "advisory"}', encoding="utf-8")
        bare = ["pulumi", "preview", "--stack", "dev", "--cwd", str(project), "--non-interactive", "--json"]
        commands = {
            "bare": bare,
            "silent": [*bare, "--policy-pack", str(silent)],
            "pack": [*bare, "--policy-pack", str(PACK), "--policy-pack-config", str(levels)],
        }
        figures = in_turn(commands, runs, environment=variables)
    bare_time, silent_time, pack_time = (figures[name].seconds for name in ("bare", "silent", "pack"))
    return {
        "bare preview, s": bare_time,
        "preview with a silent pack, s": silent_time,
        "preview with gpu-baseline, s": pack_time,
        "preview with gpu-baseline / silent pack": pack_time / silent_time,
        "preview with silent pack / bare": silent_time / bare_time,
        "preview with pack / bare": pack_time / bare_time,
    }
