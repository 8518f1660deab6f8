"""Reservations, queued TPUs, Vertex AI, Dataproc and BigQuery, as programs declare them."""

import pulumi
import pulumi_gcp as gcp

elsewhere = pulumi.StackReference("org/network/prod")
boot = [{"source_image": "debian"}]

template = gcp.compute.InstanceTemplate("template", machine_type="n1-standard-8", disks=boot,
                                        guest_accelerators=[{"type": "nvidia-tesla-t4", "count": 1}])  # fmt: skip
gcp.compute.Reservation("reserved", zone="us-central1-a", delete_after_duration={"seconds": "36000"}, specific_reservation={
    "count": 4, "instance_properties": {"machine_type": "n1-standard-8", "guest_accelerators": [
        {"accelerator_type": "nvidia-tesla-v100", "accelerator_count": 2}]}})  # fmt: skip
gcp.compute.Reservation("reserved-template", zone="us-central1-a", specific_reservation={
    "count": 2, "source_instance_template": template.self_link})  # fmt: skip
gcp.compute.FutureReservation("calendar", zone="us-central1-a", reservation_mode="CALENDAR",
                              time_window={"start_time": "2026-01-01T00:00:00Z", "duration": {"seconds": "604800"}},
                              specific_sku_properties={"total_count": "2", "instance_properties": {"machine_type": "a3-highgpu-8g"}})  # fmt: skip
gcp.compute.RegionInstanceGroupManager("regional-group", base_instance_name="g", region="us-central1", target_size=2,
                                       versions=[{"instance_template": template.self_link}],
                                       distribution_policy_zones=["us-central1-a", "us-central1-b"])  # fmt: skip
gcp.tpu.V2QueuedResource("queued", zone="us-central1-a", tpu={"node_specs": [
    {"parent": "p", "node_id": "a", "node": {"runtime_version": "v2", "accelerator_type": "v5litepod-8"}},
    {"parent": "p", "node_id": "b", "node": {"runtime_version": "v2", "accelerator_type": "v5litepod-8"}}]})  # fmt: skip

index = gcp.vertex.AiIndex("index", display_name="i", region="us-central1", metadata={"config": {"dimensions": 2}})
endpoint = gcp.vertex.AiIndexEndpoint(
    "index-endpoint", display_name="e", region="us-central1", labels={"team": "search"}
)
gcp.vertex.AiIndexEndpointDeployedIndex("deployed", deployed_index_id="d", index=index.id, index_endpoint=endpoint.id,
                                        dedicated_resources={"min_replica_count": 2, "max_replica_count": 5,
                                                             "machine_spec": {"machine_type": "n1-standard-16"}})  # fmt: skip
gcp.vertex.AiIndexEndpointDeployedIndex(
    "deployed-automatic", deployed_index_id="d", index=index.id, index_endpoint=endpoint.id
)
gcp.vertex.AiFeatureOnlineStore("online", region="us-central1", bigtable={
    "auto_scaling": {"min_node_count": 1, "max_node_count": 3}})  # fmt: skip
gcp.vertex.AiFeatureStore(
    "legacy", region="us-central1", online_storage_ttl_days=30, online_serving_config={"fixed_node_count": 2}
)
gcp.vertex.AiPersistentResource("pool", location="us-central1", resource_pools=[
    {"machine_spec": {"machine_type": "a2-highgpu-1g"}, "replica_count": "2",
     "autoscaling_spec": {"min_replica_count": "1", "max_replica_count": "4"}}])  # fmt: skip
