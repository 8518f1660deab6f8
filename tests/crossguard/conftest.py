"""Packs driven as Pulumi's engine drives them: a process of Pulumi's Python host, over real gRPC."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, engine_pb2_grpc

from tests.conftest import ROOT

BASELINE = ROOT / "packs" / "gpu-baseline"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's own service, to which a pack may log."""

    def __init__(self) -> None:
        self.logged: list[Any] = []

    def Log(self, request: Any, context: Any) -> Any:
        self.logged.append(request)
        return empty_pb2.Empty()


@dataclass
class Pack:
    """A pack's process and a client to it."""

    process: subprocess.Popen[str]
    engine: Engine
    stub: Any = None
    stack: str = "dev"
    project: str = "demo"
    sent: list[Any] = field(default_factory=list)

    def urn(self, type_: str, name: str) -> str:
        return f"urn:pulumi:{self.stack}::{self.project}::{type_}::{name}"

    def analyze(self, type_: str, name: str, properties: Mapping[str, Any], region: str = "us-east-1") -> Any:
        """Ask about one resource as the engine does before it acts on it."""
        request = analyzer_pb2.AnalyzeRequest(
            type=type_, name=name, urn=self.urn(type_, name), properties=struct(properties), provider=aws(region)
        )
        self.sent.append(request)
        return self.stub.Analyze(request)

    def analyze_stack(self, depends: Mapping[str, Mapping[str, Sequence[str]]] | None = None) -> Any:
        """Ask about the stack of all resources analysed so far; ``depends`` names, by resource name and property,
        the names it comes from. The engine sends them in no order."""
        urns = {request.name: request.urn for request in self.sent}
        resources = []
        for request in reversed(self.sent):
            links = (depends or {}).get(request.name, {})
            resources.append(
                analyzer_pb2.AnalyzerResource(
                    type=request.type,
                    name=request.name,
                    urn=request.urn,
                    properties=request.properties,
                    provider=request.provider,
                    dependencies=[urns[name] for names in links.values() for name in names],
                    propertyDependencies={
                        key: analyzer_pb2.AnalyzerPropertyDependencies(urns=[urns[name] for name in names])
                        for key, names in links.items()
                    },
                )
            )
        self.sent.clear()
        return self.stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))

    def configure(self, **policies: Mapping[str, Any]) -> None:
        """Send a configuration: ``required_tags={"enforcement": "ADVISORY", "required": [...]}``."""
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for name, settings in policies.items():
            config = request.policyConfig[name.replace("_", "-")]
            config.enforcementLevel = analyzer_pb2.EnforcementLevel.Value(str(settings.get("enforcement", "MANDATORY")))
            config.properties.update({key: value for key, value in settings.items() if key != "enforcement"})
        self.stub.Configure(request)


def struct(values: Mapping[str, Any]) -> Any:
    """Values as the protocol carries them."""
    message = struct_pb2.Struct()
    message.update(dict(values))
    return message


def aws(region: str) -> Any:
    """The default provider of AWS."""
    return analyzer_pb2.AnalyzerProviderResource(
        type="pulumi:providers:aws",
        urn="urn:pulumi:dev::demo::pulumi:providers:aws::default_7_51_1",
        name="default_7_51_1",
        properties=struct({"region": region, "version": "7.51.1"}),
    )


def told(response: Any, *, name: str | None = None) -> set[tuple[str, str]]:
    """Policy and resource name of every diagnostic but the estimate."""
    return {
        (item.policyName, item.urn.rsplit("::", 1)[-1])
        for item in response.diagnostics
        if item.policyName != "cost-estimate" and name in (None, item.policyName)
    }


StartPack = Callable[..., Any]


@contextmanager
def started(folder: Path, stack: str = "dev", cwd: Path | None = None, **variables: str) -> Iterator[Pack]:
    """Start a pack as Pulumi's Python host does, with an engine that listens; the process is ended afterwards."""
    engine = Engine()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AWS_", "SPENDGATE_"))}
    environment = {
        **kept,
        "PWD": str(cwd or folder),
        "PULUMI_PROJECT": "demo",
        "PULUMI_STACK": stack,
        "PULUMI_ORGANIZATION": "organization",
        "PULUMI_DRY_RUN": "true",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", address, str(folder)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pack = Pack(process, engine, stack=stack)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdigit():
            process.wait(30)
            yield pack
            return
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            pack.stub = analyzer_pb2_grpc.AnalyzerStub(channel)
            yield pack
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        server.stop(grace=None)


@pytest.fixture(scope="module")
def shared_pack() -> Iterator[Pack]:
    """The baseline pack, started once a module; each test gets it with nothing configured and nothing seen."""
    with started(BASELINE) as pack:
        yield pack


@pytest.fixture
def pack(shared_pack: Pack) -> Iterator[Pack]:
    yield shared_pack
    shared_pack.stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    shared_pack.sent.clear()
    shared_pack.stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest())
