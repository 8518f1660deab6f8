"""``spendgate waiver``: entries are written where they belong, and everything else stays as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spendgate import schemas
from spendgate.cli import main
from tests.waivers.conftest import Keys, needs_ssh_keygen, public

ADD = ("waiver", "add", "required-tags", "gpu", "--reason", "it moves", "--owner", "nlp", "--ticket", "0123")
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / ".git").mkdir()
    monkeypatch.chdir(place)
    return place


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_the_first_waiver_makes_the_file_with_its_schema_and_a_header(folder: Path) -> None:
    assert main([*ADD, "--expires", "30d", "--max-monthly-cost", "12.50", "--environment", "dev"]) == 0
    text = (folder / "waivers.yaml").read_text(encoding="utf-8")
    assert text.startswith(schemas.modeline("waivers") + "# ")
    assert text.endswith(
        "waivers:\n  - id: required-tags-gpu\n    guardrail: required-tags\n    resource: gpu\n    environments:\n"
        '      - dev\n    reason: it moves\n    owner: nlp\n    ticket: "0123"\n'
        f"    granted: {day(0)}\n    expires: {day(30)}\n    maxMonthlyCost: 12.5\n"
    )
    assert main(["waiver", "list"]) == 0


def test_one_that_is_too_wide_is_told_so_when_it_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = ["waiver", "add", "gpu-*", "gpu", "--reason", "r", "--owner", "o", "--ticket", "t", "--expires", "3d"]
    assert main(wide) == 0
    assert "one waiver is for at most 1: checks report it as too wide" in capsys.readouterr().out


@pytest.mark.parametrize("indent", ["", "  "])
def test_comments_order_quotes_and_layout_stay_as_they_were(folder: Path, indent: str) -> None:
    before = (
        f"# ours\napiVersion: spendgate.dev/v1\nkind: Waivers\n\nwaivers:\n{indent}# the old one\n"
        f"{indent}- guardrail: 'gpu-priced'   # why\n{indent}  id: W-9\n{indent}  resource: \"x\"\n{indent}  owner: o\n"
        f"{indent}  ticket: t\n{indent}  reason: >-\n{indent}    a long\n{indent}    reason\n{indent}  expires: {day(3)}\n"
    )
    (folder / "waivers.yaml").write_text(before, encoding="utf-8")
    assert main([*ADD, "--expires", day(10)]) == 0
    after = (folder / "waivers.yaml").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert after.removeprefix(before).startswith(
        f"{indent}- id: required-tags-gpu\n{indent}  guardrail: required-tags\n"
    )


def test_a_second_waiver_of_the_same_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ADD, "--expires", "30d"]) == 0
    text = (folder / "waivers.yaml").read_text(encoding="utf-8")
    assert main([*ADD, "--expires", "40d"]) == 2
    assert f"waivers.yaml:7:5: required-tags is waived for gpu already, until {day(30)}" in capsys.readouterr().err
    assert main([*ADD, "--expires", "40d", "--stack", "prod", "--id", "required-tags-gpu"]) == 2
    assert (folder / "waivers.yaml").read_text(encoding="utf-8") == text
    assert main([*ADD, "--expires", "40d", "--stack", "prod"]) == 0
    assert "id: required-tags-gpu-2" in (folder / "waivers.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([*ADD, "--expires", "91d"], "a waiver holds for at most 90"),
        ([*ADD, "--expires", "2020-01-01"], "is over already"),
        ([*ADD, "--expires", "2026-02-30"], "is no date"),
        ([*ADD], "--expires"),
        ([*ADD, "--expires", "30d", "--max-monthly-cost", "much"], "is no amount"),
        ([*ADD, "--expires", "30d", "--approver", "ada@example.com"], "an approval has --approver, --amount and --project"),
        (["waiver", "add", "required-tag", *ADD[3:], "--expires", "30d"], 'did you mean "required-tags"?'),
    ],
)  # fmt: skip
def test_what_would_be_no_waiver_is_refused_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
    assert not (folder / "waivers.yaml").exists()


def test_a_broken_file_is_not_edited(folder: Path) -> None:
    (folder / "waivers.yaml").write_text("kind: Waivers\nwaivers: [\n", encoding="utf-8")
    assert main([*ADD, "--expires", "30d"]) == 2
    assert (folder / "waivers.yaml").read_text(encoding="utf-8") == "kind: Waivers\nwaivers: [\n"


def test_the_list_tells_the_state_of_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*ADD, "--expires", "12d"])
    path = folder / "waivers.yaml"
    old = path.read_text(encoding="utf-8")
    path.write_text(old + "  - {id: OLD, guardrail: gpu-priced, resource: x, reason: r, owner: o, ticket: t, expires: 2020-01-01}\n", encoding="utf-8")  # fmt: skip
    capsys.readouterr()
    assert main(["waiver", "list"]) == 0
    said = capsys.readouterr().out
    assert "active, 12 days left" in said
    assert "expired on 2020-01-01" in said
    assert main(["waiver", "list", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["state"], one["days_left"] > 0) for one in listed] == [("required-tags-gpu", "active", True), ("OLD", "expired", False)]  # fmt: skip


@needs_ssh_keygen
def test_an_approval_is_written_signed_and_verified(
    folder: Path, key: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = key("ada")
    (folder / "spendgate.yaml").write_text(
        f"{CONFIG}approvals:\n  groups: {{board: [ada@example.com]}}\n  allowedSigners: signers\n", encoding="utf-8"
    )
    (folder / "signers").write_text(f"ada@example.com {public(ada)}\n", encoding="utf-8")
    assert main([*ADD, "--expires", "30d", "--approver", "ada@example.com", "--amount", "5000", "--project", "demo", "--id", "BIG"]) == 0  # fmt: skip
    assert main(["waiver", "verify"]) == 1
    assert main(["waiver", "sign", "BIG", "--key", str(ada)]) == 0
    assert main(["waiver", "verify", "BIG"]) == 0
    assert "BIG: active, 30 days left, signed by ada@example.com" in capsys.readouterr().out
    path = folder / "waivers.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("5000", "50000"), encoding="utf-8")
    assert main(["waiver", "verify"]) == 2
    assert "the entry was altered after it was signed" in capsys.readouterr().err
    assert main(["waiver", "sign", "BIX", "--key", str(ada)]) == 2


def test_what_only_an_approval_lifts_gets_no_plain_waiver(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed = "approvals: {approvers: [ada@example.com], allowedSigners: signers, guardrails: [required-tags]}\n"
    (folder / "spendgate.yaml").write_text(f"{CONFIG}{signed}waivers: {{maxGuardrails: 9}}\n", encoding="utf-8")
    assert main([*ADD, "--expires", "30d"]) == 2
    said = capsys.readouterr().err
    assert "only a signed approval lifts required-tags" in said
    assert "--approver" in said
    assert not (folder / "waivers.yaml").exists()
    assert main(["waiver", "add", "required-*", *ADD[3:], "--expires", "30d"]) == 2
    assert main(["waiver", "add", "*-tag*", *ADD[3:], "--expires", "30d"]) == 0
    assert "It does not lift required-tags: only a signed approval does" in capsys.readouterr().out
    assert main([*ADD, "--expires", "30d", "--approver", "ada@example.com", "--amount", "5", "--project", "demo"]) == 0


def test_the_list_does_not_call_active_what_only_an_approval_lifts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ADD, "--expires", "30d"]) == 0
    signed = "approvals: {approvers: [ada@example.com], allowedSigners: signers, guardrails: [required-*]}\n"
    (folder / "spendgate.yaml").write_text(f"{CONFIG}{signed}", encoding="utf-8")
    capsys.readouterr()
    assert main(["waiver", "list"]) == 0
    assert "required-tags-gpu  only a signed approval lifts required-tags  " in capsys.readouterr().out
    assert main(["waiver", "list", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["state"], listed["why_not"]) == ("invalid", "only a signed approval lifts required-tags")


def test_an_organisation_sets_limits_that_a_project_keeps(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = folder.parent / "organization.yaml"
    theirs.write_text(
        "apiVersion: spendgate.dev/v1\nkind: Organization\nwaivers: {maxLength: 14d}\n"
        "approvals: {approvers: [cfo], allowedSigners: signers}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(theirs))
    assert main([*ADD, "--expires", "15d"]) == 2
    (folder / "spendgate.yaml").write_text(f"{CONFIG}waivers: {{maxLength: 30d}}\n", encoding="utf-8")
    assert main(["waiver", "list"]) == 2
    (folder / "spendgate.yaml").write_text(
        f"{CONFIG}approvals: {{approvers: [me], allowedSigners: mine}}\n", encoding="utf-8"
    )
    assert main(["waiver", "list"]) == 2
    said = capsys.readouterr().err
    assert "a waiver holds for at most 14" in said
    assert "waivers.maxLength is 30d, and the organisation allows 14d" in said
    assert "who approves is said by the organisation" in said
