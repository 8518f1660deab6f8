"""Notebook instances of SageMaker: a start script stops them when idle, EventBridge Scheduler keeps the hours."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pulumi_aws.iam as iam
import pulumi_aws.sagemaker as sagemaker
import pulumi_aws.scheduler as scheduler

from spendgate_components.child import Child, Of
from spendgate_components.spelling import aws_tags
from spendgate_components.workspaces.model import Notebook

_SCRIPT: Final = """#!/bin/bash
# Stops this notebook instance after a time without use: asked every five minutes.
set -e
IDLE_TIME={seconds}
cat > /usr/local/bin/stop-when-idle.py <<'PROGRAM'
import datetime, json, ssl, subprocess, sys, urllib.request

limit = int(sys.argv[1])
trusted = ssl._create_unverified_context()  # Jupyter's own certificate, on this machine


def ask(what):
    return json.load(urllib.request.urlopen("https://localhost:8443/api/" + what, context=trusted, timeout=30))


def age(time):
    then = datetime.datetime.strptime(time[:19], "%Y-%m-%dT%H:%M:%S")
    return (datetime.datetime.utcnow() - then).total_seconds()


idle = float(open("/proc/uptime").read().split()[0])
for one in ask("kernels") + ask("terminals"):
    idle = 0 if one.get("execution_state") == "busy" else min(idle, age(one["last_activity"]))
if idle >= limit:
    me = json.load(open("/opt/ml/metadata/resource-metadata.json"))
    region, name = me["ResourceArn"].split(":")[3], me["ResourceName"]
    stop = ["aws", "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name, "--region", region]
    subprocess.run(stop, check=True)
PROGRAM
(crontab -l 2>/dev/null | grep -v stop-when-idle || true
  echo "*/5 * * * * /usr/bin/python3 /usr/local/bin/stop-when-idle.py $IDLE_TIME") | crontab -
"""


def children(notebook: Notebook) -> tuple[Child, ...]:
    """The script, the instance, and what starts and stops it."""
    tags = aws_tags(notebook.tags)
    return (_script(notebook, tags), _instance(notebook, tags), *_hours(notebook, tags))


def _script(notebook: Notebook, tags: dict[str, str]) -> Child:
    text = _SCRIPT.replace("{seconds}", str(notebook.idle * 60))
    inputs = {
        "region": notebook.region,
        "onStart": base64.b64encode(text.encode()).decode(),
        "tags": tags,
    }
    make = sagemaker.NotebookInstanceLifecycleConfiguration
    return Child("idle-stop", make, inputs, keeps=(("region",), ("onStart",)), tagged_at={("tags",): tags})


def _instance(notebook: Notebook, tags: dict[str, str]) -> Child:
    args = notebook.args
    inputs: dict[str, Any] = {
        "region": notebook.region,
        "instanceType": notebook.machine,
        "roleArn": args.role_arn,
        "volumeSize": notebook.disk,
        "lifecycleConfigName": Of("idle-stop", "name"),
        "instanceMetadataServiceConfiguration": {"minimumInstanceMetadataServiceVersion": "2"},
        "tags": tags,
    }
    if args.subnet_id is not None:
        inputs |= {"subnetId": args.subnet_id, "directInternetAccess": "Disabled"}
        inputs["securityGroups"] = list(args.security_group_ids or ())
    keeps = tuple((word,) for word in ("region", "instanceType", "volumeSize", "lifecycleConfigName"))
    return Child("notebook", sagemaker.NotebookInstance, inputs, keeps, tagged_at={("tags",): tags})


def _hours(notebook: Notebook, tags: dict[str, str]) -> tuple[Child, ...]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}}
        ],
    }
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sagemaker:StartNotebookInstance", "sagemaker:StopNotebookInstance"],
                "Resource": "<output>",
            }
        ],
    }
    role = Child(
        "scheduler-role",
        iam.Role,
        {"assumeRolePolicy": json.dumps(trust), "tags": tags},
        keeps=(("assumeRolePolicy",),),
        tagged_at={("tags",): tags},
    )
    policy = Child(
        "scheduler-policy",
        iam.RolePolicy,
        {"role": Of("scheduler-role", "id"), "policy": Of("notebook", "arn", json.dumps(allowed))},
        keeps=(("role",), ("policy",)),
    )
    hours = notebook.hours
    times = (("start", "startNotebookInstance", hours.start), ("stop", "stopNotebookInstance", hours.end))
    schedules = tuple(_schedule(notebook, key, action, hours.eventbridge(minute)) for key, action, minute in times)
    return role, policy, *schedules


def _schedule(notebook: Notebook, key: str, action: str, expression: str) -> Child:
    inputs = {
        "region": notebook.region,
        "scheduleExpression": expression,
        "scheduleExpressionTimezone": notebook.hours.timezone,
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {
            "arn": f"arn:aws:scheduler:::aws-sdk:sagemaker:{action}",
            "roleArn": Of("scheduler-role", "arn"),
            "input": Of("notebook", "name", json.dumps({"NotebookInstanceName": "<output>"})),
        },
    }
    words = ("region", "scheduleExpression", "scheduleExpressionTimezone", "target", "state")
    return Child(key, scheduler.Schedule, inputs, keeps=tuple((word,) for word in words))
