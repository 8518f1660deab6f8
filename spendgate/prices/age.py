"""How old the prices behind an estimate are: a price list of last year is no price."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from spendgate.errors import InputError, Place
from spendgate.prices.model import Quote
from spendgate.prices.private import first_day

_DAYS = re.compile(r"([1-9]\d{0,4})d")


def days_of(text: str, place: Place | None = None) -> int:
    """``180d`` as a number of days. Raises InputError for anything else."""
    found = _DAYS.fullmatch(text)
    if found is None:
        raise InputError(f'"{text}" is no number of days', place=place, remedy="Write it as 180d.")
    return int(found[1])


def max_age_of_project(folder: Path) -> int | None:
    """The ``prices.maxAge`` that holds for a folder, in days: the project's word, else that of its organisation.

    A file that does not name it is not parsed: asking for a price has to be quick. Raises InputError where it is no
    number of days, or an organisation file is named that does not exist.
    """
    file = _project_file(folder)
    own = None if file is None else _max_age_in(file)
    if own is not None or not _may_have_organization(file):
        return own
    from spendgate.config.organization import find_organization
    from spendgate.yamlfile import read_yaml

    found = find_organization(None if file is None else read_yaml(file), folder if file is None else file.parent)
    return None if found is None else _max_age_in(found[0])


def _project_file(folder: Path) -> Path | None:
    for candidate in (folder.resolve(), *folder.resolve().parents):
        if (candidate / "spendgate.yaml").is_file():
            return candidate / "spendgate.yaml"
        if (candidate / ".git").exists():
            return None
    return None


def _may_have_organization(file: Path | None) -> bool:
    """Whether anything hints at an organisation file; only then its rules are loaded (they import much)."""
    if os.environ.get("SPENDGATE_ORGANIZATION") or (file is not None and b"organization" in file.read_bytes()):
        return True
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", ""), ".config")
    return os.path.isdir(os.path.join(home, "spendgate"))


def _max_age_in(path: Path) -> int | None:
    if b"maxAge" not in path.read_bytes():
        return None
    from spendgate.yamlfile import read_yaml

    file = read_yaml(path)
    prices = file.data.get("prices") if isinstance(file.data, dict) else None
    text = prices.get("maxAge") if isinstance(prices, dict) else None
    return None if text is None else days_of(str(text), file.place("prices", "maxAge"))


def old_price_note(quotes: Iterable[Quote], max_age: int, today: date) -> str | None:
    """One sentence that names each price older than ``max_age`` days; None where none is.

    A date that is a month or a year counts from its first day: the price may be as old as that.
    """
    old: dict[str, dict[str, None]] = {}
    for quote in quotes:
        if quote.amount is not None and (age := age_of(quote, today)) is not None and age > max_age:
            old.setdefault(quote.as_of, {})[f"{quote.item} {quote.purchase.replace('_', ' ')}, {quote.region}"] = None
    if not old:
        return None
    parts = [f"{'; '.join(names)} (as of {as_of})" for as_of, names in sorted(old.items())]
    return f"prices older than {max_age} days, so look them up again: {'; '.join(parts)}"


def age_of(quote: Quote, today: date) -> int | None:
    """Days since the price was true; None where it has no date."""
    try:
        return (today - first_day(quote.as_of)).days
    except ValueError:
        return None


def is_fresh(quote: Quote, max_age: int | None, today: date) -> bool:
    """Whether a price is no older than so many days; with a limit, one without a date is not."""
    if max_age is None:
        return True
    age = age_of(quote, today)
    return age is not None and age <= max_age
