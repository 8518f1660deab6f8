"""Vertex AI Workbench: it stops itself when idle, Cloud Scheduler keeps the hours."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_gcp.cloudscheduler as cloudscheduler
import pulumi_gcp.workbench as workbench

from spendgate.prices.catalogue import Catalogue
from spendgate_components import pods
from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import gcp_labels
from spendgate_components.workspaces.model import Notebook


def children(notebook: Notebook) -> tuple[Child, ...]:
    """The instance, and what starts and stops it."""
    name = pods.object_name(notebook.name)
    project = notebook.args.project or pulumi.Config("gcp").get("project")
    if project is None:
        remedy = "Write project=…, or set gcp:project in the stack's configuration: the office hours call it by name."
        raise ArgumentError("project is not known", remedy=remedy)
    instance = _instance(notebook, name)
    hours = notebook.hours
    address = f"https://notebooks.googleapis.com/v2/projects/{project}/locations/{notebook.place}/instances/{name}"
    return (
        instance,
        _job(notebook, "start", f"{address}:start", hours.cron(hours.start)),
        _job(notebook, "stop", f"{address}:stop", hours.cron(hours.end)),
    )


def _instance(notebook: Notebook, name: str) -> Child:
    args, labels = notebook.args, gcp_labels(notebook.tags)
    setup: dict[str, Any] = {
        "machineType": notebook.machine,
        "disablePublicIp": True,
        "serviceAccounts": [{"email": args.service_account}],
        "bootDisk": {"diskSizeGb": "150", "diskType": "PD_BALANCED"},
        "dataDisks": {"diskSizeGb": str(max(notebook.disk, 10)), "diskType": "PD_BALANCED"},
        "metadata": {"idle-timeout-seconds": str(notebook.idle * 60)},
        "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
    }
    if args.subnet_id is not None:
        setup["networkInterfaces"] = [{"subnet": args.subnet_id}]
    if notebook.choice is not None:
        device = notebook.choice.attached or Catalogue.builtin().attachable_item("gcp", notebook.choice.accelerator)
        if device is None:
            remedy = "Write another accelerator, such as L4 or T4."
            raise ArgumentError(f"Workbench has no accelerator type for {notebook.choice.label}", remedy=remedy)
        setup["acceleratorConfigs"] = [{"type": device.upper().replace("-", "_"), "coreCount": "1"}]
    inputs = {"name": name, "location": notebook.place, "labels": labels, "gceSetup": setup}
    fixed = ("machineType", "acceleratorConfigs", "bootDisk", "dataDisks", "disablePublicIp")
    keeps = (
        ("name",),
        ("location",),
        *(("gceSetup", word) for word in fixed),
        ("gceSetup", "metadata", "idle-timeout-seconds"),
    )
    # It is started and stopped by others; the next update would set it back.
    changed = ("desiredState",)
    return Child("notebook", workbench.Instance, inputs, keeps, changed, tagged_at={("labels",): labels})


def _job(notebook: Notebook, key: str, address: str, line: str) -> Child:
    account = notebook.args.scheduler_service_account or notebook.args.service_account
    inputs = {
        "region": notebook.region,
        "schedule": line,
        "timeZone": notebook.hours.timezone,
        "description": f"{key}s a notebook for the office hours",
        "httpTarget": {"uri": address, "httpMethod": "POST", "oauthToken": {"serviceAccountEmail": account}},
    }
    words = ("region", "schedule", "timeZone", "httpTarget", "paused")
    return Child(key, cloudscheduler.Job, inputs, keeps=tuple((word,) for word in words))
