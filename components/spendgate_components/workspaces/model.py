"""What a ``Workspace`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from dataclasses import dataclass
from typing import Any

import pulumi

from spendgate_components.choice import Choice
from spendgate_components.hours import Hours, OfficeHours
from spendgate_components.tags import WorkloadTags


@dataclass(frozen=True)
class WorkspaceArgs:
    """Arguments of a Workspace."""

    tags: WorkloadTags
    """Who pays, for what; its run_type is notebook."""
    platform: str
    """sagemaker (a notebook instance), workbench (Vertex AI Workbench), or what starts the nodes of a Kubernetes
    cluster: eks, gke or karpenter."""
    accelerator: str | None = None
    """The model of the one GPU, such as T4 or L4. Default: none."""
    gpu_reason: str | None = None
    """With an accelerator: what needs it interactively, as kernel-debugging. It becomes the tag gpu-reason."""
    instance_type: str | None = None
    """The machine. Default: the cheapest with the accelerator; ml.t3.medium and e2-standard-4 without one; on
    Kubernetes whichever node has room."""
    idle_minutes: int | None = None
    """Minutes without use after which it stops, 10 to 120. Default: 60. On Kubernetes kernels end, and the notebook
    stays until the office hours do."""
    office_hours: OfficeHours | None = None
    """When it is there. Default: 08:00 to 18:00, mon-fri, UTC. At most 60 hours a week outside production."""
    disk_gib: int | None = None
    """The disk that keeps the work, 5 to 500 GiB. Default: 50."""
    region: str | None = None
    """SageMaker, Kubernetes: the region. Default: that of the stack's configuration."""
    zone: str | None = None
    """Workbench: the zone. Default: that of the stack's configuration."""
    role_arn: pulumi.Input[str] | None = None
    """SageMaker: the role of the notebook, which has to allow it sagemaker:StopNotebookInstance on itself."""
    subnet_id: pulumi.Input[str] | None = None
    """SageMaker: a subnet, through which alone it then reaches the internet. Workbench: the subnet."""
    security_group_ids: list[pulumi.Input[str]] | None = None
    """SageMaker: the security groups, with a subnet."""
    project: str | None = None
    """Workbench: the project, for the office hours. Default: that of the stack's configuration."""
    service_account: pulumi.Input[str] | None = None
    """Workbench: the e-mail address of its service account. Kubernetes: the name of one."""
    scheduler_service_account: pulumi.Input[str] | None = None
    """Workbench: the account that starts and stops it (notebooks.instances.start, .stop). Default: its own."""
    image: str | None = None
    """Kubernetes: the container image with Jupyter, with a version or digest."""
    cpu: float | None = None
    """Kubernetes: CPUs, above 0. Default: 2; with an accelerator four fifths of the node's."""
    memory_gib: float | None = None
    """Kubernetes: memory in GiB, above 0. Default: 8; with an accelerator four fifths of the node's, where that is
    known."""
    storage_class: str | None = None
    """Kubernetes: the class of the disk. Default: gp3 on EKS and Karpenter, standard-rwo on GKE."""
    namespace: pulumi.Input[str] | None = None
    """Kubernetes: the namespace. Default: that of the provider."""
    max_monthly_cost: float | None = None
    """US dollars, from 0. A workspace that may cost more in a month of its office hours is refused without an
    approval."""
    approval: str | None = None
    """The ticket that allows what is above the limit, or the newest models; it becomes the tag approval."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and limits stay."""


@dataclass(frozen=True)
class Notebook:
    """What a workspace is, with every default filled in: what each platform makes its children from.

    ``place`` is the region, or on Workbench the zone. ``choice`` is None without an accelerator, ``machine`` is None on
    Kubernetes where any node will do.
    """

    name: str
    args: WorkspaceArgs
    tags: dict[str, str]
    choice: Choice | None
    machine: str | None
    region: str
    place: str
    idle: int
    hours: Hours
    disk: int
