"""Stores for checkpoints, weights and datasets: they end what they hold, and pass every guardrail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.prices.catalogue import Catalogue
from spendgate.sources.pulumi_program import run_program
from spendgate_components import ArgumentError, CheckpointStoreArgs, WorkloadTags
from spendgate_components.checkpoint_store import CLASSES, plan
from spendgate_components.escapes import with_escapes
from tests.components.conftest import TAGS, CheckProgram, message, objections
from tests.components.test_tags import WHO

STORES = """
for cloud, region in (("aws", "us-east-1"), ("gcp", "us-central1")):
    for holds in ("checkpoints", "weights", "datasets"):
        CheckpointStore(f"{cloud}-{holds}", tags=tags, cloud=cloud, region=region, holds=holds)
"""


@pytest.mark.parametrize(("stack", "environment"), [("dev", "dev"), ("prod", "prod")])
def test_a_store_of_every_class_on_every_cloud_passes_all_packs(
    stack: str, environment: str, check: CheckProgram
) -> None:
    change = f"import dataclasses\ntags = dataclasses.replace(tags, environment={environment!r})\n"
    checked = check(change + STORES, stack=stack)
    assert [message(one) for one in objections(checked)] == []
    assert not checked.unmapped
    assert len(checked.names) == 45


def test_children_are_named_by_their_part(check: CheckProgram) -> None:
    checked = check('CheckpointStore("ckpt", tags=tags, cloud="gcp", region="europe-west4")')
    names = set(checked.names.values())
    assert names == {"ckpt-bucket", "ckpt-log-bucket", "ckpt-log-writer"}
    assert all("spendgate:index:CheckpointStore$" in urn for urn in checked.names)


def test_inputs_of_ones_own_reach_the_child_and_the_tags_stay(check: CheckProgram) -> None:
    program = """
    CheckpointStore(
        "ckpt", tags=tags, cloud="aws", region="us-west-2", access_log_bucket="central-logs",
        raw={"bucket": {"force_destroy": True, "tags": {"team": "other", "extra": "1"}}},
    )
    """
    checked = check(program)
    assert [message(one) for one in objections(checked)] == []
    assert "ckpt-log-bucket" not in checked.names.values()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cloud": "azure"}, 'cloud is "azure"\nWrite one of aws, gcp.'),
        ({"region": "us-esat-1"}, 'region is "us-esat-1", no region of aws\ndid you mean "us-east-1"?'),
        ({"holds": "weight"}, 'holds is "weight"\ndid you mean "weights"?'),
        ({"expire_after_days": 90}, 'Write at most 30, or holds="weights" for what is kept.'),
        ({"keep_versions_days": 0}, "Write a whole number of days from 1 to 90."),
        ({"abort_uploads_after_days": 8}, "Write a whole number of days from 1 to 7."),
        ({"raw": {"buckett": {}}}, 'raw has no child "buckett"\ndid you mean "bucket"?'),
        ({"raw": {"bucket": {"force_destory": True}}}, 'did you mean "force_destroy"?'),
        ({"raw": {"lifecycle": {"rules": []}}}, "change the component's argument instead"),
        ({"raw": {"public-access": {"block_public_acls": False}}}, "change the component's argument instead"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_registered(change: dict[str, Any], told: str) -> None:
    args = CheckpointStoreArgs(**{"tags": WorkloadTags(**WHO), "cloud": "aws", "region": "us-east-1", **change})
    with pytest.raises(ArgumentError, match=re.escape(told)):
        with_escapes(plan(args, Catalogue.builtin()).children, args.raw, ())


def test_a_missing_or_misspelt_argument_is_named(check: CheckProgram) -> None:
    from spendgate.errors import InputError

    with pytest.raises(InputError, match="tags is missing"):
        check('CheckpointStore("ckpt", cloud="aws", region="us-east-1")')
    with pytest.raises(InputError, match='no argument "keep_days"'):
        check('CheckpointStore("ckpt", tags=tags, cloud="aws", region="us-east-1", keep_days=3)')
    with pytest.raises(InputError, match="region is known only after apply"):
        check('CheckpointStore("ckpt", tags=tags, cloud="aws", region=pulumi.Output.from_input("us-east-1"))')
    with pytest.raises(InputError, match="region is not known"):
        check('CheckpointStore("ckpt", tags=tags, cloud="aws")')


@settings(max_examples=40, deadline=None)
@given(
    cloud=st.sampled_from(["aws", "gcp"]),
    holds=st.sampled_from(sorted(CLASSES)),
    days=st.none() | st.integers(1, 400),
    versions=st.none() | st.integers(1, 90),
    tags=st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,19}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=8),
)  # fmt: skip
def test_every_bucket_carries_every_tag_and_ends_what_it_holds(
    cloud: str, holds: str, days: int | None, versions: int | None, tags: dict[str, str]
) -> None:
    if CLASSES[holds].scratch and days is not None:
        days = min(days, 30)
    region = {"aws": "us-east-1", "gcp": "us-central1"}[cloud]
    own = WorkloadTags(**WHO, extra=tags)
    args = CheckpointStoreArgs(own, cloud, region, holds, days, versions)
    made = plan(args, Catalogue.builtin()).children
    buckets = [child for child in made if child.make.__name__ == "Bucket"]
    assert len(buckets) == 2
    for bucket in buckets:
        carried = bucket.inputs["tags" if cloud == "aws" else "labels"]
        assert {key.replace("-", "_") for key in own.values} <= {key.replace("-", "_") for key in carried}
    colder = _colder(made, cloud)
    expires = days if days is not None else CLASSES[holds].expires
    assert all(expires is None or step < expires for step in colder)


def _colder(made: Any, cloud: str) -> list[int]:
    children = {child.key: child.inputs for child in made}
    if cloud == "aws":
        return [step["days"] for step in children["lifecycle"]["rules"][0].get("transitions", [])]
    rules = children["bucket"]["lifecycleRules"]
    return [rule["condition"]["age"] for rule in rules if rule["action"]["type"] == "SetStorageClass"]


def test_options_of_the_component_hold_for_its_children(program: Path) -> None:
    (program / "__main__.py").write_text(
        TAGS + 'import pulumi_aws as aws\nprovider = aws.Provider("own", region="eu-west-1")\n'
        "options = pulumi.ResourceOptions(protect=True, providers=[provider])\n"
        'CheckpointStore("ckpt", tags=tags, cloud="aws", region="eu-west-1", opts=options)\n',
        encoding="utf-8",
    )
    children = [one for one in run_program(program).resources if one.name.startswith("ckpt-")]
    assert len(children) == 12
    for child in children:
        assert child.options.protect
        assert child.provider is not None
        assert child.provider.address.endswith("::own")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: platform\nruntime: python\n", encoding="utf-8")
    return tmp_path
