"""A program's declaration by Pulumi's own engine: ``spendgate check DIR --engine pulumi``.

The engine is asked for a preview with a policy pack attached that only listens: its analyzer runs in this process, so
that declared properties arrive as the engine sends them, secrets marked, and nothing of them is written to a file.
Places in the program, resources that are only read, and what the program logged come from the preview's digest.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spendgate import __version__
from spendgate.errors import InputError
from spendgate.resource import Declaration, Resource
from spendgate.sources import analyzed, pulumi_cli
from spendgate.sources.ending import quiet_grpc
from spendgate.sources.masking import mask
from spendgate.sources.project import Project, read_project
from spendgate.sources.stack_config import StackConfig, load_config, select_stack
from spendgate.sources.states import Providers, messages_of, placed, resource_of, value_of
from spendgate.sources.wire import UNLIMITED

LISTENER: Final = """\
import os
import sys
import time

print({port}, flush=True)
parent = os.getppid()
try:
    while os.getppid() == parent:
        time.sleep(0.5)
except KeyboardInterrupt:
    sys.exit(0)
"""


def run_preview(
    directory: Path,
    *,
    stack: str | None = None,
    config: Mapping[str, str] = {},
    timeout: float = 300.0,
    progress: Callable[[str], None] | None = None,
) -> Declaration:
    """What the program in ``directory`` declares, by a real ``pulumi preview``; the stack is chosen as by the embedded
    host, and neither it nor its configuration is changed.

    Raises InputError when the CLI is missing or not logged in, and when the program fails, with its diagnostics.
    """
    pulumi_cli.require_cli("--engine pulumi")
    project = read_project(Path(directory))
    organization, name = select_stack(project, stack)
    settings = load_config(project, name, config)
    wanted = stack if stack and "/" in stack else name
    heard = _Heard(progress)
    with _listener(heard) as pack:
        result = pulumi_cli.preview(project, wanted, config, timeout, pack=pack)
    digest = _digest(result.stdout)
    if result.code != 0 and not result.timed_out:
        raise failure(result, project, settings, tuple(heard.seen.values()))
    return _declaration(project, heard.organization or organization, name, settings, heard, digest, result, timeout)


@dataclass(slots=True)
class _Heard:
    """What the engine told: resources with their inputs in order of registration, and the stack with dependencies."""

    progress: Callable[[str], None] | None = None
    seen: dict[str, Resource] = field(default_factory=dict)
    stack: dict[str, Resource] = field(default_factory=dict)
    organization: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def analyze(self, request: Any) -> None:
        resource = analyzed.resource_of(request)
        with self.lock:
            self.seen[resource.address] = resource
            count = len(self.seen)
        if self.progress is not None:
            self.progress(f"{count} resource{'s' if count != 1 else ''} declared")

    def analyze_stack(self, request: Any) -> None:
        with self.lock:
            self.stack = {message.urn: analyzed.resource_of(message) for message in request.resources}


@contextmanager
def _listener(heard: _Heard) -> Iterator[Path]:
    """Serve an analyzer that only listens; yields the folder of a pack whose process says where it is served."""
    quiet_grpc()
    import grpc
    from pulumi.runtime.proto import analyzer_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=UNLIMITED)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(_servicer(heard), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="spendgate-pack-") as name:
            folder = Path(name)
            # Only pulumi need be importable: outside a virtual environment the program's own Python will do.
            options = {"virtualenv": sys.prefix} if sys.prefix != sys.base_prefix else {}
            runtime = {"name": "python", "options": options}
            (folder / "PulumiPolicy.yaml").write_text(json.dumps({"runtime": runtime}), encoding="utf-8")
            (folder / "__main__.py").write_text(LISTENER.format(port=port), encoding="utf-8")
            yield folder
    finally:
        server.stop(grace=None).wait(2)


def _servicer(heard: _Heard) -> Any:
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

    class Listener(analyzer_pb2_grpc.AnalyzerServicer):
        def Handshake(self, request: Any, context: Any) -> Any:
            return analyzer_pb2.AnalyzerHandshakeResponse()

        def GetPluginInfo(self, request: Any, context: Any) -> Any:
            return plugin_pb2.PluginInfo(version=__version__)

        def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
            return analyzer_pb2.AnalyzerInfo(name="spendgate", version=__version__, supportsConfig=True)

        def ConfigureStack(self, request: Any, context: Any) -> Any:
            heard.organization = request.organization
            return analyzer_pb2.AnalyzerStackConfigureResponse()

        def Configure(self, request: Any, context: Any) -> Any:
            return empty_pb2.Empty()

        def Analyze(self, request: Any, context: Any) -> Any:
            heard.analyze(request)
            return analyzer_pb2.AnalyzeResponse()

        def AnalyzeStack(self, request: Any, context: Any) -> Any:
            heard.analyze_stack(request)
            return analyzer_pb2.AnalyzeResponse()

        def Remediate(self, request: Any, context: Any) -> Any:
            return analyzer_pb2.RemediateResponse()

        def Cancel(self, request: Any, context: Any) -> Any:
            return empty_pb2.Empty()

    return Listener()


def _declaration(
    project: Project,
    organization: str,
    stack: str,
    settings: StackConfig,
    heard: _Heard,
    digest: Mapping[str, Any],
    result: pulumi_cli.Preview,
    timeout: float,
) -> Declaration:
    states = _states(digest)
    with heard.lock:
        known = {**heard.seen, **heard.stack}
        declared = [analyzed.with_inputs(known[urn], heard.seen.get(urn)) for urn in [*heard.seen, *known]]
    unique = {item.address: item for item in declared if not analyzed.is_default_provider(item)}
    # The engine shows no pack what the program only reads.
    providers = Providers({urn: item.properties for urn, item in known.items()}, {})
    for urn, state in states.items():
        if state.get("external") and urn not in unique:
            state = {**state, "inputs": value_of(state.get("inputs") or {})}
            unique[urn] = resource_of(state, providers)
    resources = placed(unique, states, project.directory)
    messages = [*settings.notes, *messages_of(digest)]
    if result.throwaway:
        messages.append(f'info: the stack "{stack}" does not exist; this is its first preview')
    return Declaration(
        project=project.name,
        stack=stack,
        root=project.directory,
        resources=resources,
        organization=organization,
        engine="pulumi",
        config=dict(settings.values),
        messages=tuple(mask(messages, settings.values.values(), resources)),
        incomplete=f"the preview did not end within {timeout:g} s" if result.timed_out else None,
    )


def _states(digest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The new state of each resource by URN, as the digest's steps have it."""
    return {step["urn"]: step["newState"] for step in digest.get("steps") or () if step.get("newState")}


def _digest(stdout: str) -> Mapping[str, Any]:
    try:
        digest = json.loads(stdout)
    except ValueError:
        return {}
    return digest if isinstance(digest, Mapping) else {}


def failure(
    result: pulumi_cli.Preview, project: Project, settings: StackConfig, resources: Iterable[Resource] = ()
) -> InputError:
    """Why a preview failed, in the engine's own words: errors of the program and of its providers."""
    errors = [
        str(item["message"]).strip()
        for item in _digest(result.stdout).get("diagnostics") or ()
        if item.get("severity") == "error" and item.get("message")
    ]
    told = [text for text in dict.fromkeys(errors) if text != "error: preview failed"]
    detail = "\n".join(told) or result.stderr.strip() or f"pulumi preview ended with exit code {result.code}"
    detail = mask([detail], settings.values.values(), resources)[0]
    return InputError("the preview by the Pulumi CLI failed", place=project.file, detail=detail)
