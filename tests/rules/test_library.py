"""Guardrail files: what is wrong with one is said with its place and a remedy."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.rules import library
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Selected
from spendgate.rules.library import Faults, guardrail_files, load_folders, load_guardrail, load_library
from spendgate.rules.selection import library_of
from spendgate.shipped import policies_dir

whole_library = lru_cache(maxsize=1)(load_library)

BROKEN = sorted((Path(__file__).parent / "fixtures" / "broken").iterdir())


@pytest.mark.parametrize("folder", BROKEN, ids=lambda path: path.name)
def test_a_broken_guardrail_gives_the_error_that_lies_beside_it(folder: Path) -> None:
    (path,) = guardrail_files(folder)
    expected = (folder / "error.txt").read_text(encoding="utf-8").strip()
    with pytest.raises(InputError) as caught:
        load_and_compile(path)
    assert str(caught.value).replace(str(folder) + "/", "").strip() == expected


def test_the_shipped_library_loads_and_every_guardrail_lies_in_the_folder_of_its_category() -> None:
    shipped = load_library()
    assert len(shipped) >= 12
    for path in guardrail_files(policies_dir()):
        assert shipped[path.stem].category == path.parent.name


@pytest.mark.parametrize("name", [path.stem for path in guardrail_files(policies_dir())])
def test_a_shipped_guardrail_reads_the_same_where_its_type_check_is_left_to_these_tests(name: str) -> None:
    checked, shipped = whole_library()[name], library_of(())[name]
    assert (checked.tested, shipped.tested) == (False, True)
    one, other = (
        compile_guardrail(Selected(guardrail, guardrail.enforcement, guardrail.defaults))
        for guardrail in (checked, shipped)
    )
    assert one.reads == other.reads
    assert (one.decides, one.tells) == (other.decides, other.tells)
    assert one.params == other.params


def test_every_shipped_guardrail_compiles_with_the_engine_in_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPENDGATE_CEL", "cel-python")
    for guardrail in whole_library().values():
        compile_guardrail(Selected(guardrail, guardrail.enforcement, guardrail.defaults))


def test_a_folder_that_holds_a_whole_machine_is_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MOST_FILES", 10)
    for number in range(11):
        (tmp_path / str(number)).mkdir()
    (tmp_path / "10" / "up").symlink_to(tmp_path)
    faults = Faults()
    load_folders([tmp_path], faults)
    assert [str(fault) for fault in faults.errors] == [
        f"{tmp_path}: holds more than 10 files and folders\nName the folder that holds the guardrails alone."
    ]


def test_two_guardrails_of_one_name_are_an_error(tmp_path: Path) -> None:
    shipped = guardrail_files(policies_dir())[0]
    (tmp_path / shipped.name).write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match="is already defined at"):
        load_library([tmp_path])


def test_every_broken_file_is_reported_not_only_the_first(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "two.yaml").write_text("kind: Guardrail", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_library([tmp_path])
    assert "one.yaml:1:" in str(caught.value)
    assert "two.yaml:1:1: the file lacks apiVersion, metadata, spec" in str(caught.value)


def load_and_compile(path: Path) -> None:
    guardrail = load_guardrail(path)
    compile_guardrail(Selected(guardrail, guardrail.enforcement, guardrail.defaults))
