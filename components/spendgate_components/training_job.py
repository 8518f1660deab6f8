"""``TrainingJob``: a Kubernetes Job that ends, resumes after an interruption, and says what a run costs."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate_components import arguments, cost
from spendgate_components.child import Child, Transform
from spendgate_components.choice import Choice, choose
from spendgate_components.component import KEYWORDS, CostAwareComponent, Limits, Plan, known_region, place_of
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.tags import WorkloadTags, kubernetes_labels, ticket

PLATFORMS: Final = ("eks", "gke", "karpenter")
RUN_TYPES: Final = ("training", "fine-tuning", "batch-inference", "embedding", "data-preparation", "evaluation")
"""What a job may be for: those of the guardrail ``run-type-fits-kind`` (a test holds them together)."""

_SPOT_LABEL: Final = {
    "eks": ("eks.amazonaws.com/capacityType", "SPOT", "ON_DEMAND"),
    "karpenter": ("karpenter.sh/capacity-type", "spot", "on-demand"),
    "gke": ("cloud.google.com/gke-spot", "true", None),
}
_MOVING = re.compile(r"^[^@]*:(latest|main|master|nightly|dev)$|^([^@]*/)?[^:/@]+$")
"""Images whose version moves; as in the guardrail ``image-pinned``."""

_SHARE_OF_NODE: Final = 0.8
"""What a worker takes of a node's CPU and memory unless it says so: the rest is for the system and its daemons."""


@dataclass(frozen=True)
class TrainingJobArgs:
    """Arguments of a TrainingJob."""

    tags: WorkloadTags
    """Who pays, for what; model, dataset and run_type are needed."""
    platform: str
    """What starts the nodes: eks, gke or karpenter."""
    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB, H100."""
    image: str
    """The container image, with a version or digest."""
    max_hours: float
    """The deadline of a run with all of its retries, above 0 to 720 hours."""
    command: list[str] | None = None
    """What is run. Default: what the image says."""
    per_worker: int | None = None
    """Accelerators of a worker, 1 to 16. A worker has a node to itself. Default: 1."""
    workers: int | None = None
    """Workers that run at the same time, 1 to 256, each with its number in JOB_COMPLETION_INDEX. Default: 1."""
    retries: int | None = None
    """How often a worker that failed is started again, 0 to 20; spot interruptions do not count. Default: 3."""
    spot: bool | None = None
    """Whether it runs on spot capacity. Default: where there is a place for checkpoints."""
    checkpoint_uri: pulumi.Input[str] | None = None
    """Where it writes checkpoints and resumes from (CHECKPOINT_URI), such as the url of a CheckpointStore."""
    region: str | None = None
    """The region of the nodes. Default: that of the stack's configuration."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    cpu: float | None = None
    """CPUs of a worker. Default: four fifths of the node's."""
    memory_gib: float | None = None
    """Memory of a worker in GiB. Default: four fifths of the node's, where the catalogue knows that."""
    namespace: pulumi.Input[str] | None = None
    """The namespace. Default: that of the provider."""
    service_account: pulumi.Input[str] | None = None
    """The service account of the workers."""
    max_cost_per_run: float | None = None
    """US dollars. A job of which one run may cost more is refused without an approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the label approval."""
    raw: dict[str, Any] | None = None
    """Inputs of the child ``job``, over those of the component. Labels, deadline and workers stay."""


