"""A preview of 10,000 resources in a file: ``spendgate check FILE`` with every shipped guardrail and the estimate,
beside ``conftest test`` of the same file with forty Rego rules (no prices). conftest is measured where it is on PATH
(``go install github.com/open-policy-agent/conftest@latest``)."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import in_turn

RESOURCES = 10_000
URN = "urn:pulumi:dev::bench::"
TAGS = {"project": "bench", "team": "nlp", "owner": "ada", "environment": "dev", "cost-center": "cc-1"}
TYPES = ("g5.xlarge", "g5.2xlarge", "g6.xlarge", "m5.large", "p4d.24xlarge")

RULE = """
deny contains msg if {{
    some step in input.steps
    state := step.newState
    {condition}
    msg := sprintf("%s: rule {number}", [state.urn])
}}
"""

CONDITIONS = (
    *(f'state.custom; state.inputs.tags; not state.inputs.tags["{tag}"]' for tag in (*TAGS, "model", "dataset")),
    *(f'state.inputs.tags["{tag}"] == "{value}"' for tag, value in (("environment", "lab"), ("team", "none"))),
    *(
        f'state.type == "aws:ec2/instance:Instance"; startswith(state.inputs.instanceType, "{family}.")'
        for family in ("p5", "p5e", "p5en", "p6", "trn1", "trn2", "g6e", "gr6", "inf2", "dl1")
    ),
    *(
        f'state.type == "aws:eks/nodeGroup:NodeGroup"; state.inputs.scalingConfig.maxSize > {most}'
        for most in (10, 20, 30, 40, 50)
    ),
    *(f'state.type == "aws:ebs/volume:Volume"; state.inputs.size > {most}' for most in (500, 1000, 2000, 4000)),
    *(f'state.type == "aws:ebs/volume:Volume"; state.inputs.type == "{kind}"' for kind in ("gp2", "io1", "io2")),
    *(
        f'regex.match(`{pattern}`, state.urn); not state.inputs.tags["cost-center"]'
        for pattern in ("node-[0-9]+$", "data-[0-9]+$", "disk-[0-9]+$", "pool-[0-9]+$", "^urn:pulumi:prod")
    ),
    'state.type == "aws:s3/bucket:Bucket"; state.inputs.acl == "public-read"',
    'state.type == "aws:s3/bucket:Bucket"; state.inputs.forceDestroy',
    'state.type == "aws:ec2/instance:Instance"; state.inputs.associatePublicIpAddress',
    'state.type == "aws:ec2/instance:Instance"; state.inputs.rootBlockDevice.volumeSize > 1000',
)


def measure(runs: int = 3) -> dict[str, float]:
    """Seconds and peak MiB of both, with their ratios (medians of ``runs``, in turn); conftest's only where it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = folder / "preview.json"
        plan.write_text(json.dumps(preview(RESOURCES), indent=4), encoding="utf-8")
        write_rules(folder / "policy")
        (folder / "spendgate.yaml").write_text(everything(), encoding="utf-8")
        spendgate = str(Path(sys.executable).with_name("spendgate"))
        commands = {"spendgate": [spendgate, "check", str(plan), "--format", "json"]}
        conftest = shutil.which("conftest")
        if conftest is not None:
            policy = str(folder / "policy")
            commands["conftest"] = [conftest, "test", "--no-color", "-o", "json", "--policy", policy, str(plan)]
        figures = in_turn(commands, runs, accept=(0, 1))
    ours = figures["spendgate"]
    found = {
        "check, 10,000 resources, s": ours.seconds,
        "check, 10,000 resources, CPU s": ours.cpu,
        "spendgate check, peak MiB": ours.peak,
    }
    if "conftest" in figures:
        theirs = figures["conftest"]
        found |= {"conftest, 40 rules, s": theirs.seconds, "conftest, 40 rules, CPU s": theirs.cpu}
        found |= {"conftest, peak MiB": theirs.peak}
        found |= {
            "check / conftest, time": ours.seconds / theirs.seconds,
            "check / conftest, CPU": ours.cpu / theirs.cpu,
        }
        found |= {"check / conftest, memory": ours.peak / theirs.peak}
    return found


def everything() -> str:
    """A spendgate.yaml with every shipped guardrail at its own level, and those that are off at advisory."""
    from spendgate.rules.library import load_library

    lines = ["apiVersion: spendgate.dev/v1", "kind: Config", "guardrails:"]
    lines += [f"  {name}: {{enforcement: advisory}}" for name in sorted(load_library())]
    return "\n".join(lines) + "\n"


def write_rules(folder: Path) -> None:
    """Forty rules in Rego, one after the other in one package."""
    assert len(CONDITIONS) == 40, len(CONDITIONS)
    folder.mkdir()
    rules = (RULE.format(condition=condition, number=number) for number, condition in enumerate(CONDITIONS))
    (folder / "rules.rego").write_text("package main\n\nimport rego.v1\n" + "".join(rules), encoding="utf-8")


def preview(count: int) -> dict[str, Any]:
    """The digest of a preview with ``count`` resources: instances, buckets, volumes and node groups."""
    stack = {"urn": f"{URN}pulumi:pulumi:Stack::bench-dev", "type": "pulumi:pulumi:Stack", "custom": False}
    states = [stack, *(_state(index) for index in range(count))]
    steps = [{"op": "create", "urn": state["urn"], "newState": state} for state in states]
    return {"config": {"aws:region": "us-east-1"}, "steps": steps, "changeSummary": {"create": len(states)}}


def _state(index: int) -> dict[str, Any]:
    tags = {**TAGS, "index": str(index)}
    kind, inputs = (
        (
            "ec2/instance:Instance",
            {
                "ami": "ami-0",
                "instanceType": TYPES[index // 4 % 5],
                "tags": tags,
                "rootBlockDevice": {"volumeSize": 100 + index % 50, "volumeType": "gp3"},
            },
        ),
        ("s3/bucket:Bucket", {"tags": tags}),
        (
            "ebs/volume:Volume",
            {"availabilityZone": "us-east-1a", "size": 100 + index % 90, "type": "gp3", "tags": TAGS},
        ),
        (
            "eks/nodeGroup:NodeGroup",
            {
                "clusterName": "c",
                "nodeRoleArn": "arn:aws:iam::123456789012:role/n",
                "subnetIds": ["subnet-1"],
                "instanceTypes": [TYPES[index // 4 % 5]],
                "tags": tags,
                "scalingConfig": {"minSize": 0, "desiredSize": 1, "maxSize": 1 + index % 7},
            },
        ),
    )[index % 4]
    return {
        "urn": f"{URN}aws:{kind}::{('node', 'data', 'disk', 'pool')[index % 4]}-{index}",
        "type": f"aws:{kind}",
        "custom": True,
        "inputs": inputs,
        "parent": f"{URN}pulumi:pulumi:Stack::bench-dev",
        "provider": f"{URN}pulumi:providers:aws::default_7_51_1::04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "propertyDependencies": {name: [] for name in inputs},
        "sourcePosition": f"project:///__main__.py#{index % 300 + 1}",
    }
