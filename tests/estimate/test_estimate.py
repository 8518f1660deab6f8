"""The estimate of a whole stack: order, sums, who pays, and what is left out and said."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.estimate import cost_of, estimate
from spendgate.estimate.lines import hourly_line
from spendgate.estimate.model import ZERO, Cost, Range
from spendgate.estimate.running import running_of
from spendgate.facts.model import Kind
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import NoPrice, Purchase, Quote
from tests.estimate.building import facts_of, workload

CATALOGUE = Catalogue.builtin()
BUCKET = "aws:s3/bucket:Bucket"


def _gpu(name: str, **values):
    return workload(
        name, **{"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "g5.xlarge"} | values
    )


def test_lines_stand_in_order_of_declaration_each_with_its_resource():
    found = estimate([_gpu("b"), _gpu("a", instance_type="m5.large"), _gpu("c")], CATALOGUE)
    assert [(line.resource, line.item) for line in found.lines] == [
        ("urn:test::b", "g5.xlarge"),
        ("urn:test::a", "m5.large"),
        ("urn:test::c", "g5.xlarge"),
    ]


def test_totals_are_the_exact_sum_and_leave_out_what_has_no_price():
    found = estimate([_gpu("a"), _gpu("b", instance_type="p5e.48xlarge"), _gpu("c")], CATALOGUE)
    assert found.total.monthly.expected == 2 * Decimal("1.006") * 730
    assert [line.item for line in found.unpriced] == ["p5e.48xlarge"]


def test_the_cost_of_one_resource_sums_its_lines():
    host = workload(
        "vm",
        kind="compute",
        provider="gcp",
        region="us-central1",
        instance_type="n1-standard-4",
        accelerator=["T4", 16, 2],
    )
    found = estimate([host, _gpu("other")], CATALOGUE)
    assert cost_of(found, "urn:test::vm").hourly.expected == Decimal("0.189999") + 2 * Decimal("0.35")
    assert cost_of(found, "urn:test::nothing") == Cost()


def test_pods_are_paid_for_by_the_node_pool_that_can_hold_them():
    pool = _gpu("gpu-pool", kind="node_pool", accelerator=["A10G", 24, 1])
    cpu = _gpu("cpu-pool", kind="node_pool", instance_type="m5.large")
    pod = workload("server", kind="workload", provider="kubernetes", accelerator=["A10G", 24, 1])
    found = estimate([pool, cpu, pod], CATALOGUE)
    line = found.lines[-1]
    assert (line.quote.reason, line.quote.note) == (NoPrice.PAID_BY_NODES, "paid by node pool gpu-pool")
    assert line not in found.unpriced


def _pod(asked=("L4", 24, 1), **values):
    return workload(
        "server", **{"kind": "workload", "provider": "kubernetes", "accelerator": asked and list(asked)} | values
    )


def _pool(name: str, carried, **values):
    return _gpu(name, kind="node_pool", accelerator=carried, **values)


@pytest.mark.parametrize(
    ("pools", "pod", "note"),
    [
        ([_pool("cpu", None, instance_type="t3.medium")], _pod(("L4", 24, 8)), "no node pool of this stack fits"),
        ([_pool("small", ["L4", 24, 1])], _pod(("L4", 24, 8)), "no node pool of this stack fits (asked for: 8 × L4)"),
        ([_pool("old", ["T4", 16, 4])], _pod(), "no node pool of this stack fits"),
        ([_pool("a40", ["A100", 40, 8])], _pod(("A100", 80, 1)), "no node pool of this stack fits"),
        (
            [_pool("l4", ["L4", 24, 1], instance_type="g6.xlarge")],
            _pod(instance_types=["g6.2xlarge"]),
            "no node pool of this stack fits",
        ),
    ],
)
def test_pods_that_no_pool_of_the_stack_can_hold_have_no_price(pools, pod, note):
    line = estimate([*pools, pod], CATALOGUE).lines[-1]
    assert line.quote.reason == NoPrice.UNPRICED
    assert note in line.quote.note


@pytest.mark.parametrize(
    ("pools", "pod", "note"),
    [
        ([_pool("a", ["L4", 24, 1]), _pool("b", ["L4", 24, 4])], _pod(), "paid by node pool a, b"),
        ([_pool("a", ["L4", 24, 1]), _pool("b", ["T4", 16, 1])], _pod(("", None, 1)), "paid by node pool a, b"),
        (
            [_pool("a", None, unknowns={"accelerator": "later"}), _pool("b", None)],
            _pod(),
            "paid by node pool a, which may fit: what its nodes carry is not certain",
        ),
        (
            [_pool("a", ["L4", 24, 4], count=[0, 1, 2])],
            _pod(("L4", 24, 2), count=[8, 8, 8]),
            "paid by node pool a, which holds 4 of its 8 pods at once",
        ),
        ([_pool("a", ["L4", 24, 4], count=[0, 1, None])], _pod(count=[8, 8, 8]), "paid by node pool a"),
    ],
)
def test_pools_that_can_hold_the_pods_pay_for_them(pools, pod, note):
    line = estimate([*pools, pod], CATALOGUE).lines[-1]
    assert (line.quote.reason, line.quote.note) == (NoPrice.PAID_BY_NODES, note)


def test_pods_without_accelerators_have_no_line_and_one_sentence():
    pods = [workload(name, kind="workload", provider="kubernetes") for name in ("a", "b")]
    found = estimate(pods, CATALOGUE)
    assert found.lines == ()
    assert found.assumptions == (
        "2 Kubernetes workloads ask for no accelerator: their nodes are paid for, they have no line",
    )


def test_buckets_are_not_free_but_unknown():
    buckets = [workload(name, BUCKET, kind="bucket", provider="aws", region="us-east-1") for name in ("a", "b")]
    found = estimate(buckets, CATALOGUE)
    assert found.lines == ()
    assert found.assumptions == ("storage of 2 buckets is not estimated: no usage is declared",)


def test_a_bucket_with_a_declared_size_is_priced_by_its_class():
    values = {"kind": "bucket", "provider": "aws", "region": "us-east-1", "size_gib": 1000}
    found = estimate([workload("a", BUCKET, **values, storage_class="STANDARD_IA")], CATALOGUE)
    assert found.lines[0].item == "s3.standard_ia"
    assert found.total.monthly.expected == Decimal("12.5")


def test_what_is_read_or_not_mapped_or_a_component_has_no_line():
    found = estimate(
        [_gpu("read", external=True), _gpu("strange", mapped=False), _gpu("group", custom=False)], CATALOGUE
    )
    assert found.lines == ()


def test_equal_facts_are_priced_once():
    class Counting(Catalogue):
        asked = 0

        def quote(self, *arguments, **options):
            Counting.asked += 1
            return CATALOGUE.quote(*arguments, **options)

    found = estimate([_gpu(str(number)) for number in range(1000)], Counting())
    assert len(found.lines) == 1000
    assert Counting.asked == 1


def test_every_line_says_what_it_rests_on():
    found = estimate([_gpu("a"), _gpu("b", purchase="spot"), _gpu("c", kind="training_job")], CATALOGUE)
    assert all(line.assumptions for line in found.lines)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"count": [-2, -2, -2], "purchase": "spot"}, "a count of -2 is declared"),
        ({"count": [0, 1, float("inf")]}, "a count of inf is declared"),
        ({"kind": "training_job", "max_runtime_hours": -1.0}, "a max runtime of -1 is declared"),
        ({"kind": "volume", "size_gib": -10}, "a size of -10 is declared"),
    ],
)
def test_an_impossible_figure_has_no_price_and_is_named(values, note):
    (line,) = estimate([_gpu("a", **values)], CATALOGUE).lines
    assert (line.quote.reason, line.quote.note) == (NoPrice.UNPRICED, note)


AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=9)
COUNTS = st.integers(min_value=0, max_value=1000)


@st.composite
def ranges(draw):
    return Range(*sorted(draw(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS))))


@given(st.lists(ranges(), max_size=20))
def test_ranges_add_exactly_and_stay_ordered_in_any_order(items):
    total = sum(items, ZERO)
    assert total == sum(reversed(items), ZERO)
    assert total.expected == sum((item.expected for item in items), Decimal(0))
    assert total.low <= total.expected <= total.high


@given(
    st.lists(
        st.sampled_from(["g5.xlarge", "p4d.24xlarge", "m5.large", "p5e.48xlarge", "nonsense"]).flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.tuples(COUNTS, COUNTS, COUNTS | st.none()),
                st.sampled_from(["on_demand", "spot"]),
                st.sampled_from(["compute", "node_pool", "training_job", "endpoint", "notebook"]),
                st.none() | st.floats(min_value=0.1, max_value=2000, allow_nan=False),
                st.none() | st.fractions(min_value=0, max_value=1).map(float),
            )
        ),
        max_size=8,
    )
)
def test_totals_reconcile_exactly_with_their_lines_whatever_is_declared(stack):
    workloads = [
        _gpu(
            str(number),
            instance_type=name,
            count=list(count),
            purchase=purchase,
            kind=kind,
            max_runtime_hours=hours,
            spot_share=share,
        )
        for number, (name, count, purchase, kind, hours, share) in enumerate(stack)
    ]
    found = estimate(workloads, CATALOGUE)
    for period in ("hourly", "daily", "monthly"):
        whole = getattr(found.total, period)
        parts = [getattr(cost_of(found, item.resource.address), period) for item in workloads]
        assert whole == sum(parts, ZERO)
        assert whole.low <= whole.expected <= whole.high
    for line in found.lines:
        assert (line.cost is None) == (line.quote.amount is None)
        assert line.cost is None or line.cost.hourly.expected == line.quantity.expected * line.quote.amount


@given(st.floats(min_value=0.1, max_value=168, allow_nan=False))
def test_a_schedule_never_costs_more_than_always_on(hours):
    schedule = {"hours_per_week": hours, "declared_by": "cron"}
    running = running_of(facts_of({"kind": "compute", "provider": "aws", "schedule": schedule}))
    assert running.month.expected <= 730
    assert running.day.expected <= 24


def test_a_quote_with_bounds_gives_a_range_around_its_amount():
    quote = Quote("aws", "x", "r", Purchase.SPOT, "hour", Decimal(2), "s", "2026", low=Decimal(1), high=Decimal(5))
    running = running_of(facts_of({"kind": Kind.COMPUTE, "provider": "aws"}))
    line = hourly_line(quote, Range(Decimal(1), Decimal(2), Decimal(3)), running)
    assert line.cost.hourly == Range(Decimal(1), Decimal(4), Decimal(15))
