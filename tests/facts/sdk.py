"""The installed Pulumi SDKs as a source of truth: does a type token exist, and does a property path lead anywhere?"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import re
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from pulumi import _types

from spendgate.facts.path import Each, Json, Only, parse

PACKAGES = ("aws", "gcp", "kubernetes", "azure-native")


def module(package: str) -> str:
    """The Python module of a package."""
    return f"pulumi_{package.replace('-', '_')}"


def missing(package: str) -> str:
    """Why a package's SDK cannot be asked here; empty where it can. That of Azure is an extra, and large."""
    return "" if importlib.util.find_spec(module(package)) else f"{module(package)} is not installed (make test does)"


@functools.cache
def tokens(package: str) -> Mapping[str, tuple[str, str]]:
    """Type token → (module, class name), from the registry that the SDK itself uses to rebuild resources."""
    imported = importlib.import_module(module(package))
    text = Path(imported.__file__ or "").read_text(encoding="utf-8")
    registry = re.search(r'resource_modules="""(.*?)"""', text, re.S)
    assert registry is not None
    return {
        token: (entry["fqn"], name)
        for entry in json.loads(registry.group(1))
        for token, name in entry["classes"].items()
    }


@functools.cache
def arguments(token: str) -> type | None:
    """The Args class of a type token, or None when the SDK has no such type."""
    found = tokens(token.split(":", 1)[0]).get(token)
    if found is None:
        return None
    resource = getattr(importlib.import_module(found[0]), found[1])
    defined = sys.modules[resource.__module__]
    # Where a resource is an input of another too, "Args" is that of the input.
    args = getattr(defined, f"{found[1]}InitArgs", None) or getattr(defined, f"{found[1]}Args", None)
    assert isinstance(args, type), token
    return args


@functools.cache
def fields(args: type) -> Mapping[str, Any]:
    """Wire name → type, of an input class."""
    names = _types.input_type_py_to_pulumi_names(args)
    hints = _types.input_type_types(args)
    return {wire: hints[wire] for wire in names.values()}


def inner(hint: Any) -> Any:
    """The type inside Optional, Input and unions: an input class, ``Sequence[…]``, ``Mapping[…]`` or a plain type."""
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Union or origin is UnionType:
            options = [item for item in typing.get_args(hint) if item is not type(None)]
            classes = [item for item in options if isinstance(item, type) and _types.is_input_type(item)]
            shaped = [item for item in options if typing.get_origin(item) is not None]
            hint = (classes or shaped or options)[0]
            continue
        return hint


def alternatives(hint: Any) -> list[Any]:
    """The input classes of which a property takes one, as its type says (Azure: the properties of a compute)."""
    while True:
        origin = typing.get_origin(hint)
        if origin is not typing.Union and origin is not UnionType:
            return [hint]
        options = [item for item in typing.get_args(hint) if item is not type(None)]
        classes = [item for item in options if isinstance(item, type) and _types.is_input_type(item)]
        if len(options) != 1:
            return classes if len(classes) > 1 else [inner(hint)]
        hint = options[0]


def is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, typing.Sequence) and not issubclass(origin, str)


def is_map(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, typing.Mapping)


def problem(token: str, text: str) -> str | None:
    """Why a property path leads nowhere in a type, or None when it is good.

    Keys of maps are free, and so is what a JSON text holds. Where the SDK itself says ``Any``, or takes a JSON text,
    the path ends as far as the SDK can tell; ``!json`` says so in the table.
    """
    args = arguments(token)
    return f"the SDK has no type {token}" if args is None else _problem(args, text)


def _problem(args: type, text: str) -> str | None:
    return within(args, parse(text), text)


def within(args: type, path: Any, text: str) -> str | None:
    """Why the segments of a path lead nowhere in an input class, or None; ``text`` is the path as it is shown."""

    def step(hint: Any, segments: Any) -> str | None:
        for place, segment in enumerate(segments):
            several = alternatives(hint)
            if len(several) > 1:
                found = [step(one, segments[place:]) for one in several]
                return None if None in found else found[0]
            hint = inner(hint)
            if isinstance(segment, Json):
                return None if hint is str else f"{text}: no text before !json"
            if isinstance(segment, (Each, Only, int)):
                if is_list(hint):
                    hint = inner(typing.get_args(hint)[-1])
                elif not isinstance(segment, (Each, Only)) or is_map(hint):
                    return f"{text}: no list at segment {place + 1}"
                if isinstance(segment, Only) and (found := step(hint, segment.path)):
                    return found
                continue
            if is_map(hint):
                hint = typing.get_args(hint)[-1]
            elif isinstance(hint, type) and _types.is_input_type(hint):
                known = fields(hint)
                if segment not in known:
                    return f"{text}: no property {segment} (known: {', '.join(known)})"
                hint = known[segment]
            else:
                return f"{text}: {segment} is asked of {hint}"
        return None

    return step(args, path)


@functools.cache
def provider_arguments(package: str) -> type:
    """The Args class of a package's provider resource."""
    args = importlib.import_module(f"{module(package)}.provider").ProviderArgs
    assert isinstance(args, type)
    return args


def provider_problem(package: str, text: str) -> str | None:
    """As ``problem``, for a setting of the provider itself."""
    return _problem(provider_arguments(package), text)


def show(token: str, depth: int = 4) -> str:
    """The tree of wire names of a type, for people who write mapping tables."""
    lines: list[str] = []

    def walk(hint: Any, indent: int) -> None:
        hint = inner(hint)
        if is_list(hint) or is_map(hint):
            walk(typing.get_args(hint)[-1], indent)
        elif isinstance(hint, type) and _types.is_input_type(hint) and indent < depth:
            for name, kind in fields(hint).items():
                shape = inner(kind)
                mark = "[*]" if is_list(shape) else "{}" if is_map(shape) else ""
                lines.append("  " * indent + name + mark)
                walk(kind, indent + 1)

    walk(arguments(token), 0)
    return "\n".join(lines)


if __name__ == "__main__":
    print(show(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4))
