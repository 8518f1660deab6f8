"""Programs that do to components what they should not: each is told, and nothing is lost in silence."""

from __future__ import annotations

import pytest

from spendgate.errors import InputErrors
from tests.components.conftest import CheckProgram, message, objections

POOL = 'platform="eks", accelerator="L4", nodes=(0, 2), region="us-west-2"'


def test_two_components_of_one_name_are_refused_by_it(check: CheckProgram) -> None:
    store = 'CheckpointStore("ckpt", tags=tags, cloud="aws", region="us-west-2")\n'
    with pytest.raises(InputErrors, match='the spendgate:index:CheckpointStore "ckpt" is declared twice'):
        check(store + store)


def test_components_of_different_kinds_may_share_a_name(check: CheckProgram) -> None:
    checked = check(
        'CheckpointStore("x", tags=tags, cloud="aws", region="us-west-2")\n'
        'BudgetGuard("x", tags=tags, cloud="aws", monthly_usd=100)\n'
    )
    assert [message(one) for one in objections(checked)] == []
    assert {"x-bucket", "x-monthly", "x-daily"} <= set(checked.names.values())


def test_tags_that_a_transform_of_pulumi_drops_later_are_missed_by_the_check(check: CheckProgram) -> None:
    """Such a transform runs in the engine, where a component cannot see it: the gate does."""
    checked = check(
        """
        class Mine(pulumi.ComponentResource):
            def __init__(self, name, opts=None):
                super().__init__("my:index:Mine", name, None, opts)
                below = pulumi.ResourceOptions(parent=self)
                CheckpointStore("ckpt", tags=tags, cloud="aws", region="us-west-2", opts=below)

        def drop(args):
            kept = {key: value for key, value in args.props.items() if key != "tags"}
            return pulumi.ResourceTransformResult(props=kept, opts=args.opts)

        Mine("mine", pulumi.ResourceOptions(transforms=[drop]))
        """
    )
    assert {(one.guardrail, one.name) for one in objections(checked)} >= {
        ("required-tags", "ckpt-bucket"),
        ("required-tags", "ckpt-log-bucket"),
    }


def test_one_stack_may_have_them_in_two_regions(check: CheckProgram) -> None:
    checked = check(
        """
        import pulumi_aws as aws
        for region in ("us-east-1", "us-west-2"):
            there = pulumi.ResourceOptions(providers=[aws.Provider(region, region=region)])
            CheckpointStore(f"ckpt-{region}", tags=tags, cloud="aws", region=region, opts=there)
            GpuNodePool(
                f"pool-{region}", tags=tags, platform="eks", accelerator="L4", nodes=(0, 1, 2), cluster="research",
                region=region, subnet_ids=["subnet-1"], node_role_arn="arn:aws:iam::1:role/nodes", opts=there,
            )
        """
    )
    assert [message(one) for one in objections(checked)] == []
    regions = {line.quote.region for line in checked.estimate.lines if line.item == "g6.xlarge"}
    assert regions == {"us-east-1", "us-west-2"}


def test_a_secret_is_in_no_message_and_no_report(check: CheckProgram, capfd: pytest.CaptureFixture[str]) -> None:
    secret = 'hidden = pulumi.Output.secret("hunter22")\n'
    checked = check(
        secret + f'GpuNodePool("pool", tags=tags, cluster=hidden, subnet_ids=[hidden], node_role_arn=hidden, {POOL}, '
        'raw={"template": {"userData": hidden}})\n'
    )
    assert "hunter22" not in repr(checked)
    given = f'tags=tags, cluster="c", subnet_ids=["s"], node_role_arn="arn", {POOL}'
    with pytest.raises(InputErrors, match="scalingConfig is changed to a value known only after apply"):
        check(secret + f'GpuNodePool("pool", {given}, raw={{"spot": {{"scalingConfig": hidden}}}})\n')
    out = capfd.readouterr()
    assert "hunter22" not in out.out + out.err
