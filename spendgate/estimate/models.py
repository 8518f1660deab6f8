"""Cost lines of models that are priced by the token: million tokens a month × the published price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from spendgate.estimate.lines import monthly_line
from spendgate.estimate.model import EXACT, Confidence, CostLine, LineKind
from spendgate.estimate.running import exactly
from spendgate.estimate.usage import ModelUse
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.token_prices import Direction, token_quote

_MILLION = Decimal(1_000_000)


def model_lines(model: ModelUse, catalogue: Catalogue) -> list[CostLine]:
    """A line each for what is read, read from a cache, and written. Input that is cached costs the full price where no
    price of cached input is published."""
    cached = EXACT.multiply(model.input_tokens.value, model.cached)
    parts = (
        (Direction.INPUT, EXACT.subtract(model.input_tokens.value, cached), model.input_tokens.origin),
        (Direction.CACHED, cached, model.input_tokens.origin),
        (Direction.OUTPUT, model.output_tokens.value, model.output_tokens.origin),
    )
    lines = []
    for direction, tokens, origin in parts:
        if not tokens:
            continue
        quote = token_quote(catalogue, model.provider, model.model, model.region, direction)
        told = [f"{tokens.normalize():,f} tokens a month (usage file: {origin})"]
        if direction is Direction.CACHED:
            told.append(f"{model.cached.normalize():%} of the input is read from a cache")
            if quote.amount is None:
                instead = token_quote(catalogue, model.provider, model.model, model.region, Direction.INPUT)
                if instead.amount is not None:
                    quote = instead
                    told.append("no price of cached input is published: counted in full")
        millions = exactly(EXACT.divide(tokens, _MILLION))
        line = monthly_line(quote, millions, told, Confidence.DERIVED, LineKind.TOKENS)
        lines.append(replace(line, resource=f"model {model.name}"))
    return lines
