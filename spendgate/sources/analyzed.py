"""What the engine sends about a resource, as spendgate's own resource.

Message types are those of ``analyzer.proto`` of pulumi/pulumi. The engine sends unknown values as the protocol's
text for them, and secrets with their mark (releases before the mark send them in plain: those cannot be told).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spendgate.resource import Options, Provider, Resource, Value, name_of
from spendgate.sources.providers import PROVIDER_TYPE, decode_settings, with_environment
from spendgate.sources.wire import decode_properties, secret

INTERNAL: Final = ("__defaults", "__internal", "__provider")
"""Entries that the engine, bridged providers and dynamic providers keep among the properties."""


def resource_of(message: Any) -> Resource:
    """The resource of an ``AnalyzeRequest`` or of an ``AnalyzerResource`` of a whole stack.

    Dependencies and the parent are there only where the message has them: ``AnalyzeRequest`` has no dependencies.
    """
    properties = decode_properties(message.properties)
    for name in INTERNAL:
        properties.pop(name, None)
    for name in message.options.additionalSecretOutputs:
        if name in properties:
            properties[name] = secret(properties[name])
    provides = message.type.startswith(PROVIDER_TYPE)
    if provides:
        properties.pop("version", None)  # the engine's own entry: which plugin to load
    provider = provider_of(message) if message.HasField("provider") else None
    return Resource(
        type=message.type,
        name=message.name or name_of(message.urn),
        address=message.urn,
        properties=decode_settings(properties) if provides else properties,
        provider=provider,
        parent=getattr(message, "parent", "") or message.options.parent or None,
        custom=provides or provider is not None,
        options=_options(message.options),
        dependencies=tuple(sorted(getattr(message, "dependencies", ()))),
        property_dependencies={
            name: tuple(sorted(item.urns))
            for name, item in sorted(getattr(message, "propertyDependencies", {}).items())
            if item.urns
        },
    )


def provider_of(message: Any) -> Provider:
    """The provider of a resource, with its settings."""
    sent = message.provider
    return provider_named(sent.type.removeprefix(PROVIDER_TYPE), sent.urn, decode_properties(sent.properties))


def provider_named(package: str, address: str, properties: Mapping[str, Value]) -> Provider:
    """A provider with its settings as values (bridged providers send nested ones as JSON texts), without what the
    engine keeps among them."""
    settings = {name: value for name, value in properties.items() if name not in (*INTERNAL, "version")}
    version = properties.get("version", "")
    return Provider(package, address, with_environment(package, decode_settings(settings)), str(version))


def is_default_provider(resource: Resource) -> bool:
    """Whether the engine made this provider itself, for resources that name none: no program declares it."""
    return resource.type.startswith(PROVIDER_TYPE) and resource.parent is None and resource.name.startswith("default")


def with_inputs(resource: Resource, seen: Resource | None) -> Resource:
    """``resource`` as a stack's analysis knows it (dependencies, parent), with the inputs it was declared with.

    A stack's analysis carries outputs: computed values that differ between preview and update, and nothing at all
    for components. Guardrails read what was declared.
    """
    if seen is None:
        return resource
    return replace(resource, properties=seen.properties, options=seen.options)


def _options(options: Any) -> Options:
    timeouts: Mapping[str, float] = {
        name: seconds
        for name in ("create", "update", "delete")
        if (seconds := getattr(options.customTimeouts, name, 0))
    }
    return Options(
        protect=options.protect,
        ignore_changes=tuple(options.ignoreChanges),
        delete_before_replace=options.deleteBeforeReplace,
        additional_secret_outputs=tuple(options.additionalSecretOutputs),
        aliases=tuple(options.aliases),
        custom_timeouts={name: f"{seconds:g}s" for name, seconds in timeouts.items()},
    )
