"""What the guardrails say of a cheaper way decides whether it is offered."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.estimate.alternatives import Way
from spendgate.estimate.discounts import Commitment, Discount
from spendgate.gate import check
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import Declaration, Provider, Resource
from spendgate.rules.compiled import compile_all
from spendgate.rules.guardrail import Enforcement, Selected
from spendgate.rules.library import load_guardrail, load_library

CATALOGUE = Catalogue.builtin()
LIBRARY = load_library()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _machine(name="gpu", region="eu-central-1", **properties):
    declared = {"instanceType": "g5.xlarge", **properties}
    address = f"urn:pulumi:dev::x::aws:ec2/instance:Instance::{name}"
    return Resource(
        "aws:ec2/instance:Instance", name, address, declared, provider=Provider("aws", "urn:p", {"region": region})
    )


def _selected(name, enforcement=Enforcement.MANDATORY, **params):
    guardrail = LIBRARY[name] if isinstance(name, str) else name
    assert set(params) <= set(guardrail.params)
    return Selected(guardrail, enforcement, {**guardrail.defaults, **params})


def _found(*resources, guardrails=(), environment="production", **options):
    declaration = Declaration("x", "dev", Path(), tuple(resources))
    return check(
        declaration,
        compile_all(guardrails),
        CATALOGUE,
        environment=environment,
        now=NOW,
        savings=True,
        **options,
    )


def _regions(checked):
    return [saving.change.split()[0] for saving in checked.savings if saving.way is Way.REGION]


def test_without_being_asked_for_nothing_is_worked_out():
    assert check(Declaration("x", "dev", Path(), (_machine(),)), (), CATALOGUE, environment="", now=NOW).savings is None


def test_a_region_that_is_not_approved_is_not_offered_and_the_cheapest_approved_one_is():
    free = _regions(_found(_machine()))
    approved = ["eu-central-1", "eu-west-3", "ap-northeast-1"]
    bound = _regions(_found(_machine(), guardrails=[_selected("approved-regions", regions=approved)]))
    assert free
    assert set(bound) <= set(approved)
    assert not set(free) & set(bound)


def test_a_region_that_is_as_unapproved_as_the_declared_one_is_not_offered():
    rules = [_selected("approved-regions", regions=["us-gov-west-1"])]
    checked = _found(_machine(), guardrails=rules)
    assert checked.findings
    assert _regions(checked) == []


def test_advice_does_not_stand_in_the_way():
    rules = [_selected("approved-regions", Enforcement.ADVISORY, regions=["eu-central-1"])]
    assert _regions(_found(_machine(), guardrails=rules)) == _regions(_found(_machine()))


def test_a_stack_that_is_over_its_budget_is_offered_what_brings_it_down():
    rules = [_selected("monthly-stack-budget", monthly_usd=10)]
    assert _regions(_found(_machine(), guardrails=rules)) == _regions(_found(_machine()))


def test_a_dirtier_grid_that_breaks_the_carbon_budget_is_not_offered():
    machine = _machine(region="eu-central-1")
    free = _regions(_found(machine))
    assert "us-east-1" in free or "us-east-2" in free
    rules = [_selected("stack-carbon-budget", monthly_kg_co2e=27)]
    bound = _regions(_found(machine, guardrails=rules))
    assert bound
    assert not {"us-east-1", "us-east-2"} & set(bound)
    for region in bound:
        moved = _found(_machine(region=region), guardrails=rules)
        assert not [finding for finding in moved.findings if finding.denies]


SCHEDULED = """
apiVersion: spendgate.dev/v1
kind: Guardrail
metadata: {name: no-night-off, title: t, category: time, severity: low, description: d}
spec:
  target: resource
  enforcement: mandatory
  onUnknown: deny
  validations:
    - {expression: "!(has(facts.schedule) && resource.name == 'kept')", message: may not stop}
  remediation: r
"""


def test_a_guardrail_that_reads_a_name_is_asked_about_each_of_equal_resources(tmp_path):
    path = tmp_path / "no-night-off.yaml"
    path.write_text(SCHEDULED)
    rules = [_selected(load_guardrail(path))]
    free = _found(_machine("a"), _machine("b"), guardrails=rules, environment="development")
    bound = _found(_machine("a"), _machine("kept"), guardrails=rules, environment="development")
    assert Way.SCHEDULE in {saving.way for saving in free.savings}
    assert Way.SCHEDULE not in {saving.way for saving in bound.savings}


def test_spot_is_not_offered_where_a_guardrail_refuses_it(tmp_path):
    job = _machine(tags={"checkpointing": "s3"})
    assert Way.SPOT in {saving.way for saving in _found(job).savings}
    text = SCHEDULED.replace("no-night-off", "no-spot").replace(
        "!(has(facts.schedule) && resource.name == 'kept')", "!(has(facts.purchase) && facts.purchase == 'spot')"
    )
    path = tmp_path / "no-spot.yaml"
    path.write_text(text)
    rules = [_selected(load_guardrail(path))]
    assert Way.SPOT not in {saving.way for saving in _found(job, guardrails=rules).savings}


def test_prices_older_than_the_limit_are_not_offered():
    assert _found(_machine(), max_price_age=10).savings == ()


@pytest.mark.parametrize("environment", ["development", "production"])
def test_every_offer_passes_the_guardrails_of_the_library_once_it_is_declared(environment):
    rules = [
        _selected(name)
        for name in sorted(LIBRARY)
        if not [p for p in LIBRARY[name].params if p not in LIBRARY[name].defaults]
    ]
    machine = _machine(instanceType="p4d.24xlarge", tags={"checkpointing": "s3"})
    before = _found(machine, guardrails=rules, environment=environment)
    refused = {finding.guardrail for finding in before.findings if finding.denies}
    moves = [saving for saving in before.savings if saving.way is Way.REGION]
    assert before.savings
    for saving in moves:
        after = _found(
            _machine(region=saving.change.split()[0], instanceType="p4d.24xlarge", tags={"checkpointing": "s3"}),
            guardrails=rules,
            environment=environment,
        )
        assert {finding.guardrail for finding in after.findings if finding.denies} <= refused
        assert "approved-regions" not in {finding.guardrail for finding in after.findings}


def test_a_discount_is_in_the_amounts_and_what_is_committed_to_is_left_out():
    half = Discount("half", lambda line, workload: True, Decimal(50), origin="spendgate.yaml:3")
    (listed, *_), (halved, *_) = _found(_machine()).savings, _found(_machine(), discounts=(half,)).savings
    assert halved.saved * 2 == listed.saved
    bought = Commitment(
        "bought", lambda line, workload: True, Decimal(1), percent=Decimal(40), origin="spendgate.yaml:5"
    )
    assert _found(_machine(), discounts=(bought,)).savings == ()
