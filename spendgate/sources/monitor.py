"""Pulumi's ``ResourceMonitor`` and ``Engine`` services, as much of the engine as a program needs for a preview.

Nothing is created: the inputs of a resource come back as its outputs, what a provider would compute is unknown, and
every registration is kept in a ``Deployment``. Resource hooks are accepted and never run, not even those that ask for
dry runs: a hook acts on the world beside the program's declarations. The same holds for state migrations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from spendgate.errors import InputError, Place
from spendgate.resource import STACK_TYPE, Unanswered, Value
from spendgate.sources import registration, transforms
from spendgate.sources.deployment import Deployment, Goal
from spendgate.sources.ending import quiet_grpc
from spendgate.sources.invokes import Answers
from spendgate.sources.positions import place_in, position
from spendgate.sources.project import NeedsEngine
from spendgate.sources.wire import (
    UNLIMITED,
    decode_properties,
    decode_text,
    encode_properties,
    secret,
)

FEATURES: Final = (
    "secrets",
    "resourceReferences",
    "outputValues",
    "aliasSpecs",
    "deletedWith",
    "replaceWith",
    "transforms",
    "invokeTransforms",
    "parameterization",
    "resourceHooks",
    "errorHooks",
)
"""By the identifiers of ``SupportsFeature``. Waiting for an invoke's dependencies is left to the SDK, which does so
where the monitor does not offer it."""

WORKERS: Final = 128
"""More than the program's SDK calls at a time: a transform may call back while its registration waits."""


class Refused(Exception):
    """A call that is answered with an error, which the program sees with this text."""


