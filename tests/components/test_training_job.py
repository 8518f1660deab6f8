"""Jobs: they end, they resume, and a run has a price before it starts."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.rules.library import load_library
from spendgate_components import ArgumentError, TrainingJobArgs, WorkloadTags
from spendgate_components.component import Limits, judged
from spendgate_components.training_job import _MOVING, RUN_TYPES, plan
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
    return judged(plan(args, catalogue), limits, catalogue, args.raw, (), "tune")


@pytest.mark.parametrize(
    ("platform", "region"), [("eks", "us-west-2"), ("karpenter", "us-east-1"), ("gke", "us-central1")]
)
def test_a_job_on_every_platform_passes_all_packs_at_the_price_it_told(
    platform: str, region: str, check: CheckProgram
) -> None:
    checked = check(f"""
        import dataclasses, json, pathlib
        tags = dataclasses.replace(tags, model="ranker", dataset="clicks", run_type="fine-tuning")
        job = TrainingJob(
            "tune", tags=tags, platform="{platform}", region="{region}", accelerator="L4", workers=2,
            image="registry.example.com/trainer:1.4.2", max_hours=6, retries=2, checkpoint_uri="s3://checkpoints",
            max_cost_per_run=50, memory_gib=12,
        )
        job.estimated_cost.apply(lambda cost: pathlib.Path("cost.json").write_text(json.dumps(cost)))
    """)
    assert [message(one) for one in objections(checked)] == []
    assert set(checked.names.values()) == {"tune-job"}
    told = json.loads((checked.path / "cost.json").read_text(encoding="utf-8"))
    total = checked.estimate.total
    assert total.run is not None
    assert total.run.high > 0
    for period, bounds in (("run", total.run.bounds), ("monthly", total.monthly.bounds)):
        assert [told[period][word] for word in ("low", "expected", "high")] == [
            float(bound.quantize(Decimal("0.01"))) for bound in bounds
        ]


def test_what_a_job_is_for_is_what_the_guardrails_take() -> None:
    library = load_library()
    fits = library["run-type-fits-kind"].params["fits"]["default"]
    assert set(RUN_TYPES) == set(fits["training_job"])
    assert library["image-pinned"].params["moving"]["default"] == _MOVING.pattern


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tags": {"model": None, "dataset": None}}, "Write model=…, dataset=… in WorkloadTags"),
        ({"tags": {"run_type": "notebook"}}, 'tags.run_type is "notebook"'),
        ({"image": "trainer"}, "Write a version (trainer:1.4.2) or a digest."),
        ({"max_hours": 0}, "Write hours, above 0 to 720."),
        ({"checkpoint_uri": None, "spot": True}, "could not resume"),
        ({"workers": 0}, "Write a whole number of workers from 1 to 256."),
        ({"platform": "gke", "region": "us-central1"}, "Write memory_gib=…, less than the machine has."),
        ({"memory_gib": 5000}, "no machine with 1 × L4 is large enough"),
        ({"memory_gib": 16, "instance_type": "g6.xlarge"}, "memory_gib is 16, and g6.xlarge has 16 GiB"),
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
