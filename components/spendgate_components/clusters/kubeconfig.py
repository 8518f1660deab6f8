"""How to reach a cluster: a kubeconfig without credentials, which a command brings when it is used."""

from __future__ import annotations

import json
from typing import Any


def kubeconfig_text(name: str, server: str, authority: str, run: dict[str, Any]) -> str:
    """A kubeconfig as JSON, with one cluster, whose credentials a command brings."""
    cluster = {"server": server, "certificate-authority-data": authority}
    found = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "users": [{"name": name, "user": {"exec": {"interactiveMode": "Never", **run}}}],
    }
    return json.dumps(found)
