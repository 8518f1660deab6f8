"""Checking one input: a Pulumi project or a file, through the gate, by the settings that hold for it.

What every door that runs programs shares: the command line, the pytest fixture, the comparison of packs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from spendgate.errors import InputError, InputErrors, Place
from spendgate.verdict import Checked, Finding

if TYPE_CHECKING:
    from spendgate.allocate.projected.project import Projection
    from spendgate.config import Config
    from spendgate.estimate.usage import Usage
    from spendgate.report.baseline import Baseline
    from spendgate.resource import Declaration
    from spendgate.rules.compiled import Compiled
    from spendgate.rules.library import Faults, Library
    from spendgate.sources.pulumi_program import RecordedInvoke
    from spendgate.waivers.model import Waivers
    from spendgate.waivers.trust import Trusted

NO_ENVIRONMENT: Final = ""
IGNORED: Final = "waivers are ignored (--ignore-waivers)"


def check_file(
    path: Path,
    *,
    packs: tuple[str, ...] = (),
    settings: Path | None = None,
    carbon: bool = False,
    savings: bool = False,
    usage: Usage | None = None,
    trust_from: str | None = None,
    ignore_waivers: bool = False,
    baseline: Baseline | None = None,
    as_declared: bool = False,
    allocation: Projection | None = None,
) -> Checked:
    """Put a file of ``pulumi preview --json`` or ``pulumi stack export`` through the gate, by the spendgate.yaml at or
    above the project that it lies in. Raises InputError for anything that keeps it from being checked."""
    from spendgate.sources.state_file import read_declaration

    declaration = read_declaration(path)
    with _trusted(declaration.root, trust_from) as trusted:
        prepared = prepare(declaration.root, settings, packs, trusted=trusted, ignore_waivers=ignore_waivers)
        return judged(path, declaration, prepared, carbon, savings, usage, baseline, as_declared, allocation)


def check_directory(
    directory: Path,
    *,
    stack: str | None = None,
    config: dict[str, str] | None = None,
    packs: tuple[str, ...] = (),
    settings: Path | None = None,
    engine: str = "auto",
    timeout: float = 300.0,
    progress: Callable[[str], None] | None = None,
    carbon: bool = False,
    savings: bool = False,
    usage: Usage | None = None,
    trust_from: str | None = None,
    ignore_waivers: bool = False,
    baseline: Baseline | None = None,
    as_declared: bool = False,
    allocation: Projection | None = None,
) -> Checked:
    """Run one Pulumi project through the gate. Raises InputError for anything that keeps it from being checked.

    ``trust_from`` names the git revision whose settings, policies and waivers hold instead of those in the folder.
    """
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "no such folder or file"
        remedy = "Give the folder that holds Pulumi.yaml, or a file that a preview wrote."
        raise InputError(what, place=directory, remedy=remedy)
    started = Event()

    def tell(text: str) -> None:
        started.set()
        if progress is not None:
            progress(text)

    def prepare_beside() -> Prepared:
        # The program spends its first second importing its SDKs; the guardrails are read and compiled meanwhile,
        # but not before it is on its way: what is imported here would hold it up.
        started.wait()
        return prepare(directory, settings, packs, trusted=trusted, ignore_waivers=ignore_waivers)

    with _trusted(directory, trust_from) as trusted, ThreadPoolExecutor(1) as beside:
        preparing = beside.submit(prepare_beside)
        try:
            declaration = declare(directory, _Recorded(preparing), stack, config or {}, engine, timeout, tell)
        except InputError as error:
            started.set()
            faults = [fault for fault in (preparing.exception(), error) if isinstance(fault, InputError)]
            raise InputErrors(one for fault in faults for one in getattr(fault, "errors", (fault,))) from None
        finally:
            started.set()
        return judged(
            directory, declaration, preparing.result(), carbon, savings, usage, baseline, as_declared, allocation
        )


def _trusted(directory: Path, revision: str | None) -> AbstractContextManager[Trusted | None]:
    if revision is None:
        return nullcontext()
    from spendgate.waivers.trust import trusted_copy

    return trusted_copy(directory, revision)


def judged(
    path: Path,
    declaration: Declaration,
    prepared: Prepared,
    carbon: bool,
    savings: bool,
    usage: Usage | None = None,
    baseline: Baseline | None = None,
    as_declared: bool = False,
    allocation: Projection | None = None,
) -> Checked:
    """One declaration through the gate, with its places as a user can open them."""
    from spendgate.estimate.today import with_old_prices
    from spendgate.estimate.usage import NONE as NO_USAGE
    from spendgate.gate import check
    from spendgate.prices.catalogue import Catalogue
    from spendgate.sources.positions import from_here

    managed = [item for item in declaration.resources if item.custom and item.package != "pulumi"]
    if not managed and not declaration.incomplete:
        raise InputError(
            "the program declares no resources" if path.is_dir() else "declares no resources that a provider manages",
            place=path,
            remedy="Is this the right folder and stack? A program that declares nothing cannot be checked.",
        )
    project, guardrails, trusted = prepared.config, prepared.guardrails, prepared.trusted
    environment = project.environment(declaration.stack).name
    applied = guardrails.get(environment, guardrails[NO_ENVIRONMENT])
    faults = list(prepared.faults)
    if project.differs_by_stack:
        applied, found = compile_for_stack(project, declaration.stack, applied)
        found = [trusted.named(fault) for fault in found] if trusted else found
        faults += [fault for fault in found if all(str(fault) != str(known) for known in faults)]
    faults = [from_here(fault, path) for fault in faults]
    catalogue = Catalogue.of_project(trusted.of(declaration.root) if trusted else declaration.root)
    checked = check(
        declaration,
        applied,
        catalogue,
        environment=environment,
        now=prepared.now,
        carbon=carbon,
        savings=savings,
        max_price_age=project.max_price_age,
        waivers=prepared.waivers,
        usage=(prepared.usage if usage is None else usage) or NO_USAGE,
        discounts=project.discounts,
        previous=baseline.of(declaration.project, declaration.stack) if baseline else None,
        as_declared=as_declared,
        shown=_from_here(declaration.root),
        allocation=prepared.allocation if allocation is None else allocation,
    )
    remarks = prepared.remarks
    if baseline and baseline.of(declaration.project, declaration.stack) is None:
        whose = f"{declaration.project}, stack {declaration.stack}"
        remarks = (*remarks, f"the baseline holds no estimate of {whose}: growth is not measured")
    if checked.allocation is not None and baseline is not None:
        from spendgate.allocate.projected.model import against

        before, why_not = baseline.paid(declaration.project, declaration.stack)
        checked = replace(checked, allocation=against(checked.allocation, before, why_not))
    estimate = with_old_prices(checked.estimate, project.max_price_age, prepared.now.date())
    checked = replace(checked, estimate=estimate)
    return replace(
        checked,
        path=path,
        reports=project.reports,
        findings=(*checked.findings, *prepared.findings),
        faults=(*faults, *checked.faults),
        remarks=remarks,
        error=InputError(declaration.incomplete, place=path) if declaration.incomplete else None,
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a project is judged by: its configuration, its guardrails by environment, its waivers, and the revision that
    they are from. ``findings`` and ``remarks`` are about that revision; ``faults`` are wrong guardrails,
    which are not asked, and packs that are not there."""

    config: Config
    guardrails: dict[str, tuple[Compiled, ...]]
    waivers: Waivers
    now: datetime
    trusted: Trusted | None = None
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    usage: Usage | None = None
    faults: tuple[InputError, ...] = ()
    allocation: Projection | None = None


