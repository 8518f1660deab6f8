"""spendgate.yaml: what a project says about its packs, guardrails, environments, budgets and recorded data sources,
under the file of its organisation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spendgate import schemas
from spendgate.config.budgets import Budget, budgets_from, said_twice, settings_of, unknown_environments, wrong_amounts
from spendgate.config.discounts import lock_of, terms_over
from spendgate.config.environment import (
    DEFAULT_ENVIRONMENTS,
    Environment,
    environments_from,
    with_organization,
)
from spendgate.config.organization import (
    Organization,
    find_organization,
    load_organization,
    pack_signers,
    packs_from,
    policies_from,
)
from spendgate.errors import InputError, Place, raise_together
from spendgate.paths import path_in
from spendgate.rules.guardrail import Layer
from spendgate.rules.selection import DEFAULT_PACK, Pack, Setting, load_pack, settings_from
from spendgate.shipped import packs_dir
from spendgate.yamlfile import YamlFile, read_yaml

if TYPE_CHECKING:
    from spendgate.estimate.discounts import Term
    from spendgate.packs.signing import Demand
    from spendgate.sources.pulumi_program import RecordedInvoke

FILE_NAME = "spendgate.yaml"
USAGE_FILE = "spendgate-usage.yaml"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that ``check`` writes besides the one it shows: its format, and the file as named."""

    format: str
    output: Path


