"""Usage files: what they say, what it comes to, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from spendgate.config import load_config
from spendgate.errors import InputError
from spendgate.estimate import estimate
from spendgate.estimate.carbon import CarbonOf
from spendgate.estimate.model import Estimate
from spendgate.estimate.usage import Entry, Given, Usage
from spendgate.estimate.usage_file import read_usage, usage_of
from spendgate.facts.model import Part
from spendgate.prices.catalogue import Catalogue
from spendgate.schemas import schema
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()
HEAD = "apiVersion: spendgate.dev/v1\nkind: Usage\n"
LIST = Decimal("1.006")
SPOT = Decimal("0.436")
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
GPU = {"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge", "count": [1, 1, 1]}
BUCKET = {"kind": "bucket", "provider": "aws", "region": "us-east-1", "storage_class": "standard"}


def usage(folder: Path, text: str) -> Usage:
    path = folder / "spendgate-usage.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return read_usage(path, shown_as="spendgate-usage.yaml")


def priced(folder: Path, text: str, *workloads) -> Estimate:
    return estimate(workloads or [workload("a", **GPU)], CATALOGUE, usage=usage(folder, text))


def said(match: str, *figures: str) -> str:
    return "resources:\n  - match: {" + match + "}\n" + "".join(f"    {figure}\n" for figure in figures)


def test_hours_a_month_come_from_the_file_and_the_line_says_where(tmp_path: Path):
    (line,) = priced(tmp_path, said("name: a", "hoursPerMonth: 160")).lines
    assert line.cost.monthly.expected == LIST * 160
    assert line.confidence == "derived"
    assert "runs 160 h a month (usage file: spendgate-usage.yaml:5)" in line.assumptions


def test_without_a_word_on_it_the_default_stands_and_is_marked(tmp_path: Path):
    (line,) = priced(tmp_path, said("name: other", "hoursPerMonth: 160")).lines
    assert line.confidence == "assumed"
    assert line.hours.expected == 730


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ("name: a", True),
        ("name: 'urn:test::*'", True),
        ("name: 'b*'", False),
        ("type: 'test:*'", True),
        ("tags: {team: 'nl?'}", True),
        ("tags: {team: cv}", False),
        ("name: a, type: 'aws:*'", False),
    ],
)
def test_resources_are_matched_by_name_address_type_and_tags(tmp_path: Path, match: str, meant: bool):
    resource = workload("a", **GPU, tags={"team": "nlp"})
    (line,) = priced(tmp_path, said(match, "hoursPerMonth: 1"), resource).lines
    assert (line.hours.expected == 1) is meant


def test_of_two_entries_the_later_one_counts_figure_by_figure(tmp_path: Path):
    text = said("type: '*'", "hoursPerMonth: 100", "instances: 1") + "  - {match: {name: a}, hoursPerMonth: 40}\n"
    (line,) = priced(tmp_path, text, workload("a", **{**GPU, "count": [1, 2, 4]})).lines
    assert line.hours.expected == 40
    assert line.quantity.expected == 1


def test_runs_and_their_length_replace_the_cap_which_stays_the_most_a_run_takes(tmp_path: Path):
    job = workload("a", **{**GPU, "kind": "training_job", "max_runtime_hours": 10})
    found = priced(tmp_path, said("name: a", "runsPerMonth: 20", "hoursPerRun: 4"), job)
    (line,) = found.lines
    assert (line.cost.run.expected, line.cost.run.high) == (LIST * 4, LIST * 10)
    assert line.cost.monthly.expected == LIST * 80
    assert [(driver.per, driver.cost.expected) for driver in found.drivers] == [("run", LIST * 4)]


def test_spot_that_is_not_always_to_be_had_costs_on_demand_for_the_rest(tmp_path: Path):
    spot = workload("a", **{**GPU, "purchase": "spot"})
    (line,) = priced(tmp_path, said("name: a", "spotAvailability: 0.75"), spot).lines
    assert line.cost.hourly.expected == SPOT * Decimal("0.75") + LIST * Decimal("0.25")
    assert (line.cost.hourly.low, line.cost.hourly.high) == (SPOT, LIST)


def test_what_a_bucket_stores_and_sends_has_lines(tmp_path: Path):
    bucket = workload("data", "aws:s3/bucket:Bucket", **BUCKET)
    found = priced(tmp_path, said("name: data", "storedGib: 500", "egressGib: 12000"), bucket)
    shown = [(line.item, line.quantity.expected, line.cost.monthly.expected) for line in found.lines]
    assert shown == [
        ("s3.standard", 500, Decimal("0.023") * 500),
        ("transfer.internet.first_10_tb", 10240, Decimal("0.09") * 10240),
        ("transfer.internet.next_40_tb", 1760, Decimal("0.085") * 1760),
    ]
    assert {line.confidence for line in found.lines} == {"derived"}
    assert not found.assumptions


def test_data_through_a_gateway_has_a_line(tmp_path: Path):
    nat = workload("nat", "aws:ec2/natGateway:NatGateway", **{**GPU, "kind": "network"})
    found = priced(tmp_path, said("name: nat", "processedGib: 1000"), nat)
    assert [line.item for line in found.lines] == ["nat.gateway", "nat.data"]
    assert found.lines[1].cost.monthly.expected == 45


def test_data_through_a_load_balancer_and_into_a_log_has_a_line(tmp_path: Path):
    plain = {**GPU, "kind": "network", "instance_type": None}
    balancer = replace(
        workload("lb", "aws:lb/loadBalancer:LoadBalancer", **plain),
        parts=(Part("it", workload("x", **plain).facts, "item:lb.application"),),
    )
    log = workload("log", "aws:cloudwatch/logGroup:LogGroup", **{**plain, "kind": "other"})
    text = said("name: lb", "processedGib: 1000") + said("name: log", "ingestedGib: 200").removeprefix("resources:\n")
    found = priced(tmp_path, text, balancer, log)
    assert [(line.item, line.cost.monthly.expected) for line in found.lines[1:]] == [
        ("lb.application.lcu", 8),
        ("logs.ingest", 100),
    ]
    assert "a capacity unit for each GiB in an hour" in found.lines[1].assumptions[1]
    assert not found.cautions


def test_utilisation_tells_the_energy_of_that_resource_alone(tmp_path: Path):
    found = priced(tmp_path, said("name: a", "utilisation: 1"), workload("a", **GPU), workload("b", **GPU))
    busy, usual = CarbonOf(CATALOGUE).footprint(found.lines).lines
    assert busy.kwh.expected == busy.kwh.low == usual.kwh.high > usual.kwh.expected
    assert "hardware runs at 100% of its full load, as stated" in busy.assumptions


def test_instances_on_average_are_split_over_parts_as_they_are_declared(tmp_path: Path):
    parts = tuple(
        Part(name, workload("x", **{**GPU, "count": [0, many, 8]}).facts) for name, many in (("a", 1), ("b", 3))
    )
    whole = replace(workload("cluster", **{**GPU, "kind": "node_pool", "count": [0, 4, 16]}), parts=parts)
    found = priced(tmp_path, said("name: cluster", "instances: 6"), whole)
    assert [line.quantity.expected for line in found.lines] == [Decimal("1.5"), Decimal("4.5")]
    assert "split as declared" in found.lines[0].assumptions[1]


def test_requests_and_tokens_give_unit_costs(tmp_path: Path):
    endpoint = workload("a", **{**GPU, "kind": "endpoint"})
    text = said("name: a", "requestsPerMonth: 500000", "inputTokensPerMonth: 3000000", "outputTokensPerMonth: 1000000")
    found = priced(tmp_path, text, endpoint)
    month = LIST * 730
    assert {driver.per: driver.cost.expected for driver in found.drivers} == {
        "1,000 requests": month / 500,
        "million tokens": month / 4,
    }


def test_a_model_costs_its_tokens_with_the_cached_ones_at_their_own_price(tmp_path: Path):
    text = f"""models:
  - {{name: bot, provider: bedrock, model: "{HAIKU}", inputTokensPerMonth: 100000000, outputTokensPerMonth: 10000000,
     cacheHitShare: 0.25, requestsPerMonth: 1000}}
