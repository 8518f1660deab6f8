"""``TrainingJob``: work that ends, resumes after an interruption, and says what a run costs before it starts."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from collections.abc import Sequence
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Transform
from spendgate_components.choice import choose
from spendgate_components.component import (
    KEYWORDS,
    CostAwareComponent,
    Limits,
    Plan,
    checked_name,
    known_region,
    place_of,
)
from spendgate_components.errors import ArgumentError, one_of, positive, whole_number
from spendgate_components.jobs.model import Run, TrainingJobArgs
from spendgate_components.pods import CLOUD, CLUSTERS, pinned
from spendgate_components.tags import ticket

PLATFORMS: Final = (*CLUSTERS, "batch", "sagemaker")
KINDS: Final = ("job", "jobset", "rayjob")
RUN_TYPES: Final = ("training", "fine-tuning", "batch-inference", "embedding", "data-preparation", "evaluation")
"""What a job may be for: those of the guardrail ``run-type-fits-kind`` (a test holds them together)."""

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST: Final = {"job": 50, "jobset": 33, "rayjob": 31}
"""Characters of a name that leave room for what comes after it: the child's key, the provider's suffix, and what names
pods of a JobSet (63 in all) or is left of 47 by KubeRay (MaxRayJobNameLength)."""


class TrainingJob(CostAwareComponent):
    """A run with a deadline: training, fine-tuning, evaluation, or work by the batch.

    Child on Kubernetes: ``job``, ``jobset`` or ``rayjob``. On AWS Batch: ``environment``, ``queue``, ``definition``. On
    SageMaker: ``pipeline``.
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What a run costs, low, expected and high, and per hour, day and month; as if its nodes were its own."""
    instance_type: pulumi.Output[str]
    """The machine type that was chosen."""
    instance_type_reason: pulumi.Output[str]
    """Why it is that type, with its price, source and date."""

    def __init__(
        self,
        name: str,
        args: TrainingJobArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(TrainingJobArgs, args, given)
        catalogue = cost.catalogue_of_project()
        limits = Limits(max_cost_per_run=known.max_cost_per_run, approval=known.approval)
        self._build(name, plan(name, known, catalogue), limits, catalogue, known.raw, transforms, opts)


def plan(name: str, args: TrainingJobArgs, catalogue: Catalogue) -> Plan:
    """The children of a job. Raises ArgumentError; registers nothing."""
    checked_name(name)
    _platform(args)
    _named(name, args)
    _described(args)
    pinned(args.image, "trainer:1.4.2")
    hours = args.max_hours
    # SageMaker ends a training job after 28 days (Amazon SageMaker API, StoppingCondition).
    most = 672 if args.platform == "sagemaker" else 720
    if isinstance(hours, bool) or not isinstance(hours, (int, float)) or not 0.02 <= hours <= most:
        raise ArgumentError(f"max_hours is {hours!r}", remedy=f"Write hours, 0.02 to {most}.")
    workers = whole_number("workers", 1 if args.workers is None else args.workers, 1, 256, "workers")
    spot = _spot(args, workers)
    provider = CLOUD.get(args.platform, "aws")
    region = known_region(catalogue, provider, place_of(provider, args.region, "region"), "region")
    managed = args.platform == "sagemaker"
    choice = choose(
        catalogue,
        provider,
        region,
        args.accelerator,
        whole_number("per_worker", 1 if args.per_worker is None else args.per_worker, 1, 16, "accelerators"),
        # SageMaker's rates for spot are not published: what is cheapest on demand is taken.
        Purchase.SPOT if spot and not managed else Purchase.ON_DEMAND,
        instance_type=args.instance_type,
        min_vcpu=positive("cpu", args.cpu, "CPUs"),
        # The memory of few machine types of Google Cloud is in the catalogue.
        min_memory_gib=None if provider == "gcp" else positive("memory_gib", args.memory_gib, "GiB"),
        prefix="ml." if managed else "",
    )
    least = whole_number("min_workers", workers if args.min_workers is None else args.min_workers, 1, workers)
    _together(args, workers, least)
    run = Run(
        name=name,
        args=args,
        tags=_tags(args, spot),
        choice=choice,
        region=region,
        spot=spot,
        workers=workers,
        least=least,
        retries=_retries(args),
    )
    outputs = {"instance_type": choice.machine.name, "instance_type_reason": choice.why}
    return Plan(_children(run), _warnings(run), _notes(run), outputs)


def _children(run: Run) -> tuple[Child, ...]:
    # Each platform imports its own SDK only.
    if run.args.platform == "batch":
        from spendgate_components.jobs.batch import children

        return children(run)
    if run.args.platform == "sagemaker":
        from spendgate_components.jobs.sagemaker import children as of_sagemaker

        return of_sagemaker(run)
    if run.args.runs_as == "jobset":
        from spendgate_components.jobs.jobset import children as of_jobset

        return of_jobset(run)
    if run.args.runs_as == "rayjob":
        from spendgate_components.jobs.rayjob import children as of_rayjob

        return of_rayjob(run)
    from spendgate_components.jobs.job import children as of_job

    return of_job(run)


_CLUSTERS_ONLY: Final = ("runs_as", "queue", "namespace", "service_account")
_OF_BATCH: Final = ("subnet_ids", "security_group_ids", "instance_profile_arn")
_OF_SAGEMAKER: Final = ("output_uri", "disk_gib")
_OF_PLATFORM: Final = {"batch": (*_OF_BATCH, "role_arn"), "sagemaker": (*_OF_SAGEMAKER, "role_arn")}
_NEEDED: Final = {"batch": _OF_BATCH, "sagemaker": ("role_arn", "output_uri")}


def _platform(args: TrainingJobArgs) -> None:
    """What one platform needs and another has no use for."""
    if args.platform == "vertex":
        remedy = 'Write platform="gke". Its custom jobs are started by a call of the API: no resource declares one.'
        raise ArgumentError("Pulumi's provider of Google Cloud has no custom job of Vertex AI", remedy=remedy)
    one_of("platform", args.platform, PLATFORMS)
    if args.runs_as is not None:
        one_of("runs_as", args.runs_as, KINDS)
    arguments.need(args, _NEEDED.get(args.platform, ()), args.platform)
    own = _OF_PLATFORM.get(args.platform, _CLUSTERS_ONLY)
    for one in (*_CLUSTERS_ONLY, *_OF_BATCH, *_OF_SAGEMAKER, "role_arn"):
        if getattr(args, one) is not None and one not in own:
            raise ArgumentError(f"{one} is not for {args.platform}", remedy=f"It takes {', '.join(own)}.")
    if args.runs_as == "rayjob" and not args.command:
        raise ArgumentError("command is missing for a RayJob", remedy='Write command=["python", "train.py"].')
    if args.platform not in CLUSTERS and isinstance(args.checkpoint_uri, pulumi.Output):
        remedy = (
            "Write it as text, such as s3://bucket/runs: the definition is one text, which nobody could check else."
        )
        raise ArgumentError("checkpoint_uri is the output of another resource", remedy=remedy)


def _named(name: str, args: TrainingJobArgs) -> None:
    most = _LONGEST[args.runs_as or "job"]
    if args.platform in CLUSTERS and (len(name) > most or not _NAME.fullmatch(name)):
        remedy = f"Write lower-case letters, digits and hyphens, at most {most}: it names objects of Kubernetes."
        raise ArgumentError(f'the component is called "{name}"', remedy=remedy)


def _spot(args: TrainingJobArgs, workers: int) -> bool:
    together = args.platform == "batch" and args.gang is True and workers > 1
    if args.spot is None:
        return args.checkpoint_uri is not None and args.platform != "sagemaker" and not together
    if args.spot and together:
        remedy = "Leave gang or spot out: AWS Batch starts jobs of several nodes on demand only."
        raise ArgumentError(f"a gang of {workers} workers on spot capacity of AWS Batch", remedy=remedy)
    if args.spot and args.checkpoint_uri is None and args.max_hours > 1:
        remedy = "Write checkpoint_uri=… (the url of a CheckpointStore), or spot=False."
        raise ArgumentError(f"a run of up to {args.max_hours:g} hours on spot nodes could not resume", remedy=remedy)
    return args.spot


def _together(args: TrainingJobArgs, workers: int, least: int) -> None:
    """Whether all workers start or none, or whether fewer do: what the platform has for it."""
    cluster, ray = args.platform in CLUSTERS, args.runs_as == "rayjob"
    if args.gang and least < workers:
        remedy = "Leave one of them out: a gang starts with all workers, or waits."
        raise ArgumentError("gang and min_workers are both given", remedy=remedy)
    if args.gang and cluster and args.queue is None:
        remedy = "Write queue=… (a LocalQueue of Kueue): Kubernetes itself starts pods one by one."
        raise ArgumentError("gang needs a queue", remedy=remedy)
    if least < workers:
        if not cluster or args.runs_as == "jobset":
            what = "a JobSet" if cluster else args.platform
            remedy = 'Leave min_workers out, or write runs_as="rayjob" on a cluster.'
            raise ArgumentError(f"{what} runs with all of its workers", remedy=remedy)
        if ray == (args.queue is not None):
            remedy = "Leave queue out: Ray's autoscaler changes what Kueue admitted."
            remedy = remedy if ray else 'Write queue=… (a LocalQueue of Kueue), or runs_as="rayjob".'
            told = (
                "a RayJob with a queue does not change its size" if ray else "a Job without a queue starts all workers"
            )
            raise ArgumentError(told, remedy=remedy)


def _per_attempt(args: TrainingJobArgs) -> bool:
    """Whether the deadline is that of each attempt: AWS Batch measures it so, and JobSet and KubeRay start anew. Kueue
    counts what all attempts took."""
    return args.platform == "batch" or (args.runs_as in ("jobset", "rayjob") and args.queue is None)


def _retries(args: TrainingJobArgs) -> int:
    # AWS Batch takes up to ten attempts (AWS Batch API, RetryStrategy).
    most = 9 if args.platform == "batch" else 20
    usual = 1 if _per_attempt(args) else 3
    return whole_number("retries", usual if args.retries is None else args.retries, 0, most, "retries")


def _warnings(run: Run) -> tuple[str, ...]:
    if run.args.platform == "batch" and not run.spot and not run.args.tags.in_production:
        return (
            "its machines are on demand outside production: the guardrail nonprod-gpu-spot-or-scheduled denies that",
        )
    return ()


def _notes(run: Run) -> tuple[str, ...]:
    args = run.args
    notes: tuple[str, ...] = ()
    if args.platform in CLUSTERS:
        notes += (
            "the nodes are counted as the run's own: where a pool of the same stack pays for them, the cost is that "
            "pool's",
        )
    if args.platform == "batch":
        notes += (
            "a run's machines are those of the compute environment: a month at its largest size counts both",
            "AWS Batch may go beyond the largest size by one machine",
        )
    if _per_attempt(args) and run.retries:
        notes += (
            f"each of {run.retries + 1} attempts may take {args.max_hours:g} h: a run is counted with all of them",
        )
    return notes


def _tags(args: TrainingJobArgs, spot: bool) -> dict[str, str]:
    approval = ticket("approval", args.approval)
    tags = {**args.tags.values, **({"approval": approval} if approval else {})}
    # On SageMaker and for several nodes of AWS Batch, on demand is what there is a price of, or what there is at all.
    if args.checkpoint_uri is not None and (spot or args.platform in CLUSTERS):
        tags["checkpointing"] = "true"
    return tags


def _described(args: TrainingJobArgs) -> None:
    missing = [word for word in ("model", "dataset", "run_type") if getattr(args.tags, word) is None]
    if missing:
        remedy = (
            f"Write {', '.join(f'{word}=…' for word in missing)} in WorkloadTags: what it is for is asked of a job."
        )
        raise ArgumentError(f"tags lack {', '.join(missing)}", remedy=remedy)
    one_of("tags.run_type", str(args.tags.run_type), RUN_TYPES)
