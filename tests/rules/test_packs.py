"""The library and its packs as published: what a pack selects exists, what the list says is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spendgate.rules.compiled import compile_all
from spendgate.rules.guardrail import Guardrail
from spendgate.rules.library import guardrail_files, load_library
from spendgate.rules.selection import load_pack, select
from spendgate.shipped import packs_dir, policies_dir
from spendgate.yamlfile import read_yaml

PACKS = sorted(path.parent.name for path in packs_dir().glob("*/pack.yaml"))
LIST = Path(__file__).parents[2] / "docs" / "library.md"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (.+?) \| (low|medium|high|critical) \|", re.MULTILINE)

HELD = re.compile(r"^\| `([a-z0-9-]+)` \| .+? \| (?:low|medium|high|critical) \| (.+?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def library() -> dict[str, Guardrail]:
    return load_library()


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_is_whole_and_everything_it_selects_compiles(name: str, library: dict[str, Guardrail]) -> None:
    folder = packs_dir() / name
    present = {path.name for path in folder.iterdir()}
    assert {"pack.yaml", "PulumiPolicy.yaml", "__main__.py", "requirements.txt", "README.md"} <= present
    pack = load_pack(name)
    assert pack.name == name
    compiled = compile_all(select((pack,), library=library))
    assert len(compiled) == len(pack.settings) >= 7


def test_the_list_in_the_docs_says_for_every_guardrail_in_which_packs_it_is(library: dict[str, Guardrail]) -> None:
    selected = {name: {setting.guardrail for setting in load_pack(name).settings} for name in PACKS}
    told = {
        name: set(packs.split(", ")) - {"by name"} for name, packs in HELD.findall(LIST.read_text(encoding="utf-8"))
    }
    assert told == {name: {pack for pack, held in selected.items() if name in held} for name in library}


def test_the_readme_of_a_pack_counts_its_guardrails() -> None:
    for name in PACKS:
        text = (packs_dir() / name / "README.md").read_text(encoding="utf-8")
        count = re.search(r"(\d+) guardrails \(`pack.yaml` lists", text)
        assert count is None or int(count[1]) == len(load_pack(name).settings), name


def test_the_list_in_the_docs_names_every_guardrail_with_its_title_and_severity(library: dict[str, Guardrail]) -> None:
    rows = {name: (title, severity) for name, title, severity in ROW.findall(LIST.read_text(encoding="utf-8"))}
    assert rows == {name: (rule.title, str(rule.severity)) for name, rule in library.items()}


@pytest.mark.parametrize("path", guardrail_files(policies_dir()), ids=lambda path: path.stem)
def test_a_guardrail_explains_its_parameters_and_has_defaults(path: Path) -> None:
    spec = read_yaml(path).data["spec"]
    unexplained = [name for name, rules in spec.get("params", {}).items() if not rules.get("description")]
    undecided = [name for name, rules in spec.get("params", {}).items() if "default" not in rules]
    assert (unexplained, undecided) == ([], [])
