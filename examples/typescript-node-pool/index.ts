// A pool of GPU nodes, a bucket for checkpoints, and a job that runs on the one and resumes from the other.
import * as pulumi from "@pulumi/pulumi";
import * as spendgate from "@pulumi/spendgate";

const config = new pulumi.Config();

// Every resource below carries these tags.
const tags = {
    project: "ranker",
    team: "search",
    owner: "search@example.com",
    environment: "dev",
    costCenter: "cc-2042",
};

const checkpoints = new spendgate.CheckpointStore("checkpoints", { tags, cloud: "aws", expireAfterDays: 14 });

const pool = new spendgate.GpuNodePool("train", {
    tags,
    platform: "eks",
    accelerator: "L4",
    nodes: { min: 0, expected: 1, max: 4 },
    cluster: config.require("cluster"),
    nodeRoleArn: config.require("nodeRoleArn"),
    subnetIds: config.requireObject<string[]>("subnetIds"),
    maxMonthlyCost: 3000,
});

const job = new spendgate.TrainingJob("ranker", {
    tags: { ...tags, model: "ranker", dataset: "clicks", runType: "fine-tuning" },
    platform: "eks",
    accelerator: "L4",
    workers: 2,
    image: "registry.example.com/trainer:1.4.2",
    maxHours: 12,
    checkpointUri: checkpoints.url,
    maxCostPerRun: 25,
});

export const machine = pool.instanceTypeReason;
export const poolCost = pool.estimatedCost;
export const runCost = job.estimatedCost.apply((cost) => cost.run);
export const checkpointUri = checkpoints.url;
