"""AWS Batch: machines that are there while work waits, a queue, and the definition of the work."""

from __future__ import annotations

import json
from typing import Any

import pulumi_aws.batch as batch

from spendgate_components.child import Child, Of
from spendgate_components.errors import ArgumentError
from spendgate_components.jobs.model import Run
from spendgate_components.pods import resources
from spendgate_components.spelling import aws_tags


def children(run: Run) -> tuple[Child, ...]:
    """The compute environment, the queue before it, and the definition of the job."""
    if run.choice.accelerator.vendor != "nvidia":
        remedy = "Write a GPU of NVIDIA, or another platform: AWS Batch has no machine image for it."
        raise ArgumentError(f"accelerator is {run.choice.label}", remedy=remedy)
    tags = aws_tags(run.tags)
    return _environment(run, tags), _queue(run, tags), _definition(run, tags)


def _environment(run: Run, tags: dict[str, str]) -> Child:
    args = run.args
    resources: dict[str, Any] = {
        "type": "SPOT" if run.spot else "EC2",
        "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED" if run.spot else "BEST_FIT_PROGRESSIVE",
        "instanceTypes": [run.choice.machine.name],
        "minVcpus": 0,
        "maxVcpus": int((run.choice.machine.vcpu or 1) * run.workers),
        "subnets": list(args.subnet_ids or ()),
        "securityGroupIds": list(args.security_group_ids or ()),
        "instanceRole": args.instance_profile_arn,
        "ec2Configurations": [{"imageType": "ECS_AL2023_NVIDIA"}],
        "tags": tags,
    }
    inputs = {"region": run.region, "type": "MANAGED", "computeResources": resources, "tags": tags}
    fixed = ("type", "instanceTypes", "minVcpus", "maxVcpus", "desiredVcpus", "allocationStrategy", "launchTemplate")
    keeps = (("region",), *(("computeResources", word) for word in fixed))
    return Child(
        "environment",
        batch.ComputeEnvironment,
        inputs,
        keeps,
        # Batch itself changes it as work comes and goes.
        ignore_changes=("computeResources.desiredVcpus",),
        tagged_at={("tags",): tags, ("computeResources", "tags"): tags},
    )


def _queue(run: Run, tags: dict[str, str]) -> Child:
    # Work that waits for a machine for the length of its deadline is dropped: it would run when nobody expects it.
    waits = {
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "state": "RUNNABLE",
        # From ten minutes to a day (AWS Batch API, JobStateTimeLimitAction).
        "maxTimeSeconds": min(86400, max(600, run.seconds)),
        "action": "CANCEL",
    }
    inputs = {
        "region": run.region,
        "state": "ENABLED",
        "priority": 1,
        "computeEnvironmentOrders": [{"order": 1, "computeEnvironment": Of("environment", "arn")}],
        "jobStateTimeLimitActions": [waits],
        "tags": tags,
    }
    keeps = (("region",), ("computeEnvironmentOrders",))
    return Child("queue", batch.JobQueue, inputs, keeps, tagged_at={("tags",): tags})


def _definition(run: Run, tags: dict[str, str]) -> Child:
    array = {"arraySize": str(run.workers)} if run.workers > 1 and not _together(run) else {}
    inputs: dict[str, Any] = {
        "region": run.region,
        "type": "multinode" if _together(run) else "container",
        "platformCapabilities": ["EC2"],
        "propagateTags": True,
        # A definition names neither its queue nor the size of an array: this tells those who read it, spendgate as
        # well, which machines it is for, and how many of them.
        "parameters": {"computeEnvironment": Of("environment", "arn"), **array},
        "timeout": {"attemptDurationSeconds": run.seconds},
        "retryStrategy": {
            "attempts": run.retries + 1,
            "evaluateOnExits": [
                # A machine that was taken back, then an image that is not there, then all else.
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                {"onReason": "CannotPullContainer*", "action": "EXIT"},
                {"onReason": "*", "action": "RETRY"},
            ],
        },
        "tags": tags,
    }
    if not _together(run):
        inputs["containerProperties"] = _text(_container(run))
    else:
        group = {"targetNodes": "0:", "container": {**_container(run), "instanceType": run.choice.machine.name}}
        inputs["nodeProperties"] = _text({"numNodes": run.workers, "mainNode": 0, "nodeRangeProperties": [group]})
    fixed = ("type", "parameters", "timeout", "retryStrategy", "containerProperties", "nodeProperties", "ecsProperties")
    keeps = (("region",), *((word,) for word in (*fixed, "eksProperties")))
    return Child("definition", batch.JobDefinition, inputs, keeps, tagged_at={("tags",): tags})


def _together(run: Run) -> bool:
    """Whether it is one job of several nodes, rather than an array of jobs."""
    return run.workers > 1 and run.args.gang is True


def _container(run: Run) -> dict[str, Any]:
    args = run.args
    asked = resources(run.choice, args.cpu, args.memory_gib)["requests"]
    # Batch takes whole vCPUs and MiB.
    cpu, memory = int(float(asked["cpu"])), int(float(asked["memory"].removesuffix("Gi")) * 1024)
    found: dict[str, Any] = {
        "image": args.image,
        "resourceRequirements": [
            {"type": "GPU", "value": str(int(run.choice.accelerator.count))},
            {"type": "VCPU", "value": str(max(1, cpu))},
            {"type": "MEMORY", "value": str(memory)},
        ],
    }
    if args.command is not None:
        found["command"] = list(args.command)
    if args.checkpoint_uri is not None:
        found["environment"] = [{"name": "CHECKPOINT_URI", "value": args.checkpoint_uri}]
    if args.role_arn is not None:
        found["jobRoleArn"] = args.role_arn
    return found


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
