"""Which guardrails a served pack asks, at which level and with which parameters.

Weakest first: the guardrail, the pack, the organisation file, the project's spendgate.yaml, its environment for the
stack, and what the engine configures (``--policy-pack-config`` or Pulumi Cloud).

Where SPENDGATE_TRUST_FROM names a git revision, all but the last are read as they are in it, through what
``spendgate check --trust-from`` reads them with: a change cannot then waive itself in a preview either.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spendgate.config import Config, load_config
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.estimate.usage import Usage
from spendgate.estimate.usage_file import usage_of
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.guardrail import Enforcement, Guardrail, Layer, Selected
from spendgate.rules.selection import Pack, Setting, library_of, load_pack, select

if TYPE_CHECKING:
    from spendgate.estimate.model import Range
    from spendgate.report.baseline import Baseline
    from spendgate.verdict import Finding
    from spendgate.waivers.model import Waivers
    from spendgate.waivers.trust import Trusted

PROJECT_VARIABLE: Final = "SPENDGATE_PROJECT"
"""Names the folder of the program, where it cannot be found from where ``pulumi`` was started."""

TRUST_VARIABLE: Final = "SPENDGATE_TRUST_FROM"
"""Names the git revision whose settings, policies, waivers and prices hold, as ``check --trust-from`` does."""

BASELINE_VARIABLE: Final = "SPENDGATE_BASELINE"
"""Names an earlier report that growth is measured against, as ``check --baseline`` does."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the engine says of one policy."""

    enforcement: Enforcement
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackSettings:
    """A pack with the settings of the project that it is asked about.

    Where they are those of a git revision, so are ``waivers`` (else None), and ``changed`` tells what the checkout
    alters of it.
    """

    pack: Pack
    config: Config
    library: Mapping[str, Guardrail]
    usage: Usage
    waivers: Waivers | None = None
    changed: tuple[Finding, ...] = ()
    baseline: tuple[Baseline, Path] | None = None

    def previous(self, project: str, stack: str) -> Range | None:
        """The month of the stack in the earlier report; None where none is named, or it does not hold the stack."""
        return self.baseline[0].of(project, stack) if self.baseline is not None else None

    def unmeasured(self, project: str, stack: str) -> tuple[Finding, ...]:
        """That the earlier report does not hold the stack: no guardrail asks about growth then."""
        if self.baseline is None or self.previous(project, stack) is not None:
            return ()
        from spendgate.rules.guardrail import Severity
        from spendgate.verdict import Finding, Status

        return (
            Finding(
                guardrail="baseline",
                status=Status.UNDETERMINED,
                enforcement=Enforcement.ADVISORY,
                severity=Severity.MEDIUM,
                address="",
                type="",
                name=project,
                message=f"it holds no estimate of {project}, stack {stack}: growth is not measured",
                remediation="",
                location=Place(str(self.baseline[1])),
            ),
        )

    def environment(self, stack: str) -> str:
        """The name of the stack's environment."""
        return self.config.environment(stack).name

    def selection(self, stack: str, configured: Mapping[str, Configured] | None = None) -> tuple[Selected, ...]:
        """The guardrails as they apply to the stack; ``configured`` is the engine's word, by policy.

        Raises InputErrors for guardrails and parameters that do not exist or have a wrong value. A parameter without
        any value is no error before the engine has said its word.
        """
        layers = [self._own(layer) for layer in self.config.layers(self.environment(stack), stack)]
        chosen = select((self.pack,), layers, library=self.library, complete=False)
        if configured is None:
            return chosen
        changed = tuple(
            self._setting(item, configured[item.guardrail.name]) for item in chosen if item.guardrail.name in configured
        )
        unknown = configured.keys() - {item.guardrail.name for item in chosen}
        errors = [self._no_policy(name, chosen) for name in sorted(unknown)]
        raise_together(errors)
        return select((self.pack,), [*layers, changed], library=self.library) if changed else chosen

    def _own(self, settings: Iterable[Setting]) -> tuple[Setting, ...]:
        """Without the settings of guardrails that only the project's other packs select."""
        own = {setting.guardrail for setting in self.pack.settings}
        others = {setting.guardrail for pack in _others(self.pack, self.config) for setting in pack.settings}
        return tuple(setting for setting in settings if setting.guardrail not in others - own)

    def _setting(self, selected: Selected, configured: Configured) -> Setting:
        """The engine's word as a setting. It repeats everything; only what differs is a setting."""
        params = {
            name: value
            for name, value in configured.params.items()
            if name not in selected.params or value != selected.params[name]
        }
        place = Place(f"policy configuration of {self.pack.name}")
        return Setting(
            selected.guardrail.name, place, configured.enforcement, params, lambda name: place, layer=Layer.ENGINE
        )

    def _no_policy(self, name: str, chosen: Iterable[Selected]) -> InputError:
        known = [item.guardrail.name for item in chosen]
        return InputError(
            f'no policy "{name}"',
            place=f"policy configuration of {self.pack.name}",
            remedy=did_you_mean(name, known) or f"It has: {', '.join(known)}.",
        )


