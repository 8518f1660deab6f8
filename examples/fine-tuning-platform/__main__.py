"""A platform for fine-tuning: a cluster with two pools of GPUs and a quota for the team, a job that resumes from its
checkpoints, stores that end what they hold, and budgets that tell their owner."""

import dataclasses

import pulumi

from spendgate_components import (
    BudgetGuard,
    CheckpointStore,
    ClusterPool,
    GpuCluster,
    Nodes,
    TeamQuota,
    TrainingJob,
    WorkloadTags,
)

config = pulumi.Config()

tags = WorkloadTags(
    project="fine-tuning",
    team="nlp",
    owner="nlp@example.com",
    environment="dev",
    cost_center="cc-4711",
)

cluster = GpuCluster(
    "tuning",
    tags=tags,
    platform="eks",
    subnet_ids=config.require_object("subnets"),
    pools={
        "l4": ClusterPool("L4", Nodes(max=4, expected=2)),
        "a10g": ClusterPool("A10G", Nodes(max=1, expected=1), min_vcpu=8),
    },
    teams={"nlp": TeamQuota(accelerators=5)},
    max_monthly_cost=4000,
)

checkpoints = CheckpointStore("checkpoints", tags=tags, cloud="aws", expire_after_days=14)
weights = CheckpointStore("weights", tags=tags, cloud="aws", holds="weights")

ranker = TrainingJob(
    "ranker",
    tags=dataclasses.replace(tags, model="ranker", dataset="clicks", run_type="fine-tuning"),
    platform="eks",
    accelerator="L4",
    workers=2,
    image="registry.example.com/trainer:1.4.2",
    max_hours=12,
    namespace="nlp",
    checkpoint_uri=checkpoints.url,
    max_cost_per_run=40,
    opts=pulumi.ResourceOptions(providers=[cluster.children["kubernetes"]], depends_on=[cluster]),
)

BudgetGuard("budget", tags=tags, cloud="aws", monthly_usd=2000, daily_usd=130)

pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("machines", cluster.instance_type_reasons)
pulumi.export("cost", cluster.estimated_cost)
pulumi.export("run-cost", ranker.estimated_cost)
pulumi.export("checkpoints", checkpoints.url)
pulumi.export("weights", weights.url)
