"""Resources as the engine writes their states in JSON: in a preview's digest and in an exported stack.

State types are those of ``sdk/go/common/apitype`` of pulumi/pulumi. A digest masks secrets and writes the protocol's
text for unknown values; an export encrypts secrets, or shows them where it was asked to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from spendgate.errors import Place
from spendgate.resource import STACK_TYPE, UNKNOWN, Blob, Options, Provider, Reference, Resource, Secret, Value, name_of
from spendgate.sources.analyzed import INTERNAL, is_default_provider, provider_named
from spendgate.sources.masking import MASK
from spendgate.sources.positions import INSTALLED, located
from spendgate.sources.providers import PROVIDER_TYPE, decode_settings
from spendgate.sources.wire import (
    ARCHIVE,
    ASSET,
    OUTPUT,
    RESOURCE,
    SECRET,
    SIGNATURE,
    UNKNOWN_TEXT,
    decode_text,
    secret,
)

MARKS: Final = (UNKNOWN_TEXT, SIGNATURE, MASK)
"""Texts of which one stands in every document that holds an unknown, a secret, an asset or a reference."""

AMBIENT_PLUGIN: Final = "using pulumi-resource-"
"""How the engine notes where it found a plugin: nothing a reader of a report needs."""

LEFT_OUT: Final = ("region", "zone", "location", "defaultTags", "defaultLabels")
"""Settings that facts rest on, and that are not known of a provider that the document leaves out."""

State = Mapping[str, Any]


class Providers:
    """The provider of each resource, by the reference in its state (``urn::id``).

    ``settings`` are those of the known providers by URN. Default providers are not in a digest: theirs are of the
    stack's configuration.
    """

    def __init__(self, settings: Mapping[str, Mapping[str, Value]], config: Mapping[str, Value]) -> None:
        self.config = config
        self._declared = settings
        self._made: dict[str, Provider] = {}

    def of(self, state: State) -> Provider | None:
        """The provider of a resource; None for a component."""
        reference = state.get("provider")
        if not isinstance(reference, str) or not reference:
            return None
        found = self._made.get(reference)
        if found is None:
            found = self._made[reference] = self._make(reference)
        return found

    def _make(self, reference: str) -> Provider:
        address = reference.rpartition("::")[0]
        package = address.rpartition("::")[0].rpartition(PROVIDER_TYPE)[2]
        settings = self._declared.get(address)
        if settings is None and not address.rpartition("::")[2].startswith("default"):
            settings = dict.fromkeys(LEFT_OUT, UNKNOWN)
        elif settings is None:
            settings = {
                name: value
                for key, value in self.config.items()
                for namespace, _, name in (key.partition(":"),)
                if namespace == package
            }
        return provider_named(package, address, settings)


def resources_of(states: Mapping[str, State], config: Mapping[str, Value], root: Path) -> tuple[Resource, ...]:
    """The resources of a document with their places, in its order; without those that the engine made itself.

    ``states`` are by URN, with values as ``value_of`` gives them.
    """
    declared = {urn: _inputs(state, True) for urn, state in states.items() if state["type"].startswith(PROVIDER_TYPE)}
    providers = Providers(declared, config)
    found = {urn: resource_of(state, providers, _position(state, root)) for urn, state in states.items()}
    kept = {urn: item for urn, item in found.items() if not is_default_provider(item)}
    return placed(kept, states, root)


def resource_of(state: State, providers: Providers, position: Place | None = None) -> Resource:
    """One resource with the inputs it was declared with, at the place that its state names."""
    provides = state["type"].startswith(PROVIDER_TYPE)
    properties = _inputs(state, provides)
    for name in state.get("additionalSecretOutputs") or ():
        if name in properties:
            properties[name] = secret(properties[name])
    return Resource(
        type=state["type"],
        name=name_of(state["urn"]),
        address=state["urn"],
        properties=properties,
        provider=providers.of(state),
        parent=state.get("parent") or None,
        custom=bool(state.get("custom")),
        external=bool(state.get("external")),
        options=_options(state),
        dependencies=tuple(sorted(state.get("dependencies") or ())),
        property_dependencies={
            name: tuple(sorted(urns)) for name, urns in (state.get("propertyDependencies") or {}).items() if urns
        },
        position=position,
        ids=_ids(state),
    )


def _ids(state: State) -> tuple[str, ...]:
    """The id of what exists, and its ARN where that is another one."""
    outputs = state.get("outputs")
    given = (state.get("id"), outputs.get("arn") if isinstance(outputs, Mapping) else None)
    found = (text for text in given if isinstance(text, str) and text and text not in (UNKNOWN_TEXT, MASK))
    return tuple(dict.fromkeys(found))


def value_of(value: Any) -> Value:
    """A value of a document as spendgate's own."""
    if isinstance(value, str):
        return Secret(UNKNOWN) if value == MASK else decode_text(value)
    if isinstance(value, list):
        return [value_of(item) for item in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE)
    if signature == SECRET:
        return _secret(value)
    if signature == OUTPUT:
        known = value_of(value["value"]) if "value" in value else UNKNOWN
        return secret(known) if value.get("secret") else known
    if signature == RESOURCE:
        return Reference(str(value.get("urn", "")), _identity(value.get("id")))
    if signature in (ASSET, ARCHIVE):
        origin = next((f"{name} {value[name]}" for name in ("path", "uri") if value.get(name)), None)
        return Blob(origin or ("text" if "text" in value else "asset" if signature == ASSET else "archive"))
    return {key: value_of(item) for key, item in value.items()}