def load_settings(pack: Pack, project: str) -> PackSettings:
    """The pack with the settings of ``project``, where its folder is found; else with the defaults."""
    folder = project_folder(project)
    with _trusted(project, folder) as trusted:
        if trusted is not None and folder is not None:
            return replace(_trusted_settings(pack, folder, trusted), baseline=_baseline(folder))
    config = load_config(folder)
    others = () if folder is None else _others(pack, config)
    # The budgets of a project feed the guardrails of this pack, be it among the project's packs or not.
    config = replace(config, packs=(pack, *others))
    library, usage = library_of(config.packs, config.policies), usage_of(config.usage, config.usage_place)
    return PackSettings(pack, config, library, usage, baseline=_baseline(folder))


def load_catalogue(project: str) -> Catalogue:
    """The prices that hold for ``project``: with its own, where its folder is found and has any."""
    folder = project_folder(project)
    with ExitStack() as held:
        trusted = held.enter_context(_trusted(project, folder))
        if folder is None:
            return Catalogue.builtin()
        if trusted is None:
            return Catalogue.of_project(folder)
        catalogue = Catalogue.of_project(trusted.of(folder))
        if any(directory.is_relative_to(trusted.copy) for directory in catalogue.store.directories):
            # Prices of one's own: they are read when they are first asked for.
            atexit.register(held.pop_all().close)
        return catalogue


def _baseline(folder: Path | None) -> tuple[Baseline, Path] | None:
    """The report that SPENDGATE_BASELINE names (a relative path: from the program's folder), with its file.

    Raises InputError for a file that is no such report: growth would pass unmeasured.
    """
    named = os.environ.get(BASELINE_VARIABLE)
    if named is None:
        return None
    from spendgate.report.baseline import read_baseline

    path = (folder or Path()) / named
    return read_baseline(path), path


@contextmanager
def _trusted(project: str, folder: Path | None) -> Iterator[Trusted | None]:
    """The revision that SPENDGATE_TRUST_FROM names, of the repository that holds the program; None where it names none,
    or no program is known yet. All is read before the copy goes: an engine ends a pack without a word.

    Raises InputError, with places in the revision, for what is wrong in it; where there is no such revision; and where
    the folder of the program is not found: judging by the checkout then would be what was not asked for.
    """
    revision = os.environ.get(TRUST_VARIABLE)
    if revision is None or not project:
        yield None
        return
    if folder is None:
        raise InputError(
            f"{TRUST_VARIABLE} is set, and the folder of the program {project} is not found",
            remedy=f"Start pulumi in it, or name it in {PROJECT_VARIABLE}.",
        )
    from spendgate.waivers.trust import trusted_copy

    with trusted_copy(folder, revision, TRUST_VARIABLE) as trusted:
        try:
            yield trusted
        except InputError as error:
            raise (trusted.named(error) if trusted is not None else error) from None


def _trusted_settings(pack: Pack, folder: Path, trusted: Trusted) -> PackSettings:
    from spendgate.waivers.load import waivers_in
    from spendgate.waivers.model import TRUST_CHANGED
    from spendgate.waivers.trust import changed_files, changed_finding, settings_in

    config, rules = settings_in(trusted, folder)
    raise_together(config.faults)
    pack = _trusted_pack(pack, trusted)
    config = replace(config, packs=(pack, *_others(pack, config)))
    changed = changed_files(trusted, folder, config, rules)
    library = library_of(config.packs, config.policies)
    return PackSettings(
        pack,
        config,
        library,
        usage_of(config.usage, config.usage_place),
        waivers_in(rules, library, datetime.now(UTC), shown_as=trusted.shown),
        changed_finding(trusted, changed, rules.levels[TRUST_CHANGED]),
    )


def _trusted_pack(pack: Pack, trusted: Trusted) -> Pack:
    """The pack as the revision has it, where it lies in the repository itself; the process that serves it was started
    from the checkout all the same."""
    folder = trusted.of(pack.folder)
    if folder == pack.folder.resolve():
        return pack
    if not (folder / "pack.yaml").is_file():
        raise InputError(
            f"the pack {pack.name} lies in the checkout, and {trusted.name} does not hold it",
            place=pack.folder,
            remedy="Merge the pack before what is judged by it, or run it from outside of the repository.",
        )
    return load_pack(str(folder))


def _others(pack: Pack, config: Config) -> tuple[Pack, ...]:
    """The other packs of the project: their guardrails are known, and not asked here."""
    return tuple(other for other in config.packs if other.name != pack.name)


def project_folder(project: str) -> Path | None:
    """The folder of the Pulumi program that is analysed.

    The engine does not tell it, and starts a pack in the pack's own folder. It is looked for where the pack's parent
    process works, which is the program's folder also with ``pulumi -C``, then where ``pulumi`` was started, and taken
    only where a ``Pulumi.yaml`` names ``project``.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    if named:
        return Path(named)
    parent, shell = (
        _with_project_file(Path(start), project) if start else None
        for start in (_working_directory(os.getppid()), os.environ.get("PWD"))
    )
    if parent is None or (shell is not None and shell.samefile(parent)):
        return shell  # as the user calls it
    return parent


def _with_project_file(start: Path, project: str) -> Path | None:
    from spendgate.sources.project import PROJECT_FILES, read_project

    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            try:
                return folder if read_project(folder).name == project else None
            except InputError:
                return None
    return None


def _working_directory(process: int) -> str | None:
    try:
        return os.readlink(f"/proc/{process}/cwd")
    except OSError:
        return None