@dataclass(frozen=True, slots=True)
class AllocationFiles:
    """The allocation rules that a spendgate.yaml names (files, or names of shipped ones), with driver tables by name,
    and the place that names them."""

    rules: tuple[Path | str, ...]
    drivers: Mapping[str, Path]
    place: Place

    @property
    def files(self) -> tuple[Path, ...]:
        """The files among them."""
        return (*(rules for rules in self.rules if isinstance(rules, Path)), *self.drivers.values())


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one project; the defaults are those of a project without spendgate.yaml.

    ``max_price_age`` is in days: an older price is noted in the report. ``usage`` is the usage file; it need not be
    there unless ``usage_place`` says where it is named (by the project, or by its organisation). ``yaml`` is the file
    as read, for places, and ``own_packs`` those that it names itself. ``faults`` are the packs and folders of
    guardrails that it or its organisation names in vain: the others hold, and not all guardrails are known.
    """

    packs: tuple[Pack, ...]
    settings: tuple[Setting, ...] = ()
    policies: tuple[Path, ...] = ()
    environments: tuple[Environment, ...] = DEFAULT_ENVIRONMENTS
    recorded: tuple[RecordedInvoke, ...] = field(default=())
    max_price_age: int | None = None
    budgets: tuple[Budget, ...] = ()
    organization: Organization | None = None
    yaml: YamlFile | None = None
    own_packs: tuple[Pack, ...] = ()
    discounts: tuple[Term, ...] = ()
    usage: Path | None = None
    usage_place: Place | None = None
    reports: tuple[Report, ...] = ()
    allocation: AllocationFiles | None = None
    faults: tuple[InputError, ...] = ()

    def layers(self, environment: str, stack: str | None = None) -> tuple[tuple[Setting, ...], ...]:
        """The settings over the packs that hold in an environment, weakest first: the organisation's, the project's,
        and of each file what it says of the environment and its budgets.

        Budgets of single stacks hold only where ``stack`` is given.
        """
        here = next((item for item in self.environments if item.name == environment), None)
        own = (self.settings, here.settings if here else ())
        given = (self.organization.settings if self.organization else (), here.given if here else ())
        selected = {setting.guardrail for pack in self.packs for setting in pack.settings}
        selected |= {setting.guardrail for layer in (*own, *given) for setting in layer}
        budgets = self.organization.budgets if self.organization else ()
        return (
            *given,
            settings_of(budgets, environment, stack, selected),
            *own,
            settings_of(self.budgets, environment, stack, selected, budgets),
        )

    @property
    def differs_by_stack(self) -> bool:
        """Whether stacks of one environment have different budgets."""
        budgets = (*self.budgets, *(self.organization.budgets if self.organization else ()))
        return any(budget.stacks for budget in budgets)

    def environment(self, stack: str) -> Environment:
        """The first environment that holds the stack; one named after the stack when none does."""
        for environment in self.environments:
            if environment.holds(stack):
                return environment
        return Environment(stack, (stack,))


def load_config(
    folder: Path | None, *, file: Path | None = None, packs: tuple[str, ...] = (), packs_from: Path | None = None
) -> Config:
    """The configuration of the project in ``folder``: its spendgate.yaml, or that of the nearest parent folder
    inside the same repository; ``file`` names another one. ``packs`` replaces its packs; their folders are
    relative to ``packs_from`` (default: the working directory). Without a folder, what holds where no project is known.

    Raises InputErrors with file, line and column.
    """
    config = read_config(folder, file=file, packs=packs, packs_from=packs_from)
    raise_together(config.faults)
    return config


def read_config(
    folder: Path | None, *, file: Path | None = None, packs: tuple[str, ...] = (), packs_from: Path | None = None
) -> Config:
    """As ``load_config``; packs and folders of guardrails that cannot be found or loaded are among the ``faults``."""
    path = file or (find_config(folder) if folder else None)
    yaml = None
    if path is not None:
        yaml = read_yaml(path, shown_as=_shown(path))
        schemas.validate(yaml, "config")
    base = path.parent if path else Path()
    organization = _organization(yaml, base)
    # What the organisation demands of packs, no project lifts.
    demand = (organization.pack_signers if organization else None) or pack_signers(yaml, base)
    project = _project(yaml, base, demand) if yaml is not None else Config(packs=(), environments=())
    _check_budgets(project, organization)
    usage, usage_place = _usage_for(project, organization, folder)
    return replace(
        project,
        packs=tuple(load_pack(name, packs_from, None, demand) for name in packs)
        if packs
        else _packs(project, organization, yaml),
        policies=(*(organization.policies if organization else ()), *project.policies),
        environments=_environments(project, organization),
        max_price_age=_max_price_age(yaml, organization),
        organization=organization,
        discounts=terms_over(yaml, organization.yaml if organization else None),
        usage=usage,
        usage_place=usage_place,
        own_packs=() if packs else project.packs,
        faults=(*(organization.faults if organization else ()), *project.faults),
    )


def _project(yaml: YamlFile, base: Path, demand: Demand | None) -> Config:
    """What a spendgate.yaml itself says."""
    _check_currency(yaml)
    packs, wrong_packs = packs_from(yaml, base, demand)
    policies, wrong_policies = policies_from(yaml, base)
    return Config(
        packs=packs,
        settings=settings_from(yaml, "guardrails"),
        policies=policies,
        environments=environments_from(yaml, Layer.PROJECT),
        recorded=_recorded(yaml.data),
        budgets=budgets_from(yaml, Layer.PROJECT),
        usage=_usage(yaml, base),
        usage_place=yaml.place("usage") if "usage" in yaml.data else None,
        reports=tuple(_report(yaml, index) for index in range(len(yaml.data.get("reports", ())))),
        yaml=yaml,
        allocation=_allocation(yaml, base),
        faults=(*wrong_packs, *wrong_policies),
    )


def _allocation(yaml: YamlFile, base: Path) -> AllocationFiles | None:
    """``allocation:`` names the rules, or the rules and the tables of their drivers, relative to the file."""
    found = yaml.data.get("allocation")
    if found is None:
        return None
    named: dict[str, Any] = found if isinstance(found, dict) else {"rules": found}
    words = named["rules"] if isinstance(named["rules"], list) else [named["rules"]]
    is_file = [Path(word).suffix or len(Path(word).parts) > 1 for word in words]
    place = yaml.place("allocation")
    rules = tuple(path_in(base, word, place) if file else str(word) for word, file in zip(words, is_file, strict=True))
    drivers = {name: path_in(base, file, place) for name, file in named.get("drivers", {}).items()}
    return AllocationFiles(rules, drivers, place)


def _report(yaml: YamlFile, index: int) -> Report:
    item = yaml.data["reports"][index]
    output = Path(item["output"])
    if output.is_absolute() or ".." in output.parts:
        raise InputError(
            f'a report is written below the folder in which the command runs, not to "{output}"',
            place=yaml.place("reports", index, "output"),
            remedy="Name it relative to that folder, without .. in it, or use --output.",
        )
    path_in(Path(), item["output"], yaml.place("reports", index, "output"))
    return Report(item["format"], output)


def _organization(yaml: YamlFile | None, base: Path) -> Organization | None:
    found = find_organization(yaml, base)
    return None if found is None else load_organization(*found, _shown(found[0]))


def _packs(project: Config, organization: Organization | None, yaml: YamlFile | None) -> tuple[Pack, ...]:
    """Those of the first file that names any, be they there or not; else the default, of those that are shipped."""
    if yaml is not None and yaml.data.get("packs"):
        return project.packs
    if organization is not None and organization.yaml.data.get("packs"):
        return organization.packs
    return (load_pack(DEFAULT_PACK, packs_dir()),)


def _environments(project: Config, organization: Organization | None) -> tuple[Environment, ...]:
    given = organization.environments if organization else ()
    return with_organization(project.environments, given) or DEFAULT_ENVIRONMENTS


def _check_budgets(project: Config, organization: Organization | None) -> None:
    """Raise what is wrong with the budgets of both files."""
    known = [environment.name for environment in _environments(project, organization)]
    errors = [*unknown_environments(project.budgets, known), *wrong_amounts(project.budgets)]
    own = (*project.settings, *(setting for item in project.environments for setting in item.settings))
    errors += said_twice(project.budgets, own)
    if organization is not None:
        errors += [*unknown_environments(organization.budgets, known), *wrong_amounts(organization.budgets)]
        theirs = (*organization.settings, *(setting for item in organization.environments for setting in item.settings))
        errors += said_twice(organization.budgets, theirs)
    raise_together(errors)


def find_config(folder: Path) -> Path | None:
    """The nearest spendgate.yaml at or above ``folder``, not beyond the root of its git repository."""
    for candidate in (folder.resolve(), *folder.resolve().parents):
        if os.path.lexists(candidate / FILE_NAME):  # a link to nowhere, or a folder, is an error and not nothing
            return candidate / FILE_NAME
        if (candidate / ".git").exists():
            return None
    return None


def _usage(yaml: YamlFile, base: Path) -> Path:
    """The usage file that a spendgate.yaml names; else the one beside it, where there is one."""
    return path_in(base, str(yaml.data.get("usage", USAGE_FILE)), yaml.place("usage"))


def _usage_for(
    project: Config, organization: Organization | None, folder: Path | None
) -> tuple[Path | None, Place | None]:
    """The usage file, and where it is named: the one that the project names; else the one in its folder, else the one
    beside its spendgate.yaml; else the one that its organisation names."""
    if project.usage_place is not None:
        return project.usage, project.usage_place
    own = folder / USAGE_FILE if folder is not None else None
    for file in (own, project.usage):
        if file is not None and file.is_file():
            return file, None
    if organization is not None and organization.usage is not None:
        return organization.usage, organization.yaml.place("usage")
    return project.usage or own, None


def _check_currency(yaml: YamlFile) -> None:
    """Prices are in USD, and nothing here converts them: a report in another currency would be wrong in every line."""
    currency = yaml.data.get("prices", {}).get("currency", "USD")
    if currency != "USD":
        raise InputError(
            f"all prices of the catalogue are in USD, and are not converted to {currency}",
            place=yaml.place("prices", "currency"),
            remedy="Leave it out, or say USD.",
        )


def _max_price_age(yaml: YamlFile | None, organization: Organization | None) -> int | None:
    """Days, or None where no age is too much: the project's word, else that of its organisation, which may lock it."""
    if yaml is not None and organization is not None and (lock := lock_of(organization.yaml)) is not None:
        _refuse_longer(yaml, organization.yaml, lock)
    for file in (yaml, organization.yaml if organization else None):
        text = file.data.get("prices", {}).get("maxAge") if file is not None else None
        if file is not None and text is not None:
            from spendgate.prices.age import days_of

            return days_of(text, file.place("prices", "maxAge"))
    return None


def _refuse_longer(project: YamlFile, organization: YamlFile, lock: Place) -> None:
    from spendgate.prices.age import days_of

    own, given = (file.data.get("prices", {}).get("maxAge") for file in (project, organization))
    if own is None or given is None:
        return
    place = project.place("prices", "maxAge")
    if days_of(own, place) > days_of(given, organization.place("prices", "maxAge")):
        raise InputError(
            f'"{own}" is longer than the "{given}" that the organisation locks at {lock}',
            place=place,
            remedy="Leave it out, or make it shorter.",
        )


def _recorded(data: Mapping[str, Any]) -> tuple[RecordedInvoke, ...]:
    if not data.get("invokes"):
        return ()
    from spendgate.sources.pulumi_program import RecordedInvoke

    return tuple(RecordedInvoke(item["token"], item.get("arguments"), item["result"]) for item in data["invokes"])


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
