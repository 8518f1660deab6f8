"""All tests of some folders: which there are, how they went, and how much of each guardrail they went through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter

from spendgate.bench.allocations import Paid, is_of_allocation, run_allocations
from spendgate.bench.cases import SUFFIX, Case, case_files, read_cases
from spendgate.bench.coverage import Coverage, Listener, coverage_of, operand_percent, percent
from spendgate.bench.run import Outcome, run_case
from spendgate.errors import InputError
from spendgate.rules.compiled import Compiled, compile_guardrail
from spendgate.rules.guardrail import Enforcement, Guardrail, Selected
from spendgate.rules.library import add_files, guardrail_files
from spendgate.shipped import policies_dir

_KIND = re.compile(r"""^\s*["']?kind["']?\s*:\s*["']?Guardrail["']?\s*(#.*)?$""", re.MULTILINE)
_IGNORED = {"node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Suite:
    """Test files, the guardrails that they may test, and those among them whose coverage is asked for (``own``: they
    lie where the tests lie). ``broken`` are guardrails that cannot be tested, for reasons that ``errors`` tell;
    ``allocations`` are tests of rules of who pays."""

    files: tuple[Path, ...]
    library: Mapping[str, Guardrail]
    own: Mapping[str, Compiled]
    broken: frozenset[str] = frozenset()
    errors: tuple[InputError, ...] = ()
    seconds: float = 0.0
    allocations: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """How a run of tests went. ``coverage`` holds the guardrails whose every case was run; ``seconds`` is the time it
    took to read, compile and run. ``skipped`` says what was left out, and why."""

    outcomes: tuple[Outcome, ...]
    coverage: tuple[Coverage, ...]
    errors: tuple[InputError, ...] = ()
    shortfalls: tuple[str, ...] = field(default=())
    seconds: float = 0.0
    skipped: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The cases that did not go as expected."""
        return tuple(outcome for outcome in self.outcomes if outcome.faults)

    @property
    def exit_code(self) -> int:
        """2 when something could not be tested, else 1 when a case failed or coverage falls short, else 0."""
        if self.errors:
            return 2
        return 1 if self.failed or self.shortfalls else 0


def collect(paths: Iterable[Path], policies: Iterable[Path] = ()) -> Suite:
    """The tests at ``paths`` (folders, or single ``*.test.yaml``), with the guardrails that lie beside them, those of
    the folders ``policies``, and the shipped ones.

    Raises InputError for a path that holds no tests: nothing tested is no pass. What is wrong with a guardrail is told
    in ``errors``, so that the others are tested all the same.
    """
    start = perf_counter()
    given = tuple(paths)
    tests = _test_files(given)
    allocations = tuple(path for path in tests if is_of_allocation(path))
    files = tuple(path for path in tests if path not in allocations)
    sources: dict[Path, None] = {}
    beside: dict[Path, None] = {}
    for folder in policies:
        sources.update(dict.fromkeys(path.resolve() for path in guardrail_files(folder)))
    for path in given:
        found = _guardrails_below(path) if path.is_dir() else _guardrails_in(path.parent)
        beside.update(dict.fromkeys(item.resolve() for item in found))
    shipped = {path.resolve(): path.stat().st_mtime_ns for path in guardrail_files(policies_dir())}
    known, faulty = _loaded(tuple(shipped.items()), Path.cwd())
    library = dict(known)
    errors = list(faulty)
    broken = {path.stem for path in shipped if path.stem not in known}
    for source in {**sources, **beside}:
        if source in shipped:
            continue
        if faults := add_files(library, [_shown(source)]):
            errors.extend(faults)
            broken.add(source.stem)
    whole = tuple(path.resolve() for path in given if path.is_dir())
    tested = {path.name.removesuffix(SUFFIX) for path in files}
    own: dict[str, Compiled] = {}
    for name, guardrail in library.items():
        place = Path(guardrail.place.file).resolve()
        if any(place.is_relative_to(folder) for folder in whole) or (place in beside and name in tested):
            try:
                own[name] = _compile(guardrail)
            except InputError as error:
                errors.extend(getattr(error, "errors", (error,)))
                broken.add(name)
    return Suite(files, library, own, frozenset(broken), tuple(errors), perf_counter() - start, allocations)


@lru_cache(maxsize=1)
def _loaded(files: tuple[tuple[Path, int], ...], here: Path) -> tuple[Mapping[str, Guardrail], tuple[InputError, ...]]:
    """The shipped guardrails, read again only when one of them changed (or is to be shown from elsewhere)."""
    library: dict[str, Guardrail] = {}
    errors = add_files(library, (_shown(path) for path, _ in files))
    return library, tuple(errors)


def _test_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    files: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            found = [item for item in case_files(path) if not _is_ignored(item, path)]
            if not found:
                raise InputError("no tests here", place=path, remedy=f"A test lies beside what it tests: NAME{SUFFIX}.")
        elif not path.exists():
            raise InputError("no such file or folder", place=path)
        elif not path.name.endswith(SUFFIX):
            beside = path.with_name(path.stem + SUFFIX)
            remedy = f"Its test is {beside}." if beside.is_file() else f"Tests are named NAME{SUFFIX}."
            raise InputError("is no test", place=path, remedy=remedy)
        else:
            found = [path]
        for item in found:
            files.setdefault(item.resolve(), _shown(item))
    return tuple(files.values())


def _guardrails_below(folder: Path) -> list[Path]:
    return [path for path in guardrail_files(folder) if not _is_ignored(path, folder) and _is_guardrail(path)]


def _guardrails_in(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.yaml"))
    return [path for path in paths if not path.name.endswith(SUFFIX) and _is_guardrail(path)]


def _is_ignored(path: Path, below: Path) -> bool:
    """Folders of tools and environments that lie in a project and are none of it."""
    return any(part.startswith(".") or part in _IGNORED for part in path.relative_to(below).parts[:-1])


def _is_guardrail(path: Path) -> bool:
    """Whether a file means to be a guardrail: it says so, or a test of its name lies beside it. A project's folder
    holds other YAML as well (Pulumi.yaml, manifests)."""
    test = path.with_name(path.stem + SUFFIX)
    if test.is_file():
        return not is_of_allocation(test)
    try:
        return _KIND.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return True  # loading it tells what is wrong


def _shown(path: Path) -> Path:
    """The path as a user can open it: relative to the working directory where it lies below it."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _compile(guardrail: Guardrail) -> Compiled:
    return compile_guardrail(Selected(guardrail, Enforcement.MANDATORY, guardrail.defaults))


def run_suite(suite: Suite, filters: Sequence[str] = (), progress: Callable[[str], None] = lambda text: None) -> Report:
    """Run the cases whose guardrail or name holds one of ``filters`` (all without a filter), ignoring case.

    Raises InputError when the filters leave nothing to run.
    """
    start = perf_counter()
    errors = {str(error): error for error in suite.errors}
    listeners = {name: Listener() for name in suite.own}
    outcomes: dict[str, list[Outcome]] = {name: [] for name in suite.own}
    partly: set[str] = set()
    for path in suite.files:
        progress(str(path))
        try:
            for case in _cases(path, suite):
                name = case.selected.guardrail.name
                if _is_wanted(case, filters):
                    outcomes.setdefault(name, []).append(run_case(case, listeners.get(name)))
                else:
                    partly.add(name)
        except InputError as error:
            errors.update({str(one): one for one in getattr(error, "errors", (error,))})
            partly.add(path.name.removesuffix(SUFFIX))
    paid = run_allocations(suite.allocations, filters) if suite.allocations else Paid()
    errors.update({str(error): error for error in paid.errors})
    if paid.skipped and not suite.files:  # nothing tested is no pass
        raise InputError(paid.skipped[0])
    if filters and not errors and not any(outcomes.values()) and not paid.outcomes:
        words = " or ".join(f'"{word}"' for word in filters)
        raise InputError(f"no case has {words} in its name or in that of its guardrail")
    return Report(
        (*(outcome for group in outcomes.values() for outcome in group), *paid.outcomes),
        (
            *(
                coverage_of(compiled, listeners[name], outcomes[name])
                for name, compiled in suite.own.items()
                if name not in partly and (outcomes[name] or not filters)
            ),
            *paid.coverage,
        ),
        tuple(errors.values()),
        seconds=suite.seconds + perf_counter() - start,
        skipped=paid.skipped,
    )


def _cases(path: Path, suite: Suite) -> tuple[Case, ...]:
    """The cases of one file; none where it tests a guardrail that is broken, which is an error already."""
    if path.name.removesuffix(SUFFIX) in suite.broken:
        return ()
    cases = read_cases(path, suite.library)
    return tuple(case for case in cases if case.selected.guardrail.name not in suite.broken)


def _is_wanted(case: Case, filters: Sequence[str]) -> bool:
    text = f"{case.selected.guardrail.name}: {case.name}".casefold()
    return not filters or any(word.casefold() in text for word in filters)


def demand(
    report: Report, *, min_coverage: float | None = None, min_operands: float | None = None, strict: bool = False
) -> Report:
    """The report with what it falls short of: ``min_coverage`` in per cent over all guardrails, ``min_operands`` of the
    conditions inside their expressions, and, when ``strict``, one passing, one failing and one unknown case for each
    guardrail, and one that makes each of its patches."""
    short: list[str] = []
    if (strict or min_coverage is not None or min_operands is not None) and not (report.coverage or report.errors):
        short.append("no guardrail lies where these tests lie: there is no coverage to judge")
    else:
        for what, wanted, reached in (
            ("coverage is", min_coverage, percent(report.coverage)),
            ("coverage of operands is", min_operands, operand_percent(report.coverage)),
        ):
            if wanted is not None and reached < wanted:
                short.append(f"{what} {show_percent(reached)}, below {show_percent(wanted)}")
    if strict:
        short += [
            f"{item.guardrail} has no {' and no '.join(item.lacks)} case ({item.place})"
            for item in report.coverage
            if item.lacks
        ]
        short += [f"{item.guardrail}: {gap.text} ({gap.place})" for item in report.coverage for gap in item.unmade]
    return replace(report, shortfalls=tuple(short))


def show_percent(value: float) -> str:
    """Cut, not rounded, to one digit: nothing but all of it is 100%."""
    return f"{int(value * 10) / 10:g}%"
