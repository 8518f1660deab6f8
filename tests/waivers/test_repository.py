"""Which repository and revision decide (``--trust-from``): no change leads to another by a link, a submodule or a tag."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.waivers.trust import Trusted, trusted_copy
from tests.conftest import git

STRICT, LAX = "strict: true\n", "strict: false\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose branch main has settings in infra, with the branch of a change checked out."""
    root = tmp_path / "repository"
    (root / "infra" / "prod").mkdir(parents=True)
    (root / "infra" / "spendgate.yaml").write_text(STRICT, encoding="utf-8")
    (root / "infra" / "prod" / "Pulumi.yaml").write_text("name: demo\n", encoding="utf-8")
    git(root, "init", "-q", "-b", "main")
    commit(root)
    git(root, "checkout", "-q", "-b", "change")
    monkeypatch.chdir(root)
    monkeypatch.setenv("PWD", str(root))
    return root


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "-q", "--allow-empty", "-m", "as it is")
    return said(root, "rev-parse", "HEAD")


def said(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def settings(folder: str | Path, revision: str = "main") -> str:
    """What the settings nearest to a folder say in the revision."""
    from spendgate.config import find_config

    with trusted_copy(Path(folder), revision) as trusted:
        assert isinstance(trusted, Trusted)
        found = find_config(trusted.of(Path(folder)))
        return found.read_text(encoding="utf-8") if found else "none"


@pytest.mark.parametrize(("kind", "name"), [("heads", "main"), ("remotes", "origin/main")])
def test_a_tag_named_as_the_branch_that_decides_decides_nothing(repository: Path, kind: str, name: str) -> None:
    git(repository, "update-ref", f"refs/{kind}/{name}", "main")
    assert settings("infra", name) == STRICT
    (repository / "infra" / "spendgate.yaml").write_text(LAX, encoding="utf-8")
    commit(repository)
    git(repository, "tag", name)
    both = rf'--trust-from "{name}" is several revisions: refs/{kind}/{name}, refs/tags/{name}'
    with pytest.raises(InputError, match=both) as error:
        settings("infra", name)
    assert error.value.remedy == f"Name the one that decides in full, say refs/{kind}/{name}."
    assert settings("infra", f"refs/{kind}/{name}") == STRICT
    git(repository, "tag", "-f", name, f"refs/{kind}/{name}")
    assert settings("infra", name) == STRICT  # both are the same


@pytest.mark.parametrize("length", [7, 40])
def test_a_tag_named_as_a_hash_decides_nothing(repository: Path, length: int) -> None:
    name = said(repository, "rev-parse", "main")[:length]
    assert settings("infra", name) == STRICT
    (repository / "infra" / "spendgate.yaml").write_text(LAX, encoding="utf-8")
    git(repository, "update-ref", f"refs/tags/{name}", commit(repository))
    if length == 40:
        assert settings("infra", name) == STRICT
        return
    with pytest.raises(InputError, match=f"is several revisions: refs/tags/{name}, {name}") as error:
        settings("infra", name)
    assert error.value.remedy == "Name the one that decides in full, by its hash."
    git(repository, "tag", "20262026")
    assert settings("infra", "20262026") == LAX  # a name like another


@pytest.mark.parametrize("revision", ["HEAD~0", "@", "main@{0}", "refs/heads/main"])
def test_a_revision_is_named_as_git_names_it(repository: Path, revision: str) -> None:
    assert settings("infra", revision) == STRICT


@pytest.mark.parametrize(
    "revision", ["nowhere", "main^{tree}", "", "-x", "main\nmain", "ma\u2028in", "ma\rin", "--all"]
)
def test_what_is_no_commit_is_no_revision(repository: Path, revision: str) -> None:
    with pytest.raises(InputError, match=r"no such revision|is no revision"):
        settings("infra", revision)


def test_what_a_commit_holds_is_what_its_hash_says(repository: Path) -> None:
    (repository / "infra" / "spendgate.yaml").write_text(LAX, encoding="utf-8")
    git(repository, "replace", "main", commit(repository))
    assert settings("infra") == STRICT


def test_a_variable_of_a_hook_does_not_move_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "infra" / "prod")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert settings(".") == STRICT


def test_a_submodule_in_place_of_a_folder_is_not_judged_by_its_own_word(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "spendgate.yaml").write_text(LAX, encoding="utf-8")
    git(other, "init", "-q", "-b", "main")
    commit(other)
    git(repository, "rm", "-rq", "infra")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "infra")
    with pytest.raises(InputError, match="is a submodule of repository, whose revisions do not hold"):
        settings("infra")
    (repository / "way").symlink_to("infra")
    with pytest.raises(InputError, match="is a link out of the repository"):
        settings("way")


def test_a_link_out_of_the_repository_leads_to_no_other_word(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    commit(other)
    (repository / "way").symlink_to(other)
    with pytest.raises(InputError, match="is a link out of the repository repository"):
        settings("way")
    (tmp_path / "shortcut").symlink_to(repository)
    assert settings(tmp_path / "shortcut" / "infra" / "prod") == STRICT


@pytest.mark.parametrize("folder", ["infra/prod", "infra/prod/../prod"])
def test_a_link_on_the_way_does_not_lead_past_the_settings_of_the_revision(repository: Path, folder: str) -> None:
    (repository / "infra").rename(repository / "elsewhere")
    (repository / "elsewhere" / "spendgate.yaml").unlink()
    (repository / "infra").symlink_to("elsewhere")
    commit(repository)
    assert settings(folder) == STRICT
    assert settings("elsewhere/prod") == "none"


def test_a_working_directory_is_called_as_the_shell_calls_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "infra" / "prod").rename(repository / "prod")
    (repository / "infra" / "prod").symlink_to("../prod")
    monkeypatch.chdir(repository / "infra" / "prod")
    monkeypatch.setenv("PWD", str(repository / "infra" / "prod"))
    assert settings(".") == STRICT
    monkeypatch.setenv("PWD", "/")  # another folder: it is not where this runs
    assert settings(".") == "none"


def test_a_clone_that_lacks_a_file_of_the_revision_is_told(repository: Path) -> None:
    blob = said(repository, "rev-parse", "main:infra/spendgate.yaml")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(InputError, match=r"main:infra/spendgate\.yaml: is not in this clone"):
        settings("infra")


def test_what_is_a_file_in_the_revision_is_told(repository: Path) -> None:
    (repository / "infra" / "spendgate.yaml").unlink()
    (repository / "infra" / "spendgate.yaml").mkdir()
    with pytest.raises(InputError, match="is no folder in main"):
        settings("infra/spendgate.yaml")
