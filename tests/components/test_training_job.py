"""Jobs: they end, they resume, and a run has a price before it starts."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pulumi
import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.rules.library import load_library
from spendgate_components import ArgumentError, TrainingJobArgs, WorkloadTags
from spendgate_components.component import Limits, judged
from spendgate_components.pods import MOVING
from spendgate_components.training_job import RUN_TYPES, plan
from tests.components.conftest import CheckProgram, message, objections
from tests.components.test_tags import WHO

WHAT = {"model": "ranker", "dataset": "clicks", "run_type": "fine-tuning"}


def job(**change: Any) -> TrainingJobArgs:
    tags = WorkloadTags(**{**WHO, **WHAT, **change.pop("tags", {})})
    own: dict[str, Any] = {
        "tags": tags, "platform": "eks", "accelerator": "L4", "image": "trainer:1.4.2", "max_hours": 6,
        "region": "us-west-2", "checkpoint_uri": "s3://checkpoints",
    }  # fmt: skip
    return TrainingJobArgs(**{**own, **change})


def judge(args: TrainingJobArgs) -> Any:
    catalogue = Catalogue.builtin()
    limits = Limits(max_cost_per_run=args.max_cost_per_run, approval=args.approval)
    return judged(plan("tune", args, catalogue), limits, catalogue, args.raw, (), "tune")


CLUSTER = 'memory_gib=12, checkpoint_uri="s3://checkpoints"'
BATCH = """platform="batch", region="us-west-2", subnet_ids=["subnet-1"], security_group_ids=["sg-1"],
    instance_profile_arn="arn:aws:iam::1:instance-profile/batch", checkpoint_uri="s3://checkpoints"
"""
SAGEMAKER = """platform="sagemaker", region="us-west-2", role_arn="arn:aws:iam::1:role/train", output_uri="s3://models",
    checkpoint_uri="s3://checkpoints"
