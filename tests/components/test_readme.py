"""The documentation of the components: each example runs and passes all packs, each picture is of the real children."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent

import pytest

from tests.components.conftest import CheckProgram, objections
from tests.components.every import CASES, made
from tests.conftest import ROOT
from tests.facts import sdk

README = (ROOT / "components" / "README.md").read_text(encoding="utf-8")
SECTIONS: Mapping[str, str] = {
    part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in re.split(r"^## ", README, flags=re.M)[1:]
}
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)

PRELUDE = """
import dataclasses
import pulumi_aws as aws
tags = dataclasses.replace(
    tags, model="ranker", model_version="3", dataset="clicks", review_by="2027-01-31", run_type=RUN_TYPE
)
subnet = aws.ec2.Subnet("subnet", vpc_id="vpc-1", cidr_block="10.0.0.0/24", tags=tags.values)
trust = {"Service": "ec2.amazonaws.com"}
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trust}]}
role = aws.iam.Role("role", assume_role_policy=pulumi.Output.json_dumps(policy), tags=tags.values)
checkpoints = CheckpointStore("checkpoints", tags=tags, cloud="aws")

class Machine:
    id = pulumi.Output.from_input("i-1")
    name = pulumi.Output.from_input("workers")

workers = trainer = Machine

class Vpc(pulumi.ComponentResource):
    def __init__(self, name, opts):
        super().__init__("own:index:Vpc", name, None, opts)
        aws.ec2.Vpc(name, cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(parent=self))

class awsx:
    class ec2:
        Vpc = Vpc
"""
RUN_TYPES = {"TrainingJob": "fine-tuning", "InferenceEndpoint": "online-inference"}
OF_LARGE = {
    "gpu-approved-models", "gpu-count-per-resource", "gpu-count-per-team", "gpu-count-per-stack",
    "daily-burn", "worst-case-month",
}  # fmt: skip
"""What the shipped packs want a waiver for, by the lists and amounts that they come with: thirty-two A100, which the
documentation says."""


def _title(example: str) -> str:
    found = re.search(r"^(?:\w+ = )?([A-Z]\w+)\(\s*\"", example, re.M)
    platform = re.search(r'platform="(\w+)"', example)
    return " ".join(one.group(1) for one in (found, platform) if one) or "tags below"


TITLES = [_title(example) for example in EXAMPLES]


def test_every_component_has_an_example_that_is_run() -> None:
    components = {component for component, _ in CASES.values()}
    assert components <= {title.split()[0] for title in TITLES}


@pytest.mark.parametrize("title", TITLES)
def test_an_example_of_the_documentation_runs_and_passes_all_packs(
    title: str, check: CheckProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    component, _, platform = title.partition(" ")
    if platform == "aks" and sdk.missing("azure-native"):
        pytest.skip("pulumi-azure-native is not installed")
    monkeypatch.setenv("AWS_REGION", "us-east-1" if component == "Workspace" else "us-west-2")
    monkeypatch.setenv("GOOGLE_REGION", "us-central1")
    example = EXAMPLES[TITLES.index(title)]
    run_type = RUN_TYPES.get(component)
    if title == TITLES[0]:
        program = "import sys\nsys.modules.pop('spendgate_components')\ndel tags\n" + example
    else:
        program = PRELUDE.replace("RUN_TYPE", repr(run_type)) + example
    checked = check(dedent(program))
    asked = {one.guardrail for one in objections(checked)}
    assert asked - (OF_LARGE if "A100" in example else set()) == set()
    assert checked.names


def _keys(component: str) -> set[str]:
    """Keys of the children on every platform, without the names of pools and teams and the numbers at their ends."""
    found: set[str] = set()
    for kind, given in CASES.values():
        if kind == component:
            for child in made(kind, given):
                key = re.sub(r"^(t4-|team-nlp-)", "", child.key)
                found.add(re.sub(r"-\d+$", "", key))
    return found


@pytest.mark.parametrize("component", sorted({component for component, _ in CASES.values()}))
def test_a_picture_shows_the_children_that_there_are(component: str) -> None:
    blocks = SECTIONS[component].split("```")[1::2]
    pictures = "\n".join(block for block in blocks if "├─" in block or "└─" in block)
    assert pictures
    keys = _keys(component)
    words = set(re.findall(r"[a-z]+", pictures))
    # A list of names says what they share once: cluster-role, -policy.
    missing = {key for key in keys if not set(key.split("-")) <= words}
    assert missing == set()
    for shown in re.findall(r"[├└]─ [a-z0-9…]+-([a-z][a-z-]*[a-z])", pictures):
        assert shown in keys or any(key.endswith(shown) or key.startswith(shown) for key in keys), shown
