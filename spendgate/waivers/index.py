"""Which waivers may be for a finding, without asking each of them: many waivers over many findings are not multiplied.

Those for one resource are found by its name or address, globs by the letters before their first wildcard. What is found
may be for the finding; whether it is, ``decide`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spendgate.verdict import Finding
    from spendgate.waivers.model import Waiver

_WILD: Final = re.compile(r"[*?\[]")


class Index:
    """Waivers by what they name as resource. ``of`` gives them in the order of the file."""

    def __init__(self, entries: Iterable[Waiver]) -> None:
        self._entries = tuple(entries)
        self._named: dict[str, list[int]] = {}
        self._globs: dict[str, list[int]] = {}
        self._covered: dict[tuple[str, str], bool] = {}
        for number, one in enumerate(self._entries):
            wild = _WILD.search(one.resource)
            # An address may hold brackets of its own: what looks like a glob may be meant as it is written.
            self._named.setdefault(one.resource, []).append(number)
            if wild is not None:
                self._globs.setdefault(one.resource[: wild.start()], []).append(number)
        self._lengths = sorted({len(start) for start in self._globs})

    def of(self, finding: Finding) -> list[Waiver]:
        """The waivers that may be for a finding, by guardrail and resource."""
        found: set[int] = set()
        for text in (finding.name, finding.address):
            found.update(self._named.get(text, ()))
            for length in self._lengths:
                if length > len(text):
                    break
                found.update(self._globs.get(text[:length], ()))
        entries = [self._entries[number] for number in sorted(found)]
        return [one for one in entries if self._covers(one, finding.guardrail)]

    def _covers(self, waiver: Waiver, guardrail: str) -> bool:
        """As ``covers_guardrail``, asked once for each way in which guardrails are named."""
        key = (waiver.guardrail, guardrail)
        if key not in self._covered:
            self._covered[key] = waiver.covers_guardrail(guardrail)
        return self._covered[key]
