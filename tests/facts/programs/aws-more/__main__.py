"""Fleets, reservations, tasks, pipelines, clusters and searches on AWS, as programs declare them."""

import json

import pulumi
import pulumi_aws as aws

elsewhere = pulumi.StackReference("org/network/prod")

template = aws.ec2.LaunchTemplate("template", instance_type="p4d.24xlarge")
configs = [{
    "launch_template_specification": {"id": template.id, "version": "1"},
    "overrides": [{"instance_type": "g5.12xlarge", "weighted_capacity": 4}, {"instance_type": "g5.24xlarge", "weighted_capacity": 4}],
}]  # fmt: skip
aws.ec2.SpotFleetRequest("spot-fleet", iam_fleet_role="r", target_capacity=4, launch_specifications=[
    {"ami": "a", "instance_type": "g5.xlarge", "availability_zone": "eu-central-1a"}])  # fmt: skip
aws.ec2.SpotFleetRequest("spot-fleet-part", iam_fleet_role="r", target_capacity=16, on_demand_target_capacity=4,
                         launch_template_configs=configs, tags={"team": "nlp"})  # fmt: skip
aws.ec2.SpotFleetRequest("spot-fleet-template", iam_fleet_role="r", target_capacity=2, launch_template_configs=[
    {"launch_template_specification": {"id": template.id, "version": "1"}}])  # fmt: skip
aws.ec2.SpotFleetRequest("spot-fleet-mixed", iam_fleet_role="r", target_capacity=16, launch_template_configs=[
    {"launch_template_specification": {"id": template.id, "version": "1"}, "overrides": [
        {"instance_type": "g5.xlarge", "weighted_capacity": 1}, {"instance_type": "g5.12xlarge", "weighted_capacity": 4}]}])  # fmt: skip

by_id = [{"launch_template_specification": {"launch_template_id": template.id, "version": "1"}}]
aws.ec2.Fleet("fleet-spot", launch_template_configs=by_id, target_capacity_specification={
    "default_target_capacity_type": "spot", "total_target_capacity": 4})  # fmt: skip
aws.ec2.Fleet("fleet-part", launch_template_configs=by_id, target_capacity_specification={
    "default_target_capacity_type": "on-demand", "total_target_capacity": 4, "spot_target_capacity": 1})  # fmt: skip
aws.ec2.Fleet("fleet-vcpu", launch_template_configs=by_id, target_capacity_specification={
    "default_target_capacity_type": "on-demand", "total_target_capacity": 100, "target_capacity_unit_type": "vcpu"})  # fmt: skip

aws.ec2.CapacityReservation("reserved", availability_zone="eu-central-1a", instance_count=2,
                            instance_platform="Linux/UNIX", instance_type="p5.48xlarge")  # fmt: skip
aws.ec2.CapacityBlockReservation("block", capacity_block_offering_id="cb-1", instance_platform="Linux/UNIX")
aws.eks.FargateProfile("fargate", cluster_name="c", pod_execution_role_arn="r", selectors=[{"namespace": "x"}])

containers = json.dumps([{"name": "a", "image": "x", "resourceRequirements": [{"type": "GPU", "value": "2"}]},
                         {"name": "b", "image": "y"}])  # fmt: skip
task = aws.ecs.TaskDefinition("task", family="infer", cpu="4096", memory="16384", container_definitions=containers)
ecs = aws.ecs.Cluster("ecs", name="ecs")
service = aws.ecs.Service("service", name="infer", cluster=ecs.arn, task_definition=task.arn, desired_count=2,
                          launch_type="EC2")  # fmt: skip
aws.appautoscaling.Target("service-scaling", service_namespace="ecs", scalable_dimension="ecs:service:DesiredCount",
                          resource_id="service/ecs/infer", min_capacity=1, max_capacity=6)  # fmt: skip
aws.ecs.Service("service-fargate", task_definition="infer", desired_count=3,
                capacity_provider_strategies=[{"capacity_provider": "FARGATE_SPOT", "weight": 1}])  # fmt: skip
aws.ecs.Service("service-daemon", task_definition="infer", scheduling_strategy="DAEMON")
managed = aws.ecs.CapacityProvider("managed", cluster="ecs", managed_instances_provider={
    "infrastructure_role_arn": "r", "instance_launch_template": {
        "capacity_option_type": "SPOT", "ec2_instance_profile_arn": "p", "network_configuration": {"subnets": ["s"]},
        "instance_requirements": {"memory_mib": {"min": 1}, "vcpu_count": {"min": 1},
                                  "allowed_instance_types": ["g6.xlarge"]}}})  # fmt: skip
aws.ecs.CapacityProvider("by-group", auto_scaling_group_provider={"auto_scaling_group_arn": "arn"})
aws.ecs.Service("service-managed", task_definition="infer", desired_count=1,
                capacity_provider_strategies=[{"capacity_provider": managed.name}])  # fmt: skip

train = {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2},
         "StoppingCondition": {"MaxRuntimeInSeconds": 7200}}  # fmt: skip
prepare = {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}},
           "StoppingCondition": {"MaxRuntimeInSeconds": 3600}}  # fmt: skip


