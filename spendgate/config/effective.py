"""Every setting as it holds for one stack, with where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spendgate.config import AllocationFiles, Config
from spendgate.config.discounts import SECTIONS, lock_of, name_of
from spendgate.errors import InputError, Place
from spendgate.rules.guardrail import Layer, Origin, Selected
from spendgate.rules.selection import Pack, library_of, select
from spendgate.yamlfile import YamlFile, read_yaml

_OWN_WAY = frozenset(
    {
        "apiVersion",
        "kind",
        "organization",
        "packs",
        "guardrails",
        "environments",
        "budgets",
        "usage",
        "allocation",
        *SECTIONS,
    }
)
"""Keys whose effective value is more than what one file says; all others are listed as written."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One value by its key (``guardrails.required-tags.enforcement``), and where it comes from."""

    key: str
    value: Any
    origin: Origin


def effective(config: Config, stack: str) -> tuple[Effective, ...]:
    """What holds for a stack: every key of the configuration, and every guardrail that is selected.

    Raises InputErrors as ``select`` does.
    """
    environment = config.environment(stack)
    layers = config.layers(environment.name, stack)
    selection = select(config.packs, layers, library=library_of(config.packs, config.policies))
    return (
        *_files(config),
        Effective("environment", environment.name, Origin(environment.layer, environment.place or Place(""))),
        *(Effective(f"packs.{pack.name}", pack.version, _named(pack, config)) for pack in config.packs),
        *(
            Effective(f"packs.{pack.name}.from", pack.origin, _named(pack, config))
            for pack in config.packs
            if pack.origin
        ),
        *(
            Effective(
                f"environments.{item.name}.stacks", list(item.stacks), Origin(item.layer, item.place or Place(""))
            )
            for item in config.environments
        ),
        *_budgets(config),
        *_terms(config),
        *_usage(config),
        *_allocation(config),
        *(value for item in selection for value in _guardrail(item)),
        *_as_written(config),
    )


def _files(config: Config) -> Iterator[Effective]:
    organization = config.organization
    if organization is None:
        yield Effective("organization", None, Origin(Layer.BUILT_IN, Place("")))
        return
    written = config.yaml is not None and organization.named_by.startswith(config.yaml.path)
    layer = Layer.PROJECT if written else Layer.ORGANIZATION
    place = config.yaml.place("organization") if written and config.yaml else Place("")
    yield Effective("organization", organization.yaml.path, Origin(layer, place, organization.named_by))


def _named(pack: Pack, config: Config) -> Origin:
    """Who names a pack: the project, its organisation, the command, or nobody."""
    for layer, packs, yaml in (
        (Layer.PROJECT, config.own_packs, config.yaml),
        (Layer.ORGANIZATION, config.organization.packs if config.organization else (), _organization_file(config)),
    ):
        if yaml is not None and pack in packs:
            return Origin(layer, yaml.place("packs", packs.index(pack)))
    return Origin(Layer.BUILT_IN, Place(""))


def _organization_file(config: Config) -> YamlFile | None:
    return config.organization.yaml if config.organization else None


def _budgets(config: Config) -> Iterator[Effective]:
    given = config.organization.budgets if config.organization else ()
    for budget in (*config.budgets, *given):
        scope = {"environments": budget.environments, "stacks": budget.stacks}
        for key, amount in budget.amounts.items():
            value = {"amount": amount, **{name: list(part) for name, part in scope.items() if part}}
            locked_at = budget.places[key] if budget.locked else None
            origin = Origin(budget.layer, budget.places[key], locked_at=locked_at)
            yield Effective(f"budgets.{budget.name}.{key}", value, origin)


