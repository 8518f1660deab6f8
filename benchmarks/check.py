"""``spendgate check`` of a program of 1,000 resources against the same program run bare through the embedded host."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.timing import in_turn

PROGRAM = """
import pulumi_aws as aws

TAGS = {"project": "bench", "team": "nlp", "owner": "ada", "environment": "dev", "cost-center": "cc-1"}
TYPES = ["g5.xlarge", "g5.2xlarge", "g6.xlarge", "m5.large", "p4d.24xlarge"]
for i in range(250):
    aws.ec2.Instance(f"node-{i}", ami="ami-0", instance_type=TYPES[i % 5], tags={**TAGS, "index": str(i)},
                     root_block_device={"volume_size": 100 + i, "volume_type": "gp3"})
    aws.s3.Bucket(f"data-{i}", tags={**TAGS, "index": str(i)})
    aws.ebs.Volume(f"disk-{i}", availability_zone="us-east-1a", size=100 + i, type="gp3", tags=TAGS)
    aws.eks.NodeGroup(f"pool-{i}", cluster_name="c", node_role_arn="arn:aws:iam::123456789012:role/n",
                      subnet_ids=["subnet-1"], instance_types=[TYPES[i % 5]], tags=TAGS,
                      scaling_config={"min_size": 0, "desired_size": 1, "max_size": 1 + i % 7})
"""

BARE = """
import sys
from pathlib import Path
from spendgate.sources.pulumi_program import run_program
print(len(run_program(Path(sys.argv[1])).resources))
"""


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds of both, and their ratio (medians of ``runs``, in turn)."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n", encoding="utf-8")
        (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
        (project / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        spendgate = str(Path(sys.executable).with_name("spendgate"))
        figures = in_turn(
            {
                "bare": [sys.executable, "-c", BARE, folder],
                "check": [spendgate, "check", folder, "--format", "json"],
            },
            runs,
            accept=(0, 1),
        )
    bare, check = figures["bare"].seconds, figures["check"].seconds
    return {"bare host, s": bare, "spendgate check, s": check, "check / bare": check / bare}
