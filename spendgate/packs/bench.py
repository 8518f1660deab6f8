"""The tests of a pack: its guardrails through the production gate, with the levels and parameters of the pack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from spendgate.bench import Report, Suite, collect, demand, run_suite
from spendgate.bench.cases import SUFFIX, case_files
from spendgate.packs.validate import Validated
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected


def run_tests(
    found: Validated, *, strict: bool = False, min_coverage: float | None = None, min_operands: float | None = None
) -> Report:
    """Run the tests that lie in the pack, and those that ship with the guardrails that it selects as they ship.

    A shipped guardrail whose parameters the pack changes is no longer what its own tests were written for: the pack
    tests it, or ``strict`` says that it does not. ``strict``, ``min_coverage`` and ``min_operands`` are those of
    ``demand``.
    """
    inside = tuple(case_files(found.pack.folder))
    tested = {path.name.removesuffix(SUFFIX) for path in inside}
    as_shipped = [item for item in found.selection if _as_shipped(item, found) and item.guardrail.name not in tested]
    shipped = [path for item in as_shipped if (path := _tests_of(item.guardrail)).is_file()]
    files = [*inside, *shipped]
    if not files:
        return _unheard(Report((), ()), found, tested, strict)
    suite = _as_the_pack_has_it(collect(files, found.pack.policies), found, tested, inside)
    report = run_suite(suite)
    if suite.own:
        report = demand(report, min_coverage=min_coverage, min_operands=min_operands, strict=strict)
    return _unheard(report, found, tested, strict)


def _as_shipped(item: Selected, found: Validated) -> bool:
    return not found.own(item.guardrail) and dict(item.params) == item.guardrail.defaults


def _tests_of(guardrail: Guardrail) -> Path:
    path = Path(guardrail.place.file)
    return path.with_name(path.stem + SUFFIX)


def _as_the_pack_has_it(suite: Suite, found: Validated, tested: set[str], inside: Iterable[Path]) -> Suite:
    """The suite with the pack's word as that of its guardrails: its level is theirs, its values their defaults. What a
    case says itself still holds over that. Coverage is asked of what the pack tests itself."""
    library = dict(suite.library)
    selected = {item.guardrail.name: item for item in found.selection}
    for name in tested & selected.keys():
        if name in library:
            library[name] = _with(library[name], selected[name])
    own = {
        name: compile_guardrail(Selected(library[name], Enforcement.MANDATORY, library[name].defaults))
        for name in sorted(tested & library.keys() - suite.broken)
    }
    return replace(suite, library=library, own=own)


def _with(guardrail: Guardrail, selected: Selected) -> Guardrail:
    params = {
        name: {**rules, "default": selected.params[name]} if name in selected.params else rules
        for name, rules in guardrail.params.items()
    }
    return replace(guardrail, params=params, enforcement=selected.enforcement)


def _unheard(report: Report, found: Validated, tested: set[str], strict: bool) -> Report:
    """With what a strict run misses: guardrails that hold here with other parameters, and that nothing tests so."""
    if not strict:
        return report
    short = [
        f"{item.guardrail.name} has no tests with the parameters of the pack ({item.guardrail.name}{SUFFIX} in it)"
        for item in found.selection
        if item.guardrail.name not in tested
        and item.enforcement is not Enforcement.DISABLED
        and not _as_shipped(item, found)
    ]
    return replace(report, shortfalls=(*report.shortfalls, *short))
