"""Energy and carbon: published figures times hours, and what no source says is named, never zero."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.estimate import estimate
from spendgate.estimate.carbon import DATA, CarbonOf, coefficient, grid_factor, models, power_of
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator
from spendgate.prices.naming import PROVIDERS
from spendgate.prices.tables import read_table
from tests.estimate.building import workload

CATALOGUE = Catalogue.builtin()


def _footprint(*workloads, utilisation=None):
    return CarbonOf(CATALOGUE, utilisation).footprint(estimate(workloads, CATALOGUE).lines)


def _machine(name="gpu", **values):
    base = {"kind": "compute", "provider": "aws", "region": "us-east-1", "instance_type": "p4d.24xlarge"}
    return workload(name, **{**base, **values})


def test_energy_is_accelerators_and_host_times_hours_times_cooling():
    found = _footprint(_machine())
    # 8 × 400 W and 96 vCPU × 3.5 W at full load; half of the way up from 11.5% and 0.74 W is expected
    full = (8 * Decimal(400) + 96 * Decimal("3.5")) * 730 / 1000 * Decimal("1.135")
    idle = (8 * Decimal(400) * Decimal("0.115") + 96 * Decimal("0.74")) * 730 / 1000 * Decimal("1.135")
    assert found.kwh.high == pytest.approx(full)
    assert found.kwh.low == pytest.approx(idle)
    assert found.kwh.expected == pytest.approx((full + idle) / 2)


def test_carbon_is_energy_times_the_factor_of_the_region():
    found = _footprint(_machine())
    assert found.kg.expected == pytest.approx(found.kwh.expected * Decimal("0.415755"))
    assert _footprint(_machine(region="eu-north-1")).kg.expected < found.kg.expected / 40


def test_a_zone_stands_for_its_region():
    zone = _machine(region=None, zones=["us-east-1a"])
    assert _footprint(zone).kg == _footprint(_machine()).kg


def test_a_stated_utilisation_leaves_no_range():
    found = _footprint(_machine(), utilisation=0.8)
    assert found.kwh.low == found.kwh.expected == found.kwh.high
    assert any("80% of its full load, as stated" in text for text in found.assumptions)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_utilisation_is_a_share(share):
    with pytest.raises(ValueError, match="0 to 1"):
        CarbonOf(CATALOGUE, share)


def test_an_unknown_grid_leaves_the_energy_and_is_named():
    found = _footprint(_machine("a"), _machine("b", region="eu-south-2", instance_type="g5.xlarge"))
    assert found.lines[1].kwh is not None
    assert found.lines[1].kg is None
    assert [(item.resource, item.reason) for item in found.missing] == [
        ("urn:test::b", "no carbon factor of the grid of eu-south-2 is published")
    ]
    assert found.kg == found.lines[0].kg


def test_an_accelerator_without_a_published_power_is_named_and_not_counted_as_nothing():
    found = _footprint(_machine(instance_type="trn1.32xlarge"))
    assert found.lines[0].kwh is None
    assert found.missing[0].reason == "the power of Trainium is not known: the provider publishes no power"


def test_what_is_known_only_after_apply_is_missing_as_such():
    found = _footprint(_machine(instance_type=None, unknowns={"instance_type": "known after apply"}))
    assert found.missing[0].unknown_until_apply


def test_a_type_that_is_sold_by_reservation_only_draws_power_all_the_same():
    found = _footprint(_machine(instance_type="p5e.48xlarge"))
    assert found.lines[0].kwh.high > 8 * Decimal("0.7") * 730


def test_a_share_of_a_device_draws_its_share():
    whole, eighth = _footprint(_machine(instance_type="g6.xlarge")), _footprint(_machine(instance_type="g6f.large"))
    assert eighth.kwh.high < whole.kwh.high


def test_an_attached_accelerator_and_its_host_are_two_lines():
    host = workload(
        "n",
        kind="compute",
        provider="gcp",
        region="us-central1",
        instance_type="n1-standard-8",
        accelerator=["T4", 16, 2],
    )
    found = _footprint(host)
    assert len(found.lines) == 2
    assert found.kwh == found.lines[0].kwh + found.lines[1].kwh
    assert found.lines[1].kwh.high == pytest.approx(Decimal(2 * 70 * 730) / 1000 * Decimal("1.1"))


def test_storage_and_gateways_have_no_line_of_their_own():
    volume = workload(
        "v",
        "aws:ebs/volume:Volume",
        kind="volume",
        provider="aws",
        region="us-east-1",
        size_gib=100,
        storage_class="gp3",
    )
    gateway = workload("g", "aws:ec2/natGateway:NatGateway", kind="network", provider="aws", region="us-east-1")
    found = _footprint(volume, gateway)
    assert set(found.lines) == {None}
    assert found.missing == ()
    assert found.assumptions == ()


def test_a_mean_under_load_is_not_multiplied_by_a_use():
    found = _footprint(
        workload("t", kind="compute", provider="gcp", region="us-central2", instance_type="ct4p-hightpu-4t")
    )
    line = found.lines[0]
    assert line.kwh.low > Decimal(4 * 170 * 730) / 1000
    assert any("mean that was measured" in text for text in line.assumptions)


COUNTS = st.tuples(*[st.integers(0, 40)] * 3).map(sorted)
TYPES = st.sampled_from(["p4d.24xlarge", "g5.xlarge", "m5.large", "inf2.xlarge", "p6-b300.48xlarge", "p9.large"])
REGIONS = st.sampled_from(["us-east-1", "eu-west-1", "eu-south-2", "nowhere-1"])


@given(st.lists(st.tuples(TYPES, REGIONS, COUNTS), max_size=6))
def test_the_sums_are_those_of_the_lines_and_every_line_is_counted_or_named(machines):
    found = _footprint(
        *(_machine(f"{i}", instance_type=t, region=r, count=list(c)) for i, (t, r, c) in enumerate(machines))
    )
    for part in ("low", "expected", "high"):
        assert getattr(found.kwh, part) == sum(getattr(line.kwh, part) for line in found.lines if line and line.kwh)
        assert getattr(found.kg, part) == sum(getattr(line.kg, part) for line in found.lines if line and line.kg)
    without = [line for line in found.lines if line and line.kg is None]
    assert len(without) == len(found.missing)
    assert all(item.reason for item in found.missing)


# --- the tables


def _rows(name, *columns):
    return read_table(DATA / name, columns)


def test_every_accelerator_of_the_catalogue_has_a_power_or_a_reason_why_not():
    assert set(models()) == set(CATALOGUE.store.accelerators())
    for model, memory in models():
        power = power_of(Accelerator("x", model, float(memory) if memory else None, 1))
        assert power is not None
        assert (power.watts is None) == (not power.source)
        assert power.watts or power.note, f"{model} {memory} has neither a figure nor a reason"
        assert power.watts is None or 20 <= power.watts <= 1500


def test_every_figure_names_a_dated_source():
    sources = {row["id"]: row for row in _rows("sources.csv", "id", "as_of", "strength", "where", "what")}
    used = set()
    for name in ("power.csv", "grid.csv", "coefficients.csv"):
        for row in _rows(name, "source"):
            figure = row.get("watts", row.get("kg_per_kwh", row.get("value")))
            if figure:
                used.add(row["source"])
                assert row["source"] in sources, f"{name}: {row}"
    assert used == set(sources)
    assert all(re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", row["as_of"]) for row in sources.values())
    assert all(row["strength"] in ("strong", "fair", "weak") and row["where"] for row in sources.values())


def test_grid_factors_are_of_known_regions_and_plausible():
    rows = _rows("grid.csv", "provider", "region", "kg_per_kwh", "source")
    assert len({(row["provider"], row["region"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["region"] in CATALOGUE.regions(row["provider"])
        # no grid is cleaner than Sweden's 8 g or dirtier than one that burns nothing but coal
        assert Decimal("0.005") <= Decimal(row["kg_per_kwh"]) <= Decimal("1.2")


def test_a_figure_that_its_source_shows_garbled_is_left_out():
    assert grid_factor("azure", "germanywestcentral") is None
    assert grid_factor("azure", "swedencentral") is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_its_coefficients(provider):
    assert 0 < coefficient("vcpu_idle", provider).value < coefficient("vcpu_full", provider).value < 10
    assert 1 <= coefficient("pue", provider).value < 2
