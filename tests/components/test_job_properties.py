"""For any valid arguments of a job: every tag arrives, it ends, the limit holds, and check finds the same cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.checking import check_directory
from spendgate.estimate.model import Estimate
from spendgate.facts import facts_of
from spendgate.facts.model import Kind
from spendgate.prices.catalogue import Catalogue
from spendgate_components import ArgumentError, TrainingJobArgs, WorkloadTags
from spendgate_components.child import declared
from spendgate_components.component import Limits, judged
from spendgate_components.spelling import kubernetes_labels
from spendgate_components.training_job import plan
from tests.components.manifests import problems
from tests.components.test_tags import WHO

Arguments = dict[str, Any]

CLUSTERS = {"eks": "us-west-2", "karpenter": "us-east-1", "gke": "us-central1", "aks": "eastus"}
AMAZON: Mapping[str, Arguments] = {
    "batch": {"subnet_ids": ["s-1"], "security_group_ids": ["sg-1"], "instance_profile_arn": "arn:aws:iam::1:p/batch"},
    "sagemaker": {"role_arn": "arn:aws:iam::1:role/train", "output_uri": "s3://models"},
}


@st.composite
def jobs(draw: st.DrawFn) -> Arguments:
    """Arguments of a job; what a platform cannot do is refused, and drawn all the same."""
    platform = draw(st.sampled_from([*CLUSTERS, *AMAZON]))
    workers = draw(st.integers(1, 12))
    text = st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True)
    extra = draw(st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), text, max_size=4))
    own: Arguments = {
        "tags": {**WHO, "model": "ranker", "dataset": "clicks", "run_type": "fine-tuning", "extra": extra},
        "platform": platform,
        "region": CLUSTERS.get(platform, "us-west-2"),
        "accelerator": draw(st.sampled_from(["L4", "L4", "A10G", "T4", "H100"])),
        "per_worker": draw(st.sampled_from([1, 1, 4, 8])),
        "image": "registry.example.com/trainer:1.4.2",
        "command": ["python", "train.py"],
        "max_hours": draw(st.sampled_from([0.5, 1, 7.25, 48, 600])),
        "workers": workers,
        "retries": draw(st.none() | st.integers(0, 9)),
        "spot": draw(st.none() | st.booleans()),
        "checkpoint_uri": draw(st.none() | st.just("s3://checkpoints")),
        "gang": draw(st.none() | st.booleans()),
        "min_workers": draw(st.none() | st.integers(1, workers)),
        "memory_gib": 12 if platform == "gke" else None,
    }
    if platform in CLUSTERS:
        own |= {
            "runs_as": draw(st.sampled_from(["job", "jobset", "rayjob"])),
            "queue": draw(st.none() | st.just("nlp")),
        }
    return {**own, **AMAZON.get(platform, {})}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=jobs(), limit=st.none() | st.integers(0, 20_000))
def test_every_tag_arrives_the_run_ends_and_the_limit_holds(arguments: Arguments, limit: int | None) -> None:
    catalogue = Catalogue.builtin()
    args = TrainingJobArgs(**{**arguments, "tags": WorkloadTags(**arguments["tags"])})
    try:
        children, estimate, _ = judged(plan("tune", args, catalogue), Limits(None, limit), catalogue, None, (), "tune")
    except ArgumentError:
        return
    run = estimate.total.run
    if limit is not None:
        assert not estimate.unpriced
        assert run is not None
        assert run.high <= limit
    workloads = facts_of(declared(children, "tune", "project", "stack"), catalogue)
    for workload in workloads:
        if workload.facts.taggable:
            assert set(args.tags.values) <= set(workload.facts.tags), workload.resource.type
        assert not workload.facts.unknowns, workload.facts.unknowns
    job = next(one.facts for one in workloads if one.facts.kind is Kind.TRAINING_JOB)
    workers = arguments["workers"]
    assert job.count is not None
    assert job.count.max == workers
    assert job.count.min == (arguments["min_workers"] or workers)
    attempts = 1 if arguments["retries"] is None else arguments["retries"] + 1
    assert job.max_runtime_hours is not None
    assert job.max_runtime_hours <= args.max_hours * max(attempts, 2)
    assert job.max_runtime_hours >= args.max_hours
    for one in workloads:
        if one.facts.kind is Kind.NODE_POOL and one.facts.count is not None:
            assert (one.facts.count.min, one.facts.count.max) == (0, workers)


def test_a_tag_that_is_no_label_is_refused() -> None:
    with pytest.raises(ArgumentError, match="tag x- ends with a hyphen"):
        kubernetes_labels({"x-": "0"})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=jobs().filter(lambda one: one["platform"] in CLUSTERS))
def test_every_pod_has_every_label_and_every_object_is_one_that_the_api_takes(arguments: Arguments) -> None:
    catalogue = Catalogue.builtin()
    args = TrainingJobArgs(**{**arguments, "tags": WorkloadTags(**arguments["tags"])})
    try:
        children = plan("tune", args, catalogue).children
    except ArgumentError:
        return
    for child in children:
        kind = {"apiVersion": "batch/v1", "kind": "Job"} if child.key == "job" else {}
        manifest = {**kind, **child.inputs, "metadata": {"name": "tune", **child.inputs["metadata"]}}
        assert problems(manifest) == []
        described = list(_metadata(manifest))
        assert len(described) >= 2
        for one in described:
            assert kubernetes_labels(args.tags.values).items() <= one["labels"].items()


def _metadata(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("metadata"), Mapping):
            yield value["metadata"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _metadata(item)


PROGRAM = """
import json, pathlib
from spendgate_components import TrainingJob, ArgumentError
costs = {}
for index, arguments in enumerate(json.loads(pathlib.Path("jobs.json").read_text())):
    try:
        job = TrainingJob(f"job{index:02}", **arguments)
    except ArgumentError:
        continue
    job.estimated_cost.apply(lambda cost, index=index: costs.__setitem__(f"job{index:02}", cost))
    job.estimated_cost.apply(lambda _: pathlib.Path("costs.json").write_text(json.dumps(costs)))
