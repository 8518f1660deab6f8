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
from typing import Any, Final

from spendgate.errors import InputError, Place
from spendgate.resource import Options, Resource, Value
from spendgate.sources import transforms
from spendgate.sources.deployment import STACK_TYPE, Deployment, Goal, Unanswered
from spendgate.sources.invokes import Answers
from spendgate.sources.positions import place_in, position
from spendgate.sources.project import NeedsEngine
from spendgate.sources.providers import PROVIDER_TYPE, decode_settings
from spendgate.sources.wire import (
    SECRET,
    SIGNATURE,
    UNKNOWN_TEXT,
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

SERIALIZED_CODE: Final = "__provider"
"""Where dynamic providers put their own code, serialised."""


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
                context,
                NeedsEngine(
                    f'"{request.name}" is a component of the package "{request.type.split(":")[0]}" that runs in'
                    " a plugin of its own, which only the Pulumi CLI can start",
                    place=position(request, self.deployment.root),
                    remedy="Install the Pulumi CLI and run with --engine pulumi.",
                ),
            )
        parent = self._parent(request.type, request.parent)
        self._inherit(request, parent)
        options = transforms.resource_options(request)
        properties = request.object
        pending = [*request.transforms, *self._inherited_transforms(parent)]
        if pending:
            place = position(request, self.deployment.root)
            with self._reported(context, place):
                properties, options = transforms.transform_resource(
                    self.callbacks, pending, request, request.parent, options
                )
        resource = self._resource(request, parent, properties, options, bool(request.transforms))
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
            object=_with_secret_outputs(properties, options.additional_secret_outputs, request),
        )

    def ReadResource(self, request: Any, context: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        deployment = self.deployment
        parent = self._parent(request.type, request.parent)
        properties = decode_properties(request.properties)
        reference = request.provider or self._inherited_provider(request.type, parent)
        resource = Resource(
            type=request.type,
            name=request.name,
            address=deployment.urn(request.type, request.name, parent),
            properties=properties,
            provider=self._provider(request, reference, request.version),
            parent=parent or None,
            external=True,
            options=Options(additional_secret_outputs=tuple(request.additionalSecretOutputs)),
            dependencies=tuple(sorted(request.dependencies)),
            position=position(request, deployment.root),
        )
        with deployment.lock:
            deployment.inputs[resource.address] = request.properties
        deployment.add(resource)
        response = resource_pb2.ReadResourceResponse(
            urn=resource.address,
            properties=_with_secret_outputs(request.properties, request.additionalSecretOutputs, request),
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
            self.deployment.outputs[request.urn] = decode_properties(request.outputs)
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
            with self._reported(context, place):
                arguments, reference, version = transforms.transform_invoke(self.callbacks, pending, request)
        package = request.tok.split(":", 1)[0]
        known = decode_properties(arguments)
        known.update({name: secret(known[name]) for name in how["secrets"] if name in known})
        provider = self.deployment.provider(reference, package, version)
        with self._reported(context, place):
            answer = self.answers.find(request.tok, known, provider)
        if isinstance(answer, Mapping):
            return self._result(answer)
        if how["form"] == "output":
            context.set_trailing_metadata((("spendgate-unknown", "1"),))
            return self._unknown_result()
        import grpc

        with self.deployment.lock:
            self.deployment.unanswered.append(Unanswered(request.tok, known, place))
        context.set_trailing_metadata((("spendgate-unanswered", "1"),))
        return context.abort(grpc.StatusCode.UNKNOWN, "there is no answer for it without the cloud")

    def Call(self, request: Any, context: Any) -> Any:
        self._refuse(
            context,
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

    def _inherit(self, request: Any, parent: str) -> None:
        """Take over from the parent what the engine takes over: protection and a provider of the same package."""
        goal = self.deployment.goals.get(parent)
        if goal is None:
            return
        if not request.HasField("protect"):
            request.protect = goal.protect
        if not request.provider and not (request.custom and request.type.startswith(PROVIDER_TYPE)):
            request.provider = self._inherited_provider(request.type, parent) if request.custom else goal.provider

    def _inherited_provider(self, type_: str, parent: str) -> str:
        package = type_.split(":", 1)[0]
        goal = self.deployment.goals.get(parent)
        while goal is not None:
            for reference in (goal.provider, goal.providers.get(package, "")):
                if f"::{PROVIDER_TYPE}{package}::" in reference or f"${PROVIDER_TYPE}{package}::" in reference:
                    return reference
            goal = self.deployment.goals.get(goal.parent)
        return ""

    def _inherited_transforms(self, parent: str) -> Iterator[Any]:
        with self.deployment.lock:
            stack = list(self.deployment.transforms)
        current = parent
        while (goal := self.deployment.goals.get(current)) is not None:
            yield from goal.transforms
            current = goal.parent
        yield from stack

    def _provider(self, request: Any, reference: str, version: str) -> Any:
        if request.type.startswith(PROVIDER_TYPE) or request.type.startswith("pulumi:"):
            return None
        package = request.type.split(":", 1)[0]
        package_ref = getattr(request, "packageRef", "")
        if package_ref:
            package, version = self.deployment.packages.get(package_ref, (package, version))
        return self.deployment.provider(reference, package, version)

    def _resource(self, request: Any, parent: str, properties: Any, options: Any, transformed: bool) -> Resource:
        decoded = decode_properties(properties)
        decoded.pop(SERIALIZED_CODE, None)
        if request.type.startswith(PROVIDER_TYPE):
            decoded = decode_settings(decoded)
        for name in options.additional_secret_outputs:
            if name in decoded:
                decoded[name] = secret(decoded[name])
        return Resource(
            type=request.type,
            name=request.name,
            address=self.deployment.urn(request.type, request.name, parent),
            properties=decoded,
            provider=self._provider(request, options.provider, options.version) if request.custom else None,
            parent=parent or None,
            custom=request.custom,
            options=_options(options, self.deployment, request, parent),
            dependencies=tuple(sorted(options.depends_on if transformed else request.dependencies)),
            property_dependencies={
                name: tuple(sorted(item.urns))
                for name, item in sorted(request.propertyDependencies.items())
                if item.urns and name in decoded
            },
            position=None if request.type == STACK_TYPE else position(request, self.deployment.root),
        )

    def _get_resource(self, request: Any, context: Any) -> Any:
        import grpc

        urn = decode_properties(request.args).get("urn")
        with self.deployment.lock:
            properties = self.deployment.inputs.get(str(urn))
            outputs = self.deployment.outputs.get(str(urn), {})
        if properties is None:
            return context.abort(grpc.StatusCode.NOT_FOUND, f"unknown resource {urn}")
        state = {**decode_properties(properties), **outputs}
        return self._result({"urn": str(urn), "id": "", "state": state})

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

    def _refuse(self, context: Any, error: InputError) -> None:
        import grpc

        with self.deployment.lock:
            self.deployment.errors.append(error)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.message)

    @contextmanager
    def _reported(self, context: Any, place: Place | None) -> Iterator[None]:
        """Hand an error of the program's own callbacks to both sides: the run fails with it."""
        try:
            yield
        except InputError as error:
            error.place = error.place or place
            self._refuse(context, error)


def _how_invoked(context: Any) -> Mapping[str, Any]:
    """What the child tells of an invoke beside the request: its form, its place, its secret arguments."""
    told = dict(context.invocation_metadata()).get("spendgate-invoke-bin")
    return json.loads(told) if told else {"form": "plain", "place": (None, None), "secrets": ()}


def _options(options: Any, deployment: Deployment, request: Any, parent: str) -> Options:
    timeouts = options.custom_timeouts
    named = ("create", "update", "delete", "read")
    return Options(
        protect=options.protect,
        ignore_changes=tuple(options.ignore_changes),
        delete_before_replace=options.delete_before_replace,
        additional_secret_outputs=tuple(options.additional_secret_outputs),
        aliases=tuple(dict.fromkeys(_alias(alias, deployment, request, parent) for alias in options.aliases)),
        custom_timeouts={name: value for name in named if (value := getattr(timeouts, name, ""))},
    )


def _alias(alias: Any, deployment: Deployment, request: Any, parent: str) -> str:
    """The URN that an alias stands for; what its specification leaves out is the resource's own."""
    if alias.WhichOneof("alias") == "urn":
        return str(alias.urn)
    spec = alias.spec
    elsewhere = Deployment(spec.project or deployment.project, spec.stack or deployment.stack, deployment.root)
    parent = "" if spec.WhichOneof("parent") == "noParent" and spec.noParent else (spec.parentUrn or parent)
    return elsewhere.urn(spec.type or request.type, spec.name or request.name, parent)


def _with_secret_outputs(properties: Any, names: Any, request: Any) -> Any:
    """The inputs as outputs, in which the outputs that the program wants secret are: unknown where not given."""
    if not names or not request.acceptSecrets:
        return properties
    from google.protobuf import struct_pb2

    outputs = struct_pb2.Struct()
    outputs.CopyFrom(properties)
    for name in names:
        if name not in outputs.fields:
            outputs.fields[name].struct_value.update({SIGNATURE: SECRET, "value": UNKNOWN_TEXT})
            continue
        value = struct_pb2.Value()
        value.CopyFrom(outputs.fields[name])
        if value.struct_value.fields.get(SIGNATURE, struct_pb2.Value()).string_value != SECRET:
            signed = outputs.fields[name].struct_value
            signed.Clear()
            signed.fields[SIGNATURE].string_value = SECRET
            signed.fields["value"].CopyFrom(value)
    return outputs


def _constant(feature: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in feature)


def _empty() -> Any:
    from google.protobuf import empty_pb2

    return empty_pb2.Empty()


@contextmanager
def serve(monitor: Monitor) -> Iterator[str]:
    """Serve ``monitor`` on a free port of this machine while the block runs; yields its address."""
    import grpc
    from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS), options=transforms.CHANNEL_OPTIONS)
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
    """The monitor as gRPC looks it up: methods that a newer protocol adds are answered as unimplemented."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._monitor, name, None)
        if method is not None:
            return method

        def unimplemented(request: Any, context: Any) -> None:
            import grpc

            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not implemented")

        return unimplemented
