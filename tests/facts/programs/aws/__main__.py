"""AWS resources as programs declare them: joined by outputs, by literal names, and not at all."""

import base64
import json

import pulumi
import pulumi_aws as aws

# Nothing in a first preview knows the answer of this.
elsewhere = pulumi.StackReference("org/network/prod")

role = aws.iam.Role("role", assume_role_policy="{}")
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")

aws.ec2.Instance("plain", ami="ami-1", instance_type="g5.12xlarge", tags={"team": "nlp"})
aws.ec2.Instance("spot", ami="ami-1", instance_type="p4d.24xlarge", instance_market_options={"market_type": "spot"})
aws.ec2.Instance("typo", ami="ami-1", instance_type="g5.xlrage")
aws.ec2.Instance("later", ami="ami-1", instance_type=elsewhere.get_output("type"), region="us-west-2")
aws.ec2.Instance(
    "secretive",
    ami="ami-1",
    instance_type=pulumi.Output.secret("g4dn.xlarge"),
    tags={"team": pulumi.Output.secret("hush"), "app": "x"},
)
aws.ec2.SpotInstanceRequest("request", ami="ami-1", instance_type="g4dn.xlarge")

template = aws.ec2.LaunchTemplate(
    "template", instance_type="p5.48xlarge", instance_market_options={"market_type": "capacity-block"}
)
named = aws.ec2.LaunchTemplate("named", name="trn", instance_type="trn1.32xlarge")
chosen = aws.ec2.LaunchTemplate(
    "chosen",
    instance_requirements={"memory_mib": {"min": 1}, "vcpu_count": {"min": 1}, "accelerator_count": {"min": 1}},
)
aws.ec2.Instance("from-template", launch_template={"id": template.id})
old = aws.ec2.LaunchConfiguration("old", image_id="ami-1", instance_type="g3.4xlarge", spot_price="0.5")

scaling = {"min_size": 1, "desired_size": 2, "max_size": 8}
pool = {"cluster_name": "c", "node_role_arn": role.arn, "subnet_ids": ["subnet-1"], "scaling_config": scaling}
aws.eks.NodeGroup("nodes", instance_types=["p4d.24xlarge"], capacity_type="SPOT", **pool)
aws.eks.NodeGroup("nodes-by-output", launch_template={"id": template.id, "version": "1"}, **pool)
aws.eks.NodeGroup("nodes-by-name", launch_template={"name": "trn", "version": "1"}, **pool)
aws.eks.NodeGroup("nodes-outside", launch_template={"id": "lt-0123", "version": "1"}, **pool)
aws.eks.NodeGroup("nodes-default", **pool)
aws.eks.NodeGroup("nodes-mixed", instance_types=["g5.xlarge", "g6.xlarge"], **pool)
aws.eks.NodeGroup("nodes-sized", instance_types=["g5.12xlarge", "g5.48xlarge"], **pool)

aws.autoscaling.Group("group", min_size=1, max_size=4, launch_template={"id": named.id})
aws.autoscaling.Group("group-old", min_size=0, desired_capacity=3, max_size=4, launch_configuration=old.name)
aws.autoscaling.Group(
    "group-mixed",
    min_size=2,
    max_size=10,
    desired_capacity=4,
    mixed_instances_policy={
        "instances_distribution": {"on_demand_percentage_above_base_capacity": 25},
        "launch_template": {
            "launch_template_specification": {"launch_template_id": template.id},
            "overrides": [{"instance_type": "g5.xlarge"}, {"instance_type": "g5.2xlarge"}],
        },
    },
    tags=[{"key": "team", "value": "vision", "propagate_at_launch": True}],
)
aws.autoscaling.Group("group-chosen", min_size=1, max_size=1, launch_template={"id": chosen.id})
office = aws.autoscaling.Group(
    "group-office", name="office", min_size=0, max_size=2, launch_template={"name": "trn", "version": "$Latest"}
)
aws.autoscaling.Schedule(
    "morning", scheduled_action_name="m", autoscaling_group_name=office.name, recurrence="0 8 * * MON-FRI",
    min_size=1, max_size=2, desired_capacity=1,
)  # fmt: skip
aws.autoscaling.Schedule(
    "evening", scheduled_action_name="e", autoscaling_group_name="office", recurrence="0 18 * * MON-FRI",
    min_size=0, max_size=2, desired_capacity=0,
)  # fmt: skip

STOPS = "#!/bin/bash\nIDLE_TIME=1800\npython autostop.py --time $IDLE_TIME\n"
stopping = aws.sagemaker.NotebookInstanceLifecycleConfiguration(
    "stopping", on_start=base64.b64encode(STOPS.encode()).decode()
)
vague = aws.sagemaker.NotebookInstanceLifecycleConfiguration("vague", on_start="./autostop.sh --default")
notebook = {"role_arn": role.arn, "instance_type": "ml.g5.xlarge"}
aws.sagemaker.NotebookInstance("notebook-stops", lifecycle_config_name=stopping.name, volume_size=50, **notebook)
aws.sagemaker.NotebookInstance("notebook-vague", lifecycle_config_name=vague.name, **notebook)
aws.sagemaker.NotebookInstance("notebook-runs", **notebook)

