"""Which guardrails a served pack asks, at which level and with which parameters.

Weakest first: the guardrail, the pack, the organisation file, the project's spendgate.yaml, its environment for the
stack, and what the engine configures (``--policy-pack-config`` or Pulumi Cloud).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from spendgate.config import Config, load_config
from spendgate.errors import InputError, Place, did_you_mean, raise_together
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.guardrail import Enforcement, Guardrail, Layer, Selected
from spendgate.rules.selection import Pack, Setting, library_of, select

PROJECT_VARIABLE: Final = "SPENDGATE_PROJECT"
"""Names the folder of the program, where it cannot be found from where ``pulumi`` was started."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the engine says of one policy."""

    enforcement: Enforcement
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackSettings:
    """A pack with the settings of the project that it is asked about."""

    pack: Pack
    config: Config
    library: Mapping[str, Guardrail]

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
    config = load_config(folder)
    others = () if folder is None else _others(pack, config)
    # The budgets of a project feed the guardrails of this pack, be it among the project's packs or not.
    config = replace(config, packs=(pack, *others))
    return PackSettings(pack, config, library_of(config.packs, config.policies))


def load_catalogue(project: str) -> Catalogue:
    """The prices that hold for ``project``: with its own, where its folder is found and has any."""
    folder = project_folder(project)
    return Catalogue.builtin() if folder is None else Catalogue.of_project(folder)


def _others(pack: Pack, config: Config) -> tuple[Pack, ...]:
    """The other packs of the project: their guardrails are known, and not asked here."""
    return tuple(other for other in config.packs if other.name != pack.name)


def project_folder(project: str) -> Path | None:
    """The folder of the Pulumi program that is analysed.

    The engine does not tell it, and starts a pack in the pack's own folder. It is looked for where ``pulumi`` was
    started and where the pack's parent process works, and taken only where a ``Pulumi.yaml`` names ``project``.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    if named:
        return Path(named)
    for start in (os.environ.get("PWD"), _working_directory(os.getppid())):
        folder = _with_project_file(Path(start), project) if start else None
        if folder is not None:
            return folder
    return None


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
