"""The difference of two packs, for a reader and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from spendgate.packs.diff import Difference, OnInput, location
from spendgate.packs.version import Step
from spendgate.report.wording import plural
from spendgate.rules.selection import Pack
from spendgate.verdict import Finding

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), "�")


def as_text(difference: Difference) -> str:
    """Changes, what they do to the inputs, and the version that they ask for."""
    return "\n".join(_lines(difference)) + "\n"


def _lines(difference: Difference) -> Iterator[str]:
    old, new = difference.old, difference.new
    yield f"{_pack(old)}  →  {_pack(new)}"
    yield ""
    if not difference.changes:
        yield "  Nothing differs in what they select, at which level and with which parameters."
    width = max((len(item.guardrail) for item in difference.changes), default=0)
    for change in difference.changes:
        yield f"  {change.guardrail:<{width}}  {_plain(change.text)}  [{change.step}]"
    for one in difference.inputs:
        yield ""
        yield from _input(one)
    yield ""
    step = difference.step
    article = "no new version" if not step else f"a {step} version"
    later = f"{difference.least} or later" if step else f"{difference.least} will do"
    yield f"This asks for {article}, {later}: {difference.why}."
    if step is Step.MAJOR and difference.old.version.startswith("0."):
        yield "(Below 1.0.0 the second number takes the part of the first.)"
    if not difference.enough:
        yield f"{new.version} says less than that."
    if not difference.inputs and step:
        yield "Give programs or previews with --on to see what it does to them."


def _pack(pack: Pack) -> str:
    return f"{pack.name} {pack.version}"


def _input(one: OnInput) -> Iterator[str]:
    word = {True: "passes", False: "is refused"}
    verdict = (
        f"{word[one.passes_now]}, as before"
        if one.passes_now == one.passed_before
        else f"{word[one.passes_now]}, and {'passed' if one.passed_before else 'was refused'} before"
    )
    yield f"{one.path}  {one.project}, stack {one.stack}: {verdict}"
    for found, what in ((one.newly_refused, "newly refused"), (one.no_longer_refused, "no longer refused")):
        if found:
            yield f"  {what}: {plural(len(found), 'finding')}"
            yield from (f"    {line}" for item in found for line in _finding(item))


def _finding(item: Finding) -> Iterator[str]:
    place = f"  {item.location}" if item.location else ""
    yield f"{item.guardrail}  {_plain(item.name)}  {item.type}{place}"
    yield f"  {_plain(item.message)}"


def _plain(text: str) -> str:
    return text.translate(_CONTROL)


def as_json(difference: Difference) -> str:
    """The same by the schema ``pack-diff``."""
    data = {
        "old": _named(difference.old),
        "new": _named(difference.new),
        "changes": [
            {
                "guardrail": item.guardrail,
                "kind": str(item.kind),
                **({"name": item.name} if item.name else {}),
                "old": item.old,
                "new": item.new,
                "step": str(item.step),
                "text": item.text,
            }
            for item in difference.changes
        ],
        "inputs": [
            {
                "input": str(one.path),
                "project": one.project,
                "stack": one.stack,
                "passed_before": one.passed_before,
                "passes_now": one.passes_now,
                "newly_refused": [_found(item) for item in one.newly_refused],
                "no_longer_refused": [_found(item) for item in one.no_longer_refused],
            }
            for one in difference.inputs
        ],
        "version": {
            "old": difference.old.version,
            "new": difference.new.version,
            "step": str(difference.step),
            "taken": str(difference.taken),
            "least": difference.least,
            "enough": difference.enough,
            "why": difference.why,
        },
    }
    return json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n"


def _named(pack: Pack) -> dict[str, Any]:
    return {"name": pack.name, "version": pack.version, "reference": pack.origin or str(pack.folder)}


def _found(item: Finding) -> dict[str, Any]:
    return {
        "guardrail": item.guardrail,
        "status": str(item.status),
        "name": item.name,
        "type": item.type,
        "address": item.address,
        "message": item.message,
        "location": location(item.location),
    }
