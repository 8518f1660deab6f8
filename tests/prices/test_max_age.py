"""How old a price may be where ``spendgate price`` is asked: the project's word, else that of its organisation."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.prices.age import max_age_of_project

HEAD = "apiVersion: spendgate.dev/v1\nkind: {}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose organisation says 90 days."""
    monkeypatch.delenv("SPENDGATE_ORGANIZATION", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "org.yaml").write_text(HEAD.format("Organization") + "prices: {maxAge: 90d}\n", encoding="utf-8")
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def say(folder: Path, text: str) -> None:
    (folder / "spendgate.yaml").write_text(HEAD.format("Config") + text, encoding="utf-8")


def test_the_project_has_the_word(project: Path) -> None:
    say(project, "organization: ../org.yaml\nprices: {maxAge: 30d}\n")
    assert max_age_of_project(project) == 30


def test_where_it_says_nothing_its_organisation_does(project: Path) -> None:
    say(project, "organization: ../org.yaml\n")
    assert max_age_of_project(project) == 90


def test_the_environment_names_the_organisation(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(project.parent / "org.yaml"))
    assert max_age_of_project(project) == 90


def test_so_does_the_users_own_folder(project: Path) -> None:
    home = project.parent / "home" / "spendgate"
    home.mkdir(parents=True)
    (project.parent / "org.yaml").rename(home / "organization.yaml")
    assert max_age_of_project(project) == 90


def test_without_either_no_age_is_too_much(project: Path) -> None:
    assert max_age_of_project(project) is None


def test_an_organisation_that_is_not_there_is_told(project: Path) -> None:
    say(project, "organization: ../none.yaml\n")
    with pytest.raises(InputError, match="names no file"):
        max_age_of_project(project)
