"""A declaration from a file of Pulumi's own: ``pulumi preview --json --show-sames``, or ``pulumi stack export``.

No program is run and no engine asked: for continuous integration that has the preview already, and for stacks in any
language.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spendgate.errors import InputError, Place
from spendgate.paths import as_named
from spendgate.resource import Declaration, Value
from spendgate.sources.project import PROJECT_FILES
from spendgate.sources.states import MARKS, messages_of, resources_of, value_of
from spendgate.sources.wire import UNKNOWN_TEXT

STDIN: Final = Path("-")

LARGEST: Final = 512 * 2**20
"""Bytes of a file that is read: a stack of 10,000 resources has about 40 million."""

VERSIONS: Final = (3, 4)
"""Of exported stacks, that current releases write (``apitype.DeploymentSchemaVersionCurrent`` and its features)."""

MAKE_ONE: Final = "`pulumi preview --json --show-sames` and `pulumi stack export` write what can be read here."


def read_declaration(path: Path) -> Declaration:
    """What the file declares; ``-`` is standard input. Its project's folder is the nearest one with a Pulumi.yaml.

    A digest that leaves out unchanged resources is incomplete: a budget of the stack could not be held against it.
    Raises InputError for a file that is too large, cut off, or something else.
    """
    text = _read(path)
    document = _parse(text, path)
    if "deployment" in document:
        found = _Found(_exported(document, path))
    elif "steps" in document or "changeSummary" in document:
        found = _previewed(document, path)
    else:
        raise _something_else(document, path)
    states = found.states
    if _is_marked(text, states.values()):
        states = {urn: {**state, "inputs": value_of(state.get("inputs") or {})} for urn, state in states.items()}
    project, stack = _named(states, path)
    root = _root(path)
    return Declaration(
        project=project,
        stack=stack,
        root=root,
        resources=resources_of(states, found.config, root),
        engine="pulumi",
        messages=messages_of(document),
        incomplete=found.incomplete,
    )


def _is_marked(text: str, states: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a text stands in the document that makes a value more than it seems. The mark of an unknown value is also
    the id of every provider that is not there yet."""
    if any(mark in text for mark in MARKS if mark != UNKNOWN_TEXT):
        return True
    of_providers = sum(str(state.get("provider")).count(UNKNOWN_TEXT) for state in states)
    return text.count(UNKNOWN_TEXT) != of_providers


def _read(path: Path) -> str:
    shown = "standard input" if path == STDIN else path
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=path) from None
    if len(data) > LARGEST:
        raise InputError(f"is larger than {LARGEST >> 20} MiB", place=str(shown), remedy="Check the stack in parts.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", place=str(shown), remedy=MAKE_ONE) from None


def _parse(text: str, path: Path) -> Mapping[str, Any]:
    if not text.strip():
        raise InputError("is empty", place=path, remedy=MAKE_ONE)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise InputError(
            "ends in the middle: it is cut off" if cut else f"is not JSON: {error.msg}",
            place=Place(str(path), error.lineno, error.colno),
            remedy="Write it again: the command that writes it was ended early." if cut else MAKE_ONE,
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply to be a preview or a stack", place=path, remedy=MAKE_ONE) from None
    if not isinstance(document, dict):
        raise InputError("is not a preview or a stack: it holds no object", place=path, remedy=MAKE_ONE)
    if ("\\ud" in text or "\\uD" in text) and _holds_half(document):
        raise InputError("holds half of a character (\\uD800 to \\uDFFF)", place=path, remedy=MAKE_ONE)
    return document


def _holds_half(document: Mapping[str, Any]) -> bool:
    """Whether a text in it is none that could be written again: no report could name what it is called."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class _Found:
    """States by URN, the stack's configuration, and why they are not the whole stack."""

    states: dict[str, Any]
    config: Mapping[str, Value] = field(default_factory=dict)
    incomplete: str | None = None


def _previewed(document: Mapping[str, Any], path: Path) -> _Found:
    steps = [step for step in _list(document, "steps", path) if step.get("newState")]
    states = _by_urn((step["newState"] for step in steps), path)
    summary, config = document.get("changeSummary") or {}, document.get("config") or {}
    if not isinstance(summary, dict) or not isinstance(config, dict):
        raise _malformed("changeSummary and config are objects", path)
    settings = {key: value_of(value) for key, value in config.items()}
    same = summary.get("same", 0)
    left_out = (same if isinstance(same, int) else 0) - sum(step.get("op") == "same" for step in steps)
    if left_out <= 0:
        return _Found(states, settings)
    things = "1 unchanged resource is" if left_out == 1 else f"{left_out} unchanged resources are"
    why = f"{things} not in it, so stack totals are too low: write it with --show-sames"
    return _Found(states, settings, why)


def _exported(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """States of an exported stack; what only waits to be deleted is not in it."""
    version = document.get("version")
    if version not in VERSIONS:
        raise InputError(
            f"is an export of version {version}; versions {VERSIONS[0]} and {VERSIONS[-1]} can be read",
            place=path,
            remedy="Export it again with a current Pulumi CLI.",
        )
    deployment = document["deployment"]
    if not isinstance(deployment, dict):
        raise _malformed("deployment is an object", path)
    resources = _list(deployment, "resources", path)
    return _by_urn((state for state in resources if not state.get("delete")), path)


def _list(document: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    items = document.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _malformed(f"{key} is a list of objects", path)
    return items


def _by_urn(states: Iterable[Any], path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for state in states:
        if (
            not isinstance(state, dict)
            or not isinstance(state.get("urn"), str)
            or not isinstance(state.get("type"), str)
        ):
            raise _malformed("a resource has a urn and a type", path)
        if not isinstance(state.get("inputs") or {}, dict):
            raise _malformed(f"the inputs of {state['urn']} are an object", path)
        found[state["urn"]] = state
    return found


def _malformed(expected: str, path: Path) -> InputError:
    return InputError(f"is malformed: {expected}", place=path, remedy=MAKE_ONE)


def _named(states: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """Project and stack, as every URN of the file names them."""
    for urn in states:
        parts = urn.split("::")
        if len(parts) >= 4 and parts[0].startswith("urn:pulumi:"):
            return parts[1], parts[0].removeprefix("urn:pulumi:")
    raise InputError("declares no resources", place=path, remedy=MAKE_ONE)


def _something_else(document: Mapping[str, Any], path: Path) -> InputError:
    if "planned_values" in document or "resource_changes" in document:
        message = "is a Terraform plan; spendgate reads Pulumi"
    elif "resourcePlans" in document:
        message = "is a saved update plan, which has no whole resources"
    elif "apiVersion" in document:
        message = "is a Kubernetes manifest; spendgate reads Pulumi"
    else:
        message = "is neither a preview nor an exported stack"
    return InputError(message, place=path, remedy=MAKE_ONE)


def _root(path: Path) -> Path:
    """The folder of the project that a file lies in, as the file is called: a link in its place, or on the way to it,
    does not lead to a project with other settings."""
    folder = as_named(Path()) if path == STDIN else as_named(path).parent
    for candidate in (folder, *folder.parents):
        if any((candidate / name).is_file() for name in PROJECT_FILES):
            return candidate
        if (candidate / ".git").exists():
            break
    return folder
