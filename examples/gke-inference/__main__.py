"""Inference on GKE: a spot L4 pool that scales to zero, and the Deployment that asks for its GPUs."""

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

labels = {
    "project": "rag-service",
    "team": "search",
    "owner": "search-oncall",
    "environment": "dev",
    "cost-center": "cc-0815",
}

cluster = gcp.container.Cluster(
    "inference",
    location="us-central1-a",
    initial_node_count=1,
    remove_default_node_pool=True,
    deletion_protection=False,
    resource_labels=labels,
)

l4_pool = gcp.container.NodePool(
    "l4",
    cluster=cluster.name,
    location="us-central1-a",
    autoscaling={"min_node_count": 0, "max_node_count": 4},
    initial_node_count=1,
    node_config={
        "machine_type": "g2-standard-8",
        "spot": True,
        "resource_labels": labels,
        "guest_accelerators": [{"type": "nvidia-l4", "count": 1}],
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    },
)

models = gcp.storage.Bucket(
    "models",
    location="us-central1",
    labels=labels,
    lifecycle_rules=[{"action": {"type": "Delete"}, "condition": {"age": 90, "with_state": "ARCHIVED"}}],
    versioning={"enabled": True},
)

kubeconfig = cluster.endpoint.apply(lambda endpoint: f"apiVersion: v1\nclusters: [{{server: https://{endpoint}}}]\n")
on_cluster = pulumi.ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=kubeconfig))

k8s.apps.v1.Deployment(
    "server",
    metadata={"labels": labels},
    spec={
        "replicas": 2,
        "selector": {"match_labels": {"app": "server"}},
        "template": {
            "metadata": {"labels": {"app": "server", **labels}},
            "spec": {
                "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
                "containers": [
                    {
                        "name": "server",
                        "image": "vllm/vllm-openai:v0.11.0",
                        "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "24Gi", "cpu": "6"}},
                    }
                ],
            },
        },
    },
    opts=on_cluster,
)
