"""Where the shipped guardrails and packs lie: inside the installed wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def policies_dir() -> Path:
    """The folder of the shipped guardrails."""
    return _shipped("policies")


def packs_dir() -> Path:
    """The folder of the shipped packs."""
    return _shipped("packs")


def _shipped(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
