"""A pack by archive, git revision and installed package, in `packs:` and with `--pack`; and the cache of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spendgate.errors import InputError, Place
from spendgate.packs.contents import content_hash, read_folder
from spendgate.packs.locate import locate
from spendgate.rules.selection import load_pack
from tests.conftest import Run
from tests.packs.conftest import Keys, PackIn, change, git, needs_git, needs_ssh_keygen, public

Archive = Callable[..., Path]

PREVIEW = """\
{"config": {"aws:region": "us-east-1"}, "steps": [
  {"op": "create", "urn": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev", "newState":
    {"urn": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev", "custom": false, "type": "pulumi:pulumi:Stack"}},
  {"op": "create", "urn": "urn:pulumi:dev::demo::aws:ebs/volume:Volume::data", "newState":
    {"urn": "urn:pulumi:dev::demo::aws:ebs/volume:Volume::data", "custom": true, "type": "aws:ebs/volume:Volume",
     "parent": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev",
     "inputs": {"availabilityZone": "us-east-1a", "size": 500, "type": "gp3"}}}
]}
"""


@pytest.fixture
def preview(tmp_path: Path) -> Path:
    """A project with the file of a preview: one large volume without an owner."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (folder / "preview.json").write_text(PREVIEW, encoding="utf-8")
    return folder


def repository(folder: Path, pack: Path) -> str:
    """A repository that holds the pack in `packs/team-costs`; its commit."""
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    shutil.copytree(pack, folder / "packs" / "team-costs")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    return git(folder, "rev-parse", "HEAD")


def test_an_archive_is_used_by_its_path_and_kept_by_its_hash(archive: Archive, cache: Path) -> None:
    path = archive()
    pack = load_pack(str(path))
    assert (pack.name, pack.version, pack.source) == ("team-costs", "0.1.0", path)
    assert pack.folder.is_relative_to(cache)
    assert pack.folder.name == content_hash(read_folder(pack.folder)).replace(":", "-")
    assert pack.origin.endswith("@" + pack.folder.name.replace("-", ":", 1))


def test_an_archive_in_spendgate_yaml_and_on_the_command_line_checks_alike(
    archive: Archive, preview: Path, spendgate: Run
) -> None:
    shutil.copy(archive(), preview / "team.tar.gz")
    by_option = spendgate("check", "preview.json", "--pack", "team.tar.gz", cwd=preview)
    assert "volume-has-owner" in by_option.stdout, by_option.stderr
    (preview / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\npacks: [team.tar.gz]\n", encoding="utf-8"
    )
    by_file = spendgate("check", "project/preview.json", cwd=preview.parent)
    assert "volume-has-owner" in by_file.stdout, by_file.stderr
    assert by_file.returncode == by_option.returncode


def test_an_archive_pinned_by_another_hash_is_refused(archive: Archive) -> None:
    path = archive()
    good = load_pack(str(path)).origin
    assert load_pack(good.replace("pack.tar.gz", path.name)).name == "team-costs"
    with pytest.raises(InputError, match="is asked for"):
        load_pack(f"{path}@sha256:{'0' * 64}")


def test_a_tampered_archive_is_told_at_the_line_that_names_it(archive: Archive, preview: Path, spendgate: Run) -> None:
    content = bytearray(archive().read_bytes())
    content[len(content) // 2] ^= 0xFF
    (preview / "team.tar.gz").write_bytes(content)
    (preview / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\npacks:\n  - team.tar.gz\n", encoding="utf-8"
    )
    done = spendgate("check", "preview.json", cwd=preview)
    assert done.returncode == 2
    assert 'spendgate.yaml:4:5: the pack "team.tar.gz": is no archive of a pack' in done.stderr


def test_a_cached_pack_that_was_altered_is_not_used(archive: Archive) -> None:
    path = archive()
    folder = load_pack(str(path)).folder
    change(folder / "pack.yaml", "enforcement: advisory", "enforcement: disabled")
    with pytest.raises(InputError, match="the cached pack was altered") as raised:
        load_pack(str(path))
    assert "Delete that folder" in str(raised.value)
    shutil.rmtree(folder)
    assert load_pack(str(path)).name == "team-costs"


def test_many_at_once_find_one_whole_pack(archive: Archive, cache: Path) -> None:
    path = str(archive())
    with ThreadPoolExecutor(8) as pool:
        folders = {pack.folder for pack in pool.map(load_pack, [path] * 16)}
    assert len(folders) == 1
    assert [item for item in (cache / "packs").iterdir() if item.name.startswith(".new-")] == []


def test_a_missing_archive_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such archive"):
        load_pack("dist/none.tar.gz", tmp_path)


@needs_ssh_keygen
@pytest.mark.parametrize(
    "reference",
    [
        "https://user:p@ss@127.0.0.1:9/x.git",
        "https://user:p@ss@127.0.0.1:9/x.tar.gz",
        "git+https://user:p@ss@127.0.0.1:9/x.git@v1",
        "git+https://user:p@ss@127.0.0.1:9/x.git",
        "oci://user:p@ss@127.0.0.1:9/x:1.0.0",
    ],
)
def test_no_error_shows_a_password(reference: str, tmp_path: Path) -> None:
    for place in (None, Place("spendgate.yaml", 3, 9)):
        with pytest.raises(InputError) as raised:
            load_pack(reference, tmp_path, place)
        assert "ss@" not in str(raised.value)
        assert "127.0.0.1:9/x" in str(raised.value)


@pytest.mark.parametrize("folder", ["/etc", "../other", "policies/../../other", "linked"])
def test_a_pack_reads_nothing_outside_of_it(pack: PackIn, folder: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    made = pack(**{"pack.yaml": ("policies: [policies]", f"policies: [{folder}]")})
    (made / "linked").symlink_to(tmp_path / "other")
    with pytest.raises(InputError, match=f'"{folder}" lies outside of the pack'):
        load_pack(str(made))


def test_a_demanded_signer_holds_when_a_pack_is_fetched(
    archive: Archive, key: Keys, tmp_path: Path, spendgate: Run
) -> None:
    ada = key("ada")
    (tmp_path / "signers").write_text(f"ada@example.com {public(ada)}\n", encoding="utf-8")
    archive(key=ada, name="signed.tar.gz")
    archive(name="unsigned.tar.gz")
    good = spendgate("pack", "pull", "signed.tar.gz", "-o", "got", "--allowed-signers", "signers", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "Signed by ada@example.com." in good.stdout
    assert spendgate("pack", "validate", "got", cwd=tmp_path).returncode == 0
    bad = spendgate("pack", "pull", "unsigned.tar.gz", "-o", "no", "--allowed-signers", "signers", cwd=tmp_path)
    assert (bad.returncode, "is not signed" in bad.stderr) == (2, True)
    assert not (tmp_path / "no").exists()


@needs_git
class TestGit:
    def test_a_pack_in_a_subfolder_of_a_commit_is_used(self, pack: PackIn, tmp_path: Path) -> None:
        commit = repository(tmp_path / "repo", pack())
        found = load_pack(f"git+file://{tmp_path}/repo@{commit}#packs/team-costs")
        assert (found.name, found.source) == ("team-costs", None)
        assert found.origin == f"git+file://{tmp_path}/repo@{commit}#packs/team-costs"

    def test_a_commit_is_fetched_once_and_used_offline_from_the_cache(
        self, pack: PackIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = repository(tmp_path / "repo", pack())
        reference = f"git+file://{tmp_path}/repo@{commit}#packs/team-costs"
        first = load_pack(reference).folder
        shutil.rmtree(tmp_path / "repo")
        assert load_pack(reference).folder == first
        monkeypatch.setenv("SPENDGATE_OFFLINE", "1")
        assert load_pack(reference).folder == first

    def test_an_older_commit_is_found_and_a_branch_moves(self, pack: PackIn, tmp_path: Path) -> None:
        commit = repository(tmp_path / "repo", pack())
        change(tmp_path / "repo" / "packs" / "team-costs" / "pack.yaml", "version: 0.1.0", "version: 0.2.0")
        url = f"git+file://{tmp_path}/repo"
        assert load_pack(f"{url}@main#packs/team-costs").version == "0.1.0"
        git(tmp_path / "repo", "commit", "--quiet", "-am", "two")
        assert load_pack(f"{url}@main#packs/team-costs").version == "0.2.0"
        assert load_pack(f"{url}@{commit}#packs/team-costs").version == "0.1.0"

    def test_a_branch_whose_repository_is_away_is_no_silent_use_of_the_cache(
        self, pack: PackIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository(tmp_path / "repo", pack())
        reference = f"git+file://{tmp_path}/repo@main#packs/team-costs"
        first = load_pack(reference)
        (tmp_path / "repo").rename(tmp_path / "away")
        with pytest.raises(InputError, match="git fetch"):
            load_pack(reference)
        monkeypatch.setenv("SPENDGATE_OFFLINE", "1")
        assert load_pack(reference).folder == first.folder
        with pytest.raises(InputError, match="is not in the cache, and SPENDGATE_OFFLINE is set"):
            load_pack(f"git+file://{tmp_path}/repo@other#packs/team-costs")

    def test_nothing_of_the_repository_is_run_and_links_are_refused(self, pack: PackIn, tmp_path: Path) -> None:
        repository(tmp_path / "repo", pack())
        (tmp_path / "repo" / "packs" / "team-costs" / "shadow").symlink_to("/etc/shadow")
        git(tmp_path / "repo", "add", ".")
        git(tmp_path / "repo", "commit", "--quiet", "-m", "two")
        commit = git(tmp_path / "repo", "rev-parse", "HEAD")
        with pytest.raises(InputError, match='"shadow" cannot be part of a pack: it is a link'):
            load_pack(f"git+file://{tmp_path}/repo@{commit}#packs/team-costs")

    @pytest.mark.parametrize(
        ("reference", "said"),
        [
            ("git+file:///repo", "names no revision"),
            ("git+file:///repo@--upload-pack=x", "is no revision"),
            ("git+ext::sh -c x@main", "is no git reference"),
            ("git+http://example.com/repo@main", "is no git reference"),
            ("git+file:///repo@main#../other", "leads out of the pack"),
        ],
    )
    def test_a_reference_that_is_none_tells_its_form(self, reference: str, said: str) -> None:
        with pytest.raises(InputError) as raised:
            load_pack(reference)
        assert said in str(raised.value)

    def test_a_folder_without_a_pack_and_a_revision_that_is_not_there_are_told(
        self, pack: PackIn, tmp_path: Path
    ) -> None:
        repository(tmp_path / "repo", pack())
        with pytest.raises(InputError, match="the root of the repository holds no pack"):
            load_pack(f"git+file://{tmp_path}/repo@main")
        with pytest.raises(InputError, match="couldn't find remote ref"):
            load_pack(f"git+file://{tmp_path}/repo@v9#packs/team-costs")
        with pytest.raises(InputError, match="has no commit"):
            load_pack(f"git+file://{tmp_path}/repo@{'0' * 40}#packs/team-costs")

    def test_a_password_in_a_url_is_in_no_error(self) -> None:
        with pytest.raises(InputError) as raised:
            load_pack("git+https://ada:hunter2@127.0.0.1:9/repo.git@main")
        assert "hunter2" not in str(raised.value)

    def test_config_show_tells_where_a_pack_is_from(self, pack: PackIn, preview: Path, spendgate: Run) -> None:
        commit = repository(preview.parent / "repo", pack())
        reference = f"git+file://{preview.parent}/repo@main#packs/team-costs"
        (preview / "spendgate.yaml").write_text(
            f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: ['{reference}']\n", encoding="utf-8"
        )
        done = spendgate("config", "show", "packs.team-costs.from", cwd=preview)
        assert f"repo@{commit}#packs/team-costs" in done.stdout, done.stderr

    def test_a_git_pack_checks_a_preview(self, pack: PackIn, preview: Path, spendgate: Run) -> None:
        commit = repository(preview.parent / "repo", pack())
        reference = f"git+file://{preview.parent}/repo@{commit}#packs/team-costs"
        done = spendgate("check", "preview.json", "--pack", reference, cwd=preview)
        assert "volume-has-owner" in done.stdout, done.stderr


class TestInstalled:
    @pytest.fixture
    def site(self, pack: PackIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An installed wheel that holds a pack in a package, and whose code must not run."""
        site = tmp_path / "site"
        (site / "acme_packs").mkdir(parents=True)
        (site / "acme_packs" / "__init__.py").write_text("raise SystemExit('it was run')\n", encoding="utf-8")
        shutil.copytree(pack(), site / "acme_packs" / "costs")
        info = site / "acme_packs-2.3.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-packs\nVersion: 2.3.0\n", encoding="utf-8")
        (info / "top_level.txt").write_text("acme_packs\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("[spendgate.packs]\nacme-costs = acme_packs.costs\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        return site

    def test_a_pack_in_a_package_is_used_and_none_of_its_code_is_run(self, site: Path) -> None:
        pack = load_pack("python:acme_packs.costs")
        assert (pack.name, pack.folder) == ("team-costs", site / "acme_packs" / "costs")
        assert pack.origin == "python:acme_packs.costs==2.3.0"

    def test_a_pack_is_found_by_the_name_of_its_entry_point(self, site: Path) -> None:
        assert load_pack("python:acme-costs").origin == "python:acme_packs.costs==2.3.0"

    @pytest.mark.parametrize("taken", ["acme-costs", "acme_packs.costs"])
    def test_a_package_beside_it_does_not_take_its_name(self, taken: str, site: Path) -> None:
        info = site / "evil-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[spendgate.packs]\n{taken} = evil\n", encoding="utf-8")
        with pytest.raises(InputError, match=f'several installed packages are named "{taken}": acme_packs.costs, evil'):
            load_pack(f"python:{taken}")

    def test_what_is_not_installed_is_told_with_what_is(self, site: Path) -> None:
        with pytest.raises(InputError, match='did you mean "acme-costs"'):
            load_pack("python:acme-cost")
        with pytest.raises(InputError, match='no package "nowhere" is installed here'):
            load_pack("python:nowhere")
        with pytest.raises(InputError, match=r"holds no pack\.yaml"):
            load_pack("python:acme_packs")
        with pytest.raises(InputError, match="no installed pack"):
            load_pack("python:../../etc")

    def test_from_a_real_wheel(self, pack: PackIn, preview: Path, tmp_path: Path, spendgate: Run) -> None:
        project = tmp_path / "wheel"
        shutil.copytree(pack(), project / "acme_costs")
        (project / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "acme-costs"\nversion = "1.0.0"\n'
            '[project.entry-points."spendgate.packs"]\nacme = "acme_costs"\n'
            '[tool.hatch.build.targets.wheel]\npackages = ["acme_costs"]\n',
            encoding="utf-8",
        )
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            tmp_path / "target",
            project,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            pytest.skip(f"pip cannot build a wheel here: {done.stderr.strip().splitlines()[-1]}")
        env = {"PYTHONPATH": str(tmp_path / "target")}
        checked = spendgate("check", "preview.json", "--pack", "python:acme", cwd=preview, env=env)
        assert "volume-has-owner" in checked.stdout, checked.stderr


def test_a_demand_for_a_signature_is_not_met_by_a_commit(tmp_path: Path) -> None:
    from spendgate.packs.signing import Demand

    with pytest.raises(InputError, match="holds no signature of a pack"):
        locate(f"git+file:///repo@{'0' * 40}", tmp_path, None, Demand(tmp_path / "signers"))


def test_a_cache_that_cannot_be_written_says_where_another_goes(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive()
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="the cache cannot be written") as raised:
        load_pack(str(path))
    assert "SPENDGATE_CACHE" in str(raised.value)
