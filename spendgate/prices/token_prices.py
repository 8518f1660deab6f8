"""Prices of models by the token: ``models/<provider>.csv`` of the catalogue, per million tokens."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from spendgate.prices.model import NoPrice, Purchase, Quote
from spendgate.prices.naming import nearest
from spendgate.prices.tables import Layers, Row

if TYPE_CHECKING:
    from spendgate.prices.catalogue import Catalogue

UNIT = "million tokens"


class Direction(StrEnum):
    """Which tokens are priced; also the name of the column."""

    INPUT = "input"
    CACHED = "cached_input"
    OUTPUT = "output"


def token_quote(catalogue: Catalogue, provider: str, model: str, region: str | None, direction: Direction) -> Quote:
    """The price of a million tokens of one model, or why there is none.

    A row without a region holds in every region of which no row says otherwise.
    """
    item = f"{model} {direction.replace('_', ' ')}"
    rows = model_rows(catalogue, provider)
    row = rows.get((model, region or "")) or rows.get((model, ""))

    def unpriced(note: str) -> Quote:
        return Quote(provider, item, region, Purchase.ON_DEMAND, UNIT, None, "", "", reason=NoPrice.UNPRICED, note=note)

    if row is None:
        providers = Layers(catalogue.store.directories).files("models")
        if provider not in providers:
            return unpriced(f"token prices are known of {', '.join(providers)}")
        near = nearest(model, {name for name, _ in rows})
        return unpriced(
            f'no token price of "{model}" is in the catalogue' + (f'; did you mean "{near}"?' if near else "")
        )
    if not row[direction]:
        return unpriced(f"no price of {direction.replace('_', ' ')} tokens is published")
    return Quote(
        provider,
        item,
        region,
        Purchase.ON_DEMAND,
        UNIT,
        Decimal(row[direction]),
        row["source"],
        row["as_of"],
        currency=row["currency"],
        note=row.get("note", ""),
        private="layer" in row,
    )


def model_rows(catalogue: Catalogue, provider: str) -> dict[tuple[str, str], Row]:
    """The rows of one provider by model and region, those of the user's own catalogue winning."""
    columns = ("model", "region", *(str(direction) for direction in Direction), "currency", "source", "as_of")
    rows = Layers(catalogue.store.directories).rows(f"models/{provider}.csv", columns)
    return {(row["model"], row["region"]): row for row in rows}
