"""The budgets that a bill can be held against: of a file of kind Budgets, or of a project and its organisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spendgate import schemas
from spendgate.errors import InputError, Place
from spendgate.yamlfile import YamlFile, read_yaml

if TYPE_CHECKING:
    from spendgate.config.budgets import Budget

_MOST: Final = 1e14
"""The amounts of a bill have fourteen digits before the point."""


@dataclass(frozen=True, slots=True)
class BillBudget:
    """Amounts of a month and of a day for what carries a tag, for environments, or for the whole bill (neither).

    ``unchecked`` says why a bill cannot be held against it.
    """

    name: str
    place: Place
    currency: str = "USD"
    tag: tuple[str, str] | None = None
    environments: tuple[str, ...] = ()
    monthly: Decimal | None = None
    daily: Decimal | None = None
    unchecked: str | None = None


def load_budgets(file: Path | None, folder: Path) -> tuple[BillBudget, ...]:
    """The budgets of ``file``, or without one those of the project in ``folder`` and of its organisation.

    Raises InputError with file, line and column; also where there is no budget that a bill can be held against.
    """
    found = tuple(_of_file(file) if file is not None else _of_project(folder, None))
    place = file or folder
    if not found:
        raise InputError(
            "no budgets are written there", place=place, remedy="Write some under budgets:, or name a file: --budgets."
        )
    if all(budget.unchecked for budget in found):
        raise InputError(
            "none of the budgets can be held against a bill: " + "; ".join(f"{b.name}: {b.unchecked}" for b in found),
            place=place,
            remedy="Give budgets tags or environments, or write a file of kind Budgets: docs/chargeback.md.",
        )
    return found


def _of_file(file: Path) -> Iterator[BillBudget]:
    yaml = read_yaml(file)
    kind = yaml.data.get("kind") if isinstance(yaml.data, dict) else None
    if kind == "Budgets":
        yield from _of_bill(yaml)
    elif kind == "Organization":
        from spendgate.config.organization import load_organization

        yield from _of_stacks(load_organization(file, "--budgets", str(file)).budgets)
    elif kind in (None, "Config"):
        yield from _of_project(None, file)
    else:
        raise InputError(
            f'kind is "{kind}", not "Budgets"',
            place=yaml.place("kind"),
            remedy="--budgets takes a file of kind Budgets, a spendgate.yaml or an organisation file.",
        )


def _of_bill(yaml: YamlFile) -> Iterator[BillBudget]:
    schemas.validate(yaml, "budgets")
    currency = yaml.data.get("currency", "USD")
    for name, body in yaml.data["budgets"].items():
        yield BillBudget(
            name=name,
            place=yaml.key_place("budgets", name),
            currency=currency,
            tag=next(((str(key), str(value)) for key, value in body.get("tags", {}).items()), None),
            environments=tuple(body.get("environments", ())),
            monthly=_amount(body.get("monthly"), yaml.key_place("budgets", name)),
            daily=_amount(body.get("daily"), yaml.key_place("budgets", name)),
        )


def _of_project(folder: Path | None, file: Path | None) -> Iterator[BillBudget]:
    from spendgate.config import load_config

    config = load_config(folder, file=file)
    names = {budget.name for budget in config.budgets}
    given = config.organization.budgets if config.organization else ()
    yield from _of_stacks(config.budgets)
    # A project may say less than its organisation, and cannot lift what is locked.
    yield from _of_stacks(budget for budget in given if budget.locked or budget.name not in names)


def _of_stacks(budgets: Iterable[Budget]) -> Iterator[BillBudget]:
    """Budgets of stacks: a bill knows tags and environments, but not which stack a line is of."""
    for budget in budgets:
        why, place = None, next(iter(budget.places.values()))
        if budget.stacks:
            why = "it is for single stacks, which a bill does not know"
        elif budget.tag is None and not budget.environments:
            why = "it is for each stack, which a bill does not know"
        elif not {"monthlyUsd", "dailyUsd"} & set(budget.amounts):
            why = "it is for single runs, which a bill does not know"
        yield BillBudget(
            name=budget.name,
            place=place,
            tag=budget.tag,
            environments=budget.environments,
            monthly=_amount(budget.amounts.get("monthlyUsd"), place),
            daily=_amount(budget.amounts.get("dailyUsd"), place),
            unchecked=why,
        )


def _amount(written: float | None, place: Place) -> Decimal | None:
    """Raises InputError for an amount that no bill reaches (``.inf``, ``.nan``)."""
    if written is None:
        return None
    if not abs(written) < _MOST:
        raise InputError(f"{written} is no amount of money", place=place, remedy="Leave a budget out to have none.")
    return Decimal(str(written))
