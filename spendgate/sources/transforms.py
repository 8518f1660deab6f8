"""Transforms that the program registered with the engine: called back over gRPC for every resource and invoke.

The order is the engine's: the resource's own, then its ancestors' from the nearest outwards, then the stack's. As with
the engine, a transform gets secret and unknown values as outputs, wherever they stand, and (of the resource's own
transforms) every property that depends on another resource as one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from spendgate.errors import InputError
from spendgate.sources.wire import OUTPUT, SECRET, SIGNATURE, UNKNOWN_TEXT, UNLIMITED, from_struct, to_struct


class Callbacks:
    """Connections to the program's own callback server(s), one for each address."""

    def __init__(self) -> None:
        self._stubs: dict[str, Any] = {}
        self._channels: list[Any] = []
        self._lock = threading.Lock()

    def invoke(self, callback: Any, request: Any) -> bytes:
        """Call ``callback`` with a serialised ``request``; raises ``InputError`` when the program's code raises."""
        import grpc
        from pulumi.runtime.proto import callback_pb2

        message = callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
        try:
            response = self._stub(callback.target).Invoke(message)
        except grpc.RpcError as error:
            raise InputError("a transform of the program raised", detail=_reason(error)) from None
        return bytes(response.response)

    def _stub(self, target: str) -> Any:
        import grpc
        from pulumi.runtime.proto import callback_pb2_grpc

        with self._lock:
            if target not in self._stubs:
                channel = grpc.insecure_channel(target, options=UNLIMITED)
                self._channels.append(channel)
                self._stubs[target] = callback_pb2_grpc.CallbacksStub(channel)
            return self._stubs[target]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for channel in self._channels:
                channel.close()
            self._channels.clear()
            self._stubs.clear()


def resource_options(request: Any) -> Any:
    """The options of a ``RegisterResourceRequest`` in the shape in which transforms see and change them."""
    from pulumi.runtime.proto import alias_pb2, resource_pb2

    options = resource_pb2.TransformResourceOptions(
        depends_on=request.dependencies,
        protect=request.protect if request.HasField("protect") else None,
        ignore_changes=request.ignoreChanges,
        replace_on_changes=request.replaceOnChanges,
        version=request.version,
        aliases=[*request.aliases, *(alias_pb2.Alias(urn=urn) for urn in request.aliasURNs)],
        provider=request.provider,
        custom_timeouts=request.customTimeouts if request.HasField("customTimeouts") else None,
        plugin_download_url=request.pluginDownloadURL,
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        additional_secret_outputs=request.additionalSecretOutputs,
        providers=dict(request.providers),
    )
    if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
        options.delete_before_replace = request.deleteBeforeReplace
    return options


def transform_resource(
    callbacks: Callbacks, transforms: Iterable[Any], request: Any, parent: str, options: Any
) -> tuple[Any, Any]:
    """The properties and options of ``request`` after ``transforms``; raises ``InputError`` when one raises."""
    from pulumi.runtime.proto import resource_pb2

    properties = to_struct(_with_outputs(request))
    for transform in transforms:
        message = resource_pb2.TransformRequest(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=parent,
            properties=properties,
            options=options,
        )
        response = resource_pb2.TransformResponse.FromString(callbacks.invoke(transform, message))
        if response.HasField("properties"):
            properties = response.properties
        if response.HasField("options"):
            options = response.options
    return to_struct(_without_outputs(from_struct(properties))), options


def _with_outputs(request: Any) -> dict[str, Any]:
    """The properties of ``request`` with secrets, unknowns and (for its own transforms) dependent ones as outputs."""
    properties = {name: _as_output(value) for name, value in from_struct(request.object).items()}
    if request.transforms:
        for name, dependencies in request.propertyDependencies.items():
            if name in properties and dependencies.urns:
                known = properties[name]
                output = known if _signature(known) == OUTPUT else {SIGNATURE: OUTPUT, "value": known}
                properties[name] = {**output, "dependencies": sorted(dependencies.urns)}
    return properties


def _as_output(value: Any) -> Any:
    if value == UNKNOWN_TEXT:
        return {SIGNATURE: OUTPUT}
    if isinstance(value, list):
        return [_as_output(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _signature(value) == SECRET:
        inner = _as_output(value.get("value"))
        output = inner if _signature(inner) == OUTPUT else {SIGNATURE: OUTPUT, "value": inner}
        return {**output, "secret": True}
    if SIGNATURE in value:
        return value
    return {key: _as_output(item) for key, item in value.items()}


def _without_outputs(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_outputs(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _signature(value) == OUTPUT:
        known = _without_outputs(value["value"]) if "value" in value else UNKNOWN_TEXT
        return {SIGNATURE: SECRET, "value": known} if value.get("secret") else known
    return {key: _without_outputs(item) for key, item in value.items()}


def _signature(value: Any) -> Any:
    return value.get(SIGNATURE) if isinstance(value, dict) else None


def transform_invoke(callbacks: Callbacks, transforms: Iterable[Any], request: Any) -> tuple[Any, str, str]:
    """The arguments, provider reference and version of an invoke after ``transforms``."""
    from pulumi.runtime.proto import resource_pb2

    arguments = request.args
    options = resource_pb2.TransformInvokeOptions(
        provider=request.provider, plugin_download_url=request.pluginDownloadURL, version=request.version
    )
    for transform in transforms:
        message = resource_pb2.TransformInvokeRequest(token=request.tok, args=arguments, options=options)
        response = resource_pb2.TransformInvokeResponse.FromString(callbacks.invoke(transform, message))
        if response.HasField("args"):
            arguments = response.args
        if response.HasField("options"):
            options = response.options
    return arguments, options.provider, options.version


def _reason(error: Any) -> str:
    """The program's own message and frames, without the callback's token in front."""
    details = str(error.details() or error)
    head, separator, rest = details.partition(" error: ")
    return rest if separator and head.startswith("Invoke callback") else details
