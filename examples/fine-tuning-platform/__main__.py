"""A platform for fine-tuning on a cluster that is there: GPU nodes by need, checkpoints that end, weights that
stay for a year, and a budget that tells its owner."""

import pulumi

from spendgate_components import BudgetGuard, CheckpointStore, GpuNodePool, WorkloadTags

config = pulumi.Config()

tags = WorkloadTags(
    project="fine-tuning",
    team="nlp",
    owner="nlp@example.com",
    environment="dev",
    cost_center="cc-4711",
)

nodes = GpuNodePool(
    "tuning",
    tags=tags,
    platform="eks",
    accelerator="L4",
    nodes=(0, 1, 4),
    cluster=config.require("cluster"),
    subnet_ids=[config.require("subnet")],
    node_role_arn=config.require("node-role"),
    max_monthly_cost=3000,
)

checkpoints = CheckpointStore("checkpoints", tags=tags, cloud="aws", expire_after_days=14)
weights = CheckpointStore("weights", tags=tags, cloud="aws", holds="weights")

BudgetGuard("budget", tags=tags, cloud="aws", monthly_usd=3000, daily_usd=150)

pulumi.export("checkpoints", checkpoints.url)
pulumi.export("weights", weights.url)
pulumi.export("nodes", nodes.instance_type_reason)
pulumi.export("nodes-cost", nodes.estimated_cost)
