"""A served pack honours the waivers of the project that is analysed: what is waived is told, and fails nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import analyzer_pb2

from tests.crossguard.conftest import BASELINE, started

INSTANCE = "aws:ec2/instance:Instance"
HEAD = "apiVersion: spendgate.dev/v1\nkind: Waivers\nwaivers:\n"
GPU = {"instanceType": "p5.48xlarge", "ami": "ami-1"}


def entry(days: int = 30, **fields: str) -> str:
    last = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    given = {"id": "W-1", "guardrail": "gpu-approved-models", "resource": "gpu", "expires": last, **fields}
    return (
        f"- {{{', '.join(f'{name}: {value}' for name, value in given.items())}, reason: trial, owner: o, ticket: t}}\n"
    )


def told_of(response: Any, policy: str) -> list[tuple[str, str]]:
    return [
        (analyzer_pb2.EnforcementLevel.Name(item.enforcementLevel), item.message)
        for item in response.diagnostics
        if item.policyName == policy
    ]


def asked(folder: Path) -> tuple[Any, Any]:
    with started(BASELINE, cwd=folder) as pack:
        return pack.analyze(INSTANCE, "gpu", GPU), pack.analyze_stack()


def test_a_waived_violation_is_advice_that_says_so_once_the_stack_is_whole(project: Callable[..., Path]) -> None:
    early, late = asked(project("", waivers__yaml=HEAD + entry()))
    assert told_of(early, "gpu-approved-models") == []
    assert told_of(early, "required-tags")[0][0] == "MANDATORY"
    ((level, message),) = told_of(late, "gpu-approved-models")
    assert level == "ADVISORY"
    assert message.startswith("waived: accelerator H100 is not approved")
    assert "Waived by W-1 until" in message
    assert "trial (owner o, ticket t" in message


def test_a_waiver_that_does_not_hold_leaves_the_violation_mandatory_and_says_why(project: Callable[..., Path]) -> None:
    early, late = asked(project("", waivers__yaml=HEAD + entry(maxMonthlyCost="10") + entry(-3, id="W-2")))
    assert told_of(early, "gpu-approved-models") == []
    ((level, message),) = told_of(late, "gpu-approved-models")
    assert level == "MANDATORY"
    assert "Not waived by W-1: its cost ceiling is $10.00 a month" in message
    assert any("waiver-expired, W-2" in text for _, text in told_of(late, "cost-estimate"))


def test_a_broken_entry_fails_the_preview_and_the_rest_is_told(project: Callable[..., Path]) -> None:
    early, late = asked(project("", waivers__yaml=HEAD + entry(guardrail="gpu-aproved-models")))
    assert told_of(early, "gpu-approved-models")[0][0] == "MANDATORY"
    faults = [text for level, text in told_of(late, "cost-estimate") if level == "MANDATORY"]
    assert len(faults) == 1
    assert 'waivers.yaml:4:24: no guardrail "gpu-aproved-models" to waive' in faults[0]


def test_waivers_of_guardrails_that_another_pack_asks_are_its_business(project: Callable[..., Path]) -> None:
    _, late = asked(project("", waivers__yaml=HEAD + entry(guardrail="gpu-newest-needs-approval")))
    assert all("waiver-unused" not in text for _, text in told_of(late, "cost-estimate"))
