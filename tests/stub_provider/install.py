"""Puts stub provider plugins where the engine finds plugins: on PATH."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aws", "gcp", "kubernetes")


def install(folder: Path, packages: Iterable[str] = PACKAGES) -> Path:
    """Write ``pulumi-resource-<package>`` for each package into ``folder``; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        script = folder / f"pulumi-resource-{package}"
        script.write_text(
            "#!/bin/sh\n"
            f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.stub_provider.provider'
            f' {package} {version(f"pulumi-{package}")} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)
    return folder


def environment(folder: Path, base: Mapping[str, str]) -> dict[str, str]:
    """``base`` for a Pulumi CLI that keeps its state, plugins and home in ``folder`` and asks nobody anything."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    plugins = install(folder / "plugins")
    kept = {key: value for key, value in base.items() if not key.startswith("PULUMI_")}
    return {
        **kept,
        "PATH": f"{plugins}:{Path(sys.executable).parent}:{base['PATH']}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