gcp.vertex.AiPersistentResource("pools", location="us-central1", resource_pools=[
    {"id": "small", "machine_spec": {"machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 2},
     "replica_count": "1"}, {"id": "cpu", "machine_spec": {"machine_type": "n1-standard-8"}, "replica_count": "9"},
    {"id": "large", "machine_spec": {"machine_type": "a2-highgpu-8g"}, "replica_count": "1"}])  # fmt: skip
gcp.cloudrunv2.Job("gpu-job", location="us-central1", template={"template": {
    "node_selector": {"accelerator": "nvidia-l4"},
    "containers": [{"image": "x", "resources": {"limits": {"cpu": "4", "nvidia.com/gpu": "1"}}}]}})  # fmt: skip
gcp.cloudrunv2.WorkerPool("workers", location="us-central1", scaling={"manual_instance_count": 3}, template={
    "node_selector": {"accelerator": "nvidia-l4"},
    "containers": [{"image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]})  # fmt: skip

policy = gcp.dataproc.AutoscalingPolicy("policy", policy_id="p", location="us-central1",
                                        worker_config={"min_instances": 2, "max_instances": 8})  # fmt: skip
gcp.dataproc.Cluster("spark", region="us-central1", cluster_config={
    "autoscaling_config": {"policy_uri": policy.name},
    "lifecycle_config": {"idle_delete_ttl": "1800s"}, "master_config": {"machine_type": "n1-standard-8"},
    "worker_config": {"machine_type": "n1-standard-8", "num_instances": 4}})  # fmt: skip
gcp.dataproc.Cluster("spark-gpu", region="us-central1", cluster_config={
    "master_config": {"machine_type": "n1-standard-8"}, "preemptible_worker_config": {"num_instances": 3},
    "worker_config": {"machine_type": "n1-standard-8", "accelerators": [
        {"accelerator_type": "nvidia-tesla-t4", "accelerator_count": 1}]}})  # fmt: skip
gcp.dataproc.Cluster("spark-virtual", region="us-central1", virtual_cluster_config={
    "kubernetes_cluster_config": {"gke_cluster_config": {"gke_cluster_target": "c"},
                                  "kubernetes_software_config": {"component_version": {"SPARK": "3"}}}})  # fmt: skip

day = 86_400_000
dataset = gcp.bigquery.Dataset("dataset", dataset_id="d", location="EU", default_table_expiration_ms=30 * day)
gcp.bigquery.Dataset("dataset-keeps", dataset_id="k", location="EU", labels={"team": "nlp"})
gcp.bigquery.Table("table", dataset_id=dataset.dataset_id, table_id="t")
gcp.bigquery.Table(
    "table-partitioned", dataset_id="d", table_id="p", time_partitioning={"type": "DAY", "expiration_ms": 7 * day}
)
gcp.bigquery.Table("table-dated", dataset_id="d", table_id="x", expiration_time=1_900_000_000_000)

files = gcp.filestore.Instance("files", name="files", location="us-central1-a", tier="ZONAL", networks=[{"modes": [], "network": "n"}],
                               file_shares={"name": "s", "capacity_gb": 1024})  # fmt: skip
gcp.filestore.Backup("files-backup", location="us-central1", source_file_share="s", source_instance=files.id)
gcp.lustre.Instance("scratch", instance_id="s", location="us-central1-a", filesystem="f", network="n", capacity_gib="18000",
                    per_unit_storage_throughput="500")  # fmt: skip

# Disks that come with machines.
gcp.compute.Instance("with-disks", machine_type="g2-standard-8", zone="us-central1-a", network_interfaces=[{"network": "n"}],
                     boot_disk={"initialize_params": {"image": "debian", "size": 200, "type": "pd-ssd"}},
                     scratch_disks=[{"interface": "NVME"}])  # fmt: skip
gcp.compute.Instance("disk-of-image", machine_type="g2-standard-8", zone="us-central1-a", network_interfaces=[{"network": "n"}],
                     boot_disk={"source": "there-already"})  # fmt: skip
stored = gcp.compute.InstanceTemplate("stored", machine_type="g2-standard-8", disks=[
    {"source_image": "debian", "disk_size_gb": 100, "disk_type": "pd-balanced", "device_name": "boot"},
    {"type": "SCRATCH", "device_name": "scratch"}, {"source": "there-already"}])  # fmt: skip
gcp.compute.InstanceGroupManager("group-disks", base_instance_name="g", zone="us-central1-a", target_size=3,
                                 versions=[{"instance_template": stored.self_link}])  # fmt: skip
gcp.container.NodePool("pool-disks", cluster="c", location="us-central1-a", node_count=2,
                       node_config={"machine_type": "g2-standard-8", "local_ssd_count": 2})  # fmt: skip
gcp.container.NodePool("pool-disk-declared", cluster="c", location="us-central1-a", node_count=1, node_config={
    "machine_type": "g2-standard-8", "boot_disk": {"size_gb": 300, "disk_type": "hyperdisk-balanced", "provisioned_iops": 5000}})  # fmt: skip
gcp.container.Cluster("cluster-disks", location="us-central1-a", node_pools=[
    {"name": "a", "node_count": 1, "node_config": {"machine_type": "g2-standard-8", "disk_size_gb": 50}},
    {"name": "b", "node_count": 4, "node_config": {"machine_type": "e2-standard-4", "disk_size_gb": 30, "disk_type": "pd-ssd"}}])  # fmt: skip
gcp.workbench.Instance("bench-disks", location="us-central1-a", gce_setup={"machine_type": "n1-standard-4"})

# What guardrails ask of state and of rights.
shared = gcp.storage.Bucket("shared", name="shared-b", location="EU", versioning={"enabled": True}, lifecycle_rules=[
    {"action": {"type": "Delete"}, "condition": {"num_newer_versions": 3}}])  # fmt: skip
gcp.storage.BucketIAMMember("everyone", bucket=shared.name, role="roles/storage.objectViewer", member="allUsers")
gcp.storage.Bucket("closed", location="EU", public_access_prevention="enforced")
gcp.compute.Instance("open", machine_type="g2-standard-4", zone="us-central1-a", deletion_protection=True,
                     boot_disk={"initialize_params": {"image": "projects/p/global/images/pytorch"}},
                     network_interfaces=[{"network": "n", "access_configs": [{}]}],
                     service_account={"email": "trainer@p.iam", "scopes": ["cloud-platform"]})  # fmt: skip
gcp.container.Cluster("provisioned", location="us-central1", remove_default_node_pool=True, deletion_protection=False,
                      private_cluster_config={"enable_private_endpoint": True}, cluster_autoscaling={"enabled": True, "resource_limits": [
                          {"resource_type": "cpu", "maximum": 100}, {"resource_type": "nvidia-l4", "maximum": 8}]})  # fmt: skip
gcp.projects.IAMMember("owner", project="p", role="roles/owner", member="serviceAccount:trainer@p.iam")
gcp.cloudrunv2.Service("inside", location="us-central1", ingress="INGRESS_TRAFFIC_INTERNAL_ONLY", template={
    "service_account": "run@p.iam", "containers": [{"image": "vllm:1"}]})  # fmt: skip

hours = gcp.compute.ResourcePolicy("hours", name="hours", region="us-central1", instance_schedule_policy={
    "time_zone": "UTC", "vm_start_schedule": {"schedule": "0 8 * * 1-5"}, "vm_stop_schedule": {"schedule": "0 18 * * 1-5"}})  # fmt: skip
timed = gcp.compute.Instance("timed", name="timed", machine_type="g2-standard-4", zone="us-central1-a", boot_disk={},
                             network_interfaces=[{"network": "n"}])  # fmt: skip
gcp.compute.ResourcePolicyAttachment("timed-hours", name=hours.name, instance=timed.name, zone="us-central1-a")