serving = aws.sagemaker.EndpointConfiguration(
    "serving",
    production_variants=[
        {"model_name": "m", "instance_type": "ml.g5.xlarge", "initial_instance_count": 2},
        {
            "model_name": "n", "instance_type": "ml.g5.xlarge", "initial_instance_count": 1,
            "managed_instance_scaling": {"min_instance_count": 1, "max_instance_count": 5},
        },
    ],
)  # fmt: skip
aws.sagemaker.EndpointConfiguration(
    "serving-two",
    production_variants=[
        {"model_name": "m", "instance_type": "ml.g5.xlarge", "initial_instance_count": 1},
        {"model_name": "n", "instance_type": "ml.p4d.24xlarge", "initial_instance_count": 1},
    ],
)
aws.sagemaker.Endpoint("endpoint", endpoint_config_name=serving.name)

studio = aws.sagemaker.Domain(
    "studio", auth_mode="IAM", domain_name="studio", subnet_ids=["s"], vpc_id=vpc.id,
    default_user_settings={
        "execution_role": role.arn,
        "jupyter_lab_app_settings": {
            "app_lifecycle_management": {
                "idle_settings": {"idle_timeout_in_minutes": 90, "lifecycle_management": "ENABLED"}
            }
        },
    },
)  # fmt: skip
aws.sagemaker.App("app", app_name="default", app_type="JupyterLab", domain_id=studio.id, user_profile_name="x",
                  resource_spec={"instance_type": "ml.g4dn.xlarge"})  # fmt: skip
aws.sagemaker.Space("space", domain_id=studio.id, space_name="lonely", space_settings={
    "jupyter_lab_app_settings": {"default_resource_spec": {"instance_type": "ml.g5.xlarge"}}})  # fmt: skip

aws.sagemaker.TrainingJob(
    "training", role_arn=role.arn, training_job_name="t", enable_managed_spot_training=True,
    resource_config={"instance_type": "ml.p4d.24xlarge", "instance_count": 2, "volume_size_in_gb": 100},
    stopping_condition={"max_runtime_in_seconds": 7200},
)  # fmt: skip

aws.batch.ComputeEnvironment(
    "batch", type="MANAGED",
    compute_resources={"type": "SPOT", "instance_types": ["g5.xlarge"], "min_vcpus": 0, "desired_vcpus": 4,
                       "max_vcpus": 32, "subnets": ["s"]},
)  # fmt: skip
aws.batch.JobDefinition(
    "job", type="container", timeout={"attempt_duration_seconds": 5400},
    container_properties=json.dumps({"image": "x", "resourceRequirements": [
        {"type": "VCPU", "value": "4"}, {"type": "GPU", "value": "2"}]}),
)  # fmt: skip

attached = aws.ebs.Volume("attached", availability_zone="eu-central-1a", size=100, type="gp3", encrypted=True)
aws.ec2.VolumeAttachment("attachment", device_name="/dev/sdf", instance_id="i-1", volume_id=attached.id)
aws.ebs.Volume("loose", availability_zone="eu-central-1a", size=500)
aws.ebs.Snapshot("snapshot", volume_id=attached.id)

bucket = aws.s3.Bucket("bucket")
aws.s3.BucketLifecycleConfiguration(
    "expiry", bucket=bucket.id,
    rules=[
        {"id": "a", "status": "Enabled", "expiration": {"days": 30}, "transitions": [{"days": 7, "storage_class": "GLACIER"}]},
        {"id": "b", "status": "Disabled", "expiration": {"days": 1}},
        {"id": "c", "status": "Enabled", "noncurrent_version_expiration": {"noncurrent_days": 14},
         "abort_incomplete_multipart_upload": {"days_after_initiation": 3}},
    ],
)  # fmt: skip
aws.s3.Bucket("bucket-by-name", bucket="logs-0815")
aws.s3.BucketLifecycleConfiguration(
    "expiry-by-name", bucket="logs-0815", rules=[{"id": "a", "status": "Enabled", "expiration": {"days": 90}}]
)
aws.s3.Bucket("bucket-keeps", bucket="keep")
aws.s3.Bucket("bucket-inline", lifecycle_rules=[{"enabled": True, "expiration": {"days": 5}}])

aws.efs.FileSystem("shared", availability_zone_name="eu-central-1b")
aws.fsx.LustreFileSystem(
    "scratch", subnet_ids="s", storage_capacity=1200, deployment_type="PERSISTENT_2", per_unit_storage_throughput=125
)
aws.rds.Instance("database", instance_class="db.r6g.large", allocated_storage=100, multi_az=True)
aws.ec2.NatGateway("nat", subnet_id="s")
aws.cloudwatch.LogGroup("logs", retention_in_days=30)
aws.dynamodb.Table("unmapped", attributes=[{"name": "a", "type": "S"}], hash_key="a", billing_mode="PAY_PER_REQUEST")
aws.ec2.Instance.get("read-only", "i-0123")

west = aws.Provider("west", region="us-west-2", default_tags={"tags": {"team": elsewhere.get_output("team"), "a": "b"}})
aws.ec2.Instance(
    "west", ami="ami-1", instance_type="c5.large", tags={"x": "y"}, opts=pulumi.ResourceOptions(provider=west)
)
