"""The first draft, repaired: tagged once at the provider, approved spot GPUs, and nothing that outlives its use."""

import base64
import json

import pulumi
import pulumi_aws as aws

AUTO_STOP = """#!/bin/bash
# Stops the notebook after an hour without a running kernel.
IDLE_TIME=3600
echo "*/5 * * * * root /opt/autostop.py --time $IDLE_TIME --ignore-connections" > /etc/cron.d/autostop
"""

config = pulumi.Config()
max_nodes = config.require_int("max-nodes")

tagged = aws.Provider(
    "tagged",
    region=aws.config.region,
    default_tags={
        "tags": {
            "project": "llm-training",
            "team": "nlp",
            "owner": "nlp@example.com",
            "environment": "dev",
            "cost-center": "cc-4711",
        }
    },
)
here = pulumi.ResourceOptions(provider=tagged)

zones = aws.get_availability_zones(state="available", opts=pulumi.InvokeOptions(provider=tagged))

node_role = aws.iam.Role(
    "node-role",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
            ],
        }
    ),
    opts=here,
)

vpc = aws.ec2.Vpc("training", cidr_block="10.0.0.0/16", opts=here)
subnets = [
    aws.ec2.Subnet(
        f"training-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=zone, opts=here
    )
    for index, zone in enumerate(zones.names[:2])
]

node_template = aws.ec2.LaunchTemplate(
    "gpu-node",
    instance_type="g5.2xlarge",
    block_device_mappings=[
        {"device_name": "/dev/xvda", "ebs": {"volume_size": 200, "volume_type": "gp3", "delete_on_termination": "true"}}
    ],
    opts=here,
)

gpu_nodes = aws.eks.NodeGroup(
    "a10g",
    cluster_name="research",
    node_role_arn=node_role.arn,
    subnet_ids=[subnet.id for subnet in subnets],
    capacity_type="SPOT",
    launch_template={"id": node_template.id, "version": "$Latest"},
    scaling_config={"min_size": 0, "desired_size": 2, "max_size": max_nodes},
    opts=here,
)

checkpoints = aws.s3.Bucket("checkpoints", opts=here)
aws.s3.BucketLifecycleConfiguration(
    "checkpoints",
    bucket=checkpoints.id,
    rules=[{"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 30}}],
    opts=here,
)

idle_stop = aws.sagemaker.NotebookInstanceLifecycleConfiguration(
    "idle-stop",
    on_start=base64.b64encode(AUTO_STOP.encode()).decode(),
    opts=here,
)
notebook = aws.sagemaker.NotebookInstance(
    "exploration",
    role_arn=node_role.arn,
    instance_type="ml.g4dn.xlarge",
    lifecycle_config_name=idle_stop.name,
    opts=here,
)

pulumi.export("checkpoints", checkpoints.id)
