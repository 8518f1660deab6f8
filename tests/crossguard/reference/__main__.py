"""Four guardrails of the baseline, written by hand with Pulumi's own policy SDK: what the pack host is held against."""

import json

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

TAGGABLE = {
    "aws:ec2/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:ebs/volume:Volume",
    "aws:sagemaker/notebookInstance:NotebookInstance",
}
REQUIRED = ("project", "team", "owner", "environment", "cost-center")
REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1")
UNAPPROVED = {"p4d.24xlarge": "A100", "p5.48xlarge": "H100"}


def required_tags(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in TAGGABLE:
        return
    given = json.loads(args.provider.props.get("defaultTags") or "{}").get("tags", {})
    tags = {**given, **(args.props.get("tags") or {})}
    missing = [key for key in REQUIRED if not tags.get(key)]
    if missing:
        report(f"lacks {missing}")


def approved_regions(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type in TAGGABLE and args.provider.props["region"] not in REGIONS:
        report("the region is not approved")


def approved_models(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type == "aws:ec2/instance:Instance" and args.props["instanceType"] in UNAPPROVED:
        report("the accelerator is not approved")


def notebook_idle(args: ResourceValidationArgs, report: ReportViolation) -> None:
    is_notebook = args.resource_type == "aws:sagemaker/notebookInstance:NotebookInstance"
    if is_notebook and not args.props.get("lifecycleConfigName"):
        report("nothing stops it")


PolicyPack(
    name="reference",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy("required-tags", "tags", required_tags),
        ResourceValidationPolicy("approved-regions", "regions", approved_regions),
        ResourceValidationPolicy("gpu-approved-models", "models", approved_models),
        ResourceValidationPolicy("notebook-idle-shutdown", "idle", notebook_idle),
    ],
)
