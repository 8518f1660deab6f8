"""Provider instances: explicit ones that the program declares, and the default one of each package.

A default provider takes its settings from the stack's configuration (``aws:region``) and, where the provider itself
does so, from the environment (``AWS_REGION``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Final

from spendgate.resource import Provider, Resource, Secret, Value
from spendgate.sources.wire import secret

PROVIDER_TYPE: Final = "pulumi:providers:"

ENVIRONMENT: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    # As each provider's own schema lists them ("defaultInfo.environment"): pulumi-aws 7.51, pulumi-gcp 10.2.
    "aws": {"region": ("AWS_REGION", "AWS_DEFAULT_REGION"), "profile": ("AWS_PROFILE",)},
    "gcp": {
        "project": ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
        "region": ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"),
        "zone": ("GOOGLE_ZONE", "GCLOUD_ZONE", "CLOUDSDK_COMPUTE_ZONE"),
    },
}

TEXTUAL: Final = frozenset({"kubeconfig", "credentials", "accessToken", "token"})
"""Settings that are texts even where they read as JSON."""


def explicit(resource: Resource) -> Provider:
    """The provider that the program declares as ``resource`` (type ``pulumi:providers:<package>``)."""
    package = resource.type.removeprefix(PROVIDER_TYPE)
    return Provider(package, resource.address, with_environment(package, resource.properties))


def default(
    package: str, version: str, stack: str, project: str, config: Mapping[str, str | Secret], unknown: frozenset[str]
) -> Provider:
    """The provider that the engine makes where the program names none.

    ``config`` is the stack's configuration by full key; keys in ``unknown`` are secrets that cannot be read.
    """
    from spendgate.resource import UNKNOWN

    settings: dict[str, Value] = {}
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace == package:
            settings[name] = secret(UNKNOWN) if key in unknown else _setting(name, value)
    suffix = f"default_{version.replace('.', '_')}" if version else "default"
    address = f"urn:pulumi:{stack}::{project}::{PROVIDER_TYPE}{package}::{suffix}"
    return Provider(package, address, with_environment(package, settings), version)


def decode_settings(properties: Mapping[str, Value]) -> dict[str, Value]:
    """A provider's inputs with nested values as values: bridged providers' SDKs send those as JSON texts."""
    return {name: _setting(name, value) for name, value in properties.items()}


def with_environment(package: str, settings: Mapping[str, Value]) -> dict[str, Value]:
    """``settings`` completed from the environment variables that the provider itself reads."""
    complete = dict(settings)
    for name, variables in ENVIRONMENT.get(package, {}).items():
        if name not in complete:
            found = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
            if found is not None:
                complete[name] = found
    return complete


def _setting(name: str, value: Value) -> Value:
    if isinstance(value, Secret):
        return secret(_setting(name, value.value))
    if not isinstance(value, str) or name in TEXTUAL:
        return value
    if value in ("true", "false"):
        return value == "true"
    if value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
