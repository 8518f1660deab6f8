"""What a case may say besides its resources: the time, an earlier estimate, scenarios and commitments."""

from __future__ import annotations

from pathlib import Path

import pytest

from spendgate.bench import Outcome, run_file
from spendgate.errors import InputError
from spendgate.rules.library import load_library

GPU = (
    "{type: 'aws:ec2/instance:Instance', name: gpu, provider: {region: us-east-1}, properties: {instanceType: g5.xlarge"
)
SNAPSHOT = f"{GPU}, tags: {{expires-on: '2026-06-01'}}}}}}"


def outcome(folder: Path, guardrail: str, case: str, resource: str) -> Outcome:
    path = folder / f"{guardrail}.test.yaml"
    path.write_text(
        f"apiVersion: spendgate.dev/v1\nkind: GuardrailTest\nguardrail: {guardrail}\ncases:\n"
        f"  - {{name: one, {case}, resources: [{resource}], expect: []}}\n",
        encoding="utf-8",
    )
    (found,) = run_file(path, load_library())
    return found


@pytest.mark.parametrize(
    ("now", "status"),
    [("2026-05-31", "pass"), ("2026-05-31T23:00:00Z", "pass"), ("2026-06-03", "violation")],
)
def test_a_day_that_has_come_is_judged_at_the_time_of_the_case(tmp_path: Path, now: str, status: str) -> None:
    case = f"environment: preview, now: '{now}', params: {{max_days: 9999}}"
    assert outcome(tmp_path, "ephemeral-expiry", case, SNAPSHOT).statuses == {status}


def test_what_is_no_time_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'ephemeral-expiry.test.yaml:5:\d+: "soon" is no time'):
        outcome(tmp_path, "ephemeral-expiry", "now: soon", SNAPSHOT)


def test_a_match_that_does_not_compile_is_an_error_with_its_place(tmp_path: Path) -> None:
    commitments = "commitments: [{name: plan, match: 'line.itm == 1', count: 1, percent: 1}]"
    with pytest.raises(InputError, match=r"commitment-used.test.yaml:5:\d+: CEL: "):
        outcome(tmp_path, "commitment-used", commitments, SNAPSHOT)


def test_scenarios_multiply_what_is_declared(tmp_path: Path) -> None:
    pool = (
        "{type: 'aws:eks/nodeGroup:NodeGroup', name: pool, provider: {region: us-east-1}, properties: "
        "{instanceTypes: [g5.xlarge], scalingConfig: {minSize: 1, desiredSize: 1, maxSize: 8}}}"
    )
    case = "scenarios: {launch: {instances: 4}}, params: {monthly_usd: 2000}"
    assert outcome(tmp_path, "scenario-budget", case, pool).statuses == {"violation"}
    assert outcome(tmp_path, "scenario-budget", case.replace("4", "2"), pool).statuses == {"pass"}