class TrainingJob(CostAwareComponent):
    """A run with a deadline on Kubernetes: training, fine-tuning, evaluation, or work by the batch.

    Child: ``job``.
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
        self._build(name, plan(known, catalogue), limits, catalogue, known.raw, transforms, opts)


def plan(args: TrainingJobArgs, catalogue: Catalogue) -> Plan:
    """The job. Raises ArgumentError; registers nothing."""
    one_of("platform", args.platform, PLATFORMS)
    _described(args)
    if _MOVING.search(args.image):
        raise ArgumentError(
            f'image is "{args.image}", which moves', remedy="Write a version (trainer:1.4.2) or a digest."
        )
    hours = args.max_hours
    if isinstance(hours, bool) or not isinstance(hours, (int, float)) or not 0.01 <= hours <= 720:
        raise ArgumentError(f"max_hours is {hours!r}", remedy="Write hours, above 0 to 720.")
    spot = args.checkpoint_uri is not None if args.spot is None else args.spot
    if spot and args.checkpoint_uri is None and hours > 1:
        remedy = "Write checkpoint_uri=… (the url of a CheckpointStore), or spot=False."
        raise ArgumentError(f"a run of up to {hours:g} hours on spot nodes could not resume", remedy=remedy)
    provider = "gcp" if args.platform == "gke" else "aws"
    region = known_region(catalogue, provider, place_of(provider, args.region, "region"), "region")
    choice = choose(
        catalogue,
        provider,
        region,
        args.accelerator,
        whole_number("per_worker", 1 if args.per_worker is None else args.per_worker, 1, 16, "accelerators"),
        Purchase.SPOT if spot else Purchase.ON_DEMAND,
        instance_type=args.instance_type,
        min_vcpu=args.cpu,
        # The memory of few machine types of Google Cloud is in the catalogue.
        min_memory_gib=None if provider == "gcp" else args.memory_gib,
    )
    _room(args, choice)
    child = _job(args, choice, region, spot)
    outputs = {"instance_type": choice.machine.name, "instance_type_reason": choice.why}
    note = (
        "the nodes are counted as the run's own: where a pool of the same stack pays for them, the cost is the pool's"
    )
    return Plan((child,), notes=(note,), outputs=outputs)


def _room(args: TrainingJobArgs, choice: Choice) -> None:
    """That a worker's memory is known, and fits the node where the node's is known."""
    has, asked = choice.machine.memory_gib, args.memory_gib
    if asked is None:
        if has is None:
            remedy = "Write memory_gib=…, less than the machine has."
            raise ArgumentError(f"the memory of {choice.machine.name} is not in the catalogue", remedy=remedy)
    elif asked <= 0 or (has is not None and asked >= has):
        remedy = "Write less than the node has, or another instance_type."
        raise ArgumentError(f"memory_gib is {asked:g}, and {choice.machine.name} has {has or 0:g} GiB", remedy=remedy)


def _described(args: TrainingJobArgs) -> None:
    missing = [word for word in ("model", "dataset", "run_type") if getattr(args.tags, word) is None]
    if missing:
        remedy = (
            f"Write {', '.join(f'{word}=…' for word in missing)} in WorkloadTags: what it is for is asked of a job."
        )
        raise ArgumentError(f"tags lack {', '.join(missing)}", remedy=remedy)
    one_of("tags.run_type", str(args.tags.run_type), RUN_TYPES)


def _job(args: TrainingJobArgs, choice: Choice, region: str, spot: bool) -> Child:
    from pulumi_kubernetes.batch.v1 import Job

    approval = ticket("approval", args.approval)
    tags = {**args.tags.values, **({"approval": approval} if approval else {})}
    if args.checkpoint_uri is not None:
        tags["checkpointing"] = "true"
    labels = kubernetes_labels(tags)
    workers = whole_number("workers", 1 if args.workers is None else args.workers, 1, 256, "workers")
    retries = whole_number("retries", 3 if args.retries is None else args.retries, 0, 20, "retries")
    interrupted = {"type": "DisruptionTarget", "status": "True"}
    spec = {
        "parallelism": workers,
        "completions": workers,
        "completionMode": "Indexed",
        "backoffLimit": retries * workers,
        "activeDeadlineSeconds": int(args.max_hours * 3600),
        # A finished job is gone after a day; its checkpoints stay.
        "ttlSecondsAfterFinished": 86400,
        # A node that was taken back is no failure of the work.
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [interrupted]}]},
        "template": {"metadata": {"labels": labels}, "spec": _pod(args, choice, region, spot)},
    }
    metadata: dict[str, Any] = {"labels": labels}
    if args.namespace is not None:
        metadata["namespace"] = args.namespace
    keeps = (
        *(("spec", word) for word in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit")),
        ("spec", "template", "spec", "nodeSelector"),
        ("spec", "template", "spec", "containers", "0", "resources"),
    )
    tagged_at: dict[tuple[str, ...], Any] = {
        ("metadata", "labels"): labels,
        ("spec", "template", "metadata", "labels"): labels,
    }
    return Child("job", Job, {"metadata": metadata, "spec": spec}, keeps, tagged_at=tagged_at)


def _pod(args: TrainingJobArgs, choice: Choice, region: str, spot: bool) -> dict[str, Any]:
    machine = choice.machine
    cpu = args.cpu if args.cpu is not None else max(1, int((machine.vcpu or 1) * _SHARE_OF_NODE))
    memory = args.memory_gib if args.memory_gib is not None else max(1, int((machine.memory_gib or 1) * _SHARE_OF_NODE))
    asked = {choice.resource: str(int(choice.accelerator.count)), "cpu": f"{cpu:g}", "memory": f"{memory:g}Gi"}
    label, when_spot, otherwise = _SPOT_LABEL[args.platform]
    bought = when_spot if spot else otherwise
    selector = {"node.kubernetes.io/instance-type": machine.name, "topology.kubernetes.io/region": region}
    if bought is not None:
        selector[label] = bought
    if choice.attached is not None:
        selector["cloud.google.com/gke-accelerator"] = choice.attached
    container: dict[str, Any] = {
        "name": "worker",
        "image": args.image,
        "resources": {"requests": dict(asked), "limits": dict(asked)},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    if args.command is not None:
        container["command"] = list(args.command)
    if args.checkpoint_uri is not None:
        container["env"] = [{"name": "CHECKPOINT_URI", "value": args.checkpoint_uri}]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        # A spot node has two minutes (AWS) or half a minute (Google Cloud) from the notice to its end.
        "terminationGracePeriodSeconds": 25 if args.platform == "gke" else 110,
        "nodeSelector": selector,
        "tolerations": [{"key": choice.resource, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [container],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    if args.service_account is not None:
        pod["serviceAccountName"] = args.service_account
    return pod
