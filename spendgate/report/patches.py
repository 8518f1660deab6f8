"""Patches as reports show them: what a guardrail sets in a resource, as the lines of a diff."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from spendgate.remedy.model import Patch, Remedy
from spendgate.report.wording import plural
from spendgate.verdict import Checked, Finding

APPLIED: Final = (
    "patched: the policy pack changes these at preview and update, and the rest is judged with them; "
    "the program itself is left as it is"
)
MOST_APPLIED: Final = 25


def applied(checked: Checked) -> list[Remedy]:
    """The patches that a served pack makes, at most as many as a person reads."""
    return [remedy for remedy in checked.remedies if remedy.applied][:MOST_APPLIED]


def more_applied(checked: Checked) -> str:
    """How many there are besides; empty where all are shown."""
    rest = sum(remedy.applied for remedy in checked.remedies) - MOST_APPLIED
    return f"and {plural(rest, 'more resource')} (--format json lists all)" if rest > 0 else ""


def proposed(checked: Checked, findings: Iterable[Finding]) -> list[Remedy]:
    """The patches that would mend some of the findings, in their order."""
    wanted = dict.fromkeys((finding.guardrail, finding.address) for finding in findings)
    by_key = {(one.guardrail, one.address): one for one in checked.remedies if not one.applied}
    return [by_key[key] for key in wanted if key in by_key]


def diff_lines(patches: Iterable[Patch]) -> list[str]:
    """``- path: old`` and ``+ path: new``, values as JSON on one line."""
    lines: list[str] = []
    for patch in patches:
        if patch.old is not None:
            lines.append(f"- {patch.path}: {_shown(patch.old)}")
        lines.append(f"+ {patch.path}: {_shown(patch.new)}")
    return lines


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def place_of(remedy: Remedy) -> str:
    """``__main__.py:12``, or nothing where it is not known."""
    return f"{remedy.location.file}:{remedy.location.line}" if remedy.location else ""
