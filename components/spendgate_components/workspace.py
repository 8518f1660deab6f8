"""``Workspace``: a notebook that stops when nobody uses it and keeps office hours, without a GPU unless it says why."""

# Without "from __future__ import annotations": Pulumi's provider host reads the annotations as types.
import re
from collections.abc import Mapping, Sequence
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
from spendgate_components.errors import ArgumentError, one_of, whole_number
from spendgate_components.hours import hours_of
from spendgate_components.pods import pinned
from spendgate_components.tags import ticket
from spendgate_components.workspaces.model import Notebook, WorkspaceArgs

CLUSTERS: Final = ("eks", "gke", "karpenter")
PLATFORMS: Final = ("sagemaker", "workbench", *CLUSTERS)
RUN_TYPE: Final = "notebook"
MOST_IDLE: Final = 120
"""The longest idle time in minutes, as in the guardrail ``notebook-idle-shutdown``."""
MOST_DISK: Final = 500
"""The largest disk in GiB, as in the guardrail ``storage-size-bounded``."""
DEFAULT_TYPE: Final[Mapping[str, str]] = {"sagemaker": "ml.t3.medium", "workbench": "e2-standard-4"}
"""Machines without an accelerator that are taken unless another is named."""

_REASON: Final = re.compile(r"[a-z][a-z0-9-]{2,62}")


class Workspace(CostAwareComponent):
    """A notebook for one person.

    Children on SageMaker: ``idle-stop``, ``notebook``, and for the office hours ``scheduler-role``,
    ``scheduler-policy``, ``start``, ``stop``. On Workbench: ``notebook``, ``start``, ``stop``. On Kubernetes: ``home``,
    ``notebook``, ``service``, and ``hours`` (a ScaledObject of KEDA).
    """

    estimated_cost: pulumi.Output[cost.EstimatedCost]
    """What the children cost: low, expected and high, per hour, day and month, with the assumptions."""
    instance_type: pulumi.Output[str]
    """The machine type that was chosen."""
    instance_type_reason: pulumi.Output[str]
    """Why it is that type, with its price, source and date."""
    office_hours: pulumi.Output[str]
    """When it is there, in words."""

    def __init__(
        self,
        name: str,
        args: WorkspaceArgs = KEYWORDS,
        opts: pulumi.ResourceOptions | None = None,
        transforms: Sequence[Transform] | None = None,
        **given: Any,
    ) -> None:
        known = arguments.read(WorkspaceArgs, args, given)
        catalogue = cost.catalogue_of_project()
        limits = Limits(max_monthly_cost=known.max_monthly_cost, approval=known.approval)
        self._build(name, plan(name, known, catalogue), limits, catalogue, known.raw, transforms, opts)


def plan(name: str, args: WorkspaceArgs, catalogue: Catalogue) -> Plan:
    """The children of a workspace. Raises ArgumentError; registers nothing."""
    checked_name(name)
    one_of("platform", args.platform, PLATFORMS)
    _belongs(args)
    _reasoned(args)
    provider = "gcp" if args.platform in ("workbench", "gke") else "aws"
    word = "zone" if args.platform == "workbench" else "region"
    place = place_of(provider, getattr(args, word), word)
    region = known_region(catalogue, provider, place, word)
    if word == "zone" and place == region:
        raise ArgumentError(f"zone is {place}, a region", remedy=f'Write a zone, such as zone="{region}-a".')
    choice = None
    if args.accelerator is not None:
        choice = choose(
            catalogue,
            provider,
            region,
            args.accelerator,
            1,
            # What is taken back takes the work in memory with it: a notebook is on demand.
            Purchase.ON_DEMAND,
            instance_type=args.instance_type,
            prefix="ml." if args.platform == "sagemaker" else "",
        )
    machine = choice.machine.name if choice else args.instance_type or DEFAULT_TYPE.get(args.platform)
    notebook = Notebook(
        name=name,
        args=args,
        tags=_tags(args),
        choice=choice,
        machine=machine,
        region=region,
        place=place,
        idle=whole_number(
            "idle_minutes", 60 if args.idle_minutes is None else args.idle_minutes, 10, MOST_IDLE, "minutes"
        ),
        hours=hours_of(args.office_hours, "office_hours", production=args.tags.in_production),
        disk=whole_number("disk_gib", 50 if args.disk_gib is None else args.disk_gib, 5, MOST_DISK, "GiB"),
    )
    outputs = {
        "instance_type": machine or "any node",
        "instance_type_reason": choice.why if choice else _why(notebook, provider, catalogue),
        "office_hours": str(notebook.hours),
    }
    return Plan(_children(notebook), (), _notes(notebook), outputs)


