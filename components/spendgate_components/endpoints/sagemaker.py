"""Endpoints of Amazon SageMaker: real-time ones, and asynchronous ones that empty themselves."""

from __future__ import annotations

from typing import Any

import pulumi_aws.appautoscaling as appautoscaling
import pulumi_aws.cloudwatch as cloudwatch
import pulumi_aws.sagemaker as sagemaker

from spendgate_components.child import Child, Of
from spendgate_components.endpoints.model import Made, Served
from spendgate_components.errors import ArgumentError
from spendgate_components.spelling import aws_tags

_VARIANT = "main"
_BACKLOG = 5
"""Waiting requests for each instance that the autoscaler aims at (Amazon SageMaker, Autoscale an asynchronous endpoint,
where five stand in the example)."""


def made(served: Served) -> Made:
    """Model, configuration, endpoint, and what scales it."""
    if served.choice is None:
        raise ArgumentError("no machine was chosen", remedy="Write another accelerator.")
    empties = served.least == 0
    if empties and not served.args.output_uri:
        remedy = 'Write output_uri="s3://…": an endpoint of SageMaker that empties itself is asynchronous.'
        raise ArgumentError("output_uri is missing for an endpoint with no replica at least", remedy=remedy)
    tags = aws_tags(served.tags)
    children = [_model(served, tags), _config(served, tags), _endpoint(served, tags), _target(served, tags)]
    children += [_policy(served), *(_wake(served, tags) if empties else ())]
    notes = ("asynchronous inference: the first request after a pause waits for a machine",) if empties else ()
    return Made(
        tuple(children),
        served.choice.accelerator.model,
        served.choice.machine.name,
        served.choice.why,
        Of("endpoint", "name"),
        notes,
    )


def _model(served: Served, tags: dict[str, str]) -> Child:
    container: dict[str, Any] = {"image": served.args.image}
    if served.args.model_uri is not None:
        container["modelDataUrl"] = served.args.model_uri
    inputs = {
        "region": served.region,
        "executionRoleArn": served.args.role_arn,
        "primaryContainer": container,
        "tags": tags,
    }
    return Child("model", sagemaker.Model, inputs, keeps=(("region",),), tagged_at={("tags",): tags})


def _config(served: Served, tags: dict[str, str]) -> Child:
    variant: dict[str, Any] = {
        "variantName": _VARIANT,
        "modelName": Of("model", "name"),
        "instanceType": served.choice.machine.name if served.choice else None,
        "initialInstanceCount": served.expected,
    }
    inputs: dict[str, Any] = {"region": served.region, "productionVariants": [variant], "tags": tags}
    if served.least == 0:
        inputs["asyncInferenceConfig"] = {"outputConfig": {"s3OutputPath": served.args.output_uri}}
    fixed = ("instanceType", "initialInstanceCount", "managedInstanceScaling", "serverlessConfig")
    keeps = (("region",), ("shadowProductionVariants",), *(("productionVariants", "0", word) for word in fixed))
    return Child("config", sagemaker.EndpointConfiguration, inputs, keeps, tagged_at={("tags",): tags})


def _endpoint(served: Served, tags: dict[str, str]) -> Child:
    inputs = {"region": served.region, "endpointConfigName": Of("config", "name"), "tags": tags}
    keeps = (("region",), ("endpointConfigName",))
    return Child("endpoint", sagemaker.Endpoint, inputs, keeps, tagged_at={("tags",): tags})


def _target(served: Served, tags: dict[str, str]) -> Child:
    inputs = {
        "region": served.region,
        "serviceNamespace": "sagemaker",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "resourceId": Of("endpoint", "name", f"endpoint/<output>/variant/{_VARIANT}"),
        "minCapacity": served.least,
        "maxCapacity": served.most,
        "tags": tags,
    }
    words = ("region", "serviceNamespace", "scalableDimension", "resourceId", "minCapacity", "maxCapacity")
    return Child("target", appautoscaling.Target, inputs, tuple((word,) for word in words), tagged_at={("tags",): tags})


def _scaled(served: Served) -> dict[str, Any]:
    return {
        "region": served.region,
        "serviceNamespace": Of("target", "service_namespace"),
        "scalableDimension": Of("target", "scalable_dimension"),
        "resourceId": Of("target", "resource_id"),
    }


def _dimension(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value}


def _policy(served: Served) -> Child:
    endpoint = _dimension("EndpointName", Of("endpoint", "name"))
    if served.least == 0:
        metric = {
            "metricName": "ApproximateBacklogSizePerInstance",
            "namespace": "AWS/SageMaker",
            "statistic": "Average",
            "dimensions": [endpoint],
        }
        target = float(_BACKLOG)
    else:
        # In per cent of one device: a machine with several counts up to so many times a hundred.
        metric = {
            "metricName": "GPUUtilization",
            "namespace": "/aws/sagemaker/Endpoints",
            "statistic": "Average",
            "dimensions": [endpoint, _dimension("VariantName", _VARIANT)],
        }
        target = float(served.busy * 100 * served.per_replica)
    tracking = {
        "customizedMetricSpecification": metric,
        "targetValue": target,
        "scaleInCooldown": 300,
        "scaleOutCooldown": 60,
    }
    inputs = {
        **_scaled(served),
        "policyType": "TargetTrackingScaling",
        "targetTrackingScalingPolicyConfiguration": tracking,
    }
    return Child("policy", appautoscaling.Policy, inputs, keeps=(("region",), ("resourceId",)))


def _wake(served: Served, tags: dict[str, str]) -> tuple[Child, ...]:
    """What starts the first machine: the backlog for each instance says nothing where there is none."""
    step = {
        "adjustmentType": "ChangeInCapacity",
        "metricAggregationType": "Average",
        "cooldown": 300,
        "stepAdjustments": [{"metricIntervalLowerBound": "0", "scalingAdjustment": 1}],
    }
    policy = {**_scaled(served), "policyType": "StepScaling", "stepScalingPolicyConfiguration": step}
    alarm = {
        "region": served.region,
        "metricName": "HasBacklogWithoutCapacity",
        "namespace": "AWS/SageMaker",
        "statistic": "Average",
        "dimensions": {"EndpointName": Of("endpoint", "name")},
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "threshold": 1,
        "evaluationPeriods": 2,
        "datapointsToAlarm": 2,
        "period": 60,
        "treatMissingData": "missing",
        "alarmActions": [Of("wake-policy", "arn")],
        "tags": tags,
    }
    return (
        Child("wake-policy", appautoscaling.Policy, policy, keeps=(("region",), ("resourceId",))),
        Child("wake-alarm", cloudwatch.MetricAlarm, alarm, keeps=(("region",),), tagged_at={("tags",): tags}),
    )
