"""May a staged catalogue take the place of the one in force? The integrity tests, and what has changed too much."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import CHECKS, Problem, impossible_commitments, problems, wrong_counts, wrong_counts_of
from spendgate.prices.refresh.listing import Listing, Rate
from spendgate.prices.refresh.staging import Staged
from spendgate.prices.store import Store

MOVED: Final = 4
"""A price that is so many times what it was, or that part of it, is taken for a slip of the list until somebody looks:
the largest cut known of a provider's list is 44% (AWS P4 and P5, June 2025)."""

_FEW = 10  # a share of so few types says nothing


@dataclass(frozen=True, slots=True)
class Objection:
    """Why not. ``final``: the catalogue could not be read; no option lets it pass."""

    message: str
    final: bool = False


def objections(staged: Staged, listings: Collection[Listing], store: Store, own: Path | None) -> Iterator[Objection]:
    """Everything that speaks against a staged catalogue. ``store`` is the catalogue in force, without private prices,
    ``own`` the user's directory that lies over both."""
    for listing in listings:
        yield from _older(listing, store)
        yield from _moved(listing, store)
    for (provider, region), (before, now) in staged.counts.items():
        if before >= _FEW and now * 2 < before:
            yield Objection(f"{provider} {region}: {now} types, where there were {before}")
    found = list(_problems(Catalogue.layered(staged.path, own, private=False), listings))
    known = (
        {problem.message for problem in _problems(Catalogue.layered(staged.before, own, private=False), listings)}
        if found
        else set()
    )
    for problem in found:
        if problem.message not in known:
            yield Objection(problem.message, final=problem.unreadable)


def _problems(catalogue: Catalogue, listings: Iterable[Listing]) -> Iterator[Problem]:
    """The integrity tests. A band is for the cheapest region, so it is asked of the types that are in the lists: one
    that is gone from its cheapest region costs more than before, and nothing is wrong with that."""
    special = (wrong_counts, impossible_commitments)
    yield from problems(catalogue, [check for check in CHECKS if check not in special])
    # Of commitments those of the list: a built-in one of another day may well be above on-demand after a price cut.
    yield from (problem for problem in impossible_commitments(catalogue) if problem.place is not None)
    names = {(listing.provider, item) for listing in listings for item in listing.rates}
    types = (catalogue.instance(provider, name) for provider, name in sorted(names))
    yield from wrong_counts_of(catalogue, (one for one in types if one is not None))


def _older(listing: Listing, store: Store) -> Iterator[Objection]:
    before = store.sources().get(listing.origin.id)
    if before is not None and before.as_of > listing.origin.as_of:
        yield Objection(
            f"{listing.provider} {listing.region}: the list is of {listing.origin.as_of}, "
            f"the one in force of {before.as_of}"
        )


def _moved(listing: Listing, store: Store) -> Iterator[Objection]:
    for item, rate in listing.rates.items():
        row = store.listed(listing.provider, item).get(listing.region)
        before = store.price(row).on_demand if row else None
        if before is not None and _far(rate, before):
            yield Objection(f"{item} in {listing.region} costs {rate.on_demand}, before {before:f}: is it a price?")


def _far(rate: Rate, before: Decimal) -> bool:
    return bool(rate.on_demand) and not before / MOVED <= Decimal(rate.on_demand) <= before * MOVED
