"""What a ``TrainingJob`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from dataclasses import dataclass
from typing import Any

import pulumi

from spendgate_components.choice import Choice
from spendgate_components.tags import WorkloadTags


@dataclass(frozen=True)
class TrainingJobArgs:
    """Arguments of a TrainingJob."""

    tags: WorkloadTags
    """Who pays, for what; model, dataset and run_type are needed."""
    platform: str
    """What starts the machines: eks, gke, aks or karpenter (Kubernetes), batch (AWS Batch) or sagemaker."""
    accelerator: str
    """The model, with its memory where there are several: L4, A10G, A100-80GB, H100."""
    image: str
    """The container image, with a version or digest."""
    max_hours: float
    """The deadline in hours, 0.02 to 720: of the run with all retries, or of each attempt where the platform knows no
    other (AWS Batch; JobSet and RayJob without a queue). The cost of a run then counts every attempt."""
    command: list[str] | None = None
    """What is run. Default: what the image says. A RayJob needs it."""
    runs_as: str | None = None
    """Kubernetes: job (default), jobset (workers find each other by name, and start again together) or rayjob."""
    per_worker: int | None = None
    """Accelerators of a worker, 1 to 16. A worker has a node to itself. Default: 1."""
    workers: int | None = None
    """Workers that run at the same time, 1 to 256. Of a Job each has its number (JOB_COMPLETION_INDEX). Default: 1."""
    min_workers: int | None = None
    """The fewest workers that it goes on with, 1 to workers: a RayJob grows and shrinks between the two, a Job with a
    queue starts with as many as there is quota for. Default: all of them."""
    gang: bool | None = None
    """Whether it starts with all workers or not at all: needs a queue on Kubernetes; one job of several nodes, on
    demand, on AWS Batch (else an array of jobs); always so on SageMaker. Default: false."""
    queue: str | None = None
    """Kubernetes: the LocalQueue of Kueue that admits it, within its team's quota."""
    retries: int | None = None
    """How often what failed is started again, 0 to 20 (AWS Batch: 9). Default: 3, or 1 where each attempt has the whole
    deadline. A Job does not count spot interruptions, nor does a JobSet with a queue."""
    spot: bool | None = None
    """Whether it runs on spot capacity. Default: where there is a place for checkpoints; not on SageMaker, which
    publishes no prices for it, nor for a gang on AWS Batch, which starts those on demand only."""
    checkpoint_uri: pulumi.Input[str] | None = None
    """Where it writes checkpoints and resumes from (CHECKPOINT_URI), such as the url of a CheckpointStore. On AWS
    Batch and SageMaker as text that is known when the program runs."""
    region: str | None = None
    """The region of the nodes. Default: that of the stack's configuration."""
    instance_type: str | None = None
    """A type that carries exactly what is asked for. Default: the cheapest."""
    cpu: float | None = None
    """CPUs of a worker, above 0. Default: four fifths of the node's."""
    memory_gib: float | None = None
    """Memory of a worker in GiB, above 0. Default: four fifths of the node's, where the catalogue knows that."""
    disk_gib: int | None = None
    """SageMaker: the disk of a worker, 1 to 16384 GiB. Default: 100."""
    subnet_ids: list[pulumi.Input[str]] | None = None
    """AWS Batch: the subnets of the machines; of one zone where workers train together."""
    security_group_ids: list[pulumi.Input[str]] | None = None
    """AWS Batch: the security groups of the machines."""
    instance_profile_arn: pulumi.Input[str] | None = None
    """AWS Batch: the instance profile of the machines."""
    role_arn: str | None = None
    """The role of the work, as text: needed for SageMaker, possible for AWS Batch."""
    output_uri: str | None = None
    """SageMaker: where the model is written, as s3://…, as text."""
    namespace: pulumi.Input[str] | None = None
    """Kubernetes: the namespace. Default: that of the provider."""
    service_account: pulumi.Input[str] | None = None
    """Kubernetes: the service account of the workers."""
    max_cost_per_run: float | None = None
    """US dollars, from 0. A job of which one run may cost more is refused without an approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags, deadline and workers stay."""


@dataclass(frozen=True)
class Run:
    """What a job is, with every default filled in: what each platform makes its children from.

    ``least`` is the number of workers that it goes on with, ``retries`` how often it is started again.
    """

    name: str
    args: TrainingJobArgs
    tags: dict[str, str]
    choice: Choice
    region: str
    spot: bool
    workers: int
    least: int
    retries: int

    @property
    def seconds(self) -> int:
        """The deadline."""
        return int(self.args.max_hours * 3600)

    @property
    def elastic(self) -> bool:
        """Whether it goes on with fewer workers."""
        return self.least < self.workers
