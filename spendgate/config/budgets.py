"""Budgets by name: written once, they become the parameters of the budget guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from spendgate.errors import InputError, Place, did_you_mean
from spendgate.rules.guardrail import Layer
from spendgate.rules.selection import Setting
from spendgate.yamlfile import YamlFile

FEEDS: Final = {
    "monthlyUsd": ("monthly-stack-budget", "monthly_usd"),
    "dailyUsd": ("daily-burn", "daily_usd"),
    "runUsd": ("run-budget", "run_usd"),
}
"""The guardrail and its parameter that an amount feeds."""

BY_ENVIRONMENT: Final = ("environment-budget", "monthly_usd")
"""What monthly amounts of whole environments feed, where it is selected: a mapping by environment."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Amounts in US dollars for the stacks of some environments, or for some stacks (names or globs); for all where it
    names neither. ``amounts`` are by key (see ``FEEDS``), ``places`` where each amount is written."""

    name: str
    environments: tuple[str, ...]
    stacks: tuple[str, ...]
    amounts: Mapping[str, float]
    places: Mapping[str, Place]
    environment_places: tuple[Place, ...] = ()
    layer: Layer = Layer.PROJECT
    locked: bool = False

    def holds(self, environment: str, stack: str | None) -> bool:
        """Whether a stack of the environment is under this budget; no stack stands for one that no glob names."""
        if self.environments and environment not in self.environments:
            return False
        return not self.stacks or (stack is not None and any(fnmatchcase(stack, glob) for glob in self.stacks))


def budgets_from(yaml: YamlFile, layer: Layer) -> tuple[Budget, ...]:
    """The budgets of one file, in order."""
    return tuple(
        Budget(
            name=name,
            environments=tuple(body.get("environments", ())),
            stacks=tuple(body.get("stacks", ())),
            amounts={key: body[key] for key in FEEDS if key in body},
            places={key: yaml.key_place("budgets", name, key) for key in FEEDS if key in body},
            environment_places=tuple(
                yaml.place("budgets", name, "environments", index) for index in range(len(body.get("environments", ())))
            ),
            layer=layer,
            locked=body.get("locked", False),
        )
        for name, body in yaml.data.get("budgets", {}).items()
    )


def settings_of(
    budgets: Iterable[Budget], environment: str, stack: str | None, selected: Iterable[str]
) -> tuple[Setting, ...]:
    """What the budgets of one file set for a stack of an environment: for each amount, the first budget that holds.

    ``selected`` are the guardrails that apply anyway: the month of a whole environment feeds ``environment-budget``
    where that is among them, and else ``monthly-stack-budget``, which it adds.
    """
    budgets, names = tuple(budgets), set(selected)
    settings = []
    for key, (guardrail, param) in FEEDS.items():
        budget = next((item for item in budgets if key in item.amounts and item.holds(environment, stack)), None)
        if budget is None:
            continue
        whole = key == "monthlyUsd" and not budget.stacks and BY_ENVIRONMENT[0] in names
        if whole:
            settings.append(_setting(budget, key, *BY_ENVIRONMENT, {environment: budget.amounts[key]}))
        if not whole or guardrail in names:
            settings.append(_setting(budget, key, guardrail, param, budget.amounts[key]))
    return tuple(settings)


def _setting(budget: Budget, key: str, guardrail: str, param: str, value: float | Mapping[str, float]) -> Setting:
    place = budget.places[key]
    return Setting(
        guardrail,
        place,
        params={param: value},
        param_place=lambda _: place,
        layer=budget.layer,
        name=f"budget {budget.name}",
        locked=budget.locked,
        ceilings=budget.locked,
    )


def said_twice(budgets: Iterable[Budget], settings: Iterable[Setting]) -> list[InputError]:
    """Amounts that one file writes under budgets and as a parameter too: which of them holds would be a guess."""
    written: dict[tuple[str, str], Place] = {}
    for budget in budgets:
        for key, place in budget.places.items():
            written.setdefault(FEEDS[key], place)
            if key == "monthlyUsd":
                written.setdefault(BY_ENVIRONMENT, place)
    return [
        InputError(
            f'"{param}" of "{setting.guardrail}" is written twice: under budgets at '
            f"{written[setting.guardrail, param]}, and here",
            place=setting.param_place(param),
            remedy="Keep one of them.",
        )
        for setting in settings
        for param in setting.params
        if (setting.guardrail, param) in written
    ]


def unknown_environments(budgets: Iterable[Budget], known: Iterable[str]) -> list[InputError]:
    """Environments that a budget names and nobody defines: a budget that would never hold."""
    names = list(known)
    return [
        InputError(
            f'the budget "{budget.name}" names no environment that there is: "{name}"',
            place=place,
            remedy=did_you_mean(name, names) or f"There are: {', '.join(names)}.",
        )
        for budget in budgets
        for name, place in zip(budget.environments, budget.environment_places, strict=True)
        if name not in names
    ]
