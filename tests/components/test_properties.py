"""For any valid arguments: every tag arrives, the maximum holds, and the estimate is that of ``spendgate check``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate.checking import check_directory
from spendgate.estimate.model import Cost, Estimate
from spendgate.facts import facts_of
from spendgate.prices.catalogue import Catalogue
from spendgate_components import ArgumentError, GpuNodePoolArgs, Nodes, WorkloadTags
from spendgate_components.child import declared
from spendgate_components.component import Limits, judged
from spendgate_components.gpu_node_pool import plan
from tests.components.test_tags import WHO
from tests.facts import sdk

Arguments = dict[str, Any]

PLATFORMS: Mapping[str, tuple[tuple[str, ...], Arguments]] = {
    "eks": (("L4", "A10G", "T4", "A100-80GB", "H100", "Inferentia2"), {"subnet_ids": ["s-1"], "node_role_arn": "arn:r"}),
    "gke": (("L4", "T4", "A100-80GB", "V100", "H100"), {}),
    "karpenter": (("L4", "A10G"), {"node_role_name": "nodes"}),
}  # fmt: skip
if not sdk.missing("azure-native"):
    PLATFORMS = {**PLATFORMS, "aks": (("T4", "A10", "A100-80GB", "V100", "H100"), {"resource_group": "ml"})}
PLACES = {
    "eks": ("us-east-1", "us-west-2", "eu-west-1"),
    "karpenter": ("us-east-1", "us-west-2", "eu-west-1"),
    "gke": ("us-central1-a", "europe-west4-b", "us-east4-c"),
    "aks": ("eastus", "westeurope", "westus3"),
}


@st.composite
def pools(draw: st.DrawFn) -> Arguments:
    """Arguments of a pool; what no machine carries is refused, and drawn all the same."""
    platform = draw(st.sampled_from(sorted(PLATFORMS)))
    accelerators, own = PLATFORMS[platform]
    place = draw(st.sampled_from(PLACES[platform]))
    most = draw(st.integers(1, 30))
    least = 0 if platform == "karpenter" else draw(st.integers(0, most))
    expected = 0 if platform == "karpenter" else draw(st.integers(least, most))
    spot = draw(st.booleans())
    extra = draw(st.dictionaries(st.from_regex(r"x([a-z0-9-]{0,11}[a-z0-9])?", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), max_size=5))  # fmt: skip
    return {
        "tags": {**WHO, "review_by": "2027-01-31", "extra": extra},
        "platform": platform,
        "cluster": "research",
        "accelerator": draw(st.sampled_from(accelerators)),
        "per_node": draw(st.sampled_from([1, 1, 1, 2, 4, 8])),
        "nodes": {"min": least, "expected": expected, "max": most},
        "spot": spot,
        "on_demand_nodes": draw(st.integers(0, most)) if spot and platform != "karpenter" else None,
        "disk_gib": draw(st.integers(30, 2000)),
        "location" if platform in ("gke", "aks") else "region": place,
        **own,
    }


def read(arguments: Arguments) -> GpuNodePoolArgs:
    more = {"tags": WorkloadTags(**arguments["tags"]), "nodes": Nodes(**arguments["nodes"])}
    return GpuNodePoolArgs(**{**arguments, **more})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arguments=pools(), limit=st.none() | st.integers(0, 200_000))
def test_every_tag_arrives_the_maximum_holds_and_so_does_the_limit(arguments: Arguments, limit: int | None) -> None:
    catalogue = Catalogue.builtin()
    args = read(arguments)
    try:
        planned = plan("pool", args, catalogue)
        children, estimate, _ = judged(planned, Limits(max_monthly_cost=limit), catalogue, None, (), "pool")
    except ArgumentError:
        return
    if limit is not None:
        assert not estimate.unpriced
        assert estimate.total.monthly.high + planned.beside <= limit
    tags = args.tags.values
    workloads = facts_of(declared(children, "pool", "project", "stack"), catalogue)
    for workload in workloads:
        assert set(tags) <= set(workload.facts.tags), workload.resource.type
        assert not workload.facts.unknowns, workload.facts.unknowns
    counts = [one.facts.count for one in workloads if one.facts.count is not None]
    if arguments["platform"] == "karpenter":
        limits = [one.facts.accelerator_limit for one in workloads if one.facts.accelerator_limit is not None]
        assert limits in ([], [arguments["nodes"]["max"] * arguments["per_node"]])
    else:
        nodes = arguments["nodes"]
        assert sum(count.max or 0 for count in counts) == nodes["max"]
        assert sum(count.min for count in counts) == nodes["min"]
        assert sum(count.expected for count in counts) == nodes["expected"]


PROGRAM = """
import json, pathlib
from spendgate_components import GpuNodePool, ArgumentError
costs = {}
for index, arguments in enumerate(json.loads(pathlib.Path("pools.json").read_text())):
    try:
        pool = GpuNodePool(f"pool{index:02}", **arguments)
    except ArgumentError:
        continue
    pool.estimated_cost.apply(lambda cost, index=index: costs.__setitem__(f"pool{index:02}", cost))
    pool.estimated_cost.apply(lambda _: pathlib.Path("costs.json").write_text(json.dumps(costs)))
"""


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.lists(pools(), min_size=8, max_size=12))
def test_the_estimate_of_a_component_is_that_of_check_to_the_cent(drawn: list[Arguments]) -> None:
    always = {**drawn[0], "platform": "eks", "accelerator": "L4", "per_node": 1, "region": "us-west-2"}
    always = {**always, "spot": False, "on_demand_nodes": None, **PLATFORMS["eks"][1]}
    for other in ("location", "node_role_name", "resource_group"):
        always.pop(other, None)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "Pulumi.yaml").write_text("name: pools\nruntime: python\n", encoding="utf-8")
        discounts = "discounts:\n  - {name: EDP, match: line.provider == 'aws', percent: 7}\n"
        (root / "spendgate.yaml").write_text(
            f"apiVersion: spendgate.dev/v1\nkind: Config\npacks: [gpu-baseline]\n{discounts}", encoding="utf-8"
        )
        (root / "pools.json").write_text(json.dumps([always, *drawn]), encoding="utf-8")
        (root / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        checked = check_directory(root)
        costs = json.loads((root / "costs.json").read_text(encoding="utf-8"))
    assert "pool00" in costs
    for name, told in costs.items():
        total = _total(checked.estimate, f"::{name}-")
        for period in ("hourly", "daily", "monthly"):
            expected = [_cents(bound) for bound in getattr(total, period).bounds]
            assert [told[period][bound] for bound in ("low", "expected", "high")] == expected, (name, period)


def _total(estimate: Estimate, name: str) -> Cost:
    return Estimate(tuple(line for line in estimate.lines if name in line.resource)).total


def _cents(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN))