def pipeline(name, *steps):
    aws.sagemaker.Pipeline(name, pipeline_name=name, pipeline_display_name=name, role_arn="r", pipeline_definition=json.dumps(
        {"Version": "2020-12-01", "Steps": [{"Name": "s", "Type": "Training", "Arguments": step} for step in steps]}))  # fmt: skip


pipeline("pipeline", train)
pipeline("pipeline-two", prepare, train)
pipeline("pipeline-open", {**train, "StoppingCondition": {}}, prepare)
pipeline("pipeline-parameter", {"ResourceConfig": {"InstanceType": {"Get": "Parameters.Type"}, "InstanceCount": 1}})
aws.sagemaker.Pipeline("pipeline-stored", pipeline_name="x", pipeline_display_name="x", role_arn="r",
                       pipeline_definition_s3_location={"bucket": "b", "object_key": "k"})  # fmt: skip
aws.sagemaker.EndpointConfiguration("serverless", production_variants=[
    {"model_name": "m", "serverless_config": {"max_concurrency": 20, "memory_size_in_mb": 4096, "provisioned_concurrency": 2}}])  # fmt: skip
aws.sagemaker.EndpointConfiguration("serverless-idle", production_variants=[
    {"model_name": "m", "serverless_config": {"max_concurrency": 5, "memory_size_in_mb": 2048}}])  # fmt: skip
aws.sagemaker.EndpointConfiguration(
    "async", async_inference_config={"output_config": {"s3_output_path": "s3://b/o"}},
    production_variants=[{"model_name": "m", "instance_type": "ml.g5.xlarge", "initial_instance_count": 1}])  # fmt: skip
aws.bedrock.ProvisionedModelThroughput("units", model_arn="arn:aws:bedrock:x", model_units=3, provisioned_model_name="u",
                                       commitment_duration="SixMonths")  # fmt: skip

emr = aws.emr.Cluster("emr", release_label="emr-7.1.0", service_role="r", auto_termination_policy={"idle_timeout": 3600},
                      master_instance_group={"instance_type": "g5.xlarge"},
                      core_instance_group={"instance_type": "g5.xlarge", "instance_count": 3})  # fmt: skip
aws.emr.ManagedScalingPolicy("emr-scaling", cluster_id=emr.id, compute_limits=[
    {"unit_type": "Instances", "minimum_capacity_units": 2, "maximum_capacity_units": 10}])  # fmt: skip
aws.emr.Cluster("emr-bids", release_label="emr-7.1.0", service_role="r", master_instance_group={"instance_type": "m5.xlarge"},
                core_instance_group={"instance_type": "g5.xlarge", "bid_price": "0.4"})  # fmt: skip
aws.emr.Cluster("emr-shared", release_label="emr-7.1.0", service_role="r", master_instance_group={"instance_type": "g5.xlarge"},
                core_instance_group={"instance_type": "g5.xlarge", "instance_count": 3, "bid_price": "0.4"})  # fmt: skip
aws.emr.Cluster("emr-fleets", release_label="emr-7.1.0", service_role="r", master_instance_fleet={
    "instance_type_configs": [{"instance_type": "m5.xlarge"}], "target_on_demand_capacity": 1}, core_instance_fleet={
    "instance_type_configs": [{"instance_type": "g5.xlarge", "weighted_capacity": 2}],
    "target_on_demand_capacity": 2, "target_spot_capacity": 6})  # fmt: skip
aws.sagemaker.TrainingJob("groups", training_job_name="g", role_arn="r", enable_managed_spot_training=True, resource_config={
    "instance_groups": [
        {"instance_group_name": "load", "instance_type": "ml.c5.9xlarge", "instance_count": 4},
        {"instance_group_name": "train", "instance_type": "ml.p4d.24xlarge", "instance_count": 2}]})  # fmt: skip
aws.emr.InstanceGroup("emr-tasks", cluster_id=emr.id, instance_type="g5.2xlarge", instance_count=5, bid_price="1")
aws.emr.InstanceFleet("emr-fleet", cluster_id=emr.id, target_on_demand_capacity=2, target_spot_capacity=6,
                      instance_type_configs=[{"instance_type": "g5.xlarge", "weighted_capacity": 2}])  # fmt: skip
aws.emrserverless.Application(
    "spark", release_label="emr-7.1.0", type="spark", auto_stop_configuration={"idle_timeout_minutes": 10}
)

aws.ebs.SnapshotImport(
    "imported", disk_container={"format": "VHD", "url": "s3://b/k"}, encrypted=True, storage_tier="archive"
)
aws.s3.BucketReplicationConfig("replication", bucket="b", role="r", rules=[
    {"status": "Enabled", "destination": {"bucket": "arn", "storage_class": "STANDARD_IA"}}])  # fmt: skip
aws.s3.BucketIntelligentTieringConfiguration("tiering", bucket="b", tierings=[
    {"access_tier": "DEEP_ARCHIVE_ACCESS", "days": 180}, {"access_tier": "ARCHIVE_ACCESS", "days": 90}])  # fmt: skip
