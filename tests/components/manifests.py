"""Kubernetes manifests, held to the schemas of the API: kubernetes-validate's, and ours for custom resources."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
from ruamel.yaml import YAML

from spendgate.resource import UNKNOWN, Resource, Secret

VERSION: Final = "1.37"
"""The newest version of Kubernetes that the installed kubernetes-validate carries."""

_NUMBER = re.compile(r"(integer|number)(?: from (-?\d+))?(?: to (-?\d+))?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_HOLLOW: Final = {"apiVersion": "v1", "metadata": {"name": "hollow"}}


def manifest_of(resource: Resource) -> dict[str, Any]:
    """The object that a resource of pulumi-kubernetes makes. What is known only after apply stands as a text, and a
    name is given where the provider would give one."""
    found: dict[str, Any] = _plain(resource.properties)
    return {**found, "metadata": {"name": resource.name, **(found.get("metadata") or {})}}


def _plain(value: Any) -> Any:
    if value is UNKNOWN:
        return "known-after-apply"
    if isinstance(value, Secret):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    # Pulumi's protocol knows numbers only as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """What the API server would refuse, each with its path."""
    api, kind = manifest.get("apiVersion"), manifest.get("kind")
    group = str(api).split("/")[0]
    found = list(_labels(manifest, ""))
    if ("." in group and not group.endswith(".k8s.io")) or group in {one.split("/")[0] for one in custom_resources()}:
        tree = custom_resources().get(f"{api} {kind}")
        if tree is None:
            return [f"{api} {kind}: not in custom_resources.yaml"]
        fields = {name: value for name, value in tree.items() if name != "from"}
        own = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata")}
        found += _against(own, fields, "")
        return found + _of_kubernetes({**_HOLLOW, "kind": "ConfigMap", "metadata": manifest["metadata"]}, "")
    return found + _of_kubernetes(manifest, "")


@functools.cache
def custom_resources() -> dict[str, Any]:
    """The fields of each custom resource by ``group/version Kind``."""
    return dict(YAML(typ="safe").load(Path(__file__).parent / "custom_resources.yaml"))


def _of_kubernetes(manifest: Mapping[str, Any], path: str) -> list[str]:
    try:
        kubernetes_validate.validate(dict(manifest), VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(str(step) for step in (path, *error.path) if step != "")
        return [f"{where} ({manifest['kind']}): {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"{manifest['apiVersion']} {manifest['kind']}: not a kind of Kubernetes {VERSION}"]
    return []


def _against(value: Any, schema: Any, path: str) -> list[str]:
    if schema == "any":
        return []
    if schema == "pod template":
        return _of_kubernetes({**_HOLLOW, "kind": "PodTemplate", "template": value}, path)
    if schema == "job template":
        spec = {"schedule": "0 0 * * *", "jobTemplate": value}
        return _of_kubernetes({**_HOLLOW, "apiVersion": "batch/v1", "kind": "CronJob", "spec": spec}, path)
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [one for at, item in enumerate(value) for one in _against(item, schema[0], f"{path}[{at}]")]
    if isinstance(schema, dict):
        return _object(value, schema, path)
    return [] if _fits(value, str(schema)) else [f"{path}: {value!r} is no {schema}"]


def _object(value: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    if "one of" in schema:
        return [] if value in schema["one of"] else [f"{path}: {value!r} is none of {schema['one of']}"]
    if not isinstance(value, Mapping):
        return [f"{path}: {value!r} is no object"]
    if "*" in schema:
        return [one for name, item in value.items() for one in _against(item, schema["*"], f"{path}.{name}")]
    fields = {name.rstrip("!"): item for name, item in schema.items()}
    needed = [name.rstrip("!") for name in schema if name.endswith("!")]
    found = [f"{path}.{name}: missing" for name in needed if name not in value]
    found += [f"{path}.{name}: no such field" for name in value if name not in fields]
    return found + [
        one for name, item in value.items() if name in fields for one in _against(item, fields[name], f"{path}.{name}")
    ]


def _fits(value: Any, kind: str) -> bool:
    if kind in ("string", "boolean"):
        return isinstance(value, str if kind == "string" else bool)
    if isinstance(value, bool):
        return False
    if kind == "quantity":
        return isinstance(value, (int, float, str))
    number = _NUMBER.fullmatch(kind)
    if number is None:
        raise AssertionError(f"custom_resources.yaml has the type {kind!r}")
    if not isinstance(value, int if number[1] == "integer" else (int, float)):
        return False
    return (number[2] is None or value >= int(number[2])) and (number[3] is None or value <= int(number[3]))


def _labels(value: Any, path: str) -> Iterator[str]:
    """Labels that no label can be: the schemas say only that they are texts."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in ("labels", "nodeSelector", "matchLabels") and isinstance(item, Mapping):
                for key, text in item.items():
                    if not _LABEL_KEY.fullmatch(str(key)) or not _LABEL_VALUE.fullmatch(str(text)):
                        yield f"{path}.{name}: {key}={text} is no label"
            else:
                yield from _labels(item, f"{path}.{name}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _labels(item, f"{path}[{at}]")
