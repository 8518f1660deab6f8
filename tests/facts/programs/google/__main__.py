"""Google Cloud and Kubernetes resources as programs declare them."""

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

elsewhere = pulumi.StackReference("org/network/prod")
boot = {"initialize_params": {"image": "debian"}}
nics = [{"network": "default"}]

office = gcp.compute.ResourcePolicy(
    "office", region="europe-west4",
    instance_schedule_policy={"time_zone": "UTC", "vm_start_schedule": {"schedule": "0 9 * * MON-FRI"},
                              "vm_stop_schedule": {"schedule": "0 17 * * MON-FRI"}},
)  # fmt: skip
gcp.compute.Instance(
    "attached-gpus", machine_type="n1-standard-8", zone="us-central1-a", boot_disk=boot, network_interfaces=nics,
    guest_accelerators=[{"type": "nvidia-tesla-t4", "count": 2}], labels={"team": "nlp"},
    scheduling={"provisioning_model": "SPOT", "preemptible": True, "max_run_duration": {"seconds": 7200}},
)  # fmt: skip
gcp.compute.Instance("built-in", machine_type="a2-highgpu-4g", boot_disk=boot, network_interfaces=nics,
                     guest_accelerators=[{"type": "nvidia-tesla-a100", "count": 4}], resource_policies=office.id)  # fmt: skip
gcp.compute.Instance("later", machine_type=elsewhere.get_output("type"), boot_disk=boot, network_interfaces=nics)
gcp.compute.Instance("no-such-gpu", machine_type="n1-standard-8", boot_disk=boot, network_interfaces=nics,
                     guest_accelerators=[{"type": "nvidia-tesla-t5", "count": 1}])  # fmt: skip

template = gcp.compute.InstanceTemplate("template", machine_type="g2-standard-8", disks=[{"source_image": "debian"}],
                                        scheduling={"preemptible": True, "automatic_restart": False})  # fmt: skip
group = gcp.compute.InstanceGroupManager("group", base_instance_name="g", zone="us-central1-a",
                                         versions=[{"instance_template": template.self_link_unique}])  # fmt: skip
gcp.compute.Autoscaler("scaler", zone="us-central1-a", target=group.id,
                       autoscaling_policy={"min_replicas": 2, "max_replicas": 6})  # fmt: skip
gcp.compute.InstanceGroupManager("group-fixed", base_instance_name="g", zone="us-central1-a", target_size=3,
                                 versions=[{"instance_template": template.id}])  # fmt: skip

zonal = gcp.container.Cluster("zonal", location="us-central1-a", remove_default_node_pool=True, initial_node_count=1,
                              resource_labels={"team": "nlp"})  # fmt: skip
regional = gcp.container.Cluster("regional", location="us-central1", initial_node_count=1)
gcp.container.Cluster("autopilot", location="us-central1", enable_autopilot=True)
gcp.container.NodePool("pool", cluster=zonal.name, autoscaling={"min_node_count": 0, "max_node_count": 4},
                       initial_node_count=1, node_config={"machine_type": "g2-standard-12", "spot": True,
                       "resource_labels": {"team": "nlp"}})  # fmt: skip
gcp.container.NodePool("pool-regional", cluster=regional.id, location="us-central1", node_count=2,
                       node_config={"machine_type": "n1-standard-4", "max_run_duration": "3600s",
                                    "guest_accelerators": [{"type": "nvidia-tesla-v100", "count": 1}]})  # fmt: skip
gcp.container.NodePool("pool-elsewhere", cluster="other", location="us-central1", node_locations=["us-central1-a"],
                       autoscaling={"total_min_node_count": 1, "total_max_node_count": 9}, initial_node_count=2)  # fmt: skip

disk = gcp.compute.Disk("disk", zone="us-central1-a", size=200, type="pd-ssd")
gcp.compute.AttachedDisk("attach", disk=disk.id, instance="vm")
inline = gcp.compute.Disk("disk-inline", zone="us-central1-a", size=10)
gcp.compute.Instance("host", machine_type="e2-small", boot_disk=boot, network_interfaces=nics,
                     attached_disks=[{"source": inline.self_link}])  # fmt: skip
gcp.compute.Disk("disk-loose", zone="us-central1-a", size=20)
gcp.compute.Snapshot("snapshot", source_disk=disk.name, zone="us-central1-a")

gcp.storage.Bucket(
    "bucket", location="EU",
    lifecycle_rules=[
        {"action": {"type": "Delete"}, "condition": {"age": 60}},
        {"action": {"type": "Delete"}, "condition": {"age": 5, "with_state": "ARCHIVED"}},
        {"action": {"type": "SetStorageClass", "storage_class": "NEARLINE"}, "condition": {"age": 10}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 2}},
    ],
)  # fmt: skip
gcp.storage.Bucket("bucket-keeps", location="us-central1", storage_class="COLDLINE")

gcp.workbench.Instance("bench", location="us-central1-a", gce_setup={
    "machine_type": "n1-standard-4", "accelerator_configs": [{"type": "NVIDIA_TESLA_T4", "core_count": "1"}],
    "metadata": {"idle-timeout-seconds": "3600"}})  # fmt: skip
gcp.workbench.Instance("bench-default", location="us-central1-a", gce_setup={"machine_type": "n1-standard-4"})
gcp.workbench.Instance("bench-never", location="us-central1-a", gce_setup={
    "machine_type": "n1-standard-4", "metadata": {"idle-timeout-seconds": ""}})  # fmt: skip

