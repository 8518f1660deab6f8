"""`spendgate pack validate`: everything that can be wrong, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.packs.validate import validate
from spendgate.shipped import packs_dir
from tests.conftest import Run
from tests.packs.conftest import PackIn, change

SHIPPED = sorted(path.parent for path in packs_dir().glob("*/pack.yaml"))


def faults(folder: Path) -> str:
    with pytest.raises(InputError) as raised:
        validate(folder)
    return str(raised.value)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_packs_that_come_with_spendgate_are_sound(folder: Path) -> None:
    assert validate(folder).pack.name == folder.name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: gpu-priced", "name: gpu-prized", 'pack.yaml:15:13: no guardrail "gpu-prized"'),
        ("name: gpu-priced", "name: gpu-priced\n      params: {modles: [x]}", 'has no parameter "modles"'),
        ("enforcement: advisory}", "params: {from_gib: lots}}", "pack.yaml:14:41"),
        ("enforcement: advisory}", "enforcement: advise}", 'did you mean "advisory"'),
        ("version: 0.1.0", "version: 01.0.0", 'pack.yaml:6:12: version "01.0.0" is not semantic'),
        ("version: 0.1.0", "version: 0.1", "metadata.version"),
        ("- name: gpu-count-per-resource", "- name: gpu-priced", '"gpu-priced" is selected twice'),
        ("policies: [policies]", "policies: [policies, more]", 'no such folder of guardrails: "more"'),
        ("policies: [policies]", "policies: [policies, ..]", "lies outside of the pack"),
        ('  requires: {spendgate: ">=0.1.0"}\n', "", "does not say which spendgate it needs"),
        (">=0.1.0", ">=99.0.0", "needs spendgate >=99.0.0, and this is"),
        ("kind: Pack", "kind: Pack\nextra: 1", 'unknown key "extra"'),
    ],
)
def test_what_is_wrong_in_pack_yaml_is_told_with_its_line(old: str, new: str, said: str, pack: PackIn) -> None:
    assert said in faults(pack(**{"pack.yaml": (old, new)}))


def test_nothing_is_told_twice(pack: PackIn, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pack(**{"pack.yaml": (">=0.1.0", ">=99.0.0")})
    monkeypatch.chdir(folder.parent)
    for given in (folder, Path(folder.name)):
        assert faults(given).count("needs spendgate >=99.0.0") == 1


@pytest.mark.parametrize("name", ["README.md", "__main__.py", "PulumiPolicy.yaml"])
def test_a_file_that_a_pack_needs_is_missed(name: str, pack: PackIn) -> None:
    folder = pack()
    (folder / name).unlink()
    assert f"lacks {name}" in faults(folder)


def test_a_guardrail_without_tests_is_told_at_its_name(pack: PackIn) -> None:
    folder = pack()
    (folder / "policies" / "volume-has-owner.test.yaml").unlink()
    assert 'volume-has-owner.yaml:5:9: guardrail "volume-has-owner" has no tests' in faults(folder)


def test_a_guardrail_that_the_pack_does_not_select_is_told(pack: PackIn) -> None:
    folder = pack(
        **{"pack.yaml": ("    - {name: volume-has-owner, enforcement: advisory}   # its own, in policies/\n", "")}
    )
    assert "the pack does not select it" in faults(folder)


def test_a_guardrail_in_a_folder_that_is_not_named_is_told(pack: PackIn) -> None:
    folder = pack()
    (folder / "more").mkdir()
    for path in (folder / "policies").iterdir():
        (folder / "more" / path.name.replace("owner", "keeper")).write_text(
            path.read_text(encoding="utf-8").replace("has-owner", "has-keeper"), encoding="utf-8"
        )
    assert "lies in no folder that pack.yaml names under policies" in faults(folder)


def test_broken_cel_has_a_caret_under_its_place(pack: PackIn) -> None:
    folder = pack()
    change(folder / "policies" / "volume-has-owner.yaml", "facts.kind == 'volume'", "facts.knd == 'volume'")
    said = faults(folder)
    assert "volume-has-owner.yaml:" in said
    assert "^" in said


def test_a_runtime_other_than_python_is_told(pack: PackIn) -> None:
    folder = pack()
    change(folder / "PulumiPolicy.yaml", "runtime: python", "runtime: nodejs")
    assert "PulumiPolicy.yaml:1:10: runtime is not python" in faults(folder)


def test_a_link_is_refused(pack: PackIn) -> None:
    folder = pack()
    (folder / "secrets.txt").symlink_to("/etc/passwd")
    assert "secrets.txt: cannot be part of a pack: it is a link" in faults(folder)


def test_a_name_that_does_not_work_everywhere_is_refused(pack: PackIn) -> None:
    folder = pack()
    (folder / "what now?.md").write_text("x", encoding="utf-8")
    assert "cannot be part of a pack" in faults(folder)


def test_all_faults_are_told_at_once_and_the_command_ends_with_2(pack: PackIn, spendgate: Run, tmp_path: Path) -> None:
    folder = pack(**{"pack.yaml": ("version: 0.1.0", "version: 1.0.0-01")})
    (folder / "README.md").unlink()
    (folder / "policies" / "volume-has-owner.test.yaml").unlink()
    done = spendgate("pack", "validate", folder.name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("error: team-costs") == 3
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_pack_says_how_to_start_one(spendgate: Run, tmp_path: Path) -> None:
    done = spendgate("pack", "validate", cwd=tmp_path)
    assert done.returncode == 2
    assert "pack new" in done.stderr
