"""What a run takes of nodes that the stack pays for already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spendgate.estimate import estimate
from spendgate.facts.model import Workload
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Purchase
from spendgate.subjects import resource_subject
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()


def pool(name: str = "gpus", **values: Any) -> Workload:
    given = {"instance_type": "g5.12xlarge", "accelerator": ["A10G", 24, 4], "count": [0, 2, 4]} | values
    return workload(name, kind="node_pool", provider="aws", region="us-east-1", **given)


def job(asked: tuple[str, float | None, float] | None = ("A10G", 24, 2), **values: Any) -> Workload:
    given = {"max_runtime_hours": 10.0, "accelerator": asked and list(asked), **values}
    return workload("train", kind="training_job", provider="kubernetes", **given)


def lines(*workloads: Workload) -> Any:
    return estimate(workloads, CATALOGUE).lines


def test_a_run_takes_its_share_of_a_node_for_its_hours_and_the_pool_pays_it_once() -> None:
    found = estimate([pool(), job()], CATALOGUE)
    line = found.lines[-1]
    assert line.of_run is not None
    assert line.of_run.expected == 10 * Decimal("5.672") / 2
    assert line.quote.note == (
        "paid by node pool gpus; a run takes $28.36 of it at list prices, which the pool pays already"
    )
    alone = estimate([pool()], CATALOGUE)
    assert (found.total, found.unpriced, line.cost) == (alone.total, (), None)


def test_each_pod_of_a_run_takes_its_share() -> None:
    line = lines(pool(), job(count=[1, 2, 4]))[-1]
    one = 10 * Decimal("5.672") / 2
    assert line.of_run.bounds == (one, 2 * one, 4 * one)


def test_spot_nodes_give_a_run_its_bounds() -> None:
    line = lines(pool(purchase="spot"), job())[-1]
    assert line.of_run.low < line.of_run.high == 10 * Decimal("5.672") / 2


def test_of_several_pools_that_fit_a_run_may_take_the_dearest() -> None:
    dear = pool("whole", instance_type="g5.48xlarge", accelerator=["A10G", 24, 8])
    line = lines(pool(), dear, job())[-1]
    quotes = [
        CATALOGUE.quote("aws", name, "us-east-1", Purchase.ON_DEMAND).amount for name in ("g5.12xlarge", "g5.48xlarge")
    ]
    shares = [10 * (quotes[0] or 0) / 2, 10 * (quotes[1] or 0) / 4]
    assert (line.of_run.low, line.of_run.expected, line.of_run.high) == (min(shares), shares[0], max(shares))


def test_accelerators_attached_to_a_node_are_part_of_it() -> None:
    t4 = workload(
        "t4",
        kind="node_pool",
        provider="gcp",
        region="us-central1",
        instance_type="n1-standard-4",
        accelerator=["T4", 16, 2],
    )
    line = lines(t4, job(("T4", 16, 1)))[-1]
    assert line.of_run.expected == 10 * (Decimal("0.189999") + 2 * Decimal("0.35")) / 2


@pytest.mark.parametrize(
    ("pools", "asked", "why"),
    [
        ([pool(unknowns={"accelerator": "after apply"}, accelerator=None)], ("A10G", 24, 2), "is not certain"),
        ([pool(unknowns={"region": "after apply"})], ("A10G", 24, 2), "a node of gpus has no price: region is unknown"),
        ([pool()], None, "is not certain"),
    ],
)
def test_where_a_run_cannot_be_told_the_reason_is(pools: list[Workload], asked: Any, why: str) -> None:
    given = {} if asked else {"unknowns": {"accelerator": "after apply"}}
    one = job(asked, **given)
    found = estimate([*pools, one], CATALOGUE)
    line = found.lines[-1]
    assert line.of_run is None
    assert why in line.run_unknown
    subject = resource_subject(one, (line,), {"stack": {}}, "USD")
    assert subject.unknown[("cost", "run")] == f"cost.run ({line.run_unknown})"


def test_what_has_no_runs_takes_nothing_by_the_run() -> None:
    server = workload("server", kind="workload", provider="kubernetes", accelerator=["A10G", 24, 1])
    line = lines(pool(), server)[-1]
    assert (line.of_run, line.run_unknown, line.quote.note) == (None, "", "paid by node pool gpus")
    endless = lines(pool(), job(max_runtime_hours=None))[-1]
    assert (endless.of_run, endless.run_unknown) == (None, "")


def test_guardrails_see_the_cost_of_a_run_and_no_month() -> None:
    one = job()
    (line,) = lines(pool(), one)[-1:]
    cost = resource_subject(one, (line,), {"stack": {}}, "USD").values["cost"]
    assert (cost["run"]["text"], cost["monthly"]["expected"], cost["unpriced"]) == ("$28.36", 0.0, [])
    assert cost["known"]["run"] == cost["run"]