def prepare(
    directory: Path,
    settings: Path | None = None,
    packs: tuple[str, ...] = (),
    *,
    trusted: Trusted | None = None,
    ignore_waivers: bool = False,
) -> Prepared:
    """What the project in ``directory`` is judged by. Raises InputError for wrong settings; a pack, a guardrail
    or a waiver that is wrong is among its ``faults``, and all others hold."""
    import spendgate.gate  # noqa: F401 (its import takes a while; here it costs nothing)
    from spendgate.config import read_config
    from spendgate.estimate.usage_file import usage_of
    from spendgate.rules.selection import library_of
    from spendgate.waivers.load import waivers_in
    from spendgate.waivers.model import Waivers
    from spendgate.waivers.settings import rules_of

    now = datetime.now(UTC)
    if trusted is not None:
        return _prepare_trusted(trusted, directory, settings, packs, now, ignore_waivers)
    config = read_config(directory, file=settings, packs=packs)
    faults = faults_of(config)
    library = library_of(config.packs, config.policies, faults)
    compiled = compile_for_environments(config, library, faults)
    usage = usage_of(config.usage, config.usage_place)
    if ignore_waivers:
        waivers = Waivers()
    else:
        known = (*library, *faults.left_out)
        waivers = waivers_in(rules_of(config, directory), known, now, all_known=not faults.missing)
    remarks = (*_idle(library, config, directory), *((IGNORED,) if ignore_waivers else ()))
    paid_by = _projection(config)
    told = tuple(faults.errors)
    return Prepared(config, compiled, waivers, now, remarks=remarks, usage=usage, faults=told, allocation=paid_by)


