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
        ("aws", "m5.large", "eu-west-1", NoPrice.UNPRICED),
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
    quote = CATALOGUE.quote("aws", "m5.large", "eu-west-1")
    assert quote.amount is None
    assert "us-east-1: 0.096 USD" in quote.note


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
    assert "weak source" in quote.note
    assert CATALOGUE.storage_quote("aws", "nat.gateway", "us-east-1").unit == "hour"
    elsewhere = CATALOGUE.storage_quote("aws", "ebs.gp3", "eu-west-1")
    assert elsewhere.reason is NoPrice.UNPRICED
    assert "us-east-1: 0.08" in elsewhere.note
    assert CATALOGUE.storage_quote("gcp", "disk.pd-ssd", "us-central1").reason is NoPrice.UNPRICED


def test_reserved_and_capacity_block_rates_are_not_made_up():
    for purchase in (Purchase.RESERVED, Purchase.CAPACITY_BLOCK):
        assert CATALOGUE.quote("aws", "p5.48xlarge", "us-east-1", purchase).reason is NoPrice.UNPRICED


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
