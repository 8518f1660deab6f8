"""`spendgate pack new`: a pack that validates, tests and runs at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate import schemas
from spendgate.packs.bench import run_tests
from spendgate.packs.scaffold import create
from spendgate.packs.validate import validate
from tests.conftest import Run
from tests.crossguard.conftest import started, told
from tests.packs.conftest import PackIn


def test_a_new_pack_validates_and_passes_its_tests_strictly(spendgate: Run, tmp_path: Path) -> None:
    made = spendgate("pack", "new", "team-costs", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    checked = spendgate("pack", "validate", "team-costs", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "team-costs 0.1.0 is sound: 3 guardrails, 1 of its own\n")
    tested = spendgate("pack", "test", "team-costs", "--strict", "--min-coverage", "100", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "coverage 100%" in tested.stdout


def test_a_new_pack_is_thin_and_its_yaml_names_its_schemas(pack: PackIn) -> None:
    folder = pack()
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "PulumiPolicy.yaml", "__main__.py", "pack.yaml", "README.md", "requirements.txt",
        "policies/volume-has-owner.yaml", "policies/volume-has-owner.test.yaml",
    }  # fmt: skip
    named = {
        "pack.yaml": "pack",
        "policies/volume-has-owner.yaml": "guardrail",
        "policies/volume-has-owner.test.yaml": "guardrail-test",
    }
    for file, schema in named.items():
        assert (folder / file).read_text(encoding="utf-8").startswith(schemas.modeline(schema))


def test_a_new_pack_is_served_to_the_engine_as_it_is(pack: PackIn) -> None:
    with started(pack()) as served:
        answer = served.analyze("aws:ebs/volume:Volume", "data", {"size": 500, "availabilityZone": "us-east-1a"})
        assert ("volume-has-owner", "data") in told(answer)


@pytest.mark.parametrize("name", ["Team", "team_costs", "9team", "team-", "../team", "", "a b"])
def test_a_name_that_is_no_word_is_refused(name: str, spendgate: Run, tmp_path: Path) -> None:
    done = spendgate("pack", "new", name, "there", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no name of a pack" in done.stderr
    assert not (tmp_path / "there").exists()


def test_nothing_that_is_there_is_written_over(spendgate: Run, tmp_path: Path) -> None:
    (tmp_path / "team-costs").mkdir()
    (tmp_path / "team-costs" / "notes.txt").write_text("mine", encoding="utf-8")
    done = spendgate("pack", "new", "team-costs", cwd=tmp_path)
    assert done.returncode == 2
    assert "not an empty folder" in done.stderr
    assert [path.name for path in (tmp_path / "team-costs").iterdir()] == ["notes.txt"]


def test_a_pack_starts_in_an_empty_folder_too(tmp_path: Path) -> None:
    create("other-name", tmp_path)
    assert run_tests(validate(tmp_path), strict=True).exit_code == 0