"""

WAYS = {
    "eks": f'platform="eks", region="us-west-2", {CLUSTER}',
    "karpenter": f'platform="karpenter", region="us-east-1", {CLUSTER}',
    "gke": f'platform="gke", region="us-central1", {CLUSTER}',
    "aks": f'platform="aks", region="West Europe", {CLUSTER}, accelerator="T4"',
    "rayjob on aks": f'platform="aks", region="eastus", runs_as="rayjob", {CLUSTER}, accelerator="T4"',
    "job that a queue admits in part": f'platform="eks", region="us-west-2", queue="nlp", min_workers=1, {CLUSTER}',
    "jobset": f'platform="eks", region="us-west-2", runs_as="jobset", {CLUSTER}',
    "jobset as a gang": f'platform="gke", region="us-central1", runs_as="jobset", queue="nlp", gang=True, {CLUSTER}',
    "rayjob": f'platform="karpenter", region="us-east-1", runs_as="rayjob", {CLUSTER}',
    "rayjob as a gang": f'platform="eks", region="us-west-2", runs_as="rayjob", queue="nlp", gang=True, {CLUSTER}',
    "elastic rayjob": f'platform="gke", region="us-central1", runs_as="rayjob", min_workers=1, {CLUSTER}',
    "batch": f"{BATCH}, workers=1",
    "batch with an array": BATCH,
    "batch as a gang in production": f"{BATCH}, gang=True, tags=dataclasses.replace(tags, environment='prod')",
    "sagemaker": SAGEMAKER,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_job_on_every_platform_passes_all_packs_at_the_price_it_told(way: str, check: CheckProgram) -> None:
    checked = check(
        f"""
        import dataclasses, json, pathlib
        tags = dataclasses.replace(tags, model="ranker", dataset="clicks", run_type="fine-tuning")
        own = dict({" ".join(WAYS[way].split())})
        job = TrainingJob("tune", **{{
            **dict(
                tags=tags, accelerator="L4", workers=2, command=["python", "train.py"], max_hours=6, retries=2,
                image="registry.example.com/trainer:1.4.2", max_cost_per_run=60,
            ),
            **own,
        }})
        job.estimated_cost.apply(lambda cost: pathlib.Path("cost.json").write_text(json.dumps(cost)))
        """,
        stack="prod" if way.endswith("production") else "dev",
    )
    assert [message(one) for one in objections(checked)] == []
    assert not checked.unmapped
    kinds = {"jobset", "rayjob"} & set(way.split())
    child = kinds.pop() if kinds else "pipeline" if way == "sagemaker" else "job"
    of_batch = {"tune-environment", "tune-queue", "tune-definition"}
    assert set(checked.names.values()) == (of_batch if way.startswith("batch") else {f"tune-{child}"})
    told = json.loads((checked.path / "cost.json").read_text(encoding="utf-8"))
    total = checked.estimate.total
    assert total.run is not None
    assert total.run.high > 0
    assert not checked.estimate.unpriced
    for period, bounds in (("run", total.run.bounds), ("monthly", total.monthly.bounds)):
        assert [told[period][word] for word in ("low", "expected", "high")] == [
            float(bound.quantize(Decimal("0.01"))) for bound in bounds
        ]


def test_what_a_job_is_for_is_what_the_guardrails_take() -> None:
    library = load_library()
    fits = library["run-type-fits-kind"].params["fits"]["default"]
    assert set(RUN_TYPES) <= set(fits["training_job"])
    assert library["image-pinned"].params["moving"]["default"] == MOVING.pattern


BATCH_ARGS = {"platform": "batch", "subnet_ids": ["s"], "security_group_ids": ["g"], "instance_profile_arn": "arn:p"}
SAGEMAKER_ARGS = {"platform": "sagemaker", "role_arn": "arn:r", "output_uri": "s3://models"}
RAY_ARGS = {"runs_as": "rayjob", "command": ["python", "train.py"]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tags": {"model": None, "dataset": None}}, "Write model=…, dataset=… in WorkloadTags"),
        ({"tags": {"run_type": "notebook"}}, 'tags.run_type is "notebook"'),
        ({"image": "trainer"}, "Write a version (trainer:1.4.2) or a digest."),
        ({"max_hours": 0}, "Write hours, 0.02 to 720."),
        ({"platform": "vertex"}, "no custom job of Vertex AI"),
        ({"platform": "batch"}, "Write subnet_ids=…, security_group_ids=…, instance_profile_arn=…."),
        (
            {**BATCH_ARGS, "spot": True, "workers": 2, "gang": True},
            "AWS Batch starts jobs of several nodes on demand only.",
        ),
        ({**BATCH_ARGS, "retries": 10}, "Write a whole number of retries from 0 to 9."),
        ({**BATCH_ARGS, "accelerator": "Inferentia2"}, "AWS Batch has no machine image for it."),
        (
            {**BATCH_ARGS, "raw": {"environment": {"compute_resources": {"maxVcpus": 512}}}},
            "maxVcpus is changed to 512",
        ),
        ({**BATCH_ARGS, "raw": {"definition": {"timeout": {"attempt_duration_seconds": 9}}}}, "timeout is changed"),
        ({**BATCH_ARGS, "queue": "nlp"}, "queue is not for batch"),
        ({"platform": "sagemaker"}, "Write role_arn=…, output_uri=…."),
        ({**SAGEMAKER_ARGS, "max_hours": 700}, "Write hours, 0.02 to 672."),
        ({**SAGEMAKER_ARGS, "raw": {"pipeline": {"pipeline_definition": "{}"}}}, "pipelineDefinition is changed"),
        ({**SAGEMAKER_ARGS, "min_workers": 1, "workers": 2}, "sagemaker runs with all of its workers"),
        ({"runs_as": "rayjob"}, "command is missing for a RayJob"),
        ({"runs_as": "pytorchjob"}, "Write one of job, jobset, rayjob."),
        ({"gang": True, "workers": 2}, "Write queue=… (a LocalQueue of Kueue)"),
        ({"gang": True, "workers": 2, "min_workers": 1, "queue": "nlp"}, "gang and min_workers are both given"),
        ({"workers": 2, "min_workers": 1}, "a Job without a queue starts all workers"),
        ({"workers": 2, "min_workers": 1, "runs_as": "jobset"}, "a JobSet runs with all of its workers"),
        ({"workers": 2, "min_workers": 3}, "Write a whole number from 1 to 2."),
        ({**RAY_ARGS, "min_workers": 1, "workers": 2, "queue": "nlp"}, "Leave queue out"),
        ({**RAY_ARGS, "raw": {"rayjob": {"spec": {"rayClusterSpec": {"workerGroupSpecs": []}}}}}, "is changed to None"),
        ({"checkpoint_uri": None, "spot": True}, "could not resume"),
        ({"workers": 0}, "Write a whole number of workers from 1 to 256."),
        ({"platform": "gke", "region": "us-central1"}, "Write memory_gib=…, less than the machine has."),
        ({"memory_gib": 5000}, "no machine with 1 × L4 is large enough"),
        ({"memory_gib": 16, "instance_type": "g6.xlarge"}, "memory_gib is 16, and g6.xlarge has 16"),
        ({"max_cost_per_run": 1}, "a run costs up to $"),
        ({"raw": {"job": {"spec": {"active_deadline_seconds": 864000}}}}, "spec.activeDeadlineSeconds is changed"),
        ({"raw": {"job": {"spec": {"parallelism": 64}}}}, "spec.parallelism is changed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write_instead(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(told)):
        judge(job(**change))


def test_a_job_without_checkpoints_is_on_demand_and_an_approval_lifts_its_limit() -> None:
    children, estimate, _ = judge(job(checkpoint_uri=None, max_cost_per_run=1, approval="FIN-42"))
    inputs = children[0].inputs
    assert inputs["spec"]["template"]["spec"]["nodeSelector"]["eks.amazonaws.com/capacityType"] == "ON_DEMAND"
    assert inputs["metadata"]["labels"]["approval"] == "FIN-42"
    assert estimate.total.run is not None
    assert estimate.total.run.high > 1


def test_managed_spot_training_costs_no_more_than_on_demand_and_is_held_to_that() -> None:
    _, estimate, _ = judge(job(**SAGEMAKER_ARGS, spot=True))
    run = estimate.total.run
    assert not estimate.unpriced
    assert run is not None
    assert run.high == run.expected > run.low > 0
    with pytest.raises(ArgumentError, match="max_cost_per_run"):
        judge(job(**SAGEMAKER_ARGS, spot=True, max_cost_per_run=1))


def test_a_pipeline_stops_resumes_and_is_retried() -> None:
    children, _, _ = judge(job(**SAGEMAKER_ARGS, spot=True, retries=2))
    step = json.loads(children[0].inputs["pipelineDefinition"])["Steps"][0]
    work = step["Arguments"]
    assert work["StoppingCondition"] == {"MaxRuntimeInSeconds": 21600, "MaxWaitTimeInSeconds": 43200}
    assert work["CheckpointConfig"]["S3Uri"] == work["Environment"]["CHECKPOINT_URI"] == "s3://checkpoints"
    assert work["RetryStrategy"] == {"MaximumRetryAttempts": 2}
    assert {"Key": "cost-center", "Value": "cc-4711"} in work["Tags"]


@pytest.mark.parametrize("runs_as", ["jobset", "rayjob"])
def test_the_cost_of_a_run_counts_every_attempt_unless_a_queue_ends_all_of_them(runs_as: str) -> None:
    def high(**more: Any) -> Decimal:
        _, estimate, _ = judge(job(command=["train"], runs_as=runs_as, **more))
        assert estimate.total.run is not None
        return Decimal(estimate.total.run.high)

    assert high(retries=2) == 3 * high(retries=0)
    assert high(retries=2, queue="nlp") == high(retries=0)


def test_lost_workers_of_a_jobset_start_again_together() -> None:
    spec = judge(job(runs_as="jobset", queue="nlp", workers=2))[0][0].inputs["spec"]
    work = spec["replicatedJobs"][0]["template"]["spec"]
    assert work["podFailurePolicy"]["rules"][0]["action"] == "FailJob"
    assert [rule["action"] for rule in spec["failurePolicy"]["rules"]] == [
        "FailJobSet",
        "RestartJobSetAndIgnoreMaxRestarts",
    ]


def test_what_another_resource_computes_is_refused_where_a_definition_is_one_text() -> None:
    with pytest.raises(ArgumentError, match="checkpoint_uri is the output of another resource"):
        judge(job(**{**BATCH_ARGS, "checkpoint_uri": pulumi.Output.from_input("s3://checkpoints")}))


def test_a_gang_of_aws_batch_outside_production_is_warned_of() -> None:
    _, _, warnings = judge(job(**BATCH_ARGS, workers=2, gang=True))
    assert "nonprod-gpu-spot-or-scheduled denies that" in warnings[0]
    children, estimate, warnings = judge(job(**BATCH_ARGS, workers=2))
    assert not warnings
    assert children[0].inputs["computeResources"]["type"] == "SPOT"
    assert estimate.total.run is not None
    one = judge(job(**BATCH_ARGS))[1].total.run
    assert one is not None
    assert estimate.total.run.high == 2 * one.high


@pytest.mark.parametrize(("runs_as", "longest"), [("job", 50), ("jobset", 33), ("rayjob", 31)])
def test_names_leave_room_for_those_of_pods(runs_as: str, longest: int) -> None:
    args = job(runs_as=runs_as, command=["train"])
    assert plan("a" * longest, args, Catalogue.builtin()).children
    for name in ("a" * (longest + 1), "Tune", "tune-"):
        with pytest.raises(ArgumentError, match=f"Write lower-case letters, digits and hyphens, at most {longest}"):
            plan(name, args, Catalogue.builtin())


def test_workers_of_a_jobset_find_the_first_of_them() -> None:
    spec = judge(job(runs_as="jobset", workers=4))[0][0].inputs["spec"]
    pods = spec["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    values = {one["name"]: one.get("value") for one in pods["containers"][0]["env"]}
    assert values["CHECKPOINT_URI"] == "s3://checkpoints"
    assert values["MASTER_ADDR"] == "$(JOBSET_NAME)-workers-0-0.$(JOBSET_NAME)"
    assert values["NNODES"] == "4"


def test_a_spot_job_on_aks_tolerates_the_taint_that_aks_gives_its_spot_nodes() -> None:
    def pod(**more: Any) -> dict[str, Any]:
        args = job(platform="aks", region="eastus", accelerator="T4", **more)
        spec: dict[str, Any] = judge(args)[0][0].inputs["spec"]["template"]["spec"]
        return spec

    spot, on_demand = pod(), pod(spot=False)
    assert spot["nodeSelector"]["kubernetes.azure.com/scalesetpriority"] == "spot"
    key = "kubernetes.azure.com/scalesetpriority"
    assert {"key": key, "operator": "Equal", "value": "spot", "effect": "NoSchedule"} in spot["tolerations"]
    assert len(on_demand["tolerations"]) == 1
    assert "kubernetes.azure.com/scalesetpriority" not in on_demand["nodeSelector"]
