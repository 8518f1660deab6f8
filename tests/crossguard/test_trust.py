"""A served pack that judges by a git revision (SPENDGATE_TRUST_FROM) and against an earlier report (SPENDGATE_BASELINE)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spendgate.cli import main
from spendgate.crossguard.settings import project_folder
from tests.conftest import ROOT, git
from tests.crossguard.conftest import BASELINE, Pack, started
from tests.crossguard.test_waivers import GPU, HEAD, INSTANCE, entry, told_of
from tests.report.test_baseline import report

COST_GATE = ROOT / "packs" / "cost-gate"
CONFIG = "apiVersion: spendgate.dev/v1\nkind: Config\n"
REFUSED = "accelerator H100 is not approved"


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "as it is")


@pytest.fixture
def infra(project: Callable[..., Path]) -> Path:
    """A project in a git repository whose main branch holds its settings; the checkout is a change of it."""
    folder = project("", spendgate__yaml=CONFIG)
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    git(folder, "checkout", "-q", "-b", "change")
    return folder


def asked(folder: Path, pack_folder: Path = BASELINE, **variables: str) -> tuple[Any, Any]:
    with started(pack_folder, cwd=folder, **variables) as pack:
        return pack.analyze(INSTANCE, "gpu", GPU), pack.analyze_stack()


def refusal(folder: Path, **variables: str) -> str:
    with started(BASELINE, cwd=folder, **variables) as pack:
        return _why(pack)


def _why(pack: Pack) -> str:
    assert pack.stub is None, "the pack was served"
    assert pack.process.stderr is not None
    return pack.process.stderr.read()


def test_a_change_cannot_waive_itself_in_a_preview(infra: Path) -> None:
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    commit(infra)
    early, _ = asked(infra)
    assert told_of(early, "gpu-approved-models") == []  # the checkout decides, and it waives
    early, late = asked(infra, SPENDGATE_TRUST_FROM="main")
    ((level, message),) = told_of(early, "gpu-approved-models")
    assert (level, REFUSED in message) == ("MANDATORY", True)
    (changed,) = [text for _, text in told_of(late, "cost-estimate") if "trust-files-changed" in text]
    assert "main decides: waivers.yaml" in changed


def test_a_change_cannot_turn_a_guardrail_off_in_a_preview(infra: Path) -> None:
    text = CONFIG + "guardrails: {gpu-approved-models: {enforcement: disabled}}\n"
    (infra / "spendgate.yaml").write_text(text, encoding="utf-8")
    early, _ = asked(infra)
    assert told_of(early, "gpu-approved-models") == []
    early, _ = asked(infra, SPENDGATE_TRUST_FROM="main")
    assert told_of(early, "gpu-approved-models")[0][0] == "MANDATORY"


def test_waivers_of_the_trusted_revision_hold_though_the_checkout_has_none(infra: Path) -> None:
    (infra / "waivers.yaml").write_text(HEAD + entry(), encoding="utf-8")
    commit(infra)
    git(infra, "branch", "-f", "main", "change")
    (infra / "waivers.yaml").unlink()
    early, late = asked(infra, SPENDGATE_TRUST_FROM="main")
    assert told_of(early, "gpu-approved-models") == []
    ((level, message),) = told_of(late, "gpu-approved-models")
    assert (level, message.startswith("waived: ")) == ("ADVISORY", True)


def test_prices_and_usage_of_the_trusted_revision_hold(infra: Path) -> None:
    usage = "apiVersion: spendgate.dev/v1\nkind: Usage\nresources:\n  - {match: {name: gpu}, hoursPerMonth: 100}\n"
    (infra / "spendgate-usage.yaml").write_text(usage, encoding="utf-8")
    _, late = asked(infra)
    changed = told_of(late, "cost-estimate")
    _, late = asked(infra, SPENDGATE_TRUST_FROM="main")
    assert [text for _, text in told_of(late, "cost-estimate") if "a month" in text] != [
        text for _, text in changed if "a month" in text
    ]


def test_a_pack_of_the_repository_is_asked_as_the_trusted_revision_has_it(infra: Path) -> None:
    own = infra / "own"
    own.mkdir()
    (own / "PulumiPolicy.yaml").write_text((BASELINE / "PulumiPolicy.yaml").read_text("utf-8"), encoding="utf-8")
    (own / "__main__.py").write_text((BASELINE / "__main__.py").read_text("utf-8"), encoding="utf-8")
    text = (
        "apiVersion: spendgate.dev/v1\nkind: Pack\nmetadata: {name: own, version: 1.0.0, title: T, description: D}\n"
        "spec: {guardrails: [{name: gpu-approved-models}]}\n"
    )
    (own / "pack.yaml").write_text(text, encoding="utf-8")
    with started(own, cwd=infra, SPENDGATE_TRUST_FROM="main") as pack:
        assert "the pack own lies in the checkout, and main does not hold it" in _why(pack)
    commit(infra)
    git(infra, "branch", "-f", "main", "change")
    (own / "pack.yaml").write_text(text.replace("gpu-approved-models", "required-tags"), encoding="utf-8")
    early, late = asked(infra, own, SPENDGATE_TRUST_FROM="main")
    assert told_of(early, "gpu-approved-models")[0][0] == "MANDATORY"
    assert any("main decides: own/pack.yaml" in text for _, text in told_of(late, "cost-estimate"))


@pytest.mark.parametrize(
    ("revision", "says"),
    [
        ("nowhere", 'SPENDGATE_TRUST_FROM "nowhere": no such revision'),
        ("", 'SPENDGATE_TRUST_FROM "" is no revision'),
        ("--output=x", "is no revision"),
    ],
)
def test_what_is_no_revision_starts_no_pack(infra: Path, revision: str, says: str) -> None:
    assert says in refusal(infra, SPENDGATE_TRUST_FROM=revision)


def test_a_revision_without_the_programs_folder_starts_no_pack(tmp_path: Path) -> None:
    said = refusal(tmp_path, SPENDGATE_TRUST_FROM="main")
    assert "SPENDGATE_TRUST_FROM is set, and the folder of the program demo is not found" in said
    assert "SPENDGATE_PROJECT" in said


def test_a_project_of_the_same_name_above_is_not_taken_for_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pulumi -C infra`` in a repository to whose root a change adds a Pulumi.yaml."""
    infra = tmp_path / "infra"
    infra.mkdir()
    for folder in (tmp_path, infra):
        (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", encoding="utf-8")
    (tmp_path / "way").symlink_to("infra")
    with subprocess.Popen(["sleep", "60"], cwd=infra) as engine:
        try:
            monkeypatch.setattr("os.getppid", lambda: engine.pid)
            for shell, found in ((tmp_path, infra), (tmp_path / "way", tmp_path / "way"), (Path("/"), infra)):
                monkeypatch.setenv("PWD", str(shell))
                assert project_folder("demo") == found
        finally:
            engine.kill()


def test_nothing_is_left_behind_when_the_engine_kills_the_pack(infra: Path, tmp_path_factory: Any) -> None:
    temporary = tmp_path_factory.mktemp("copies")
    with started(BASELINE, cwd=infra, SPENDGATE_TRUST_FROM="main", TMPDIR=str(temporary)) as pack:
        pack.analyze(INSTANCE, "gpu", GPU)
        pack.process.kill()
        pack.process.wait(30)
    assert list(temporary.glob("spendgate-*")) == []


def test_own_prices_of_the_trusted_revision_hold(infra: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def price(amount: str, *more: str) -> None:
        folder = str(infra / ".spendgate" / "prices")
        assert main(["prices", "add", "aws", "p5.48xlarge", "us-east-1", amount, "--catalogue", folder, *more]) == 0

    def month(**variables: str) -> str:
        told = told_of(asked(infra, BASELINE, **variables)[1], "cost-estimate")
        return next(text for _, text in told if "a month" in text)

    price("10")
    commit(infra)
    git(infra, "branch", "-f", "main", "change")
    price("20", "--replace")
    assert "$14,600.00 a month" in month()
    assert "$7,300.00 a month" in month(SPENDGATE_TRUST_FROM="main")


def test_growth_over_an_earlier_report_is_judged_in_a_preview(infra: Path) -> None:
    before = report(("dev", 100.0))
    before["inputs"][0]["project"] = "demo"
    (infra / "before.json").write_text(json.dumps(before), encoding="utf-8")
    _, late = asked(infra, COST_GATE)
    assert told_of(late, "estimate-growth") == []
    _, late = asked(infra, COST_GATE, SPENDGATE_BASELINE="before.json")
    ((_, message),) = told_of(late, "estimate-growth")
    assert message.startswith("the expected month grows from $100.00 to $")


def test_a_report_that_does_not_hold_the_stack_is_told(infra: Path) -> None:
    (infra / "before.json").write_text(json.dumps(report(("prod", 100.0))), encoding="utf-8")
    _, late = asked(infra, COST_GATE, SPENDGATE_BASELINE="before.json")
    assert told_of(late, "estimate-growth") == []
    (text,) = [text for _, text in told_of(late, "cost-estimate") if text.startswith("baseline")]
    assert "it holds no estimate of demo, stack dev: growth is not measured" in text


def test_a_baseline_that_is_no_report_starts_no_pack(infra: Path) -> None:
    assert "the baseline cannot be read" in refusal(infra, SPENDGATE_BASELINE="nowhere.json")
    assert "is no report of a check" in refusal(infra, SPENDGATE_BASELINE="spendgate.yaml")
