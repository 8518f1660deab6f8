"""From a registration on the wire to a resource as declared, by the engine's rules."""

from __future__ import annotations

from typing import Any, Final

from spendgate.errors import Place
from spendgate.resource import STACK_TYPE, Options, Provider, Resource
from spendgate.sources.deployment import Deployment
from spendgate.sources.positions import position
from spendgate.sources.providers import PROVIDER_TYPE, decode_settings
from spendgate.sources.wire import SECRET, SIGNATURE, UNKNOWN_TEXT, decode_properties, decode_text, secret

SERIALIZED_CODE: Final = "__provider"
"""Where dynamic providers put their own code, serialised."""


def managed(deployment: Deployment, request: Any, parent: str, properties: Any, options: Any) -> Resource:
    """The resource of a ``RegisterResourceRequest`` whose transforms gave ``properties`` and ``options``."""
    decoded = decode_properties(properties)
    decoded.pop(SERIALIZED_CODE, None)
    if request.type.startswith(PROVIDER_TYPE):
        decoded = decode_settings(decoded)
    for name in options.additional_secret_outputs:
        if name in decoded:
            decoded[name] = secret(decoded[name])
    # The engine takes dependencies from the transforms' options only where the resource has transforms of its own.
    dependencies = options.depends_on if request.transforms else request.dependencies
    return Resource(
        type=request.type,
        name=request.name,
        address=deployment.urn(request.type, request.name, parent),
        properties=decoded,
        provider=_provider(deployment, request, options.provider, options.version) if request.custom else None,
        parent=parent or None,
        custom=request.custom,
        options=_options(deployment, request, parent, options),
        dependencies=tuple(sorted(dependencies)),
        property_dependencies={
            name: tuple(sorted(item.urns))
            for name, item in sorted(request.propertyDependencies.items())
            if item.urns and name in decoded
        },
        position=None if request.type == STACK_TYPE else _position(deployment, request, parent),
    )


def read(deployment: Deployment, request: Any, parent: str) -> Resource:
    """The resource of a ``ReadResourceRequest``: external, with the state that the program itself gives."""
    reference = request.provider or inherited_provider(deployment, request.type, parent)
    return Resource(
        type=request.type,
        name=request.name,
        address=deployment.urn(request.type, request.name, parent),
        properties=decode_properties(request.properties),
        provider=_provider(deployment, request, reference, request.version),
        parent=parent or None,
        external=True,
        options=Options(additional_secret_outputs=tuple(request.additionalSecretOutputs)),
        dependencies=tuple(sorted(request.dependencies)),
        position=_position(deployment, request, parent),
        ids=(request.id,) if request.id and isinstance(decode_text(request.id), str) else (),
    )


def _position(deployment: Deployment, request: Any, parent: str) -> Place | None:
    """Where the resource is declared: one that a library declares, where its nearest ancestor is."""
    place = position(request, deployment.root)
    if place is None and (above := deployment.resources.get(parent)) is not None:
        return above.position
    return place


def inherit(deployment: Deployment, request: Any, parent: str) -> None:
    """Take over from the parent what the engine takes over: protection and a provider of the same package."""
    goal = deployment.goals.get(parent)
    if goal is None:
        return
    if goal.protect and not request.HasField("protect"):
        request.protect = True
    if request.provider or request.type.startswith(PROVIDER_TYPE):
        return
    request.provider = inherited_provider(deployment, request.type, parent) if request.custom else goal.provider


def inherited_provider(deployment: Deployment, type_: str, parent: str) -> str:
    """The reference of the nearest ancestor's provider for the package of ``type_``; empty where there is none."""
    package = type_.split(":", 1)[0]
    goal = deployment.goals.get(parent)
    while goal is not None:
        for reference in (goal.provider, goal.providers.get(package, "")):
            if f"::{PROVIDER_TYPE}{package}::" in reference or f"${PROVIDER_TYPE}{package}::" in reference:
                return reference
        goal = deployment.goals.get(goal.parent)
    return ""


def outputs(request: Any, properties: Any, secret_names: Any) -> Any:
    """The inputs as outputs, in which the outputs that the program wants secret are so: unknown where not given."""
    properties = _named(request, properties)
    if not secret_names or not request.acceptSecrets:
        return properties
    from google.protobuf import struct_pb2

    result = struct_pb2.Struct()
    result.CopyFrom(properties)
    for name in secret_names:
        if name not in result.fields:
            result.fields[name].struct_value.update({SIGNATURE: SECRET, "value": UNKNOWN_TEXT})
            continue
        value = struct_pb2.Value()
        value.CopyFrom(result.fields[name])
        fields = value.struct_value.fields
        if SIGNATURE not in fields or fields[SIGNATURE].string_value != SECRET:
            signed = result.fields[name].struct_value
            signed.Clear()
            signed.fields[SIGNATURE].string_value = SECRET
            signed.fields["value"].CopyFrom(value)
    return result


def _named(request: Any, properties: Any) -> Any:
    """Objects of Kubernetes have a name and a namespace in their metadata, which the provider gives them where the
    program does not: programs take them from there by key."""
    if not request.type.startswith("kubernetes:") or "metadata" not in properties.fields:
        return properties
    metadata = properties.fields["metadata"]
    if metadata.WhichOneof("kind") != "struct_value" or SIGNATURE in metadata.struct_value.fields:
        return properties
    missing = [name for name in ("name", "namespace") if name not in metadata.struct_value.fields]
    if not missing:
        return properties
    from google.protobuf import struct_pb2

    result = struct_pb2.Struct()
    result.CopyFrom(properties)
    for name in missing:
        result.fields["metadata"].struct_value.fields[name].string_value = UNKNOWN_TEXT
    return result


def _provider(deployment: Deployment, request: Any, reference: str, version: str) -> Provider | None:
    if request.type.startswith("pulumi:"):
        return None
    package = request.type.split(":", 1)[0]
    package_ref = getattr(request, "packageRef", "")
    if package_ref:
        package, version = deployment.packages.get(package_ref, (package, version))
    return deployment.provider(reference, package, version)


def _options(deployment: Deployment, request: Any, parent: str, options: Any) -> Options:
    named = ("create", "update", "delete", "read")
    timeouts = options.custom_timeouts
    return Options(
        protect=options.protect,
        ignore_changes=tuple(options.ignore_changes),
        delete_before_replace=options.delete_before_replace,
        additional_secret_outputs=tuple(options.additional_secret_outputs),
        aliases=tuple(dict.fromkeys(_alias(deployment, request, parent, alias) for alias in options.aliases)),
        custom_timeouts={name: value for name in named if (value := getattr(timeouts, name, ""))},
    )


def _alias(deployment: Deployment, request: Any, parent: str, alias: Any) -> str:
    """The URN that an alias stands for; what its specification leaves out is the resource's own."""
    if alias.WhichOneof("alias") == "urn":
        return str(alias.urn)
    spec = alias.spec
    elsewhere = Deployment(spec.project or deployment.project, spec.stack or deployment.stack, deployment.root)
    parent = "" if spec.WhichOneof("parent") == "noParent" and spec.noParent else (spec.parentUrn or parent)
    return elsewhere.urn(spec.type or request.type, spec.name or request.name, parent)
