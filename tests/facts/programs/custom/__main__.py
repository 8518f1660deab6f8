"""Custom resources of Kubernetes, as programs declare them."""

import pulumi
import pulumi_kubernetes as k8s

elsewhere = pulumi.StackReference("org/network/prod")
on = pulumi.ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=elsewhere.get_output("kubeconfig")))
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
L4 = {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def custom(name, api_version, kind, spec, **labels):
    return k8s.apiextensions.CustomResource(
        name, api_version=api_version, kind=kind, spec=spec, metadata={"name": name, "labels": labels}, opts=on
    )


def template(gpus=None, node=None):
    resources = {"limits": {"nvidia.com/gpu": gpus}} if gpus is not None else {}
    return {"spec": {"containers": [{"name": "a", "image": "x", "resources": resources}], "nodeSelector": node or {}}}


def ray(*groups, **more):
    return {"headGroupSpec": {"template": template()}, "workerGroupSpecs": list(groups), **more}


workers = {"groupName": "gpu", "replicas": 2, "minReplicas": 1, "maxReplicas": 6, "template": template(8, H100)}
small = {"groupName": "cpu", "replicas": 5, "template": template()}
custom("ray", "ray.io/v1", "RayCluster", ray(workers, small), team="nlp")
custom("ray-scaled", "ray.io/v1", "RayCluster", ray(workers, small, enableInTreeAutoscaling=True))
custom(
    "ray-mixed", "ray.io/v1", "RayCluster", ray(workers, {"groupName": "b", "replicas": 1, "template": template(1, L4)})
)
custom("ray-hosts", "ray.io/v1", "RayCluster", ray({**workers, "numOfHosts": 4}))
custom("ray-cpu", "ray.io/v1", "RayCluster", ray(small))
custom(
    "ray-later", "ray.io/v1", "RayCluster", ray({**workers, "template": template(elsewhere.get_output("gpus"), H100)})
)
custom("ray-job", "ray.io/v1", "RayJob", {"activeDeadlineSeconds": 7200, "rayClusterSpec": ray(workers)})
custom("ray-service", "ray.io/v1", "RayService", {"rayClusterConfig": ray(workers)})

custom("pytorch", "kubeflow.org/v1", "PyTorchJob", {
    "runPolicy": {"activeDeadlineSeconds": 3600}, "pytorchReplicaSpecs": {
        "Master": {"template": template(8, H100)}, "Worker": {"replicas": 3, "template": template(8, H100)}}})  # fmt: skip
custom("pytorch-uneven", "kubeflow.org/v1", "PyTorchJob", {"pytorchReplicaSpecs": {
    "Master": {"replicas": 1, "template": template(1, H100)}, "Worker": {"replicas": 3, "template": template(8, H100)}}})  # fmt: skip
custom("pytorch-elastic", "kubeflow.org/v1", "PyTorchJob", {
    "elasticPolicy": {"minReplicas": 1, "maxReplicas": 8},
    "pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": template(8, H100)}}})  # fmt: skip
custom("mpi", "kubeflow.org/v2beta1", "MPIJob", {"runPolicy": {"activeDeadlineSeconds": 1800}, "mpiReplicaSpecs": {
    "Launcher": {"replicas": 1, "template": template()}, "Worker": {"replicas": 4, "template": template(2, L4)}}})  # fmt: skip
custom("train", "trainer.kubeflow.org/v1alpha1", "TrainJob", {
    "runtimeRef": {"name": "torch"}, "activeDeadlineSeconds": 3600,
    "trainer": {"numNodes": 4, "resourcesPerNode": {"limits": {"nvidia.com/gpu": "8"}}}})  # fmt: skip
custom("train-runtime", "trainer.kubeflow.org/v1alpha1", "TrainJob", {"runtimeRef": {"name": "torch"}})


def replicated(name, gpus, replicas, deadline=None):
    job = {"parallelism": 2, "template": template(gpus, H100)}
    return {
        "name": name,
        "replicas": replicas,
        "template": {"spec": {**job, "activeDeadlineSeconds": deadline} if deadline else job},
    }


custom("jobset", "jobset.x-k8s.io/v1alpha2", "JobSet", {"replicatedJobs": [
    replicated("driver", None, 1, 600), replicated("workers", 8, 4, 3600)]})  # fmt: skip
custom("jobset-open", "jobset.x-k8s.io/v1alpha2", "JobSet", {"replicatedJobs": [
    replicated("driver", None, 1, 600), replicated("workers", 8, 4)]})  # fmt: skip
custom("lws", "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", {
    "replicas": 2, "leaderWorkerTemplate": {"size": 4, "workerTemplate": template(8, H100)}})  # fmt: skip
custom("lws-leader", "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", {"replicas": 2, "leaderWorkerTemplate": {
    "size": 4, "leaderTemplate": template(), "workerTemplate": template(8, H100)}})  # fmt: skip

custom("kserve", "serving.kserve.io/v1beta1", "InferenceService", {"predictor": {
    "minReplicas": 0, "maxReplicas": 3, "nodeSelector": L4,
    "model": {"modelFormat": {"name": "huggingface"}, "resources": {"limits": {"nvidia.com/gpu": "1"}}}}})  # fmt: skip
