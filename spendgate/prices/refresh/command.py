"""``spendgate prices refresh``: read, stage, judge, swap. Each provider by itself, so that the fault of one list does
not keep the others from being read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spendgate.errors import InputError, did_you_mean, raise_together
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.naming import PROVIDERS
from spendgate.prices.private import find_folder
from spendgate.prices.refresh.addresses import addresses
from spendgate.prices.refresh.checkpoint import Checkpoints
from spendgate.prices.refresh.judging import objections
from spendgate.prices.refresh.listing import Listing
from spendgate.prices.refresh.progress import Progress
from spendgate.prices.refresh.staging import Staged, discard, edited, locked, stage, swap
from spendgate.prices.refresh.transport import Client
from spendgate.prices.refreshed import current, refreshed_folder_for
from spendgate.prices.tables import shown

KEY: Final = "GOOGLE_API_KEY"
_SHOWN: Final = 12  # objections that are named before the rest is counted


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``providers`` and ``regions``: all where empty. ``source``: ``provider`` for the providers'
    own lists, or ``gpuhunt``. ``replace`` takes a list over although something speaks against it."""

    providers: Sequence[str] = ()
    regions: Sequence[str] = ()
    source: str = "provider"
    urls: Sequence[str] = ()
    into: Path | None = None
    key_file: Path | None = None
    spot: bool = True
    replace: bool = False
    client: Client = field(default_factory=lambda: Client(Progress()))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What was done for one provider: where it is now, how many types of how many regions, and what was overruled."""

    provider: str
    path: Path
    regions: int
    types: int
    notes: tuple[str, ...]
    overruled: tuple[str, ...]


def refresh(request: Request, start: Path) -> Iterator[Refreshed]:
    """Refresh each provider in turn.

    Raises InputError before anything is read for a request that cannot be met, and after all providers (InputErrors
    where several failed) for the faults that kept a catalogue as it was. An interrupt leaves it as it was, too.
    """
    providers = _providers(request)
    urls = addresses(request.urls)
    folder = (request.into or refreshed_folder_for(start)).absolute()
    failed: list[InputError] = []
    with locked(folder):
        changed = edited(folder)
        if changed and not request.replace:
            raise InputError(
                f"was changed by hand, and would be lost{_more(len(changed) - 1)}",
                place=shown(changed[0]),
                remedy="A price of your own goes into .spendgate/prices; --replace writes the file anew.",
            )
        for provider in providers:
            try:
                yield _one(request, provider, urls, folder, start)
            except InputError as error:
                failed.append(_of(provider, error))
    raise_together(failed)


def _one(request: Request, provider: str, urls: dict[str, str], folder: Path, start: Path) -> Refreshed:
    own = find_folder(start) if request.into is None else None
    # What may not be lost, and what shapes are known, is what holds now, without prices that are the user's own word.
    catalogue = Catalogue.layered(current(folder), own, private=False)
    done = Checkpoints(folder / ".part")
    listings = list(_reader(request, provider, catalogue)(urls, done))
    staged = stage(folder, listings, catalogue.store.published, with_spot=request.spot)
    try:
        found = list(objections(staged, listings, catalogue.store.published, own))
        if any(objection.final for objection in found) or (found and not request.replace):
            raise _refused(provider, [objection.message for objection in found], any(one.final for one in found))
        swap(staged)
    except BaseException:
        _discard_unless_in_force(staged)
        raise
    done.drop(_kept_as(request, provider))
    return Refreshed(
        provider,
        staged.path,
        len(listings),
        sum(len(listing.rates) for listing in listings),
        tuple(f"{listing.region}: {note}" for listing in listings for note in listing.notes),
        tuple(objection.message for objection in found),
    )


Reader = Callable[[dict[str, str], Checkpoints], Iterator[Listing]]


def _reader(request: Request, provider: str, catalogue: Catalogue) -> Reader:
    """How a provider's prices are read. The modules are imported when they are needed."""
    client, regions, spot = request.client, tuple(dict.fromkeys(request.regions)), request.spot
    known = catalogue.regions(provider)
    if request.source == "gpuhunt":
        from spendgate.prices.refresh import gpuhunt

        return lambda urls, done: gpuhunt.read(client, urls, regions, provider=provider, known=known, spot=spot)
    if provider == "aws":
        from spendgate.prices.refresh import aws

        return lambda urls, done: aws.read(client, urls, regions, done, spot=spot)
    if provider == "azure":
        from spendgate.prices.refresh import azure

        return lambda urls, done: azure.read(client, urls, regions, done, known=known, spot=spot)
    from spendgate.prices.refresh import gcp

    key = _key(request.key_file)
    return lambda urls, done: gcp.read(client, urls, regions, done, key=key, catalogue=catalogue, spot=spot)


def _kept_as(request: Request, provider: str) -> str:
    return "gpuhunt" if request.source == "gpuhunt" else provider


def _providers(request: Request) -> tuple[str, ...]:
    for name in request.providers:
        if name not in PROVIDERS:
            remedy = did_you_mean(name.lower(), PROVIDERS) or f"Providers are {', '.join(PROVIDERS)}."
            raise InputError(f'no provider "{name}"', remedy=remedy)
    if request.regions and len(set(request.providers)) != 1:
        raise InputError(
            "--region goes with one --provider", remedy="The same name can be a region of one provider alone."
        )
    return tuple(dict.fromkeys(request.providers)) or PROVIDERS


def _key(file: Path | None) -> str:
    """The key for Google's catalogue, from a file or the environment. It is never shown."""
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise InputError("the key cannot be read", place=file) from None
    else:
        key = os.environ.get(KEY, "").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            "no API key for Google's price list" if not key else "that is no API key",
            place=file,
            remedy=f"Put one that may call the Cloud Billing API into {KEY}, or name its file with --api-key-file; "
            "--source gpuhunt needs none.",
        )
    return key


def _refused(provider: str, messages: Sequence[str], final: bool) -> InputError:
    lines = "\n".join(f"  {message}" for message in messages[:_SHOWN])
    rest = f"\n  and {len(messages) - _SHOWN} more" if len(messages) > _SHOWN else ""
    what = "thing speaks" if len(messages) == 1 else "things speak"
    return InputError(
        f"{len(messages)} {what} against the new list of {provider}; the prices stay as they were",
        detail=lines + rest,
        remedy=None if final else "If the list is right, --replace takes it over.",
    )


def _of(provider: str, error: InputError) -> InputError:
    """The error with the provider's name before it, unless it has it already."""
    message = error.message if provider in error.message else f"{provider}: {error.message}"
    return InputError(message, place=error.place, remedy=error.remedy, detail=error.detail)


def _more(count: int) -> str:
    return f" (and {count} more {'file' if count == 1 else 'files'})" if count else ""


def _discard_unless_in_force(staged: Staged) -> None:
    try:
        in_force = current(staged.folder) == staged.path
    except InputError:
        in_force = False
    if not in_force:
        discard(staged)
