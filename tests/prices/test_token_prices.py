"""Prices by the token: the data is sound, and what is missing is told with its reason."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice
from spendgate.prices.private import first_day
from spendgate.prices.tables import BUILTIN, read_table
from spendgate.prices.token_prices import Direction, model_rows, token_quote

FILES = sorted((BUILTIN / "models").glob("*.csv"))
CATALOGUE = Catalogue.builtin()
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_row_has_source_and_date_and_stands_once(file: Path):
    rows = read_table(file, ("model", "region", "input", "cached_input", "output", "as_of", "source", "currency"))
    assert len({(row["model"], row["region"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["source"], row
        assert first_day(row["as_of"]), row
        assert row["currency"] == "USD"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_cached_input_is_cheaper_than_input_and_input_than_output(file: Path):
    for row in read_table(file, ()):
        read, written = Decimal(row["input"]), Decimal(row["output"])
        assert 0 < read < 200, row
        assert written == 0 or read <= written < 1000, row  # an embedding writes nothing
        if row["cached_input"]:
            assert 0 < Decimal(row["cached_input"]) < read, row


def test_a_model_is_quoted_by_direction():
    amounts = {direction: token_quote(CATALOGUE, "bedrock", HAIKU, "us-east-1", direction) for direction in Direction}
    assert {str(direction): quote.amount for direction, quote in amounts.items()} == {
        "input": Decimal(1),
        "cached_input": Decimal("0.1"),
        "output": Decimal(5),
    }
    assert {quote.unit for quote in amounts.values()} == {"million tokens"}


def test_an_unknown_provider_is_told_with_those_that_are_known():
    quote = token_quote(CATALOGUE, "bedrok", HAIKU, None, Direction.INPUT)
    assert quote.reason is NoPrice.UNPRICED
    assert "bedrock" in quote.note


def test_a_row_of_ones_own_wins_and_holds_for_its_region(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bedrock.csv").write_text(
        "model,region,input,cached_input,output,currency,source,as_of\n"
        f"{HAIKU},eu-west-1,0.5,,2,USD,contract 1,2026-11-01\n",
        encoding="utf-8",
    )
    catalogue = Catalogue.with_user(tmp_path)
    own = token_quote(catalogue, "bedrock", HAIKU, "eu-west-1", Direction.INPUT)
    assert (own.amount, own.private) == (Decimal("0.5"), True)
    assert token_quote(catalogue, "bedrock", HAIKU, "us-east-1", Direction.INPUT).amount == 1
    assert (HAIKU, "") in model_rows(catalogue, "bedrock")
