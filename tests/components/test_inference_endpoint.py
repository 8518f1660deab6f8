"""Endpoints: bounded, empty without requests outside production, and with the price of a thousand inferences."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate.rules.library import load_library
from spendgate_components import ArgumentError, InferenceEndpointArgs, Replicas, WorkloadTags
from spendgate_components.child import declared
from spendgate_components.component import Limits, judged
from spendgate_components.inference_endpoint import RUN_TYPES, plan
from spendgate_components.pods import MOVING
from spendgate_components.replicas import MOST_FACTOR, MOST_REPLICAS, WARM, WARM_OF_MODEL
from tests.components.conftest import CheckProgram, message, objections
from tests.components.test_tags import WHO
from tests.components.told import same_to_the_cent

CATALOGUE = Catalogue.builtin()
WHAT = {"model": "ranker", "model_version": "3"}
METRICS = {"metrics_url": "http://prometheus.monitoring:9090", "metrics_query": "sum(rate(requests_total[1m]))"}

ARGS: dict[str, dict[str, Any]] = {
    "sagemaker": {"region": "us-west-2", "image": "server:1.4.2", "role_arn": "arn:aws:iam::1:role/serve", "output_uri": "s3://answers/out"},
    "cloudrun": {"region": "us-central1", "image": "server:1.4.2", "service_account": "serve@llm.iam.gserviceaccount.com"},
    "vertex": {"region": "us-central1", "model_uri": "Qwen/Qwen3-0.6B"},
    "eks": {"region": "us-west-2", "image": "server:1.4.2", "requests_per_second": 12, **METRICS},
    "karpenter": {"region": "us-west-2", "image": "server:1.4.2", "requests_per_second": 12, **METRICS},
    "aks": {"region": "eastus", "image": "server:1.4.2", "requests_per_second": 12, "accelerator": "T4", **METRICS},
    "gke": {"region": "us-central1", "image": "server:1.4.2", "requests_per_second": 12, "memory_gib": 12, **METRICS},
}  # fmt: skip


def endpoint(platform: str = "eks", **change: Any) -> InferenceEndpointArgs:
    tags = WorkloadTags(**{**WHO, **WHAT, **change.pop("tags", {})})
    kind = change.pop("kind", platform)
    own: dict[str, Any] = {"tags": tags, "platform": kind, "accelerator": "L4", "replicas": Replicas(4)}
    return InferenceEndpointArgs(**{**own, **ARGS[platform], **change})


def judge(args: InferenceEndpointArgs) -> Any:
    limits = Limits(max_monthly_cost=args.max_monthly_cost, approval=args.approval)
    return judged(plan("serve", args, CATALOGUE), limits, CATALOGUE, args.raw, (), "serve")


def children(platform: str = "eks", **change: Any) -> dict[str, Any]:
    return {child.key: child.inputs for child in judge(endpoint(platform, **change))[0]}


PRODUCTION = {"environment": "prod", "review_by": "2027-01-31"}

PROGRAM = """
    import dataclasses, json, pathlib
    tags = dataclasses.replace(tags, environment=ENVIRONMENT, model="ranker", model_version="3", review_by="2027-01-31")
    costs = {}
    for name, arguments in ENDPOINTS.items():
        made = InferenceEndpoint(name, tags=tags, **{"accelerator": "L4", **arguments})
        made.estimated_cost.apply(lambda cost, name=name: costs.__setitem__(name, cost))
    made.estimated_cost.apply(lambda _: pathlib.Path("costs.json").write_text(json.dumps(costs)))
