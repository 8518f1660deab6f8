"""What children cost before they exist, by the same facts, prices and arithmetic as ``spendgate check``."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, TypedDict

import pulumi

from spendgate.estimate.discounts import Discount, Term
from spendgate.estimate.model import Estimate, Range
from spendgate.estimate.today import estimate_today
from spendgate.estimate.usage import NONE as NO_USAGE
from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate_components.child import Child, declared
from spendgate_components.errors import ArgumentError

_CENT = Decimal("0.01")


class CostRange(TypedDict):
    """US dollars, rounded to the cent."""

    low: float
    """At the smallest size and the lowest price."""
    expected: float
    """At the expected size and price."""
    high: float
    """At the largest size and the highest price."""


class EstimatedCost(TypedDict):
    """What the children of a component cost, as ``spendgate check`` estimates them."""

    hourly: CostRange
    """While it runs."""
    daily: CostRange
    """The burn of a day."""
    monthly: CostRange
    """A month of 730 hours."""
    run: CostRange | None
    """One run, where there are runs."""
    currency: str
    """USD."""
    unpriced: list[str]
    """What has no price, and why: the figures are without it."""
    assumptions: list[str]
    """What the figures rest on."""


SETTINGS: Final = "spendgate:settings"
"""The setting of a stack that names the folder whose prices and discounts hold; relative to the program's folder."""

VARIABLE: Final = "SPENDGATE_PROJECT"
"""The same as an environment variable, which policy packs read as well."""


def root_directory() -> Path:
    """The folder whose prices and discounts hold: the one that the stack's configuration names, or the environment
    variable, else that of the program. Raises ArgumentError where what is named is no folder."""
    package, key = SETTINGS.split(":")
    named, by = pulumi.Config(package).get(key), SETTINGS
    if not named:
        named, by = os.environ.get(VARIABLE), VARIABLE
    folder = _program_directory()
    if not named:
        return folder
    found = folder / Path(named).expanduser()
    found = found.parent if found.is_file() else found
    if not found.is_dir():
        remedy = "Write the folder of a spendgate.yaml or of .spendgate/prices, relative to the program's folder."
        raise ArgumentError(f'{by} is "{named}", and {found} is no folder', remedy=remedy)
    return found


def _program_directory() -> Path:
    """The folder of the program's Pulumi.yaml; where Pulumi does not say it, as to a component provider, the working
    directory: the engine starts plugins where the program lies."""
    try:
        return Path(pulumi.get_root_directory())
    except Exception:  # the SDK raises a plain Exception where there is none
        return Path.cwd()


def catalogue_of_project() -> Catalogue:
    """The prices that hold for the program's project: the built-in ones, with refreshed and its own over them."""
    return Catalogue.of_project(root_directory())


@lru_cache(maxsize=8)
def _discounts(root: Path) -> tuple[Term, ...]:
    """The percentages that the project's spendgate.yaml takes off. What is committed to is shared by all that the
    stack declares, so a component cannot tell what of it is its own."""
    from spendgate.config import load_config

    return tuple(term for term in load_config(root).discounts if isinstance(term, Discount))


def estimate_children(children: Sequence[Child], catalogue: Catalogue, name: str = "component") -> Estimate:
    """The estimate of the children alone, by the discounts of the project (spendgate.yaml) that are in force."""
    workloads = facts_of(declared(children, name, "project", "stack"), catalogue)
    return estimate_today(workloads, catalogue, NO_USAGE, _discounts(root_directory()), datetime.now(UTC))


def shown(estimate: Estimate, notes: Sequence[str] = ()) -> EstimatedCost:
    """An estimate as a component's output."""
    total = estimate.total
    told = [*notes, *estimate.cautions, *(text for line in estimate.lines for text in line.assumptions)]
    run = total.run
    return EstimatedCost(
        hourly=_range(total.hourly),
        daily=_range(total.daily),
        monthly=_range(total.monthly),
        run=None if run is None else _range(run),
        currency=estimate.currency,
        unpriced=unpriced_of(estimate),
        assumptions=list(dict.fromkeys([*told, *estimate.assumptions])),
    )


def unpriced_of(estimate: Estimate) -> list[str]:
    """What has no price, and why."""
    lines = (
        f"{line.item}: {line.quote.reason}{f' ({line.quote.note})' if line.quote.note else ''}"
        for line in estimate.unpriced
    )
    return list(dict.fromkeys(lines))


def _range(bounds: Range) -> CostRange:
    low, expected, high = (float(bound.quantize(_CENT, ROUND_HALF_EVEN)) for bound in bounds.bounds)
    return CostRange(low=low, expected=expected, high=high)


def refuse_above(
    estimate: Estimate,
    *,
    max_monthly_cost: float | None = None,
    max_cost_per_run: float | None = None,
    approval: str | None = None,
    beside: Decimal = Decimal(0),
) -> None:
    """Refuse what may cost more than its limit, unless an approval is named. Raises ArgumentError.

    A limit is held against the high bound: everything at its largest size. ``beside`` is what a month may cost at most
    that no line holds (nodes that something else starts). What has no price is above every limit.
    """
    total = estimate.total
    for name, limit, high, of in (
        ("max_monthly_cost", max_monthly_cost, total.monthly.high + beside, "a month"),
        ("max_cost_per_run", max_cost_per_run, total.run.high if total.run else None, "a run"),
    ):
        if limit is None:
            continue
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit < float("inf"):
            raise ArgumentError(f"{name} is {limit!r}", remedy="Write an amount in US dollars, such as 2500.")
        if approval is not None:
            continue
        if estimate.unpriced:
            what = "; ".join(unpriced_of(estimate))
            remedy = 'Choose what has a price, add yours to the catalogue, or name an approval: approval="FIN-42".'
            raise ArgumentError(f"{name} is ${limit:,.2f}, and there is no price of {what}", remedy=remedy)
        if high is not None and high > Decimal(str(limit)):
            remedy = f'Make it smaller, raise {name}, or name an approval: approval="FIN-42".'
            raise ArgumentError(f"{of} costs up to ${high:,.2f}, and {name} is ${limit:,.2f}", remedy=remedy)
