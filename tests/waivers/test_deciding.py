"""One function decides whether a waiver lets a finding pass, and what it leaves is shown, tallied and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.bench import declare
from spendgate.errors import Place
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.report import as_json, markdown, terminal
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Enforcement, Selected, Severity
from spendgate.rules.library import load_library
from spendgate.verdict import Checked, Exit, Finding, Status, Verdict
from spendgate.waivers.decide import Active, Context, Inactive, active
from spendgate.waivers.model import Approvals, Kind, Rules, Waiver, Waivers
from tests.waivers.conftest import NOW

GPU = {
    "type": "aws:ec2/instance:Instance",
    "name": "gpu",
    "provider": {"region": "us-east-1"},
    "properties": {"instanceType": "p5.48xlarge"},
}
URN = "urn:pulumi:dev::test::aws:ec2/instance:Instance::gpu"
FINDING = Finding(
    guardrail="gpu-approved-models",
    status=Status.VIOLATION,
    enforcement=Enforcement.MANDATORY,
    severity=Severity.HIGH,
    address=URN,
    type="aws:ec2/instance:Instance",
    name="gpu",
    message="no",
    remediation="do",
)
HERE = Context("test", "dev", "development", {URN: Decimal(100)}, {"W-1": Decimal(100)})


def waiver(**fields: Any) -> Waiver:
    given_: dict[str, Any] = {
        "id": "W-1",
        "guardrail": "gpu-approved-models",
        "resource": "gpu",
        "reason": "a trial",
        "owner": "nlp",
        "ticket": "GPU-7",
        "expires": date(2026, 3, 31),
        "place": Place("waivers.yaml", 4, 5),
        **fields,
    }
    return Waiver(**given_)


def approval(**fields: Any) -> Waiver:
    return waiver(**{"kind": Kind.APPROVAL, "approver": "ada@example.com", "amount": Decimal(100), **fields})


def checked(*entries: Waiver, rules: Rules | None = None, resources: Any = None, **settings: Any) -> Checked:
    library = load_library()
    names = ("gpu-approved-models", "gpu-priced", "monthly-stack-budget")
    guardrails = [
        compile_guardrail(
            Selected(library[name], Enforcement.MANDATORY, {**library[name].defaults, **settings.get(name, {})})
        )
        for name in names
    ]
    return check(
        declare(resources or [GPU]),
        guardrails,
        Catalogue.builtin(),
        environment="development",
        now=NOW,
        waivers=Waivers(tuple(entries), rules or Rules()),
    )


def statuses(result: Checked, guardrail: str) -> list[str]:
    return [str(one.status) for one in result.findings if one.guardrail == guardrail]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, None),
        ({"resource": "g*"}, None),
        ({"resource": URN}, None),
        ({"type": "aws:ec2/*"}, None),
        ({"environments": ("production", "dev*")}, None),
        ({"granted": date(2026, 3, 1), "expires": date(2026, 3, 1)}, None),
        ({"max_monthly_cost": Decimal(100)}, None),
        ({"guardrail": "gpu-priced"}, "it is for gpu-priced"),
        ({"resource": "cpu"}, "it is for cpu"),
        ({"type": "gcp:*"}, "it is for gpu"),
        ({"environments": ("production",)}, "another project, stack or environment"),
        ({"stack": "prod"}, "another project, stack or environment"),
        ({"project": "other"}, "another project, stack or environment"),
        ({"expires": date(2026, 2, 28)}, "expired on 2026-02-28"),
        ({"granted": date(2026, 3, 2)}, "holds only from 2026-03-02"),
        ({"max_monthly_cost": Decimal("99.99")}, "its cost ceiling is $99.99 a month, and it can cost $100.00"),
    ],
)  # fmt: skip
def test_a_waiver_holds_for_what_it_names_while_it_lasts_and_costs_no_more(
    fields: dict[str, Any], why: str | None
) -> None:
    word = active(waiver(**fields), FINDING, HERE, NOW)
    if why is None:
        assert word == Active(waiver(**fields))
    else:
        assert isinstance(word, Inactive)
        assert why in word.why


def test_a_finding_that_is_an_error_is_never_waived() -> None:
    word = active(waiver(), replace(FINDING, status=Status.ERROR), HERE, NOW)
    assert isinstance(word, Inactive)
    assert word.meant


def test_what_has_no_price_is_under_no_ceiling() -> None:
    word = active(waiver(max_monthly_cost=Decimal(10**9)), FINDING, replace(HERE, costs={URN: None}), NOW)
    assert isinstance(word, Inactive)
    assert "has no price" in word.why


def test_a_plain_waiver_does_not_lift_what_needs_an_approval() -> None:
    here = replace(HERE, approvals=Approvals(guardrails=("gpu-*",)))
    word = active(waiver(), FINDING, here, NOW)
    assert isinstance(word, Inactive)
    assert word.why == "only a signed approval lifts gpu-approved-models"
    assert isinstance(active(approval(), FINDING, here, NOW), Active)


def test_an_approval_whose_signature_nobody_looked_at_does_not_count() -> None:
    word = active(approval(invalid="its signature has not been verified"), FINDING, HERE, NOW)
    assert isinstance(word, Inactive)


def test_an_approval_holds_up_to_its_amount_for_all_it_lets_pass_together() -> None:
    two = [GPU, {**GPU, "name": "gpu-2"}]
    one = checked(approval(resource="gpu*", amount=Decimal(40180)))
    assert statuses(one, "gpu-approved-models") == ["waived"]
    both = checked(approval(resource="gpu*", amount=Decimal(40180)), resources=two)
    assert statuses(both, "gpu-approved-models") == ["violation", "violation"]
    assert "the approved amount is $40,180.00 a month, and it can cost $80,358.40" in both.findings[0].not_waived[0]
    assert statuses(checked(approval(resource="gpu*", amount=Decimal(80359)), resources=two), "gpu-approved-models") == ["waived"] * 2  # fmt: skip


def test_an_approval_of_a_stack_is_held_against_the_whole_stack() -> None:
    whole = {"guardrail": "monthly-stack-budget", "resource": "test-dev"}
    passed = checked(approval(**whole, amount=Decimal(40180)), waiver(id="W-2"))
    assert statuses(passed, "monthly-stack-budget") == ["waived"]
    assert not any(finding.denies for finding in passed.findings)
    assert statuses(checked(approval(**whole, amount=Decimal(40000))), "monthly-stack-budget") == ["violation"]


def test_what_is_waived_is_shown_and_tallied_with_its_reason_in_every_report() -> None:
    verdict = Verdict((checked(waiver(), waiver(id="W-2", guardrail="monthly-stack-budget", resource="test-dev")),))
    assert verdict.exit_code is Exit.PASS
    report = as_json.to_json(verdict)
    assert report["tally"] == {"violation": 0, "undetermined": 0, "waived": 2, "error": 0}
    assert {one["waiver"]["id"] for one in report["findings"]} == {"W-1", "W-2"}
    assert report["findings"][0]["waiver"]["expires"] == "2026-03-31"
    for text in (terminal.render(verdict, width=140), markdown.render(verdict).replace("\\", "")):
        said = " ".join(text.split())
        assert "2 waived" in said
        for part in ("a trial", "nlp", "GPU-7", "2026-03-31", "waivers.yaml:4"):
            assert part in said


def test_a_finding_says_why_the_waiver_that_is_meant_for_it_does_not_hold() -> None:
    result = checked(waiver(expires=date(2026, 2, 1)))
    assert "not waived by W-1: expired on 2026-02-01" in terminal.render(Verdict((result,)), width=140)


def test_an_expired_waiver_is_a_finding_of_its_own_at_its_line() -> None:
    result = checked(waiver(expires=date(2026, 2, 1)))
    (own,) = (one for one in result.findings if one.guardrail == "waiver-expired")
    assert (own.name, own.location, own.enforcement) == ("W-1", Place("waivers.yaml", 4, 5), Enforcement.ADVISORY)
    assert own.message == "expired on 2026-02-01; 1 finding would need it"


def test_an_unused_waiver_is_a_finding_unless_it_is_for_another_stack() -> None:
    assert statuses(checked(waiver(resource="gone")), "waiver-unused") == ["violation"]
    assert statuses(checked(waiver(guardrail="required-tags")), "waiver-unused") == ["violation"]
    assert statuses(checked(waiver(resource="gone", stack="prod")), "waiver-unused") == []


@pytest.mark.parametrize(
    ("fields", "rules", "wide"),
    [
        ({}, {}, False),
        ({"guardrail": "*", "resource": "*"}, {"max_guardrails": 1000}, True),
        ({"guardrail": "gpu-*"}, {}, True),
        ({"guardrail": "gpu-*"}, {"max_guardrails": 2}, False),
        ({"resource": "*"}, {"max_resources": 2}, False),
        ({"resource": "*"}, {"max_resources": 1}, True),
    ],
)
def test_a_waiver_that_is_too_wide_fails_the_gate(fields: dict[str, Any], rules: dict[str, Any], wide: bool) -> None:
    result = checked(waiver(**fields), rules=Rules(**rules), resources=[GPU, {**GPU, "name": "gpu-2"}])
    found = [one for one in result.findings if one.guardrail == "waiver-too-wide"]
    assert [one.denies for one in found] == [True] * wide


def test_levels_of_findings_about_waivers_can_be_set() -> None:
    rules = Rules(
        levels={**Rules().levels, "waiver-expired": Enforcement.MANDATORY, "waiver-unused": Enforcement.DISABLED}
    )
    result = checked(waiver(expires=date(2026, 2, 1)), waiver(id="W-2", resource="gone"), rules=rules)
    assert [one.denies for one in result.findings if one.guardrail == "waiver-expired"] == [True]
    assert statuses(result, "waiver-unused") == []


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-400, 400), st.integers(0, 86_399))
def test_a_waiver_holds_to_the_last_second_of_its_last_day_in_utc(last: date, days: int, second: int) -> None:
    day = last + timedelta(days=days)
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    assert isinstance(active(waiver(expires=last), FINDING, HERE, now), Active) is (days <= 0)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_guardrail_about_waivers_is_ever_waived(guardrail: str, resource: str) -> None:
    about = replace(FINDING, guardrail="waiver-too-wide")
    assert isinstance(active(waiver(guardrail=guardrail or "*", resource=resource), about, HERE, NOW), Inactive)