def _projection(config: Config) -> Projection | None:
    """The allocation rules that the configuration names, ready to be asked."""
    if config.allocation is None:
        return None
    from spendgate.allocate.projected.project import load_projection

    named = config.allocation
    for file in named.files:
        if not file.is_file():
            raise InputError(f'no such file: "{file.name}"', place=named.place, remedy=f"It is looked for as {file}.")
    return load_projection(named.rules, named.drivers)


def _prepare_trusted(
    trusted: Trusted,
    directory: Path,
    settings: Path | None,
    packs: tuple[str, ...],
    now: datetime,
    ignore_waivers: bool,
) -> Prepared:
    """As ``prepare``, by what a git revision holds; with what the change alters of that."""
    from spendgate.estimate.usage_file import usage_of
    from spendgate.rules.selection import library_of
    from spendgate.waivers import trust
    from spendgate.waivers.load import waivers_in
    from spendgate.waivers.model import TRUST_CHANGED, Waivers

    try:
        config, rules = trust.settings_in(trusted, directory, file=settings, packs=packs)
        faults = faults_of(config)
        usage = usage_of(config.usage, config.usage_place)
        paid_by = _projection(config)
        library = library_of(config.packs, config.policies, faults)
        compiled = compile_for_environments(config, library, faults)
    except InputError as error:
        raise trusted.named(error) from None
    changed = trust.changed_files(trusted, directory, config, rules)
    known = (*library, *faults.left_out)
    waivers = (
        Waivers(rules=rules)
        if ignore_waivers
        else waivers_in(rules, known, now, shown_as=trusted.shown, all_known=not faults.missing)
    )
    remark = f"settings, policies and waivers are those of {trusted.name} ({trusted.commit[:12]})"
    if trusted.is_new:
        remark += ", which does not hold this folder: those above it"
    return Prepared(
        config,
        compiled,
        waivers,
        now,
        trusted,
        trust.changed_finding(trusted, changed, rules.levels[TRUST_CHANGED]),
        (remark, IGNORED) if ignore_waivers else (remark,),
        usage,
        tuple(trusted.named(error) for error in faults.errors),
        paid_by,
    )


def _idle(library: Library, config: Config, directory: Path) -> tuple[str, ...]:
    """A word on guardrails in the project's own folder that nothing selects: whoever wrote one waits for its findings.

    A folder that is shared by many projects lies elsewhere, and each takes of it what it wants.
    """
    layers = (config.layers(name) for name in (NO_ENVIRONMENT, *(item.name for item in config.environments)))
    named = {setting.guardrail for layer in layers for settings in layer for setting in settings}
    named |= {setting.guardrail for pack in config.packs for setting in pack.settings}
    root = directory.resolve()
    own = (rule for name, rule in library.own.items() if name not in named)
    idle = [rule.name for rule in own if Path(rule.place.file).resolve().is_relative_to(root)]
    if not idle or config.faults:
        return ()
    return (f"not asked, as neither a pack nor guardrails: in spendgate.yaml selects it: {', '.join(sorted(idle))}",)


