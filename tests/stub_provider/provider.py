"""The plugin process: Pulumi's ``ResourceProvider`` protocol, as much of it as a preview and an update need.

It takes every input as it is, gives it back as output, and names what it "creates" after the resource. The engine
starts it like any provider plugin: it prints its port and serves until it is told to end.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from spendgate.resource import Provider
from spendgate.sources.invokes.answers import Answers
from spendgate.sources.wire import decode_properties, encode_properties


class StubProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider of any package."""

    def __init__(self, package: str, version: str) -> None:
        self.package = package
        self.version = version
        self.settings: dict[str, Any] = {}

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=False, supports_autonaming_configuration=False
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        self.settings = decode_properties(request.args)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=False
        )

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        kind = provider_pb2.DiffResponse
        same = request.olds == request.news
        return provider_pb2.DiffResponse(changes=kind.DIFF_NONE if same else kind.DIFF_SOME)

    def Create(self, request: Any, context: Any) -> Any:
        name = request.urn.rsplit("::", 1)[-1]
        identity = "" if request.preview else f"{name}-id"
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.properties)
        if not request.preview:  # what a cloud would name is known once it is there
            for output in ("name", "arn"):
                if output not in outputs.fields:
                    outputs[output] = identity
        return provider_pb2.CreateResponse(id=identity, properties=outputs)

    def Update(self, request: Any, context: Any) -> Any:
        return provider_pb2.UpdateResponse(properties=request.news)

    def Read(self, request: Any, context: Any) -> Any:
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.properties)

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        provider = Provider(self.package, "", self.settings, self.version)
        answer = Answers().find(request.tok, decode_properties(request.args), provider)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"the stub has no answer to {request.tok}")
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode_properties(answer or {}))
        return response

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def main(package: str, version: str) -> None:
    """Serve until the engine ends the process."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StubProvider(package, version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    with suppress(KeyboardInterrupt):  # how the engine ends its plugins
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
