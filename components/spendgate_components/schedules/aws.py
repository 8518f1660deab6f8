"""Scheduled actions of Auto Scaling groups; EventBridge Scheduler for EC2 instances and RDS databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pulumi_aws.autoscaling as autoscaling
import pulumi_aws.iam as iam
import pulumi_aws.scheduler as scheduler

from spendgate_components.child import Child, Of
from spendgate_components.schedules.model import ScalingGroup, Stopped
from spendgate_components.spelling import aws_tags


def children(stopped: Stopped) -> tuple[Child, ...]:
    """Actions of the groups, and schedules with a role that may do just that."""
    args = stopped.args
    actions = [action for at, group in enumerate(args.scaling_groups or ()) for action in _actions(stopped, at, group)]
    instances, databases = list(args.instances or ()), list(args.databases or ())
    if not instances and not databases:
        return tuple(actions)
    found = [*actions, *_role(stopped, instances, databases)]
    if instances:
        named = _text(instances, lambda ids: json.dumps({"InstanceIds": list(ids)}))
        found += _schedules(stopped, "instances", "ec2", "Instances", named)
    for at, database in enumerate(databases):
        named = _text([database], lambda ids: json.dumps({"DbInstanceIdentifier": ids[0]}))
        found += _schedules(stopped, f"database-{at}", "rds", "DBInstance", named)
    return tuple(found)


def _actions(stopped: Stopped, at: int, group: ScalingGroup) -> tuple[Child, Child]:
    # -1 leaves the most as it is.
    start = {"minSize": group.min or 0, "desiredCapacity": group.size, "maxSize": -1}
    stop = {"minSize": 0, "desiredCapacity": 0, "maxSize": -1}
    hours = stopped.hours

    def action(key: str, minute: int, sizes: dict[str, int]) -> Child:
        inputs = {
            "region": stopped.region,
            "scheduledActionName": f"{stopped.name}-{key}",
            "autoscalingGroupName": group.name,
            "recurrence": hours.cron(minute),
            "timeZone": hours.timezone,
            **sizes,
        }
        return Child(f"{key}-group-{at}", autoscaling.Schedule, inputs, keeps=tuple((word,) for word in inputs))

    return action("start", hours.start, start), action("stop", hours.end, stop)


def _role(stopped: Stopped, instances: Sequence[Any], databases: Sequence[Any]) -> tuple[Child, Child]:
    tags = aws_tags(stopped.tags)
    principal = {"Service": "scheduler.amazonaws.com"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}],
    }
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(
        stopped.region.rpartition("-")[0].rpartition("-")[0], "aws"
    )
    start = f"arn:{partition}"

    def policy(names: Sequence[str]) -> str:
        machines, stores = names[: len(instances)], names[len(instances) :]
        statements = []
        if machines:
            arns = [f"{start}:ec2:{stopped.region}:*:instance/{one}" for one in machines]
            statements.append(_allow(["ec2:StartInstances", "ec2:StopInstances"], arns))
        if stores:
            arns = [f"{start}:rds:{stopped.region}:*:db:{one}" for one in stores]
            statements.append(_allow(["rds:StartDBInstance", "rds:StopDBInstance"], arns))
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    role = Child(
        "role",
        iam.Role,
        {"assumeRolePolicy": json.dumps(trust), "tags": tags},
        keeps=(("assumeRolePolicy",),),
        tagged_at={("tags",): tags},
    )
    inputs = {"role": Of("role", "id"), "policy": _text([*instances, *databases], policy)}
    return role, Child("policy", iam.RolePolicy, inputs, keeps=(("role",), ("policy",)))


def _allow(actions: list[str], arns: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": arns}


def _schedules(stopped: Stopped, what: str, service: str, noun: str, named: Any) -> tuple[Child, Child]:
    hours = stopped.hours

    def schedule(verb: str, minute: int) -> Child:
        inputs = {
            "region": stopped.region,
            "scheduleExpression": hours.eventbridge(minute),
            "scheduleExpressionTimezone": hours.timezone,
            "flexibleTimeWindow": {"mode": "OFF"},
            "target": {
                "arn": f"arn:aws:scheduler:::aws-sdk:{service}:{verb}{noun}",
                "roleArn": Of("role", "arn"),
                "input": named,
            },
        }
        words = ("region", "scheduleExpression", "scheduleExpressionTimezone", "target", "state")
        return Child(f"{verb}-{what}", scheduler.Schedule, inputs, keeps=tuple((word,) for word in words))

    return schedule("start", hours.start), schedule("stop", hours.end)


def _text(names: Sequence[Any], write: Callable[[Sequence[str]], str]) -> Any:
    """A text with names in it, of which some may be known only after apply."""
    if all(isinstance(name, str) for name in names):
        return write([str(name) for name in names])
    return pulumi.Output.all(*names).apply(write)
