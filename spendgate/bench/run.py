"""Cases run through the production gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from spendgate.bench.cases import Case, read_cases
from spendgate.bench.matching import Fault, faults
from spendgate.errors import Place
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.compiled import Compiled, compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail
from spendgate.waivers.model import LEVELS, Rules, Waivers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went; ``faults`` says what was missing or too much, and is empty when it went as expected.

    ``statuses`` are those of all findings, or ``pass`` when there were none. ``kind`` tells guardrails from
    allocation rules (``allocation``), whose name stands under ``guardrail`` then.
    """

    guardrail: str
    case: str
    place: Place
    faults: tuple[Fault, ...]
    statuses: frozenset[str] = frozenset()
    holds_unknown: bool = False
    seconds: float = 0.0
    kind: str = "guardrail"


def run_file(path: Path, library: Mapping[str, Guardrail]) -> list[Outcome]:
    """Run every case of one test file. Raises InputErrors for what is wrong in the file."""
    return [run_case(case) for case in read_cases(path, library)]


class Watch(Protocol):
    """Who listens while cases run: it gets the compiled guardrail and gives it back with listeners on it."""

    def watch(self, compiled: Compiled) -> Compiled: ...
    def watch_patches(self, compiled: Compiled) -> Compiled: ...
    def patched(self, places: Iterable[Place]) -> None: ...


def run_case(case: Case, listener: Watch | None = None) -> Outcome:
    """Run one case. A ``listener`` hears what the expressions answer; the gate is the production one."""
    start = perf_counter()
    compiled = compile_guardrail(case.selected)
    if listener is not None:
        compiled = listener.watch(compiled)
    # What is said of the waivers themselves is no finding of the guardrail.
    waivers = Waivers(case.waivers, Rules(levels=dict.fromkeys(LEVELS, Enforcement.DISABLED)))
    checked = check(
        case.declaration,
        (compiled,),
        Catalogue.builtin(),
        environment=case.environment,
        now=case.now,
        waivers=waivers,
        usage=case.usage,
        previous=case.previous,
        discounts=case.terms,
    )
    found = faults(case.expected, checked.findings)
    if case.patched or case.proposed or case.selected.guardrail.patches:
        from spendgate.bench.patched import patch_faults

        found = (*found, *patch_faults(case, waivers, listener, checked.remedies))
    return Outcome(
        case.selected.guardrail.name,
        case.name,
        case.place,
        found,
        frozenset(str(finding.status) for finding in checked.findings) or frozenset({"pass"}),
        case.holds_unknown,
        perf_counter() - start,
    )