def _children(notebook: Notebook) -> tuple[Child, ...]:
    # Each platform imports its own SDK only.
    if notebook.args.platform == "sagemaker":
        from spendgate_components.workspaces.sagemaker import children

        return children(notebook)
    if notebook.args.platform == "workbench":
        from spendgate_components.workspaces.workbench import children as of_workbench

        return of_workbench(notebook)
    from spendgate_components.workspaces.kubernetes import children as of_kubernetes

    return of_kubernetes(notebook)


_POD: Final = ("region", "image", "cpu", "memory_gib", "storage_class", "namespace", "service_account")
_OF_PLATFORM: Final[Mapping[str, Sequence[str]]] = {
    "sagemaker": ("region", "role_arn", "subnet_id", "security_group_ids"),
    "workbench": ("zone", "subnet_id", "project", "service_account", "scheduler_service_account"),
    **dict.fromkeys(CLUSTERS, _POD),
}
_NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "sagemaker": ("role_arn",),
    "workbench": ("service_account",),
    **dict.fromkeys(CLUSTERS, ("image",)),
}


def _belongs(args: WorkspaceArgs) -> None:
    """What one platform needs and another has no use for."""
    arguments.need(args, _NEEDED[args.platform], args.platform)
    arguments.belong(args, _OF_PLATFORM, args.platform)
    pinned(args.image, "lab:4.2.0")
    if args.security_group_ids is not None and args.subnet_id is None:
        raise ArgumentError("security_group_ids are for a notebook in a subnet", remedy="Write subnet_id=… as well.")


def _reasoned(args: WorkspaceArgs) -> None:
    if args.tags.run_type not in (None, RUN_TYPE):
        remedy = 'Leave it out, or write run_type="notebook"; work that ends is a TrainingJob.'
        raise ArgumentError(f'tags.run_type is "{args.tags.run_type}"', remedy=remedy)
    if args.accelerator is None:
        if args.gpu_reason is not None:
            raise ArgumentError("gpu_reason is for a workspace with an accelerator", remedy="Leave it out.")
        return
    if args.gpu_reason is None or not _REASON.fullmatch(args.gpu_reason):
        remedy = (
            'Write what needs it interactively, as gpu_reason="kernel-debugging"; training belongs into a TrainingJob.'
        )
        raise ArgumentError(f"a notebook with {args.accelerator} does not say why", remedy=remedy)


def _tags(args: WorkspaceArgs) -> dict[str, str]:
    approval = ticket("approval", args.approval)
    found = {**args.tags.values, "run-type": RUN_TYPE}
    if args.gpu_reason is not None:
        found["gpu-reason"] = args.gpu_reason
    return {**found, **({"approval": approval} if approval else {})}


def _why(notebook: Notebook, provider: str, catalogue: Catalogue) -> str:
    """Why it is that machine, without an accelerator."""
    if notebook.machine is None:
        return "no accelerator: any node with room"
    known = catalogue.instance(provider, notebook.machine)
    if known is None or known.accelerator is not None:
        near = catalogue.suggest(notebook.machine, provider)
        remedy = f'did you mean "{near}"?' if known is None and near else "Write accelerator=… and gpu_reason=…."
        raise ArgumentError(f'instance_type is "{notebook.machine}", no machine without an accelerator', remedy=remedy)
    quote = catalogue.quote(provider, notebook.machine, notebook.region, Purchase.ON_DEMAND)
    price = f"no price ({quote.reason})"
    if quote.amount is not None:
        price = f"${quote.amount:.4f} an hour, on demand, as of {quote.as_of} ({quote.source})"
    how = "named by instance_type" if notebook.args.instance_type else "without an accelerator unless one is asked for"
    return f"{notebook.machine} in {notebook.region}: {how}; {price}"


def _notes(notebook: Notebook) -> tuple[str, ...]:
    week = f"it is there {notebook.hours.per_week.normalize():f} of 168 hours a week: {notebook.hours}"
    if notebook.args.platform in CLUSTERS:
        whose = "its node is counted as its own: where a pool of the same stack pays for it, the cost is the pool's"
        nobody = "its node is not counted: it takes room on one that is there"
        return week, whose if notebook.machine else nobody
    return week, f"it stops after {notebook.idle} minutes without use, which is not counted: it costs that much less"
