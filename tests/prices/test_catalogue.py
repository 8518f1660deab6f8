"""Look-ups: what a name means, what it costs, and what is said where nothing is known."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate.errors import InputError
from spendgate.prices.catalogue import Catalogue
from spendgate.prices.model import Accelerator, NoPrice, Purchase
from spendgate.prices.tables import BUILTIN

CATALOGUE = Catalogue.builtin()


def test_a_listed_price_is_exact_with_source_and_date():
    quote = CATALOGUE.quote("aws", "p5.48xlarge", "us-east-1")
    assert quote.amount == Decimal("55.04")
    assert (quote.unit, quote.currency, quote.as_of) == ("hour", "USD", "2026-07-20")
    assert "karpenter-provider-aws" in quote.source


@pytest.mark.parametrize(
    ("provider", "item", "region", "reason"),
    [
        ("aws", "p4d.24xlarge", "eu-west-3", NoPrice.NOT_OFFERED_IN_REGION),
        ("aws", "m9g.large", "eu-west-1", NoPrice.UNPRICED),  # no table with this family in other regions was read
        ("aws", "g5.xlarge", "ca-west-1", NoPrice.UNPRICED),  # a region that the tables do not cover
        ("aws", "hpc7a.96xlarge", "us-east-1", NoPrice.UNPRICED),
        ("aws", "ml.p4d.24xlarge", "eu-west-3", NoPrice.NOT_OFFERED_IN_REGION),
        ("gcp", "a2-highgpu-1g", "us-south1", NoPrice.NOT_OFFERED_IN_REGION),
        ("gcp", "nvidia-tesla-v100", "us-east4", NoPrice.NOT_OFFERED_IN_REGION),
        ("gcp", "nvidia-tesla-k80", "us-central1", NoPrice.NOT_OFFERED_IN_REGION),
        ("gcp", "custom-4-8192", "us-central1", NoPrice.UNPRICED),
        ("azure", "Standard_NC24ads_A100_v4", "indonesiacentral", NoPrice.NOT_OFFERED_IN_REGION),
        ("azure", "Standard_L8s_v3", "eastus", NoPrice.UNPRICED),
        ("oracle", "BM.GPU.H100.8", "us-ashburn-1", NoPrice.UNPRICED),
        ("aws", "g5.xlarge", None, NoPrice.UNPRICED),
    ],
)
def test_a_missing_price_has_its_own_reason(provider, item, region, reason):
    quote = CATALOGUE.quote(provider, item, region)
    assert (quote.amount, quote.reason) == (None, reason)
    assert quote.note


def test_the_price_of_another_region_is_named_but_never_taken():
    quote = CATALOGUE.quote("aws", "x1.16xlarge", "eu-west-1")
    assert quote.amount is None
    assert "us-east-1: 6.669 USD" in quote.note


def test_a_misspelt_type_is_answered_with_the_nearest():
    assert 'did you mean "g6e.12xlarge"?' in CATALOGUE.quote("aws", "g6e.12xlagre", "us-east-1").note
    assert CATALOGUE.suggest("nc24ads_a100_v4") == "Standard_NC24ads_A100_v4"
    assert CATALOGUE.suggest("a2-highgpu1g", "gcp") == "a2-highgpu-1g"
    assert CATALOGUE.suggest("ml.g5.xlagre") == "ml.g5.xlarge"
    assert CATALOGUE.suggest("completely different") is None


def test_a_misspelt_region_is_answered_with_the_nearest():
    assert 'did you mean "us-east-1"?' in CATALOGUE.quote("aws", "g5.xlarge", "us-esat-1").note


def test_a_zone_stands_for_its_region():
    assert CATALOGUE.quote("aws", "g5.xlarge", "us-west-2b").amount == Decimal("1.006")
    assert CATALOGUE.region_of_zone("gcp", "us-central1-a") == "us-central1"
    assert CATALOGUE.region_of_zone("gcp", "us-south1-ai1b") == "us-south1"
    assert CATALOGUE.region_of_zone("aws", "us-east-1-bos-1a") == "us-east-1"
    assert CATALOGUE.region_of_zone("aws", "nowhere-9z") is None
    assert CATALOGUE.region_of_zone("azure", "1") is None


def test_names_are_taken_as_apis_give_them():
    url = "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/machineTypes/a2-highgpu-2g"
    assert CATALOGUE.instance("gcp", url).accelerator.count == 2
    short = "projects/p/zones/us-central1-a/acceleratorTypes/nvidia-tesla-t4"
    assert CATALOGUE.attachable("gcp", short) == Accelerator("nvidia", "T4", 16, 1)
    assert CATALOGUE.instance("azure", "standard_NC6s_v3").name == "Standard_NC6s_v3"


def test_a_sagemaker_name_carries_what_the_ec2_type_behind_it_carries():
    assert (
        CATALOGUE.instance("aws", "ml.g5.12xlarge").accelerator == CATALOGUE.instance("aws", "g5.12xlarge").accelerator
    )
    listed = CATALOGUE.quote("aws", "ml.g5.xlarge", "us-west-2")
    assert (listed.amount, listed.derived) == (Decimal("1.41"), False)
    derived = CATALOGUE.quote("aws", "ml.g5.xlarge", "eu-west-1")
    assert derived.derived
    assert derived.amount == Decimal("1.573986")  # 1.41 × 1.123 ÷ 1.006
    assert derived.as_of == CATALOGUE.quote("aws", "g5.xlarge", "eu-west-1").as_of  # the older of the two it rests on
    assert CATALOGUE.quote("aws", "ml.g5.16xlarge", "us-east-1").amount == Decimal("5.12")  # 4.096 × 1.25


def test_old_sagemaker_figures_are_not_in_the_catalogue():
    assert CATALOGUE.quote("aws", "ml.p5.48xlarge", "us-east-1").amount == Decimal("63.296")
    assert CATALOGUE.quote("aws", "ml.p4d.24xlarge", "us-east-1").amount < Decimal("26")


@pytest.mark.parametrize(
    ("name", "chips", "price"),
    [
        ("tpu-v5e", 1, "1.2"),
        ("v5litepod-8", 8, "9.6"),
        ("ct5lp-hightpu-4t", 4, "4.8"),
        ("v6e-16", 16, "43.2"),
        ("v4-8", 4, None),
    ],
)
def test_tpus_are_priced_by_the_chip(name, chips, price):
    device = CATALOGUE.instance("gcp", name).accelerator
    assert (device.kind, device.count) == ("tpu", chips)
    assert CATALOGUE.quote("gcp", name, "us-central1").amount == (Decimal(price) if price else None)


def test_tpu_names_that_count_cores_have_half_as_many_chips():
    assert CATALOGUE.instance("gcp", "v5p-8").accelerator.count == 4
    assert CATALOGUE.quote("gcp", "v3-8", "europe-west4").amount == Decimal("8.8")
    assert CATALOGUE.quote("gcp", "v3-32", "europe-west4").amount == Decimal("32")


@pytest.mark.parametrize(
    ("label", "model", "memory", "count"),
    [
        ("NVIDIA-A100-SXM4-80GB", "A100", 80, 1),
        ("NVIDIA-A100-SXM4-40GB", "A100", 40, 1),
        ("Tesla-T4", "T4", 16, 1),
        ("NVIDIA-L4-SHARED", "L4", 24, 1),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "A100", 40, 1 / 7),
        ("NVIDIA-H100-80GB-HBM3-MIG-3g.40gb", "H100", 80, 3 / 7),
        (
            "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb",
            "RTX PRO 6000",
            96,
            1 / 4,
        ),  # quarters, not sevenths
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-4g.96gb", "RTX PRO 6000", 96, 1),
        ("NVIDIA-B300-SXM6-AC", "B300", 270, 1),
        ("nvidia-l4", "L4", 24, 1),
        ("nvidia-tesla-a100", "A100", 40, 1),
        ("tpu-v5-lite-podslice", "TPU v5e", None, 1),
        ("l40s", "L40S", 48, 1),
    ],
)
def test_node_labels_name_an_accelerator(label, model, memory, count):
    device = CATALOGUE.gpu_product(label)
    assert (device.model, device.memory_gib) == (model, memory)
    assert device.count == pytest.approx(count)


def test_a_label_that_leaves_the_memory_open_names_nothing():
    assert CATALOGUE.gpu_product("a100") is None
    assert CATALOGUE.gpu_product("anything") is None


def test_a_slice_that_the_device_does_not_have_names_nothing():
    assert CATALOGUE.gpu_product("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-7g.96gb") is None
    assert CATALOGUE.gpu_product("Tesla-T4-MIG-1g.2gb") is None


@pytest.mark.parametrize(
    ("provider", "name", "accelerated"),
    [
        ("aws", "p5.48xlarge", True),
        ("aws", "p5.96xlarge", True),  # unknown size, known family
        ("aws", "p9.48xlarge", True),  # unknown family of letters that are all accelerated
        ("aws", "ml.g9.xlarge", True),
        ("aws", "m5.99xlarge", False),
        ("aws", "zz9.large", None),
        ("gcp", "a2-newgpu-1g", True),
        ("gcp", "n1-standard-3", False),
        ("gcp", "q7-standard-4", None),
        ("azure", "Standard_NC999_v9", True),
        ("azure", "Standard_L8s_v3", None),
    ],
)
def test_an_unknown_type_of_an_accelerated_family_is_told_from_an_unknown_family(provider, name, accelerated):
    assert CATALOGUE.is_accelerated_family(provider, name) is accelerated


def test_providers_of_a_name():
    assert CATALOGUE.providers_of("g5.xlarge") == ("aws",)
    assert CATALOGUE.providers_of("n1-standard-4") == ("gcp",)
    assert CATALOGUE.providers_of("nvidia-tesla-t4") == ("gcp",)
    assert CATALOGUE.providers_of("Standard_NC132ds_xl_RTXPRO6000BSE_v6") == ("azure",)  # a price without a shape
    assert CATALOGUE.providers_of("g5.xlagre") == ()


def test_custom_machine_types_state_their_shape():
    instance = CATALOGUE.instance("gcp", "n2-custom-6-12288")
    assert (instance.vcpu, instance.memory_gib) == (6, 12)


def test_storage_has_units_and_admits_weak_sources():
    quote = CATALOGUE.storage_quote("aws", "ebs.gp3", "us-east-1")
    assert (quote.amount, quote.unit) == (Decimal("0.08"), "GiB-month")
    assert "weak source" not in quote.note
    assert "weak source" in CATALOGUE.storage_quote("aws", "efs.standard", "us-east-1").note
    assert CATALOGUE.storage_quote("aws", "nat.gateway", "us-east-1").unit == "hour"
    elsewhere = CATALOGUE.storage_quote("aws", "ebs.gp3", "eu-west-1")
    assert elsewhere.reason is NoPrice.UNPRICED
    assert "us-east-1: 0.08" in elsewhere.note
    assert CATALOGUE.storage_quote("gcp", "filestore.basic_hdd", "us-central1").reason is NoPrice.UNPRICED


@pytest.mark.parametrize(
    ("provider", "item", "region", "amount", "unit"),
    [
        ("aws", "ebs.snapshot", "us-east-1", "0.05", "GiB-month"),
        ("aws", "ebs.gp3", "eu-central-1", "0.0952", "GiB-month"),
        ("aws", "nat.gateway", "ap-northeast-1", "0.062", "hour"),
        ("aws", "ip.public", "us-east-1", "0.005", "hour"),
        ("aws", "eks.control_plane", "us-east-1", "0.1", "hour"),
        ("aws", "eks.control_plane.extended", "us-east-1", "0.6", "hour"),
        ("aws", "lb.application.lcu", "us-east-1", "0.008", "LCU-hour"),
        ("aws", "fargate.vcpu", "us-east-1", "0.04048", "hour"),
        ("aws", "opensearch.r7g.large", "eu-central-1", "0.214", "hour"),
        ("aws", "elasticache.valkey.r7g.large", "us-east-1", "0.1752", "hour"),
        ("gcp", "disk.pd-ssd", "us-central1", "0.17", "GiB-month"),
        ("gcp", "disk.regional.pd-balanced", "europe-west4", "0.22", "GiB-month"),
        ("gcp", "disk.hyperdisk-balanced.iops", "us-central1", "0.005", "IOPS-month"),
        ("gcp", "disk.snapshot", "us-central1", "0.05", "GiB-month"),
        ("gcp", "gcs.nearline", "us-central1", "0.01", "GiB-month"),
        ("gcp", "gke.control_plane", "us-central1", "0.1", "hour"),
        ("gcp", "nat.data", "asia-east1", "0.045", "GiB"),
        ("gcp", "ip.external", "us-central1", "0.005", "hour"),
    ],
)
def test_services_have_prices_by_region_with_their_unit(provider, item, region, amount, unit):
    quote = CATALOGUE.storage_quote(provider, item, region)
    assert (quote.amount, quote.unit) == (Decimal(amount), unit)
    assert quote.source
    assert quote.as_of


@pytest.mark.parametrize("location", ["US", "us", "NAM4"])
def test_a_bucket_location_of_several_regions_has_its_own_price(location):
    quote = CATALOGUE.storage_quote("gcp", "gcs.standard", location)
    assert quote.region == location.lower()
    assert quote.amount > CATALOGUE.storage_quote("gcp", "gcs.standard", "us-central1").amount


def test_a_price_of_one_service_reads_no_other_file():
    catalogue = Catalogue(BUILTIN)
    catalogue.storage_quote("gcp", "gke.control_plane", "us-central1")
    assert {name for name in catalogue.store._tables if "services" in name} == {"gcp/services/gke.csv"}


# Regional prices of the general families


@pytest.mark.parametrize(
    ("item", "region", "amount"),
    [
        ("m5.large", "eu-west-1", "0.107"),
        ("c6i.xlarge", "eu-central-1", "0.194"),
        ("r6g.2xlarge", "us-west-2", "0.4032"),
        ("t3.medium", "ap-northeast-1", "0.0544"),
    ],
)
def test_a_general_type_in_another_region_follows_its_family(item, region, amount):
    quote = CATALOGUE.quote("aws", item, region)
    assert abs(quote.amount / Decimal(amount) - 1) < Decimal("0.003")
    assert quote.derived or "2025-03" in quote.as_of
    assert quote.source


def test_where_the_reference_size_is_not_listed_another_size_of_the_family_stands_for_it():
    store = CATALOGUE.store
    found = 0
    for family, reference in store.families("aws").items():
        for group in (family.rstrip("0123456789")[:1],):
            for item, rows in store.prices("aws", group).items():
                if item.partition(".")[0] != family or item == reference:
                    continue
                for region in rows.keys() - store.listed("aws", reference).keys():
                    quote = CATALOGUE.quote("aws", reference, region)
                    assert quote.derived
                    assert f"the factor of {item} in {region}" in quote.note
                    found += 1
    assert found > 50


def test_a_family_of_which_not_every_region_is_known_is_unpriced_there_not_refused():
    assert CATALOGUE.quote("aws", "r8g.large", "ap-south-2").reason is NoPrice.UNPRICED
    assert CATALOGUE.quote("aws", "p4d.24xlarge", "eu-west-3").reason is NoPrice.NOT_OFFERED_IN_REGION


@pytest.mark.parametrize("item", ["m6g.metal", "m7i.metal-24xl", "r5b.metal"])
def test_a_bare_metal_size_costs_what_the_size_with_as_many_cpus_costs(item):
    family = item.partition(".")[0]
    metal = CATALOGUE.instance("aws", item)
    alike = next(
        name
        for name in CATALOGUE.store.instances("aws", family[0])
        if name.startswith(f"{family}.") and "metal" not in name and CATALOGUE.instance("aws", name).vcpu == metal.vcpu
    )
    assert CATALOGUE.quote("aws", item, "us-east-1").amount == CATALOGUE.quote("aws", alike, "us-east-1").amount


# Committed capacity


@pytest.mark.parametrize(
    ("provider", "item", "region", "term", "amount", "note"),
    [
        ("aws", "g5.xlarge", "us-east-1", "", "0.63378", "1 year, no upfront"),
        ("aws", "m5.large", "us-east-1", "1 year", "0.056393", "1 year, all upfront"),
        ("gcp", "a2-highgpu-1g", "us-central1", "1 year", "2.314207", "1 year, monthly"),
        ("gcp", "a2-highgpu-1g", "us-central1", "3 years", "1.285708", "3 years, monthly"),
    ],
)
def test_a_reserved_price_is_listed_with_its_term_and_payment(provider, item, region, term, amount, note):
    quote = CATALOGUE.quote(provider, item, region, Purchase.RESERVED, term)
    assert quote.amount == Decimal(amount)
    assert quote.amount < CATALOGUE.quote(provider, item, region).amount
    assert quote.term == (term or "1 year")
    assert note in quote.note
    assert not quote.derived


def test_a_capacity_block_is_priced_where_aws_sells_them_and_dated():
    quote = CATALOGUE.quote("aws", "p5e.48xlarge", "us-east-2", Purchase.CAPACITY_BLOCK)
    assert (quote.amount, quote.as_of) == (Decimal("47.76"), "2026-07-22")
    assert CATALOGUE.quote("aws", "p5e.48xlarge", "us-east-2").reason is NoPrice.RESERVATION_ONLY
    elsewhere = CATALOGUE.quote("aws", "p4d.24xlarge", "eu-west-1", Purchase.CAPACITY_BLOCK)
    assert elsewhere.reason is NoPrice.UNPRICED
    assert "us-east-1, us-east-2, us-west-2" in elsewhere.note


@pytest.mark.parametrize(
    ("provider", "item", "region", "purchase", "term"),
    [
        ("aws", "p5.48xlarge", "us-east-1", Purchase.RESERVED, ""),
        ("aws", "g5.xlarge", "us-east-1", Purchase.RESERVED, "3 years"),
        ("aws", "g5.xlarge", "us-east-1", Purchase.RESERVED, "5 years"),
        ("aws", "g5.xlarge", "us-east-1", Purchase.CAPACITY_BLOCK, ""),
        ("aws", "ml.g5.xlarge", "us-east-1", Purchase.RESERVED, ""),
        ("gcp", "tpu-v5e", "us-central1", Purchase.RESERVED, ""),
    ],
)
def test_committed_rates_that_no_source_lists_are_not_made_up(provider, item, region, purchase, term):
    quote = CATALOGUE.quote(provider, item, region, purchase, term)
    assert (quote.amount, quote.reason) == (None, NoPrice.UNPRICED)
    assert quote.note


# One device where the machine is not known


@pytest.mark.parametrize(("model", "memory"), [("H100", 80), ("A100", 40), ("A100", 80), ("L4", 24), ("T4", 16)])
def test_a_device_without_a_known_machine_has_a_range_over_all_clouds(model, memory):
    quote = CATALOGUE.gpu_hour(Accelerator("nvidia", model, memory, 8))
    assert quote.low < quote.amount < quote.high
    assert quote.derived
    assert (quote.provider, quote.region, quote.unit) == ("any", None, "hour")
    assert "median of" in quote.note
    assert quote.source
    assert quote.as_of


def test_the_cheapest_device_is_the_one_that_the_comparison_starts_with():
    from spendgate.prices.compare import compare

    offers = [offer for offer in compare("H100x8", purchase="on_demand").offers if not offer.attached]
    quote = CATALOGUE.gpu_hour(Accelerator("nvidia", "H100", 80, 1))
    assert quote.low <= offers[0].each


def test_a_model_that_nobody_sells_on_demand_has_no_reference_price():
    assert CATALOGUE.gpu_hour(Accelerator("nvidia", "GB300", 279, 1)) is None


# A user's catalogue over ours


def _overlay(directory: Path, file: str, text: str) -> Catalogue:
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    sources = directory / "sources.csv"
    sources.write_text("id,as_of,strength,where,what\nours,2026-11-01,strong,contract 4711,private prices\n")
    return Catalogue.with_user(directory)


def test_a_users_price_wins_over_ours_and_leaves_the_rest(tmp_path: Path):
    catalogue = _overlay(
        tmp_path,
        "aws/prices/p.csv",
        "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\np5.48xlarge,us-east-1,40.00\n",
    )
    quote = catalogue.quote("aws", "p5.48xlarge", "us-east-1")
    assert (quote.amount, quote.as_of) == (Decimal("40.00"), "2026-11-01")
    assert quote.source == f"contract 4711 ({tmp_path}/aws/prices/p.csv)"
    assert catalogue.quote("aws", "p4d.24xlarge", "us-east-1").amount == Decimal("21.957642")


def test_a_users_price_holds_even_for_what_the_public_cannot_buy_on_demand(tmp_path: Path):
    catalogue = _overlay(
        tmp_path,
        "gcp/prices/a4.csv",
        "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\na4-highgpu-8g,us-central1,90\n",
    )
    assert catalogue.quote("gcp", "a4-highgpu-8g", "us-central1").amount == Decimal(90)
    assert catalogue.quote("gcp", "a4-highgpu-8g", "us-east4").reason is NoPrice.RESERVATION_ONLY


@pytest.mark.parametrize(
    ("text", "complaint", "line"),
    [
        ("# unit: hour\nitem,region\n", "column on_demand", 2),
        (
            "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\np5.48xlarge,us-east-1\n",
            "2 values for 3",
            5,
        ),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text, complaint, line):
    catalogue = _overlay(tmp_path, "aws/prices/p.csv", text)
    with pytest.raises(InputError) as caught:
        catalogue.quote("aws", "p5.48xlarge", "us-east-1")
    assert complaint in str(caught.value)
    assert caught.value.place.line == line


def test_a_figure_that_is_no_number_is_an_input_error(tmp_path: Path):
    head = "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\n"
    catalogue = _overlay(tmp_path, "aws/prices/p.csv", f"{head}p5.48xlarge,us-east-1,cheap\n")
    with pytest.raises(InputError, match="cheap"):
        catalogue.quote("aws", "p5.48xlarge", "us-east-1")


@pytest.mark.parametrize("figure", ["-1", "0", "nan"])
def test_a_figure_that_is_not_above_zero_is_told_with_its_row(tmp_path: Path, figure: str):
    head = "# source: ours\n# unit: hour\n# currency: USD\nitem,region,on_demand\n"
    catalogue = _overlay(tmp_path, "aws/prices/p.csv", f"{head}p5.48xlarge,us-east-1,{figure}\n")
    with pytest.raises(InputError) as caught:
        catalogue.quote("aws", "p5.48xlarge", "us-east-1")
    assert str(caught.value) == f'{tmp_path}/aws/prices/p.csv:5: "{figure}" is no price (p5.48xlarge, us-east-1)'


@given(st.sampled_from(["aws", "gcp", "azure", "moon"]), st.text(max_size=30), st.text(max_size=20) | st.none())
def test_no_name_whatever_makes_a_look_up_fail(provider, name, region):
    catalogue = Catalogue(BUILTIN)
    catalogue._suggestions[(name, provider)] = None  # the suggestion is slow and has a test of its own
    quote = catalogue.quote(provider, name, region)
    assert (quote.amount is None) == (quote.reason is not None)
    catalogue.instance(provider, name)
    catalogue.attachable(provider, name)
    catalogue.gpu_product(name)
    catalogue.is_accelerated_family(provider, name)


def test_a_look_up_reads_only_the_files_it_needs():
    catalogue = Catalogue(BUILTIN)
    catalogue.instance("aws", "g5.xlarge")
    catalogue.quote("aws", "g5.xlarge", "eu-west-1")
    read = {name for name in catalogue.store._tables if "/" in name}
    assert read <= {"aws/instances/g.csv", "aws/prices/g.csv", "aws/regions.csv", "aws/availability.csv"}


def test_the_price_path_imports_nothing_heavy():
    code = "import sys; from spendgate.prices import command, text; text.to_text(command.lookup('g5.xlarge'), False); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pulumi", "grpc", "google.protobuf", "rich", "jsonschema", "ruamel.yaml", "celpy"} & set(modules)
