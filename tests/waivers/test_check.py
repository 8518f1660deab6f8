"""``spendgate check`` with waivers: what they let pass, what is wrong with them, and which revision is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from spendgate.cli import main
from spendgate.errors import InputError
from spendgate.schemas import schema
from tests.conftest import git
from tests.waivers.conftest import HEAD

PROGRAM = "import pulumi_aws as aws\naws.ec2.Instance('gpu', ami='ami-1', instance_type='p5.48xlarge')\n"
ONLY = "apiVersion: spendgate.dev/v1\nkind: Config\npacks: [./own]\n"
PACK = (
    "apiVersion: spendgate.dev/v1\nkind: Pack\nmetadata: {name: own, version: 1.0.0, title: T, description: D}\n"
    "spec: {guardrails: [{name: gpu-approved-models}]}\n"
)


def entry(days: int = 30, **fields: str) -> str:
    last = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    given = {"id": "W-1", "guardrail": "gpu-approved-models", "resource": "gpu", "expires": last, **fields}
    return f"- {{{', '.join(f'{name}: {value}' for name, value in given.items())}, reason: r, owner: o, ticket: t}}\n"


@pytest.fixture
def infra(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that one guardrail refuses, in a git repository, with the working directory in it."""
    folder = project(PROGRAM, spendgate__yaml=ONLY)
    (folder / "own").mkdir()
    (folder / "own" / "pack.yaml").write_text(PACK, encoding="utf-8")
    monkeypatch.chdir(folder)
    git(Path(), "init", "-q", "-b", "main")
    commit()
    return folder


def commit() -> None:
    git(Path(), "add", "--all")
    git(Path(), "commit", "-q", "-m", "as it is")


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["check", "--format", "json", *arguments])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema("check")).validate(found)
    return found


