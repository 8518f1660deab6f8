"""Cases run through the production gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from spendgate.errors import Place
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.bench.cases import Case, read_cases
from spendgate.rules.bench.matching import Fault, faults
from spendgate.rules.evaluate import Compiled, compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail
from spendgate.waivers.model import LEVELS, Rules, Waivers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went; ``faults`` says what was missing or too much, and is empty when it went as expected.

    ``statuses`` are those of all findings, or ``pass`` when there were none.
    """

    guardrail: str
    case: str
    place: Place
    faults: tuple[Fault, ...]
    statuses: frozenset[str] = frozenset()
    holds_unknown: bool = False
    seconds: float = 0.0


def run_file(path: Path, library: Mapping[str, Guardrail]) -> list[Outcome]:
    """Run every case of one test file. Raises InputErrors for what is wrong in the file."""
    return [run_case(case) for case in read_cases(path, library)]


def run_case(case: Case, watch: Callable[[Compiled], Compiled] = lambda compiled: compiled) -> Outcome:
    """Run one case. ``watch`` may put listeners on the compiled guardrail; the gate is the production one."""
    start = perf_counter()
    compiled = watch(compile_guardrail(case.selected))
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
    if case.patched or case.selected.guardrail.patches:
        from spendgate.rules.bench.patched import patch_faults

        found = (*found, *patch_faults(case, waivers))
    return Outcome(
        case.selected.guardrail.name,
        case.name,
        case.place,
        found,
        frozenset(str(finding.status) for finding in checked.findings) or frozenset({"pass"}),
        case.holds_unknown,
        perf_counter() - start,
    )
