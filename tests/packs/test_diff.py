"""`spendgate pack diff`: what a new version refuses that the old one allowed, and the version that asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spendgate import schemas
from spendgate.packs.diff import Kind, compare
from spendgate.packs.version import Step, Version, check_needs, parse, step
from spendgate.yamlfile import YamlFile
from tests.conftest import ROOT, Run
from tests.packs.conftest import PackIn, change
from tests.packs.test_locate import PREVIEW

OWN = "{name: volume-has-owner, enforcement: advisory}"


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "size"),
    [
        ("pack.yaml", OWN, "{name: volume-has-owner}", Kind.LEVEL, Step.MAJOR),
        ("pack.yaml", OWN, "{name: volume-has-owner, enforcement: disabled}", Kind.LEVEL, Step.MINOR),
        ("pack.yaml", OWN, f"{OWN[:-1]}, params: {{from_gib: 5}}}}", Kind.PARAMETER, Step.MINOR),
        ("pack.yaml", "- name: gpu-count-per-resource", "- {name: gpu-count-per-resource, params: {max: 1}}",
         Kind.PARAMETER, Step.MAJOR),
        ("pack.yaml", "    - name: gpu-count-per-resource\n", "", Kind.REMOVED, Step.MINOR),
        ("pack.yaml", "- name: gpu-count-per-resource", "- name: gpu-count-per-resource\n    - name: required-tags",
         Kind.ADDED, Step.MAJOR),
        ("pack.yaml", "- name: gpu-count-per-resource",
         "- name: gpu-count-per-resource\n    - {name: required-tags, enforcement: advisory}", Kind.ADDED, Step.MINOR),
        ("policies/volume-has-owner.yaml", "facts.kind == 'volume'", "facts.kind == 'snapshot'", Kind.RULE, Step.MINOR),
        ("policies/volume-has-owner.yaml", "onUnknown: warn", "onUnknown: skip", Kind.RULE, Step.MINOR),
        ("policies/volume-has-owner.yaml", "Tag it with", "Tag this with", Kind.TEXT, Step.PATCH),
        ("policies/volume-has-owner.yaml", "severity: medium", "severity: high", Kind.TEXT, Step.PATCH),
    ],
)  # fmt: skip
def test_a_change_asks_for_the_version_that_says_what_it_does(
    file: str, old: str, new: str, kind: Kind, size: Step, pack: PackIn
) -> None:
    before, after = pack("before"), pack("after", **{file: (old, new)})
    difference = compare(str(before), str(after))
    assert [(item.kind, item.step) for item in difference.changes] == [(kind, size)]
    assert difference.step is size


def test_a_guardrail_that_refuses_asks_another_question_is_a_major_step(pack: PackIn) -> None:
    before, after = (pack(name, **{"pack.yaml": (OWN, "{name: volume-has-owner}")}) for name in ("before", "after"))
    change(after / "policies" / "volume-has-owner.yaml", "params.key in facts.tags", "'team' in facts.tags")
    assert compare(str(before), str(after)).step is Step.MAJOR


def test_two_packs_that_are_the_same_ask_for_no_version(pack: PackIn) -> None:
    difference = compare(str(pack("before")), str(pack("after")))
    assert (difference.changes, difference.step, difference.enough) == ((), Step.NONE, True)


def preview_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (folder / "preview.json").write_text(PREVIEW, encoding="utf-8")
    return folder / "preview.json"


def test_on_a_preview_it_tells_what_is_newly_refused_and_what_no_longer(
    pack: PackIn, tmp_path: Path, spendgate: Run
) -> None:
    old = pack("old")
    new = pack("new", **{"pack.yaml": (OWN, "{name: volume-has-owner}")})
    preview = preview_in(tmp_path / "project")
    forth = spendgate("pack", "diff", old, new, "--on", preview, cwd=tmp_path)
    assert forth.returncode == 0, forth.stderr
    for said in (
        "volume-has-owner  is mandatory, was advisory  [major]",
        "demo, stack dev: is refused, and passed before",
        "newly refused: 1 finding",
        "500 GiB without the tag owner",
        "asks for a major version, 0.2.0 or later: it refuses what the old one allowed",
        "0.1.0 says less than that.",
    ):
        assert said in forth.stdout
    back = spendgate("pack", "diff", new, old, "--on", preview, cwd=tmp_path)
    assert "passes, and was refused before" in back.stdout
    assert "no longer refused: 1 finding" in back.stdout
    assert "newly refused" not in back.stdout


def test_the_documentation_shows_what_is_printed(pack: PackIn, tmp_path: Path, spendgate: Run) -> None:
    new = pack("new", **{"pack.yaml": (OWN, "{name: volume-has-owner}")})
    change(new / "pack.yaml", "version: 0.1.0", "version: 0.1.1")
    preview_in(tmp_path / "project")
    done = spendgate("pack", "diff", pack("old"), new, "--on", "project/preview.json", cwd=tmp_path)
    assert f"```\n{done.stdout}```" in (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")


def test_on_a_program_both_versions_judge_one_run(pack: PackIn, spendgate: Run) -> None:
    old = pack("old")
    new = pack("new", **{"pack.yaml": (OWN, "{name: volume-has-owner}")})
    done = spendgate("pack", "diff", old, new, "--on", ROOT / "examples" / "llm-training")
    assert done.returncode == 0, done.stderr
    assert "newly refused: 1 finding\n    volume-has-owner  scratch" in done.stdout


def test_the_json_is_of_its_schema_and_says_the_same(pack: PackIn, tmp_path: Path, spendgate: Run) -> None:
    old = pack("old")
    new = pack("new", **{"pack.yaml": (OWN, f"{OWN[:-9]}mandatory, params: {{from_gib: 5}}}}")})
    preview = preview_in(tmp_path / "project")
    done = spendgate("pack", "diff", old, new, "--on", preview, "--format", "json", cwd=tmp_path)
    data = json.loads(done.stdout)
    schemas.validate(YamlFile("out", data, {}, {}), "pack-diff")
    assert [(item["kind"], item.get("name"), item["old"], item["new"]) for item in data["changes"]] == [
        ("level", None, "advisory", "mandatory"),
        ("parameter", "from_gib", 100, 5),
    ]
    assert data["inputs"][0]["newly_refused"][0]["guardrail"] == "volume-has-owner"
    assert data["version"] == {
        "old": "0.1.0", "new": "0.1.0", "step": "major", "taken": "none", "least": "0.2.0", "enough": False,
        "why": "it refuses what the old one allowed",
    }  # fmt: skip


def test_a_version_that_says_too_little_can_fail_a_build(pack: PackIn, spendgate: Run) -> None:
    old = pack("old")
    new = pack("new", **{"pack.yaml": (OWN, "{name: volume-has-owner}")})
    assert spendgate("pack", "diff", old, new, "--check-version").returncode == 1
    change(new / "pack.yaml", "version: 0.1.0", "version: 0.2.0-rc.1")
    assert spendgate("pack", "diff", old, new, "--check-version").returncode == 0


def test_an_input_that_cannot_be_read_is_told_and_the_rest_is_compared(
    pack: PackIn, tmp_path: Path, spendgate: Run
) -> None:
    preview = preview_in(tmp_path / "project")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    done = spendgate("pack", "diff", pack("a"), pack("b"), "--on", "broken.json", "none", preview, cwd=tmp_path)
    assert done.returncode == 2
    assert "broken.json" in done.stderr
    assert "none: no such folder or file" in done.stderr
    assert "demo, stack dev: passes, as before" in done.stdout


def test_a_pack_that_is_not_there_is_told(pack: PackIn, spendgate: Run) -> None:
    done = spendgate("pack", "diff", "gpu-baselin", pack())
    assert (done.returncode, 'did you mean "gpu-baseline"?' in done.stderr) == (2, True)


@pytest.mark.parametrize("text", ["1.0", "1", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+build", "1.0.0 ", ""])
def test_what_is_no_semantic_version_is_none(text: str) -> None:
    assert parse(text) is None


def test_versions_are_ordered_as_semver_has_it() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
             "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "2.0.0", "10.0.0"]  # fmt: skip
    versions = [parse(text) for text in (*order[5:], *order[:5])]
    assert [str(item) for item in sorted(versions, key=lambda item: item.order)] == order  # type: ignore[union-attr]


def test_the_next_version_after_a_step() -> None:
    one, zero = Version(1, 4, 2), Version(0, 4, 2)
    assert [str(one.after(item)) for item in Step] == ["1.4.2", "1.4.3", "1.5.0", "2.0.0"]
    assert [str(zero.after(item)) for item in Step] == ["0.4.2", "0.4.3", "0.4.3", "0.5.0"]
    assert step(one, Version(1, 5, 0)) is Step.MINOR


@pytest.mark.parametrize("needs", [">0.1.0", "0.1.0", ">=1", ">=0.1.0,<2", ""])
def test_a_need_that_is_not_understood_is_refused(needs: str) -> None:
    with pytest.raises(Exception, match="It is written as"):
        check_needs(needs, "p")
