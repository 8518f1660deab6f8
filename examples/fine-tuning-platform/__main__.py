"""A platform for fine-tuning: a place for checkpoints, and one for the weights that are kept."""

import pulumi

from spendgate_components import CheckpointStore, WorkloadTags

tags = WorkloadTags(
    project="fine-tuning",
    team="nlp",
    owner="nlp@example.com",
    environment="dev",
    cost_center="cc-4711",
)

checkpoints = CheckpointStore("checkpoints", tags=tags, cloud="aws", expire_after_days=14)
weights = CheckpointStore("weights", tags=tags, cloud="aws", holds="weights")

pulumi.export("checkpoints", checkpoints.url)
pulumi.export("weights", weights.url)