class _Recorded(Sequence["RecordedInvoke"]):
    """The recorded data sources of a configuration that is still being read; asked for when the first one is."""

    def __init__(self, preparing: Future[Prepared]) -> None:
        self.preparing = preparing

    def _all(self) -> tuple[RecordedInvoke, ...]:
        # What is wrong with the configuration is reported by whoever waits for all of it.
        return () if self.preparing.exception() else self.preparing.result().config.recorded

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]


def faults_of(config: Config) -> Faults:
    """What is wrong with the packs and folders of guardrails of a project, to which comes what is wrong with single
    guardrails."""
    from spendgate.rules.library import Faults

    found = Faults(missing=bool(config.faults))
    for fault in config.faults:
        found.add(fault)
    return found


def compile_for_environments(config: Config, library: Library, faults: Faults) -> dict[str, tuple[Compiled, ...]]:
    """A project's guardrails by environment, compiled. All of them: a mistake in an environment that this stack does
    not belong to is a mistake all the same. What is wrong with a guardrail goes to ``faults``."""
    from spendgate.rules.compiled import compile_all
    from spendgate.rules.selection import select

    names = (NO_ENVIRONMENT, *(environment.name for environment in config.environments))
    selections = {name: select(config.packs, config.layers(name), library=library, faults=faults) for name in names}
    compiled: dict[str, tuple[Compiled, ...]] = {}
    for name, selection in selections.items():
        same = next((other for other in compiled if selections[other] == selection), None)
        compiled[name] = compile_all(selection, faults) if same is None else compiled[same]
    return compiled


def compile_for_stack(
    config: Config, stack: str, compiled: tuple[Compiled, ...]
) -> tuple[tuple[Compiled, ...], list[InputError]]:
    """A project's guardrails for one stack, and what is wrong with others; what is the same as in its environment is
    not compiled again."""
    from spendgate.rules.compiled import compile_all
    from spendgate.rules.guardrail import Enforcement
    from spendgate.rules.selection import library_of, select

    faults = faults_of(config)
    layers = config.layers(config.environment(stack).name, stack)
    library = library_of(config.packs, config.policies, faults)
    selection = select(config.packs, layers, library=library, faults=faults)
    known = {one.guardrail.name: one for one in compiled}
    found: list[Compiled] = []
    for item in selection:
        same = known.get(item.guardrail.name)
        if item.enforcement is not Enforcement.DISABLED:
            found.extend((same,) if same and same.selected == item else compile_all((item,), faults))
    return tuple(found), faults.errors


def declare(
    directory: Path,
    recorded: Sequence[RecordedInvoke],
    stack: str | None,
    config: dict[str, str],
    engine: str,
    timeout: float,
    progress: Callable[[str], None] | None,
) -> Declaration:
    """What the program in ``directory`` declares, by the engine asked for; ``auto`` is the embedded host unless the
    program needs the real one and it is installed."""
    from spendgate.sources.pulumi_program import NeedsEngine, run_program

    if engine == "pulumi":
        return _declare_with_cli(directory, stack, config, timeout, progress)
    try:
        return run_program(directory, stack=stack, config=config, recorded=recorded, timeout=timeout, progress=progress)
    except NeedsEngine:
        from shutil import which

        if engine == "embedded" or which("pulumi") is None:
            raise
        return _declare_with_cli(directory, stack, config, timeout, progress)


def _declare_with_cli(
    directory: Path,
    stack: str | None,
    config: dict[str, str],
    timeout: float,
    progress: Callable[[str], None] | None,
) -> Declaration:
    from spendgate.sources.engine import run_preview

    return run_preview(directory, stack=stack, config=config, timeout=timeout, progress=progress)


def _from_here(root: Path) -> Callable[[Place], Place]:
    """Places of a project as a user can open them: relative to the working directory where they lie below it."""
    here = Path.cwd()

    @cache
    def file(name: str) -> str:
        path = (root / name).resolve()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    return lambda place: Place(file(place.file), place.line, place.column)
