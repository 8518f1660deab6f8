"""The organisation file: what a platform team says for all projects, between the packs and each spendgate.yaml."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spendgate import schemas
from spendgate.config.budgets import Budget, budgets_from
from spendgate.config.environment import Environment, environments_from
from spendgate.errors import InputError, Place
from spendgate.paths import path_in
from spendgate.rules.guardrail import Layer
from spendgate.rules.selection import Pack, Setting, load_pack, settings_from
from spendgate.yamlfile import YamlFile, read_yaml

if TYPE_CHECKING:
    from spendgate.packs.signing import Demand

VARIABLE: Final = "SPENDGATE_ORGANIZATION"
"""Names the organisation file; wins over what a project names."""


@dataclass(frozen=True, slots=True)
class Organization:
    """An organisation file as loaded. ``packs`` and ``usage`` hold for projects that name none. ``faults`` are the
    packs and folders of guardrails that it names in vain."""

    yaml: YamlFile
    packs: tuple[Pack, ...]
    settings: tuple[Setting, ...]
    policies: tuple[Path, ...]
    environments: tuple[Environment, ...]
    budgets: tuple[Budget, ...]
    named_by: str
    pack_signers: Demand | None = None
    usage: Path | None = None
    faults: tuple[InputError, ...] = ()


def find_organization(project: YamlFile | None, base: Path) -> tuple[Path, str] | None:
    """The organisation file and who names it: the environment variable, then the project's spendgate.yaml, then the
    user's own configuration folder.

    Raises InputError where a file is named that does not exist.
    """
    if named := os.environ.get(VARIABLE):
        return _existing(path_in(Path(), named, Place(VARIABLE)), VARIABLE, None), VARIABLE
    if project is not None and (written := project.data.get("organization")):
        place = project.place("organization")
        return _existing(path_in(base, written, place), "organization", place), str(place)
    path = user_file()
    return (path, "the user's configuration folder") if path is not None and path.is_file() else None


def user_file() -> Path | None:
    """Where a user's own organisation file lies (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("HOME")
    if not home:
        return None
    folder = Path(home) if os.environ.get("XDG_CONFIG_HOME") else Path(home) / ".config"
    return folder / "spendgate" / "organization.yaml"


def _existing(path: Path, who: str, place: Place | None) -> Path:
    if path.is_file():
        return path
    raise InputError(f'{who} names no file: "{path}"', place=place, remedy="It names a YAML file of kind Organization.")


def load_organization(path: Path, named_by: str, shown_as: str) -> Organization:
    """Read an organisation file. Raises InputErrors with file, line and column."""
    yaml = read_yaml(path, shown_as=shown_as)
    schemas.validate(yaml, "organization")
    base = path.parent
    demand = pack_signers(yaml, base)
    packs, wrong_packs = packs_from(yaml, base, demand)
    policies, wrong_policies = policies_from(yaml, base)
    return Organization(
        yaml=yaml,
        packs=packs,
        settings=settings_from(yaml, "guardrails", layer=Layer.ORGANIZATION),
        policies=policies,
        environments=environments_from(yaml, Layer.ORGANIZATION),
        budgets=budgets_from(yaml, Layer.ORGANIZATION),
        named_by=named_by,
        pack_signers=demand,
        usage=path_in(base, yaml.data["usage"], yaml.place("usage")) if "usage" in yaml.data else None,
        faults=(*wrong_packs, *wrong_policies),
    )


def packs_from(yaml: YamlFile, base: Path, demand: Demand | None) -> tuple[tuple[Pack, ...], tuple[InputError, ...]]:
    """The packs that a file names, relative to it, and what is wrong with those that cannot be found or loaded."""
    packs: list[Pack] = []
    faults: list[InputError] = []
    for index, name in enumerate(yaml.data.get("packs", ())):
        try:
            packs.append(load_pack(name, base, yaml.place("packs", index), demand))
        except InputError as error:
            faults.extend(getattr(error, "errors", (error,)))
    return tuple(packs), tuple(faults)


def policies_from(yaml: YamlFile, base: Path) -> tuple[tuple[Path, ...], tuple[InputError, ...]]:
    """The folders of guardrails that a file names, relative to it, and what is wrong with those that are not there."""
    folders: list[Path] = []
    faults: list[InputError] = []
    for index, name in enumerate(yaml.data.get("policies", ())):
        place = yaml.place("policies", index)
        try:
            folder = path_in(base, name, place)
        except InputError as error:
            faults.append(error)
            continue
        if folder.is_dir():
            folders.append(folder)
        else:
            remedy = f"Folders are named relative to {base}."
            faults.append(InputError(f'no such folder of guardrails: "{name}"', place=place, remedy=remedy))
    return tuple(folders), tuple(faults)


def pack_signers(yaml: YamlFile | None, base: Path) -> Demand | None:
    """Who must have signed the packs that are fetched, as a file says it (``packSigners``); None where it does not."""
    written = yaml.data.get("packSigners") if yaml is not None else None
    if yaml is None or written is None:
        return None
    from spendgate.packs.signing import Demand

    file = path_in(base, written["allowedSigners"], yaml.place("packSigners", "allowedSigners"))
    return Demand(file, tuple(written.get("signers", ())))