"""


def program(environment: str, endpoints: dict[str, dict[str, Any]]) -> str:
    head = f"\n    ENVIRONMENT = {environment!r}\n    ENDPOINTS = {endpoints!r}"
    return head + PROGRAM


@pytest.mark.parametrize(
    ("platform", "more"),
    [
        ("sagemaker", {"replicas": (0, 1, 3)}),
        ("cloudrun", {}),
        ("eks", {}),
        ("karpenter", {}),
        ("gke", {}),
        ("aks", {}),
        ("gke", {"server": "kserve", "metrics_url": None, "metrics_query": None}),
    ],
)
def test_outside_production_an_endpoint_that_empties_itself_passes_all_packs(
    platform: str, more: dict[str, Any], check: CheckProgram
) -> None:
    checked = check(program("dev", {"serve": {**ARGS[platform], "platform": platform, "replicas": (0, 4), **more}}))
    assert [message(one) for one in objections(checked)] == []
    same_to_the_cent(checked)
    assert checked.estimate.total.monthly.low == 0
    assert checked.estimate.total.monthly.high > 0


@pytest.mark.parametrize(
    ("platform", "more"),
    [
        ("sagemaker", {"output_uri": None}),
        ("cloudrun", {}),
        ("eks", {"metrics_url": None, "metrics_query": None}),
        ("karpenter", {"scaler": "keda"}),
        ("aks", {"server": "kserve", "metrics_url": None, "metrics_query": None}),
        ("gke", {"scaler": "hpa", "metrics_url": None, "metrics_query": None}),
        ("eks", {"server": "kserve", "metrics_url": None, "metrics_query": None}),
    ],
)
def test_in_production_a_bounded_minimum_stays_up_and_passes_all_packs(
    platform: str, more: dict[str, Any], check: CheckProgram
) -> None:
    arguments = {**ARGS[platform], "platform": platform, "replicas": (1, 3), **more}
    checked = check(program("prod", {"serve": arguments}), stack="prod")
    assert [message(one) for one in objections(checked)] == []
    same_to_the_cent(checked)
    assert checked.estimate.total.monthly.low > 0


def test_an_endpoint_of_vertex_ai_passes_all_packs_and_says_that_it_takes_no_labels(check: CheckProgram) -> None:
    arguments = {**ARGS["vertex"], "platform": "vertex", "replicas": (1, 3)}
    checked = check(program("prod", {"serve": arguments}), stack="prod")
    assert [message(one) for one in objections(checked)] == []
    same_to_the_cent(checked)
    assert checked.estimate.total.monthly.low > 0
    warnings = judge(endpoint("vertex", tags=PRODUCTION, replicas=Replicas(3, min=1)))[2]
    assert "takes no labels: its cost is told by the project alone" in warnings[0]


def test_the_bounds_are_those_of_the_guardrails() -> None:
    library = load_library()

    def default(guardrail: str, param: str) -> Any:
        return library[guardrail].params[param]["default"]

    assert set(RUN_TYPES) <= set(default("run-type-fits-kind", "fits")["endpoint"])
    assert default("gpu-warm-pool", "max") == WARM
    assert default("gpu-warm-pool", "max_of_model") == WARM_OF_MODEL
    assert (default("scaling-bounded", "always"), default("scaling-bounded", "max_factor")) == (
        MOST_REPLICAS,
        MOST_FACTOR,
    )
    assert default("image-pinned", "moving") == MOVING.pattern


@pytest.mark.parametrize(
    ("platform", "change", "told"),
    [
        ("eks", {"kind": "lambda"}, "Write one of sagemaker, vertex, cloudrun, eks, karpenter, gke, aks."),
        ("eks", {"tags": {"model": None}}, "Write model=… in WorkloadTags"),
        ("eks", {"tags": {"run_type": "notebook"}}, 'tags.run_type is "notebook"'),
        ("eks", {"image": None}, "image is missing for eks"),
        ("eks", {"image": "server"}, "Write a version (server:1.4.2) or a digest."),
        ("eks", {"role_arn": "arn"}, "role_arn is for sagemaker, not for eks"),
        ("eks", {"replicas": Replicas(4, min=1)}, "keeps 1 up in dev without a request\nWrite replicas=(0, 4)"),
        ("eks", {"replicas": Replicas(4, min=1), "tags": {"environment": "prod"}}, 'review_by="2026-12-31" in tags'),
        ("eks", {"replicas": Replicas(11)}, "Write at most 10: ten, or ten times the expected ones."),
        ("eks", {"replicas": Replicas(4, min=3), "tags": PRODUCTION}, "keeps 3 × L4 up without a request; at most 2"),
        ("eks", {"spot": True, "tags": PRODUCTION}, "spot capacity does not serve production"),
        ("eks", {"scaler": "hpa", "metrics_url": None, "metrics_query": None}, "a HorizontalPodAutoscaler keeps at least one replica up"),
        ("eks", {"metrics_query": None}, "metrics_query is missing for KEDA"),
        ("eks", {"server": "kserve", "metrics_url": None, "metrics_query": None, "replicas": Replicas(4, expected=2)}, "how many there are on average in a usage file"),
        ("eks", {"server": "tgi"}, "Write one of deployment, kserve."),
        ("eks", {"server": "kserve"}, "metrics_url and metrics_query is for a Deployment, not for KServe"),
        ("eks", {"scaler": "hpa", "replicas": Replicas(2, min=1), "tags": PRODUCTION}, 'or write scaler="keda".'),
        ("sagemaker", {"replicas": Replicas(2, min=1), "tags": PRODUCTION}, "Leave it out, or write replicas=(0, …)."),
        ("eks", {"target_utilisation": 7}, "Write a share from 0.1 to 1, such as 0.7."),
        ("eks", {"requests_per_second": 0}, "Write what one replica answers, such as 12.5."),
        ("eks", {"memory_gib": 16, "instance_type": "g6.xlarge"}, "memory_gib is 16, and g6.xlarge has 16"),
        ("eks", {"max_monthly_cost": 100}, "raise max_monthly_cost, or name an approval"),
        ("gke", {"memory_gib": None}, "Write memory_gib=…, less than the machine has."),
        ("sagemaker", {"output_uri": None}, "an endpoint of SageMaker that empties itself is asynchronous"),
        ("sagemaker", {"accelerator": "L4x2"}, 'Write accelerator="L4", per_node=2.'),
        ("vertex", {}, 'Write platform="cloudrun", which starts with the first request'),
        ("vertex", {"tags": PRODUCTION, "replicas": Replicas(2, min=1), "model_uri": "s3://x/y"}, "Write publishers/google"),
        ("cloudrun", {"accelerator": "A100-80GB"}, "Write one of L4, RTX PRO 6000."),
        ("cloudrun", {"memory_gib": 8}, "Write at least 16: nvidia-l4 needs it."),
        ("cloudrun", {"service_account": None}, "service_account is missing for cloudrun"),
        ("cloudrun", {"region": "europe-west4", "max_monthly_cost": 9000}, "and there is no price of run.gpu.nvidia-l4"),
        ("eks", {"raw": {"autoscaler": {"spec": {"maxReplicaCount": 40}}}}, "spec.maxReplicaCount is changed"),
        ("cloudrun", {"raw": {"service": {"template": {"scaling": {"max_instance_count": 40}}}}}, "template.scaling is changed"),
        ("sagemaker", {"raw": {"target": {"min_capacity": 1}}}, "target.minCapacity is changed"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(
    platform: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(endpoint(platform, **change))


def test_a_thousand_inferences_cost_what_a_replica_costs_while_it_answers_them() -> None:
    outputs = plan("serve", endpoint("sagemaker", requests_per_second=10), CATALOGUE).outputs
    hour = CATALOGUE.quote("aws", "ml.g6.xlarge", "us-west-2").amount
    assert hour is not None
    told = outputs["cost_per_1000_inferences"]
    assert told["low"] == float((hour / 36).quantize(Decimal("0.000001")))
    assert told["expected"] == told["high"] == float((hour / 36 / Decimal("0.7")).quantize(Decimal("0.000001")))


def test_without_a_throughput_the_cost_of_inferences_is_unknown_and_says_so() -> None:
    told = plan("serve", endpoint("sagemaker"), CATALOGUE).outputs["cost_per_1000_inferences"]
    assert (told["low"], told["expected"], told["high"]) == (None, None, None)
    assert "write requests_per_second" in told["assumptions"][0]


def test_an_endpoint_without_a_price_is_made_with_a_warning() -> None:
    args = endpoint("cloudrun", region="europe-west4", requests_per_second=3)
    _, estimate, warnings = judge(args)
    assert estimate.unpriced
    assert "run.gpu.nvidia-l4" in warnings[0]
    assert plan("serve", args, CATALOGUE).outputs["cost_per_1000_inferences"]["expected"] is None


def test_own_inputs_stand_beside_tags_and_limits() -> None:
    raw = {"service": {"template": {"timeout": "30s", "labels": {"mine": "yes", "project": "other"}}}}
    service = children("cloudrun", raw=raw, approval="FIN-42")["service"]
    assert service["template"]["timeout"] == "30s"
    assert service["template"]["labels"] == {**service["labels"], "mine": "yes"}
    assert (service["labels"]["project"], service["labels"]["approval"]) == ("llm", "fin-42")


def test_what_starts_the_first_machine_of_an_asynchronous_endpoint_is_an_alarm() -> None:
    made = children("sagemaker")
    assert made["target"]["minCapacity"] == 0
    assert made["config"]["asyncInferenceConfig"]["outputConfig"]["s3OutputPath"] == "s3://answers/out"
    assert made["wake-alarm"]["metricName"] == "HasBacklogWithoutCapacity"
    assert made["wake-policy"]["stepScalingPolicyConfiguration"]["stepAdjustments"][0]["scalingAdjustment"] == 1


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_objects_are_valid_for_the_api_of_kubernetes(environment: str) -> None:
    tags = {"environment": environment, "review_by": "2027-01-31"}
    change: dict[str, Any] = {}
    if environment == "prod":
        change = {"replicas": Replicas(3, min=1), "metrics_url": None, "metrics_query": None}
    made = children("eks", tags=tags, service_account="serve", command=["serve"], model_uri="s3://weights", **change)
    kinds = {"deployment": "Deployment apps/v1", "service": "Service v1"}
    if environment == "prod":
        kinds["autoscaler"] = "HorizontalPodAutoscaler autoscaling/v2"
    for key, kind in kinds.items():
        name, version = kind.split()
        kubernetes_validate.validate({"apiVersion": version, "kind": name, **made[key]}, "1.34", strict=True)


@st.composite
def endpoints(draw: st.DrawFn) -> InferenceEndpointArgs:
    """Arguments of an endpoint; what no machine carries is refused, and drawn all the same."""
    platform = draw(st.sampled_from(sorted(ARGS)))
    production = draw(st.booleans())
    most = draw(st.integers(1, 10))
    least = draw(st.integers(0, min(2, most))) if production else 0
    extra = draw(st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=5))  # fmt: skip
    change: dict[str, Any] = {
        "tags": {"environment": "prod" if production else "dev", "review_by": "2027-01-31", "extra": extra},
        "accelerator": draw(st.sampled_from(["L4", "A10G", "T4", "A100-80GB"])),
        "per_replica": draw(st.sampled_from([1, 1, 2])),
        "replicas": Replicas(most, min=least),
        "requests_per_second": draw(st.floats(0.1, 500)),
    }
    if platform in ("eks", "gke", "aks", "karpenter"):
        change["server"] = draw(st.sampled_from(["deployment", "kserve"]))
        if least or change["server"] == "kserve":
            change |= {"metrics_url": None, "metrics_query": None}
        change["memory_gib"] = 8
    if platform == "sagemaker" and least:
        change["output_uri"] = None
    return endpoint(platform, **change)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(args=endpoints(), limit=st.none() | st.integers(0, 20_000))
def test_every_tag_arrives_the_maximum_holds_and_so_does_the_limit(
    args: InferenceEndpointArgs, limit: int | None
) -> None:
    try:
        made, estimate, _ = judged(
            plan("serve", args, CATALOGUE), Limits(max_monthly_cost=limit), CATALOGUE, None, (), "serve"
        )
    except ArgumentError:
        return
    if limit is not None:
        assert not estimate.unpriced
        assert estimate.total.monthly.high <= limit
    workloads = facts_of(declared(made, "serve", "project", "stack"), CATALOGUE)
    for workload in workloads:
        if workload.facts.taggable:
            assert set(args.tags.values) <= set(workload.facts.tags), workload.resource.type
        for fact in workload.facts.unknowns:
            assert fact in ("role", "permissions"), (workload.resource.type, dict(workload.facts.unknowns))
    serving = [one.facts for one in workloads if one.facts.accelerator is not None]
    assert len(serving) == 1
    count = serving[0].count
    assert count is not None
    assert (count.min, count.max) == (args.replicas.min, args.replicas.max)
    per_replica = args.per_replica or 1
    assert serving[0].accelerator is not None
    assert serving[0].accelerator.count == per_replica
