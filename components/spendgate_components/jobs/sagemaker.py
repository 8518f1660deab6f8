"""A pipeline of Amazon SageMaker with one training step: each start of it has the same limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pulumi_aws.sagemaker as sagemaker

from spendgate_components.child import Child
from spendgate_components.errors import ArgumentError, whole_number
from spendgate_components.jobs.model import Run
from spendgate_components.spelling import aws_tags

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,254}")


def children(run: Run) -> tuple[Child, ...]:
    """The pipeline."""
    if not _NAME.fullmatch(run.name):
        remedy = "Write letters, digits and hyphens: it names the pipeline."
        raise ArgumentError(f'the component is called "{run.name}"', remedy=remedy)
    tags = aws_tags(run.tags)
    inputs = {
        "region": run.region,
        "pipelineName": run.name,
        "pipelineDisplayName": run.name,
        "pipelineDescription": f"{run.tags['run-type']} of {run.tags['model']}",
        "roleArn": run.args.role_arn,
        "pipelineDefinition": json.dumps({"Version": "2020-12-01", "Steps": [_step(run, tags)]}, sort_keys=True),
        # One run at a time starts one training job.
        "parallelismConfiguration": {"maxParallelExecutionSteps": 1},
        "tags": tags,
    }
    keeps = (("region",), ("pipelineDefinition",), ("pipelineDefinitionS3Location",), ("parallelismConfiguration",))
    return (Child("pipeline", sagemaker.Pipeline, inputs, keeps, tagged_at={("tags",): tags}),)


def _step(run: Run, tags: dict[str, str]) -> dict[str, Any]:
    args = run.args
    disk = whole_number("disk_gib", 100 if args.disk_gib is None else args.disk_gib, 1, 16384, "GiB")
    algorithm: dict[str, Any] = {"TrainingImage": args.image, "TrainingInputMode": "File"}
    if args.command is not None:
        algorithm["ContainerEntrypoint"] = list(args.command)
    # The deadline holds for all attempts together (Amazon SageMaker API, StoppingCondition). With spot, waiting counts
    # as well: as long again is allowed for it.
    stop = {"MaxRuntimeInSeconds": run.seconds, **({"MaxWaitTimeInSeconds": 2 * run.seconds} if run.spot else {})}
    work: dict[str, Any] = {
        "AlgorithmSpecification": algorithm,
        "ResourceConfig": {
            "InstanceType": run.choice.machine.name,
            "InstanceCount": run.workers,
            "VolumeSizeInGB": disk,
        },
        "RoleArn": args.role_arn,
        "OutputDataConfig": {"S3OutputPath": args.output_uri},
        "StoppingCondition": stop,
        "EnableManagedSpotTraining": run.spot,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    if run.retries:
        work["RetryStrategy"] = {"MaximumRetryAttempts": run.retries}
    if args.checkpoint_uri is not None:
        work["CheckpointConfig"] = {"S3Uri": args.checkpoint_uri, "LocalPath": "/opt/ml/checkpoints"}
        work["Environment"] = {"CHECKPOINT_URI": args.checkpoint_uri}
    step: dict[str, Any] = {"Name": "train", "Type": "Training", "Arguments": work}
    if run.retries:
        again = {"BackoffRate": 2, "IntervalSeconds": 60, "MaxAttempts": run.retries}
        # What failed before a machine was there; the training job itself starts again after a fault of its machines.
        step["RetryPolicies"] = [
            {"ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"], **again},
            {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], **again},
        ]
    return step
