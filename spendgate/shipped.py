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
    # By the guardrails: `packs` is a module of the engine as well, in a checkout too.
    installed = (_PACKAGE / "policies").is_dir()
    return (_PACKAGE if installed else _PACKAGE.parent) / name
