"""The gate judges what patches leave; a waiver comes before a patch; ``as_declared`` judges the program as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spendgate.bench import read_cases, run_case
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.remedy.model import Patch
from spendgate.remedy.stack import MOST_PROPOSED
from spendgate.resource import Declaration, Resource
from spendgate.rules.compiled import Compiled, compile_guardrail
from spendgate.rules.guardrail import Enforcement, Selected
from spendgate.rules.library import guardrail_files, load_guardrail, load_library
from spendgate.shipped import policies_dir
from spendgate.verdict import Checked, Exit, Status, Verdict
from spendgate.waivers.model import Waiver, Waivers
from tests.remedy.conftest import Write, resource

VOLUME = "aws:ebs/volume:Volume"
LIBRARY = load_library()
PATCHING = sorted(name for name, guardrail in LIBRARY.items() if guardrail.patches)


def shipped(name: str, level: Enforcement = Enforcement.REMEDIATE, **params: Any) -> Compiled:
    guardrail = LIBRARY[name]
    return compile_guardrail(Selected(guardrail, level, {**guardrail.defaults, **params}))


def judged(
    resources: Iterable[Resource], *guardrails: Compiled, waivers: Waivers | None = None, **how: bool
) -> Checked:
    return check(
        Declaration("demo", "dev", Path(), tuple(resources)),
        guardrails,
        Catalogue.builtin(),
        environment="development",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        waivers=waivers or Waivers(),
        **how,  # type: ignore[arg-type]
    )


def old(name: str = "scratch", **more: Any) -> Resource:
    return resource(VOLUME, {"size": 100, "type": "gp2", **more}, name)


def items(checked: Checked) -> list[str]:
    return [line.item for line in checked.estimate.lines]


def test_what_a_patch_mends_is_no_finding_and_costs_what_it_then_is() -> None:
    checked = judged([old()], shipped("volume-current-generation"))
    assert checked.findings == ()
    assert Verdict((checked,)).exit_code is Exit.PASS
    assert items(checked) == ["ebs.gp3"]
    (remedy,) = checked.remedies
    assert remedy.applied
    assert remedy.patches == (Patch("type", "gp2", "gp3"),)


def test_as_declared_nothing_is_patched_and_the_patch_is_proposed() -> None:
    checked = judged([old()], shipped("volume-current-generation"), as_declared=True)
    (finding,) = checked.findings
    assert finding.denies
    assert finding.not_patched == "the program is judged as it is declared"
    assert items(checked) == ["ebs.gp2"]
    assert [remedy.applied for remedy in checked.remedies] == [False]


@pytest.mark.parametrize("level", [Enforcement.MANDATORY, Enforcement.ADVISORY])
def test_at_other_levels_the_same_patch_is_proposed_and_changes_nothing(level: Enforcement) -> None:
    checked = judged([old()], shipped("volume-current-generation", level))
    (finding,), (remedy,) = checked.findings, checked.remedies
    assert finding.status is Status.VIOLATION
    assert (finding.not_patched, remedy.applied) == ("", False)
    assert remedy.patches == (Patch("type", "gp2", "gp3"),)


def test_proposals_are_worked_out_for_as_many_as_are_read() -> None:
    many = [old(f"v{index}") for index in range(MOST_PROPOSED + 5)]
    checked = judged(many, shipped("volume-current-generation", Enforcement.MANDATORY))
    assert len(checked.findings) == MOST_PROPOSED + 5
    assert len(checked.remedies) == MOST_PROPOSED


def test_a_bucket_s_rules_of_its_own_are_proposed_where_the_rest_of_the_stack_is_known() -> None:
    rules = [{"enabled": True, "expiration": {"days": 30}}]
    bucket = resource("aws:s3/bucket:Bucket", {"lifecycleRules": rules}, "checkpoints")
    checked = judged([bucket], shipped("incomplete-uploads-expire", Enforcement.MANDATORY))
    (remedy,) = checked.remedies
    assert remedy.patches[0].path == "lifecycleRules[+]"
    assert remedy.patches[0].new["abortIncompleteMultipartUploadDays"] == 7


def test_what_the_rest_of_the_stack_may_settle_is_not_patched_and_says_so() -> None:
    bucket = resource("aws:s3/bucket:Bucket", {}, "checkpoints")
    (finding,) = judged([bucket], shipped("incomplete-uploads-expire")).findings
    assert finding.denies
    assert finding.not_patched == "what the rest of the stack says is not known when a resource is patched"


def test_other_guardrails_see_the_patched_resource(write: Write) -> None:
    strict = write("no-gp3", "facts.storage_class != 'gp3'", "{fact: tags, expression: '{}'}", level="mandatory")
    checked = judged([old()], shipped("volume-current-generation"), strict)
    assert [finding.guardrail for finding in checked.findings] == ["no-gp3"]


WAIVER = Waiver(
    id="w1",
    guardrail="volume-current-generation",
    resource="scratch",
    reason="moved in March",
    owner="ada",
    ticket="OPS-1",
    expires=date(2026, 3, 1),
)


def test_what_a_waiver_is_meant_for_is_left_as_it_is() -> None:
    checked = judged([old(), old("other")], shipped("volume-current-generation"), waivers=Waivers((WAIVER,)))
    assert [finding.status for finding in checked.findings] == [Status.WAIVED]
    assert [remedy.name for remedy in checked.remedies] == ["other"]


def test_a_waiver_that_is_meant_for_it_and_does_not_hold_leaves_a_violation_that_says_so() -> None:
    dear = replace(WAIVER, max_monthly_cost=Decimal("0.01"))
    (finding,) = judged([old()], shipped("volume-current-generation"), waivers=Waivers((dear,))).findings
    assert finding.denies
    assert finding.not_patched == "a waiver is meant for it"
    assert finding.not_waived


@pytest.mark.parametrize("name", PATCHING)
def test_the_tests_of_every_shipped_patch_show_it_made(name: str) -> None:
    (path,) = policies_dir().rglob(f"{name}.test.yaml")
    cases = read_cases(path, LIBRARY)
    assert any(case.patched for case in cases)


def test_no_shipped_guardrail_patches_unless_it_is_asked_to() -> None:
    levels = {load_guardrail(path).enforcement for path in guardrail_files(policies_dir())}
    assert Enforcement.REMEDIATE not in levels


PATCHED = """\
apiVersion: spendgate.dev/v1
kind: GuardrailTest
guardrail: volume-current-generation
cases:
  - name: an old volume
    resources:
      - {{type: "aws:ebs/volume:Volume", name: data, provider: {{region: us-east-1}}, properties: {{type: gp2, size: 1}}}}
{patched}    expect:
      - {{resource: data, status: violation}}
"""


@pytest.mark.parametrize(
    ("patched", "faults"),
    [
        ("    patched: {data: {type: gp3}}\n", []),
        ("", ['patch of data, type: sets "gp3", which patched does not name']),
        ("    patched: {data: {type: io2}}\n", ['patch of data, type: sets "gp3", not "io2"']),
        (
            "    patched: {data: {type: gp3, size: 2}}\n",
            ["patch of data, size: expected 2, but it is not made"],
        ),
    ],
)
def test_a_case_names_all_that_is_patched_and_nothing_else(tmp_path: Path, patched: str, faults: list[str]) -> None:
    file = tmp_path / "volume-current-generation.test.yaml"
    file.write_text(PATCHED.format(patched=patched), "utf-8")
    (case,) = read_cases(file, LIBRARY)
    assert [str(fault) for fault in run_case(case).faults] == faults


def test_a_case_that_names_a_resource_it_does_not_hold_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "volume-current-generation.test.yaml"
    file.write_text(PATCHED.format(patched="    patched: {dta: {type: gp3}}\n"), "utf-8")
    with pytest.raises(Exception, match='no resource "dta"'):
        read_cases(file, LIBRARY)