def _terms(config: Config) -> Iterator[Effective]:
    """Discounts and commitments in the order in which they are asked: the project's, then its organisation's."""
    lock = lock_of(_organization_file(config))
    for section in SECTIONS:
        for layer, yaml in ((Layer.PROJECT, config.yaml), (Layer.ORGANIZATION, _organization_file(config))):
            for index, item in enumerate(yaml.data.get(section, ()) if yaml is not None else ()):
                value = {key: part for key, part in item.items() if key != "name"}
                origin = Origin(layer, yaml.place(section, index) if yaml else Place(""), locked_at=lock)
                yield Effective(f"{section}.{name_of(section, index, item)}", value, origin)


def _usage(config: Config) -> Iterator[Effective]:
    """The usage file that is read, where there is one."""
    file, named = config.usage, config.usage_place
    if file is None or (named is None and not file.is_file()):
        return
    own = named is None or (config.yaml is not None and "usage" in config.yaml.data)
    shown = _from_here(file)
    yield Effective("usage", shown, Origin(Layer.PROJECT if own else Layer.ORGANIZATION, named or Place(shown)))


def _allocation(config: Config) -> Iterator[Effective]:
    """Who pays: the rules in their order, and the table of each driver, whether the settings or the rules name it."""
    if config.allocation is None or config.yaml is None:
        return
    yaml, found = config.yaml, config.yaml.data["allocation"]
    named = found if isinstance(found, dict) else {"rules": found}
    at = ("allocation", "rules") if isinstance(found, dict) else ("allocation",)
    several = isinstance(named["rules"], list)
    for index, rules in enumerate(config.allocation.rules):
        place = yaml.place(*at, index) if several else yaml.place(*at)
        key = f"allocation.rules.{index}" if several else "allocation.rules"
        shown = _from_here(rules) if isinstance(rules, Path) else rules
        yield Effective(key, shown, Origin(Layer.PROJECT, place))
    tables = dict(_tables_of_rules(config.allocation))
    for name, file in config.allocation.drivers.items():
        tables[name] = (file, yaml.place("allocation", "drivers", name))
    for name, (file, place) in sorted(tables.items()):
        yield Effective(f"allocation.drivers.{name}", _from_here(file), Origin(Layer.PROJECT, place))


def _tables_of_rules(allocation: AllocationFiles) -> Iterator[tuple[str, tuple[Path, Place]]]:
    """The tables that rules name, beside themselves. What is wrong with rules is told by whoever applies them."""
    for rules in (one for one in allocation.rules if isinstance(one, Path)):
        try:
            yaml = read_yaml(rules)
            for name, driver in yaml.data.get("drivers", {}).items():
                if "file" in driver:
                    yield name, (rules.parent / str(driver["file"]), yaml.place("drivers", name, "file"))
        except (InputError, AttributeError, TypeError):
            continue


def _from_here(path: Path) -> str:
    """A path as one names it in the working directory."""
    path, here = Path(os.path.abspath(path)), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _guardrail(item: Selected) -> Iterator[Effective]:
    guardrail = item.guardrail
    built_in = Origin(Layer.BUILT_IN, guardrail.place)
    prefix = f"guardrails.{guardrail.name}"
    yield Effective(f"{prefix}.selected", True, item.selected_by or built_in)
    yield Effective(f"{prefix}.enforcement", str(item.enforcement), item.level_from or built_in)
    for name in guardrail.params:
        yield Effective(f"{prefix}.params.{name}", item.params.get(name), item.params_from.get(name, built_in))


def _as_written(config: Config) -> Iterator[Effective]:
    """All other keys: the project's word, else that of its organisation."""
    seen: set[str] = set()
    lock = lock_of(_organization_file(config))
    for layer, yaml in ((Layer.PROJECT, config.yaml), (Layer.ORGANIZATION, _organization_file(config))):
        if yaml is None:
            continue
        for path, value in _leaves({key: part for key, part in yaml.data.items() if key not in _OWN_WAY}):
            if (key := ".".join(path)) not in seen:
                seen.add(key)
                locked_at = lock if key == "prices.maxAge" else None
                yield Effective(key, value, Origin(layer, yaml.key_place(*path), locked_at=locked_at))


def _leaves(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value
