"""A GPU node group, a checkpoint bucket, a notebook and a scratch volume: a typical first draft."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
nodes = config.require_int("nodes")

zones = aws.get_availability_zones(state="available")

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
)

vpc = aws.ec2.Vpc("training", cidr_block="10.0.0.0/16")
subnets = [
    aws.ec2.Subnet(f"training-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=zone)
    for index, zone in enumerate(zones.names[:2])
]

gpu_nodes = aws.eks.NodeGroup(
    "a100",
    cluster_name="research",
    node_role_arn=node_role.arn,
    subnet_ids=[subnet.id for subnet in subnets],
    instance_types=["p4d.24xlarge"],
    scaling_config={"min_size": 2, "desired_size": nodes, "max_size": 2 * nodes},
    tags={"team": "nlp", "environment": "Dev"},
)

checkpoints = aws.s3.Bucket("checkpoints", tags={"team": "nlp"})

notebook = aws.sagemaker.NotebookInstance(
    "exploration",
    role_arn=node_role.arn,
    instance_type="ml.g5.xlarge",
    tags={"team": "nlp"},
)

scratch = aws.ebs.Volume("scratch", availability_zone=zones.names[0], size=2000, type="gp3")

pulumi.export("checkpoints", checkpoints.id)
