"""Answers from documents, on a cluster that is there: a job embeds them, a database with pgvector holds the vectors,
and an endpoint answers, which is gone when nobody asks."""

import dataclasses

import pulumi
import pulumi_aws as aws

from spendgate_components import CheckpointStore, InferenceEndpoint, TrainingJob, WorkloadTags

config = pulumi.Config()

tags = WorkloadTags(
    project="handbook-search",
    team="nlp",
    owner="nlp@example.com",
    environment="dev",
    cost_center="cc-4711",
)

chunks = CheckpointStore("chunks", tags=tags, cloud="aws", expire_after_days=14)

embedding = TrainingJob(
    "embed",
    tags=dataclasses.replace(tags, model="bge-m3", dataset="handbook", run_type="embedding"),
    platform="eks",
    accelerator="L4",
    image="registry.example.com/embed:2.1.0",
    max_hours=2,
    checkpoint_uri=chunks.url,
    service_account="embed",
    max_cost_per_run=2,
)

vectors = aws.rds.Instance(
    "vectors",
    engine="postgres",
    engine_version="17",
    instance_class="db.t3.large",
    allocated_storage=100,
    storage_type="gp3",
    storage_encrypted=True,
    backup_retention_period=7,
    deletion_protection=True,
    publicly_accessible=False,
    db_subnet_group_name=config.require("subnets"),
    username="rag",
    manage_master_user_password=True,
    tags=tags.values,
)

answers = InferenceEndpoint(
    "answers",
    tags=dataclasses.replace(tags, model="qwen2-5-7b", model_version="1"),
    platform="eks",
    accelerator="L4",
    replicas=(0, 1, 3),
    image="registry.example.com/answers:1.4.2",
    service_account="answers",
    requests_per_second=4,
    metrics_url="http://prometheus.monitoring:9090",
    metrics_query='sum(rate(http_requests_total{service="answers"}[2m]))',
    max_monthly_cost=2000,
)

pulumi.export("run-cost", embedding.estimated_cost)
pulumi.export("vectors", vectors.address)
pulumi.export("answers", answers.address)
pulumi.export("cost-per-1000-answers", answers.cost_per_1000_inferences)