def test_a_waiver_lets_the_change_pass_and_can_be_ignored(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    passed = report(capsys)
    assert (passed["exit_code"], passed["tally"]["waived"], passed["inputs"][0]["waivers"]) == (
        0,
        1,
        [{"id": "W-1", "kind": "waiver", "waived": 1, "why_not": None}],
    )
    without = report(capsys, "--ignore-waivers")
    assert (without["exit_code"], without["tally"]["violation"], without["findings"][0]["not_waived"]) == (1, 1, [])
    assert "waivers are ignored (--ignore-waivers)" in without["inputs"][0]["remarks"]


def test_a_broken_entry_is_told_with_exit_2_and_all_the_rest_is_reported(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = entry(id="W-2", guardrail="gpu-aproved-models")
    (infra / "waivers.yaml").write_text(HEAD + entry() + wrong, encoding="utf-8")
    found = report(capsys)
    assert (found["exit_code"], found["tally"]["waived"]) == (2, 1)
    assert found["inputs"][0]["faults"] == [
        'waivers.yaml:5:24: no guardrail "gpu-aproved-models" to waive\ndid you mean "gpu-approved-models"?'
    ]


def test_a_named_file_of_waivers_must_be_there(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (infra / "spendgate.yaml").write_text(f"{ONLY}waivers: {{file: let-pass.yaml}}\n", encoding="utf-8")
    found = report(capsys)
    assert found["inputs"][0]["faults"] == ['spendgate.yaml:4:17: no such file of waivers: "let-pass.yaml"']


def test_a_change_cannot_waive_itself_where_a_revision_is_trusted(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    (infra / "spendgate.yaml").write_text(
        ONLY + "guardrails: {gpu-approved-models: {enforcement: disabled}}\n", encoding="utf-8"
    )
    (infra / "own" / "pack.yaml").write_text(PACK.replace("gpu-approved-models", "required-tags"), encoding="utf-8")
    git(Path(), "checkout", "-q", "-b", "change")
    commit()
    found = report(capsys, "--trust-from", "main")
    assert found["exit_code"] == 1
    refused, told = found["findings"]
    assert (refused["guardrail"], refused["status"], refused["not_waived"]) == ("gpu-approved-models", "violation", [])
    assert (told["guardrail"], told["enforcement"]) == ("trust-files-changed", "advisory")
    assert told["message"].endswith("main decides: own/pack.yaml, spendgate.yaml, waivers.yaml")
    assert found["inputs"][0]["remarks"][0].startswith("settings, policies and waivers are those of main (")
    assert (infra / "own" / "pack.yaml").read_text(encoding="utf-8") != PACK  # nothing was checked out


def test_waivers_of_the_trusted_revision_hold_and_an_uncommitted_change_is_told(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    commit()
    clean = report(capsys, "--trust-from", "HEAD")
    assert (clean["exit_code"], [one["status"] for one in clean["findings"]]) == (0, ["waived"])
    assert clean["findings"][0]["waiver"]["location"]["file"] == "HEAD:waivers.yaml"
    (infra / "waivers.yaml").unlink()
    (infra / ".spendgate").mkdir()
    (infra / ".spendgate" / "prices.csv").write_text("x\n", encoding="utf-8")
    found = report(capsys, "--trust-from", "HEAD")
    assert found["tally"]["waived"] == 1
    assert found["findings"][1]["message"].endswith("HEAD decides: .spendgate/prices.csv, waivers.yaml")


def test_files_that_another_project_of_the_repository_changes_are_not_told(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (infra / "other").mkdir()
    (infra / "other" / "spendgate.yaml").write_text(ONLY, encoding="utf-8")
    assert [one["guardrail"] for one in report(capsys, "--trust-from", "main")["findings"]] == ["gpu-approved-models"]


@pytest.mark.parametrize(
    ("revision", "says"),
    [("nowhere", "no such revision"), ("--output=x", "is no revision"), ("", "is no revision")],
)
def test_a_revision_that_is_none_is_refused(
    infra: Path, capsys: pytest.CaptureFixture[str], revision: str, says: str
) -> None:
    assert main(["check", f"--trust-from={revision}"]) == 2
    assert says in capsys.readouterr().err


def test_settings_in_the_checkout_are_refused_where_a_revision_is_trusted(
    infra: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = infra / "organization.yaml"
    theirs.write_text("apiVersion: spendgate.dev/v1\nkind: Organization\n", encoding="utf-8")
    monkeypatch.setenv("SPENDGATE_ORGANIZATION", str(theirs))
    assert main(["check", "--trust-from", "main"]) == 2
    assert "organization.yaml lies in the checkout, which the change may have altered" in capsys.readouterr().err


def test_who_may_sign_packs_is_said_by_the_trusted_revision(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (infra / "pack_signers").write_text("a@example.com ssh-ed25519 AAAA\n", encoding="utf-8")
    signers = "packSigners: {{allowedSigners: {}}}\n"
    (infra / "spendgate.yaml").write_text(ONLY + signers.format("pack_signers"), encoding="utf-8")
    commit()
    (infra / "pack_signers").write_text("b@example.com ssh-ed25519 AAAA\n", encoding="utf-8")
    assert report(capsys, "--trust-from", "main")["findings"][1]["message"].endswith("main decides: pack_signers")
    (infra / "spendgate.yaml").write_text(ONLY + signers.format(infra / "pack_signers"), encoding="utf-8")
    commit()
    assert main(["check", "--trust-from", "main"]) == 2
    assert "pack_signers lies in the checkout, which the change may have altered" in capsys.readouterr().err


def test_mistakes_in_the_trusted_revision_are_told_with_its_name(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (infra / "spendgate.yaml").write_text(f"{ONLY}pack: []\n", encoding="utf-8")
    commit()
    assert main(["check", "--trust-from", "main"]) == 2
    assert 'main:spendgate.yaml:4:1: unknown key "pack"' in capsys.readouterr().err


def test_a_project_that_is_new_in_the_change_is_judged_by_the_settings_above_it(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = infra / "new"
    new.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        (new / name).write_bytes((infra / name).read_bytes())
    (new / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\npacks: [../own]\n"
        "guardrails: {gpu-approved-models: {enforcement: disabled}}\n",
        encoding="utf-8",
    )
    assert report(capsys, "new")["exit_code"] == 0
    found = report(capsys, "new", "--trust-from", "main")
    assert [one["guardrail"] for one in found["findings"]] == ["gpu-approved-models", "trust-files-changed"]
    assert found["inputs"][0]["remarks"][0].endswith("), which does not hold this folder: those above it")


FAILS = """apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: fails, title: T, category: own, severity: low, description: D}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  remediation: R
  validations:
    - {expression: resource.properties.nowhere == 1, message: M}
"""


def test_no_report_names_the_copy_of_the_revision(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (infra / "own" / "policies").mkdir()
    (infra / "own" / "policies" / "fails.yaml").write_text(FAILS, encoding="utf-8")
    pack = PACK.replace("{guardrails:", "{policies: [policies], guardrails:").replace("[{", "[{name: fails}, {")
    (infra / "own" / "pack.yaml").write_text(pack, encoding="utf-8")
    (infra / "spendgate.yaml").write_text(f"{ONLY}guardrails: {{nowhere: {{}}}}\n", encoding="utf-8")
    commit()
    found = report(capsys, "--trust-from", "main")
    messages = [one["message"] for one in found["findings"]]
    assert any(text.startswith("the guardrail itself failed: ") for text in messages)
    assert "spendgate-trusted-" not in json.dumps(found)
    assert found["inputs"][0]["faults"][0].startswith('main:spendgate.yaml:4:14: no guardrail "nowhere"')


def test_links_inside_the_repository_lead_where_they_led_in_the_revision(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (infra / "own").rename(infra / "shared")
    (infra / "own").symlink_to("shared")
    commit()
    assert [one["guardrail"] for one in report(capsys, "--trust-from", "main")["findings"]] == ["gpu-approved-models"]


def test_a_preview_is_judged_by_the_settings_of_where_it_is_said_to_lie(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that puts a link in place of the file, or of a folder on the way to it."""
    urn = "urn:pulumi:dev::demo::aws:ec2/instance:Instance::gpu"
    new = {"urn": urn, "custom": True, "type": "aws:ec2/instance:Instance", "inputs": {"instanceType": "p5.48xlarge"}}
    preview = json.dumps({"steps": [{"op": "create", "urn": urn, "newState": new}]})
    for name in ("lax", "strict"):
        (infra / name / "prod").mkdir(parents=True)
        (infra / name / "prod" / "Pulumi.yaml").write_bytes((infra / "Pulumi.yaml").read_bytes())
        (infra / name / "prod" / "preview.json").write_text(preview, encoding="utf-8")
    off = ONLY.replace("./own", "../own") + "guardrails: {gpu-approved-models: {enforcement: disabled}}\n"
    (infra / "lax" / "spendgate.yaml").write_text(off, encoding="utf-8")
    commit()
    assert report(capsys, "lax/prod/preview.json", "--trust-from", "main")["findings"] == []
    (infra / "strict" / "prod" / "preview.json").unlink()
    (infra / "strict" / "prod" / "preview.json").symlink_to("../../lax/prod/preview.json")
    (found,) = report(capsys, "strict/prod/preview.json", "--trust-from", "main")["findings"]
    assert found["guardrail"] == "gpu-approved-models"
    (infra / "strict").rename(infra / "was")
    (infra / "strict").symlink_to("lax")
    (found,) = report(capsys, "strict/prod/preview.json", "--trust-from", "main")["findings"]
    assert found["guardrail"] == "gpu-approved-models"


def test_a_waiver_that_one_input_uses_is_not_called_unused_in_another(
    infra: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = infra / "other"
    other.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        (other / name).write_bytes((infra / name).read_bytes())
    (other / "__main__.py").write_text(PROGRAM.replace("'gpu'", "'cpu'").replace("p5.48xlarge", "t3.micro"), "utf-8")
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    assert [one["guardrail"] for one in report(capsys, "other")["findings"]] == ["waiver-unused"]
    assert [one["status"] for one in report(capsys, ".", "other")["findings"]] == ["waived"]


def test_the_pytest_fixture_honours_waivers(infra: Path) -> None:
    from spendgate.pytest_plugin import SpendgateCheck

    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    checked = SpendgateCheck(infra)(".")
    assert checked.passed
    assert [str(one.status) for one in checked.of("gpu-approved-models")] == ["waived"]
    (infra / "waivers.yaml").write_text(HEAD + entry(guardrail="nothing"), encoding="utf-8")
    with pytest.raises(InputError, match='no guardrail "nothing"'):
        SpendgateCheck(infra)(".")


def test_a_usage_file_is_of_the_trusted_revision_as_well(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = infra / "spendgate-usage.yaml"
    usage.write_text("broken: [", encoding="utf-8")
    found = report(capsys, "--trust-from", "main")
    assert found["inputs"][0]["error"] is None
    assert found["findings"][-1]["message"].endswith("main decides: spendgate-usage.yaml")
    assert main(["check", "--trust-from", "main", "--usage", str(usage)]) == 2
