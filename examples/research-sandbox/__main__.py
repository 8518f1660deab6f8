"""A sandbox for research: a notebook without a GPU, one with, and a machine for what outgrows them. All keep office
hours, and the owner hears when the exploration budget is used up."""

from datetime import UTC, datetime, timedelta

import pulumi
import pulumi_aws as aws

from spendgate_components import BudgetGuard, OffHours, OfficeHours, WorkloadTags, Workspace

config = pulumi.Config()
berlin = OfficeHours(start="09:00", end="18:00", timezone="Europe/Berlin")

tags = WorkloadTags(
    project="exploration",
    team="research",
    owner="research@example.com",
    environment="sandbox",
    cost_center="cc-4711",
    # It goes two weeks after somebody last said that it is needed, by deploying it.
    expires_on=config.get("expires-on") or str((datetime.now(UTC) + timedelta(days=14)).date()),
)

reading = Workspace(
    "reading",
    tags=tags,
    platform="sagemaker",
    role_arn=config.require("notebook-role"),
    office_hours=berlin,
    max_monthly_cost=25,
)

kernels = Workspace(
    "kernels",
    tags=tags,
    platform="sagemaker",
    accelerator="T4",
    gpu_reason="kernel-debugging",
    role_arn=config.require("notebook-role"),
    office_hours=berlin,
    idle_minutes=30,
    max_monthly_cost=200,
)

machine = aws.ec2.Instance(
    "bench",
    ami=config.require("image"),
    instance_type="g5.xlarge",
    iam_instance_profile="research-bench",
    metadata_options={"http_tokens": "required"},
    root_block_device={"encrypted": True, "volume_type": "gp3", "volume_size": 100, "tags": tags.values},
    tags=tags.values,
)

nights = OffHours("nights", tags=tags, platform="aws", hours=berlin, instances=[machine.id], instance_type="g5.xlarge")

BudgetGuard("budget", tags=tags, cloud="aws", monthly_usd=500, daily_usd=30)

pulumi.export("reading", reading.instance_type_reason)
pulumi.export("kernels", kernels.instance_type_reason)
pulumi.export("saving", nights.estimated_saving)
