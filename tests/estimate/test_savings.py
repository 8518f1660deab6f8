"""Cheaper ways: only the same in another way, only at a known price, and never a loss."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.estimate import estimate
from spendgate.estimate.alternatives import Way, equivalents
from spendgate.estimate.savings import find_savings
from spendgate.prices.age import is_fresh
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.private import FILE
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()


def _machine(name="gpu", **values):
    base = {"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge"}
    return workload(name, **{**base, **values})


def _found(*workloads, environment="production", catalogue=CATALOGUE, **options):
    lines = estimate(workloads, catalogue).lines
    return find_savings(workloads, lines, catalogue, environment=environment, **options)


def _ways(*workloads, **options):
    return {saving.way for saving in _found(*workloads, **options)}


def _one(way, *workloads, **options):
    return next(saving for saving in _found(*workloads, **options) if saving.way is way)


def test_a_cheaper_region_is_offered_with_the_price_of_both():
    saving = _one(Way.REGION, _machine(region="eu-central-1"))
    assert saving.now == Decimal("1.258") * 730
    assert saving.saved == saving.now - saving.then > 0
    assert saving.at_least == pytest.approx(saving.saved)
    assert "egress is billed" in saving.risk
    assert all(quote.source and quote.as_of for quote in saving.quotes)


def test_the_best_region_nearby_is_offered_beside_the_best_of_all():
    found = [saving for saving in _found(_machine(region="eu-central-1")) if saving.way is Way.REGION]
    assert len(found) == 2
    far, near = sorted(found, key=lambda saving: saving.then)
    assert near.change.startswith("eu-")
    assert "another part of the world" in far.risk
    assert "another part of the world" not in near.risk


def test_a_type_with_the_same_accelerator_and_no_smaller_host_is_offered():
    preview = "Standard_NC128ds_xl_RTXPRO6000BSE_v6"
    saving = _one(Way.INSTANCE_TYPE, _machine(provider="azure", region="eastus", instance_type=preview))
    assert saving.change == f"Standard_NC144ds_xl_RTXPRO6000BSE_v6 instead of {preview}"
    assert saving.saved == (Decimal("6.38") - Decimal("5.5")) * 730
    assert "another host (144 vCPU, 516 GiB" in saving.risk


def test_fewer_accelerators_are_never_equivalent():
    for name in ("g5.12xlarge", "p4d.24xlarge", "g6.48xlarge"):
        own = CATALOGUE.instance("aws", name)
        assert all(other.accelerator == own.accelerator for other in equivalents(CATALOGUE, "aws", name))


def test_a_smaller_host_with_the_same_accelerator_is_not_equivalent():
    assert "g5.xlarge" not in {other.name for other in equivalents(CATALOGUE, "aws", "g5.4xlarge")}


def test_another_architecture_is_not_equivalent():
    assert not any(other.name.startswith("m6g") for other in equivalents(CATALOGUE, "aws", "m5.large"))
    assert "m6a.large" in {other.name for other in equivalents(CATALOGUE, "aws", "m5.large")}


def test_local_disks_and_network_are_not_given_up_and_older_processors_not_offered():
    names = {other.name for other in equivalents(CATALOGUE, "aws", "m6id.large")}
    assert names
    assert all("d" in name.split(".")[0][2:] and name[1] >= "6" for name in names)
    assert "trn1.32xlarge" not in {other.name for other in equivalents(CATALOGUE, "aws", "trn1n.32xlarge")}


def test_a_managed_type_is_held_against_managed_types_only():
    assert all(other.name.startswith("ml.") for other in equivalents(CATALOGUE, "aws", "ml.m5.xlarge"))


ALL_TYPES = [
    (provider, name)
    for provider in ("aws", "azure", "gcp")
    for group in CATALOGUE.store.groups(provider)
    for name in CATALOGUE.store.instances(provider, group)
]


@given(st.sampled_from(ALL_TYPES))
@settings(max_examples=150, deadline=None)
def test_equivalence_holds_for_every_type_of_the_catalogue(found):
    provider, name = found
    own = CATALOGUE.instance(provider, name)
    for other in equivalents(CATALOGUE, provider, name):
        assert other.accelerator == own.accelerator
        assert other.architecture == own.architecture
        assert other.vcpu >= own.vcpu * 0.95
        assert other.memory_gib >= own.memory_gib * 0.95
        assert other.name != own.name


def test_spot_is_for_jobs_and_for_work_that_says_that_it_resumes():
    assert Way.SPOT not in _ways(_machine())
    assert Way.SPOT not in _ways(_machine(tags={"checkpointing": "no"}))
    assert Way.SPOT in _ways(_machine(tags={"checkpointing": "s3"}))
    assert Way.SPOT in _ways(_machine(kind="training_job", max_runtime_hours=200.0))
    assert Way.SPOT not in _ways(_machine(kind="endpoint", tags={"checkpointing": "s3"}))


def test_spot_saves_nothing_for_sure_and_says_why():
    saving = _one(Way.SPOT, _machine(kind="training_job", max_runtime_hours=100.0))
    assert saving.saved == 100 * (Decimal("1.006") - Decimal("0.436"))
    assert saving.at_least == 0
    assert "no checkpoints are declared" in saving.risk


def test_office_hours_are_offered_outside_production_only():
    notebook = {"kind": "notebook", "region": "us-west-2", "instance_type": "ml.g5.xlarge"}
    saving = _one(Way.SCHEDULE, _machine(**notebook), environment="development")
    assert saving.saved == pytest.approx(Decimal("1.41") * 730 * (1 - Decimal(50) / 168))
    assert saving.assumes == ("wanted 50 of 168 h a week (ten hours on five days)",)
    assert Way.SCHEDULE not in _ways(_machine(**notebook))
    assert Way.SCHEDULE not in _ways(_machine(**notebook), environment="")


def test_endpoints_scale_to_zero_outside_production():
    endpoint = {"kind": "endpoint", "region": "us-west-2", "instance_type": "ml.g5.xlarge", "count": [1, 1, 2]}
    assert Way.SCALE_TO_ZERO in _ways(_machine(**endpoint), environment="development")
    assert Way.SCALE_TO_ZERO not in _ways(_machine(**endpoint))
    assert Way.SCALE_TO_ZERO not in _ways(_machine(**{**endpoint, "count": [0, 1, 2]}), environment="development")


def test_gp3_is_counted_with_what_makes_it_as_fast_as_gp2():
    volume = {"kind": "volume", "storage_class": "gp2"}
    wide = workload("v", "aws:ebs/volume:Volume", provider="aws", region="us-east-1", size_gib=2000.0, **volume)
    saving = _one(Way.STORAGE_CLASS, wide)
    # 2,000 GiB: 20% less a GiB, and 3,000 IOPS and 125 MiB/s more than gp3 comes with
    assert saving.then == 2000 * Decimal("0.08") + 3000 * Decimal("0.005") + 125 * Decimal("0.04")
    small = workload("v", "aws:ebs/volume:Volume", provider="aws", region="us-east-1", size_gib=200.0, **volume)
    assert Way.STORAGE_CLASS not in _ways(small)


def test_nothing_is_offered_at_an_unknown_price():
    elsewhere = workload(
        "v",
        "aws:ebs/volume:Volume",
        kind="volume",
        provider="aws",
        region="eu-west-1",
        size_gib=2000.0,
        storage_class="gp2",
    )
    assert _found(elsewhere) == ()
    assert _found(_machine(instance_type="p5e.48xlarge")) == ()


def test_reserved_is_offered_where_its_price_is_known_and_the_count_is_steady(tmp_path):
    (tmp_path / FILE).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / FILE).write_text(
        "provider,item,region,purchase,price,unit,currency,source,as_of,note\n"
        "aws,g5.xlarge,us-east-1,reserved,0.60,hour,USD,contract 1,2026-11-01,1 year\n"
    )
    catalogue = Catalogue.with_user(tmp_path)
    saving = _one(Way.RESERVED, _machine(), catalogue=catalogue)
    assert saving.saved == 730 * (Decimal("1.006") - Decimal("0.60"))
    assert "commitment" in saving.risk
    assert saving.quotes[0].note.startswith("1 year") or "1 year" in saving.quotes[0].note
    assert Way.RESERVED not in _ways(_machine(count=[0, 1, 4]), catalogue=catalogue)


def test_a_price_that_is_too_old_is_not_offered():
    machine = _machine(region="eu-central-1")
    assert Way.REGION in _ways(machine)
    fresh = partial(is_fresh, max_age=30, today=date(2026, 11, 21))
    assert _found(machine, fresh=fresh) == ()


def test_what_is_not_allowed_is_not_offered_and_the_next_best_is():
    machine = _machine(region="eu-central-1")
    best = _one(Way.REGION, machine)
    taken = best.change.split()[0]
    found = _found(machine, allowed=lambda group, alternative, lines: not alternative.change.startswith(taken))
    assert found
    assert all(not saving.change.startswith(taken) for saving in found)


def test_equal_workloads_are_told_together():
    found = _one(Way.REGION, *(_machine(f"m{number}", region="eu-central-1") for number in range(5)))
    assert len(found.resources) == 5
    assert found.now == 5 * Decimal("1.258") * 730


@pytest.mark.parametrize(
    "values",
    [
        {"unknowns": {"region": "known after apply"}},
        {"instance_type": None, "unknowns": {"instance_type": "known after apply"}},
        {"provider": "kubernetes"},
        {"external": True},
        {"mapped": False},
    ],
)
def test_nothing_is_offered_for_what_is_not_understood(values):
    assert _found(_machine(**values)) == ()


def test_pods_and_nodes_in_one_stack_leave_the_nodes_to_be_had_elsewhere():
    pool = _machine("pool", kind="node_pool", region="eu-central-1", count=[1, 2, 4])
    pod = workload("pod", kind="workload", provider="kubernetes", accelerator=["A10G", 24, 1], count=[2, 2, 2])
    found = _found(pool, pod)
    assert {address for saving in found for address in saving.resources} == {"urn:test::pool"}


TYPES = st.sampled_from(
    ["g5.xlarge", "g5.12xlarge", "p4d.24xlarge", "m5.large", "gr6.4xlarge", "p5e.48xlarge", "c4.large"]
)
REGIONS = st.sampled_from(["us-east-1", "us-west-1", "eu-central-1", "ap-southeast-2", "nowhere-1"])
KINDS = st.sampled_from(["compute", "node_pool", "training_job", "endpoint", "notebook"])
COUNTS = st.tuples(*[st.integers(0, 9)] * 3).map(lambda value: sorted(value))


@given(
    st.lists(st.tuples(KINDS, TYPES, REGIONS, COUNTS), min_size=1, max_size=4), st.sampled_from(["dev", "production"])
)
@settings(max_examples=40, deadline=None)
def test_a_saving_is_never_negative_and_the_same_from_run_to_run(machines, environment):
    workloads = [
        _machine(f"m{i}", kind=kind, instance_type=name, region=region, count=count, tags={"checkpointing": "yes"})
        for i, (kind, name, region, count) in enumerate(machines)
    ]
    found = _found(*workloads, environment=environment)
    for saving in found:
        assert saving.saved > 0
        assert 0 <= saving.at_least <= saving.saved
        assert saving.risk
        assert saving.change
        assert all(quote.amount is not None and quote.as_of for quote in saving.quotes)
    assert found == _found(*workloads, environment=environment)
    assert [saving.saved for saving in found] == sorted((saving.saved for saving in found), reverse=True)