database = aws.rds.Instance(
    "database", identifier="db", instance_class="db.r6g.large", allocated_storage=100, storage_encrypted=True
)
aws.rds.Snapshot("database-snapshot", db_instance_identifier=database.identifier, db_snapshot_identifier="s")
aws.rds.Cluster("aurora", cluster_identifier="aurora", engine="aurora-postgresql", storage_encrypted=True)
aws.rds.ClusterSnapshot("aurora-snapshot", db_cluster_identifier="aurora", db_cluster_snapshot_identifier="s")
aws.opensearch.Domain("search", cluster_config={
    "instance_type": "r6g.large.search", "instance_count": 3, "dedicated_master_enabled": True, "dedicated_master_count": 3,
    "dedicated_master_type": "m6g.large.search"}, ebs_options={"ebs_enabled": True, "volume_size": 200, "volume_type": "gp3"},
    encrypt_at_rest={"enabled": True})  # fmt: skip
aws.opensearch.ServerlessCollection("vectors", type="VECTORSEARCH")

# Disks that come with machines.
gp3 = {"volume_size": 100, "volume_type": "gp3", "iops": 6000, "throughput": 250}
mapped = [{"device_name": "/dev/xvda", "ebs": {"volume_size": 80, "volume_type": "gp3"}},
          {"device_name": "/dev/sdb", "ebs": {"volume_size": 500, "volume_type": "io2", "iops": 4000}}]  # fmt: skip
disks = aws.ec2.LaunchTemplate("disks", instance_type="g5.xlarge", block_device_mappings=mapped)
aws.ec2.Instance("with-disks", ami="a", instance_type="g5.xlarge", root_block_device=gp3,
                 ebs_block_devices=[{"device_name": "/dev/sdc", "volume_size": 200}])  # fmt: skip
aws.ec2.Instance("disks-of-template", launch_template={"id": disks.id})
aws.ec2.Instance("own-root", launch_template={"id": disks.id}, root_block_device={"volume_size": 50})
aws.ec2.Instance("disk-of-image", ami="a", instance_type="g5.xlarge")
aws.autoscaling.Group("group-disks", min_size=0, desired_capacity=2, max_size=4, launch_template={"id": disks.id})
aws.eks.NodeGroup("node-disks", cluster_name="c", node_role_arn="r", subnet_ids=["s"],
                  scaling_config={"min_size": 1, "desired_size": 2, "max_size": 3})  # fmt: skip
aws.eks.NodeGroup("node-disks-template", cluster_name="c", node_role_arn="r", subnet_ids=["s"],
                  launch_template={"id": disks.id, "version": "1"},
                  scaling_config={"min_size": 1, "desired_size": 1, "max_size": 1})  # fmt: skip
aws.sagemaker.NotebookInstance("notebook-volume", instance_type="ml.g5.xlarge", role_arn="r", volume_size=50)

# What guardrails ask of state and of rights.
kept = aws.s3.Bucket("kept", bucket="kept-b", region="eu-west-1")
aws.s3.BucketVersioning("kept-versions", bucket=kept.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketLifecycleConfiguration("kept-rules", bucket=kept.id, rules=[{
    "id": "old", "status": "Enabled", "noncurrent_version_expiration": {"noncurrent_days": 30, "newer_noncurrent_versions": 3}}])  # fmt: skip
aws.s3.BucketPublicAccessBlock("kept-access", bucket=kept.id, restrict_public_buckets=False)
aws.s3.BucketReplicationConfig("kept-copies", bucket="source-b", role="r", rules=[
    {"status": "Enabled", "destination": {"bucket": kept.arn}}])  # fmt: skip
aws.s3.Bucket("plain-bucket")
aws.s3.Bucket("copied", bucket="source-b")
aws.rds.Instance("guarded", instance_class="db.r6g.large", deletion_protection=True, publicly_accessible=True)
aws.sagemaker.TrainingJob("resumes", training_job_name="t", role_arn="arn:aws:iam::1:role/trainer",
                          checkpoint_config={"s3_uri": "s3://b/c"}, algorithm_specification={
                              "training_input_mode": "File", "training_image": "1.dkr.ecr/pytorch:2"},
                          resource_config={"instance_type": "ml.g5.xlarge", "instance_count": 1, "volume_size_in_gb": 50})  # fmt: skip
aws.iam.Role("admin", assume_role_policy="{}", managed_policy_arns=["arn:aws:iam::aws:policy/AdministratorAccess"])
aws.iam.RolePolicyAttachment("admin-too", role="trainer", policy_arn="arn:aws:iam::aws:policy/PowerUserAccess")
aws.ec2.Instance("open", ami="ami-1", instance_type="m5.large", associate_public_ip_address=True,
                 disable_api_termination=True, iam_instance_profile="trainer")  # fmt: skip
aws.dlm.LifecyclePolicy("snapshots", description="d", execution_role_arn="r", policy_details={"schedules": [
    {"name": "s", "create_rule": {"interval": 24}, "retain_rule": {"interval": 2, "interval_unit": "WEEKS"}}]})  # fmt: skip
