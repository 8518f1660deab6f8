"""The catalogue against the traps that public price tables hold, and against itself."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from spendgate.prices.catalogue import Catalogue
from spendgate.prices.integrity import CHECKS, instances, problems, quotes_of
from spendgate.prices.model import NoPrice, Purchase
from spendgate.prices.tables import BUILTIN

CATALOGUE = Catalogue.builtin()
SPOT = Purchase.SPOT


def problems_after(tmp_path: Path, file: str, right: str, wrong: str) -> list[str]:
    """What the checks say of the built-in catalogue with one passage changed."""
    broken = tmp_path / "catalogue"
    shutil.copytree(BUILTIN, broken)
    text = (broken / file).read_text()
    assert right in text
    (broken / file).write_text(text.replace(right, wrong))
    return [problem.message for problem in problems(Catalogue(broken))]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_built_in_catalogue_passes_every_check(check):
    assert list(check(CATALOGUE)) == []


def test_every_instance_type_of_the_three_clouds_is_there():
    names = {(one.provider, one.name) for one in instances(CATALOGUE)}
    assert sum(1 for provider, _ in names if provider == "aws") >= 1385
    assert sum(1 for provider, _ in names if provider == "gcp") >= 480
    assert sum(1 for provider, _ in names if provider == "azure") >= 70


def test_every_quote_has_a_source_and_a_date_or_a_reason():
    for instance in instances(CATALOGUE):
        if instance.accelerator is None:
            continue
        for purchase in (Purchase.ON_DEMAND, SPOT):
            for quote in quotes_of(CATALOGUE, instance, purchase):
                if quote.amount is None:
                    assert quote.reason is not None
                    assert quote.note
                else:
                    assert quote.amount > 0
                    assert quote.source
                    assert re.fullmatch(r"\d{4}(-\d\d){0,2}", quote.as_of)


# Trap 1: counts that a table lists wrongly


@pytest.mark.parametrize(
    ("name", "model", "memory", "count"),
    [
        ("Standard_ND96isr_H100_v5", "H100", 80, 8),  # listed as 12 by one table
        ("Standard_NV6ads_A10_v5", "A10", 24, 1 / 6),  # listed as 1
        ("Standard_NV12ads_A10_v5", "A10", 24, 1 / 3),
        ("Standard_NV18ads_A10_v5", "A10", 24, 1 / 2),
        ("Standard_NV72ads_A10_v5", "A10", 24, 2),
        ("Standard_NV4as_v4", "Radeon Instinct MI25", 16, 1 / 8),  # listed as 1
        ("Standard_NC8ads_A10_v4", "A10", 24, 1 / 2),  # listed as 1
        ("Standard_ND96isr_MI300X_v5", "MI300X", 192, 8),
        ("Standard_NG8ads_V620_v1", "Radeon PRO V620", 32, 1 / 4),  # listed as 0
        ("Standard_NV4ads_V710_v5", "Radeon PRO V710", 24, 1 / 6),  # listed as 0
        ("Standard_NC288ds_xl_RTXPRO6000BSE_v6", "RTX PRO 6000", 96, 2),
        ("Standard_NV12_Promo", "M60", 8, 2),  # one card, which holds two GPUs
        ("Standard_NC24r_Promo", "K80", 12, 4),
        ("Standard_NM16ads_MA35D", "Alveo MA35D VPU", 8, 1),
    ],
)
def test_azure_counts_are_those_of_the_size_documentation(name, model, memory, count):
    device = CATALOGUE.instance("azure", name).accelerator
    assert (device.model, device.memory_gib) == (model, memory)
    assert device.count == pytest.approx(count)


@pytest.mark.parametrize(
    "name",
    [
        "Standard_NC36ds_xl_RTXPRO6000BSE_v6",  # a share of a GPU, listed as 1; no public table states the share
        "Standard_NC132ds_xl_RTXPRO6000BSE_v6",
        "Standard_ND96isf_H100_v5",
    ],
)
def test_a_size_that_no_document_describes_has_a_price_but_no_shape(name):
    assert CATALOGUE.instance("azure", name) is None
    assert CATALOGUE.quote("azure", name, "eastus2").amount is not None
    assert CATALOGUE.is_accelerated_family("azure", name)


@pytest.mark.parametrize(("name", "count"), [("Standard_NP10s", 1), ("Standard_NP20s", 2), ("Standard_NP40s", 4)])
def test_azure_np_sizes_carry_fpgas_and_no_gpu(name, count):
    device = CATALOGUE.instance("azure", name).accelerator
    assert (device.kind, device.vendor, device.count) == ("fpga", "xilinx", count)


# Trap 2: fractions, and sizes that do not grow with the count


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("g6f.large", 1 / 8),
        ("g6f.xlarge", 1 / 8),
        ("g6f.2xlarge", 1 / 4),
        ("g6f.4xlarge", 1 / 2),
        ("gr6f.4xlarge", 1 / 2),
    ],
)
def test_g6f_carries_a_fraction_of_an_l4_not_none(name, count):
    device = CATALOGUE.instance("aws", name).accelerator
    assert (device.model, device.memory_gib, device.count) == ("L4", 24, count)


@pytest.mark.parametrize("family", ["g4dn", "g5", "g6", "g6e"])
def test_a_16xlarge_has_one_gpu_and_a_12xlarge_four(family):
    assert CATALOGUE.instance("aws", f"{family}.16xlarge").accelerator.count == 1
    assert CATALOGUE.instance("aws", f"{family}.12xlarge").accelerator.count == 4


# Trap 3: a name alone is no key


@pytest.mark.parametrize(
    ("provider", "name", "model", "memory"),
    [
        ("aws", "p4d.24xlarge", "A100", 40),
        ("aws", "p4de.24xlarge", "A100", 80),
        ("aws", "p3.2xlarge", "V100", 16),
        ("aws", "p3dn.24xlarge", "V100", 32),
        ("gcp", "a2-highgpu-1g", "A100", 40),
        ("gcp", "a2-ultragpu-1g", "A100", 80),
        ("azure", "Standard_ND96asr_v4", "A100", 40),
        ("azure", "Standard_ND96amsr_A100_v4", "A100", 80),
        ("azure", "Standard_NC6s_v3", "V100", 16),
        ("azure", "Standard_ND40rs_v2", "V100", 32),
        ("azure", "Standard_ND40s_v2", "V100", 16),  # the preview of the size above
        ("azure", "Standard_NC40ads_H100_v5", "H100", 94),
    ],
)
def test_models_of_two_sizes_are_told_apart_by_memory(provider, name, model, memory):
    device = CATALOGUE.instance(provider, name).accelerator
    assert (device.model, device.memory_gib) == (model, memory)


# Trap 4: no on-demand price is a fact of its own


@pytest.mark.parametrize(
    ("provider", "name", "region"),
    [
        ("aws", "p5e.48xlarge", "us-east-1"),
        ("aws", "trn2.48xlarge", "us-east-2"),
        ("gcp", "a3-ultragpu-8g", "us-central1"),
        ("gcp", "a4-highgpu-8g", "us-central1"),
        ("gcp", "a4x-highgpu-4g", "us-central1"),
        ("gcp", "a3-highgpu-1g", "us-central1"),
        ("gcp", "a3-highgpu-2g", "us-central1"),
        ("gcp", "a3-highgpu-4g", "us-central1"),
    ],
)
def test_what_is_not_sold_on_demand_says_so_instead_of_a_price(provider, name, region):
    quote = CATALOGUE.quote(provider, name, region)
    assert (quote.amount, quote.reason) == (None, NoPrice.RESERVATION_ONLY)
    assert quote.note


def test_small_a3_machines_have_a_spot_price_though_no_on_demand_one():
    assert CATALOGUE.quote("gcp", "a3-highgpu-1g", "us-central1", SPOT).amount is not None
    assert CATALOGUE.quote("gcp", "a3-highgpu-8g", "us-central1").amount is not None


# Trap 5: N1 and its accelerators are priced apart, others together


def test_an_attached_t4_is_priced_apart_from_its_n1_host():
    assert CATALOGUE.instance("gcp", "n1-standard-4").accelerator is None
    assert CATALOGUE.quote("gcp", "n1-standard-4", "us-central1").amount == Decimal("0.189999")
    assert CATALOGUE.quote("gcp", "nvidia-tesla-t4", "us-central1").amount == Decimal("0.35")


@pytest.mark.parametrize(
    ("gpu", "price"),
    [
        ("nvidia-tesla-t4", "0.35"),
        ("nvidia-tesla-p4", "0.6"),
        ("nvidia-tesla-v100", "2.48"),
        ("nvidia-tesla-p100", "1.46"),
    ],
)
def test_attached_prices_of_two_tables_agree_in_us_central1(gpu, price):
    assert CATALOGUE.quote("gcp", gpu, "us-central1").amount == Decimal(price)


@pytest.mark.parametrize("name", ["a2-highgpu-1g", "a3-megagpu-8g", "g2-standard-4", "g4-standard-48"])
def test_the_machines_whose_price_includes_the_gpu_carry_it_themselves(name):
    assert CATALOGUE.instance("gcp", name).accelerator is not None


# Trap 6: spot prices rot


def test_a_spot_price_is_shown_with_its_date_and_a_range_up_to_on_demand():
    seen = 0
    for instance in instances(CATALOGUE):
        for quote in quotes_of(CATALOGUE, instance, SPOT):
            if quote.amount is None:
                continue
            seen += 1
            assert quote.as_of
            assert quote.as_of in quote.note
            assert quote.low is not None
            assert quote.high is not None
            assert quote.low <= quote.amount <= quote.high
    assert seen > 10_000


def test_a_spot_figure_above_on_demand_is_bounded_by_it():
    quote = CATALOGUE.quote("aws", "p4d.24xlarge", "eu-central-1", SPOT)
    assert quote.amount == quote.high == Decimal("27.43298")
    assert "equals on-demand" in quote.note


def test_tpu_prices_listed_for_a_slice_are_brought_to_one_chip():
    assert CATALOGUE.quote("gcp", "tpu-v4", "us-central2", SPOT).amount == Decimal("0.9215")  # v4-8: 3.686 for four
    assert CATALOGUE.quote("gcp", "v4-8", "us-central2").amount == Decimal("12.88")
    assert CATALOGUE.quote("gcp", "tpu-v4", "us-central2").note == "v4-8 ÷ 4"


def test_a_placeholder_in_a_public_table_is_no_price(tmp_path: Path):
    quote = CATALOGUE.quote("gcp", "tpu-v6e", "asia-east1")  # listed as 700
    assert (quote.amount, quote.reason) == (None, NoPrice.UNPRICED)
    found = problems_after(tmp_path, "gcp/prices/tpu.csv", "tpu-v6e,asia-east1,,,", "tpu-v6e,asia-east1,700,,")
    assert any("costs 700 in asia-east1" in message for message in found)


def test_a_source_that_stands_behind_nothing_is_reported(tmp_path: Path):
    added = "id,as_of,strength,where,what\nhearsay,2026,weak,somewhere,\n"
    found = problems_after(tmp_path, "sources.csv", "id,as_of,strength,where,what\n", added)
    assert found == ["source hearsay stands behind nothing"]


# Trap 7: memory as MiB, decimal GB and marketing GiB


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("g5.xlarge", 24),
        ("g6e.xlarge", 48),
        ("p5en.48xlarge", 141),
        ("p6-b200.48xlarge", 180),
        ("p6-b300.48xlarge", 270),
        ("g7e.2xlarge", 96),
        ("g6f.large", 24),
    ],
)
def test_memory_is_the_marketed_size_of_one_whole_device(name, memory):
    assert CATALOGUE.instance("aws", name).accelerator.memory_gib == memory


# Trap 8: a price per device outside the band of its model


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (
            "azure/instances/ND.csv",
            "ND96isr_H100_v5,96,1900,amd64,H100,80,8",
            "ND96isr_H100_v5,96,1900,amd64,H100,80,12",
        ),
        ("azure/instances/NV.csv", "MI25,16,1/8", "MI25,16,1"),
        ("aws/instances/g.csv", "g6f.large,2,8,amd64,L4,24,1/8", "g6f.large,2,8,amd64,L4,24,1"),
    ],
)
def test_a_wrong_count_is_found_by_its_price(tmp_path: Path, file, right, wrong):
    found = problems_after(tmp_path, file, right, wrong)
    assert len(found) == 1
    assert "is the count of" in found[0]


# Regional prices


def test_regional_factors_agree_within_a_family_where_two_sizes_are_listed():
    listed = CATALOGUE.quote("aws", "p5.4xlarge", "ap-northeast-1")
    reference = CATALOGUE.quote("aws", "p5.48xlarge", "ap-northeast-1")
    assert not listed.derived
    assert listed.amount == Decimal("8.6")
    assert reference.amount / Decimal("55.04") == listed.amount / Decimal("6.88")


def test_a_derived_price_says_so_and_states_its_rule():
    quote = CATALOGUE.quote("aws", "g5.12xlarge", "eu-central-1")
    assert quote.derived
    assert quote.amount == Decimal("7.092819")  # 5.672 × 1.258 ÷ 1.006, to a millionth
    assert "5.672 in us-east-1 × 1.2505" in quote.note


def test_reference_sizes_are_quoted_as_listed():
    quote = CATALOGUE.quote("aws", "g5.xlarge", "eu-central-1")
    assert (quote.amount, quote.derived) == (Decimal("1.258"), False)


def test_a_repeated_row_is_reported(tmp_path: Path):
    broken = tmp_path / "catalogue"
    shutil.copytree(BUILTIN, broken)
    path = broken / "aws/prices/t.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    assert any("listed 2 times" in problem.message for problem in problems(Catalogue(broken)))


def test_a_row_whose_source_is_unknown_is_reported(tmp_path: Path):
    (tmp_path / "aws/prices").mkdir(parents=True)
    (tmp_path / "aws/prices/g.csv").write_text(
        "item,region,on_demand,source,unit,currency\ng5.xlarge,us-east-1,0.9,hearsay,hour,USD\n"
    )
    assert any('no source "hearsay"' in problem.message for problem in problems(Catalogue.with_user(tmp_path)))


# Committed prices, services, dates


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        ("sources.csv", "gcp-cyclenerd,2026-07-30", "gcp-cyclenerd,2062-07-30", "dated 2062-07-30, which is yet to come"),
        ("accelerators.csv", "L4,24,", "L4,22.4,", "L4 has 22.4 GiB: memory is the marketed size"),
        ("aws/commitments/g.csv", "g5.xlarge,us-east-1,no upfront,0.63378", "g5.xlarge,us-east-1,no upfront,6.3378",
         "g5.xlarge in us-east-1, no upfront: 6.3378 an hour, on demand 1.006"),
        ("aws/commitments/g.csv", "g5.xlarge,us-east-1,no upfront,", "g5.xlarge,us-esat-1,no upfront,", "no such region"),
        ("gcp/commitments/a2.csv", "a2-highgpu-1g,us-central1,2.314207,1.285708",
         "a2-highgpu-1g,us-central1,1.285708,2.314207", "three years cost 2.314207, one year 1.285708"),
        ("gcp/commitments/a2.csv", "a2-highgpu-1g,us-east1,", "a2-highgpu-1g,us-central1,", "is listed 2 times"),
        ("aws/capacity_blocks.csv", "p5.48xlarge,us-east-1,41.528", "p5.48xlarge,us-east-1,4.1528",
         "p5.48xlarge in us-east-1, capacity block: 4.1528 an hour, on demand 55.04"),
        ("aws/capacity_blocks.csv", "p5.48xlarge,us-east-1,", "p5.49xlarge,us-east-1,", "of an unknown type"),
        ("aws/capacity_blocks.csv", "# currency: USD", "# currency: EUR", "in USD, not in EUR"),
        ("aws/services/ebs.csv", "ebs.gp3,us-east-1,0.08", "ebs.gp3,us-east-1,0", "is no price"),
        ("aws/services/ebs.csv", "ebs.gp3,us-east-1,", "efs.gp3,us-east-1,", "in the file of another service"),
        ("aws/services/ebs.csv", "ebs.gp2,us-east-1,", "ebs.gp3,us-east-1,", "is listed 2 times"),
    ],
)  # fmt: skip
def test_a_slip_in_committed_prices_services_or_dates_is_found(tmp_path: Path, file, right, wrong, says):
    assert any(says in problem for problem in problems_after(tmp_path, file, right, wrong))


def test_a_bare_metal_price_above_its_sister_size_carries_a_caution():
    """A public table lists the rate of dedicated tenancy for them: 6 to 10% more than the size with as many CPUs."""
    by_shape: dict[tuple[str, float | None], list[str]] = {}
    for instance in instances(CATALOGUE):
        if instance.provider == "aws":
            by_shape.setdefault((instance.name.partition(".")[0], instance.vcpu), []).append(instance.name)
    for names in by_shape.values():
        metal = [name for name in names if ".metal" in name]
        plain = [CATALOGUE.quote("aws", name, "us-east-1").amount for name in names if ".metal" not in name]
        for name in metal:
            quote = CATALOGUE.quote("aws", name, "us-east-1")
            if quote.amount and any(plain) and quote.amount > max(filter(None, plain)) * Decimal("1.001"):
                assert "perhaps the rate of dedicated tenancy" in quote.note, name


def test_regional_prices_of_general_families_are_foretold_by_one_size():
    """Every listed price of another size lies within 0.3% of what the family's factor says."""
    store = CATALOGUE.store
    checked = 0
    for family, reference in store.families("aws").items():
        home = store.listed("aws", reference)
        for item, rows in store.prices("aws", re.match("[a-z]+", family)[0]).items():
            if item.partition(".")[0] != family or item == reference or "us-east-1" not in rows:
                continue
            for region in rows.keys() & home.keys() - {"us-east-1"}:
                factor = Decimal(home[region]["on_demand"]) / Decimal(home["us-east-1"]["on_demand"])
                own = Decimal(rows[region]["on_demand"]) / Decimal(rows["us-east-1"]["on_demand"])
                assert abs(own / factor - 1) < Decimal("0.003"), (item, region)
                checked += 1
    assert checked


def test_size_and_price_are_not_linear():
    """g5.16xlarge has one GPU, and 12xlarge has four for little more: no price is derived from another's size."""
    price = {
        size: CATALOGUE.quote("aws", f"g5.{size}", "us-east-1").amount for size in ("xlarge", "2xlarge", "16xlarge")
    }
    assert price["2xlarge"] != price["xlarge"] * 2
    assert price["16xlarge"] != price["xlarge"] * 16