"""
    found = priced(tmp_path, text)
    assert [(line.quote.amount, line.quantity.expected) for line in found.lines if line.resource == "model bot"] == [
        (Decimal(1), 75),
        (Decimal("0.1"), 25),
        (Decimal(5), 10),
    ]
    assert all(line.quote.source and line.quote.as_of for line in found.lines)
    assert {driver.per for driver in found.drivers} == {"1,000 requests", "million tokens"}


def test_a_model_without_a_price_is_told_with_the_nearest_one(tmp_path: Path):
    text = "models:\n  - {provider: bedrock, model: amazon.nova-micro-v1, inputTokensPerMonth: 1, outputTokensPerMonth: 1}\n"
    line = priced(tmp_path, text).unpriced[0]
    assert 'did you mean "amazon.nova-micro-v1:0"?' in line.quote.note


SCENARIOS = f"""models:
  - {{name: bot, provider: bedrock, model: "{HAIKU}", inputTokensPerMonth: 100000000, outputTokensPerMonth: 0}}
scenarios:
  growth: {{growth: 3}}
  longer: {{promptLength: 2}}
  cached: {{cacheHitShare: 0.5}}
  small: {{models: {{bot: amazon.nova-micro-v1:0}}}}
  half: {{hours: 0.5}}
  more: {{instances: 2}}
  given: {{resources: [{{match: {{name: a}}, hoursPerMonth: 100}}]}}
