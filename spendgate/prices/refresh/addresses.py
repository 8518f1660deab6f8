"""Where the lists are, and how to have them read from elsewhere (a mirror, a test)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from spendgate.errors import InputError, did_you_mean

PUBLIC: Final[Mapping[str, str]] = {
    "aws": "https://pricing.us-east-1.amazonaws.com",
    # The feed behind aws.amazon.com/ec2/spot/pricing; its predecessor (spot-price.s3.amazonaws.com/spot.js) has not
    # moved since 2024-05-13.
    "aws-spot": "https://website.spot.ec2.aws.a2z.com/spot.json",
    "gcp": "https://cloudbilling.googleapis.com",
    "azure": "https://prices.azure.com/api/retail/prices",
    "gpuhunt": "https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com/v3",
}


def variable(name: str) -> str:
    """The environment variable that gives a list's address."""
    return f"SPENDGATE_{name.upper().replace('-', '_')}_PRICES_URL"


def addresses(given: Iterable[str] = ()) -> dict[str, str]:
    """Each list's address: ``NAME=URL`` as given, else its environment variable, else the public one.

    Raises InputError for an unknown name and for what is no address.
    """
    found = {name: os.environ.get(variable(name)) or public for name, public in PUBLIC.items()}
    for text in given:
        name, equals, url = text.partition("=")
        if not equals or name not in PUBLIC:
            remedy = did_you_mean(name, PUBLIC) or f"Lists are {', '.join(PUBLIC)}."
            raise InputError(f'no list "{name}": an address is given as NAME=URL', remedy=remedy)
        found[name] = url
    for name, url in found.items():
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f'"{url}" is no address for {name}', remedy="It begins with https://.")
        found[name] = url.rstrip("/")
    return found
