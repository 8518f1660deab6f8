"""What ``OffHours`` is asked for, and what each platform makes its children from."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from spendgate_components.hours import Hours, OfficeHours
from spendgate_components.tags import WorkloadTags

KINDS: Final = ("Deployment", "StatefulSet")
SCHEDULERS: Final = ("keda", "cronjob")


@dataclass(frozen=True)
class ScalingGroup:
    """An Auto Scaling group of EC2, and what it starts with."""

    name: pulumi.Input[str]
    """Its name."""
    size: int
    """Instances in the morning, 1 to 1000."""
    min: int | None = None
    """The fewest instances while it is there, 0 to the size. Default: 0."""


@dataclass(frozen=True)
class ScaledWorkload:
    """A Deployment or StatefulSet, and how many pods it has while it is there."""

    name: str
    """Its name."""
    kind: str | None = None
    """Deployment (default) or StatefulSet."""
    replicas: int | None = None
    """Pods while it is there, 1 to 1000. Default: 1."""


@dataclass(frozen=True)
class OffHoursArgs:
    """Arguments of OffHours."""

    tags: WorkloadTags
    """Who pays, for what; not production."""
    platform: str
    """aws, gcp or kubernetes."""
    hours: OfficeHours | None = None
    """When it is there. Default: 08:00 to 18:00, mon-fri, UTC. At most 60 hours a week."""
    scaling_groups: list[ScalingGroup] | None = None
    """AWS: Auto Scaling groups, which are emptied and filled by actions of their own."""
    instances: list[pulumi.Input[str]] | None = None
    """AWS: ids of EC2 instances. Google Cloud: names of instances of Compute Engine in the zone."""
    databases: list[pulumi.Input[str]] | None = None
    """AWS: identifiers of RDS instances. Google Cloud: names of Cloud SQL instances."""
    workloads: list[ScaledWorkload] | None = None
    """Kubernetes: what is scaled to nothing and back."""
    region: str | None = None
    """AWS, Google Cloud: the region. Default: that of the stack's configuration."""
    zone: str | None = None
    """Google Cloud: the zone of the instances, in the region."""
    project: str | None = None
    """Google Cloud: the project of the databases. Default: that of the stack's configuration."""
    service_account: pulumi.Input[str] | None = None
    """Google Cloud: the e-mail address of the account that starts and stops databases (cloudsql.instances.update)."""
    scheduler: str | None = None
    """Kubernetes: keda (default) or cronjob."""
    image: str | None = None
    """Kubernetes with cronjob: an image whose entry point finds kubectl, with a version or digest."""
    namespace: str | None = None
    """Kubernetes: the namespace of the workloads. Default: default."""
    instance_type: str | None = None
    """What one of the stopped machines is, for the saving."""
    count: int | None = None
    """How many machines stop, for the saving, 1 to 100,000. Default: the instances, and the sizes of the scaling
    groups."""
    hourly_usd: float | None = None
    """What all of it costs in an hour, in US dollars above 0, for the saving, where that is known better."""
    raw: dict[str, Any] | None = None
    """Inputs of a child by its key, over those of the component. Tags and times stay."""


@dataclass(frozen=True)
class Stopped:
    """What is stopped and when, with every default filled in: what each platform makes its children from."""

    name: str
    args: OffHoursArgs
    tags: dict[str, str]
    region: str
    hours: Hours
