"""An instance schedule of Compute Engine; Cloud Scheduler for Cloud SQL."""

from __future__ import annotations

import base64
import json
from typing import Any

import pulumi
import pulumi_gcp.cloudscheduler as cloudscheduler
import pulumi_gcp.compute as compute

from spendgate_components.child import Child, Of
from spendgate_components.errors import ArgumentError
from spendgate_components.schedules.model import Stopped


def children(stopped: Stopped) -> tuple[Child, ...]:
    """The schedule with what it is attached to, and calls that start and stop databases."""
    args = stopped.args
    found: list[Child] = []
    if args.instances:
        if args.zone is None or not args.zone.startswith(f"{stopped.region}-"):
            remedy = f'Write zone="{stopped.region}-a", or the zone of the instances.'
            raise ArgumentError(f"zone is {args.zone!r} for instances in {stopped.region}", remedy=remedy)
        found = [_schedule(stopped), *(_attach(stopped, at, one) for at, one in enumerate(args.instances))]
    if args.databases:
        found += [job for at, one in enumerate(args.databases) for job in _jobs(stopped, at, one)]
    return tuple(found)


def _schedule(stopped: Stopped) -> Child:
    hours = stopped.hours
    inputs = {
        "region": stopped.region,
        "description": f"there {hours}",
        "instanceSchedulePolicy": {
            "vmStartSchedule": {"schedule": hours.cron(hours.start)},
            "vmStopSchedule": {"schedule": hours.cron(hours.end)},
            "timeZone": hours.timezone,
        },
    }
    return Child("schedule", compute.ResourcePolicy, inputs, keeps=(("region",), ("instanceSchedulePolicy",)))


def _attach(stopped: Stopped, at: int, instance: Any) -> Child:
    inputs = {"name": Of("schedule", "name"), "instance": instance, "zone": stopped.args.zone}
    keeps = tuple((word,) for word in inputs)
    return Child(f"attach-{at}", compute.ResourcePolicyAttachment, inputs, keeps)


def _jobs(stopped: Stopped, at: int, database: Any) -> tuple[Child, Child]:
    args = stopped.args
    project = args.project or pulumi.Config("gcp").get("project")
    missing = [word for word, value in (("project", project), ("service_account", args.service_account)) if not value]
    if missing:
        remedy = f"Write {', '.join(f'{word}=…' for word in missing)}: Cloud Scheduler calls the API in its name."
        raise ArgumentError(f"{' and '.join(missing)} missing for databases", remedy=remedy)
    start = f"https://sqladmin.googleapis.com/v1/projects/{project}/instances/"
    address = f"{start}{database}" if isinstance(database, str) else pulumi.Output.concat(start, database)

    def job(verb: str, policy: str, minute: int) -> Child:
        body = json.dumps({"settings": {"activationPolicy": policy}})
        inputs = {
            "region": stopped.region,
            "schedule": stopped.hours.cron(minute),
            "timeZone": stopped.hours.timezone,
            "description": f"{verb}s a database for the office hours",
            "httpTarget": {
                "uri": address,
                "httpMethod": "PATCH",
                "headers": {"Content-Type": "application/json"},
                "body": base64.b64encode(body.encode()).decode(),
                "oauthToken": {"serviceAccountEmail": args.service_account},
            },
        }
        words = ("region", "schedule", "timeZone", "httpTarget", "paused")
        return Child(f"{verb}-database-{at}", cloudscheduler.Job, inputs, keeps=tuple((word,) for word in words))

    return job("start", "ALWAYS", stopped.hours.start), job("stop", "NEVER", stopped.hours.end)
