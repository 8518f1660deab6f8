"""A pack that Pulumi runs is under the organisation's file and the project's budgets, as ``spendgate check`` is."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from spendgate.shipped import packs_dir
from tests.crossguard.conftest import BASELINE, started

INSTANCE = "aws:ec2/instance:Instance"
TAGS = {"project": "p", "team": "t", "owner": "o", "environment": "dev", "cost-center": "c"}
ORGANIZATION = """\
apiVersion: spendgate.dev/v1
kind: Organization
guardrails:
  required-tags: {locked: true, params: {required: [squad]}}
"""


def test_the_organisation_holds_where_no_project_is_found_and_the_engine_cannot_weaken_it(tmp_path: Path) -> None:
    file = tmp_path / "organization.yaml"
    file.write_text(ORGANIZATION, encoding="utf-8")
    with started(BASELINE, SPENDGATE_ORGANIZATION=str(file)) as pack:
        found = pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": TAGS}).diagnostics
        assert [(item.policyName, "lacks the tags squad" in item.message) for item in found] == [
            ("required-tags", True)
        ]
        with pytest.raises(grpc.RpcError) as caught:
            pack.configure(required_tags={"enforcement": "ADVISORY", "required": ["squad"]})
        assert 'the level of "required-tags" is locked by the organisation' in str(caught.value.details())
        pack.configure(required_tags={"enforcement": "MANDATORY", "required": ["squad"]})


def test_the_budgets_of_a_project_feed_a_pack_that_it_does_not_name(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n", "utf-8")
    (tmp_path / "spendgate.yaml").write_text(
        "apiVersion: spendgate.dev/v1\nkind: Config\nbudgets: {small: {environments: [development], monthlyUsd: 3}}\n",
        "utf-8",
    )
    with started(packs_dir() / "cost-gate", cwd=tmp_path) as pack:
        pack.analyze(INSTANCE, "web", {"instanceType": "t3.micro", "tags": TAGS})
        found = {item.policyName: item.message for item in pack.analyze_stack().diagnostics}
        assert "development has $3" in found["environment-budget"]
