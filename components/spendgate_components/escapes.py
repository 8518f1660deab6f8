"""Inputs of one's own, over those of a component: tags and limits stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.output import Unknown

from spendgate.errors import did_you_mean
from spendgate_components.child import Child, Of, Transform, wire
from spendgate_components.errors import ArgumentError

Raw = Mapping[str, Mapping[str, Any]]


def with_escapes(children: Sequence[Child], raw: Raw | None, transforms: Sequence[Transform]) -> tuple[Child, ...]:
    """The children with a program's own inputs over them. Tags stay, and so do limits: what changes one of those is
    refused. Raises ArgumentError, also for a child or an input that there is not."""
    known = [child.key for child in children]
    for key, inputs in (raw or {}).items():
        if key not in known:
            remedy = did_you_mean(key, known) or f"Children are {', '.join(known)}."
            raise ArgumentError(f'raw has no child "{key}"', remedy=remedy)
        if not isinstance(inputs, Mapping):
            remedy = f'Write raw={{"{key}": {{…}}}}, with inputs by name.'
            raise ArgumentError(f"raw.{key} is no mapping of inputs", remedy=remedy)
    return tuple(_escaped(child, (raw or {}).get(child.key, {}), transforms) for child in children)


def _escaped(child: Child, raw: Mapping[str, Any], transforms: Sequence[Transform]) -> Child:
    if not raw and not transforms:
        return child
    inputs = _merged(child.inputs, wire(child.make, raw, child.key))
    for transform in transforms:
        changed = transform(child.key, copy.copy(inputs))
        if not isinstance(changed, Mapping):
            raise ArgumentError(
                f"a transform gave a {type(changed).__name__} for {child.key}",
                remedy="Return the inputs, changed or not.",
            )
        inputs = dict(wire(child.make, changed, child.key))
    for path in child.keeps:
        was, now = _at(child.inputs, path), _at(inputs, path)
        if was != now and not _same(was, now):
            shown = f"{child.key}.{'.'.join(path)}"
            remedy = f"It is what the component promises ({_shown(was)}): change the component's argument instead."
            raise ArgumentError(f"{shown} is changed to {_shown(now)}", remedy=remedy)
    for path, tags in child.tagged_at.items():
        there = _at(inputs, path)
        inputs = _set(inputs, path, {**(there if isinstance(there, Mapping) else {}), **tags})
    return replace(child, inputs=inputs)


def _same(was: Any, now: Any) -> bool:
    """Whether two ways of writing a truth value mean the same: "true" and True."""
    words = [str(one).lower() for one in (was, now) if isinstance(one, (bool, str))]
    return len(words) == 2 and words[0] == words[1] and words[0] in ("true", "false")


def _shown(value: Any) -> str:
    if isinstance(value, (pulumi.Output, Unknown)):
        return "a value known only after apply"
    return f"that of {value.child}" if isinstance(value, Of) else repr(value)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(value, (list, tuple)) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _set(value: Any, path: tuple[str, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    if isinstance(value, (list, tuple)):
        return [_set(item, path[1:], leaf) if str(at) == path[0] else item for at, item in enumerate(value)]
    there = value if isinstance(value, Mapping) else {}
    return {**there, path[0]: _set(there.get(path[0]), path[1:], leaf)}


def _merged(base: Any, over: Any) -> Any:
    """Objects are merged; anything else is replaced."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}
    return over