class Monitor:
    """The two services for one deployment, under the names that the protocol gives their methods."""

    def __init__(self, deployment: Deployment, answers: Answers) -> None:
        self.deployment = deployment
        self.answers = answers
        self.callbacks = transforms.Callbacks()

    # --- registrations

    def RegisterResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        if request.remote:
            self._refuse(
                NeedsEngine(
                    f'"{request.name}" is a component of the package "{request.type.split(":")[0]}" that runs in'
                    " a plugin of its own, which only the Pulumi CLI can start",
                    place=position(request, self.deployment.root),
                    remedy="Install the Pulumi CLI and run with --engine pulumi.",
                ),
            )
        parent = self._parent(request.type, request.parent)
        registration.inherit(self.deployment, request, parent)
        options = transforms.resource_options(request)
        properties = request.object
        pending = [*request.transforms, *self._inherited_transforms(parent)]
        if pending:
            place = position(request, self.deployment.root)
            with self._reported(place):
                properties, options = transforms.transform_resource(
                    self.callbacks, pending, request, request.parent, options
                )
        resource = registration.managed(self.deployment, request, parent, properties, options)
        with self.deployment.lock:
            self.deployment.goals[resource.address] = Goal(
                parent,
                options.provider,
                options.protect,
                request.custom,
                dict(options.providers),
                tuple(request.transforms),
            )
            self.deployment.inputs[resource.address] = properties
        self.deployment.add(resource)
        return resource_pb2.RegisterResourceResponse(
            urn=resource.address,
            id=request.importId if request.custom else "",
            object=registration.outputs(request, properties, options.additional_secret_outputs),
        )

    def ReadResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        deployment = self.deployment
        resource = registration.read(deployment, request, self._parent(request.type, request.parent))
        with deployment.lock:
            deployment.inputs[resource.address] = request.properties
        deployment.add(resource)
        response = resource_pb2.ReadResourceResponse(
            urn=resource.address,
            properties=registration.outputs(request, request.properties, request.additionalSecretOutputs),
        )
        # Newer SDKs take the id from here, older ones from their own request.
        if "id" in response.DESCRIPTOR.fields_by_name and isinstance(decode_text(request.id), str):
            response.id = request.id
        return response

    def ExistsResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        return resource_pb2.ExistsResourceResponse(unknown=True)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:
        with self.deployment.lock:
            self.deployment.outputs[request.urn] = request.outputs
        return _empty()

    # --- functions

    def Invoke(self, request: Any, context: Any) -> Any:
        if request.tok == "pulumi:pulumi:getResource":
            return self._get_resource(request, context)
        arguments, reference, version = request.args, request.provider, request.version
        how = _how_invoked(context)
        place = place_in(self.deployment.root, *how["place"])
        with self.deployment.lock:
            pending = list(self.deployment.invoke_transforms)
        if pending:
            with self._reported(place):
                arguments, reference, version = transforms.transform_invoke(self.callbacks, pending, request)
        package = request.tok.split(":", 1)[0]
        known = decode_properties(arguments)
        known.update({name: secret(known[name]) for name in how["secrets"] if name in known})
        with self.deployment.lock:
            self.deployment.secrets.append({name: known[name] for name in how["secrets"] if name in known})
        provider = self.deployment.provider(reference, package, version)
        with self._reported(place):
            answer = self.answers.find(request.tok, known, provider)
        if isinstance(answer, Mapping):
            return self._result(answer)
        if how["form"] == "output":
            context.set_trailing_metadata((("spendgate-unknown", "1"),))
            return self._unknown_result()
        with self.deployment.lock:
            self.deployment.unanswered.append(Unanswered(request.tok, known, place))
        context.set_trailing_metadata((("spendgate-unanswered", "1"),))
        raise Refused("there is no answer for it without the cloud")

    def Call(self, request: Any, context: Any) -> Any:
        self._refuse(
            NeedsEngine(
                f"{request.tok} is a method that runs in a provider plugin, which only the Pulumi CLI can start",
                remedy="Install the Pulumi CLI and run with --engine pulumi.",
            ),
        )

    # --- what the program sets up

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:
        with self.deployment.lock:
            self.deployment.transforms.append(request)
        return _empty()

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:
        with self.deployment.lock:
            self.deployment.invoke_transforms.append(request)
        return _empty()

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:
        return _empty()

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:
        return _empty()

    def RegisterPackage(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        parameter = request.parameterization if request.HasField("parameterization") else None
        name, version = (parameter.name, parameter.version) if parameter else (request.name, request.version)
        reference = f"{name}@{version}"
        with self.deployment.lock:
            self.deployment.packages[reference] = (name, version)
        return resource_pb2.RegisterPackageResponse(ref=reference)

    def SupportsFeature(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        deployment = self.deployment
        enum = resource_pb2.ResourceMonitorFeature
        wanted = {"RESOURCE_MONITOR_FEATURE_" + _constant(feature) for feature in FEATURES}
        return resource_pb2.DeploymentInfo(
            project=deployment.project,
            stack=deployment.stack,
            organization=deployment.organization,
            dryRun=True,
            supportedFeatures=[number for name, number in enum.items() if name in wanted],
        )

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:
        return _empty()

    # --- the engine

    def Log(self, request: Any, context: Any) -> Any:
        word = {1: "info", 2: "warning", 3: "error"}.get(request.severity)
        if word and not request.ephemeral:
            with self.deployment.lock:
                self.deployment.messages.append(f"{word}: {request.message.strip()}")
        return _empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import engine_pb2

        return engine_pb2.GetRootResourceResponse(urn=self.deployment.stack_urn)

    def SetRootResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import engine_pb2

        return engine_pb2.SetRootResourceResponse()

    def StartDebugging(self, request: Any, context: Any) -> Any:
        return _empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import engine_pb2

        # There is no CLI whose version could be too old; the program's wish is noted.
        with self.deployment.lock:
            self.deployment.messages.append(
                f"info: the program asks for Pulumi {request.pulumi_version_range}; this is not the Pulumi CLI"
            )
        return engine_pb2.RequirePulumiVersionResponse()

    # --- parts

    def _parent(self, type_: str, parent: str) -> str:
        return parent or ("" if type_ == STACK_TYPE else self.deployment.stack_urn)

    def _inherited_transforms(self, parent: str) -> Iterator[Any]:
        with self.deployment.lock:
            stack = list(self.deployment.transforms)
        current = parent
        while (goal := self.deployment.goals.get(current)) is not None:
            yield from goal.transforms
            current = goal.parent
        yield from stack

    def _get_resource(self, request: Any, context: Any) -> Any:

        urn = str(decode_properties(request.args).get("urn"))
        with self.deployment.lock:
            properties = self.deployment.inputs.get(urn)
            outputs = self.deployment.outputs.get(urn)
        if properties is None:
            raise Refused(f"unknown resource {urn}")
        response = self._result({"urn": urn, "id": ""})
        state = getattr(response, "return").fields["state"].struct_value
        for known in (properties, outputs):
            for name, value in known.fields.items() if known is not None else ():
                state.fields[name].CopyFrom(value)
        return response

    @staticmethod
    def _result(answer: Mapping[str, Value]) -> Any:
        from pulumi.runtime.proto import resource_pb2

        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(encode_properties(answer))
        return response

    @staticmethod
    def _unknown_result() -> Any:
        from pulumi.runtime.proto import resource_pb2

        response = resource_pb2.ResourceInvokeResponse()
        if "unknown" in response.DESCRIPTOR.fields_by_name:
            response.unknown = True
        return response

    def _refuse(self, error: InputError) -> NoReturn:
        with self.deployment.lock:
            self.deployment.errors.append(error)
        raise Refused(error.message)

    @contextmanager
    def _reported(self, place: Place | None) -> Iterator[None]:
        """Hand an error of the program's own callbacks to both sides: the run fails with it."""
        try:
            yield
        except InputError as error:
            error.place = error.place or place
            self._refuse(error)


def _how_invoked(context: Any) -> Mapping[str, Any]:
    """What the child tells of an invoke beside the request: its form, its place, its secret arguments."""
    told = dict(context.invocation_metadata()).get("spendgate-invoke-bin")
    return json.loads(told) if told else {"form": "plain", "place": (None, None), "secrets": ()}


def _constant(feature: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in feature)


def _empty() -> Any:
    from google.protobuf import empty_pb2

    return empty_pb2.Empty()


@contextmanager
def serve(monitor: Monitor) -> Iterator[str]:
    """Serve ``monitor`` on a free port of this machine while the block runs; yields its address."""
    quiet_grpc()
    import grpc
    from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS), options=UNLIMITED)
    servicer: Any = _Servicer(monitor)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(servicer, server)
    engine_pb2_grpc.add_EngineServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait(2)
        monitor.callbacks.close()


class _Servicer:
    """The monitor as gRPC looks it up.

    Methods that a newer protocol adds are answered as unimplemented. A fault of the monitor's own ends the run as
    what it is, and not as an error of the program.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __getattr__(self, name: str) -> Any:
        import grpc

        method = getattr(self._monitor, name, None)

        def call(request: Any, context: Any) -> Any:
            if method is None:
                return context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not implemented")
            try:
                return method(request, context)
            except Refused as refused:
                return context.abort(grpc.StatusCode.UNKNOWN, str(refused))
            except Exception as fault:
                self._monitor.deployment.fault = fault
                return context.abort(grpc.StatusCode.INTERNAL, f"{name} failed: {fault!r}")

        return call
