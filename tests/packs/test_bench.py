"""`spendgate pack test`: the production gate, with the levels and parameters of the pack."""

from __future__ import annotations

from pathlib import Path

from spendgate.packs.bench import run_tests
from spendgate.packs.validate import validate
from spendgate.shipped import packs_dir
from tests.conftest import Run
from tests.packs.conftest import PackIn, change

OWN = """\
apiVersion: spendgate.dev/v1
kind: GuardrailTest
guardrail: gpu-count-per-resource
cases:
  - name: what fits the limit of the pack passes
    resources:
      - type: aws:ec2/instance:Instance
        name: one
        provider: {region: us-east-1}
        properties: {ami: ami-1, instanceType: g5.xlarge}
    expect: []
"""


def test_a_level_of_the_pack_is_that_of_the_findings(pack: PackIn) -> None:
    folder = pack(**{"pack.yaml": ("enforcement: advisory", "enforcement: mandatory")})
    report = run_tests(validate(folder))
    assert report.exit_code == 1
    assert "enforcement" in str(report.failed[0].faults[0])


def test_a_parameter_of_the_pack_holds_in_its_tests(pack: PackIn) -> None:
    folder = pack(**{"pack.yaml": ("enforcement: advisory", "enforcement: advisory, params: {from_gib: 501}")})
    failed = {outcome.case for outcome in run_tests(validate(folder)).failed}
    assert "a large volume without an owner is told" in failed


def test_a_parameter_of_a_case_holds_over_that_of_the_pack(pack: PackIn) -> None:
    folder = pack(**{"pack.yaml": ("enforcement: advisory", "enforcement: advisory, params: {from_gib: 501}")})
    tests = folder / "policies" / "volume-has-owner.test.yaml"
    change(tests, "    resources:", "    params: {from_gib: 100}\n    resources:")
    assert run_tests(validate(folder)).exit_code == 0


def test_shipped_guardrails_that_are_left_as_they_are_are_tested_by_their_own_tests() -> None:
    report = run_tests(validate(packs_dir() / "gpu-baseline"), strict=True)
    assert report.exit_code == 0
    assert {outcome.guardrail for outcome in report.outcomes} >= {"gpu-approved-models", "required-tags"}


def test_strict_misses_tests_of_a_shipped_guardrail_that_the_pack_changes(pack: PackIn) -> None:
    folder = pack(
        **{"pack.yaml": ("- name: gpu-count-per-resource", "- {name: gpu-count-per-resource, params: {max: 2}}")}
    )
    found = validate(folder)
    assert run_tests(found).exit_code == 0
    report = run_tests(found, strict=True)
    assert report.exit_code == 1
    assert "gpu-count-per-resource has no tests with the parameters of the pack" in report.shortfalls[0]


def test_strict_wants_a_passing_a_failing_and_an_unknown_case_of_what_the_pack_tests(
    pack: PackIn, spendgate: Run
) -> None:
    folder = pack()
    (folder / "tests").mkdir()
    (folder / "tests" / "gpu-count-per-resource.test.yaml").write_text(OWN, encoding="utf-8")
    done = spendgate("pack", "test", folder, "--strict")
    assert done.returncode == 1
    assert "gpu-count-per-resource" in done.stdout
    assert "failing and no unknown case" in done.stdout
    assert spendgate("pack", "test", folder).returncode == 0


def test_tests_of_what_the_pack_does_not_select_are_an_error(pack: PackIn, tmp_path: Path, spendgate: Run) -> None:
    folder = pack()
    (folder / "policies" / "gpu-newest-needs-approval.test.yaml").write_text(
        OWN.replace("gpu-count-per-resource", "gpu-newest-needs-approval"), encoding="utf-8"
    )
    done = spendgate("pack", "test", folder)
    assert done.returncode == 2
    assert "which the pack does not select" in done.stderr
