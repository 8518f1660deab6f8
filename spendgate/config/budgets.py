"""Budgets by name: written once, they become the parameters of the budget guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

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

BY_TAG: Final = ("tag-budgets", "monthly_usd")
"""What monthly amounts of teams, models and the like feed: a mapping by tag key and value."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Amounts in US dollars for the stacks of some environments, or for some stacks (names or globs); for all where it
    names neither. ``amounts`` are by key (see ``FEEDS``), ``places`` where each amount is written. With a ``tag`` (key
    and value) it is for what carries the tag alone."""

    name: str
    environments: tuple[str, ...]
    stacks: tuple[str, ...]
    amounts: Mapping[str, float]
    places: Mapping[str, Place]
    environment_places: tuple[Place, ...] = ()
    layer: Layer = Layer.PROJECT
    locked: bool = False
    tag: tuple[str, str] | None = None

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
            tag=next(((str(key), str(value)) for key, value in body.get("tags", {}).items()), None),
        )
        for name, body in yaml.data.get("budgets", {}).items()
    )


def settings_of(
    budgets: Iterable[Budget],
    environment: str,
    stack: str | None,
    selected: Iterable[str],
    under: Iterable[Budget] = (),
) -> tuple[Setting, ...]:
    """What the budgets of one file set for a stack of an environment: for each amount, the first budget that holds.

    ``selected`` are the guardrails that apply anyway: the month of a whole environment feeds ``environment-budget``
    where that is among them, and else ``monthly-stack-budget``, which it adds. ``under`` are the budgets of the file
    below: those for tags stay, but for the ones that this file names too.
    """
    names = set(selected)
    held = tuple(item for item in budgets if item.holds(environment, stack))
    settings = list(_tag_setting(held, [item for item in under if item.holds(environment, stack)]))
    for key, (guardrail, param) in FEEDS.items():
        budget = next((item for item in held if key in item.amounts and item.tag is None), None)
        if budget is None:
            continue
        whole = key == "monthlyUsd" and not budget.stacks and BY_ENVIRONMENT[0] in names
        if whole:
            settings.append(_setting(budget, key, *BY_ENVIRONMENT, {environment: budget.amounts[key]}))
        if not whole or guardrail in names:
            settings.append(_setting(budget, key, guardrail, param, budget.amounts[key]))
    return tuple(settings)


def _tag_setting(budgets: Sequence[Budget], under: Sequence[Budget]) -> Iterator[Setting]:
    """What the budgets for tags set, in one parameter."""
    own = [item for item in budgets if item.tag is not None]
    amounts: dict[str, dict[str, float]] = {}
    for item in (*own, *under):
        if item.tag is not None and "monthlyUsd" in item.amounts:
            amounts.setdefault(item.tag[0], {}).setdefault(item.tag[1], item.amounts["monthlyUsd"])
    if not own or not amounts:
        return
    made = _setting(own[0], "monthlyUsd", *BY_TAG, amounts)
    locked = any(item.locked for item in own)
    yield replace(made, name=f"budget {', '.join(item.name for item in own)}", locked=locked, ceilings=locked)


def _setting(budget: Budget, key: str, guardrail: str, param: str, value: float | Mapping[str, Any]) -> Setting:
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
            written.setdefault(BY_TAG if budget.tag else FEEDS[key], place)
            if key == "monthlyUsd" and not budget.tag:
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


def wrong_amounts(budgets: Iterable[Budget]) -> list[InputError]:
    """Amounts of days and runs that a budget for a tag names: those are of stacks, and nobody would ask for them."""
    return [
        InputError(
            f'the budget "{budget.name}" is for what carries a tag, and of that the month is asked alone: {key}',
            place=place,
            remedy="Write it as monthlyUsd, or in a budget without tags.",
        )
        for budget in budgets
        for key, place in budget.places.items()
        if budget.tag is not None and key != "monthlyUsd"
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