"""


def test_scenarios_stand_beside_the_file_as_it_is(tmp_path: Path):
    found = priced(tmp_path, SCENARIOS)
    machine, tokens = LIST * 730, Decimal(100)
    assert {item.name: item.total.monthly.expected for item in found.scenarios} == {
        "base": machine + tokens,
        "growth": machine + tokens * 3,
        "longer": machine + tokens * 2,
        "cached": machine + tokens / 2 + tokens / 20,
        "small": machine + tokens * Decimal("0.035"),
        "half": machine / 2 + tokens,
        "more": machine * 2 + tokens,
        "given": LIST * 100 + tokens,
    }
    assert found.total.monthly.expected == machine + tokens


def test_runs_grow_whether_the_file_gives_them_or_the_program(tmp_path: Path):
    job = {**GPU, "kind": "training_job", "max_runtime_hours": 6, "runs_per_month": 10}
    text = "resources: [{match: {name: a}, runsPerMonth: 20}]\nscenarios: {growth: {growth: 3}}\n"
    found = priced(tmp_path, text, workload("a", **job), workload("b", **job))
    assert [item.total.monthly.expected for item in found.scenarios] == [LIST * 6 * 30, LIST * 6 * 90]


def test_an_entry_that_matches_nothing_is_a_caution_with_the_nearest_name(tmp_path: Path):
    found = priced(tmp_path, said("name: trainer", "instances: 2"), workload("training", **GPU))
    assert found.cautions == ('usage file: spendgate-usage.yaml:4 matches no resource; did you mean "training"?',)


def test_a_figure_that_a_resource_cannot_use_is_a_caution(tmp_path: Path):
    found = priced(tmp_path, said("name: a", "storedGib: 5"))
    assert found.cautions == ("usage file: storedGib (spendgate-usage.yaml:5) has no effect on a (compute)",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (said("name: a", "hoursPerMont: 4"), 'unknown key "hoursPerMont"'),
        (said("name: a", "hoursPerMont: 4"), 'did you mean "hoursPerMonth"?'),
        (said("name: a", "hoursPerMonth: 745"), "745 is greater than the maximum of 744"),
        (said("name: a", "hoursPerMonth: -1"), "-1 is less than the minimum of 0"),
        (said("name: a", "hoursPerMonth: .nan"), "hoursPerMonth is no number"),
        (said("name: a", "storedGib: .inf"), "storedGib is no number"),
        (said("name: a", "storedGib: 1e20"), "greater than the maximum"),
        (said("name: a", "storedGib: lots"), "not of type number"),
        (said("name: a", "spotShare: 1.5"), "1.5 is greater than the maximum of 1"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, text: str, told: str):
    with pytest.raises(InputError) as error:
        usage(tmp_path, text)
    assert told in str(error.value)
    assert "spendgate-usage.yaml:5:" in str(error.value)


def test_a_scenario_of_an_unknown_model_and_one_called_base_are_refused(tmp_path: Path):
    with pytest.raises(InputError) as error:
        usage(tmp_path, SCENARIOS.replace("{bot: amazon", "{bott: amazon") + "  base: {growth: 2}\n")
    assert 'no model "bott"' in str(error.value)
    assert 'did you mean "bot"?' in str(error.value)
    assert "base is the file as it stands" in str(error.value)


def test_a_project_names_its_usage_file_or_has_it_beside_its_settings(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    settings = tmp_path / "spendgate.yaml"
    settings.write_text("apiVersion: spendgate.dev/v1\nkind: Config\n", encoding="utf-8")
    config = load_config(tmp_path)
    assert usage_of(config.usage, config.usage_place) == Usage()
    usage(tmp_path, said("name: a", "instances: 2"))
    assert len(usage_of(config.usage, config.usage_place).entries) == 1
    settings.write_text("apiVersion: spendgate.dev/v1\nkind: Config\nusage: missing.yaml\n", encoding="utf-8")
    config = load_config(tmp_path)
    with pytest.raises(InputError, match=r'spendgate\.yaml:3:8: no such usage file: "missing.yaml"'):
        usage_of(config.usage, config.usage_place)


def test_another_currency_than_that_of_the_prices_is_refused_at_its_place(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    text = "apiVersion: spendgate.dev/v1\nkind: Config\nprices: {currency: EUR}\n"
    (tmp_path / "spendgate.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"spendgate\.yaml:3:20: all prices of the catalogue are in USD"):
        load_config(tmp_path)


def test_the_published_schema_is_one():
    Draft202012Validator.check_schema(schema("usage"))


@given(st.decimals(0, 744, places=3), st.decimals(0, 50, places=2), st.decimals(0, 5, places=2))
def test_whatever_is_used_the_lines_sum_to_the_total_and_to_what_is_how_good(hours, instances, factor):
    figures = (("hoursPerMonth", Given(hours, "f:1")), ("instances", Given(instances, "f:2")))
    of_file = Usage((Entry(figures, name="*"),), hours=factor)
    found = estimate([workload("a", **GPU), workload("b", **{**GPU, "purchase": "spot"})], CATALOGUE, usage=of_file)
    total = sum(line.cost.monthly.expected for line in found.lines)
    assert total == found.total.monthly.expected == sum(found.by_confidence.values())
