"""Tests of allocation rules among those of guardrails: found, run, and told in the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.bench.run import Outcome
from spendgate.errors import InputError
from spendgate.shipped import policies_dir

if TYPE_CHECKING:
    from spendgate.bench.coverage import Coverage

KIND: Final = "allocation"
_TEST = re.compile(r"""^\s*["']?kind["']?\s*:\s*["']?AllocationTest["']?\s*(#.*)?$""", re.MULTILINE)
_RULES = re.compile(r"""^\s*["']?kind["']?\s*:\s*["']?AllocationRules["']?\s*(#.*)?$""", re.MULTILINE)
_MISSING: Final = "DuckDB and Ibis are not installed here"
_REMEDY: Final = "pip install 'spendgate[allocate]'"


@dataclass(frozen=True, slots=True)
class Paid:
    """How the tests of allocation rules went; ``skipped`` says why they did not run."""

    outcomes: tuple[Outcome, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    errors: tuple[InputError, ...] = ()
    skipped: tuple[str, ...] = ()


def is_of_allocation(test: Path) -> bool:
    """Whether a test file says that it tests allocation rules."""
    try:
        status = test.stat()
    except OSError:
        return False
    return _says(_TEST, test, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _says(kind: re.Pattern[str], path: Path, _changed: int) -> bool:
    try:
        return kind.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False


def run_allocations(files: Sequence[Path], filters: Sequence[str] = ()) -> Paid:
    """Run the tests by one engine, and tell what they cover of the rules that lie beside them.

    Where DuckDB is not installed, those that come with spendgate are skipped; one's own are an error.
    """
    if find_spec("duckdb") is None or find_spec("ibis") is None:
        shipped = policies_dir().resolve()
        own = [path for path in files if not path.resolve().is_relative_to(shipped)]
        if own:
            error = InputError(f"allocation rules cannot be tested: {_MISSING}", place=own[0], remedy=_REMEDY)
            return Paid(errors=(error,))
        return Paid(skipped=(f"tests of allocation rules are skipped: {_MISSING} ({_REMEDY})",))
    from spendgate.allocate.run import engine

    outcomes: list[Outcome] = []
    coverage: list[Coverage] = []
    errors: list[InputError] = []
    with engine() as connection:
        for path in files:
            try:
                _run(path, filters, connection, outcomes, coverage, errors)
            except InputError as error:
                errors += getattr(error, "errors", (error,))
    coverage += _untested(files)
    return Paid(tuple(outcomes), tuple(coverage), tuple(errors))


def _run(
    path: Path,
    filters: Sequence[str],
    connection: Any,
    outcomes: list[Outcome],
    coverage: list[Coverage],
    errors: list[InputError],
) -> None:
    from spendgate.allocate.bench.cases import read_cases
    from spendgate.allocate.bench.run import run_cases, ways
    from spendgate.bench.coverage import Coverage, Gap

    file = read_cases(path)
    name = file.rules.name
    words = [word.casefold() for word in filters]
    wanted = tuple(
        case for case in file.cases if not words or any(word in f"{name}: {case.name}".casefold() for word in words)
    )
    if not wanted:
        return
    results, faults = run_cases(replace(file, cases=wanted), connection)
    errors += faults
    outcomes += [
        Outcome(name, result.case.name, result.case.place, result.faults, seconds=result.seconds, kind=KIND)
        for result in results
    ]
    if len(wanted) == len(file.cases) and not faults:
        total, missing = ways(file.rules, results)
        gaps = tuple(Gap(way.place, way.text) for way in missing)
        covered = total - len(gaps)
        coverage.append(Coverage(name, file.rules.place, len(results), covered, total, gaps, (), gaps, kind=KIND))


def _untested(files: Sequence[Path]) -> list[Coverage]:
    """Rules that lie where tests of rules lie, and have none."""
    from spendgate.allocate.load import load_rules
    from spendgate.bench.coverage import Coverage, Gap

    tested = {path.resolve() for path in files}
    found: list[Coverage] = []
    for folder in dict.fromkeys(path.parent for path in files):
        for path in sorted(folder.glob("*.yaml")):
            beside = path.with_name(f"{path.stem}.test.yaml")
            if beside.exists() or path.resolve() in tested or not _says(_RULES, path, path.stat().st_mtime_ns):
                continue
            try:
                rules = load_rules(path)
            except InputError:
                continue  # `spendgate allocate` tells; nobody asked to test it
            gaps = (Gap(rules.place, f"no test lies beside it: {beside.name}"),)
            found.append(Coverage(rules.name, rules.place, 0, 0, 2 * len(rules.rules), gaps, (), gaps, kind=KIND))
    return found
