"""One run of fine-tuning on a cluster that is there: it ends, resumes from its checkpoints, and has a price."""

import pulumi

from spendgate_components import CheckpointStore, TrainingJob, WorkloadTags

tags = WorkloadTags(
    project="fine-tuning",
    team="nlp",
    owner="nlp@example.com",
    environment="dev",
    cost_center="cc-4711",
    model="ranker",
    dataset="clicks",
    run_type="fine-tuning",
)

checkpoints = CheckpointStore("checkpoints", tags=tags, cloud="aws", expire_after_days=7)

job = TrainingJob(
    "ranker",
    tags=tags,
    platform="eks",
    accelerator="L4",
    workers=2,
    image="registry.example.com/trainer:1.4.2",
    max_hours=12,
    checkpoint_uri=checkpoints.url,
    max_cost_per_run=20,
)

pulumi.export("run-cost", job.estimated_cost)
pulumi.export("nodes", job.instance_type_reason)
