"""What a stack comes to by its tags, and an earlier estimate, as guardrails read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spendgate.bench.cases import declare
from spendgate.estimate import estimate
from spendgate.estimate.discounts import Commitment
from spendgate.estimate.model import ZERO, Range
from spendgate.facts import facts_of
from spendgate.gate import tag_words
from spendgate.prices.catalogue import Catalogue
from spendgate.resource import UNKNOWN
from spendgate.rules.compiled import compile_guardrail
from spendgate.rules.guardrail import Selected
from spendgate.rules.library import load_library
from spendgate.rules.totals import commitment_values, tag_values, words_of
from spendgate.rules.vocabulary import StackContext

CATALOGUE = Catalogue.builtin()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def instance(name: str, tags: Any, size: Any = "g5.xlarge") -> dict[str, Any]:
    return {
        "type": "aws:ec2/instance:Instance",
        "name": name,
        "provider": {"region": "us-east-1"},
        "properties": {"instanceType": size, "tags": tags},
    }


def context(*resources: dict[str, Any], previous: Range | None = None) -> StackContext:
    workloads = facts_of(declare(resources), CATALOGUE)
    made = estimate(workloads, CATALOGUE)
    return StackContext(
        "dev", "test", "", "development", made, workloads, NOW, previous=previous, by_tag=frozenset({"team", "owner"})
    )


def test_what_lacks_a_tag_stands_under_the_empty_value() -> None:
    stack = context(instance("a", {"team": "nlp"}), instance("b", {"owner": "ada"}), instance("c", {"team": ""}))
    values = stack.values()["stack"]
    months = {value: total["text"] for value, total in values["by_tag"]["team"].items()}
    assert months == {"nlp": "$734.38", "": "$1,468.76"}
    assert values["by_tag"]["team"]["nlp"]["accelerators"] == 1.0
    assert {(total["key"], total["value"]) for total in values["tag_totals"]} == {
        ("team", "nlp"),
        ("team", ""),
        ("owner", "ada"),
        ("owner", ""),
    }


def test_a_value_known_only_after_apply_is_counted_nowhere_and_named() -> None:
    stack = context(instance("a", {"team": "nlp"}), instance("b", {"team": UNKNOWN}), instance("c", UNKNOWN))
    assert list(tag_values(stack.workloads, stack.estimate)["by_tag"]["team"]) == ["nlp"]
    assert tag_values(stack.workloads, stack.estimate)["unknown_tags"] == [
        {"name": "b", "key": "team"},
        {"name": "c", "key": ""},
    ]


def test_a_price_that_is_not_known_is_named_with_its_value() -> None:
    stack = context(instance("a", {"team": "nlp"}, UNKNOWN), instance("b", {"team": "nlp"}, "p9.unheard-of"))
    total = tag_values(stack.workloads, stack.estimate)["by_tag"]["team"]["nlp"]
    assert (total["undetermined"], total["unpriced"]) == (["a"], ["a", "b"])


def test_pods_are_paid_for_by_their_nodes_and_count_accelerators_only() -> None:
    pod = {
        "nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
        "containers": [{"name": "a", "image": "a", "resources": {"limits": {"nvidia.com/gpu": "2"}}}],
    }
    job = {"metadata": {"labels": {"team": "nlp"}}, "spec": {"template": {"spec": pod}}}
    pool = {
        "cluster": "ml",
        "location": "us-central1-a",
        "nodeCount": 1,
        "nodeConfig": {"machineType": "g2-standard-24"},
    }
    stack = context(
        {"type": "kubernetes:batch/v1:Job", "name": "train", "properties": job},
        {"type": "gcp:container/nodePool:NodePool", "name": "pool", "properties": pool},
    )
    total = tag_values(stack.workloads, stack.estimate)["by_tag"]["team"]["nlp"]
    assert (total["expected"], total["accelerators"], total["unpriced"]) == (0.0, 2.0, [])


def test_what_runs_on_machines_of_the_stack_adds_no_accelerators_to_theirs() -> None:
    pod = {
        "nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
        "containers": [{"name": "a", "image": "a", "resources": {"limits": {"nvidia.com/gpu": "2"}}}],
    }
    job = {"metadata": {"labels": {"team": "nlp"}}, "spec": {"parallelism": 2, "template": {"spec": pod}}}
    nodes = {"machineType": "g2-standard-24", "resourceLabels": {"team": "nlp"}}
    pool = {"cluster": "ml", "location": "us-central1-a", "nodeCount": 3, "nodeConfig": nodes}
    stack = context(
        {"type": "kubernetes:batch/v1:Job", "name": "train", "properties": job},
        {"type": "gcp:container/nodePool:NodePool", "name": "pool", "properties": pool},
    )
    assert stack.values()["stack"]["accelerators"] == {"L4": 6.0}
    assert tag_values(stack.workloads, stack.estimate)["by_tag"]["team"]["nlp"]["accelerators"] == 6.0


def test_what_costs_nothing_has_no_part_in_it() -> None:
    labelled = {"metadata": {"labels": {"team": "x"}}}
    namespace = {"type": "kubernetes:core/v1:Namespace", "name": "n", "properties": labelled}
    assert context(namespace).values()["stack"]["by_tag"] == {}


@given(st.lists(st.sampled_from(["nlp", "vision", ""]), min_size=1, max_size=6))
def test_the_values_of_a_key_add_up_to_the_stack(teams: list[str]) -> None:
    stack = context(instance("first", {"team": "nlp"}), *(instance(f"i{n}", {"team": t}) for n, t in enumerate(teams)))
    sizes = [total["accelerators"] for total in tag_values(stack.workloads, stack.estimate)["by_tag"]["team"].values()]
    whole = sum((line.cost.monthly for line in stack.estimate.lines if line.cost), ZERO)
    found = sum(total["expected"] for total in tag_values(stack.workloads, stack.estimate)["by_tag"]["team"].values())
    assert sum(sizes) == len(teams) + 1
    assert abs(found - float(whole.expected)) < 1e-6


def test_an_earlier_estimate_is_there_only_where_one_was_given() -> None:
    assert "previous" not in context(instance("a", {})).values()["stack"]
    month = Range(Decimal(1), Decimal(2), Decimal(3))
    assert context(instance("a", {}), previous=month).values()["stack"]["previous"]["monthly"]["text"] == "$2.00"


def test_totals_by_tag_are_worked_out_only_where_a_guardrail_reads_them() -> None:
    library = load_library()
    reading = {
        name
        for name, guardrail in library.items()
        if tag_words([compile_guardrail(Selected(guardrail, guardrail.enforcement, guardrail.defaults))]) is not None
    }
    assert reading == {"gpu-count-per-team", "tag-budgets", "tag-cardinality", "untagged-cost-share"}


def test_a_key_that_no_guardrail_names_has_no_totals() -> None:
    stack = context(instance("a", {"team": "nlp", "Name": "a"}))
    assert list(stack.values()["stack"]["by_tag"]) == ["team"]


def test_keys_are_named_in_parameters_and_in_expressions() -> None:
    guardrail = load_library()["tag-budgets"]
    params = {"monthly_usd": {"cost-center": {"cc-1": 5.0}}, "others_monthly_usd": {}}
    words = tag_words([compile_guardrail(Selected(guardrail, guardrail.enforcement, params))])
    assert words is not None
    assert "cost-center" in words
    assert "Name" not in words
    text = guardrail.variables[0].text
    written = replace(
        guardrail, variables=(replace(guardrail.variables[0], text=f'{text}.filter(t, t.key != "Name")'),)
    )
    assert "Name" in set(words_of(written, {}))


def test_of_a_commitment_is_told_how_much_of_it_is_used() -> None:
    plan = Commitment("plan", lambda line, _: line.item == "g5.xlarge", Decimal(4), percent=Decimal(40))
    idle = Commitment("idle", lambda line, _: False, Decimal(1), percent=Decimal(40))
    workloads = facts_of(declare([instance("a", {}), instance("b", {}), instance("c", {}, "m5.large")]), CATALOGUE)
    made = estimate(workloads, CATALOGUE, discounts=(plan, idle))
    assert commitment_values((plan, idle), made) == [
        {"name": "plan", "count": 4.0, "used": 2.0},
        {"name": "idle", "count": 1.0, "used": 0.0},
    ]


def test_what_takes_no_tags_stands_apart_from_what_lacks_them() -> None:
    machine = {"machineType": "g2-standard-4", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1}
    replicas = {"machineSpec": machine, "minReplicaCount": 1, "maxReplicaCount": 1}
    endpoint = {
        "type": "gcp:vertex/aiEndpointWithModelGardenDeployment:AiEndpointWithModelGardenDeployment",
        "name": "serve",
        "properties": {"location": "us-central1", "deployConfig": {"dedicatedResources": replicas}},
    }
    values = context(instance("a", {"team": "nlp"}), instance("b", {}), endpoint).values()["stack"]
    assert values["untaggable"]["expected"] > 0
    assert values["by_tag"]["team"][""]["expected"] > values["untaggable"]["expected"]
    assert context(instance("b", {})).values()["stack"]["untaggable"]["expected"] == 0