def placed(resources: Mapping[str, Resource], states: Mapping[str, State], root: Path) -> tuple[Resource, ...]:
    """The resources with their places: one that a library declares has its nearest ancestor's."""
    own = {
        urn: None if item.type == STACK_TYPE else item.position or _position(states.get(urn, {}), root)
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

    places = {urn: place(urn) for urn in resources}
    return tuple(
        item if item.position is places[urn] else replace(item, position=places[urn]) for urn, item in resources.items()
    )


def messages_of(digest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the program and its providers logged, each once."""
    logged = (item for item in digest.get("diagnostics") or () if isinstance(item, dict))
    texts = [str(item.get("message", "")).strip() for item in logged]
    return tuple(text for text in dict.fromkeys(texts) if text and AMBIENT_PLUGIN not in text)


def _inputs(state: State, provides: bool) -> dict[str, Value]:
    inputs = state.get("inputs") or {}
    kept = {
        name: value
        for name, value in inputs.items()
        if value is not None and name not in INTERNAL and not (provides and name == "version")
    }
    return decode_settings(kept) if provides else kept


def _secret(value: Mapping[str, Any]) -> Secret:
    """A secret: encrypted (its value is not known here), in plain as JSON text, or in plain as it is."""
    if "plaintext" in value:
        try:
            return secret(value_of(json.loads(value["plaintext"])))
        except (TypeError, ValueError):
            return Secret(UNKNOWN)
    return secret(value_of(value["value"])) if "value" in value else Secret(UNKNOWN)


def _identity(value: Any) -> Any:
    return value if isinstance(value, str) and value and value != UNKNOWN_TEXT else UNKNOWN


def _options(state: State) -> Options:
    if _OPTIONS.isdisjoint(state):
        return _NO_OPTIONS
    timeouts = {name: f"{seconds:g}s" for name, seconds in (state.get("customTimeouts") or {}).items() if seconds}
    return Options(
        protect=bool(state.get("protect")),
        ignore_changes=tuple(state.get("ignoreChanges") or ()),
        additional_secret_outputs=tuple(state.get("additionalSecretOutputs") or ()),
        aliases=tuple(state.get("aliases") or ()),
        custom_timeouts=timeouts,
    )


_OPTIONS: Final = frozenset(("protect", "ignoreChanges", "additionalSecretOutputs", "aliases", "customTimeouts"))
_NO_OPTIONS: Final = Options()


def _position(state: State, root: Path) -> Place | None:
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


@lru_cache(maxsize=4096)
def _place(position: str | None, root: Path) -> tuple[Place | None, bool]:
    if not position:
        return None, False
    uri, _, line = position.partition("#")
    shown, own = located(_whole(uri, root), root)
    number = line.partition(",")[0]
    return Place(shown, int(number) if number.isdigit() else None), own


@lru_cache(maxsize=4096)
def _whole(uri: str, root: Path) -> str:
    if not uri.startswith("project:///"):
        return uri
    return (root / unquote(uri.removeprefix("project:///"))).resolve().as_uri()