custom("kserve-custom", "serving.kserve.io/v1beta1", "InferenceService", {"predictor": {
    "containers": [{"name": "kserve-container", "resources": {"limits": {"nvidia.com/gpu": 2}}}], "nodeSelector": L4}})  # fmt: skip
custom("kserve-nodes", "serving.kserve.io/v1beta1", "InferenceService", {"predictor": {
    "workerSpec": {"pipelineParallelSize": 2}, "model": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}}})  # fmt: skip

server = k8s.apps.v1.Deployment("server", metadata={"name": "server"}, opts=on, spec={
    "replicas": 2, "selector": {}, "template": {"spec": {"containers": [
        {"name": "a", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}], "node_selector": L4}}})  # fmt: skip
custom("keda", "keda.sh/v1alpha1", "ScaledObject", {
    "scaleTargetRef": {"name": "server"}, "maxReplicaCount": 9, "triggers": []})  # fmt: skip


def requirement(key, *values):
    return {"key": key, "operator": "In", "values": list(values)}


custom("karpenter", "karpenter.sh/v1", "NodePool", {
    "disruption": {"consolidateAfter": "30m"}, "limits": {"nvidia.com/gpu": 16}, "template": {
        "metadata": {"labels": {"team": "nlp"}}, "spec": {"requirements": [
            requirement("node.kubernetes.io/instance-type", "g5.xlarge", "g6.xlarge"), requirement("karpenter.sh/capacity-type", "spot"),
            requirement("topology.kubernetes.io/zone", "us-east-1a")]}}})  # fmt: skip
custom("karpenter-any", "karpenter.sh/v1", "NodePool", {"disruption": {"consolidateAfter": "Never"}, "template": {"spec": {
    "requirements": [requirement("karpenter.sh/capacity-type", "spot", "on-demand")]}}})  # fmt: skip
custom("node-class", "karpenter.k8s.aws/v1", "EC2NodeClass", {
    "tags": {"team": "infra"}, "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": True, "volumeSize": "100Gi"}}]})  # fmt: skip
custom("queue", "kueue.x-k8s.io/v1beta1", "ClusterQueue", {"resourceGroups": [{"flavors": [
    {"name": "h100", "resources": [{"name": "cpu", "nominalQuota": 100}, {"name": "nvidia.com/gpu", "nominalQuota": 16}]},
    {"name": "l4", "resources": [{"name": "cpu", "nominalQuota": 10}, {"name": "nvidia.com/gpu", "nominalQuota": "4"}]}]}]})  # fmt: skip
k8s.core.v1.ResourceQuota("quota", opts=on, spec={"hard": {"requests.nvidia.com/gpu": "8"}})
k8s.rbac.v1.ClusterRoleBinding(
    "admins",
    opts=on,
    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
)
both = {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "8", "memory": "32Gi"}}
k8s.core.v1.Pod("sized", opts=on, spec={"service_account_name": "trainer", "containers": [
    {"name": "a", "image": "x:1", "resources": both}, {"name": "b", "image": "y:2", "resources": both}]})  # fmt: skip
k8s.core.v1.Pod("half-sized", opts=on, spec={"containers": [
    {"name": "a", "image": "x:1", "resources": {"limits": {"cpu": "8"}}}, {"name": "b", "image": "y:2"}]})  # fmt: skip
k8s.core.v1.Pod("limited", opts=on, spec={"containers": [{"name": "a", "resources": {"limits": {"cpu": "8"}}}]})
custom("unheard-of", "acme.example/v1", "Rocket", {"replicas": 1})

# Dynamic resource claims.
asks = {"device_class_name": "gpu.nvidia.com"}
claim = k8s.resource.v1.ResourceClaimTemplate("claim", opts=on, metadata={"name": "two-gpus"}, spec={"spec": {"devices": {
    "requests": [{"name": "a", "exactly": {**asks, "count": 2}}, {"name": "b", "exactly": asks}]}}})  # fmt: skip
k8s.resource.v1beta1.ResourceClaim("claim-beta", opts=on, metadata={"name": "one-gpu"}, spec={"devices": {
    "requests": [{"name": "a", **asks}]}})  # fmt: skip
k8s.resource.v1.ResourceClaimTemplate("claim-part", opts=on, metadata={"name": "part"}, spec={"spec": {"devices": {
    "requests": [{"name": "a", "exactly": {"device_class_name": "mig.nvidia.com"}}]}}})  # fmt: skip


def claiming(name, **claims):
    containers = [{"name": "a", "image": "x"}]
    k8s.core.v1.Pod(name, opts=on, spec={
        "containers": containers, "node_selector": L4, "resource_claims": [{"name": "gpu", **claims}]})  # fmt: skip


claiming("claims-template", resource_claim_template_name="two-gpus")
claiming("claims-one", resource_claim_name="one-gpu")
claiming("claims-elsewhere", resource_claim_template_name="of-another-team")
claiming("claims-part", resource_claim_template_name="part")
k8s.batch.v1.Job("claims-job", opts=on, spec={"parallelism": 4, "template": {"spec": {
    "containers": [{"name": "a"}], "node_selector": H100, "resource_claims": [{"name": "g", "resource_claim_template_name": "two-gpus"}]}}})  # fmt: skip
