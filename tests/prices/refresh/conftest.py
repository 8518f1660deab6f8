"""A real HTTP server that answers as the providers do, faults included."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spendgate.prices.refresh import command
from spendgate.prices.refresh.command import Refreshed, Request
from spendgate.prices.refresh.progress import Progress
from spendgate.prices.refresh.transport import Client
from tests.prices.refresh.lists import urls
from tests.prices.refresh.server import PriceServer


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with PriceServer() as one:
        yield one


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own, which is the working directory; no proxy, no key."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name == "GOOGLE_API_KEY"]:
        monkeypatch.delenv(name)
    return folder


Refresh = Callable[..., list[Refreshed]]


@pytest.fixture
def refresh(server: PriceServer, project: Path) -> Refresh:
    """A refresh from the server, without waits between attempts."""

    def run(*providers: str, **options: Any) -> list[Refreshed]:
        client = Client(Progress(quiet=True), timeout=5, attempts=options.pop("attempts", 3), sleep=lambda _: None)
        request = Request(providers=providers, urls=options.pop("lists", urls(server)), client=client, **options)
        return list(command.refresh(request, project))

    return run


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what a list says: the integrity tests over all tables take a second each time. What is let pass,
    and what is not, is tested in test_refresh."""
    monkeypatch.setattr(command, "objections", lambda *_: ())