"""


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.lists(jobs().filter(lambda one: one["platform"] != "batch"), min_size=8, max_size=14))
def test_the_estimate_of_a_job_is_that_of_check_to_the_cent(drawn: list[Arguments]) -> None:
    always = {
        **drawn[0],
        "platform": "eks",
        "region": "us-west-2",
        "accelerator": "L4",
        "per_worker": 1,
        "runs_as": "job",
    }
    always |= {"gang": None, "min_workers": None, "queue": None, "spot": False, "role_arn": None, "output_uri": None}
    costs, estimate = _checked([always, *drawn])
    assert "job00" in costs
    for name, told in costs.items():
        _same(told, estimate, name)


@pytest.mark.parametrize("gang", [True, False])
def test_the_estimate_of_a_job_of_aws_batch_is_that_of_check_to_the_cent(gang: bool) -> None:
    """By itself: machines of a compute environment pay for the pods of the same stack."""
    tags = {**WHO, "model": "ranker", "dataset": "clicks", "run_type": "fine-tuning"}
    one: Arguments = {
        "tags": tags, "platform": "batch", "region": "us-west-2", "accelerator": "L4", "workers": 3, "gang": gang,
        "image": "trainer:1.4.2", "max_hours": 7.25, "retries": 4, "checkpoint_uri": "s3://checkpoints", **AMAZON["batch"],
    }  # fmt: skip
    costs, estimate = _checked([one])
    assert costs["job00"]["run"]["high"] > 0
    _same(costs["job00"], estimate, "job00")


def _checked(drawn: list[Arguments]) -> tuple[dict[str, Any], Estimate]:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "Pulumi.yaml").write_text("name: jobs\nruntime: python\n", encoding="utf-8")
        discounts = "discounts:\n  - {name: EDP, match: line.provider == 'aws', percent: 7}\n"
        (root / "spendgate.yaml").write_text(
            f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: [gpu-baseline]\n{discounts}", encoding="utf-8"
        )
        (root / "jobs.json").write_text(json.dumps(drawn), encoding="utf-8")
        (root / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        estimate = check_directory(root).estimate
        return json.loads((root / "costs.json").read_text(encoding="utf-8")), estimate


def _same(told: dict[str, Any], estimate: Estimate, name: str) -> None:
    total = Estimate(tuple(line for line in estimate.lines if f"::{name}-" in line.resource)).total
    for period in ("hourly", "daily", "monthly", "run"):
        bounds = getattr(total, period)
        if bounds is None:
            assert told[period] is None, (name, period)
            continue
        found = [float(bound.quantize(Decimal("0.01"))) for bound in bounds.bounds]
        assert [told[period][word] for word in ("low", "expected", "high")] == found, (name, period)
