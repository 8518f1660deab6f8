"""The waivers of a project: read, held against its rules, signatures verified."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from spendgate.errors import InputError
from spendgate.waivers.decide import time_gap
from spendgate.waivers.model import Rules, Waivers


def shown(path: Path) -> str:
    """A path as a user can open it: relative to the working directory where it lies below it."""
    path, here = path.parent.resolve() / path.name, Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def waivers_in(
    rules: Rules,
    known: Iterable[str],
    now: datetime,
    *,
    shown_as: Callable[[Path], str] = shown,
    all_known: bool = True,
) -> Waivers:
    """The waivers under some rules; none where there is no waivers file. ``known`` names the guardrails: all of them,
    unless a pack is missing (not ``all_known``).

    Nothing is raised: mistakes in the file are its ``faults``.
    """
    path = rules.file
    if not os.path.lexists(path):  # a link to nowhere is a mistake
        if rules.required:
            fault = InputError(f'no such file of waivers: "{path.name}"', place=rules.place)
            return Waivers(rules=rules, faults=(fault,))
        return Waivers(rules=rules)
    from spendgate.waivers.file import read_waivers
    from spendgate.waivers.signature import verified

    read = read_waivers(path, shown_as(path), known, rules, now.astimezone(UTC).date(), all_known=all_known)
    faults = list(read.faults)
    entries = []
    for waiver in read.entries:
        # What has expired lets nothing pass, however it was signed: its keys may be long gone.
        if time_gap(waiver, now) is None:
            waiver, unsound = verified(waiver, rules.approvals, now)
            faults.extend([unsound] if unsound else [])
        entries.append(waiver)
    return Waivers(tuple(entries), rules, tuple(faults), all_known)
