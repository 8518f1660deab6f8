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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from spendgate import __version__
from spendgate.crossguard import requests
from spendgate.errors import InputError, Place
from spendgate.resource import Declaration, Resource, Value
from spendgate.sources import pulumi_cli
from spendgate.sources.ending import quiet_grpc
from spendgate.sources.masking import mask
from spendgate.sources.positions import INSTALLED, located
from spendgate.sources.project import Project, read_project
from spendgate.sources.stack_config import StackConfig, load_config, select_stack
from spendgate.sources.wire import decode_text

STACK_TYPE: Final = "pulumi:pulumi:Stack"

AMBIENT_PLUGIN: Final = "using pulumi-resource-"
"""How the engine notes where it found a plugin: nothing a reader of a report needs."""

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
        resource = requests.resource_of(request)
        with self.lock:
            self.seen[resource.address] = resource
            count = len(self.seen)
        if self.progress is not None:
            self.progress(f"{count} resource{'s' if count != 1 else ''} declared")

    def analyze_stack(self, request: Any) -> None:
        with self.lock:
            self.stack = {message.urn: requests.resource_of(message) for message in request.resources}


@contextmanager
def _listener(heard: _Heard) -> Iterator[Path]:
    """Serve an analyzer that only listens; yields the folder of a pack whose process says where it is served."""
    quiet_grpc()
    import grpc
    from pulumi.runtime.proto import analyzer_pb2_grpc

    from spendgate.crossguard.server import UNLIMITED

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
        resources = [requests.with_inputs(known[urn], heard.seen.get(urn)) for urn in [*heard.seen, *known]]
    unique = {item.address: item for item in resources if not requests.is_default_provider(item)}
    providers = {item.address: item for item in known.values()}
    for urn, state in states.items():
        if state.get("external") and urn not in unique:
            unique[urn] = _read(urn, state, providers)
    placed = _placed(unique, states, project)
    messages = [*settings.notes, *_messages(digest)]
    if result.throwaway:
        messages.append(f'info: the stack "{stack}" does not exist; this is its first preview')
    return Declaration(
        project=project.name,
        stack=stack,
        root=project.directory,
        resources=placed,
        organization=organization,
        engine="pulumi",
        config=dict(settings.values),
        messages=tuple(mask(messages, settings.values.values(), placed)),
        incomplete=f"the preview did not end within {timeout:g} s" if result.timed_out else None,
    )


def _states(digest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The new state of each resource by URN, as the digest's steps have it."""
    return {step["urn"]: step["newState"] for step in digest.get("steps") or () if step.get("newState")}


def _placed(
    resources: Mapping[str, Resource], states: Mapping[str, Mapping[str, Any]], project: Project
) -> tuple[Resource, ...]:
    """The resources with their places: one that a library declares has its nearest ancestor's."""
    own = {
        urn: None if item.type == STACK_TYPE else _position(states.get(urn, {}), project.directory)
        for urn, item in resources.items()
    }

    def place(urn: str | None) -> Place | None:
        seen: set[str] = set()
        while urn is not None and urn in resources and urn not in seen:
            if own[urn] is not None:
                return own[urn]
            seen.add(urn)
            urn = resources[urn].parent
        return None

    return tuple(replace(item, position=place(urn)) for urn, item in resources.items())


def _position(state: Mapping[str, Any], root: Path) -> Place | None:
    """The innermost frame that is the project's own, else the position that the engine names.

    The engine writes ``project:///__main__.py#12`` relative to the project's folder, which may lead out of it.
    """
    frames = [frame.get("sourcePosition") for frame in state.get("stackTrace") or ()]
    named = state.get("sourcePosition")
    for position in (*frames, named):
        place, own = _place(position, root)
        if place is not None and own:
            return place
    place = _place(named, root)[0]
    return None if place is None or INSTALLED.search(place.file) else place


def _place(position: str | None, root: Path) -> tuple[Place | None, bool]:
    if not position:
        return None, False
    uri, _, line = position.partition("#")
    if uri.startswith("project:///"):
        file = (root / unquote(uri.removeprefix("project:///"))).resolve()
        uri = file.as_uri()
    shown, own = located(uri, root)
    number = line.partition(",")[0]
    return Place(shown, int(number) if number.isdigit() else None), own


def _read(urn: str, state: Mapping[str, Any], known: Mapping[str, Resource]) -> Resource:
    """A resource that the program only reads: the engine shows it to no pack."""
    reference = str(state.get("provider", "")).rpartition("::")[0]
    settings = known[reference].properties if reference in known else {}
    package = str(state["type"]).split(":", 1)[0]
    return Resource(
        type=state["type"],
        name=urn.rsplit("::", 1)[-1],
        address=urn,
        properties=_values(state.get("inputs") or {}),
        provider=requests.provider_named(package, reference, settings),
        parent=state.get("parent"),
        external=True,
        dependencies=tuple(sorted(state.get("dependencies") or ())),
    )


def _values(value: Any) -> Value:
    """Values as the digest writes them."""
    if isinstance(value, Mapping):
        return {key: _values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_values(item) for item in value]
    return decode_text(value) if isinstance(value, str) else value


def _digest(stdout: str) -> Mapping[str, Any]:
    try:
        digest = json.loads(stdout)
    except ValueError:
        return {}
    return digest if isinstance(digest, Mapping) else {}


def _messages(digest: Mapping[str, Any]) -> list[str]:
    texts = [str(item.get("message", "")).strip() for item in digest.get("diagnostics") or ()]
    return [text for text in dict.fromkeys(texts) if text and AMBIENT_PLUGIN not in text]


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
