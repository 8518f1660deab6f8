"""Who must have signed a pack, as a project or its organisation says it; and packs under `--trust-from`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.config import load_config
from spendgate.errors import InputError
from tests.conftest import Run
from tests.packs.conftest import Keys, PackIn, git, needs_git, needs_ssh_keygen, public
from tests.packs.test_locate import PREVIEW

pytestmark = needs_ssh_keygen
Archive = Callable[..., Path]

HEAD = "apiVersion: spendgate.dev/v1\nkind: Config\n"


@pytest.fixture
def project(tmp_path: Path, key: Keys, archive: Archive) -> Path:
    """A project beside a signed and an unsigned archive, with the keys of those whom it allows."""
    ada = key("ada")
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(archive(key=ada, name="signed.tar.gz"), folder)
    shutil.copy(archive(name="unsigned.tar.gz"), folder)
    (folder / "allowed_signers").write_text(f"ada@example.com {public(ada)}\n", encoding="utf-8")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (folder / "preview.json").write_text(PREVIEW, encoding="utf-8")
    return folder


def settings(folder: Path, text: str) -> None:
    (folder / "spendgate.yaml").write_text(HEAD + text, encoding="utf-8")


def test_a_project_that_demands_signatures_takes_only_signed_archives(project: Path) -> None:
    settings(project, "packSigners: {allowedSigners: allowed_signers}\npacks: [signed.tar.gz]\n")
    assert [pack.name for pack in load_config(project).packs] == ["team-costs"]
    settings(project, "packSigners: {allowedSigners: allowed_signers}\npacks: [unsigned.tar.gz]\n")
    with pytest.raises(InputError, match="is not signed, and a signature is demanded") as raised:
        load_config(project)
    assert "spendgate.yaml:4:9" in str(raised.value)


def test_a_demand_holds_for_packs_on_the_command_line_too(project: Path, spendgate: Run) -> None:
    settings(project, "packSigners: {allowedSigners: allowed_signers, signers: [eve@example.com]}\n")
    done = spendgate("check", "preview.json", "--pack", "signed.tar.gz", cwd=project)
    assert done.returncode == 2
    assert "it is signed by ada@example.com, not by eve@example.com" in done.stderr


def test_no_project_lifts_what_its_organisation_demands(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = tmp_path / "organization.yaml"
    organization.write_text(
        "apiVersion: spendgate.dev/v1\nkind: Organization\n"
        "packSigners: {allowedSigners: project/allowed_signers, signers: [root@example.com]}\n",
        encoding="utf-8",
    )
    settings(project, "packSigners: {allowedSigners: allowed_signers}\npacks: [signed.tar.gz]\n")
    load_config(project)
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(organization))
    with pytest.raises(InputError, match=r"not by root@example\.com"):
        load_config(project)


def test_folders_and_shipped_packs_are_trusted_by_where_they_are(project: Path, pack: PackIn) -> None:
    pack()
    settings(project, "packSigners: {allowedSigners: allowed_signers}\npacks: [../team-costs, gpu-baseline]\n")
    assert [found.name for found in load_config(project).packs] == ["team-costs", "gpu-baseline"]


@needs_git
class TestTrustedRevision:
    @pytest.fixture
    def repository(self, project: Path) -> Path:
        settings(project, "packSigners: {allowedSigners: allowed_signers}\npacks: [signed.tar.gz]\n")
        git(project, "init", "--quiet", "-b", "main")
        git(project, "add", ".")
        git(project, "commit", "--quiet", "-m", "one")
        return project

    def test_an_archive_is_read_as_it_is_in_the_revision(self, repository: Path, spendgate: Run) -> None:
        (repository / "signed.tar.gz").write_bytes(b"altered by the change")
        done = spendgate("check", "preview.json", "--trust-from", "main", cwd=repository)
        assert "volume-has-owner" in done.stdout, done.stderr
        assert "signed.tar.gz" in done.stdout  # told as a change to what it is judged by

    def test_a_pack_of_the_working_tree_is_refused(self, repository: Path, spendgate: Run) -> None:
        settings(repository, f"packs: ['{repository}/unsigned.tar.gz']\n")
        git(repository, "commit", "--quiet", "-am", "an absolute path")
        done = spendgate("check", "preview.json", "--trust-from", "main", cwd=repository)
        assert done.returncode == 2
        assert "lies in the checkout, which the change may have altered" in done.stderr

    def test_a_branch_of_the_checkout_itself_is_refused(self, repository: Path, pack: PackIn, spendgate: Run) -> None:
        shutil.copytree(pack(), repository / "pack")
        settings(repository, f"packs: ['git+file://{repository}@HEAD#pack']\n")
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", "a pack by HEAD")
        done = spendgate("check", "preview.json", "--trust-from", "main", cwd=repository)
        assert done.returncode == 2
        assert "which the change may have altered" in done.stderr