gcp.vertex.AiEndpointWithModelGardenDeployment(
    "garden", location="us-central1", publisher_model_name="m",
    deploy_config={"dedicated_resources": {"min_replica_count": 1, "max_replica_count": 3, "machine_spec": {
        "machine_type": "g2-standard-12", "accelerator_type": "NVIDIA_L4", "accelerator_count": 1}}},
)  # fmt: skip
gcp.tpu.V2Vm("tpu", runtime_version="v2", zone="us-central1-a", accelerator_type="v5litepod-8",
             scheduling_config={"spot": True})  # fmt: skip
gcp.cloudrunv2.Service("serve", location="us-central1", template={
    "node_selector": {"accelerator": "nvidia-l4"}, "scaling": {"min_instance_count": 1, "max_instance_count": 5},
    "containers": [{"image": "x", "resources": {"limits": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}}}]})  # fmt: skip
gcp.cloudrunv2.Job("run-job", location="us-central1", template={"task_count": 4, "template": {
    "timeout": "3600s", "containers": [{"image": "x"}]}})  # fmt: skip

kubernetes = k8s.Provider("cluster", kubeconfig=elsewhere.get_output("kubeconfig"))
on = pulumi.ResourceOptions(provider=kubernetes)


def pod(gpus="1", resource="nvidia.com/gpu", **spec):
    return {"containers": [{"name": "a", "image": "x", "resources": {
        "limits": {resource: gpus}, "requests": {"cpu": "500m", "memory": "16Gi"}}}, {"name": "sidecar", "image": "y"}],
        **spec}  # fmt: skip


def template_of(spec, **labels):
    return {"metadata": {"labels": labels}, "spec": spec}


h100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
k8s.core.v1.Pod(
    "pod", spec=pod("2", node_selector=h100, active_deadline_seconds=1800), metadata={"labels": {"a": "b"}}, opts=on
)
k8s.core.v1.Pod("pod-unnamed", spec=pod(), opts=on)
k8s.core.v1.Pod("pod-mig", spec=pod("3", resource="nvidia.com/mig-1g.5gb"), opts=on)
k8s.core.v1.Pod("pod-shared", spec=pod(node_selector={"cloud.google.com/gke-accelerator": "nvidia-l4",
                "cloud.google.com/gke-max-shared-clients-per-gpu": "4"}), opts=on)  # fmt: skip
k8s.core.v1.Pod("pod-time-sliced", spec=pod(node_selector={"nvidia.com/gpu.product": "Tesla-T4-SHARED",
                "nvidia.com/gpu.replicas": "8"}), opts=on)  # fmt: skip
k8s.core.v1.Pod("pod-sliced-somehow", spec=pod(resource="nvidia.com/gpu.shared"), opts=on)
k8s.core.v1.Pod(
    "pod-by-type", spec=pod("8", node_selector={"node.kubernetes.io/instance-type": "p4d.24xlarge"}), opts=on
)
k8s.core.v1.Pod("pod-later", spec=pod(elsewhere.get_output("gpus"), node_selector=h100), opts=on)
k8s.core.v1.Pod("pod-affinity", opts=on, spec=pod(affinity={"node_affinity": {
    "required_during_scheduling_ignored_during_execution": {"node_selector_terms": [{"match_expressions": [
        {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["Tesla-T4", "NVIDIA-L4"]}]}]}}}))  # fmt: skip
k8s.core.v1.Pod("pod-init", opts=on, spec=pod(init_containers=[
    {"name": "warm", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "4"}}}], node_selector=h100))  # fmt: skip

server = k8s.apps.v1.Deployment("deployment", metadata={"labels": {"team": "web"}}, opts=on, spec={
    "replicas": 3, "selector": {}, "template": template_of(pod(node_selector=h100), team="pods", app="x")})  # fmt: skip
k8s.autoscaling.v2.HorizontalPodAutoscaler("hpa", opts=on, spec={"max_replicas": 10, "scale_target_ref": {
    "kind": "Deployment", "name": server.metadata.name}})  # fmt: skip
k8s.apps.v1.StatefulSet("stateful", opts=on, spec={
    "selector": {}, "service_name": "s", "template": template_of(pod(node_selector=h100))})  # fmt: skip
k8s.apps.v1.DaemonSet("daemon", spec={"selector": {}, "template": template_of(pod("0"))}, opts=on)
k8s.batch.v1.Job("job", opts=on, spec={
    "active_deadline_seconds": 10800, "parallelism": 4, "template": template_of(pod(node_selector=h100))})  # fmt: skip
k8s.batch.v1.Job("job-endless", spec={"template": template_of(pod(node_selector=h100))}, opts=on)
k8s.batch.v1.CronJob("nightly", opts=on, spec={"schedule": "0 2 * * *", "job_template": {"spec": {
    "active_deadline_seconds": 3600, "template": template_of(pod(node_selector=h100))}}})  # fmt: skip
k8s.batch.v1.CronJob("suspended", opts=on, spec={"schedule": "0 2 * * *", "suspend": True, "job_template": {
    "spec": {"template": template_of(pod())}}})  # fmt: skip
k8s.core.v1.PersistentVolumeClaim("claim", opts=on, spec={
    "storage_class_name": "premium-rwo", "resources": {"requests": {"storage": "200Gi"}}})  # fmt: skip
k8s.core.v1.Namespace("space", metadata={"labels": {"team": "nlp"}}, opts=on)
k8s.core.v1.ConfigMap("settings", data={"a": "b"}, opts=on)
