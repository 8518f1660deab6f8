"""A list of several hundred megabytes is read in the memory of a small one."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal

from spendgate.prices.refresh.aws import _Offer
from spendgate.prices.refresh.progress import Progress
from spendgate.prices.refresh.transport import Client
from tests.prices.refresh.lists import aws_rows, offer_head, offer_row
from tests.prices.refresh.server import Answer, PriceServer, repeated

SIZE = 200 << 20


def test_an_offer_file_of_200_megabytes_takes_a_few_megabytes(server: PriceServer):
    noise = [offer_row("g5.xlarge", "2.5", "us-east-1", Operating_System="Windows") for _ in range(1000)]
    noise += aws_rows("us-east-1")  # the same prices over and over: rows that count are among them
    chunk = "".join(noise).encode()
    sent = 0

    def body() -> object:
        nonlocal sent
        for part in repeated(offer_head().encode(), chunk, SIZE, b""):
            sent += len(part)
            yield part

    server.answers["/offer.csv"] = Answer(stream=body)  # type: ignore[arg-type]
    client = Client(Progress(quiet=True))
    tracemalloc.start()
    try:
        listing = _Offer("us-east-1", "1").read(client, f"{server.url}/offer.csv")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent > SIZE * 0.99
    assert Decimal(listing.rates["g5.xlarge"].on_demand) == Decimal("1.006")
    assert peak < 16 << 20, f"{peak / 1e6:.0f} MB"
